"""From files to batches: finding, decoding, changing and collecting pictures."""
