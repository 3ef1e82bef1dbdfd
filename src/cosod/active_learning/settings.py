"""Settings of an active-learning run: the dataclasses of its parts, and named set-ups as data."""

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import field
from importlib import resources
from typing import Any

from cosod.active_learning.attack import Attack
from cosod.active_learning.ensemble import Ensemble
from cosod.active_learning.labels import MODES
from cosod.active_learning.selection import PointSelection
from cosod.active_learning.stage import Training
from cosod.errors import InputError, nearest
from cosod.training.config.typed_tables import build, explained, flat, parsed, put

#: How many superpixels an image is cut into, about.
REGIONS = 450


@dataclasses.dataclass(frozen=True)
class Settings:
    """A run: ``first`` random clicks per image, then ``rounds`` rounds of ``clicks`` that a network chooses.

    The paper states a budget of ten clicks, and shows an image that has two clicks before a round and four after it;
    the numbers of rounds and of clicks in a round follow from that.

    Attributes:
        first: number of clicks of an image before the first round.
        clicks: number of clicks of an image in a round.
        rounds: number of rounds.
        labels: what a click labels, see :data:`cosod.active_learning.labels.MODES`; ``masks`` is full supervision.
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
        """Total number of clicks per image."""
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
        put(table, tuple(key.split(".")), parsed(value))
    return from_table(table)


def from_table(table: Mapping[str, Any]) -> Settings:
    """Returns the settings of a table of plain values, as :func:`to_table` gives it; what it lacks has its default.

    Example:
        >>> from_table({"seed": 3}).seed
        3
    """
    return build(Settings, table, "the settings")


def to_table(settings: Settings) -> dict[str, Any]:
    """Returns the settings as plain values that JSON can hold.

    Example:
        >>> from_table(to_table(load_preset("paper10"))) == load_preset("paper10")
        True
    """
    return dataclasses.asdict(settings)


def explain(key: str, preset: str = "paper10") -> str:
    """Returns what a setting does, its value in a set-up, and its default.

    Args:
        key: as in the changes of :func:`load_preset`; a part, as ``attack``, stands for all of its settings.
        preset: name of the set-up.

    Raises:
        InputError: there is no such setting or set-up.

    Example:
        >>> print(explain("rounds"))
        rounds = 4 (default 4)
            Number of rounds.
    """
    return explained(Settings, tuple(key.split(".")), to_table(load_preset(preset)), {})


def differences(one: Settings, other: Settings) -> list[str]:
    """Returns the keys in which two settings differ, with both values.

    Example:
        >>> differences(load_preset("paper10"), load_preset("paper10", {"seed": 1}))
        ['seed 0 there and 1 here']
    """
    first, second = flat(to_table(one)), flat(to_table(other))
    return [f"{key} {first[key]!r} there and {second[key]!r} here" for key in first if first[key] != second[key]]


def _presets() -> dict[str, dict]:
    return tomllib.loads((resources.files("cosod.active_learning") / "presets.toml").read_text(encoding="utf-8"))
