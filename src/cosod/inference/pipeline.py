"""How maps are found: those of a group from what it shares, those of single images from a consensus that is there."""

import functools
import itertools
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cosod.errors import ImageError, InputError, SingleImageWarning, UniformImageWarning
from cosod.inference.consensus_file import GroupConsensus
from cosod.inference.feature_cache import EncodedGroup
from cosod.inference.group_consensus import Shared, shared
from cosod.inference.kept_rules import KeptRules
from cosod.inference.negatives import Negatives
from cosod.inference.options import DetectorOptions
from cosod.inference.presence import Calibration
from cosod.inference.region_filter import RegionClassifier, kept
from cosod.inference.zoom_in import Look, blended, look_closer
from cosod.io.prefetch import Inputs, batched
from cosod.io.tensors import to_batch, to_own_size
from cosod.models.base import Consensus, CoSaliencyNetwork, Features, Output, Steps


@dataclass(frozen=True)
class Result:
    """What was found in one image.

    Attributes:
        index: of the image in the list that was given.
        small: co-saliency ``(1, S, S)`` in [0, 1] at the size that the network works at.
        size: height and width of the upright image.
        look: what a closer look showed, if there was one.
        presence: probability that the shared object is in the image at all; None where the weights carry no
            calibration (see :mod:`cosod.inference.presence`) or the image has no group.
        consensus: index of the consensus that was applied; 0 for a group with its own.
        uniform: whether the image is of one color: there is nothing to be found in it, and its map is empty.
    """

    index: int
    small: Tensor
    size: tuple[int, int]
    look: Look | None
    presence: float | None
    consensus: int = 0
    uniform: bool = False

    @functools.cached_property
    def map(self) -> np.ndarray:
        """Co-saliency, float32 ``(H, W)`` in [0, 1] at the size of the image; made when first asked for."""
        found = to_own_size(self.small, self.size)
        return blended(found, self.look) if self.look else found


def tell_uniform(inputs: Inputs) -> None:
    """Warns of the images of one color in a group."""
    if not inputs.uniform:
        return
    names = [inputs.name(index) for index in sorted(inputs.uniform)]
    some = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    what = "1 image is" if len(names) == 1 else f"{len(names)} images are"
    message = f"{what} of one color, and nothing is to be found there: {some}"
    warnings.warn(message, UniformImageWarning, stacklevel=4)


