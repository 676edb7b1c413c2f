"""From a normalised batch to logits."""
