"""Settings of an active-learning run, and presets, which are named settings in a TOML file."""

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

#: Approximate number of superpixels of an image.
REGIONS = 450


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of a run, in which each image first gets random clicks, then clicks that a network chooses in rounds.

    The paper states a budget of ten clicks, and shows an image that has two clicks before a round and four after it;
    the numbers of rounds and of clicks in a round follow from this.

    Attributes:
        first: number of clicks per image that are chosen at random, before the first round.
        clicks: number of clicks per image in each round.
        rounds: number of rounds.
        labels: pixels that a click labels: ``points``, the clicked pixel; ``superpixels``, all pixels of its
            superpixel; or ``gt_in_region``, these pixels, but each with its own label from the mask (see
            :data:`cosod.active_learning.labels.MODES`). ``masks`` is full supervision without clicks.
        seed: seed of all random choices.
        training, ensemble, attack, selection: settings of the parts of the method.
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
    """Returns the descriptions of the presets that come with the package, by name.

    Example:
        >>> "paper10" in presets()
        True
    """
    return {name: table["description"] for name, table in _presets().items()}


def load_preset(name: str, changes: Mapping[str, Any] | None = None) -> Settings:
    """Loads the settings of a preset, with changes.

    Args:
        name: one of :func:`presets`.
        changes: values that replace those of the preset, e.g. ``{"attack.steps": "3"}``. Strings that are TOML values
            are parsed.

    Raises:
        InputError: the preset or a key does not exist (the message suggests the most similar name), or a value has the
            wrong type or is out of range.

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
    """Builds settings from a dictionary of plain values, the inverse of :func:`to_table`; missing keys have defaults.

    Raises:
        InputError: a key does not exist, or a value has the wrong type or is out of range.

    Example:
        >>> from_table({"seed": 3}).seed
        3
    """
    return build(Settings, table, "the settings")


def to_table(settings: Settings) -> dict[str, Any]:
    """Returns the settings as a dictionary of plain values, which can be written as JSON.

    Example:
        >>> from_table(to_table(load_preset("paper10"))) == load_preset("paper10")
        True
    """
    return dataclasses.asdict(settings)


def explain(key: str, preset: str = "paper10") -> str:
    """Returns the description of a setting, its value in a preset, and its default.

    Args:
        key: name of the setting, as in the changes of :func:`load_preset`; the name of a part, e.g. ``attack``,
            explains all settings of the part.
        preset: name of the preset.

    Raises:
        InputError: the setting or the preset does not exist.

    Example:
        >>> print(explain("rounds"))
        rounds = 4 (default 4)
            Number of rounds.
    """
    return explained(Settings, tuple(key.split(".")), to_table(load_preset(preset)), {})


def differences(one: Settings, other: Settings) -> list[str]:
    """Returns a message for each key in which two settings differ, with both values.

    Example:
        >>> differences(load_preset("paper10"), load_preset("paper10", {"seed": 1}))
        ['seed 0 there and 1 here']
    """
    first, second = flat(to_table(one)), flat(to_table(other))
    return [f"{key} {first[key]!r} there and {second[key]!r} here" for key in first if first[key] != second[key]]


def _presets() -> dict[str, dict]:
    return tomllib.loads((resources.files("cosod.active_learning") / "presets.toml").read_text(encoding="utf-8"))
