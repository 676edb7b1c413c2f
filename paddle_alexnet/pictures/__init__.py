"""Pictures for people: captions and grids."""
