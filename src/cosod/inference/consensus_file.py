"""Saved consensuses, which are learned from a group, saved to a file, and applied to other images later."""

import hashlib
import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from cosod.errors import ImageError, InputError
from cosod.io.atomic_write import whole
from cosod.io.file_names import text_path
from cosod.io.images import ImageSource, read_levels
from cosod.io.levels import marked
from cosod.io.other_kinds import other_kind_of

if TYPE_CHECKING:
    from cosod.models.base import Consensus

#: Version of the format; it is increased when earlier versions of the package cannot read the files. A consensus
#: without negatives is written in version 1.
FORMAT = 2
KEY = "cosod_consensus"
ARRAYS = ("vector", "prototype")


@dataclass(frozen=True)
class Provenance:
    """The origin of a consensus: the network, and the images that it was learned from.

    Attributes:
        model: registered name of the network.
        weights: hash of its configuration and weights, see :func:`cosod.models.checkpoints.loading.identity`.
        size: side of a square with as many pixels as the images were resized to.
        images: number of images that it was learned from.
        marked: number of these images that had a mask.
        references: effective number of images, given their weights.
        presence_mean, presence_std: mean and standard deviation of the presence scores of these images, if any.
        negatives: number of negative photos.
    """

    model: str
    weights: str
    size: int
    images: int
    marked: int = 0
    references: float = 1.0
    presence_mean: float | None = None
    presence_std: float | None = None
    negatives: int = 0

    def __post_init__(self):
        kinds = {"model": str, "weights": str, "size": int, "images": int, "marked": int, "negatives": int}
        wrong = [name for name, kind in kinds.items() if not isinstance(getattr(self, name), kind)]
        numbers = (self.references, self.presence_mean or 0, self.presence_std or 0)
        if wrong or not all(isinstance(n, int | float) and math.isfinite(n) for n in numbers) or self.references < 1:
            raise ValueError(f"wrong values: {', '.join(wrong) or 'references or presence'}")


@dataclass(frozen=True, eq=False)
class GroupConsensus:
    """What the images of a group share, as :meth:`cosod.Detector.learn` returns it.

    Attributes:
        vector: the consensus, ``(V,)`` float32; most networks multiply features by it.
        prototype: mean of F under the attention, ``(C,)``, with which images are compared for their presence scores.
        provenance: origin of the consensus.
        negatives: unit vectors ``(M, C)`` of what the object is not, see :mod:`cosod.inference.negatives`; None if
            there are none.
        classifier: classifier of positions, ``(C + 2,)``, see :mod:`cosod.inference.position_classifier`; None if there
            is none.
    """

    vector: np.ndarray
    prototype: np.ndarray
    provenance: Provenance
    negatives: np.ndarray | None = None
    classifier: np.ndarray | None = None

    def alone(self) -> "Consensus":
        """Returns the consensus for a network that segments images separately, with ``vector`` as ``(1, V, 1, 1)``."""
        import torch

        from cosod.models.base import Consensus

        return Consensus(torch.from_numpy(self.vector)[None, :, None, None])

    def check_origin(self, identity: tuple[str, str], size: int, name: str = "the consensus") -> None:
        """Checks that the consensus was learned with a network.

        Args:
            identity: registered name of the network, and a hash of its configuration and weights.
            size: working size.
            name: name of the consensus in messages.

        Raises:
            InputError: it was learned with another network, other weights or another size.
        """
        known = self.provenance
        if (known.model, known.weights) != identity:
            raise InputError(
                f"{name} was learned with {known.model} (weights {known.weights}), this is {identity[0]} (weights "
                f"{identity[1]}), and features of two networks do not compare; take that model, or learn it again"
            )
        if known.size != size:
            raise InputError(f"{name} was learned at {known.size} pixels, this is {size}; give size {known.size}")

    @property
    def fingerprint(self) -> str:
        """Short hash of the content."""
        data = b"".join(array.tobytes() for array in self._arrays().values())
        return hashlib.sha256(data + repr(self.provenance).encode()).hexdigest()[:16]

    def _arrays(self) -> dict[str, np.ndarray]:
        named = {name: getattr(self, name) for name in (*ARRAYS, "negatives", "classifier")}
        return {name: array for name, array in named.items() if array is not None}

    def save(self, path: str | os.PathLike) -> None:
        """Writes the consensus to a file (safetensors with metadata), completely or not at all.

        Raises:
            OutputError: the file cannot be written.
        """
        provenance = asdict(self.provenance)
        if self.negatives is None:
            del provenance["negatives"]
        metadata = {KEY: "1" if self.negatives is None else str(FORMAT), "provenance": json.dumps(provenance)}
        with whole(path) as temporary:
            try:
                save_file({name: np.ascontiguousarray(a) for name, a in self._arrays().items()}, temporary, metadata)
            except SafetensorError as error:  # safetensors raises it for a full disk
                raise OSError(str(error)) from error

    @classmethod
    def load(cls, path: str | os.PathLike) -> "GroupConsensus":
        """Reads a file that :meth:`save` wrote.

        Raises:
            InputError: the file is missing, damaged, not a consensus, or of a newer format.
        """
        path = Path(path)
        if not path.is_file():
            raise InputError(f"{path}: no such consensus; make it with: cosod learn PHOTOS -o {path}")
        try:
            if (other := other_kind_of(path)) is not None:
                raise InputError(f"{path}: it is {other.what}; {other.way_out or 'give a file that cosod learn wrote'}")
            with text_path(path) as name, safe_open(name, framework="np") as file:
                metadata = file.metadata() or {}
                if KEY not in metadata:
                    raise InputError(f"{path} holds no consensus; make one with: cosod learn PHOTOS -o FILE")
                if int(metadata[KEY]) > FORMAT:
                    raise InputError(f"{path} has format {metadata[KEY]}, newer than this version reads; update cosod")
                provenance = Provenance(**json.loads(metadata.get("provenance") or metadata["facts"]))
                # Copied, because sums may be rounded differently with the memory alignment of the file.
                vector, prototype = (file.get_tensor(name).copy() for name in ARRAYS)
                negatives = file.get_tensor("negatives").copy() if provenance.negatives else None
                classifier = file.get_tensor("classifier").copy() if "classifier" in set(file.keys()) else None
            if not vector.ndim == prototype.ndim == 1 or not _usable(vector, prototype):
                raise ValueError("its vectors are not finite numbers")
            if negatives is not None and not (
                _usable(negatives) and negatives.shape == (max(1, len(negatives)), len(prototype))
            ):
                raise ValueError("its negatives are not vectors like its prototype")
            if classifier is not None and not (_usable(classifier) and classifier.shape == (len(prototype) + 2,)):
                raise ValueError("its classifier does not fit its prototype")
        except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
            raise InputError(f"{path}: damaged ({error}); learn the consensus again with cosod learn") from error
        return cls(vector, prototype, provenance, negatives, classifier)


