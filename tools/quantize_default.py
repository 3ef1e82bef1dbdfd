"""Make the integer graph beside a weights file, for ``--precision int8``; run it whenever the weights change.

    python tools/quantize_default.py --photos DUTS_class/images --hold-out tools/held_out.txt

Ranges are taken on photos of the folder and its groups, evenly spaced by name, so that the same photos and weights give
the same graph. Prints how near its features are to those in float32 on as many other photos.
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor

import cosod
from cosod import models
from cosod.inference.backends.integer_steps import SUFFIX, IntegerSteps
from cosod.inference.backends.quantization import quantized
from cosod.io.atomic_write import whole
from cosod.io.photo_groups import find_groups
from cosod.io.tensors import to_batch
from cosod.models import registry
from cosod.models.base import CoSaliencyNetwork

BATCH = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--weights", type=Path, default=registry.weights_file("gconet_plus_mobile"))
    parser.add_argument("--photos", type=Path, required=True, help="folder of photos, or of groups of them")
    parser.add_argument("--hold-out", type=Path, help="file with names of groups that are left alone")
    parser.add_argument("--number", type=int, default=96, help="photos that ranges are taken on")
    parser.add_argument("-o", "--output", type=Path, help="by default beside the weights, where int8 looks for it")
    args = parser.parse_args()
    held = set(args.hold_out.read_text().split()) if args.hold_out else set()
    photos = [path for group in find_groups([args.photos]) if group.name not in held for path in group.images]
    network = models.load(args.weights)
    taken = spaced(photos, 2 * args.number)
    graph = quantized(network, batches(network, taken[::2]))
    output = args.output or args.weights.with_suffix(SUFFIX)
    with whole(output) as temporary:
        temporary.write_bytes(graph)
    print(f"{output}: {len(graph) / 1e6:.2f} MB")
    for name, value in nearness(network, graph, batches(network, taken[1::2])).items():
        print(f"cosine of {name} with float32: {value:.4f}")


def spaced(items: list, number: int) -> list:
    """``number`` items from the whole list, all of a shorter one."""
    return items if len(items) <= number else [items[index * len(items) // number] for index in range(number)]


def batches(network: CoSaliencyNetwork, photos: list[Path]) -> list[Tensor]:
    """The photos as the network takes them, in batches of one shape."""
    parts = cosod.Detector(network, "cpu").inputs(photos).batches(BATCH)
    return [to_batch([image for _, image in part], network.mean, network.std) for part in parts]


@torch.inference_mode()
def nearness(network: CoSaliencyNetwork, graph: bytes, images: list[Tensor]) -> dict[str, float]:
    """Mean cosine of each feature with the exact one, over images."""
    steps = IntegerSteps(network, network.size, graph)
    found: dict[str, list[Tensor]] = {}
    for batch in images:
        exact, integer = (
            {**{f"skip {n}": skip for n, skip in enumerate(f.skips, 1)}, "descriptors": f.deep}
            for f in (network.encode(batch), steps.encode(batch))
        )
        for name, feature in exact.items():
            found.setdefault(name, []).append(torch.cosine_similarity(feature.flatten(1), integer[name].flatten(1)))
    return {name: float(torch.cat(values).mean()) for name, values in found.items()}


if __name__ == "__main__":
    main()
