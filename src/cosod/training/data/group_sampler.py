"""Sampling of groups: which images are in which step, decided by the seed alone, epoch by epoch."""

import bisect
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from cosod.training.config.sections import Augment, GroupSampling
from cosod.training.data.coarse_labels import CoarseLabels
from cosod.training.data.keyed_rng import KeyedRNG
from cosod.training.data.training_set import TrainingSet

#: Groups that are drawn by shares to find one that may meet those there are.
TRIES = 20


class Shot(NamedTuple):
    """One image of a step: its index in the set, and the part of its augmentation that order files record."""

    item: int
    flip: bool
    angle: float


class Meeting(NamedTuple):
    """Groups that meet in a batch, two of them or more: their names, and n images of the first, n of the second, ..."""

    groups: tuple[str, ...]
    shots: tuple[Shot, ...]

    def parts(self) -> list[tuple[Shot, ...]]:
        """Returns the images of each group."""
        n = len(self.shots) // len(self.groups)
        return [self.shots[i : i + n] for i in range(0, len(self.shots), n)]


class Sampler:
    """The meetings of every epoch for one training set.

    Each group is the first of one meeting an epoch; n is the least of ``sampling.images`` and the groups' sizes,
    unless smaller groups are filled up. All choices have a key of their own, so that an epoch can be planned by
    any process without the epochs before it.

    Args:
        data: the set.
        sampling, augment: sampling and augment of the recipe.
        seed: seed of the recipe.
        key: what tells this set's choices from another set's.
    """

    def __init__(self, data: TrainingSet, sampling: GroupSampling, augment: Augment, seed: int, key: int = 0):
        self.data, self.sampling, self.augment = data, sampling, augment
        self._key = (seed, key)
        self.names = list(data.groups)
        self.coarse_labels = CoarseLabels(self.names if sampling.coarse_labels else ())

    @property
    def length(self) -> int:
        """Meetings in an epoch."""
        return self.sampling.meetings if self.sampling.shares else len(self.names)

    def _drawn(self, rng: KeyedRNG) -> str:
        """Draws a group of a source by the shares."""
        shares = self.sampling.shares[: len(self.data.sources)]
        number = bisect.bisect_right(list(itertools.accumulate(shares)), rng.share() * sum(shares))
        return rng.pick(self.data.sources[min(number, len(shares) - 1)])

    def plan(self, epoch: int, nearest: Mapping[str, str] | None = None) -> list[Meeting]:
        """Plans the meetings of an epoch, in order.

        Args:
            epoch: from 0.
            nearest: for ``partner = "hardest"``: group -> the other group whose consensus is nearest.
        """
        order = self.names
        if self.sampling.shares:
            rng = KeyedRNG(*self._key, "drawn", epoch)
            order = [self._drawn(rng) for _ in range(self.length)]
        elif self.sampling.order == "shuffled":
            order = KeyedRNG(*self._key, "order", epoch).shuffled(order)
        return [self._meeting(epoch, group, nearest or {}, place) for place, group in enumerate(order)]

    def partners(self, *groups: str) -> list[str]:
        """Returns the groups that may meet all of ``groups``: none of the same coarse label, if there is a choice."""
        others = [name for name in self.names if name not in groups]
        return [name for name in others if not any(self.coarse_labels.alike(name, group) for group in groups)] or others

    def _meeting(self, epoch: int, group: str, nearest: Mapping[str, str], place: int) -> Meeting:
        kind = self.sampling.partner
        groups = [group]
        # A group that is drawn by shares may come several times in an epoch.
        key = (group, epoch, place) if self.sampling.shares else (group, epoch)
        if self.sampling.shares:
            rng = KeyedRNG(*self._key, "partner", *key)
            while len(groups) < self.sampling.groups:
                others = self.partners(*groups)
                tried = [self._drawn(rng) for _ in range(TRIES)]
                groups.append(next((other for other in tried if other in others), None) or rng.pick(others))
        elif kind == "hardest" and group in nearest:
            groups.append(nearest[group])
        else:
            rng = KeyedRNG(*self._key, "partner", group, "always" if kind == "fixed" else epoch)
            # All groups of a set that has fewer than wanted.
            while len(groups) < self.sampling.groups and (others := self.partners(*groups)):
                groups.append(rng.pick(others))
        rng = KeyedRNG(*self._key, "images", *key)
        pools = [self._pool(rng, name) for name in groups]
        n = self.sampling.images
        if not self.sampling.fill:
            n = min(n, *(sum(map(len, pool)) for pool in pools))
        chosen = [_evenly(rng, pool, n) for pool in pools]
        parts = [[self._shot(rng, item) for item in items] for items in chosen]
        # Whole shots are repeated: order files tell the images of a step apart by their path.
        shots = (part[i % len(part)] for part in parts for i in range(n))
        return Meeting(tuple(groups), tuple(shots))

    def _pool(self, rng: KeyedRNG, group: str) -> list[Sequence[int]]:
        """Returns the images to draw from, class by class: the group's, or those of all classes of its coarse label."""
        labels = self.coarse_labels
        coarse = rng.chance(self.sampling.coarse_labels) and group in labels.of
        classes = labels.members[labels.of[group]] if coarse else [group]
        return [self.data.groups[name] for name in classes]

    def _shot(self, rng: KeyedRNG, item: int) -> Shot:
        flip = rng.chance(self.augment.flip)
        turned = rng.chance(self.augment.rotation_share)
        angle = rng.between(-self.augment.rotation, self.augment.rotation)
        return Shot(item, flip, angle if turned else 0.0)


def zip_plans(plans: Sequence[list[Meeting]], pairs: int) -> list[tuple[Meeting, ...]]:
    """Combines the plans of several sets into one whose entries have a meeting of every set.

    A shorter plan begins again, and so does the whole where its length is no multiple of ``pairs``, the number
    that a step takes.
    """
    longest = max(map(len, plans))
    length = -(-longest // pairs) * pairs
    return [tuple(plan[i % longest % len(plan)] for plan in plans) for i in range(length)]


def _evenly(rng: KeyedRNG, pool: list[Sequence[int]], n: int) -> list[int]:
    """Draws n items, or all if there are fewer, the classes of the pool as evenly as their sizes allow."""
    n = min(n, sum(map(len, pool)))
    orders = rng.shuffled([rng.shuffled(items) for items in pool])
    taken: list[int] = []
    while len(taken) < n:
        for order in orders:
            if order and len(taken) < n:
                taken.append(order.pop())
    return taken


#: Something that gives the plan of an epoch: :meth:`Sampler.plan`, or order files that are replayed.
Plan = Callable[[int, Mapping[str, str] | None], list[Meeting]]
