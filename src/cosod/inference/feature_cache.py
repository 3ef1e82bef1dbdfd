"""The features of a group in batches, which are kept up to a limit of memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from cosod.io.prefetch import Inputs, batched_by
from cosod.models.base import Features

#: Number of bytes of the blocks of memory for the features of a large group.
BLOCK_BYTES = 1 << 26


class EncodedGroup:
    """The features of the images of a group, which are encoded when they are needed, and kept up to a limit.

    Args:
        inputs: the images.
        encode: function from n resized images ``(H, W, 3)`` uint8 of the same shape to their features.
        batch: number of images that are encoded at once.
        bound: maximum number of bytes of features to keep. Features beyond it are computed again each time, so that the
            memory does not grow with the group.
    """

    def __init__(self, inputs: Inputs, encode: Callable[[list[np.ndarray]], Features], batch: int, bound: int):
        self.inputs, self.encode, self.batch, self.bound = inputs, encode, batch, bound
        self._kept: dict[int, _Row] = {}
        self._free: dict[tuple[int, int], _Row] = {}  # by shape: the first free row of the current block
        self._bytes = 0

    def __len__(self) -> int:
        return len(self.inputs)

    def batches(self, indices: Iterable[int], last: bool = False) -> Iterator[tuple[list[int], Features]]:
        """Yields indices and features of images; those that cannot be read are reported once and left out.

        The images of a batch have the same shape. If all images have the same shape, the batches are in order,
        otherwise nearly in order (:func:`cosod.io.prefetch.batched_by`).

        Args:
            indices: indices of the images.
            last: whether the features are not needed again, so that they are freed as they are yielded. An image that
                has to be read again for that, but is no longer readable, is reported and left out.
        """
        for part in batched_by(self._items(indices), self.batch, self._shape):
            yield [index for index, _ in part], self._features(part, last)

    def _items(self, indices: Iterable[int]) -> Iterator[tuple[int, np.ndarray | None]]:
        """Yields index and image, with None instead of an image whose features are kept."""
        indices = list(indices)
        images = self.inputs.read([index for index in indices if index not in self._kept])
        upcoming = next(images, None)
        for index in indices:
            if index in self._kept:
                yield index, None
            elif upcoming is not None and upcoming[0] == index:
                yield upcoming
                upcoming = next(images, None)

    def _shape(self, item: tuple[int, np.ndarray | None]) -> tuple[int, ...]:
        index, image = item
        return self._kept[index].batch.size if image is None else image.shape[:2]

    @torch.inference_mode()
    def _features(self, part: Sequence[tuple[int, np.ndarray | None]], last: bool) -> Features:
        fresh = {index: image for index, image in part if image is not None}
        rows: dict[int, _Row] = {}
        if fresh:
            features = self.encode(list(fresh.values()))
            rows = {index: _Row(features, number) for number, index in enumerate(fresh)}
        take = self._kept.pop if last else self._kept.__getitem__
        found = [rows[index] if index in rows else take(index) for index, _ in part]
        if not last:
            self._keep(rows)
        return _together(found)

    def _keep(self, rows: dict[int, "_Row"]) -> None:
        for index, row in rows.items():
            size = sum(level.nbytes for level in _levels(row.batch)) // len(row.batch.deep)
            if self._bytes + size > self.bound:
                return
            self._kept[index] = self._moved(row, size) if len(self) * size > BLOCK_BYTES else row
            self._bytes += size

    def _moved(self, row: "_Row", size: int) -> "_Row":
        """Copies a row into a block of many rows.

        Features that stay in memory between the temporary tensors of the layers would fragment the memory, and a
        process could grow to twice its size.
        """
        place = self._free.get(row.batch.size)
        if place is None or place.number == len(place.batch.deep):
            left = min(len(self) - len(self._kept), (self.bound - self._bytes) // size)
            place = _Row(_block(row.batch, max(1, min(left, BLOCK_BYTES // size))), 0)
        for to, level in zip(_levels(place.batch), _levels(row.batch), strict=True):
            to[place.number].copy_(level[row.number])
        self._free[row.batch.size] = _Row(place.batch, place.number + 1)
        return place


class _Row(NamedTuple):
    """The features of one image, as a row of their batch."""

    batch: Features
    number: int


def _levels(features: Features) -> tuple[Tensor, ...]:
    return *features.skips, features.deep


def _block(like: Features, rows: int) -> Features:
    """Allocates features for ``rows`` images with the shapes, types and memory formats of ``like``."""

    def made(level: Tensor) -> Tensor:
        last = level.dim() == 4 and level.is_contiguous(memory_format=torch.channels_last)
        form = torch.channels_last if last else torch.contiguous_format
        return torch.empty((rows, *level.shape[1:]), dtype=level.dtype, device=level.device, memory_format=form)

    return Features(tuple(made(level) for level in like.skips), made(like.deep), like.size)


def _together(rows: list[_Row]) -> Features:
    """Concatenates rows to a batch; consecutive rows of one batch are not copied."""
    batch, start = rows[0]
    if all(row.batch is batch and row.number == number for number, row in enumerate(rows, start=start)):
        part = slice(start, start + len(rows))
        return Features(tuple(skip[part] for skip in batch.skips), batch.deep[part], batch.size)
    levels = zip(*([level[n : n + 1] for level in _levels(batch)] for batch, n in rows), strict=True)
    *skips, deep = (torch.cat(level) for level in levels)
    return Features(tuple(skips), deep, batch.size)
