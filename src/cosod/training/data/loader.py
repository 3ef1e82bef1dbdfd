"""Batches of tensors, prepared in worker processes; they do not depend on the number of processes."""

import itertools
import multiprocessing
import os
import warnings
from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

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
from cosod.training.data.distractor_mixing import Example, mix, planted, random_shape
from cosod.training.data.group_sampler import Meeting, Shot
from cosod.training.data.keyed_rng import KeyedRNG
from cosod.training.data.training_set import TrainingSet, in_common


class Batch(NamedTuple):
    """Batch of G groups of n images, which is the input of the network and of the loss.

    Attributes:
        images: ``(G n, 3, H, W)`` float32, normalized.
        masks: ``(G n, 1, H, W)`` float32 in {0, 1}.
        classes: label of each image's group, ``(G n,)`` int64.
        shared: labels that each image shares with its group, ``(G n, labels)`` float32 in {0, 1}; see
            :func:`cosod.training.data.training_set.in_common`.
        sizes: number of images of each group: ``n``, unless the recipe splits groups into smaller ones.
        objects: masks of all objects, shared or not, ``(G n, 1, H, W)``; None if the loss does not use them.
        lost: error message of each image that could not be read and was replaced by another image of its group.
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
        """Number of groups: G, or more if some are split into smaller ones."""
        return len(self.sizes)

    def to(self, device: torch.device) -> "Batch":
        """Returns a copy of the batch with all tensors on a device."""
        moved: dict[str, Any] = {
            k: v.to(device, non_blocking=True) for k, v in self._asdict().items() if isinstance(v, Tensor)
        }
        return self._replace(**moved)


class Batches(Dataset):
    """Dataset of the batches of an epoch; each entry is a tuple with one batch for each training set.

    If a batch cannot be made, the entry is the error (a :class:`cosod.errors.CosodError`), which :func:`iterate`
    raises.

    Args:
        sets: the training sets.
        plan: plan of the epoch, with one meeting of each training set per entry
            (:func:`cosod.training.data.group_sampler.zip_plans`).
        recipe: recipe of the training, of which size, sampling, augmentation, loss and seed are used.
        epoch: number of the epoch, which is part of the key of all random choices.
        norm: mean and standard deviation of each channel of the network's input.
    """

    def __init__(
        self,
        sets: Sequence[TrainingSet],
        plan: Sequence[tuple[Meeting, ...]],
        recipe: Recipe,
        epoch: int,
        norm: tuple[tuple[float, float, float], tuple[float, float, float]],
    ):
        # Every worker gets a copy of the sets, which therefore contain only the images that the epoch uses, unless any
        # image can be a distractor.
        used = [{shot.item for meeting in each for shot in meeting.shots} for each in zip(*plan, strict=True)]
        # There are more labels than groups if some groups are left out (cosod.training.data.training_set.mixed).
        self._labels = 1 + max(item.label for data in sets for _, item in data.numbered())
        whole = recipe.augment.distractor_images or recipe.augment.made
        self.sets = sets if whole else [s.part(i) for s, i in zip(sets, used, strict=True)]
        self.plan, self.recipe, self.epoch = plan, recipe, epoch
        self._coarse_labels = CoarseLabels(name for data in sets for name in data.groups)
        # Images that belong to no group can be distractors of every group.
        self._loose = [[i for i, item in data.numbered() if item.group not in data.groups] for data in self.sets]
        self._objects = REGISTRY[recipe.loss].all_objects
        self._mean, self._std = (torch.tensor(v).view(1, 3, 1, 1) for v in norm)

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, index: int) -> "tuple[Batch, ...] | CosodError":
        try:
            return tuple(self._batch(index, number) for number in range(len(self.sets)))
        except CosodError as error:
            return error  # if raised in a worker, its message would include a traceback

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
            # Groups are not split if other groups have masks of other objects in a photo, since a single photo would
            # not tell which object is meant.
            clear = not any(data.items[shot.item].others for shot in part)
            sizes.append(_cut(len(part), clear * recipe.sampling.cut, KeyedRNG(*key, "cut", number_of_group)))
            common = in_common([data.items[shot.item] for shot in part])
            for place, labels in enumerate(common, start=first):
                shared[place, list(labels.values())] = 1
            rngs = [KeyedRNG(*key, "image", first + place) for place in range(len(part))]
            groups.append(self._examples(part, common, data, rngs, shape, lost))
        if recipe.augment.mixes:
            mixed = self._mixed(groups, meeting, number, key, shape)
            # No distractors are added to composed groups, whose images have other objects already, and to groups that
            # were split, in which it would be ambiguous which object is meant.
            keep = [is_made or len(cut) > 1 for is_made, cut in zip(made, sizes, strict=True)]
            groups = [own if kept else new for own, new, kept in zip(groups, mixed, keep, strict=True)]
        images, masks = zip(*(example for group in groups for example in group), strict=True)
        classes = torch.tensor([data.items[shot.item].label for shot in meeting.shots])
        pixels = torch.stack(images).sub_(self._mean).div_(self._std)
        truth = torch.stack(masks)
        objects = truth[:, 1:] if self._objects else None
        return Batch(pixels, truth[:, :1], classes, shared, tuple(itertools.chain(*sizes)), objects, tuple(lost))

    def _shape(self, meeting: Meeting, data: TrainingSet, rng: KeyedRNG) -> tuple[int, int]:
        """Returns the height and width of a batch: those to which one of its images, drawn at random, is resized."""
        if not self.recipe.keep_aspect:
            return self.recipe.side, self.recipe.side
        try:
            return self.recipe.shape(*image_size(data.items[rng.pick(meeting.shots).item].image))
        except ImageError:  # the error is reported when the image is read
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
        """Reads the examples of one group.

        An example that cannot be read is replaced by another of the group, and its error message is added to ``lost``.

        Raises:
            ImageError: none of the examples can be read.
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
        errors = [error for error in made if isinstance(error, ImageError)]
        if not whole:
            raise errors[0]
        lost += map(str, errors)
        return [whole[place % len(whole)] if isinstance(e, ImageError) else e for place, e in enumerate(made)]

    def _made(self, n: int, data: TrainingSet, key: tuple, shape: tuple[int, int], lost: list[str]) -> list[Example]:
        """Composes a group of n images: a source image, and n - 1 other images into which its object is pasted.

        An object that is cut out by a random shape is pasted into n images, because the source image does not show it
        as an object.
        """
        rng = KeyedRNG(*key)
        source = rng.below(len(data.items))
        others = [rng.below(len(data.items)) for _ in range(n - 1)]
        shaped = self.recipe.augment.shapes > 0 and rng.chance(self.recipe.augment.shapes)
        if shaped:
            others.append(rng.below(len(data.items)))
        shots = [Shot(item, rng.chance(self.recipe.augment.flip), 0.0) for item in [source] * n + others]
        rngs = [KeyedRNG(*key, place) for place in range(len(shots))]
        common = [[data.items[shot.item].group] for shot in shots]
        made = self._examples(shots, common, data, rngs, shape, lost)
        own = made[:n]
        if shaped:
            cut = random_shape(shape, rng)
            own = [(image, cut) for image, _ in own]
        whole = [] if shaped else own[:1]
        pairs = zip(made[n:], own[len(whole) :], rngs[n:], strict=True)
        return whole + [planted(*other, *example, keyed) for other, example, keyed in pairs]

    def _mixed(
        self, groups: list[list[Example]], meeting: Meeting, number: int, key: tuple, shape: tuple[int, int]
    ) -> list[list[Example]]:
        """Adds distractors to the examples of all groups; by default these are the examples of the next group."""
        augment = self.recipe.augment
        places = range(1, 1 + len(groups))
        others = groups[1:] + groups[:1]
        if augment.distractor_images:
            found = [self._distractors(meeting, number, (*key, "strangers", place), shape) for place in places]
            others = [distractors or other for distractors, other in zip(found, others, strict=True)]
        parts = zip(groups, others, places, strict=True)
        return [mix(own, other, augment, KeyedRNG(*key, f"mix {place}")) for own, other, place in parts]

    def _distractors(self, meeting: Meeting, number: int, key: tuple, shape: tuple[int, int]) -> list[Example]:
        """Reads one image of each of several groups unlike those of the meeting, and an image without a group."""
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


