"""The process: CPU settings, device, distributed training, signals."""
