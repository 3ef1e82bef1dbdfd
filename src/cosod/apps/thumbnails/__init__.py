"""Thumbnails of a group that look alike, and annotations for labeling tools."""
