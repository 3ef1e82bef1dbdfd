"""Data sets on disk: the pairs of image and mask by group, and all problems of a set."""

import os
import re
import unicodedata
import warnings
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from cosod.datasets.catalogue import Count, SetInfo, catalogue, known, lookup
from cosod.datasets.layouts import IMAGE_SUFFIXES, Listing, Location, listing, locate
from cosod.errors import InputError

#: The kinds of :class:`Problem` that are warnings: the set can still be used as it is.
WARNINGS = frozenset({"gray mask", "black mask"})


@dataclass(frozen=True)
class Problem:
    """A problem of a data set.

    Attributes:
        kind: the kind of the problem, such as ``missing mask``.
        path: the file or folder that has the problem.
        message: a description of the problem.

    Example:
        >>> Problem("gray mask", Path("gts/mug/1.png"), "1.png is not binary").is_warning
        True
    """

    kind: str
    path: Path
    message: str

    @property
    def is_warning(self) -> bool:
        """Whether the set can be used despite the problem."""
        return self.kind in WARNINGS


@dataclass
class Dataset:
    """A data set on disk.

    Attributes:
        name: the name in the catalogue, or else the name of the folder.
        info: the entry of the set in the catalogue; None if the set was not recognized.
        layout: the layout of the folders, such as ``images/<group> + gts/<group>``.
        root: the folder of the images.
        groups: the paths ``(image, mask)`` of the pairs of each group. Groups and pairs are sorted by name. A set
            without groups has one group named "".
        images: the number of all images, including those without a mask.
        state: the count in the catalogue that the set matches; None if there is none.
        problems: everything that is wrong with the set.
    """

    name: str
    info: SetInfo | None
    layout: str
    root: Path
    groups: dict[str, list[tuple[Path, Path]]]
    images: int
    state: Count | None = None
    problems: list[Problem] = field(default_factory=list)

    @property
    def pairs(self) -> int:
        """The number of images that have a mask."""
        return sum(map(len, self.groups.values()))

    @property
    def ok(self) -> bool:
        """Whether the set has no problems other than warnings."""
        return all(p.is_warning for p in self.problems)

    @property
    def found(self) -> str:
        """The numbers of groups and images as text, such as ``80 groups / 1,295 images``."""
        groups = f"{len(self.groups):,} groups / " if set(self.groups) != {""} else ""
        return f"{groups}{self.images:,} images"


def open_set(path: str | os.PathLike, name: str | None = None, *, strict: bool = False, warn: bool = True) -> Dataset:
    """Opens the data set at ``path`` and checks it against the catalogue.

    Without ``name``, the set is recognized by the name of its folder, the names of its groups, or its numbers of groups
    and images. The suffixes of masks and images may differ. Hidden files and files of the operating system are ignored.

    All problems are in the attribute ``problems`` of the result, whatever ``strict`` and ``warn`` are.

    Args:
        path: The folder of one set, or a folder that contains several sets, from which ``name`` selects one.
        name: The name of the set in the catalogue, for a folder whose own name does not tell it.
        strict: Whether to raise an error for the first problem that is not a warning.
        warn: Whether to issue a Python warning for the first such problem.

    Raises:
        InputError: ``path`` is not a folder, has no known layout, or cannot be read; the catalogue does not know
            ``name``; or there are several sets and ``name`` does not select exactly one of them. With ``strict``,
            also if the set has problems other than warnings.

    Example:
        >>> found = cosod.datasets.open("sets/CoCA")  # doctest: +SKIP
    """
    places = locate(path)
    info = lookup(name) if name is not None else None
    if len(places) > 1:
        names = ", ".join(p.name for p in places)
        places = [p for p in places if info is not None and known(p.name) is info]
        if len(places) != 1:
            wish = f"not one '{name}'" if info else "and no name was given"
            raise InputError(f"{path} holds several sets ({names}), {wish}; name one of them")
    found = _read(places[0], info)
    wrong = [p for p in found.problems if not p.is_warning]
    if wrong:
        more = f" (and {len(wrong) - 1:,} more; see `cosod datasets check`)" if len(wrong) > 1 else ""
        if strict:
            raise InputError(f"{found.root}: {wrong[0].message}{more}")
        if warn:
            warnings.warn(f"{found.root}: {wrong[0].message}{more}", stacklevel=2)
    return found


def open_all(path: str | os.PathLike) -> list[Dataset]:
    """Opens and checks all data sets at ``path``. The problems of each are in its attribute ``problems``.

    Args:
        path: The folder of one set, or a folder that contains several sets.

    Raises:
        InputError: ``path`` is not a folder, has no known layout, or cannot be read.

    Example:
        >>> names = [found.name for found in open_all("sets")]  # doctest: +SKIP
    """
    return [_read(place, None) for place in locate(path)]


def _read(place: Location, info: SetInfo | None) -> Dataset:
    problems: list[Problem] = []
    names = [""]
    if place.grouped:
        names = _groups(place, problems)
    groups: dict[str, list[tuple[Path, Path]]] = {}
    total = 0
    for group in names:
        images = _list(place.images / group, problems)
        total += len(images.files)
        if not images.files and not images.broken:
            what = f"group '{group}'" if group else f"{place.images}"
            problems.append(Problem("empty group", place.images / group, f"{what} has no images"))
        if place.grouped and images.folders:
            message = f"group '{group}' holds folders ({', '.join(images.folders)}), whose images are not used"
            problems.append(Problem("nested folder", place.images / group, message))
        groups[group] = _match(place, group, images, problems)
    info = info or known(place.name) or _recognize(names, total, place.grouped)
    name = info.name if info else place.name
    result = Dataset(name, info, place.layout, place.images, groups, total, problems=problems)
    if info and info.counts:
        result.state = next((c for c in info.counts if _meets(c, result, place.grouped)), None)
        if result.state is None:
            expected = " or ".join(map(str, info.counts))
            message = f"{info.name}: expected {expected}, found {result.found}"
            problems.insert(0, Problem("count", place.images, message))
    return result


