"""Shards: fixed parts of a run that machines can process without communication."""

import heapq
import re
from collections.abc import Sequence
from typing import NamedTuple

from cosod.errors import InputError
from cosod.io.photo_groups import Group


class Shard(NamedTuple):
    """A shard of a run: part ``number`` of ``count`` parts, counted from 1.

    Example:
        >>> Shard.parse("2/8")
        Shard(number=2, count=8)
    """

    number: int
    count: int  # type: ignore[assignment]  # the field replaces the method of tuples of this name

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Parses a text such as ``2/8``, which stands for the second of eight shards.

        Raises:
            InputError: the text has another form, or the number is not from 1 to the count.
        """
        match = re.fullmatch(r"([0-9]+)/([0-9]+)", text.strip())
        number, count = (int(n) for n in match.groups()) if match else (0, 0)
        if not 1 <= number <= count:
            raise InputError(f"--shard {text}: give a part and how many there are, from 1/8 to 8/8 for instance")
        return cls(number, count)

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def of(self, groups: Sequence[Group]) -> list[Group]:
        """Returns the groups that belong to this shard, in their order."""
        return [group for group, part in zip(groups, assign(groups, self.count), strict=True) if part == self.number]


def assign(groups: Sequence[Group], count: int) -> list[int]:
    """Assigns each group to one of ``count`` parts with about the same number of images.

    The groups are assigned from the largest to the smallest, each to the part with the fewest images so far. No part
    then has more images than the average of the parts plus the largest group. The result depends only on the names of
    the groups and their numbers of images, so it is the same on all machines.

    Args:
        groups: groups of the whole run.
        count: number of parts.

    Returns:
        For each group the number of its part, from 1 to ``count``.

    Example:
        >>> big, small = Group("big", ("1.jpg",) * 3, ("1",) * 3), Group("small", ("2.jpg",), ("2",))
        >>> assign([small, big, small], 2)
        [2, 1, 2]
    """
    parts = [0] * len(groups)
    load = [(0, number) for number in range(1, count + 1)]
    order = sorted((-len(group.images), group.name, group.part or 0, index) for index, group in enumerate(groups))
    for *_, index in order:
        images, number = load[0]
        parts[index] = number
        heapq.heapreplace(load, (images + len(groups[index].images), number))
    return parts
