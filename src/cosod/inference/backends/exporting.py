"""A network as one model for other programs: the images of a group in, their maps out."""

from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from cosod.errors import InputError
from cosod.inference.backends.conversion import to_onnx, to_openvino, to_torchscript
from cosod.inference.backends.graphs import GroupModel, group_graph
from cosod.inference.backends.runtimes import OnnxRuntime, OpenVINO
from cosod.inference.probe_images import drawn_group
from cosod.io.atomic_write import whole
from cosod.io.tensors import shrink, to_batch
from cosod.models import registry
from cosod.models.base import CoSaliencyNetwork
from cosod.models.checkpoints import loading

FORMATS = ("onnx", "openvino", "torchscript")
#: Largest difference of a map from the network's own with which a file is kept.
TOLERANCE = 1e-3
#: File name endings by format.
SUFFIXES = {"onnx": (".onnx",), "openvino": (".xml",), "torchscript": (".pt", ".pth")}


class Exported(NamedTuple):
    """What was written.

    Attributes:
        files: one, or OpenVINO's two.
        deviation: largest difference of its maps from the network's own.
        metadata: metadata in the model.
    """

    files: tuple[Path, ...]
    deviation: float
    metadata: dict[str, str]


def export(network: CoSaliencyNetwork, path: Path, form: str, size: int | None = None) -> Exported:
    """Writes a network as a model that other programs can run without this package.

    Its input ``images`` is ``(N, 3, S, S)`` float32, one group of N >= 1 images, normalized; its output ``maps`` is
    ``(N, 1, S, S)`` in [0, 1]. Of a network that keeps the proportions of images, ONNX and OpenVINO models also take
    images ``(N, 3, H, W)`` whose sides are multiples of its stride (:func:`cosod.io.tensors.input_shape`). The whole
    group is compared at once: memory grows with the square of N. The file is run on groups of one, three and five
    images before it takes its name.

    Args:
        network: with weights.
        path: path of the file; of OpenVINO's two files the ``.xml``, beside which the ``.bin`` is written.
        form: one of :data:`FORMATS`.
        size: S; by default the network's.

    Raises:
        InputError: an unknown format, size or ending; a network that cannot be written so, or whose maps would come
            out otherwise.
        ExtraError: the format's package is missing.
        OutputError: the file cannot be written.
    """
    size = network.size if size is None else size
    check(path, form)
    network.check_size(size)
    network = network.eval().cpu()
    facts = describe(network, size, form)
    # Files are opened before the conversion, so that a folder that cannot be written is found out at once.
    if form == "openvino":
        second = path.with_suffix(".bin")
        # The weights take their name first: who sees the new .xml also finds them.
        with whole(path) as temporary, whole(second) as beside:
            xml, weights = to_openvino(group_graph(network, size, free=True), facts)
            temporary.write_bytes(xml)
            beside.write_bytes(weights)
            found = _verified(network, facts, path, OpenVINO(temporary, beside))
        return Exported((path, second), found, facts)
    make, run = {"onnx": (to_onnx, OnnxRuntime), "torchscript": (to_torchscript, _TorchScript)}[form]
    with whole(path) as temporary:
        temporary.write_bytes(make(group_graph(network, size, free="stride" in facts), facts))
        found = _verified(network, facts, path, run(temporary))
    return Exported((path,), found, facts)


def check(path: Path, form: str) -> None:
    """Raises InputError for an unknown format, or a file name that programs would not take for one of this format."""
    if form not in FORMATS:
        raise InputError(f"there is no format {form!r}; choose one of {', '.join(FORMATS)}")
    if path.suffix not in SUFFIXES[form]:
        raise InputError(f"{path}: give a name that ends in {SUFFIXES[form][0]} for the format {form}")
    if path.is_dir():
        raise InputError(f"{path} is a folder; give another name")


def describe(network: CoSaliencyNetwork, size: int, form: str) -> dict[str, str]:
    """Returns the metadata of a model: how to prepare its images, and where it comes from.

    Where the model takes images of other sides than ``size`` too, ``stride`` says what they are multiples of.
    """
    any_shape = network.keep_aspect and form != "torchscript"  # which is traced, with sides for constants
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
    """A TorchScript archive that runs."""

    def __init__(self, path: Path):
        self._module = torch.jit.load(path)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> list[Tensor]:
        return [self._module(images)]


@torch.no_grad()
def _verified(
    network: CoSaliencyNetwork, facts: dict[str, str], path: Path, run: Callable[[Tensor], list[Tensor]]
) -> float:
    """Returns the largest difference of a model's maps from the network's, on groups of three sizes and several shapes.

    Raises:
        InputError: it is larger than :data:`TOLERANCE`.
    """
    size, stride = int(facts["size"]), int(facts.get("stride", 0))
    reference = GroupModel(network, None if stride else size)
    shapes = [(size, size), *([(size, size + stride), (size + 2 * stride, size)] if stride else [])]
    drawn, *others = (
        to_batch([shrink(image, shape) for image in drawn_group()], network.mean, network.std) for shape in shapes
    )
    five = torch.cat([drawn, drawn.flip(3)[:2]])
    largest = 0.0
    for group in (drawn, five, drawn[:1], *others):
        try:
            (maps,) = run(group)
        except Exception as error:  # runtimes raise whatever their parts raise
            first = str(error).partition("\n")[0]
            raise InputError(
                f"{path} would not run for a group of {len(group)} images: {first}; take another format"
            ) from error
        wanted = reference(group)[0]
        found = float((maps - wanted).abs().max()) if maps.shape == wanted.shape else float("inf")
        if not found <= TOLERANCE:  # NaN too
            raise InputError(
                f"{path} would give other maps than the network for a group of {len(group)} images (largest "
                f"difference {found:.2g}, allowed {TOLERANCE}); take another format"
            )
        largest = max(largest, found)
    return largest
