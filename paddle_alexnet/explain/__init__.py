"""A look inside a trained net: which places a decision rests on, and which images look alike."""
