"""Settings of an active-learning run: the dataclasses of its parts, and named set-ups as data."""

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import field
from importlib import resources
from typing import Any, get_type_hints

from cosod.active_learning.attack import Attack
from cosod.active_learning.ensemble import Ensemble
from cosod.active_learning.labels import MODES
from cosod.active_learning.selection import PointSelection
from cosod.active_learning.stage import Training
from cosod.errors import InputError
from cosod.training.config.recipe import nearest, of_kind, parsed

#: How many superpixels an image is cut into, about.
REGIONS = 450


@dataclasses.dataclass(frozen=True)
class Settings:
    """A run: ``first`` clicks an image by chance, then ``rounds`` times ``clicks`` that a network asked for.

    The published article gives the budget of ten, and a drawing in which an image has two clicks before a round and
    four after it; rounds and increments are read off that.

    Attributes:
        first: clicks of an image before the first round.
        clicks: clicks of an image in a round.
        rounds: how many.
        labels: what a click labels, see :data:`cosod.active_learning.labels.MODES`; or ``masks``: full supervision.
        seed: seed of all random choices.
        training, ensemble, attack, selection: settings of the parts.
    """

    first: int = 2
    clicks: int = 2
    rounds: int = 4
    labels: str = "points"
    seed: int = 0
    training: Training = field(default_factory=Training)
    ensemble: Ensemble = field(default_factory=Ensemble)
    attack: Attack = field(default_factory=Attack)
    selection: PointSelection = field(default_factory=PointSelection)

    def __post_init__(self):
        if self.labels not in (*MODES, "masks"):
            raise InputError(f"labels {self.labels!r}; give one of {', '.join(MODES)}, masks")
        if min(self.first, self.rounds) < 0 or self.clicks < 1:
            raise InputError("give first and rounds of at least 0, and clicks of at least 1")
        if self.labels == "masks" and (self.first or self.rounds):
            raise InputError("full supervision needs no clicks; give first=0 and rounds=0")
        if self.training.steps < self.ensemble.size:
            raise InputError(
                f"a stage of {self.training.steps} steps has no {self.ensemble.size} moments; give more training.steps"
            )
        if self.labels != "masks" and not self.first:
            raise InputError("the first network needs clicks to learn from; give first of at least 1")

    @property
    def budget(self) -> int:
        """Clicks of an image in all."""
        return self.first + self.clicks * self.rounds


def presets() -> dict[str, str]:
    """Returns one line for each set-up that comes with the package, by name.

    Example:
        >>> "paper10" in presets()
        True
    """
    return {name: table["description"] for name, table in _presets().items()}


def load_preset(name: str, changes: Mapping[str, Any] | None = None) -> Settings:
    """Loads a set-up by name, with changes.

    Args:
        name: one of :func:`presets`.
        changes: values by key, ``{"attack.steps": "3"}``; text is read as in TOML where it can be.

    Raises:
        InputError: an unknown name or key (with the nearest one), or a value of another type or out of range.

    Example:
        >>> load_preset("paper10", {"seed": 3}).seed
        3
    """
    tables = _presets()
    if name not in tables:
        raise InputError(f"there is no preset {name!r}; {nearest(name, tables)}")
    table = {key: value for key, value in tables[name].items() if key != "description"}
    for key, value in (changes or {}).items():
        *parents, last = key.split(".")
        inner = table
        for parent in parents:
            inner = inner.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise InputError(f"{key}: {parent} is a single value; write {parent}=...")
        inner[last] = parsed(value)
    return from_table(table)


def from_table(table: Mapping[str, Any]) -> Settings:
    """Returns the settings of a table of plain values, as :func:`to_table` gives it; what it lacks has its default.

    Example:
        >>> from_table({"seed": 3}).seed
        3
    """
    return _build(Settings, table, "the settings")


def to_table(settings: Settings) -> dict[str, Any]:
    """Returns the settings as plain values that JSON can hold.

    Example:
        >>> from_table(to_table(load_preset("paper10"))) == load_preset("paper10")
        True
    """
    return dataclasses.asdict(settings)


def differences(one: Settings, other: Settings) -> list[str]:
    """Returns the keys in which two settings differ, with both values.

    Example:
        >>> differences(load_preset("paper10"), load_preset("paper10", {"seed": 1}))
        ['seed 0 there and 1 here']
    """
    first, second = _flat(to_table(one)), _flat(to_table(other))
    return [f"{key} {first[key]!r} there and {second[key]!r} here" for key in first if first[key] != second[key]]


def _presets() -> dict[str, dict]:
    return tomllib.loads((resources.files("cosod.active_learning") / "presets.toml").read_text(encoding="utf-8"))


def _build(cls: type, table: Mapping[str, Any], where: str) -> Any:
    hints = get_type_hints(cls)
    values = {}
    for key, value in table.items():
        if key not in hints:
            raise InputError(f"{where} have no key {key!r}; {nearest(key, hints)}")
        values[key] = _value(hints[key], value, key)
    return cls(**values)


def _value(kind: Any, value: Any, key: str) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(value, Mapping):
        return _build(kind, value, f"the settings of {key}")
    return of_kind(kind, value, key)


def _flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for key, value in table.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat
