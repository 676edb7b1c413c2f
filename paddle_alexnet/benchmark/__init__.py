"""Measuring speed: things to time, of Paddle and of torch, and timing them in turn."""
