"""From plans to tensors: batches made in worker processes, the same whatever their number."""

import itertools
import multiprocessing
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import cv2
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from cosod.errors import CosodError, ImageError
from cosod.io.images import image_size
from cosod.losses.registry import REGISTRY
from cosod.training.config.recipe import Recipe
from cosod.training.data.augment import make_example
from cosod.training.data.coarse_labels import CoarseLabels
from cosod.training.data.distractor_mixing import Example, mix, planted
from cosod.training.data.group_sampler import Meeting, Shot
from cosod.training.data.keyed_rng import KeyedRNG
from cosod.training.data.training_set import Item, TrainingSet, in_common


class Batch(NamedTuple):
    """G groups of n images, ready for the network.

    Attributes:
        images: ``(G n, 3, H, W)``, normalized.
        masks: ``(G n, 1, H, W)`` in {0, 1}.
        classes: ``(G n,)`` int64, label of each image's group.
        shared: ``(G n, labels)`` in {0, 1}: the labels of :func:`cosod.training.data.training_set.in_common`.
        sizes: sizes of the groups, ``n`` each unless the recipe cuts some into smaller ones.
        objects: masks of all objects, shared or not, ``(G n, 1, H, W)``, where the loss takes them.
        lost: a sentence for each image that could not be read; another one of its group stands in.
    """

    images: Tensor
    masks: Tensor
    classes: Tensor
    shared: Tensor
    sizes: tuple[int, ...]
    objects: Tensor | None = None
    lost: tuple[str, ...] = ()

    @property
    def groups(self) -> int:
        """G, where no group is cut."""
        return len(self.sizes)

    def to(self, device: torch.device) -> "Batch":
        """Moves the batch to a device."""
        moved = {k: v.to(device, non_blocking=True) for k, v in self._asdict().items() if isinstance(v, Tensor)}
        return self._replace(**moved)