class Finding:
    """What :class:`cosod.Detector` does with images; its arguments are the attributes."""

    network: CoSaliencyNetwork
    steps: Steps
    device: torch.device
    options: DetectorOptions
    size: int
    batch: int
    precision: str
    calibration: Calibration | None
    kept_rules: KeptRules
    region_classifier: RegionClassifier | None

    @functools.cached_property
    def identity(self) -> tuple[str, str]:
        """Registered name of the network, and a hash of its configuration and weights."""
        from cosod.models import registry
        from cosod.models.checkpoints import loading

        return registry.name_of(self.network), loading.identity(self.network)

    def _with_uniform(self, results: Iterator[Result], inputs: Inputs, consensuses: int = 1) -> Iterator[Result]:
        """The results, and empty ones in the places of images of one color, which are told about at the end."""
        given: set[int] = set()

        def empty(before: float) -> Iterator[Result]:
            presence = None if self.calibration is None else 0.0
            for index in sorted(i for i in inputs.uniform - given if i < before):
                given.add(index)
                size, small = inputs.sizes[index], torch.zeros(1, self.size, self.size)
                yield from (Result(index, small, size, None, presence, n, True) for n in range(consensuses))

        try:
            for result in results:
                if len(inputs.uniform) > len(given):
                    yield from empty(result.index)
                yield result
        except ImageError:  # none of the images can be used
            if inputs.usable or not inputs.uniform:
                raise
        yield from empty(np.inf)
        tell_uniform(inputs)

    def _segment(self, inputs: Inputs) -> Iterator[Result]:
        encoded = EncodedGroup(inputs, self._encode, self.batch, self.options.feature_bytes)
        group = self._shared(encoded)
        indices, consensus, _, _, presence = group
        if len(indices) == 1:
            warnings.warn("one image has nothing to share: its map is plain saliency", SingleImageWarning, stacklevel=3)
        there = dict.fromkeys(indices) if presence is None else dict(zip(indices, presence.tolist(), strict=True))
        if self.network.whole_group_maps:
            decoded = self._decoded(encoded, indices, consensus)
            raw = [(part, torch.cat([o.probability, o.threshold], 1)) for part, _, o in decoded]
            if not raw:
                return
            maps = self.network.confidence_map(*torch.cat([both for _, both in raw]).split(1, dim=1))
            sizes = [len(part) for part, _ in raw]
            parts = zip((part for part, _ in raw), maps.split(sizes), itertools.repeat(None))
        else:
            prototype = group.prototype if len(indices) > 1 else None
            parts = (
                (part, *self._filtered(output, features.deep, prototype))
                for part, features, output in self._decoded(encoded, indices, consensus)
            )
        for part, maps, factors in parts:
            looks = self._looks(part, maps, factors, inputs, consensus)
            for index, saliency in zip(part, maps, strict=True):
                yield Result(index, saliency, inputs.sizes[index], looks.get(index), there[index])

    def _decoded(
        self, encoded: EncodedGroup, indices: list[int], consensus: Consensus
    ) -> Iterator[tuple[list[int], Features, Output]]:
        """Indices, features and what the decoder makes of them, in batches."""
        rows = {index: row for row, index in enumerate(indices)}  # an image may be gone when it is read again
        for part, features in encoded.batches(indices, last=True):
            with torch.inference_mode():
                output = self.steps.decode(features, consensus.part([rows[index] for index in part]))
            yield part, features, output

    def _filtered(
        self, output: Output, deep: Tensor, prototype: Tensor | None, negatives: Negatives | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Maps ``(n, 1, S, S)`` without regions of other things, and the factors they were multiplied by, if any."""
        if self.region_classifier is None or prototype is None:
            return output.maps, None
        factors = kept(output, deep, prototype, self.region_classifier, negatives)
        return output.maps * factors, factors

    def _shared(self, encoded: EncodedGroup) -> Shared:
        precision = getattr(torch, self.precision)
        sampling, kept_calibration = self.options.sampling, self.kept_rules.calibration
        return shared(self.network, self.calibration, encoded, sampling, precision, kept_calibration)

    def _encode(self, images: list[np.ndarray]) -> Features:
        return self.steps.encode(self._tensor(images))

    def _deep(self, images: list[np.ndarray]) -> Features:
        return self._encode(images)._replace(skips=())

    def _apply(self, consensuses: Sequence[GroupConsensus], inputs: Inputs) -> Iterator[Result]:
        found = False
        for part in batched(inputs.read(range(len(inputs))), self.batch):
            found = True
            with torch.inference_mode():
                features = self._encode([image for _, image in part])
                each = [(*self._maps(features, c), self.kept_rules.presence(features.deep, c)) for c in consensuses]
            indices = [index for index, _ in part]
            looks = [
                self._looks(indices, maps, factors, inputs, consensus.alone())
                for consensus, (maps, factors, _) in zip(consensuses, each, strict=True)
            ]
            for row, index in enumerate(indices):
                size = inputs.sizes.pop(index)
                for number, (maps, _, presence) in enumerate(each):
                    yield Result(index, maps[row], size, looks[number].get(index), presence[row], number)
        if not found:
            raise ImageError("none of the images could be read")

    def _looks(
        self, indices: list[int], maps: Tensor, factors: Tensor | None, inputs: Inputs, consensus: Consensus
    ) -> dict[int, Look]:
        """Closer looks at some images by the same consensus; none unless they are wanted."""
        if not self.options.closer:
            return {}
        if self.network.whole_group_maps or consensus.spatial is not None or len(consensus.vector) > 1:
            name = self.identity[0]
            raise InputError(f"maps of {name} depend on whole images of the group; leave --closer (closer=True) away")

        def look(images: list[np.ndarray]) -> Tensor:
            with torch.inference_mode():
                return self._by_vector(self._encode(images), consensus).maps

        return look_closer(indices, maps, factors, inputs, look)

    def _by_vector(self, features: Features, consensus: Consensus) -> Output:
        """Images each by itself: of the consensus nothing counts but its vector."""
        return self.steps.decode(features, Consensus(consensus.vector.to(features.deep)))

    def _maps(self, features: Features, consensus: GroupConsensus) -> tuple[Tensor, Tensor | None]:
        """Maps ``(n, 1, S, S)`` of images each by itself, as :meth:`_filtered` gives them."""
        output = self._by_vector(features, consensus.alone())
        if not self.network.whole_group_maps:
            return self._filtered(output, features.deep, consensus.prototype, self.kept_rules.negatives(consensus))
        pairs = zip(output.probability.split(1), output.threshold.split(1), strict=True)
        return torch.cat([self.network.confidence_map(*pair) for pair in pairs]), None

    def _tensor(self, images: list[np.ndarray]) -> Tensor:
        return to_batch(images, self.network.mean, self.network.std, self.device)
