"""Coarse labels: everyday names that cover several groups."""

import re
import tomllib
from collections.abc import Iterable
from importlib import resources


class CoarseLabels:
    """The coarse labels (``dog``, ``car``, ...) that hold two or more of the groups.

    Attributes:
        members: label -> its groups.
        of: group -> its label; a group of two labels (a water bottle is no cup) counts for the last.
    """

    def __init__(self, groups: Iterable[str]):
        text = (resources.files("cosod.training.data") / "coarse_labels.toml").read_text(encoding="utf-8")
        table = tomllib.loads(text)
        present = set(groups)
        found = {name: [str(i) for i in indices if str(i) in present] for name, indices in table.items()}
        self.members = {name: groups for name, groups in found.items() if len(groups) > 1}
        self.of = {group: name for name, groups in self.members.items() for group in groups}

    def alike(self, one: str, other: str) -> bool:
        """Whether two groups have one coarse label, so that their objects look alike."""
        return self.of.get(one) is not None and self.of.get(one) == self.of.get(other)


def same_name(one: str, other: str) -> bool:
    """Whether two groups differ in no more than a number at the end: ``horse_01``, ``horse_02``."""
    return _plain(one) == _plain(other)


def _plain(group: str) -> str:
    return re.sub(r"_[0-9]+$", "", group)
