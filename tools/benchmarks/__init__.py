"""Benchmarks of ``tools/benchmark.py``: what is timed with Paddle and torch, and how."""
