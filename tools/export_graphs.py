"""Make the graphs beside the weights files of the package, with which commands start without PyTorch.

    python tools/export_graphs.py

Run it whenever the weights, the architecture or the options of decoding change; constants of presence and regions are
read from the weights file when a network is opened. Prints by how much the maps of the examples differ at most from
those of the network.
"""

import argparse
from pathlib import Path

import numpy as np

import cosod
from cosod import models
from cosod.inference.backends.packaged_graphs import packed
from cosod.inference.onnx_detector import OnnxDetector
from cosod.inference.onnx_graphs import SUFFIX
from cosod.io.atomic_write import whole
from cosod.io.photo_groups import find_groups
from cosod.models import registry
from cosod.models.checkpoints.packaged import ALIASES

EXAMPLES = Path(__file__).parents[1] / "examples" / "photos"


def main() -> None:
    argparse.ArgumentParser(description=__doc__.split("\n")[0]).parse_args()
    for name in ALIASES.values():
        weights = registry.weights_file(name)
        assert weights is not None  # aliases name networks whose weights come with the package
        output = weights.with_suffix(SUFFIX)
        archive = packed(models.load(weights))
        with whole(output) as temporary:
            temporary.write_bytes(archive)
        print(f"{output}: {len(archive) / 1000:.0f} kB, largest difference {difference(name):.1e}")


def difference(name: str) -> float:
    """The largest difference of any pixel of the maps of the examples."""
    pair = cosod.load(name, device="cpu"), OnnxDetector(name)
    found = 0.0
    for group in find_groups([EXAMPLES]):
        maps = ([result.map for result in detector.results(group.images)] for detector in pair)
        found = max(found, *(float(np.abs(one - other).max()) for one, other in zip(*maps, strict=True)))
    return found


if __name__ == "__main__":
    main()