def _cut(n: int, share: float, rng: KeyedRNG) -> list[int]:
    """Returns the sizes of the groups into which n images are split, with probability ``share``; otherwise only n."""
    if n < 4 or not rng.chance(share):
        return [n]
    first = rng.pick(((1, 1), (1, 2), (2,), (3,)))
    return [*first, n - sum(first)]


def usable_workers(wanted: int | None) -> int:
    """Returns the number of worker processes that are started.

    Args:
        wanted: number of workers; a warning is given if it exceeds the number of available cores, to which it is then
            limited. By default one core is left free, and at most 8 workers are started.

    Returns:
        At least 0, which means that batches are prepared in the main process.

    Example:
        >>> usable_workers(0)
        0
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if wanted is None:
        return min(8, cores - 1)
    if wanted > cores:
        warnings.warn(f"{wanted} workers on {cores} cores: {cores} are used", stacklevel=2)
    return max(0, min(wanted, cores))


def iterate(
    batches: Batches, indices: Sequence[int], workers: int, pin: bool
) -> Generator[tuple[Batch, ...], None, None]:
    """Yields entries of ``batches`` in the given order.

    Args:
        batches: the batches of an epoch.
        indices: indices of the entries.
        workers: number of processes that prepare the batches; with 0, the main process does.
        pin: whether the tensors are in pinned memory.

    Raises:
        CosodError: a batch could not be made.

    Example:
        >>> (batch,) = next(iterate(batches, range(len(batches)), workers=0, pin=False))  # doctest: +SKIP
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
        # A generator of its own, so that no numbers are drawn from PyTorch's default generator.
        generator=torch.Generator().manual_seed(0),
    )


def _context():
    """Returns a context that does not fork this process: with threads of OpenCV or PyTorch, a fork can hang."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # imported once, not by every worker of every epoch
    return context


def _one_thread(_worker: int) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