def _groups(place: Location, problems: list[Problem]) -> list[str]:
    """Returns the names of the groups.

    Image files beside the folders of the groups, and folders of masks without images, are added to the problems.
    """
    images = _list(place.images, problems)
    for file in images.files:
        problems.append(
            Problem("stray image", place.images / file, f"'{file}' lies beside the groups, in none of them")
        )
    if place.truths.is_dir():
        for folder in sorted(set(_list(place.truths, problems).folders) - set(images.folders)):
            twin = next((g for g in images.folders if _key(g) == _key(folder)), None)
            hint = f"; is it meant for the group '{twin}'?" if twin else ""
            message = f"masks of a group '{folder}' that has no images{hint}"
            problems.append(Problem("misnamed group" if twin else "extra group", place.truths / folder, message))
    return images.folders


def _match(place: Location, group: str, images: Listing, problems: list[Problem]) -> list[tuple[Path, Path]]:
    """Returns the pairs ``(image, mask)`` of one group, and adds files without a partner to the problems."""
    home, truths = place.images / group, place.truths / group
    where = f"group '{group}'" if group else "the set"
    if not truths.is_dir():
        if images.files:
            message = f"{where} has no folder of masks at {truths}: {len(images.files):,} images are without one"
            problems.append(Problem("missing masks", truths, message))
        return []
    masks = _list(truths, problems)
    by_stem: dict[str, list[str]] = defaultdict(list)
    for mask in masks.files:
        by_stem[_stem(mask)].append(mask)
    pairs, bare = [], []
    taken: dict[str, str] = {}
    for image in images.files:
        stem = _stem(image)
        if stem in taken:
            message = f"'{image}' and '{taken[stem]}' of {where} share one mask and one result"
            problems.append(Problem("duplicate", home / image, message))
        elif stem in by_stem:
            taken[stem] = image
            # PNG files come first: if a set has copies of a mask, the lossless one is the original.
            first, *others = sorted(by_stem[stem], key=lambda m: (not m.lower().endswith(".png"), m))
            pairs.append((home / image, truths / first))
            for other in others:
                message = f"'{other}' and '{first}' are masks of one image of {where}"
                problems.append(Problem("duplicate", truths / other, message))
        else:
            bare.append(image)
    extra: dict[str, list[str]] = defaultdict(list)
    for stem, unused in by_stem.items():
        if stem not in taken:
            extra[_key(unused[0])] += unused
    for image in bare:
        like = extra.get(_key(image))
        if not like:
            message = f"no mask for '{image}' of {where}"
            problems.append(Problem("missing mask", home / image, message))
        else:
            mask = like.pop(0)
            want = f"{_stem(image)}{Path(mask).suffix}"
            message = f"the mask of '{image}' of {where} is called '{mask}'; rename it '{want}'"
            problems.append(Problem("misnamed mask", truths / mask, message))
    for mask in sorted(m for unused in extra.values() for m in unused):
        problems.append(Problem("extra mask", truths / mask, f"the mask '{mask}' of {where} has no image"))
    return pairs


def _list(folder: Path, problems: list[Problem]) -> Listing:
    """Lists a folder, and adds everything that cannot be read to the problems."""
    try:
        found = listing(folder)
    except OSError as error:
        problems.append(Problem("unreadable", folder, f"cannot read the folder {folder}: {error.strerror}"))
        return Listing()
    for name in found.broken:
        problems.append(Problem("unreadable", folder / name, f"'{name}' in {folder} is a broken link"))
    return found


def _recognize(groups: list[str], images: int, grouped: bool) -> SetInfo | None:
    """Returns the only set of the catalogue with these names of groups, or else the only set with these counts.

    Returns None if no set or several sets match.
    """
    names = {g.casefold() for g in groups}
    same_names = [e for e in catalogue() if grouped and e.classes and names == {c.casefold() for c in e.classes}]
    wanted = (len(groups), images) if grouped else (None, images)
    same_counts = [e for e in catalogue() if any((c.groups, c.images) == wanted for c in e.counts)]
    for matches in (same_names, same_counts):
        if len(matches) == 1:
            return matches[0]
    return None


def _meets(count: Count, found: Dataset, grouped: bool) -> bool:
    groups = len(found.groups) if grouped else None
    return count.groups in (None, groups) and count.images in (None, found.images)


def _stem(name: str) -> str:
    """Returns a file name without its suffix, in Unicode's composed form.

    macOS stores accents in decomposed form, so that equal names would differ otherwise.
    """
    return unicodedata.normalize("NFC", name.rpartition(".")[0])


def _key(name: str) -> str:
    """Returns a file name in lower case, without spaces, suffixes such as ``.jpg.png`` and endings such as ``_gt``."""
    stem = unicodedata.normalize("NFC", name).casefold()
    while os.path.splitext(stem)[1] in IMAGE_SUFFIXES:  # noqa: PTH122 - 100,000 Path objects are slow
        stem = os.path.splitext(stem)[0]  # noqa: PTH122
    return re.sub(r"(?<=.)[-_ ]*(gt|mask|groundtruth|ground_truth|label|binary)$", "", re.sub(r"\s+", "", stem))
