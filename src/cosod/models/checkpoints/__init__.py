"""Weights files of this package, and checkpoints of the published code."""