def is_consensus(path: Path) -> bool:
    """Returns whether a file was written by :meth:`GroupConsensus.save`, in any version."""
    try:
        with text_path(path) as name, safe_open(name, framework="np") as file:
            return KEY in (file.metadata() or {})
    except (SafetensorError, OSError, ValueError):
        return False


def _usable(*vectors: np.ndarray) -> bool:
    return all(v.dtype == np.float32 and bool(np.isfinite(v).all()) for v in vectors)


def marked_attention(mask: ImageSource, size: tuple[int, int], grid: tuple[int, int], max_pixels: int) -> np.ndarray:
    """Converts a mask to attention: the area of the mask in each cell of the feature grid, normalized to the sum one.

    Args:
        mask: any source that :func:`cosod.io.read_image` takes. If a mask has two values, the brighter one marks the
            object; otherwise values above half of the range do.
        size: height and width of the upright image of the mask.
        grid: height and width of F.
        max_pixels: maximum number of pixels of the mask.

    Returns:
        ``(1, h, w)`` float32.

    Raises:
        ImageError: the mask cannot be read.
        InputError: the mask differs in size from its image, marks nothing, or marks everything.
    """
    name = f"the mask {os.fspath(mask)!s}" if isinstance(mask, str | os.PathLike) else "the mask that was given"
    try:
        levels = read_levels(mask, max_pixels)
    except ImageError as error:
        raise InputError(str(error)) from error  # an InputError, because images may be skipped, but masks may not
    if levels.shape != size:
        found, wanted = (f"{width} x {height}" for height, width in (levels.shape, size))
        raise InputError(f"{name} is {found} pixels, its image {wanted}; give a mask of the image's own size")
    shares = cv2.resize(marked(levels, name).astype(np.float32), grid[::-1], interpolation=cv2.INTER_AREA)
    return (shares / shares.sum())[None]


def check_masks(masks: Sequence[ImageSource | None] | None, images: int) -> Sequence[ImageSource | None]:
    """Returns ``masks`` with an entry for each image; raises InputError if their number differs."""
    if masks is None:
        return [None] * images
    if (
        isinstance(masks, str | os.PathLike | np.ndarray | bytes)
        or not isinstance(masks, Sequence)
        or len(masks) != images
    ):
        raise InputError(f"masks: give a list with one for each of the {images} images, None where there is none")
    return masks
