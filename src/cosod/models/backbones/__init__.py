"""Backbones: from images to features at several strides."""
