"""Thumbnails of a group that show the object at the same size and place, and annotations for labeling tools."""
