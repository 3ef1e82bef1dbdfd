"""The allowed values of options with a fixed set of choices.

Each set is also defined in the module that uses it. It is repeated here because importing that module would slow down
``--help``. A test checks that both definitions are equal.
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
