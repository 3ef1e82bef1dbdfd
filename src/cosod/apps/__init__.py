"""What people do with maps: results of folders, cut-outs and thumbnails (GCoNet section 6), albums, video, a web page.

All of them go on where an earlier run was stopped.
"""
