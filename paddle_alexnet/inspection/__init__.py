"""What a data set holds, seen before training: counts, sizes, near-duplicates, sheets of images."""
