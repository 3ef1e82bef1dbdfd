"""The pipeline from images to results, for a group, or for single images with a saved consensus."""

import itertools
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from cosod.errors import ImageError, InputError, SingleImageWarning
from cosod.inference.consensus_file import GroupConsensus, Provenance, marked_attention
from cosod.inference.feature_cache import EncodedGroup
from cosod.inference.group_consensus import Shared, shared, shared_with_marks
from cosod.inference.group_forward import Decoded, GroupForward
from cosod.inference.kept_rules import KeptRules, negatives_of
from cosod.inference.leveling import KEPT
from cosod.inference.negatives import NegativeRule, Negatives
from cosod.inference.options import DetectorOptions
from cosod.inference.position_classifier import (
    FINE,
    TAUGHT,
    Classifier,
    Lesson,
    ScoreRule,
    Segmented,
    classifiers,
    divided,
    reconsidered,
)
from cosod.inference.precision import has_bfloat16
from cosod.inference.presence import Calibration, count
from cosod.inference.region_filter import RegionClassifier, filtered
from cosod.inference.results import SINGLE, Result, of_each_image
from cosod.inference.zoom_in import Look, look_closer
from cosod.io.images import ImageSource
from cosod.io.prefetch import Inputs, in_order
from cosod.io.tensors import to_array
from cosod.models import registry
from cosod.models.base import Consensus, Features, Output
from cosod.models.modules.layers import height_and_width


class Mapped(NamedTuple):
    """Final maps of some images.

    Attributes:
        indices: indices of the images.
        maps: maps of the shared object, ``(n, 1, H, W)``.
        factors: factors of the region filter, of the same shape; None if all are 1.
        classifiers: classifier of positions of each image; None without scores.
    """

    indices: list[int]
    maps: Tensor
    factors: Tensor | None = None
    classifiers: Sequence[Classifier] | None = None


