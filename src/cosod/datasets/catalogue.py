"""The catalogue of the field's data sets: the size, the use and the publisher of each.

The entries are stored in ``catalogue.json``, where a count or terms of use that no source states are null.
"""

import functools
import json
from dataclasses import dataclass
from importlib import resources

from cosod.errors import InputError


@dataclass(frozen=True)
class Count:
    """The size of a data set, or of a subset of it that is in use.

    Attributes:
        groups: the number of groups; None if it is not stated and therefore not checked.
        images: the number of images; None if it is not stated and therefore not checked.
        what: a description, such as ``the whole set``.

    Example:
        >>> str(Count(80, 1295, "the whole set"))
        '80 groups / 1,295 images (the whole set)'
    """

    groups: int | None
    images: int | None
    what: str

    def __str__(self) -> str:
        parts = [f"{n:,} {word}" for n, word in ((self.groups, "groups"), (self.images, "images")) if n is not None]
        return f"{' / '.join(parts)} ({self.what})"


@dataclass(frozen=True)
class SetInfo:
    """An entry of the catalogue, which describes one data set.

    Attributes:
        name: the name of the set.
        aliases: other names of the set.
        kind: ``co-saliency``, ``co-segmentation``, or ``single-image`` for sets without groups.
        counts: the sizes that are accepted, that of the whole set first if it is known.
        use: ``training`` or ``testing``.
        paper: the citation of the paper that introduced the set.
        publisher: who publishes the set.
        links: the addresses at which the set is published.
        terms: the terms of use; None if no source states them.
        truth: the usual suffix of the masks, such as ``.png``.
        classes: the names of the groups; empty if they are not known.
        note: a remark about the set; "" if there is none.
    """

    name: str
    aliases: tuple[str, ...]
    kind: str
    counts: tuple[Count, ...]
    use: str
    paper: str
    publisher: str
    links: tuple[str, ...]
    terms: str | None
    truth: str
    classes: tuple[str, ...]
    note: str

    @property
    def grouped(self) -> bool:
        """Whether the set has groups, each in a folder of its own."""
        return self.kind != "single-image"


@functools.cache
def catalogue() -> tuple[SetInfo, ...]:
    """Returns the entries of all sets, in the order of ``catalogue.json``.

    Example:
        >>> "CoCA" in [info.name for info in catalogue()]
        True
    """
    text = resources.files("cosod.datasets").joinpath("catalogue.json").read_text(encoding="utf-8")
    return tuple(
        SetInfo(
            **entry
            | {key: tuple(entry[key]) for key in ("aliases", "links", "classes")}
            | {"counts": tuple(Count(**c) for c in entry["counts"])}
        )
        for entry in json.loads(text)
    )


def known(name: str) -> SetInfo | None:
    """Returns the entry of the set with the given name or alias, or None if the catalogue has no such set.

    Letter case, spaces, ``-`` and ``_`` do not matter.

    Example:
        >>> known("co-sal 2015").name
        'CoSal2015'
    """
    return _by_name().get(plain_name(name))


def lookup(name: str) -> SetInfo:
    """Returns the entry of the set with the given name or alias, in any spelling that :func:`known` accepts.

    Raises:
        InputError: the catalogue has no such set. The message lists the names of all sets.

    Example:
        >>> lookup("coca").name
        'CoCA'
    """
    entry = known(name)
    if entry is None:
        names = ", ".join(e.name for e in catalogue())
        raise InputError(f"no data set called '{name}' in the catalogue; it has {names}")
    return entry


@functools.cache
def _by_name() -> dict[str, SetInfo]:
    return {plain_name(name): entry for entry in catalogue() for name in (entry.name, *entry.aliases)}


def plain_name(name: str) -> str:
    """Returns a name in lower case without hyphens, underscores and spaces, for comparing different spellings.

    Example:
        >>> plain_name("MSRA-B") == plain_name("msra b")
        True
    """
    return "".join(c for c in name.casefold() if c not in "-_ ")
