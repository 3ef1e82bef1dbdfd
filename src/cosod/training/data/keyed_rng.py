"""Random choices that are the same on every machine, in every process, and after a run was resumed.

Each choice has a key (seed, epoch, pair, ...) and its own generator, whose seed is the key, so that no choice depends
on how many numbers were drawn before. Only ``random()`` is used, because it is the only method whose numbers Python
guarantees to be the same in all versions.
"""

import random
from collections.abc import Iterable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


class KeyedRNG:
    """Random number generator whose seed is a key.

    Args:
        key: one or more values. Their texts, joined by ``/``, are the seed, so that 1 and ``"1"`` are the same.

    Example:
        >>> KeyedRNG(7, "epoch", 0).below(10) == KeyedRNG(7, "epoch", 0).below(10)
        True
        >>> sorted(KeyedRNG("any", "key").shuffled("abc"))
        ['a', 'b', 'c']
    """

    def __init__(self, *key: int | str):
        text = "/".join(map(str, key))
        self._random = random.Random(text.encode("utf-8", "surrogateescape")).random  # file names may contain any bytes

    def share(self) -> float:
        """Draws a number in [0, 1) from the uniform distribution."""
        return self._random()

    def chance(self, probability: float) -> bool:
        """Returns ``True`` with the given probability; always draws exactly one number."""
        return self._random() < probability

    def between(self, low: float, high: float) -> float:
        """Draws a number between ``low`` and ``high`` from the uniform distribution."""
        return low + (high - low) * self._random()

    def below(self, n: int) -> int:
        """Draws an integer from 0 to ``n - 1``."""
        return int(self._random() * n)

    def pick(self, items: Sequence[Item]) -> Item:
        """Draws one of ``items``, which must not be empty."""
        return items[self.below(len(items))]

    def shuffled(self, items: Iterable[Item]) -> list[Item]:
        """Returns a list of ``items`` in random order."""
        keyed = [(self._random(), place, item) for place, item in enumerate(items)]
        return [item for _, _, item in sorted(keyed, key=lambda entry: entry[:2])]


def torch_seed(*key: int | str) -> int:
    """Returns a seed in [0, 2^53) for PyTorch's generators (dropout, new weights) from a key of :class:`KeyedRNG`.

    Example:
        >>> torch_seed(7, "weights") == torch_seed(7, "weights")
        True
    """
    return int(KeyedRNG(*key).share() * 2**53)
