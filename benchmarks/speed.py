"""How fast the networks are on ready images, and how much faster than the straightforward version.

    python benchmarks/speed.py
    python benchmarks/speed.py --models gconet_plus --backends torch --precisions float32 bfloat16 --groups 5 20
    python benchmarks/speed.py --device cuda -o benchmarks/RESULTS.md

Each line is a process of its own, so that its peak memory is its own, PyTorch itself (some 0.3 GB) included; on a GPU
it is what PyTorch took there. The lines of one model and group size take turns, best of ``--runs``, and the last column
is how many times faster than the straightforward version (see ``straightforward.py``) of the same turns. Measured is a
whole group from normalized images to maps as ``Detector`` does it: encoded in batches, the consensus (of a large group
by references, see ``cosod.inference.reference_sampling``), decoded in batches, and encoded again what exceeds the
features that it keeps. Backend ``eager`` stands between the two: the network called once on the whole group, channels
last, bfloat16 by autocast. Weights do not matter for speed: those in the package are taken, and random ones elsewhere.
What cannot be had here (a package, a precision) is left out.
"""

import argparse
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from lines import Found, Line, measure
from machine import cores, heading
from results import table, write_section
from straightforward import Straightforward
from torch import Tensor

from cosod.errors import InputError
from cosod.inference.cpu_fusion import prefer_kept_memory
from cosod.inference.detector import Detector
from cosod.inference.device import choose_device
from cosod.inference.feature_cache import EncodedGroup
from cosod.inference.precision import DTYPES
from cosod.io.prefetch import Inputs
from cosod.models import registry
from cosod.models.base import CoSaliencyNetwork, Features
from cosod.models.checkpoints import loading

MODELS = ("gconet", "gconet_plus", "gconet_plus_mobile")
BACKENDS = ("eager", "torch", "onnxruntime", "openvino")
PRECISIONS = ("float32", "bfloat16")
COLUMNS = ("model", "backend", "precision", "group", "images/s", "ms an image", "peak memory", "times as fast")
#: The backend of the line that the others are compared with.
PLAIN = "straightforward"
#: The backend of the line in which torch is left to itself.
EAGER = "eager"


@dataclass(frozen=True)
class Case:
    """One line: which network, by what, on how many images ``(size, size)``."""

    model: str
    backend: str
    precision: str
    images: int
    size: int
    device: str
    second_pass: bool


def make_network(model: str) -> CoSaliencyNetwork:
    """The network with its packaged weights, or with random ones where there are none."""
    if registry.weights_file(model):
        return loading.load(model)
    torch.manual_seed(0)
    return registry.create(model).eval()


def prepare(case: Case) -> Callable[[], tuple[float, int | None]]:
    """What to call for one run: seconds, and the most bytes taken on the GPU so far, or None on the CPU."""
    device = choose_device(case.device)
    images = torch.randn(case.images, 3, case.size, case.size, generator=torch.Generator().manual_seed(0))
    network = make_network(case.model)
    if case.backend == PLAIN:
        plain, images = Straightforward(network, device, case.second_pass), images.to(device)
        return lambda: _timed(lambda: plain(images), device)
    if case.backend == EAGER:
        if case.precision not in DTYPES:
            raise InputError(f"backend {EAGER} computes by autocast only; leave precision {case.precision!r} out")
        # PyTorch documents memory_format, but its stubs do not know it.
        network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        images = images.to(device, memory_format=torch.channels_last)
        return lambda: _timed(lambda: called(network, images, case.precision), device)
    prefer_kept_memory()  # as the command line does
    detector = Detector(network, case.device, case.size, precision=case.precision, backend=case.backend)
    ready = Ready(images.to(device), case.images)
    return lambda: _timed(lambda: list(group_maps(detector, ready)), device)


@torch.inference_mode()
def called(network: CoSaliencyNetwork, images: Tensor, precision: str) -> Tensor:
    """Maps of one group ``(N, 3, S, S)`` by one call of the network."""
    with torch.autocast(images.device.type, getattr(torch, precision), enabled=precision != "float32"):
        return network(images).maps if len(images) else images


class Ready:
    """Images of a group that need no reading: what :class:`cosod.inference.feature_cache.EncodedGroup` asks of its
    inputs.

    Args:
        images: normalized, ``(n, 3, S, S)``; where the group has more, they come again and again.
        count: images of the group.
    """

    def __init__(self, images: Tensor, count: int):
        self.images, self.count, self.size = images.split(1), count, images.shape[-1]
        self.failed: set[int] = set()

    def __len__(self) -> int:
        return self.count

    def read(self, indices: Sequence[int], strict: bool = False) -> Iterator[tuple[int, Tensor]]:
        """Index and image ``(1, 3, S, S)``, in order."""
        for index in indices:
            yield index, self.images[index % len(self.images)]


