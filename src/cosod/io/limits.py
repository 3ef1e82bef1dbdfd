"""Limits on the images that are read.

The module imports nothing, so that the command line can show the limits without loading the code that opens images.
"""

#: Images with more pixels are refused unless the caller raises the limit. As RGB, this many pixels take 600 MB.
MAX_PIXELS = 200_000_000
