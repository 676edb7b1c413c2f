"""The configuration: its keys, reading and checking it, and what may change on resuming."""
