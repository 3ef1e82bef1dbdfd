"""Training sets, i.e. groups of images with masks, which are checked before the training begins."""

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

#: Kinds of :class:`cosod.datasets.Problem` with which a set cannot be used for training. Other problems (numbers that
#: differ from the catalogue, masks without an image) are warnings.
FATAL = frozenset({"missing mask", "missing masks", "misnamed mask", "misnamed group", "duplicate", "unreadable"})


@dataclass(frozen=True)
class Item:
    """One image with its mask.

    Attributes:
        image: file of the image.
        mask: file of the mask, on disk or in memory; or annotations from which :meth:`opened` draws the mask.
        group: name of the group that the item belongs to.
        label: index of this group among all groups of all training sets.
        labels: all groups that contain the image, with their labels; empty unless the mask is given by annotations.
        others: masks of the same photo in other groups.
    """

    image: Path
    mask: Path | io.BytesIO | Picture
    group: str
    label: int
    labels: Mapping[str, int] = field(default_factory=dict)
    others: tuple[Path, ...] = ()

    def opened(self, groups: Iterable[str]) -> "Item":
        """Returns the item with a mask that Pillow can open: annotations are replaced by a drawn mask.

        Args:
            groups: names of the groups (categories) whose instances are drawn; not used if the mask is a file.

        Raises:
            ImageError: the image cannot be read, or has another size than its annotations state.
        """
        return replace(self, mask=self.mask_file(groups)) if isinstance(self.mask, Picture) else self

    def mask_file(self, groups: Iterable[str]) -> Path | io.BytesIO:
        """Returns the mask of :meth:`opened`, whose arguments and errors are the same."""
        if not isinstance(self.mask, Picture):
            return self.mask
        height, width = image_size(self.image)
        if (height, width) != (self.mask.height, self.mask.width):
            noted = f"{self.mask.width} x {self.mask.height}"
            raise ImageError(f"{self.image} is {width} x {height}, in the annotations {noted}; replace the file")
        return self.mask.drawn(set(groups))


@dataclass(frozen=True)
class TrainingSet:
    """Training set, i.e. groups of images with masks.

    Attributes:
        name: name of the set in messages.
        items: all images, group after group; with only some of the images (:meth:`part`), a dictionary by index.
        groups: indices into ``items`` for each group, which has at least two images. Groups are in the order of their
            labels.
        sources: names of the groups of each of several merged sets (:func:`mixed`), from which groups are drawn by
            shares; otherwise empty.
    """

    name: str
    items: Sequence[Item] | Mapping[int, Item]
    groups: dict[str, tuple[int, ...]]
    sources: tuple[tuple[str, ...], ...] = ()

    def part(self, indices: Iterable[int]) -> "TrainingSet":
        """Returns the set with only some of its items, which keep their indices."""
        return replace(self, items={i: self.items[i] for i in indices})

    def numbered(self) -> Iterable[tuple[int, Item]]:
        """Returns all items with their indices."""
        return self.items.items() if isinstance(self.items, Mapping) else enumerate(self.items)


Files = Sequence[tuple[Path, Path]]
Pairs = Sequence[tuple[Path, Path | io.BytesIO]]
Annotated = Sequence[tuple[Path, Picture]]


def in_common(items: Sequence[Item]) -> list[Mapping[str, int]]:
    """Returns the shared groups of the items of one group in a batch, with their labels, for each item.

    For images with mask files, this is the group of the item. For annotated images, these are all categories of which
    every image has an instance (the co-categories of SSNM).

    Example:
        >>> in_common([Item(Path("1.jpg"), Path("1.png"), "cat", 3)])
        [{'cat': 3}]
    """
    if not all(isinstance(item.mask, Picture) for item in items):
        return [{item.group: item.label} for item in items]
    common = set(items[0].labels).intersection(*(item.labels for item in items))
    return [{group: label for group, label in item.labels.items() if group in common} for item in items]


def read_set(
    where: str, sampling: GroupSampling, images: Path | None = None
) -> tuple[str, Mapping[str, Pairs | Annotated]]:
    """Reads a training set from a folder or from a COCO file.

    Args:
        where: ``[NAME=]FOLDER`` or ``[NAME=]FILE.json``.
        sampling: section ``sampling`` of the recipe, which says which annotations of a COCO file form groups.
        images: folder with the images of a COCO file; by default it is searched for near the file.

    Returns:
        The name of the set, and its groups as :func:`read_groups` or :func:`read_annotations` returns them.

    Raises:
        InputError: the set cannot be used, see :func:`read_groups` and :func:`read_annotations`.

    Example:
        >>> name, groups = read_set("sets/CoCo-SEG", GroupSampling())  # doctest: +SKIP
    """
    name, _, path = where.rpartition("=") if not Path(where).exists() else ("", "", where)
    if not path.endswith(".json"):
        return read_groups(where)
    return name or Path(path).stem, read_annotations(Path(path), sampling, images)