def group_maps(detector: Detector, inputs: Ready) -> Iterator[Tensor]:
    """Maps ``(n, 1, S, S)`` of one group, batch by batch, by the detector's own steps and bounds."""

    def encode(images: list[Tensor]) -> Features:
        return detector.forward.steps.encode(torch.cat(images).contiguous(memory_format=torch.channels_last))

    # It hands images on as they are, so that tensors do as well as the pixels of photos.
    group, of_images = cast(Inputs, inputs), cast(Callable[[list[np.ndarray]], Features], encode)
    encoded = EncodedGroup(group, of_images, detector.batch, detector.options.feature_bytes)
    for part in detector.pipeline.maps(encoded, detector.pipeline.consensus(encoded)):
        yield part.maps


def _timed(work: Callable[[], object], device: torch.device) -> tuple[float, int | None]:
    on_gpu = device.type == "cuda"
    if on_gpu:
        torch.cuda.synchronize(device)
    start = time.perf_counter()
    work()
    if on_gpu:
        torch.cuda.synchronize(device)
    return time.perf_counter() - start, torch.cuda.max_memory_allocated(device) if on_gpu else None


def rows_of(cases: list[Case], found: list[Found | None]) -> list[list[str]]:
    """Rows of the table for one model and group size."""
    best = {case: min(seconds for seconds, _ in line.rounds) for case, line in zip(cases, found, strict=True) if line}
    plain = next((seconds for case, seconds in best.items() if case.backend == PLAIN), None)
    rows = []
    for case, line in zip(cases, found, strict=True):
        if line is None:
            continue
        seconds, memory = best[case], line.rounds[-1][1] or line.memory
        times = f"{plain / seconds:.2f}" if plain else "-"
        figures = [f"{case.images / seconds:.1f}", f"{1000 * seconds / case.images:.2f}", f"{memory / 1e9:.2f} GB"]
        rows.append([case.model, case.backend, case.precision, str(case.images), *figures, times])
    return rows


def line_of(case: Case) -> Line:
    """The line of a case."""
    title = f"{case.model} {case.backend} {case.precision}"
    return Line(f"{title}, {case.images} images" if case.images else title, prepare, case)


def usable(cases: list[Case], threads: int | None) -> list[Case]:
    """The cases that can be had here, tried one after the other with no images.

    This also converts networks for other runtimes, which is done once and is not to count as memory of later runs.
    """
    return [case for case in cases if measure([line_of(case)], 0, threads)[0] is not None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--backends", nargs="+", default=BACKENDS)
    parser.add_argument("--precisions", nargs="+", default=PRECISIONS)
    parser.add_argument("--groups", nargs="+", type=int, default=[5, 20, 100], help="group sizes")
    parser.add_argument("--size", type=int, default=256, help="side of the images")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, help="of the CPU; all cores by default")
    parser.add_argument("--runs", type=int, default=3, help="the best counts")
    parser.add_argument("--single-pass", action="store_true", help="straightforward version without its second pass")
    parser.add_argument("-o", "--output", type=Path, help="also put the table into this Markdown file")
    parser.add_argument("--section", help="name of its section there; by default speed and the device")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as cache:
        # Networks with random weights need not stay in the user's cache.
        os.environ["COSOD_CACHE"] = cache
        for model in options.models:
            plain = Case(model, PLAIN, "float32", 0, options.size, options.device, not options.single_pass)
            ours = itertools.product(options.backends, options.precisions)
            cases = usable([plain, *(replace(plain, backend=b, precision=p) for b, p in ours)], options.threads)
            for images in options.groups:
                group = [replace(case, images=images) for case in cases]
                rows += rows_of(group, measure([line_of(case) for case in group], options.runs, options.threads))
                print(f"{model}, {images} images: done", file=sys.stderr, flush=True)
    if not rows:
        raise SystemExit("nothing could be measured; the reasons are above")
    text = "\n\n".join([heading(["python", *sys.argv], options.device), table(COLUMNS, rows, words=3), note(options)])
    print(text)
    if options.output:
        write_section(options.output, options.section or f"speed {options.device}", f"Network, {options.device}", text)


def note(options: argparse.Namespace) -> str:
    """What the figures of the table are."""
    threads = "" if options.device.startswith("cuda") else f", {options.threads or cores()} threads"
    second = "" if options.single_pass else " and, but for GCoNet, the encoder once more on the masked images"
    eager = " Eager: torch left to itself, channels last, bfloat16 by autocast." if EAGER in options.backends else ""
    return (
        f"Images of {options.size} x {options.size}{threads}, best of {options.runs} runs. Straightforward: float32, "
        f"NCHW, the whole group in one batch, the whole affinity matrix{second}.{eager}"
    )


if __name__ == "__main__":
    main()
