"""Fixed parts of a run, which need not know of each other."""

import heapq
import re
from collections.abc import Sequence
from typing import NamedTuple

from cosod.errors import InputError
from cosod.io.photo_groups import Group


class Shard(NamedTuple):
    """Part ``number`` of ``count``, counted from 1."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Parses ``2/8``.

        Raises:
            InputError: it is no such thing.
        """
        match = re.fullmatch(r"([0-9]+)/([0-9]+)", text.strip())
        number, count = (int(n) for n in match.groups()) if match else (0, 0)
        if not 1 <= number <= count:
            raise InputError(f"--shard {text}: give a part and how many there are, from 1/8 to 8/8 for instance")
        return cls(number, count)

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def of(self, groups: Sequence[Group]) -> list[Group]:
        """Returns this part of the groups, in their order."""
        return [group for group, part in zip(groups, assign(groups, self.count), strict=True) if part == self.number]


def assign(groups: Sequence[Group], count: int) -> list[int]:
    """Assigns each group to a part, 1 to ``count``; the same wherever names and numbers of images are.

    The largest group first, each goes to the part with the fewest images so far. No part then has more images than
    the average and the largest group together.
    """
    parts = [0] * len(groups)
    load = [(0, number) for number in range(1, count + 1)]
    order = sorted((-len(group.images), group.name, group.part or 0, index) for index, group in enumerate(groups))
    for *_, index in order:
        images, number = load[0]
        parts[index] = number
        heapq.heapreplace(load, (images + len(groups[index].images), number))
    return parts
