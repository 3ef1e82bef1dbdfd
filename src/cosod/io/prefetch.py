"""The images of a group on their way to a network: read ahead in threads, shrunk, and kept up to a bound."""

import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import numpy as np

from cosod.errors import ImageError, InputError
from cosod.io.images import ImageSource, kept, read_reduced
from cosod.io.pixels import is_tensor, is_uniform
from cosod.io.storage import is_remote
from cosod.io.tensors import input_shape, shrink

T = TypeVar("T")
#: What is called with index and error of an image that cannot be read.
OnError = Callable[[int, ImageError], None]

#: Batches that :func:`batched_by` may hold back.
HELD = 4
#: Bytes of shrunk images that a group may keep, so that a second pass need not read the files again.
IMAGE_BYTES = 512 << 20


def as_group(images: Sequence[ImageSource]) -> Sequence[ImageSource]:
    """Returns the images of a group, which may also come as one array ``(N, H, W, C)`` or tensor ``(N, C, H, W)``.

    Raises:
        InputError: no list of images, or an empty one.
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
    """The images of a group.

    Args:
        sources: see :func:`cosod.io.read_image`.
        size: side of the square that they are resized to.
        stride: they become rectangles of their own proportions, with sides that are multiples of it, in place of the
            square (:func:`cosod.io.tensors.input_shape`); None of squares.
        max_pixels: larger images are refused.
        on_error: called with the index and the error of an image that cannot be read; None raises it.
        twice: whether they are read a second time, so that keeping them pays.
        find_uniform: leave out images of one color, which show no object.

    Attributes:
        sizes: index -> height and width of the images read so far.
        failed: indices of the images that could not be read; they are not tried again.
        uniform: indices of the images of one color that were left out.
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
        """How many images there are without those that were left out so far."""
        return len(self) - len(self.failed) - len(self.uniform)

    def name(self, index: int) -> str:
        """Returns what an image is called in messages: its path, or its place in the group."""
        source = self.sources[index]
        return str(source) if isinstance(source, str | os.PathLike) or is_remote(source) else f"image {index}"

    def source(self, index: int) -> ImageSource:
        """Returns what an image is read from, any number of times.

        Raises:
            ImageError: a file object that cannot be read.
        """
        if index in self._files:
            return self._files[index]
        source = self.sources[index]
        again = kept(source)
        if again is not source:
            self._files[index] = again
        return again

    def shape(self, height: int, width: int) -> tuple[int, int]:
        """Returns height and width that an image is resized to."""
        return input_shape(height, width, self.size, self.stride)

    def _load(self, index: int) -> np.ndarray | ImageError | None:
        """Returns the shrunk image, the error, or None for an image of one color."""
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
        """Yields index and shrunk image, in order; unreadable images are reported and left out.

        Images of one color are left out too, where these are looked for.
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

    def batches(self, n: int) -> Iterator[list[tuple[int, np.ndarray]]]:
        """Yields index and shrunk image of all images, in batches of one shape: :meth:`read` by :func:`batched_by`.

        Args:
            n: how many images a batch has at most.
        """
        return batched_by(self.read(range(len(self))), n, lambda item: item[1].shape)


def batched(items: Iterable[T], n: int) -> Iterator[list[T]]:
    """Yields lists of n items each; the last one may be shorter."""
    items = iter(items)
    while part := list(islice(items, n)):
        yield part


def batched_by(items: Iterable[T], n: int, key: Callable[[T], Hashable]) -> Iterator[list[T]]:
    """Yields lists of at most n items that are alike in a key, each with its items in order.

    A list is given out when it is full or, where more than :data:`HELD` times n items wait, when it is the oldest.

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
    """Yields what was found in images in the order of the images.

    Args:
        found: one for each image, nearly in order.
        index: of what was found, the index of its image.
        inputs: says which images were left out meanwhile.
        indices: of all images that are looked at, ascending.
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
