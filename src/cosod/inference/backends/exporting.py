"""Export of a network as one model for other programs, from the images of a group to their maps."""

from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from cosod.errors import InputError
from cosod.inference.backends.conversion import TOLERANCE, to_onnx, to_openvino, to_torchscript
from cosod.inference.backends.graphs import GroupModel, group_graph
from cosod.inference.backends.runtimes import OnnxRuntime, OpenVINO
from cosod.inference.probe_images import drawn_batch
from cosod.io.atomic_write import whole
from cosod.models import registry
from cosod.models.base import CoSaliencyNetwork
from cosod.models.checkpoints import loading

FORMATS = ("onnx", "openvino", "torchscript")
#: Suffixes by format.
SUFFIXES = {"onnx": (".onnx",), "openvino": (".xml",), "torchscript": (".pt", ".pth")}


class Exported(NamedTuple):
    """Result of an export.

    Attributes:
        files: written files; two for OpenVINO, otherwise one.
        deviation: largest difference of the maps from those of the network.
        metadata: metadata in the model.
    """

    files: tuple[Path, ...]
    deviation: float
    metadata: dict[str, str]


def export(network: CoSaliencyNetwork, path: Path, form: str, size: int | None = None) -> Exported:
    """Writes a network as a model that other programs can run without this package.

    Its input ``images`` is ``(N, 3, S, S)`` float32, one group of N >= 1 images, normalized; its output ``maps`` is
    ``(N, 1, S, S)`` in [0, 1]. If the network keeps the proportions of images, ONNX and OpenVINO models also take
    images ``(N, 3, H, W)`` whose sides are multiples of its stride (:func:`cosod.io.resizing.input_shape`). The whole
    group is compared at once, so that memory grows with the square of N. The model is tested on groups of one, three
    and five images before the file gets its name.

    Args:
        network: network with weights.
        path: path of the file; for OpenVINO that of the ``.xml`` file, beside which the ``.bin`` file is written.
        form: one of :data:`FORMATS`.
        size: side S of the images; by default that of the network.

    Raises:
        InputError: the format, the size or the suffix is invalid; or the network cannot be converted, or not without
            changing its maps.
        ExtraError: the package of the format is missing.
        OutputError: the file cannot be written.
    """
    size = network.size if size is None else size
    check(path, form)
    network.check_size(size)
    network = network.eval().cpu()
    facts = describe(network, size, form)
    # Files are opened before the conversion, so that a folder without write permission is noticed at once.
    if form == "openvino":
        second = path.with_suffix(".bin")
        # The weights get their name first, so that they exist when the .xml file appears.
        with whole(path) as temporary, whole(second) as beside:
            xml, weights = to_openvino(group_graph(network, size, free=True), facts)
            temporary.write_bytes(xml)
            beside.write_bytes(weights)
            found = _verified(network, facts, path, OpenVINO(temporary, beside))
        return Exported((path, second), found, facts)
    run: type[OnnxRuntime | _TorchScript]
    make, run = (to_onnx, OnnxRuntime) if form == "onnx" else (to_torchscript, _TorchScript)
    with whole(path) as temporary:
        temporary.write_bytes(make(group_graph(network, size, free="stride" in facts), facts))
        found = _verified(network, facts, path, run(temporary))
    return Exported((path,), found, facts)


def check(path: Path, form: str) -> None:
    """Raises InputError for an unknown format, or for a file name without a suffix of the format."""
    if form not in FORMATS:
        raise InputError(f"there is no format {form!r}; choose one of {', '.join(FORMATS)}")
    if path.suffix not in SUFFIXES[form]:
        raise InputError(f"{path}: give a name that ends in {SUFFIXES[form][0]} for the format {form}")
    if path.is_dir():
        raise InputError(f"{path} is a folder; give another name")


def describe(network: CoSaliencyNetwork, size: int, form: str) -> dict[str, str]:
    """Returns the metadata of a model: its origin, and how to prepare images.

    If the model also takes images with other sides than ``size``, the sides must be multiples of the entry ``stride``.
    """
    any_shape = network.keep_aspect and form != "torchscript"  # TorchScript is traced, with the sides as constants
    return {
        "model": registry.name_of(network),
        "identity": loading.identity(network),
        "size": str(size),
        "mean": " ".join(map(str, network.mean)),
        "std": " ".join(map(str, network.std)),
        "channels": "RGB",
        **({"stride": str(network.stride)} if any_shape else {}),
        "cosod": metadata.version("cosod"),
    }


class _TorchScript:
    """A runtime for TorchScript archives."""

    def __init__(self, path: Path):
        self._module = torch.jit.load(path)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> list[Tensor]:
        return [self._module(images)]


@torch.no_grad()
def _verified(
    network: CoSaliencyNetwork, facts: dict[str, str], path: Path, run: Callable[[Tensor], list[Tensor]]
) -> float:
    """Returns the largest difference of the maps from those of the network, on groups of several sizes and shapes.

    Raises:
        InputError: the difference is larger than :data:`~cosod.inference.backends.conversion.TOLERANCE`.
    """
    size, stride = int(facts["size"]), int(facts.get("stride", 0))
    reference = GroupModel(network, None if stride else size)
    shapes = [(size, size), *([(size, size + stride), (size + 2 * stride, size)] if stride else [])]
    drawn, *others = (drawn_batch(network, shape) for shape in shapes)
    five = torch.cat([drawn, drawn.flip(3)[:2]])
    largest = 0.0
    for group in (drawn, five, drawn[:1], *others):
        try:
            (maps,) = run(group)
        except Exception as error:  # runtimes raise errors of many kinds
            first = str(error).partition("\n")[0]
            raise InputError(
                f"{path} would not run for a group of {len(group)} images: {first}; take another format"
            ) from error
        wanted = reference(group)[0]
        found = float((maps - wanted).abs().max()) if maps.shape == wanted.shape else float("inf")
        if not found <= TOLERANCE:  # also for NaN
            raise InputError(
                f"{path} would give other maps than the network for a group of {len(group)} images (largest "
                f"difference {found:.2g}, allowed {TOLERANCE}); take another format"
            )
        largest = max(largest, found)
    return largest
