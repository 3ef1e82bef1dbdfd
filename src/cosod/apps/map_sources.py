"""Sources of the saliency maps of a group: a detector, maps given with the images, or files of an earlier run."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import cv2
import numpy as np

from cosod.apps.absence import check_calibrated
from cosod.apps.stale import mismatch, real_path
from cosod.errors import ImageError, InputError
from cosod.inference.results import GroupDetector
from cosod.io.images import MAX_PIXELS, ImageSource, image_size, kept, read_image
from cosod.io.photo_groups import Group
from cosod.io.prefetch import OnError, as_group
from cosod.io.run_records import read_record, record_of
from cosod.postprocess.object_mask import check_map
from cosod.postprocess.threshold import MASK_THRESHOLD

if TYPE_CHECKING:
    from cosod.inference.detector import Detector


class FoundMap(NamedTuple):
    """The map of one image of a group.

    Attributes:
        index: index of the image in the group.
        map: float32 ``(H, W)`` in [0, 1] at the size of the image.
        presence: probability that the shared object is in the image; None if it is not known.
    """

    index: int  # type: ignore[assignment] # hides the method ``index`` of tuples, which is not needed here
    map: np.ndarray
    presence: float | None = None


class ImageAndMap(NamedTuple):
    """An image with its map.

    Attributes:
        image: ``(H, W, 3)`` uint8.
        map: ``(H, W)`` float32 in [0, 1].
        presence: as in :class:`FoundMap`.
    """

    image: np.ndarray
    map: np.ndarray
    presence: float | None


def images_and_maps(
    images: Sequence[ImageSource],
    detector: "Detector | None",
    maps: Sequence[np.ndarray] | None,
    presence: Sequence[float | None] | None = None,
) -> tuple[list[ImageAndMap], float | str]:
    """Returns each image with its map and presence, and the default threshold of masks of these maps.

    Args:
        images: as for :meth:`cosod.Detector.segment`.
        detector: computes the maps if ``maps`` is None; by default the detector of :func:`cosod.load`.
        maps: maps that were computed earlier, one ``(H, W)`` in [0, 1] for each image.
        presence: with ``maps``, the probability that each image shows the object; None where it is not known.

    Returns:
        The images with their maps, and the threshold: that of the detector's network, or
        :data:`~cosod.postprocess.threshold.MASK_THRESHOLD` if ``maps`` are given.

    Raises:
        InputError: ``maps`` or ``presence`` do not fit the images, or ``presence`` is given without ``maps``.
        ImageError: an image cannot be read.

    Example:
        >>> triples, threshold = images_and_maps([np.zeros((8, 8, 3), np.uint8)], None, [np.zeros((8, 8))])
        >>> triples[0].image.shape, triples[0].map.shape
        ((8, 8, 3), (8, 8))
    """
    threshold: float | str = MASK_THRESHOLD
    most = MAX_PIXELS if detector is None else detector.max_pixels
    images = [kept(image) for image in as_group(images)]  # each one is read twice: for its map, and for the result
    if maps is None:
        if presence is not None:
            raise InputError("presence is given without maps; leave it out, or give maps too")
        if detector is None:
            from cosod.inference.functions import load

            detector = load()
        threshold = detector.mask_threshold
        found = list(detector.results(images))
        maps, presence = [result.map for result in found], [result.presence for result in found]
    if len(maps) != len(images):
        raise InputError(f"{len(maps)} maps for {len(images)} images; give one map for each image")
    presence = [None] * len(images) if presence is None else presence
    if len(presence) != len(images):
        raise InputError(f"{len(presence)} values of presence for {len(images)} images; give one for each image")
    triples = []
    for number, (source, saliency, there) in enumerate(zip(images, maps, presence, strict=True)):
        image = read_image(source, most)
        triples.append(ImageAndMap(image, check_map(saliency, image.shape[:2], f"map {number}"), there))
    return triples, threshold


class MapSource(Protocol):
    """The interface of a source of maps, which yields the maps of a group one after the other."""

    #: Maximum number of pixels of an image; larger ones are refused.
    max_pixels: int
    #: Options of the detector that computes the maps, as plain values; None for maps that were computed earlier.
    options: dict[str, Any] | None

    def identity(self, group: Group) -> object:
        """Returns values that JSON can hold, which change whenever the maps of the group might change."""

    def stream(self, group: Group, on_error: OnError) -> Iterator[FoundMap]:
        """Yields the maps of the images of a group; ``on_error`` is called for each image that has none."""

    def mask_threshold(self, groups: Sequence[Group]) -> float | str:
        """Returns the default threshold of masks: the one that masks and overlays of these maps have by default."""

    def check_absent(self, kind: str) -> None:
        """Checks that absent objects can be treated as ``kind`` says, one of :data:`cosod.apps.absence.ABSENT_KINDS`.

        Raises:
            InputError: ``kind`` needs presence scores, which this source can never give.
        """


class DetectedMaps:
    """A source of maps that computes them with a detector.

    Args:
        detector: the detector.
        model: identity of its network and weights.

    Example:
        >>> source = DetectedMaps(detector, model)  # doctest: +SKIP
        >>> maps = list(source.stream(group, on_error))  # doctest: +SKIP
    """

    def __init__(self, detector: GroupDetector, model: str):
        self.detector, self.model, self.max_pixels = detector, model, detector.options.max_pixels
        self.options = detector.options.plain()

    def identity(self, group: Group) -> object:
        """Returns the identity of the network and the options that change its maps."""
        return [self.model, *self.detector.options.views.values()]

    def stream(self, group: Group, on_error: OnError) -> Iterator[FoundMap]:
        """Yields the maps of the images of a group; ``on_error`` is called for each image that cannot be read."""
        for result in self.detector.results(group.images, on_error):
            yield FoundMap(result.index, result.map, result.presence)

    def mask_threshold(self, groups: Sequence[Group]) -> float | str:
        """Returns the threshold of the network."""
        return self.detector.mask_threshold

    def check_absent(self, kind: str) -> None:
        """Raises InputError if ``kind`` needs presence scores, and the network has no calibration of them."""
        check_calibrated(self.detector.calibration, kind)


class StoredMaps:
    """A source of maps that reads the files ``folder/<group>/<stem>.png``, which ``cosod segment`` has written.

    A map that has another size than its image but the same proportions is resized, so that the maps of reduced copies
    can be used. Presence and threshold are read from the records in the folder, if there are any.

    Args:
        folder: output folder of ``cosod segment``.
        max_pixels: maximum number of pixels of an image.

    Raises:
        InputError: the folder does not exist.

    Example:
        >>> source = StoredMaps(Path("out"))  # doctest: +SKIP
        >>> maps = list(source.stream(group, on_error))  # doctest: +SKIP
    """

    def __init__(self, folder: Path, max_pixels: int = MAX_PIXELS):
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; --maps takes the output folder of `cosod segment`")
        self.folder, self.max_pixels, self.options = folder, max_pixels, None
        self._known: tuple[str | None, tuple[dict, dict]] = (None, ({}, {}))  # the last group, and its photos

    def file(self, group: Group, index: int) -> Path:
        """Returns the file of the map of an image.

        The stem of the file is the one under which the records name the image, or else the stem of the image in
        ``group``.
        """
        return self.folder / group.name / f"{self._stem(group, index)}.png"

    def _stem(self, group: Group, index: int) -> str:
        stems = self._photos(group)[1]
        return stems.get(real_path(group.images[index]), group.stems[index])

    def _photos(self, group: Group) -> tuple[dict[str, dict], dict[str, str]]:
        """Returns two dictionaries from the records of a group: stem -> entry of the photo, and real path -> stem."""
        if self._known[0] != group.name:
            photos = {
                stem: entry for record in self._records(group) for stem, entry in record.get("photos", {}).items()
            }
            self._known = group.name, (photos, {entry["image"]: stem for stem, entry in photos.items()})
        return self._known[1]

    def identity(self, group: Group) -> object:
        """Returns size, time and presence of each map of a group; None for a missing map."""
        states = []
        presence = self._presence(group)
        for index in range(len(group.images)):
            file = self.file(group, index)
            there = presence.get(self._stem(group, index))
            states.append([file.stat().st_size, file.stat().st_mtime_ns, there] if file.exists() else None)
        return states

    def stream(self, group: Group, on_error: OnError) -> Iterator[FoundMap]:
        """Yields the maps of the images of a group; ``on_error`` is called for each image without a usable map."""
        presence = self._presence(group)
        for index in range(len(group.images)):
            try:
                yield FoundMap(index, self._read(group, index), presence.get(self._stem(group, index)))
            except ImageError as error:
                on_error(index, error)

    def mask_threshold(self, groups: Sequence[Group]) -> float | str:
        """Returns the threshold of the run that wrote the maps, or the default threshold if no record gives it."""
        for group in groups:
            for record in self._records(group):
                if "threshold" in record:
                    return record["threshold"]
        return MASK_THRESHOLD

    def check_absent(self, kind: str) -> None:
        """Accepts every kind: an image whose presence is not known counts as one that shows the object."""

    def _records(self, group: Group) -> Iterator[dict]:
        """Yields the records of the run that wrote the maps: one for the whole group, or one for each of its parts."""
        if whole := read_record(record_of(self.folder, group.name)):
            yield whole
        number = 0
        while part := read_record(record_of(self.folder, f"part {number}/{group.name}")):
            yield part
            number += 1

    def _presence(self, group: Group) -> dict[str, float]:
        """Returns stem -> presence, for the images whose presence is known."""
        return {stem: value for record in self._records(group) for stem, value in record.get("presence", {}).items()}

    def _read(self, group: Group, index: int) -> np.ndarray:
        file, image = self.file(group, index), group.images[index]
        height, width = image_size(image, self.max_pixels)
        if not file.exists():
            raise ImageError(f"{image}: has no map {file}; run `cosod segment` on the same paths first")
        entry = self._photos(group)[0].get(self._stem(group, index))
        if entry and (why := mismatch(image, entry)):
            raise ImageError(f"{image}: its map {file} {why}; run `cosod segment` on the same paths again")
        saliency = read_image(file, self.max_pixels)[..., 0]
        if saliency.shape != (height, width):
            if abs(saliency.shape[0] * width - saliency.shape[1] * height) > max(height, width, *saliency.shape):
                size = f"{saliency.shape[1]} x {saliency.shape[0]}"
                raise ImageError(f"{file}: is {size}, its image {width} x {height}; it is the map of another image")
            saliency = cv2.resize(saliency, (width, height), interpolation=cv2.INTER_LINEAR)
        return saliency / np.float32(255)
