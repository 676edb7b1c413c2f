"""A page and an interface over HTTP that classify images."""
