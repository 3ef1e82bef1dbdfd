"""The result of a detector for one image, and the interface of detectors that give results for groups."""

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from cosod.errors import ImageError
from cosod.inference.consensus_file import GroupConsensus
from cosod.inference.options import DetectorOptions
from cosod.io.images import ImageSource
from cosod.io.prefetch import Inputs, OnError, in_order
from cosod.io.resizing import to_own_size

if TYPE_CHECKING:
    from torch import Tensor

    from cosod.inference.zoom_in import Look

#: Text of the warning about a group of one image.
SINGLE = "one image has nothing to share: its map is plain saliency"


@dataclass(frozen=True)
class Result:
    """The result for one image.

    Attributes:
        index: index of the image in the list that was given.
        small: co-saliency ``(1, h, w)`` in [0, 1] at the working size of the network.
        size: height and width of the upright image.
        look: map of the enlarged crop, if one was segmented.
        presence: probability that the image shows the shared object; None if the weights contain no calibration
            (see :mod:`cosod.inference.presence`), or if the image has no group.
        consensus: index of the consensus that was applied; 0 for the consensus of the group itself.
        uniform: whether the image has a single color, so that its map is empty.
    """

    index: int
    small: "Tensor | np.ndarray"
    size: tuple[int, int]
    look: "Look | None"
    presence: float | None
    consensus: int = 0
    uniform: bool = False

    @functools.cached_property
    def map(self) -> np.ndarray:
        """Co-saliency map, float32 ``(H, W)`` in [0, 1] at the size of the image; computed when it is first used."""
        found = to_own_size(self.small, self.size)
        return self.look.blended(found) if self.look else found


def of_each_image(found: Iterable[list[Result]], inputs: Inputs) -> Iterator[Result]:
    """Yields the results of images that are processed each by itself, in the order of the images.

    Args:
        found: the results of each image that was not left out, nearly in order.
        inputs: the images.

    Raises:
        ImageError: none of the images could be read.
    """
    some = False
    for results in in_order(found, lambda results: results[0].index, inputs, range(len(inputs))):
        some = True
        yield from results
    if not some:
        raise ImageError("none of the images could be read")


class GroupDetector(Protocol):
    """What commands that write the results of groups need: :class:`cosod.Detector`, or a detector without PyTorch."""

    @property
    def options(self) -> DetectorOptions:
        """The options in use, with the chosen size, device and precision."""

    @property
    def calibration(self) -> object | None:
        """Calibration of presence scores; None if the weights contain none."""

    @property
    def mask_threshold(self) -> float | str:
        """Default threshold of masks."""

    def results(
        self,
        images: Sequence[ImageSource],
        on_error: OnError | None = None,
        consensuses: Sequence[GroupConsensus] | None = None,
    ) -> Iterator[Result]:
        """Yields the results of a group, as :meth:`cosod.Detector.results` does."""
