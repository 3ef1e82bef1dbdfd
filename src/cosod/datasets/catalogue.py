"""The field's data sets: how many groups and images each has, what it is for, where its authors publish it.

The entries are data, in ``catalogue.json``; a count or a term that no source states is null there.
"""

import functools
import json
from dataclasses import dataclass
from importlib import resources

from cosod.errors import InputError


@dataclass(frozen=True)
class Count:
    """One state in which a set is in use: ``groups`` and ``images`` (None: not stated, not checked), ``what`` it is."""

    groups: int | None
    images: int | None
    what: str

    def __str__(self) -> str:
        parts = [f"{n:,} {word}" for n, word in ((self.groups, "groups"), (self.images, "images")) if n is not None]
        return f"{' / '.join(parts)} ({self.what})"


@dataclass(frozen=True)
class SetInfo:
    """One set of the catalogue.

    ``kind`` is ``co-saliency``, ``co-segmentation`` or ``single-image`` (no group level), ``use`` ``training`` or
    ``testing``. ``counts`` holds every accepted state, the whole set first. ``truth`` is the usual ending of the masks,
    ``classes`` the names of the groups where they are known, ``terms`` the terms of use or None.
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
        """Whether the images lie in one folder a group."""
        return self.kind != "single-image"


@functools.cache
def catalogue() -> tuple[SetInfo, ...]:
    """Returns all sets, in the order of the listing.

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
    """Returns the set called ``name`` in any spelling, or None; case, blanks, ``-`` and ``_`` do not matter.

    Example:
        >>> known("co-sal 2015").name
        'CoSal2015'
    """
    return _by_name().get(plain_name(name))


def lookup(name: str) -> SetInfo:
    """Returns the set called ``name``.

    Raises:
        InputError: the catalogue has no such set; the message names those it has.

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
    """Returns a name in small letters without hyphens, underscores and spaces, by which spellings are compared.

    Example:
        >>> plain_name("MSRA-B") == plain_name("msra b")
        True
    """
    return "".join(c for c in name.casefold() if c not in "-_ ")
