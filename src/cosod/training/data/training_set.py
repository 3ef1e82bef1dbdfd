"""Training sets: groups of image and mask, checked as a whole before anything is trained."""

import io
import os
import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from PIL import Image

from cosod.datasets import open as open_set
from cosod.datasets.catalogue import known
from cosod.datasets.coco import Picture, find_images, read_instances
from cosod.errors import ImageError, InputError, nearest
from cosod.io.images import image_size
from cosod.io.wording import plural
from cosod.training.config.sections import GroupSampling
from cosod.training.data.keyed_rng import KeyedRNG

#: Kinds of :class:`cosod.datasets.Problem` without which a set cannot be trained on. What else does not fit (counts
#: of the catalogue, masks without an image) is a warning.
FATAL = frozenset({"missing mask", "missing masks", "misnamed mask", "misnamed group", "duplicate", "unreadable"})


@dataclass(frozen=True)
class Item:
    """One image with its mask.

    Attributes:
        image: its file.
        mask: its mask's file, on disk or in memory; or the annotations that one is drawn of, see :meth:`opened`.
        group: the group that it was put into.
        label: index of that group among all groups that are trained on.
        labels: with annotations, all groups that the image could be in, each with its label.
        others: masks of the same photo in other groups.
    """

    image: Path
    mask: Path | io.BytesIO | Picture
    group: str
    label: int
    labels: Mapping[str, int] = field(default_factory=dict)
    others: tuple[Path, ...] = ()

    def opened(self, groups: Iterable[str]) -> "Item":
        """Returns the item with a mask that Pillow opens; annotations are drawn of ``groups``.

        Raises:
            ImageError: the image is not of the size that its annotations are of.
        """
        if not isinstance(self.mask, Picture):
            return self
        height, width = image_size(self.image)
        if (height, width) != (self.mask.height, self.mask.width):
            noted = f"{self.mask.width} x {self.mask.height}"
            raise ImageError(f"{self.image} is {width} x {height}, in the annotations {noted}; replace the file")
        return replace(self, mask=self.mask.drawn(set(groups)))


@dataclass(frozen=True)
class TrainingSet:
    """Groups to train on.

    Attributes:
        name: name of the set in messages.
        items: all images, group after group.
        groups: group -> indices into ``items``; at least two images each, groups in the order of their labels.
        sources: sources of several sets that are drawn from by shares: the groups of each.
    """

    name: str
    items: Sequence[Item] | Mapping[int, Item]
    groups: dict[str, tuple[int, ...]]
    sources: tuple[tuple[str, ...], ...] = ()

    def part(self, indices: Iterable[int]) -> "TrainingSet":
        """Returns the set with some of its items only, found by the same indices."""
        return replace(self, items={i: self.items[i] for i in indices})


Pairs = Sequence[tuple[Path, Path | io.BytesIO]]
Annotated = Sequence[tuple[Path, Picture]]


def in_common(items: Sequence[Item]) -> list[Mapping[str, int]]:
    """Returns, for each item of those that meet as one group, the groups that count in it, with their labels.

    From folders that is the one that each is in. Annotated images count for all categories that every one of them
    has (SSNM's co-categories).
    """
    if not all(isinstance(item.mask, Picture) for item in items):
        return [{item.group: item.label} for item in items]
    common = set(items[0].labels).intersection(*(item.labels for item in items))
    return [{group: label for group, label in item.labels.items() if group in common} for item in items]


def read_set(
    where: str, sampling: GroupSampling, images: Path | None = None
) -> tuple[str, dict[str, Pairs | Annotated]]:
    """Reads the set at a place: its name, and its groups of :func:`read_groups` or of a COCO file.

    Args:
        where: ``[NAME=]FOLDER`` or ``[NAME=]FILE.json``.
        sampling: which annotations make a group.
        images: folder of the images of a COCO file; by default it is looked for about the file.

    Raises:
        InputError: as for the two.
    """
    name, _, path = where.rpartition("=") if not Path(where).exists() else ("", "", where)
    if not path.endswith(".json"):
        return read_groups(where)
    return name or Path(path).stem, read_annotations(Path(path), sampling, images)


def read_annotations(path: Path, sampling: GroupSampling, images: Path | None = None) -> dict[str, Annotated]:
    """Reads the groups of a COCO file of instances, by the ids of their categories (SSNM's training data).

    An image is in the group of every category of which it has an instance larger than ``sampling.coco_area``;
    categories of fewer than ``sampling.coco_images`` images are none.

    Raises:
        InputError: not such a file, no images, or fewer than two groups.
    """
    found = read_instances(path)
    folder = images or find_images(path, found.pictures)
    groups: dict[str, list[tuple[Path, Picture]]] = {category: [] for category in found.categories}
    missing = 0
    for picture in found.pictures:
        if large := picture.large(sampling.coco_area):
            image = folder / picture.file
            if not image.is_file():
                missing += 1
                continue
            for category in large:
                groups[category].append((image, picture))
    for why, count in found.left_out.items():
        warnings.warn(f"{path}: {count} annotations left out: {why}", stacklevel=3)
    if missing:
        warnings.warn(f"{path}: {missing} images are not in {folder} and are left out", stacklevel=3)
    kept = {category: pairs for category, pairs in groups.items() if len(pairs) >= sampling.coco_images}
    if len(kept) < 2:
        raise InputError(
            f"{path} has {len(kept)} categories with {sampling.coco_images} or more images in {folder}; training "
            "needs at least two: lower sampling.coco_images or coco_area with --set, or check the folder"
        )
    return kept


