"""Applications: segmenting folders, cut-outs and thumbnails (GCoNet section 6), albums, video, and a web page.

Stopped runs of the commands that write results for folders can be resumed.
"""
