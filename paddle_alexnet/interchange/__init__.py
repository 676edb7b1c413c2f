"""Weights from and for other projects: from a file to named arrays to a net's, and back."""