def read_groups(where: str) -> tuple[str, dict[str, Pairs]]:
    """Reads the set at a place: its name, and its groups of (image, mask), checked.

    Groups of one image are left out with a warning, because they share nothing.

    Args:
        where: a folder that :func:`cosod.datasets.open` reads, or ``NAME=FOLDER`` for one set of several.

    Raises:
        InputError: not a set of groups; fewer than two groups; or problems with masks, all of them listed:
            missing, misnamed, unreadable, of another size than their image.
    """
    name, _, folder = where.rpartition("=") if not Path(where).exists() else ("", "", where)
    # A name of the user's own needs no entry in the catalogue, which knows the published sets.
    found = open_set(folder, name if known(name) else None, warn=False)
    if set(found.groups) == {""}:
        raise InputError(f"{where} has no groups; put the images of each group into images/GROUP, masks into gts/GROUP")
    wrong = [p.message for p in found.problems if p.kind in FATAL]
    wrong += _other_sizes([pair for pairs in found.groups.values() for pair in pairs])
    if wrong:
        listed = "\n".join(f"  {message}" for message in wrong)
        raise InputError(
            f"{where} cannot be trained on, {len(wrong)} problems; correct or remove these files:\n{listed}"
        )
    for problem in found.problems:
        if problem.kind not in FATAL | {"gray mask", "black mask"}:
            warnings.warn(f"{where}: {problem.message}", stacklevel=2)
    groups = {group: pairs for group, pairs in found.groups.items() if len(pairs) > 1}
    if single := sorted(set(found.groups) - set(groups)):
        warnings.warn(f"{where}: left out, of fewer than two images: {', '.join(single)}", stacklevel=2)
    if len(groups) < 2:
        count = plural(len(groups), "group")
        raise InputError(f"{where} has {count} of two or more images; at least two groups are needed")
    return name or found.name, {group: groups[group] for group in sorted(groups, key=_natural)}


def choose_held_out(groups: Iterable[str], names: Sequence[str], count: int, seed: int) -> list[str]:
    """Chooses the groups to hold out: those named, else ``count`` by the seed.

    Raises:
        InputError: a name that is no group, or too few groups left to train on.
    """
    groups = list(groups)
    if unknown := [name for name in names if name not in groups]:
        raise InputError(f"no group {unknown[0]!r} to hold out; {nearest(unknown[0], groups)}")
    held = sorted(names or KeyedRNG(seed, "held out").shuffled(groups)[:count], key=_natural)
    if len(groups) - len(held) < 2:
        raise InputError(f"{len(held)} of {len(groups)} groups held out leaves none to pair; give fewer to --hold-out")
    return held


def training_sets(
    sets: Sequence[tuple[str, dict[str, Pairs | Annotated]]], held_out: Sequence[str] = ()
) -> list[TrainingSet]:
    """Returns training sets from :func:`read_set`, with labels that count on; ``held_out`` is of the first."""
    result = []
    start = 0
    masks_of: dict[str, list[Path]] = defaultdict(list)
    for number, (_, groups) in enumerate(sets):
        for group in groups:
            for image, mask in groups[group] if number or group not in held_out else ():
                if isinstance(mask, Path):
                    masks_of[os.path.realpath(image)].append(mask)

    def others_of(image: Path, mask: Path | Picture) -> tuple[Path, ...]:
        return tuple(other for other in masks_of.get(os.path.realpath(image), ()) if other != mask)

    for number, (name, groups) in enumerate(sets):
        used = [group for group in groups if number or group not in held_out]
        labels = {group: start + i for i, group in enumerate(used)}
        start += len(used)
        labels_of: dict[Path, dict[str, int]] = defaultdict(dict)
        for group in used:
            for image, mask in groups[group]:
                if isinstance(mask, Picture):
                    labels_of[image][group] = labels[group]
        items: list[Item] = []
        spans = {}
        for group in used:
            pairs = groups[group]
            spans[group] = tuple(range(len(items), len(items) + len(pairs)))
            items += [
                Item(image, mask, group, labels[group], labels_of.get(image, {}), others_of(image, mask))
                for image, mask in pairs
            ]
        result.append(TrainingSet(name, tuple(items), spans))
    return result


def mixed(sets: Sequence[TrainingSet], ungrouped: Sequence[str] = ()) -> TrainingSet:
    """Merges several sets into one, whose groups are named ``SET/GROUP``.

    Args:
        sets: sets of :func:`training_sets`.
        ungrouped: names of groups whose images share nothing: they are in ``items``, for what is made of single
            images, but in no group.
    """
    items: list[Item] = []
    groups: dict[str, tuple[int, ...]] = {}
    sources = []
    for number, data in enumerate(sets):
        name = data.name if [s.name for s in sets].count(data.name) == 1 else f"{data.name}-{number}"
        own = {f"{name}/{g}": tuple(len(items) + i for i in at) for g, at in data.groups.items() if g not in ungrouped}
        items += [replace(item, group=f"{name}/{item.group}") for item in data.items]
        groups |= own
        sources.append(tuple(own))
    return TrainingSet("+".join(data.name for data in sets), tuple(items), groups, tuple(sources))


def drawn(groups: Mapping[str, Pairs | Annotated], most: int) -> dict[str, Pairs]:
    """Groups with masks that Pillow opens, of the first ``most`` images each; annotations are drawn of the group."""
    found = {}
    for group, pairs in groups.items():
        found[group] = []
        for image, mask in pairs[:most]:
            try:
                found[group].append((image, Item(image, mask, group, 0).opened([group]).mask))
            except ImageError as error:
                warnings.warn(f"left out: {error}", stacklevel=2)
    return found


def _other_sizes(pairs: Pairs) -> list[str]:
    """Returns a sentence for every mask that cannot be read or whose size is not its image's; reads headers only."""

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
    """Returns a sorting key by which ``9`` comes before ``10``; groups named by numbers come first."""
    return (0, int(name), name) if name.isdecimal() else (1, 0, name)