class Batches(Dataset):
    """The batches of an epoch: entry i has one for each training set.

    Args:
        sets: the training sets.
        plan: the epoch's meetings, a tuple with one of each set an entry
            (:func:`cosod.training.data.group_sampler.zip_plans`).
        recipe: for size, augmentation and seed.
        epoch: part of the key of all random choices.
        norm: mean and standard deviation of the network's input.
    """

    def __init__(
        self,
        sets: Sequence[TrainingSet],
        plan: Sequence[tuple[Meeting, ...]],
        recipe: Recipe,
        epoch: int,
        norm: tuple[tuple[float, float, float], tuple[float, float, float]],
    ):
        # Every worker gets a copy, so only what the epoch needs; a distractor may be any image.
        used = [{shot.item for meeting in each for shot in meeting.shots} for each in zip(*plan, strict=True)]
        # More than there are groups where some are left out (see cosod.training.data.training_set.mixed).
        self._labels = 1 + max(item.label for data in sets for _, item in _numbered(data))
        whole = recipe.augment.distractor_images or recipe.augment.made
        self.sets = sets if whole else [s.part(i) for s, i in zip(sets, used, strict=True)]
        self.plan, self.recipe, self.epoch = plan, recipe, epoch
        self._coarse_labels = CoarseLabels(name for data in sets for name in data.groups)
        # Images of no group can be anybody's distractors.
        self._loose = [[i for i, item in _numbered(data) if item.group not in data.groups] for data in self.sets]
        self._objects = REGISTRY[recipe.loss].all_objects
        self._mean, self._std = (torch.tensor(v).view(1, 3, 1, 1) for v in norm)

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, index: int) -> "tuple[Batch, ...] | CosodError":
        try:
            return tuple(self._batch(index, number) for number in range(len(self.sets)))
        except CosodError as error:
            return error  # raised in a worker it would arrive with a traceback for its message

    def _batch(self, index: int, number: int) -> Batch:
        recipe, data, meeting = self.recipe, self.sets[number], self.plan[index][number]
        key = (recipe.seed, number, self.epoch, index)
        shape = self._shape(meeting, data, KeyedRNG(*key, "shape"))
        shared = torch.zeros(len(meeting.shots), self._labels)
        groups: list[list[Example]] = []
        sizes: list[list[int]] = []
        made: list[bool] = []
        lost: list[str] = []
        for number_of_group, part in enumerate(meeting.parts()):
            first = sum(map(len, groups))
            made.append(KeyedRNG(*key, "made", number_of_group).chance(recipe.augment.made))
            if made[-1]:
                groups.append(self._made(len(part), data, (*key, "made", number_of_group), shape, lost))
                sizes.append([len(part)])
                continue
            # Where other groups mark other things in the same photo, one photo does not say what is meant.
            clear = not any(data.items[shot.item].others for shot in part)
            sizes.append(_cut(len(part), clear * recipe.sampling.cut, KeyedRNG(*key, "cut", number_of_group)))
            common = in_common([data.items[shot.item] for shot in part])
            for place, labels in enumerate(common, start=first):
                shared[place, list(labels.values())] = 1
            rngs = [KeyedRNG(*key, "image", first + place) for place in range(len(part))]
            groups.append(self._examples(part, common, data, rngs, shape, lost))
        if recipe.augment.mixes:
            mixed = self._mixed(groups, meeting, number, key, shape)
            # A made group has other objects in all of its images; in a small one nothing would say which is meant.
            keep = [is_made or len(cut) > 1 for is_made, cut in zip(made, sizes, strict=True)]
            groups = [own if kept else new for own, new, kept in zip(groups, mixed, keep, strict=True)]
        images, masks = zip(*(example for group in groups for example in group), strict=True)
        classes = torch.tensor([data.items[shot.item].label for shot in meeting.shots])
        pixels = torch.stack(images).sub_(self._mean).div_(self._std)
        truth = torch.stack(masks)
        objects = truth[:, 1:] if self._objects else None
        return Batch(pixels, truth[:, :1], classes, shared, tuple(itertools.chain(*sizes)), objects, tuple(lost))

    def _shape(self, meeting: Meeting, data: TrainingSet, rng: KeyedRNG) -> tuple[int, int]:
        """Returns height and width of a batch: those that one of its images, drawn at random, is resized to."""
        if not self.recipe.keep_aspect:
            return self.recipe.side, self.recipe.side
        try:
            return self.recipe.shape(*image_size(data.items[rng.pick(meeting.shots).item].image))
        except ImageError:  # which is reported where the image is read
            return self.recipe.side, self.recipe.side

    def _examples(
        self,
        shots: Sequence[Shot],
        common: Sequence,
        data: TrainingSet,
        rngs: list[KeyedRNG],
        shape: tuple[int, int],
        lost: list[str],
    ) -> list[Example]:
        """Reads one group's examples; one that cannot be read is replaced by the next, with a sentence in ``lost``.

        Raises:
            ImageError: none of them can be read.
        """
        made: list[Example | ImageError] = []
        for shot, names, rng in zip(shots, common, rngs, strict=True):
            try:
                item = data.items[shot.item].opened(names)
                recipe = self.recipe
                made.append(make_example(item, shot, recipe.augment, shape, rng, self._objects, recipe.keep_aspect))
            except ImageError as error:
                made.append(error)
        whole = [example for example in made if not isinstance(example, ImageError)]
        if not whole:
            raise made[0]
        lost += [str(error) for error in made if isinstance(error, ImageError)]
        return [whole[place % len(whole)] if isinstance(e, ImageError) else e for place, e in enumerate(made)]

    def _made(self, n: int, data: TrainingSet, key: tuple, shape: tuple[int, int], lost: list[str]) -> list[Example]:
        """Composes a group of one image's object, pasted into n - 1 other images."""
        rng = KeyedRNG(*key)
        source = rng.below(len(data.items))
        others = [rng.below(len(data.items)) for _ in range(n - 1)]
        shots = [Shot(item, rng.chance(self.recipe.augment.flip), 0.0) for item in [source] * n + others]
        rngs = [KeyedRNG(*key, place) for place in range(len(shots))]
        common = [[data.items[shot.item].group] for shot in shots]
        made = self._examples(shots, common, data, rngs, shape, lost)
        pairs = zip(made[1:n], made[n:], rngs[n:], strict=True)
        return [made[0]] + [planted(*other, *own, rng) for own, other, rng in pairs]

    def _mixed(
        self, groups: list[list[Example]], meeting: Meeting, number: int, key: tuple, shape: tuple[int, int]
    ) -> list[list[Example]]:
        """Adds distractors to the examples of all groups: of other groups, or by default of the next one."""
        augment = self.recipe.augment
        places = range(1, 1 + len(groups))
        others = groups[1:] + groups[:1]
        if augment.distractor_images:
            found = [self._distractors(meeting, number, (*key, "strangers", place), shape) for place in places]
            others = [distractors or other for distractors, other in zip(found, others, strict=True)]
        parts = zip(groups, others, places, strict=True)
        return [mix(own, other, augment, KeyedRNG(*key, f"mix {place}")) for own, other, place in parts]

    def _distractors(self, meeting: Meeting, number: int, key: tuple, shape: tuple[int, int]) -> list[Example]:
        """Reads one image each of groups unlike those of the meeting, and one of no group."""
        recipe, data, rng = self.recipe, self.sets[number], KeyedRNG(*key)
        names = [
            name for name in data.groups if not any(self._coarse_labels.alike(name, own) for own in meeting.groups)
        ]
        wanted = recipe.augment.distractor_images
        loose = [rng.pick(self._loose[number])] if self._loose[number] else []
        chosen = rng.shuffled(names)[: wanted - len(loose)]
        items = [rng.pick(data.groups[name]) for name in chosen] + loose
        shots = [Shot(item, rng.chance(recipe.augment.flip), 0.0) for item in items]
        rngs = [KeyedRNG(*key, place) for place in range(len(shots))]
        common = [[data.items[i].group] for i in items]
        return self._examples(shots, common, data, rngs, shape, []) if shots else []