class Pipeline:
    """Finds the shared object in images, which are read and resized when they are needed.

    Args:
        forward: forward pass of the network.
        options: options whose size, device and precision are final.
        calibration: calibration of presence scores in groups; None if the weights contain none.
        region_classifier: classifier that decides which regions of a map are kept; None keeps all.
        kept_rules: rules for saved consensuses; by default those for groups.
        score_rule: rule by which the maps of a group are reconsidered; None leaves them as they are.
    """

    def __init__(
        self,
        forward: GroupForward,
        options: DetectorOptions,
        calibration: Calibration | None = None,
        region_classifier: RegionClassifier | None = None,
        kept_rules: KeptRules | None = None,
        score_rule: ScoreRule | None = None,
    ):
        self.kept_rules = kept_rules or KeptRules(calibration, NegativeRule())
        self.forward, self.options = forward, options
        self.calibration, self.region_classifier = calibration, region_classifier
        self.score_rule = score_rule
        self.network = forward.network

    def encoded(self, inputs: Inputs) -> EncodedGroup:
        """Returns the features of a group for :meth:`consensus` and :meth:`decoded`; they are computed when needed."""
        return EncodedGroup(inputs, self.forward.encode, self.options.batch, self.options.feature_bytes)

    def encoded_deep(self, inputs: Inputs) -> EncodedGroup:
        """Returns the features of a group like :meth:`encoded`, for the consensus only."""
        return EncodedGroup(inputs, self.forward.encode_deep, self.options.batch, self.options.feature_bytes)

    def consensus(self, group: EncodedGroup) -> Shared:
        """Computes the consensus of a group.

        Raises:
            ImageError: none of the images could be read.
        """
        kept_calibration = self.kept_rules.calibration
        sampling, precision = self.options.sampling, self._matching_precision()
        return shared(self.network, self.calibration, group, sampling, precision, kept_calibration)

    def _matching_precision(self) -> torch.dtype:
        """Returns the precision in which descriptors are compared."""
        # Only the encoder computes in integers. Rounding the descriptors to bfloat16 changes matches by much less.
        integers = self.options.precision == "int8" and has_bfloat16(self.forward.device)
        return torch.bfloat16 if integers or self.options.precision == "bfloat16" else torch.float32

    def decoded(
        self, group: EncodedGroup, formed_of: list[int], consensus: Consensus, indices: Sequence[int] | None = None
    ) -> Iterator[Decoded]:
        """Decodes images of a group in batches; their features are freed.

        Args:
            group: the group.
            formed_of: indices of the images from which the consensus was computed, in the same order.
            consensus: consensus of the group.
            indices: indices of the images to decode; by default all of these.
        """
        indices = sorted(formed_of) if indices is None else indices
        return self.forward.decode(group.batches(indices, last=True), consensus, formed_of)

    def filtered(
        self,
        output: Output,
        deep: Tensor,
        prototype: np.ndarray | None,
        negatives: Negatives | None = None,
        leveling: float = 0.0,
    ) -> tuple[Tensor, Tensor | None]:
        """Returns the maps ``(n, 1, h, w)``, leveled and with other regions faded, and the factors or None."""
        if self.region_classifier is None or prototype is None:
            return output.maps, None
        saliency, maps = to_array(output.saliency[:, 0]), to_array(output.maps[:, 0])
        found = filtered(saliency, maps, to_array(deep), prototype, self.region_classifier, negatives, leveling)
        changed, factors = (torch.from_numpy(part)[:, None].to(output.maps) for part in found)
        return changed, factors

    def group(self, inputs: Inputs) -> Iterator[Result]:
        """Yields the results of a group.

        Raises:
            ImageError: none of the images can be read.
        """
        encoded = self.encoded(inputs)
        found = self.consensus(encoded)
        indices, consensus = found.indices, found.consensus
        if len(indices) == 1:
            warnings.warn(SINGLE, SingleImageWarning, stacklevel=3)
        presence = [None] * len(indices) if found.presence is None else found.presence.tolist()
        there = dict(zip(indices, presence, strict=True))
        parts: Iterable[Mapped]
        if self.network.whole_group_maps:
            raw = list(self.decoded(encoded, indices, consensus))
            if not raw:  # none of them is readable any more, which was reported
                return
            maps = self.forward.whole_group_maps(part.output for part in raw)
            sizes = [len(part.indices) for part in raw]
            parts = itertools.starmap(Mapped, zip((part.indices for part in raw), maps.split(sizes), strict=True))
        else:
            parts = self.maps(encoded, found)

        def results() -> Iterator[Result]:
            for part in parts:
                looks = self._looks(part, inputs, consensus)
                for index, saliency in zip(part.indices, part.maps, strict=True):
                    yield Result(index, saliency, inputs.sizes[index], looks.get(index), there[index])

        yield from in_order(results(), lambda result: result.index, inputs, sorted(indices))

    def maps(self, encoded: EncodedGroup, found: Shared) -> Iterator[Mapped]:
        """Yields the final maps of a group whose images are decoded separately.

        Args:
            encoded: the group; its features are freed.
            found: what it shares, from :meth:`consensus`.

        Example:
            >>> encoded = pipeline.encoded(inputs)  # doctest: +SKIP
            >>> for part in pipeline.maps(encoded, pipeline.consensus(encoded)):  # doctest: +SKIP
            ...     print(part.indices, part.maps.shape)
        """
        if self.score_rule is None or len(found.indices) == 1:
            yield from (mapped for mapped, _ in self._filtered(encoded, found))
            return
        fading: deque[Tensor | None] = deque()

        def segmented(indices: Sequence[int]) -> Iterator[Segmented]:
            for mapped, features in self._filtered(encoded, found, indices):
                fading.append(mapped.factors)
                yield _segmented(mapped.indices, mapped.maps, features)

        first, later = map(segmented, divided(sorted(found.indices)))
        for segments, maps, chosen in reconsidered(first, later, found.weight_of, self.score_rule):
            yield Mapped(list(segments.indices), torch.from_numpy(maps), fading.popleft(), chosen)

    def segmented(self, encoded: EncodedGroup, found: Shared) -> Iterator[Segmented]:
        """Yields what :meth:`maps` yields, before the maps are changed by scores, and with the features.

        Args:
            encoded, found: as for :meth:`maps`.
        """
        yield from (_segmented(part.indices, part.maps, features) for part, features in self._filtered(encoded, found))

    def _filtered(
        self, encoded: EncodedGroup, found: Shared, indices: Sequence[int] | None = None
    ) -> Iterator[tuple[Mapped, Features]]:
        """Yields maps without scores, and features of the images; arguments as for :meth:`decoded`."""
        prototype = to_array(found.prototype) if len(found.indices) > 1 else None
        for part, features, output in self.decoded(encoded, found.indices, found.consensus, indices):
            yield Mapped(part, *self.filtered(output, features.deep, prototype, leveling=found.leveling)), features

    def apply(self, consensuses: Sequence[GroupConsensus], inputs: Inputs) -> Iterator[Result]:
        """Yields the results of each image separately, one for each consensus.

        Raises:
            ImageError: none of the images can be read.
        """
        yield from of_each_image(self._applied(consensuses, inputs), inputs)

    def _applied(self, consensuses: Sequence[GroupConsensus], inputs: Inputs) -> Iterator[list[Result]]:
        """Yields the results of each image, nearly in order."""
        for part in inputs.batches(self.options.batch):
            with torch.inference_mode():
                features = self.forward.encode([image for _, image in part])
                indices = [index for index, _ in part]
                found = [self._mapped(indices, features, consensus) for consensus in consensuses]
                presence = [self.kept_rules.presence(features.deep, consensus) for consensus in consensuses]
            looks = [
                self._looks(mapped, inputs, consensus.alone())
                for mapped, consensus in zip(found, consensuses, strict=True)
            ]
            for row, index in enumerate(indices):
                size = inputs.sizes.pop(index)
                yield [
                    Result(index, mapped.maps[row], size, looks[number].get(index), presence[number][row], number)
                    for number, mapped in enumerate(found)
                ]

    def learn(self, inputs: Inputs, masks: Sequence[ImageSource | None], identity: tuple[str, str]) -> GroupConsensus:
        """Learns a consensus of images, which are marked or not, for saving.

        Args:
            inputs: the images.
            masks: a mask or None for each image.
            identity: name of the network and hash of its weights, for the provenance of the consensus.

        Raises:
            InputError: all images have a single color; a mask cannot be used; or the consensus of the network cannot be
                saved.
            ImageError: none of the images can be read.
        """
        # Few images are decoded too, for a classifier. Otherwise only the deepest features are needed.
        decodes = self.score_rule is not None and len(inputs) <= TAUGHT
        encoded = self.encoded(inputs) if decodes else self.encoded_deep(inputs)
        marked = [index for index, mask in enumerate(masks) if mask is not None]

        def mark(index: int, grid: tuple[int, int]) -> Tensor:
            mask = masks[index]
            assert mask is not None  # only marked images are asked for
            return torch.from_numpy(marked_attention(mask, inputs.sizes[index], grid, inputs.max_pixels))

        if marked:
            group = shared_with_marks(self.network, self.kept_rules.calibration, encoded, marked, mark)
        else:
            try:
                group = self.consensus(encoded)
            except ImageError as error:
                if not inputs.all_uniform:
                    raise
                raise InputError("nothing can be learned: the images that can be read are of one color each") from error
        vector = group.consensus.vector
        if len(vector) != 1 or bool((vector == 1).all()):
            raise InputError(f"{identity[0]} forms no consensus of a group to be kept; use another network")
        presence = group.presence
        provenance = Provenance(
            *identity,
            size=inputs.size,
            images=len(group.indices),
            marked=sum(index not in inputs.failed and index not in inputs.uniform for index in marked),
            references=count(group.weights),
            presence_mean=None if presence is None else float(presence.mean()),
            presence_std=None if presence is None else float(presence.std(correction=0)),
        )
        classifier = self._classifier(encoded if decodes else self.encoded(inputs), group, marked, mark)
        return GroupConsensus(to_array(vector.flatten()), to_array(group.prototype), provenance, classifier=classifier)

    def _classifier(
        self,
        encoded: EncodedGroup,
        found: Shared,
        marked: Sequence[int],
        mark: Callable[[int, tuple[int, int]], Tensor],
    ) -> np.ndarray | None:
        """Fits a classifier of positions to the maps and marks of a group; None without a rule, and for one image.

        Args:
            encoded: the images.
            found: what they share.
            marked, mark: as for :func:`~cosod.inference.group_consensus.shared_with_marks`.
        """
        if self.score_rule is None:
            return None
        consensus, prototype = Consensus(found.consensus.vector), to_array(found.prototype)
        weights = found.weight_of
        lessons: list[Lesson] = []
        for part, features in encoded.batches(divided(sorted(found.indices))[0], last=True):
            output = self.forward.alone(features, consensus)
            maps, _ = self.filtered(output, features.deep, prototype, leveling=found.leveling)
            for row, index in enumerate(part):
                if index in marked:
                    attention = mark(index, height_and_width(maps))
                    maps[row] = attention / attention.max()
            lessons += _segmented(part, maps, features).taught(weights)
        return classifiers(lessons)[-1].packed() if len(lessons) > 1 else None

    @torch.inference_mode()
    def against(self, consensus: GroupConsensus, inputs: Inputs) -> GroupConsensus:
        """Returns a consensus with negatives.

        Args:
            consensus: consensus from :meth:`learn`.
            inputs: images without the object.

        Raises:
            InputError: none of the images can be used, or the network has no constants for negatives.
        """
        self.check_negatives()

        def decoded() -> Iterator[tuple[Output, Tensor]]:
            for part in inputs.batches(self.options.batch):
                features = self.forward.encode([image for _, image in part])
                yield self.forward.alone(features, consensus.alone()), features.deep

        vectors = negatives_of(decoded(), torch.from_numpy(consensus.prototype))
        if vectors is None:
            raise InputError(
                "none of the photos of what the object is not can be read and shows more than one color; give others"
            )
        provenance = replace(consensus.provenance, negatives=inputs.usable)
        return replace(consensus, provenance=provenance, negatives=to_array(vectors))

    def check_negatives(self) -> None:
        """Raises InputError if the weights contain no constants for negatives."""
        if self.kept_rules.calibration is None and self.region_classifier is None:
            raise InputError(
                "photos of what the object is not need weights that presence is calibrated for; use the default network"
            )

    def empty(self, inputs: Inputs, index: int, consensuses: int = 1) -> list[Result]:
        """Returns the empty results of an image of a single color, one for each consensus."""
        small = np.zeros((1, inputs.size, inputs.size), np.float32)
        presence = None if self.calibration is None else 0.0
        return [Result(index, small, inputs.sizes[index], None, presence, n, True) for n in range(consensuses)]

    def _looks(self, mapped: Mapped, inputs: Inputs, consensus: Consensus) -> dict[int, Look]:
        """Segments enlarged crops of images with the same consensus, if the option ``closer`` is set."""
        if not self.options.closer:
            return {}
        if self.network.whole_group_maps or consensus.spatial is not None or len(consensus.vector) > 1:
            name = registry.name_of(self.network)
            raise InputError(f"maps of {name} depend on whole images of the group; leave out --closer (closer=True)")

        indices, maps, factors, of_images = mapped
        chosen = None if of_images is None else dict(zip(indices, of_images, strict=True))

        def look(wanted: Sequence[int], images: list[np.ndarray]) -> Tensor:
            with torch.inference_mode():
                features = self.forward.encode(images)
                # Not leveled: of the background, which decides whether photos are, a crop shows little.
                found = self.forward.alone(features, consensus).maps
                return found if chosen is None else self._changed(found, features, [chosen[index] for index in wanted])

        return look_closer(indices, maps, factors, inputs, look)

    def _changed(self, maps: Tensor, features: Features, chosen: Sequence[Classifier]) -> Tensor:
        """Returns maps changed by the scores of a classifier for each."""
        assert self.score_rule is not None  # without one, there are no classifiers
        return torch.from_numpy(_segmented((), maps, features).changed(self.score_rule, chosen)).to(maps)

    def _mapped(self, indices: list[int], features: Features, consensus: GroupConsensus) -> Mapped:
        """Computes the maps of images with a saved consensus, each separately."""
        output = self.forward.alone(features, consensus.alone())
        if not self.network.whole_group_maps:
            negatives = self.kept_rules.negatives(consensus)
            maps, factors = self.filtered(output, features.deep, consensus.prototype, negatives, KEPT)
            if self.score_rule is None or consensus.classifier is None:
                return Mapped(indices, maps, factors)
            chosen = [Classifier.unpacked(consensus.classifier)] * len(indices)
            return Mapped(indices, self._changed(maps, features, chosen), factors, chosen)
        branches = [branch.split(1) for branch in (output.probability, output.threshold) if branch is not None]
        return Mapped(indices, torch.cat([self.network.confidence_map(*pair) for pair in zip(*branches, strict=True)]))


def _segmented(indices: Sequence[int], maps: Tensor, features: Features) -> Segmented:
    """Returns maps and features of images as arrays."""
    return Segmented(indices, *map(to_array, (maps, features.deep, features.skips[FINE])))
