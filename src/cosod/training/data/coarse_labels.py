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
        """Whether the objects of two groups look alike.

        They do if the groups have one coarse label, or differ in a number at the end alone: ``horse_01``, ``horse_02``.
        """
        label = self.of.get(one)
        return _plain(one) == _plain(other) or (label is not None and label == self.of.get(other))


def _plain(group: str) -> str:
    return re.sub(r"_[0-9]+$", "", group)