def _numbered(data: TrainingSet) -> Iterable[tuple[int, Item]]:
    return data.items.items() if isinstance(data.items, Mapping) else enumerate(data.items)


def _cut(n: int, share: float, rng: KeyedRNG) -> list[int]:
    """Returns the sizes of the groups that n images are split into: one of n, or at random several."""
    if n < 4 or not rng.chance(share):
        return [n]
    first = rng.pick(((1, 1), (1, 2), (2,), (3,)))
    return [*first, n - sum(first)]


def usable_workers(wanted: int | None) -> int:
    """Returns the number of worker processes: as wanted, but at most the cores; by default one core is left.

    Warns where more are wanted: they would only get in each other's way.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if wanted is None:
        return min(8, cores - 1)
    if wanted > cores:
        warnings.warn(f"{wanted} workers on {cores} cores: {cores} are used", stacklevel=2)
    return max(0, min(wanted, cores))


def iterate(batches: Batches, indices: Sequence[int], workers: int, pin: bool) -> Iterator[tuple[Batch, ...]]:
    """Yields the entries of ``batches`` at ``indices``, in order, prepared by ``workers`` processes or, if 0, by this
    one.
    """
    made = map(batches.__getitem__, indices) if workers == 0 else _loader(batches, indices, workers, pin)
    for batch in made:
        if isinstance(batch, CosodError):
            raise batch
        yield batch


def _loader(batches: Batches, indices: Sequence[int], workers: int, pin: bool) -> DataLoader:
    return DataLoader(
        batches,
        batch_size=None,
        sampler=indices,
        num_workers=min(workers, max(1, len(indices))),
        pin_memory=pin,
        worker_init_fn=_one_thread,
        multiprocessing_context=_context(),
        # Its own, so that starting a loader draws nothing from PyTorch's generator.
        generator=torch.Generator().manual_seed(0),
    )


def _context():
    """Returns a context whose workers inherit no threads: with those of OpenCV or PyTorch a fork can hang."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # imported once, not by every worker of every epoch
    return context


def _one_thread(_worker: int) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
