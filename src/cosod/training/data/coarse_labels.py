"""Coarse labels, which are everyday names that cover several groups, e.g. ``dog`` for all breeds of dogs."""

import re
import tomllib
from collections.abc import Iterable
from importlib import resources


class CoarseLabels:
    """The coarse labels (``dog``, ``car``, ...) that cover two or more of the given groups.

    Args:
        groups: names of the groups; those of DUTS_class are the indices of ImageNet classes.

    Attributes:
        members: the groups of each label.
        of: the label of each group that has one; if two labels cover a group, the last one.

    Example:
        >>> labels = CoarseLabels(["281", "282", "407"])
        >>> labels.members, labels.alike("281", "282")
        ({'cat': ['281', '282']}, True)
    """

    def __init__(self, groups: Iterable[str]):
        text = (resources.files("cosod.training.data") / "coarse_labels.toml").read_text(encoding="utf-8")
        table = tomllib.loads(text)
        present = set(groups)
        found = {name: [str(i) for i in indices if str(i) in present] for name, indices in table.items()}
        self.members = {name: groups for name, groups in found.items() if len(groups) > 1}
        self.of = {group: name for name, groups in self.members.items() for group in groups}

    def alike(self, one: str, other: str) -> bool:
        """Returns whether two groups show the same kind of object.

        This is so if they have the same coarse label, or if their names differ only in a number at the end, e.g.
        ``horse_01`` and ``horse_02``.
        """
        label = self.of.get(one)
        return without_number(one) == without_number(other) or (label is not None and label == self.of.get(other))


def without_number(group: str) -> str:
    """Returns the name of a group without a number at its end.

    Example:
        >>> without_number("horse_01")
        'horse'
    """
    return re.sub(r"_[0-9]+$", "", group)
