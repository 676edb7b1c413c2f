"""Images for people: captions, grids and plots."""
