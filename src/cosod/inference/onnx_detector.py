"""A detector for the networks of the package that needs ONNX Runtime, and not PyTorch.

Importing PyTorch takes longer than segmenting a few photos, and an installation with it takes three times the space.
The steps are those of :class:`cosod.inference.pipeline.Pipeline`, for groups whose images are all compared with each
other and for saved consensuses. The encoder, the consensus and the decoder are graphs that were made of the network
(:mod:`cosod.inference.onnx_graphs`), and the rest needs NumPy only. The maps are those in float32.
"""

import importlib.util
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cosod.errors import ImageError, InputError, SingleImageWarning
from cosod.inference.consensus_file import GroupConsensus, Provenance
from cosod.inference.leveling import KEPT, scene_leveling
from cosod.inference.negatives import NegativeRule, Negatives
from cosod.inference.onnx_graphs import archive_of, best_matches, open_archive, together
from cosod.inference.options import DetectorOptions
from cosod.inference.position_classifier import (
    FINE,
    Classifier,
    ScoreRule,
    Segmented,
    classifiers,
    divided,
    reconsidered,
)
from cosod.inference.region_filter import RegionClassifier, filtered
from cosod.inference.results import SINGLE, Result, of_each_image
from cosod.inference.uniform_images import tell_uniform, with_uniform
from cosod.io.images import ImageSource
from cosod.io.prefetch import Inputs, OnError, as_group, in_order
from cosod.io.resizing import check_size

#: Maximum number of images of a group, which are all compared with each other.
LARGEST = 200
#: Number of images up to which the command line prefers this detector where PyTorch is installed, too.
FEW = 100


def supports(options: DetectorOptions) -> bool:
    """Returns whether the detector supports these options of detection.

    Example:
        >>> supports(DetectorOptions()), supports(DetectorOptions(flip=True))
        (True, False)
    """
    plain = not (options.flip or options.closer) and options.backend in ("torch", "onnxruntime")
    return plain and options.precision in ("auto", "float32") and options.device in ("auto", "cpu")


def pays(
    model: str, weights: Path | None, options: DetectorOptions, groups: Sequence[int] | None, alone: bool = False
) -> bool:
    """Returns whether this detector should process groups, instead of one that computes with PyTorch.

    It should if it can, and if there are few images or PyTorch is not installed.

    Args:
        model: name of the network.
        weights: weights file to use instead of that of the package.
        options: options of detection.
        groups: number of images of each group; None if there may be many.
        alone: whether saved consensuses are applied to each image by itself, so that groups may have any size.

    Example:
        >>> pays("default", None, DetectorOptions(flip=True), [3])
        False
    """
    can = weights is None and archive_of(model) is not None and supports(options)
    small = alone or (groups is not None and max(groups, default=0) <= LARGEST)
    if not (can and small) or importlib.util.find_spec("onnxruntime") is None:
        return False
    few = groups is not None and sum(groups) <= FEW
    return few or importlib.util.find_spec("torch") is None


