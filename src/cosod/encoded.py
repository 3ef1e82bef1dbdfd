"""The features of a group, batch by batch, and kept up to a bound."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch

from cosod.data.inputs import Inputs, batched
from cosod.models.interface import Features


class EncodedGroup:
    """The images of a group as features, which are encoded when they are asked for, and kept up to a bound.

    Args:
        inputs: the images.
        encode: n shrunk images ``(S, S, 3)`` uint8 -> their features.
        batch: images at once.
        bound: bytes of features to keep. What goes beyond is encoded again each time it is asked for, so that memory
            does not grow with the group.
    """

    def __init__(self, inputs: Inputs, encode: Callable[[list[np.ndarray]], Features], batch: int, bound: int):
        self.inputs, self.encode, self.batch, self.bound = inputs, encode, batch, bound
        self._kept: dict[int, Features] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self.inputs)

    def batches(self, indices: Iterable[int], last: bool = False) -> Iterator[tuple[list[int], Features]]:
        """Indices and features of images, in order; those that cannot be read are reported once and left out.

        Args:
            indices: of the images.
            last: they are not asked for again: features are freed as they are given out, and an image that cannot be
                read any more raises its error.
        """
        for part in batched(self._items(indices, last), self.batch):
            yield [index for index, _ in part], self._features(part, last)

    def _items(self, indices: Iterable[int], last: bool) -> Iterator[tuple[int, np.ndarray | None]]:
        """Index and image; None in place of an image whose features are kept."""
        indices = list(indices)
        images = self.inputs.read([index for index in indices if index not in self._kept], strict=last)
        upcoming = next(images, None)
        for index in indices:
            if index in self._kept:
                yield index, None
            elif upcoming is not None and upcoming[0] == index:
                yield upcoming
                upcoming = next(images, None)

    @torch.inference_mode()
    def _features(self, part: Sequence[tuple[int, np.ndarray | None]], last: bool) -> Features:
        fresh = {index: image for index, image in part if image is not None}
        if len(fresh) == len(part):
            features = self.encode(list(fresh.values()))
            if not last:
                self._keep(dict(zip(fresh, _rows(features), strict=True)))
            return features
        rows = dict(zip(fresh, _rows(self.encode(list(fresh.values()))), strict=True)) if fresh else {}
        take = self._kept.pop if last else self._kept.__getitem__
        found = [rows[index] if index in rows else take(index) for index, _ in part]
        if not last:
            self._keep(rows)
        skips = tuple(torch.cat(level) for level in zip(*(one.skips for one in found), strict=True))
        return Features(skips, torch.cat([one.deep for one in found]), found[0].size)

    def _keep(self, rows: dict[int, Features]) -> None:
        for index, features in rows.items():
            size = sum(tensor.nbytes for tensor in (*features.skips, features.deep))
            if self._bytes + size > self.bound:
                return
            self._kept[index] = features
            self._bytes += size


def _rows(features: Features) -> list[Features]:
    """Each image's part of a batch; it shares the batch's memory."""
    levels = zip(*(level.split(1) for level in (*features.skips, features.deep)), strict=True)
    return [Features(tuple(skips), deep, features.size) for *skips, deep in levels]
