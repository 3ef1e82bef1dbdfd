"""Random choices that are the same on every machine, in every process, and after a resumed run.

Each choice has a key (seed, epoch, pair, ...), and a generator made from it: nothing depends on what was drawn
before. Only ``random()`` is used, the one method whose numbers Python promises to keep between versions.
"""

import random
from collections.abc import Iterable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


class KeyedRNG:
    """Random numbers of one key: plain values, told apart by what they print as.

    Example:
        >>> KeyedRNG(7, "epoch", 0).below(10) == KeyedRNG(7, "epoch", 0).below(10)
        True
        >>> sorted(KeyedRNG("any", "key").shuffled("abc"))
        ['a', 'b', 'c']
    """

    def __init__(self, *key: int | str):
        text = "/".join(map(str, key))
        self._random = random.Random(text.encode("utf-8", "surrogateescape")).random  # names may hold any bytes

    def share(self) -> float:
        """Draws a number in [0, 1)."""
        return self._random()

    def chance(self, probability: float) -> bool:
        """Returns true with the given probability; one number is drawn in any case."""
        return self._random() < probability

    def between(self, low: float, high: float) -> float:
        """Draws a number between ``low`` and ``high``."""
        return low + (high - low) * self._random()

    def below(self, n: int) -> int:
        """Draws a whole number from 0 to ``n - 1``."""
        return int(self._random() * n)

    def pick(self, items: Sequence[Item]) -> Item:
        """Draws one of ``items``."""
        return items[self.below(len(items))]

    def shuffled(self, items: Iterable[Item]) -> list[Item]:
        """Returns ``items`` in random order."""
        keyed = [(self._random(), place, item) for place, item in enumerate(items)]
        return [item for _, _, item in sorted(keyed, key=lambda entry: entry[:2])]


def torch_seed(*key: int | str) -> int:
    """Returns a seed for PyTorch's generators (dropout, new weights) from a key.

    Example:
        >>> torch_seed(7, "weights") == torch_seed(7, "weights")
        True
    """
    return int(KeyedRNG(*key).share() * 2**53)