class OnnxDetector:
    """Finds the object that a group of up to :data:`LARGEST` images shares, or that of saved consensuses.

    Args:
        model: ``"default"``, ``"accurate"``, or another name of the same networks.
        options: options of detection.

    Attributes:
        options: the options in use, with the chosen size, device and precision.
        facts: facts of the network.
        extra: further values of the weights file, see :func:`cosod.models.save`.
        calibration, kept_calibration: constants of the presence scores in groups, and with saved consensuses.

    Raises:
        InputError: there are no graphs of the network, an option is not supported, or the size is not a multiple of the
            network's stride.
        ExtraError: onnxruntime is missing.

    Example:
        >>> detector = OnnxDetector()  # doctest: +SKIP
        >>> for result in detector.results(["mug1.jpg", "mug2.jpg", "mug3.jpg"]):  # doctest: +SKIP
        ...     print(result.presence, result.map.mean())
    """

    def __init__(self, model: str = "default", options: DetectorOptions | None = None):
        options = options or DetectorOptions()
        path = archive_of(model)
        if path is None:
            raise InputError(f"the package has no graphs of {model} that need no PyTorch; take default or accurate")
        if not supports(options):
            raise InputError(
                "without PyTorch there are no mirrored or enlarged views, other devices than the CPU, and other "
                "precisions than float32; leave these options out"
            )
        self.facts, self.extra, self._graphs = open_archive(path)
        size = options.size or self.facts.size
        check_size(size, self.facts.stride)
        self.options = replace(options, device="cpu", size=size, precision="float32", backend="onnxruntime")
        self.calibration: dict[str, float] = self.extra["presence"]
        self.kept_calibration: dict[str, float] = self.extra.get("kept_presence") or self.calibration
        self._rule = NegativeRule.read(self.extra) or NegativeRule()
        self._regions = None if options.keep_regions else RegionClassifier.read(self.extra)
        self._scores = None if options.keep_regions else ScoreRule.read(self.extra)

    @property
    def identity(self) -> tuple[str, str]:
        """Registered name of the network, and a hash of its configuration and weights."""
        return self.facts.network, self.facts.identity

    @property
    def size(self) -> int:
        """Working size: side in pixels of the square that has about as many pixels as resized images."""
        assert self.options.size is not None
        return self.options.size

    @property
    def mask_threshold(self) -> float | str:
        """Default threshold of masks, see :func:`cosod.postprocess.threshold.binarize`."""
        return self.facts.mask_threshold

    def results(
        self,
        images: Sequence[ImageSource],
        on_error: OnError | None = None,
        consensuses: Sequence[GroupConsensus] | None = None,
    ) -> Iterator[Result]:
        """Yields the results of a group, or of each image with saved consensuses, as :meth:`cosod.Detector.results`.

        Raises:
            InputError: there are no images; there are more than :data:`LARGEST` without ``consensuses``; or a consensus
                belongs to another network or another size.
            ImageError: an image cannot be read, and there is no ``on_error``; or none of them can be read.
        """
        images = as_group(images)
        each = 1 if consensuses is None else len(consensuses)
        for consensus in consensuses or ():
            self.check(consensus)
        if consensuses is None:
            _check_number(images)
        inputs = self._inputs(images, on_error)

        def empty(index: int) -> list[Result]:
            small = np.zeros((1, self.size, self.size), np.float32)
            return [Result(index, small, inputs.sizes[index], None, 0.0, n, uniform=True) for n in range(each)]

        found = self._group(inputs) if consensuses is None else self._each(inputs, consensuses)
        yield from with_uniform(found, inputs, empty)

    def check(self, consensus: GroupConsensus, name: str = "the consensus") -> None:
        """Raises InputError unless ``consensus`` was learned with this network, these weights and this size."""
        consensus.check_origin(self.identity, self.size, name)

    def learn(
        self,
        images: Sequence[ImageSource],
        masks: Sequence[ImageSource | None] | None = None,
        on_error: OnError | None = None,
        negatives: Sequence[ImageSource] | None = None,
    ) -> GroupConsensus:
        """Learns what up to :data:`LARGEST` images share, as :meth:`cosod.Detector.learn`.

        Raises:
            InputError: there are no images, only images of a single color, or too many; or there are masks
                or negatives, which need PyTorch.
            ImageError: an image cannot be read, and there is no ``on_error``; or none of them can be read.
        """
        if negatives or any(mask is not None for mask in masks or ()):
            raise InputError("masks, and photos of what the object is not, need PyTorch; install it: pip install torch")
        images = as_group(images)
        _check_number(images)
        inputs = self._inputs(images, on_error)
        first, later = divided(range(len(inputs)))
        taught_by = list(self._encoded(inputs, first))
        deep = [features[-1] for _, features in taught_by] + [last for _, (*_, last) in self._encoded(inputs, later)]
        if not deep:
            if not inputs.all_uniform:
                raise ImageError("none of the images could be read")
            raise InputError("nothing can be learned: the images that can be read are of one color each")
        tell_uniform(inputs)
        (vector, prototype, presence, weights), leveling = self._consensus(together(deep))
        some = len(presence) > 1
        provenance = Provenance(
            *self.identity,
            size=self.size,
            images=len(presence),
            references=float(weights.sum() ** 2 / (weights**2).sum()) if some else 1.0,
            presence_mean=float(presence.mean()) if some else None,
            presence_std=float(presence.std()) if some else None,
        )
        given = dict(zip((index for part, _ in taught_by for index in part), weights.tolist(), strict=False))
        decoded = (self._segmented(*part, vector, prototype, leveling=leveling) for part in taught_by)
        parts = decoded if self._scores else ()
        lessons = [lesson for part in parts for lesson in part.taught(given)]
        classifier = classifiers(lessons)[-1].packed() if len(lessons) > 1 else None
        return GroupConsensus(vector.ravel(), prototype, provenance, classifier=classifier)

    def _inputs(self, images: Sequence[ImageSource], on_error: OnError | None) -> Inputs:
        stride = self.facts.stride
        return Inputs(
            images, self.size, self.options.max_pixels, on_error, twice=False, find_uniform=True, stride=stride
        )

    def _encoded(self, inputs: Inputs, indices: Sequence[int]) -> Iterator[tuple[list[int], list[np.ndarray]]]:
        """Yields indices, and skips and F of images, in batches."""
        for part in inputs.batches(self.options.batch, indices):
            features = self._graphs["encoder"](self._normalized([image for _, image in part]))
            yield [index for index, _ in part], features

    def _group(self, inputs: Inputs) -> Iterator[Result]:
        """Yields the results of the images of a group that are not of a single color."""
        both = [list(self._encoded(inputs, indices)) for indices in divided(range(len(inputs)))]
        if not any(both):
            raise ImageError("none of the images could be read")
        deep = together([features[-1] for parts in both for _, features in parts])
        (vector, prototype, scores, found), leveling = self._consensus(deep)
        indices = [index for parts in both for part, _ in parts for index in part]
        weights = dict(zip(indices, found.tolist(), strict=True))
        presence: dict[int, float | None] = dict(zip(indices, scores.tolist(), strict=True))
        alone = len(indices) == 1
        if alone:
            warnings.warn(SINGLE, SingleImageWarning, stacklevel=3)
            presence = dict.fromkeys(indices)

        def segmented(parts: list[tuple[list[int], list[np.ndarray]]]) -> Iterator[Segmented]:
            while parts:
                yield self._segmented(*parts.pop(0), vector, None if alone else prototype, leveling=leveling)

        def results() -> Iterator[Result]:
            for part, maps, _ in reconsidered(segmented(both[0]), segmented(both[1]), weights, self._scores):
                for index, found in zip(part.indices, maps, strict=True):
                    yield Result(index, found, inputs.sizes[index], None, presence[index])

        yield from in_order(results(), lambda result: result.index, inputs, sorted(indices))

    def _consensus(self, deep: np.ndarray) -> tuple[list[np.ndarray], float]:
        """Computes what a group shares from its descriptors ``(N, C, 1, P)``.

        Returns:
            Vector, prototype, presence and weights; and the leveling of the maps.
        """
        match = best_matches(self._graphs["match"], deep)
        found = self._graphs["consensus"](deep, match[:, None, None], _constants(self.calibration))
        objectness = np.sqrt(np.einsum("ncip,ncip->np", deep, deep))
        return found, scene_leveling(objectness, match)

    def _each(self, inputs: Inputs, consensuses: Sequence[GroupConsensus]) -> Iterator[Result]:
        """Returns an iterator over the results of each image with each consensus."""

        def results() -> Iterator[list[Result]]:
            for part, features in self._encoded(inputs, range(len(inputs))):
                each = [self._applied(features, consensus) for consensus in consensuses]
                for row, index in enumerate(part):
                    size = inputs.sizes.pop(index)
                    found = enumerate(each)
                    yield [Result(index, maps[row], size, None, presence[row], n) for n, (maps, presence) in found]

        return of_each_image(results(), inputs)

    def _applied(self, features: list[np.ndarray], kept: GroupConsensus) -> tuple[np.ndarray, list[float]]:
        """Computes the maps ``(n, 1, h, w)`` of n images with a saved consensus, and the presence of its object."""
        negatives = None if kept.negatives is None else Negatives(kept.negatives, self._rule)
        found = self._segmented((), features, kept.vector[None, :, None, None], kept.prototype, negatives, KEPT)
        maps = found.maps
        if self._scores is not None and kept.classifier is not None:
            maps = found.changed(self._scores, [Classifier.unpacked(kept.classifier)] * len(maps))
        constants = _constants(self.kept_calibration, kept.provenance.references)
        vectors, presence = self._graphs["kept"](features[-1], kept.prototype, constants)
        if negatives is not None:
            presence = presence * negatives.factor(vectors, kept.prototype)
        return maps, presence.tolist()

    def _segmented(
        self,
        indices: Sequence[int],
        features: list[np.ndarray],
        vector: np.ndarray,
        prototype: np.ndarray | None,
        negatives: Negatives | None = None,
        leveling: float = 0.0,
    ) -> Segmented:
        """Computes the maps ``(n, 1, h, w)`` of n images; with a prototype, other regions are faded."""
        deep = features[-1]
        maps, saliency = self._graphs["decoder"](*features, np.repeat(vector, len(deep), axis=0))
        if self._regions is not None and prototype is not None:
            both = (saliency[:, 0], maps[:, 0])
            changed, _ = filtered(*both, deep, prototype, self._regions, negatives, leveling)
            maps = changed[:, None]
        return Segmented(indices, maps, deep, features[FINE])

    def _normalized(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Converts images ``(H, W, 3)`` uint8 of one shape to a normalized batch ``(N, 3, H, W)``."""
        batch = np.stack(images).transpose(0, 3, 1, 2).astype(np.float32, order="C")
        for channel, (mean, std) in enumerate(zip(self.facts.mean, self.facts.std, strict=True)):
            batch[:, channel] -= 255 * mean
            batch[:, channel] /= 255 * std
        return batch


def _check_number(images: Sequence[ImageSource]) -> None:
    """Raises InputError if the images of a group are too many to be compared with each other."""
    if len(images) > LARGEST:
        raise InputError(f"a group of {len(images)} images needs PyTorch; install it: pip install torch")


def _constants(calibration: Mapping[str, float], *more: float) -> np.ndarray:
    """Returns the constants of a calibration in the order of graphs."""
    return np.array([*(calibration[name] for name in ("slope", "offset", "few")), *more], np.float32)
