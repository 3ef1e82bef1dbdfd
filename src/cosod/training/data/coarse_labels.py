"""Everyday names that cover several groups."""

import re
import tomllib
from collections.abc import Iterable
from importlib import resources


class BroadNames:
    """The everyday names (``dog``, ``car``, ...) that hold two or more of the groups.

    Groups are told by the last part of ``SET/GROUP``, and ``horse_02`` by ``horse``, where the table has that.

    Attributes:
        members: name -> its groups.
        of: group -> its name; a group of two names (a water bottle is no cup) counts for the last.
    """

    def __init__(self, groups: Iterable[str]):
        text = (resources.files("cosod.training.data") / "coarse_labels.toml").read_text(encoding="utf-8")
        table: dict[str, list[int | str]] = tomllib.loads(text)
        known = {str(key) for keys in table.values() for key in keys}
        present: dict[str, list[str]] = {}
        for group in groups:
            own = group.rpartition("/")[2]
            plain = re.sub(r"_[0-9]+$", "", own)
            present.setdefault(plain if plain in known else own, []).append(group)
        found = {name: [group for key in keys for group in present.get(str(key), ())] for name, keys in table.items()}
        self.members = {name: groups for name, groups in found.items() if len(groups) > 1}
        self.of = {group: name for name, groups in self.members.items() for group in groups}

    def alike(self, one: str, other: str) -> bool:
        """Whether two groups are of one everyday name, so that their objects look alike."""
        return self.of.get(one) is not None and self.of.get(one) == self.of.get(other)
