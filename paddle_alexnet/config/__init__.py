"""What a run is told: the keys, and reading them."""
