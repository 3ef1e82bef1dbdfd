"""Prefetching of the images of a group: threads read and shrink them, and small groups are kept in memory."""

import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import numpy as np

from cosod.errors import ImageError, InputError
from cosod.io.images import ImageSource, kept, read_reduced
from cosod.io.pixels import is_tensor, is_uniform
from cosod.io.resizing import input_shape, shrink
from cosod.io.storage import is_remote

T = TypeVar("T")
#: Callback that is called with the index and the error of an image that cannot be read.
OnError = Callable[[int, ImageError], None]

#: Number of batches whose items :func:`batched_by` may hold back.
HELD = 4
#: Maximum size in bytes of the shrunk images of a group that are kept for a second pass.
IMAGE_BYTES = 512 << 20


def as_group(images: Sequence[ImageSource]) -> Sequence[ImageSource]:
    """Returns the images of a group as a sequence.

    Args:
        images: a sequence of images (see :func:`cosod.io.read_image`), or one array ``(N, H, W, C)`` or tensor
            ``(N, C, H, W)`` of N images.

    Raises:
        InputError: ``images`` is not a sequence, is a single image, or is empty.

    Example:
        >>> len(as_group(np.zeros((2, 48, 64, 3), np.uint8)))
        2
    """
    if (isinstance(images, np.ndarray) or is_tensor(images)) and getattr(images, "ndim", 0) == 4:
        images = list(images)
    single = isinstance(images, str | os.PathLike | bytes | bytearray | memoryview)
    if single or not isinstance(images, Sequence):
        raise InputError("a group is a list of images: detector.segment([image, image, ...])")
    if not images:
        raise InputError("no images; a group needs at least one, and two or more to have something in common")
    return images


