"""What a run writes: its directory, metrics, terminal lines and board log."""
