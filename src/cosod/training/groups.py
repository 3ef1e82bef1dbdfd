"""Training sets: groups of image and mask, checked as a whole before anything is trained."""

import os
import warnings
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from cosod.data.images import image_size
from cosod.datasets import open as open_set
from cosod.errors import ImageError, InputError
from cosod.training.chance import Stream
from cosod.training.recipe import nearest

#: Kinds of :class:`cosod.datasets.Problem` without which a set cannot be trained on. What else does not fit (counts
#: of the catalogue, masks without an image) is a warning.
FATAL = frozenset({"missing mask", "missing masks", "misnamed mask", "misnamed group", "duplicate", "unreadable"})


@dataclass(frozen=True)
class Item:
    """One image with its mask; ``label`` is the index of its group among all groups that are trained on."""

    image: Path
    mask: Path
    group: str
    label: int


@dataclass(frozen=True)
class TrainingSet:
    """Groups to train on.

    Attributes:
        name: of the set, for people.
        items: all images, group after group.
        groups: group -> indices into ``items``; at least two images each, groups in the order of their labels.
    """

    name: str
    items: tuple[Item, ...]
    groups: dict[str, tuple[int, ...]]


Pairs = Sequence[tuple[Path, Path]]


def read_groups(where: str) -> tuple[str, dict[str, Pairs]]:
    """The name of the set at a place, and its groups of (image, mask), checked.

    Groups of one image are left out with a warning: they share nothing.

    Args:
        where: a folder that :func:`cosod.datasets.open` reads, or ``NAME=FOLDER`` for one set of several.

    Raises:
        InputError: not a set of groups; fewer than two groups; or problems with masks, all of them listed:
            missing, misnamed, unreadable, of another size than their image.
    """
    name, _, folder = where.rpartition("=") if not Path(where).exists() else ("", "", where)
    found = open_set(folder, name or None, warn=False)
    if set(found.groups) == {""}:
        raise InputError(f"{where} has no groups; put the images of each group into images/GROUP, masks into gts/GROUP")
    wrong = [p.message for p in found.problems if p.kind in FATAL]
    wrong += _other_sizes([pair for pairs in found.groups.values() for pair in pairs])
    if wrong:
        listed = "\n".join(f"  {message}" for message in wrong)
        raise InputError(f"{where} cannot be trained on, {len(wrong)} problems; mend or remove these:\n{listed}")
    for problem in found.problems:
        if problem.kind not in FATAL | {"grey mask", "black mask"}:
            warnings.warn(f"{where}: {problem.message}", stacklevel=2)
    groups = {group: pairs for group, pairs in found.groups.items() if len(pairs) > 1}
    if single := sorted(set(found.groups) - set(groups)):
        warnings.warn(f"{where}: left out, of fewer than two images: {', '.join(single)}", stacklevel=2)
    if len(groups) < 2:
        raise InputError(f"{where} has {len(groups)} groups of two or more images; training needs at least two groups")
    return found.name, {group: groups[group] for group in sorted(groups, key=_natural)}


def choose_held_out(groups: Iterable[str], names: Sequence[str], count: int, seed: int) -> list[str]:
    """The groups to hold out: those named, else ``count`` chosen by the seed.

    Raises:
        InputError: a name that is no group, or too few groups left to train on.
    """
    groups = list(groups)
    if unknown := [name for name in names if name not in groups]:
        raise InputError(f"no group {unknown[0]!r} to hold out; {nearest(unknown[0], groups)}")
    held = sorted(names or Stream(seed, "held out").shuffled(groups)[:count], key=_natural)
    if len(groups) - len(held) < 2:
        raise InputError(f"{len(held)} of {len(groups)} groups held out leaves none to pair; hold out fewer")
    return held


def training_sets(sets: Sequence[tuple[str, dict[str, Pairs]]], held_out: Sequence[str] = ()) -> list[TrainingSet]:
    """What :func:`read_groups` found, with labels that count through all sets; ``held_out`` is of the first set."""
    result = []
    label = 0
    for number, (name, groups) in enumerate(sets):
        items: list[Item] = []
        spans = {}
        for group, pairs in groups.items():
            if number == 0 and group in held_out:
                continue
            spans[group] = tuple(range(len(items), len(items) + len(pairs)))
            items += [Item(image, mask, group, label) for image, mask in pairs]
            label += 1
        result.append(TrainingSet(name, tuple(items), spans))
    return result


def _other_sizes(pairs: Pairs) -> list[str]:
    """A sentence for every mask that cannot be read or whose size is not its image's; reads headers only."""

    def check(pair: tuple[Path, Path]) -> str | None:
        image, mask = pair
        try:
            height, width = image_size(image)
            with Image.open(mask) as picture:
                size = picture.size
        except (ImageError, OSError) as error:
            return str(error)
        if size != (width, height):
            return f"{mask} is {size[0]} x {size[1]}, its image {width} x {height}"
        return None

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return [message for message in pool.map(check, pairs) if message]


def _natural(name: str) -> tuple:
    """``9`` before ``10``; groups named by numbers come before others."""
    return (0, int(name), name) if name.isdecimal() else (1, 0, name)
