"""Applications: results of folders, cut-outs and thumbnails (GCoNet section 6), albums, video, and a web page.

The runs of all of them can be resumed.
"""