class Inputs:
    """The images of a group as inputs of a network: read ahead in threads and shrunk.

    Args:
        sources: the images, see :func:`cosod.io.read_image`.
        size: side in pixels of the square to which images are resized.
        max_pixels: maximum number of pixels; larger images are refused.
        on_error: called with the index and the error of an image that cannot be read; if None, the error is raised.
        twice: whether the images are read a second time; if so, the shrunk images are kept in memory as long as they
            fit into :data:`IMAGE_BYTES`.
        find_uniform: whether to leave out images of a single color, which show no object.
        stride: if given, images are resized to rectangles of about their own proportions whose sides are multiples of
            this number (:func:`cosod.io.resizing.input_shape`); None resizes them to squares.

    Attributes:
        sizes: index -> height and width in pixels of the images that were read so far.
        failed: indices of the images that could not be read; they are not tried again.
        uniform: indices of the images of a single color that were left out.

    Example:
        >>> inputs = Inputs([np.eye(64)] * 3, 32, max_pixels=10**6, on_error=None)
        >>> [image.shape for index, image in inputs.read([0, 2])]
        [(32, 32, 3), (32, 32, 3)]
    """

    def __init__(
        self,
        sources: Sequence[ImageSource],
        size: int,
        max_pixels: int,
        on_error: OnError | None,
        twice: bool = True,
        find_uniform: bool = False,
        stride: int | None = None,
    ):
        self.sources, self.size, self.max_pixels, self.on_error = sources, size, max_pixels, on_error
        self.stride = stride
        self.sizes: dict[int, tuple[int, int]] = {}
        self.failed: set[int] = set()
        self.uniform: set[int] = set()
        self.find_uniform = find_uniform
        self._files: dict[int, ImageSource] = {}
        self._shrunk: dict[int, np.ndarray] = {}
        self._keep = twice and len(sources) * size * size * 3 <= IMAGE_BYTES

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def usable(self) -> int:
        """The number of images, without those that were left out so far."""
        return len(self) - len(self.failed) - len(self.uniform)

    @property
    def all_uniform(self) -> bool:
        """Whether there are images that could be read, and each of them is of a single color."""
        return bool(self.uniform) and not self.usable

    def name(self, index: int) -> str:
        """Returns the name of an image in messages: its path, or ``image`` and its index in the group."""
        source = self.sources[index]
        return str(source) if isinstance(source, str | os.PathLike) or is_remote(source) else f"image {index}"

    def source(self, index: int) -> ImageSource:
        """Returns the source of an image in a form that can be read any number of times, see :func:`kept`.

        Raises:
            ImageError: the source is a file object that cannot be read.
        """
        if index in self._files:
            return self._files[index]
        source = self.sources[index]
        again = kept(source)
        if again is not source:
            self._files[index] = again
        return again

    def shape(self, height: int, width: int) -> tuple[int, int]:
        """Returns the height and width to which an image of this height and width is resized."""
        return input_shape(height, width, self.size, self.stride)

    def _load(self, index: int) -> np.ndarray | ImageError | None:
        """Returns the shrunk image, the error of an unreadable image, or None for a uniform image to leave out."""
        if index in self._shrunk:
            return self._shrunk[index]
        try:
            image, self.sizes[index] = read_reduced(self.source(index), self.size, self.max_pixels)
        except ImageError as error:
            name = self.name(index)
            return error if name in str(error) else ImageError(f"{name}: {error}")
        shrunk = shrink(image, self.shape(*self.sizes[index]))
        return None if self.find_uniform and is_uniform(shrunk) else shrunk

    def read(self, indices: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
        """Yields the index and the shrunk pixels ``(H, W, 3)`` uint8 of each readable image, in the order given.

        Unreadable images are reported to ``on_error`` and left out, and so are, without a report, images of a single
        color if ``find_uniform`` is set.

        Raises:
            ImageError: an image cannot be read, and there is no ``on_error``.
        """
        workers = min(4, os.cpu_count() or 1)
        with ThreadPoolExecutor(workers, thread_name_prefix="cosod-read") as pool:
            remaining = (i for i in indices if i not in self.failed and i not in self.uniform)
            pending = [(i, pool.submit(self._load, i)) for i in islice(remaining, 2 * workers)]
            while pending:
                index, future = pending.pop(0)
                image = future.result()
                pending += [(i, pool.submit(self._load, i)) for i in islice(remaining, 1)]
                if isinstance(image, ImageError):
                    if self.on_error is None:
                        raise image
                    self.failed.add(index)
                    self.on_error(index, image)
                    continue
                if image is None:
                    self.uniform.add(index)
                    continue
                if self._keep:
                    self._shrunk[index] = image
                yield index, image

    def batches(self, n: int, indices: Sequence[int] | None = None) -> Iterator[list[tuple[int, np.ndarray]]]:
        """Yields readable images in batches whose images have the same shape, see :func:`batched_by`.

        Args:
            n: maximum number of images in a batch.
            indices: indices of the images, in the order in which they are read; by default those of all.

        Returns:
            An iterator over batches; each is a list of pairs of index and shrunk image, as from :meth:`read`.
        """
        indices = range(len(self)) if indices is None else indices
        return batched_by(self.read(indices), n, lambda item: item[1].shape)


def batched(items: Iterable[T], n: int) -> Iterator[list[T]]:
    """Yields lists of n items each; the last list may be shorter.

    Example:
        >>> list(batched("abc", 2))
        [['a', 'b'], ['c']]
    """
    items = iter(items)
    while part := list(islice(items, n)):
        yield part


def batched_by(items: Iterable[T], n: int, key: Callable[[T], Hashable]) -> Iterator[list[T]]:
    """Yields lists of at most n items with the same key; within a list, the items keep their order.

    A list is yielded when it is full. If more than :data:`HELD` times n items are held back, the oldest list is yielded
    before it is full.

    Args:
        items: the items.
        n: maximum length of a list.
        key: returns the key of an item.

    Example:
        >>> list(batched_by([1, 2, 3, 5, 4], 2, key=lambda number: number % 2))
        [[1, 3], [2, 4], [5]]
    """
    waiting: dict[Hashable, list[T]] = {}
    held = 0
    for item in items:
        kind = key(item)
        waiting.setdefault(kind, []).append(item)
        held += 1
        if len(waiting[kind]) == n or held > HELD * n:
            part = waiting.pop(kind if len(waiting[kind]) == n else next(iter(waiting)))
            held -= len(part)
            yield part
    yield from waiting.values()


def in_order(found: Iterable[T], index: Callable[[T], int], inputs: Inputs, indices: Sequence[int]) -> Iterator[T]:
    """Yields results in the order of their images, each as soon as the results of all earlier images are known.

    Args:
        found: one result for each image that was not left out, nearly in the order of the images.
        index: returns the index of the image of a result.
        inputs: the images; its ``failed`` and ``uniform`` tell which of them were left out.
        indices: indices of all images that are processed, in ascending order.

    Example:
        >>> inputs = Inputs([np.eye(64)] * 3, 32, max_pixels=10**6, on_error=None)
        >>> list(in_order([1, 0, 2], lambda result: result, inputs, [0, 1, 2]))
        [0, 1, 2]
    """
    early: dict[int, T] = {}
    upcoming = 0
    for one in found:
        early[index(one)] = one
        while upcoming < len(indices) and (
            (place := indices[upcoming]) in early or place in inputs.failed or place in inputs.uniform
        ):
            upcoming += 1
            if place in early:
                yield early.pop(place)
    yield from (early[place] for place in sorted(early))
