"""Sampling of the groups and images of each step, which depends only on the seed and the epoch."""

import bisect
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from cosod.training.config.sections import Augment, GroupSampling
from cosod.training.data.coarse_labels import CoarseLabels
from cosod.training.data.keyed_rng import KeyedRNG
from cosod.training.data.training_set import TrainingSet

#: Number of groups that are drawn by shares in order to find one that may be in a batch with the groups drawn before.
TRIES = 20


class Shot(NamedTuple):
    """One image of a step, with the part of its augmentation that order files record.

    Attributes:
        item: index of the image in the items of the training set.
        flip: whether the image is flipped horizontally.
        angle: angle of the rotation in degrees, counterclockwise.
    """

    item: int
    flip: bool
    angle: float


class Meeting(NamedTuple):
    """The groups of a batch.

    Attributes:
        groups: names of the groups.
        shots: the images of all groups, n of each, group after group.
    """

    groups: tuple[str, ...]
    shots: tuple[Shot, ...]

    def parts(self) -> list[tuple[Shot, ...]]:
        """Returns the images of each group, in the order of ``groups``."""
        n = len(self.shots) // len(self.groups)
        return [self.shots[i : i + n] for i in range(0, len(self.shots), n)]


class Sampler:
    """Sampler of the batches (meetings of groups) of every epoch for one training set.

    In an epoch, each group is the first group of one meeting, unless groups are drawn by ``sampling.shares``. The
    number n of images per group is the minimum of ``sampling.images`` and the sizes of the groups, unless smaller
    groups are filled up. Each random choice has its own key, so that any process can plan an epoch independently of the
    epochs before.

    Args:
        data: the training set.
        sampling: section ``sampling`` of the recipe.
        augment: section ``augment`` of the recipe, of which flips and rotations are used.
        seed: seed of the recipe.
        key: number of the training set, by which the random choices of several sets differ.
    """

    def __init__(self, data: TrainingSet, sampling: GroupSampling, augment: Augment, seed: int, key: int = 0):
        self.data, self.sampling, self.augment = data, sampling, augment
        self._key = (seed, key)
        self.names = list(data.groups)
        self.coarse_labels = CoarseLabels(self.names if sampling.coarse_labels else ())

    @property
    def length(self) -> int:
        """Number of meetings in an epoch."""
        return self.sampling.meetings if self.sampling.shares else len(self.names)

    def _drawn(self, rng: KeyedRNG) -> str:
        """Draws a source (training set) with probabilities proportional to the shares, then one of its groups."""
        shares = self.sampling.shares[: len(self.data.sources)]
        number = bisect.bisect_right(list(itertools.accumulate(shares)), rng.share() * sum(shares))
        return rng.pick(self.data.sources[min(number, len(shares) - 1)])

    def plan(self, epoch: int, nearest: Mapping[str, str] | None = None) -> list[Meeting]:
        """Plans the meetings of an epoch, in their order.

        Args:
            epoch: number of the epoch, from 0.
            nearest: hardest partner of each group (:func:`cosod.training.hard_partners.nearest_groups`), for
                ``partner = "hardest"``.
        """
        order = self.names
        if self.sampling.shares:
            rng = KeyedRNG(*self._key, "drawn", epoch)
            order = [self._drawn(rng) for _ in range(self.length)]
        elif self.sampling.order == "shuffled":
            order = KeyedRNG(*self._key, "order", epoch).shuffled(order)
        return [self._meeting(epoch, group, nearest or {}, place) for place, group in enumerate(order)]

    def partners(self, *groups: str) -> list[str]:
        """Returns the groups that may be in a batch with ``groups``.

        These are the groups that show another kind of object
        (:meth:`cosod.training.data.coarse_labels.CoarseLabels.alike`), or all other groups if there is no such group.
        """
        others = [name for name in self.names if name not in groups]
        return [name for name in others if not any(self.coarse_labels.alike(name, group) for group in groups)] or others

    def _meeting(self, epoch: int, group: str, nearest: Mapping[str, str], place: int) -> Meeting:
        kind = self.sampling.partner
        groups = [group]
        # If groups are drawn by shares, a group may be drawn several times in an epoch.
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
            # If the set has fewer groups than wanted, all of them are taken.
            while len(groups) < self.sampling.groups and (others := self.partners(*groups)):
                groups.append(rng.pick(others))
        rng = KeyedRNG(*self._key, "images", *key)
        pools = [self._pool(rng, name) for name in groups]
        n = self.sampling.images
        if not self.sampling.fill:
            n = min(n, *(sum(map(len, pool)) for pool in pools))
        chosen = [_evenly(rng, pool, n) for pool in pools]
        parts = [[self._shot(rng, item) for item in items] for items in chosen]
        # Shots are repeated with their flip and angle: order files identify the images of a step by their paths.
        shots = (part[i % len(part)] for part in parts for i in range(n))
        return Meeting(tuple(groups), tuple(shots))

    def _pool(self, rng: KeyedRNG, group: str) -> list[Sequence[int]]:
        """Returns the images to draw from, by classes: those of the group, or of all classes of its coarse label."""
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
    """Combines the plans of several training sets to one plan, whose entries have one meeting of every set.

    Shorter plans are repeated up to the length of the longest one. The combined plan is extended, by repeating its
    beginning, to a multiple of ``pairs``, the number of entries in a step.

    Example:
        >>> one, two = Meeting(("cat",), ()), Meeting(("dog",), ())
        >>> len(zip_plans([[one, two, one], [two]], pairs=2))
        4
    """
    longest = max(map(len, plans))
    length = -(-longest // pairs) * pairs
    return [tuple(plan[i % longest % len(plan)] for plan in plans) for i in range(length)]


def _evenly(rng: KeyedRNG, pool: list[Sequence[int]], n: int) -> list[int]:
    """Draws n items, or all if there are fewer, as evenly from the classes of the pool as their sizes allow."""
    n = min(n, sum(map(len, pool)))
    orders = rng.shuffled([rng.shuffled(items) for items in pool])
    taken: list[int] = []
    while len(taken) < n:
        for order in orders:
            if order and len(taken) < n:
                taken.append(order.pop())
    return taken


#: Function that returns the plan of an epoch: :meth:`Sampler.plan`, or that of order files which are replayed.
Plan = Callable[[int, Mapping[str, str] | None], list[Meeting]]
