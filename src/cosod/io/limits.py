"""Bounds on what is read; they stand by themselves, so that the command line knows them without opening an image."""

#: Images of more pixels are refused unless the caller raises the limit (600 MB as RGB).
MAX_PIXELS = 200_000_000
