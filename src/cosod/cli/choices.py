"""The closed sets of words that options take.

They stand here a second time, beside the modules that they belong to, because importing those would slow ``--help``
down; a test compares the two.
"""

RESULTS = ("maps", "masks", "overlays")
OUTLINES = ("map", "grabcut")
ABSENT = ("keep", "blank", "report")
RUNNERS = ("local", "ray")
CUTOUT_METHODS = ("grabcut", "threshold", "alpha")
CUTOUT_FORMATS = ("png", "webp", "jpg")
ALIGNMENTS = ("center", "bottom")
EDGES = ("extend", "inside")
LABELS = ("coco", "yolo")
LABEL_MASKS = ("none", "rle", "polygons")
EXPORT_FORMATS = ("onnx", "openvino", "torchscript")
INSPECTIONS = ("consensus", "attention", "activation", "decoder")
QUERY_FORMATS = ("json", "labelstudio", "cvat")
PROTOCOLS = ("papers", "pysodmetrics", "coseg", "f3net", "coseg-native", "coseg-ufo")