def read_annotations(
    path: Path, sampling: GroupSampling, images: Path | None = None
) -> dict[str, list[tuple[Path, Picture]]]:
    """Reads the groups of a COCO file of instances, by category (the training data of SSNM).

    An image belongs to the group of every category of which it has an instance of more than ``sampling.coco_area``
    pixels that is not a crowd. Categories with fewer than ``sampling.coco_images`` images are left out.

    Args:
        path: the COCO file.
        sampling: section ``sampling`` of the recipe.
        images: folder with the images; by default it is searched for near the file.

    Returns:
        Pairs of image and annotations for each category.

    Raises:
        InputError: the file is not a COCO file of instances, its images are not found, or fewer than two groups remain.

    Example:
        >>> groups = read_annotations(Path("coco/instances_train2017.json"), GroupSampling())  # doctest: +SKIP
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


def read_groups(where: str) -> tuple[str, dict[str, Files]]:
    """Reads a set of groups from a folder, and checks it.

    Groups of a single image are left out with a warning, because a single image shares no object with others.

    Args:
        where: a folder that :func:`cosod.datasets.open` can read, or ``NAME=FOLDER``.

    Returns:
        The name of the set, and pairs of image and mask for each group.

    Raises:
        InputError: the folder is not a set of groups, has fewer than two groups, or has masks that are missing,
            misnamed, unreadable, or of another size than their image (the message lists all of them).

    Example:
        >>> name, groups = read_groups("sets/CoCo-SEG")  # doctest: +SKIP
    """
    name, _, folder = where.rpartition("=") if not Path(where).exists() else ("", "", where)
    # A name that the user has chosen need not be in the catalogue, which contains the published sets.
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
    """Chooses the groups that are held out of training.

    Args:
        groups: names of all groups.
        names: names of the groups to hold out; if given, ``count`` is ignored.
        count: number of groups to hold out at random.
        seed: seed of the random choice.

    Raises:
        InputError: a name is not the name of a group, or fewer than two groups remain for training.

    Example:
        >>> choose_held_out(["cat", "cow", "dog"], names=["cow"], count=0, seed=0)
        ['cow']
    """
    groups = list(groups)
    if unknown := [name for name in names if name not in groups]:
        raise InputError(f"no group {unknown[0]!r} to hold out; {nearest(unknown[0], groups)}")
    held = sorted(names or KeyedRNG(seed, "held out").shuffled(groups)[:count], key=_natural)
    if len(groups) - len(held) < 2:
        raise InputError(f"{len(held)} of {len(groups)} groups held out leaves none to pair; give fewer to --hold-out")
    return held


def training_sets(
    sets: Sequence[tuple[str, Mapping[str, Pairs | Annotated]]], held_out: Sequence[str] = ()
) -> list[TrainingSet]:
    """Creates training sets, whose groups are labeled consecutively over all sets.

    Args:
        sets: name and groups of each set, as :func:`read_set` returns them.
        held_out: names of the groups of the first set that are left out.

    Example:
        >>> pairs = [(Path("1.jpg"), Path("1.png")), (Path("2.jpg"), Path("2.png"))]
        >>> one, two = training_sets([("one", {"cat": pairs}), ("two", {"dog": pairs})])
        >>> [item.label for item in (*one.items, *two.items)]
        [0, 0, 1, 1]
    """
    result = []
    start = 0
    masks_of: dict[str, list[Path]] = defaultdict(list)
    for number, (_, groups) in enumerate(sets):
        for group in groups:
            for image, mask in groups[group] if number or group not in held_out else ():
                if isinstance(mask, Path):
                    masks_of[os.path.realpath(image)].append(mask)

    def others_of(image: Path, mask: Path | io.BytesIO | Picture) -> tuple[Path, ...]:
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
    """Merges several training sets into one, whose groups are named ``SET/GROUP``.

    Args:
        sets: sets of :func:`training_sets`.
        ungrouped: names of groups whose images share no object. Their images are in ``items``, to be used for composed
            groups and as distractors, but belong to no group.

    Example:
        >>> pairs = [(Path("1.jpg"), Path("1.png")), (Path("2.jpg"), Path("2.png"))]
        >>> merged = mixed(training_sets([("one", {"cat": pairs}), ("two", {"dog": pairs})]))
        >>> merged.groups
        {'one/cat': (0, 1), 'two/dog': (2, 3)}
    """
    items: list[Item] = []
    groups: dict[str, tuple[int, ...]] = {}
    sources = []
    for number, data in enumerate(sets):
        name = data.name if [s.name for s in sets].count(data.name) == 1 else f"{data.name}-{number}"
        own = {f"{name}/{g}": tuple(len(items) + i for i in at) for g, at in data.groups.items() if g not in ungrouped}
        items += [replace(item, group=f"{name}/{item.group}") for _, item in data.numbered()]
        groups |= own
        sources.append(tuple(own))
    return TrainingSet("+".join(data.name for data in sets), tuple(items), groups, tuple(sources))


def drawn(groups: Mapping[str, Pairs | Annotated], most: int) -> dict[str, list[tuple[Path, Path | io.BytesIO]]]:
    """Returns groups with masks that Pillow can open: annotations are replaced by masks of the group's category.

    Args:
        groups: groups of :func:`read_set`.
        most: maximum number of images of a group; further ones are left out.

    Returns:
        Pairs of image and mask for each group, without images whose size differs from their annotations (with a
        warning).

    Example:
        >>> drawn({"cat": [(Path("1.jpg"), Path("1.png")), (Path("2.jpg"), Path("2.png"))]}, most=1)["cat"][0][0].name
        '1.jpg'
    """
    found: dict[str, list[tuple[Path, Path | io.BytesIO]]] = {}
    for group, pairs in groups.items():
        found[group] = []
        for image, mask in pairs[:most]:
            try:
                found[group].append((image, Item(image, mask, group, 0).mask_file([group])))
            except ImageError as error:
                warnings.warn(f"left out: {error}", stacklevel=2)
    return found


def _other_sizes(pairs: Files) -> list[str]:
    """Returns a message for every mask that cannot be read or has another size than its image; reads headers only."""

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
    """Returns a sorting key by which names that are numbers come first, in numerical order."""
    return (0, int(name), name) if name.isdecimal() else (1, 0, name)
