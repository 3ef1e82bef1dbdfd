"""Checks whether the scored images are those of a published table."""

from collections.abc import Mapping

from cosod.datasets.catalogue import Count, SetInfo, catalogue, known
from cosod.evaluation.pairs import FLAT
from cosod.evaluation.published import papers

#: The number of group names that a sentence shows.
_SHOWN = 3


def difference(set_name: str, groups: Mapping[str, int]) -> str | None:
    """Describes how the scored images differ from those of a published table, according to the catalogue of sets.

    Args:
        set_name: the name of the set in any spelling of :data:`cosod.evaluation.published.papers.SETS`.
        groups: the number of images of each scored group; a folder without groups is one group named ``.``.

    Returns:
        None if the numbers of groups and images and the names of the groups match, or if the catalogue does not know
        them; otherwise a clause that states the difference.

    Raises:
        InputError: no published table has that set.

    Example:
        >>> difference("CoCA", {"apple": 8, "cat": 8})
        'the papers score CoCA with 80 groups / 1,295 images (the whole set), these are 2 groups / 16 images'
    """
    name = papers.canonical(set_name)
    entry = known(name)
    if entry is None or not entry.counts:
        return None
    found = Count(len(groups) if entry.grouped and set(groups) != {FLAT} else None, sum(groups.values()), "found")
    states = _of_table(entry)
    other = _other_set(entry, groups)
    wanted = " or ".join(map(str, states))
    there = str(found).removesuffix(" (found)")
    if other:
        return f"the papers score {name}, and the groups are those of {other}"
    if not any(_meets(state, found) for state in states):
        return f"the papers score {name} with {wanted}, these are {there}"
    if entry.grouped and set(groups) == {FLAT}:
        return f"the groups of {name} cannot be told from a folder without groups"
    if entry.classes:
        ours = {_plain(c) for c in entry.classes}
        strange = sorted(g for g in groups if _plain(g) not in ours)
        if strange:
            more = ", ..." if len(strange) > _SHOWN else ""
            return f"{name} has no group {', '.join(strange[:_SHOWN])}{more}"
    return None


def _of_table(entry: SetInfo) -> tuple[Count, ...]:
    """Returns the counts of what the papers score: of the subset with the known classes, or else of the whole set."""
    named = tuple(count for count in entry.counts if entry.classes and count.groups == len(entry.classes))
    return named or entry.counts[:1]


def _meets(state: Count, found: Count) -> bool:
    groups = found.groups is None or state.groups in (None, found.groups)
    return groups and state.images in (None, found.images)


def _other_set(entry: SetInfo, groups: Mapping[str, int]) -> str | None:
    """Returns the name of another set whose classes are those of the groups; None if there is none."""
    names = {_plain(g) for g in groups}
    same = [e.name for e in catalogue() if e is not entry and e.classes and {_plain(c) for c in e.classes} == names]
    own = {_plain(c) for c in entry.classes}
    return same[0] if same and names != own else None


def _plain(group: str) -> str:
    name = "".join(c for c in group.rpartition("/")[2].casefold() if c not in "-_ ")
    return papers.class_names().get(name, name)
