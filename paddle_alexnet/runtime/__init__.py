"""The process: its processor, its device, its signals."""
