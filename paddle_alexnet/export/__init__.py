"""A trained net as a folder for fast inference: written, checked, and opened again."""
