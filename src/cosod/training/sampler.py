"""Which images meet in which step: decided by the seed alone, epoch by epoch."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from cosod.training.broad import BroadNames
from cosod.training.chance import Stream
from cosod.training.groups import TrainingSet
from cosod.training.settings import Augment, Sampling


class Shot(NamedTuple):
    """One image of a step: its index in the set, and the part of its augmentation that order files record."""

    item: int
    flip: bool
    angle: float


class Pair(NamedTuple):
    """Two groups that meet: their names, and n images of the first, then n of the second."""

    first: str
    second: str
    shots: tuple[Shot, ...]


class Sampler:
    """The pairs of every epoch for one training set.

    Each group is the first of one pair an epoch; n is the least of ``sampling.images`` and both groups' sizes
    (gconet.md section 6). All choices have a key of their own, so that an epoch can be planned by any process
    without the epochs before it.

    Args:
        data: the set.
        sampling, augment: of the recipe.
        seed: of the recipe.
        key: what tells this set's choices from another set's.
    """

    def __init__(self, data: TrainingSet, sampling: Sampling, augment: Augment, seed: int, key: int = 0):
        self.data, self.sampling, self.augment = data, sampling, augment
        self._key = (seed, key)
        self.names = list(data.groups)
        self.broad = BroadNames(self.names if sampling.broad else ())

    def plan(self, epoch: int, nearest: Mapping[str, str] | None = None) -> list[Pair]:
        """The pairs of an epoch, in order.

        Args:
            epoch: from 0.
            nearest: for ``partner = "hardest"``: group -> the other group whose consensus is nearest.
        """
        order = self.names
        if self.sampling.order == "shuffled":
            order = Stream(*self._key, "order", epoch).shuffled(order)
        return [self._pair(epoch, group, nearest or {}) for group in order]

    def partners(self, group: str) -> list[str]:
        """The groups that may be paired with ``group``: none of the same everyday name, if there is a choice."""
        others = [name for name in self.names if name != group]
        return [name for name in others if not self.broad.alike(name, group)] or others

    def _pair(self, epoch: int, group: str, nearest: Mapping[str, str]) -> Pair:
        kind = self.sampling.partner
        if kind == "hardest" and group in nearest:
            other = nearest[group]
        else:
            when = "always" if kind == "fixed" else epoch
            other = Stream(*self._key, "partner", group, when).pick(self.partners(group))
        stream = Stream(*self._key, "images", group, epoch)
        pools = [self._pool(stream, name) for name in (group, other)]
        n = min(self.sampling.images, *(sum(map(len, pool)) for pool in pools))
        chosen = [item for pool in pools for item in _evenly(stream, pool, n)]
        return Pair(group, other, tuple(self._shot(stream, item) for item in chosen))

    def _pool(self, stream: Stream, group: str) -> list[Sequence[int]]:
        """The images to draw from, class by class: the group's, or those of all classes of its everyday name."""
        broad = stream.chance(self.sampling.broad) and group in self.broad.of
        classes = self.broad.members[self.broad.of[group]] if broad else [group]
        return [self.data.groups[name] for name in classes]

    def _shot(self, stream: Stream, item: int) -> Shot:
        flip = stream.chance(self.augment.flip)
        turned = stream.chance(self.augment.rotation_share)
        angle = stream.between(-self.augment.rotation, self.augment.rotation)
        return Shot(item, flip, angle if turned else 0.0)


def joined(plans: Sequence[list[Pair]], pairs: int) -> list[tuple[Pair, ...]]:
    """The plans of several sets as one: each entry has a pair of every set.

    A shorter plan begins again, and so does the whole where its length is no multiple of ``pairs``, the number
    that a step takes.
    """
    longest = max(map(len, plans))
    length = -(-longest // pairs) * pairs
    return [tuple(plan[i % longest % len(plan)] for plan in plans) for i in range(length)]


def _evenly(stream: Stream, pool: list[Sequence[int]], n: int) -> list[int]:
    """n items, the classes of the pool as evenly as their sizes allow."""
    orders = stream.shuffled([stream.shuffled(items) for items in pool])
    taken: list[int] = []
    while len(taken) < n:
        for order in orders:
            if order and len(taken) < n:
                taken.append(order.pop())
    return taken


#: Something that gives the plan of an epoch: :meth:`Sampler.plan`, or order files that are replayed.
Plan = Callable[[int, Mapping[str, str] | None], list[Pair]]
