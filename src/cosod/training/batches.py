"""From plans to tensors: batches made in worker processes, the same whatever their number."""

import multiprocessing
import os
import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from cosod.errors import CosodError
from cosod.training.augment import make_example
from cosod.training.chance import Stream
from cosod.training.groups import TrainingSet
from cosod.training.mixing import mix
from cosod.training.recipe import Recipe
from cosod.training.sampler import Pair


class Batch(NamedTuple):
    """Two groups of n images, ready for the network.

    Attributes:
        images: ``(2 n, 3, S, S)``, normalised.
        masks: ``(2 n, 1, S, S)`` in {0, 1}.
        classes: ``(2 n,)`` int64, label of each image's group.
    """

    images: Tensor
    masks: Tensor
    classes: Tensor


class Batches(Dataset):
    """The batches of an epoch: entry i has one for each training set.

    Args:
        sets: the training sets.
        pairs: the epoch's pairs, a tuple with one of each set an entry (:func:`cosod.training.sampler.joined`).
        recipe: for size, augmentation and seed.
        epoch: part of the key of all random choices.
        norm: mean and standard deviation of the network's input.
    """

    def __init__(
        self, sets: Sequence[TrainingSet], pairs: Sequence[tuple[Pair, ...]], recipe: Recipe, epoch: int, norm
    ):
        self.sets, self.pairs, self.recipe, self.epoch = sets, pairs, recipe, epoch
        self._mean, self._std = (torch.tensor(v).view(1, 3, 1, 1) for v in norm)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> "tuple[Batch, ...] | CosodError":
        try:
            return tuple(self._batch(index, number) for number in range(len(self.sets)))
        except CosodError as error:
            return error  # raised in a worker it would arrive with a traceback for its message

    def _batch(self, index: int, number: int) -> Batch:
        recipe, data, pair = self.recipe, self.sets[number], self.pairs[index][number]
        key = (recipe.seed, number, self.epoch, index)
        examples = [
            make_example(data.items[shot.item], shot, recipe.augment, recipe.side, Stream(*key, "image", place))
            for place, shot in enumerate(pair.shots)
        ]
        n = len(examples) // 2
        if recipe.augment.distractors or recipe.augment.absent:
            shares = (recipe.augment.distractors, recipe.augment.absent)
            first, second = examples[:n], examples[n:]
            examples = mix(first, second, *shares, Stream(*key, "mix 1"))
            examples += mix(second, first, *shares, Stream(*key, "mix 2"))
        images = torch.stack([image for image, _ in examples])
        return Batch(
            images.sub_(self._mean).div_(self._std),
            torch.stack([mask for _, mask in examples]),
            torch.tensor([data.items[shot.item].label for shot in pair.shots]),
        )


def usable_workers(wanted: int | None) -> int:
    """The number of worker processes: as wanted, but no more than there are cores; by default one core is left.

    Warns where more are wanted: they would only get in each other's way.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if wanted is None:
        return min(8, cores - 1)
    if wanted > cores:
        warnings.warn(f"{wanted} workers on {cores} cores: {cores} are used", stacklevel=2)
    return max(0, min(wanted, cores))


def iterate(batches: Batches, indices: Sequence[int], workers: int, pin: bool) -> Iterator[tuple[Batch, ...]]:
    """The entries of ``batches`` at ``indices``, in order, made ahead by ``workers`` processes (0: by this one)."""
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
    """Workers that inherit no threads: a fork of a process in which OpenCV or PyTorch has started some can hang."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # imported once, not by every worker of every epoch
    return context


def _one_thread(_worker: int) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
