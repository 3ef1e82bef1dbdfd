"""The images of a group on their way to a network: read ahead in threads, shrunk, and kept up to a bound."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np

from cosod.errors import ImageError
from cosod.io.images import ImageSource, read_reduced
from cosod.io.tensors import shrink

#: Bytes of shrunk images that a group may keep, so that a second pass need not read the files again.
IMAGE_BYTES = 512 << 20


class Inputs:
    """The images of a group.

    Args:
        sources: see :func:`cosod.io.read_image`.
        size: side of the square that they are resized to.
        max_pixels: larger images are refused.
        on_error: called with the index and the error of an image that cannot be read; None raises it.
        twice: whether they are read a second time, so that keeping them pays.

    Attributes:
        sizes: index -> height and width of the images read so far.
        failed: indices of the images that could not be read; they are not tried again.
    """

    def __init__(
        self,
        sources: Sequence[ImageSource],
        size: int,
        max_pixels: int,
        on_error: Callable[[int, ImageError], None] | None,
        twice: bool = True,
    ):
        self.sources, self.size, self.max_pixels, self.on_error = sources, size, max_pixels, on_error
        self.sizes: dict[int, tuple[int, int]] = {}
        self.failed: set[int] = set()
        self._shrunk: dict[int, np.ndarray] = {}
        self._keep = twice and len(sources) * size * size * 3 <= IMAGE_BYTES

    def __len__(self) -> int:
        return len(self.sources)

    def _load(self, index: int) -> np.ndarray | ImageError:
        if index in self._shrunk:
            return self._shrunk[index]
        try:
            image, self.sizes[index] = read_reduced(self.sources[index], self.size, self.max_pixels)
        except ImageError as error:
            return error
        return shrink(image, self.size)

    def read(self, indices: Sequence[int], strict: bool = False) -> Iterator[tuple[int, np.ndarray]]:
        """Index and shrunk image, in order; unreadable images are reported and left out, or raised if ``strict``."""
        workers = min(4, os.cpu_count() or 1)
        with ThreadPoolExecutor(workers, thread_name_prefix="cosod-read") as pool:
            remaining = (i for i in indices if i not in self.failed)
            pending = [(i, pool.submit(self._load, i)) for i in islice(remaining, 2 * workers)]
            while pending:
                index, future = pending.pop(0)
                image = future.result()
                pending += [(i, pool.submit(self._load, i)) for i in islice(remaining, 1)]
                if isinstance(image, ImageError):
                    if strict or self.on_error is None:
                        raise image
                    self.failed.add(index)
                    self.on_error(index, image)
                    continue
                if self._keep:
                    self._shrunk[index] = image
                yield index, image


def batched(items, n: int) -> Iterator[list]:
    """Lists of n of the items, the last one shorter."""
    items = iter(items)
    while part := list(islice(items, n)):
        yield part
