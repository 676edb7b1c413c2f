"""From files to batches: listing, decoding, augmenting and batching images."""
