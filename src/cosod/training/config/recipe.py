"""A recipe: everything that decides what a training run does, but for the data and the machine."""

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from importlib import resources
from pathlib import Path
from typing import Any, get_type_hints

from cosod.errors import InputError, nearest
from cosod.io.tensors import input_shape
from cosod.losses import GCoNetWeights
from cosod.losses.registry import REGISTRY as LOSSES
from cosod.models.registry import entry
from cosod.training.config.sections import (
    Augment,
    AuxiliaryLosses,
    GroupSampling,
    OptimizerSettings,
    Validation,
    check_at_least,
    check_choice,
)
from cosod.training.config.typed_tables import build, explained, parsed, put


@dataclass(frozen=True)
class Recipe:
    """A training set-up; read one with :func:`load_recipe`.

    Attributes:
        name, description: name and description of the recipe.
        source: where its numbers are from.
        network: registered name of the network.
        options: options of the network's configuration; ``groups`` and ``size`` are set by the run.
        size: side in pixels of a square with as many pixels as images are resized to; 0 takes the network's own.
        sets: number of training sets; a step draws groups from each and sums the losses.
        loss: registered name of the loss (:mod:`cosod.losses.registry`).
        weights: factors of the loss.
        epochs: number of passes over the groups (of the set with the most groups).
        steps: length of the run in steps, in place of ``epochs``; 0 counts epochs.
        seed: seed of all random choices.
        pretrained: whether the backbone starts from ImageNet weights.
        keep_epochs: number of the last epochs after each of which the weights are kept.
        sampling: which images a step sees.
        augment: how images are changed, and what is put beside them.
        optimizer: optimizer, learning rate and its course, and what is trained.
        auxiliary_losses: losses that are added to those of the network.
        validation: what is held out and scored, and how often.
    """

    name: str
    description: str = ""
    source: str = ""
    network: str = "gconet"
    options: dict[str, Any] = field(default_factory=dict)
    size: int = 0
    sets: int = 1
    loss: str = "gconet"
    weights: Any = field(default_factory=GCoNetWeights)
    epochs: int = 50
    steps: int = 0
    seed: int = 0
    pretrained: bool = True
    keep_epochs: int = 0
    sampling: GroupSampling = field(default_factory=GroupSampling)
    augment: Augment = field(default_factory=Augment)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    auxiliary_losses: AuxiliaryLosses = field(default_factory=AuxiliaryLosses)
    validation: Validation = field(default_factory=Validation)

    def __post_init__(self):
        check_choice("loss", self.loss, tuple(LOSSES))
        known = _options_of(self.network)
        for option in self.options:
            if option not in known:
                raise InputError(f"{self.network} has no option {option!r}; {nearest(option, sorted(known))}")
        if self.sampling.groups != 2 and not entry(self.network).network.any_groups:
            raise InputError(
                f"{self.network} takes pairs of groups, not {self.sampling.groups}; leave sampling.groups 2"
            )
        if self.sampling.cut and not entry(self.network).network.group_sizes:
            raise InputError(f"{self.network} takes groups of one size; leave sampling.cut 0")
        if self.augment.made and not LOSSES[self.loss].all_objects:
            fitting = ", ".join(name for name, loss in LOSSES.items() if loss.all_objects)
            raise InputError(f"groups made of one object need a loss on all objects, {fitting}; leave made 0")
        if self.sampling.shares and self.sets != 1:
            raise InputError("shares draw the groups of a step from any set; leave sets 1")
        if self.size:
            entry(self.network).network.check_size(self.size)
        for name, least in (("sets", 1), ("epochs", 1), ("steps", 0), ("keep_epochs", 0)):
            check_at_least(name, getattr(self, name), least)

    @property
    def side(self) -> int:
        """Side in pixels of a square with as many pixels as images are resized to."""
        found = entry(self.network)
        sizes = [f.default for f in fields(found.config) if f.name == "size"]
        return self.size or (sizes[0] if sizes else found.network.size)

    @property
    def keep_aspect(self) -> bool:
        """Whether images become rectangles of their own proportions, as the network takes them."""
        return entry(self.network).network.keep_aspect

    def shape(self, height: int, width: int) -> tuple[int, int]:
        """Returns height and width that an image of this height and width is resized to."""
        stride = entry(self.network).network.stride if self.keep_aspect else None
        return input_shape(height, width, self.side, stride)


def recipe_names() -> list[str]:
    """Returns the names of the recipes that come with the package.

    Example:
        >>> "gconet_released" in recipe_names()
        True
    """
    return sorted(p.name.removesuffix(".toml") for p in _folder().iterdir() if p.name.endswith(".toml"))


def load_recipe(name_or_path: str | Path, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Loads a recipe of the package by name, or of a TOML file.

    A file may name a ``base``, another recipe or a file beside it, whose values hold where it says nothing. The
    keys are the fields of :class:`Recipe`, with a table for each part: ``[sampling]``, ``[augment]``, ...

    Args:
        name_or_path: one of :func:`recipe_names`, or a file that ends in ``.toml``.
        overrides: values that replace the recipe's: ``{"optimizer.lr": 1e-3}``, or without the part's name where
            only one part has such a key: ``{"lr": "1e-3"}``. Text is read as in TOML where it can be.

    Raises:
        InputError: there is no such recipe, file or key (the message names the nearest one), or a value has another
            type or is out of range.

    Example:
        >>> recipe = load_recipe("gconet_released", {"lr": 1e-3, "sampling.images": 8})
        >>> recipe.optimizer.lr, recipe.sampling.images
        (0.001, 8)
    """
    table, where = _table(str(name_or_path), ())
    for key, value in (overrides or {}).items():
        put(table, _full_name(key, table), parsed(value))
    return from_table(table, where)


def from_table(table: Mapping[str, Any], where: str = "the recipe") -> Recipe:
    """Returns the recipe of a table of plain values, as :func:`to_table` gives it.

    Example:
        >>> from_table({"name": "short", "epochs": 2}).epochs
        2
    """
    loss = table.get("loss", "gconet")
    check_choice(f"{where}: loss", loss, tuple(LOSSES))
    return build(Recipe, {"weights": {}, **table}, where, {"weights": LOSSES[loss].weights})


def to_table(recipe: Recipe) -> dict[str, Any]:
    """Returns the recipe as plain values that JSON and TOML can hold.

    Example:
        >>> to_table(load_recipe("gconet_released"))["optimizer"]["lr"]
        0.0001
    """

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items()}
        return list(map(plain, value)) if isinstance(value, tuple | list) else value

    return plain(dataclasses.asdict(recipe))


def explain(key: str, recipe: str | Path | None = None) -> str:
    """Returns what a key of recipes does, its value in a recipe, and its default.

    Args:
        key: as in the overrides of :func:`load_recipe`; a part, as ``sampling``, stands for all of its keys.
        recipe: name or file of the recipe; by default all values are the defaults.

    Raises:
        InputError: there is no such key, or no such recipe.

    Example:
        >>> print(explain("warmup", "gconet_plus_mobile"))
        optimizer.warmup = 0.02 (default 0.1)
            Share of the run in which the rate of the schedule cosine rises from 0 to its peak.
    """
    chosen = Recipe("defaults") if recipe is None else load_recipe(recipe)
    table = to_table(chosen)
    place = _full_name(key, table)
    kinds = {"weights": type(chosen.weights), "options": entry(chosen.network).config}
    places = [("options", option) for option in sorted(_options_of(chosen.network))] if key == "options" else [place]
    return "\n".join(explained(Recipe, place, table, kinds) for place in places)


def with_defaults(table: Mapping[str, Any]) -> dict[str, Any]:
    """Adds the defaults of missing keys to a table of :func:`to_table` that was written before they were added.

    Example:
        >>> with_defaults({"name": "old"})["optimizer"]["method"]
        'adam'
    """
    try:
        return to_table(from_table(table))
    except InputError:  # a key that there no longer is: it stands as it was
        return dict(table)


def _options_of(network: str) -> set[str]:
    """Returns the names of the options of a network's configuration that a recipe may set; a run sets the others."""
    return {f.name for f in fields(entry(network).config)} - {"groups", "size"}


def _folder():
    return resources.files("cosod.training.config") / "recipes"


def _table(name: str, above: tuple[str, ...], beside: Path | None = None) -> tuple[dict, str]:
    """Returns the merged table of a recipe and its bases."""
    if name in above:
        raise InputError(f"recipe {name} is its own base; change its base")
    if name.endswith(".toml"):
        path: Any = (beside or Path()) / name
        where = str(path)
    else:
        path, where = _folder() / f"{name}.toml", f"recipe {name}"
    if not path.is_file():
        raise InputError(f"there is no recipe {name!r}; {nearest(name, recipe_names())} (see: cosod train --list)")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"cannot read the recipe {where}: {error}; correct the file") from error
    base = table.pop("base", None)
    table.setdefault("name", Path(name).name.removesuffix(".toml"))
    if base is None:
        return table, where
    beside = path.parent if isinstance(path, Path) else None
    merged, _ = _table(str(base), (*above, name), beside)
    return _merged(merged, table), where


def _merged(base: dict, changes: dict) -> dict:
    """Merges ``changes`` over ``base``, table by table; a new loss begins with its own default factors."""
    if "loss" in changes and changes["loss"] != base.get("loss"):
        base = {k: v for k, v in base.items() if k != "weights"}
    out = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = _merged(out[key], value) if both else value
    return out


def _full_name(key: str, table: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the place of an override: as written, or of the only part that has such a key."""
    parts = tuple(key.split("."))
    own = get_type_hints(Recipe)
    if len(parts) > 1 or key in own:
        return parts
    inner = {name: kind for name, kind in own.items() if is_dataclass(kind)}
    loss = LOSSES.get(table.get("loss", "gconet"))
    inner["weights"] = loss.weights if loss else GCoNetWeights
    homes = [name for name, kind in inner.items() if key in {f.name for f in fields(kind)}]
    if key in _options_of(table.get("network", "gconet")):
        homes.append("options")
    if len(homes) == 1:
        return (homes[0], key)
    if homes:
        raise InputError(f"{key!r} is a key of {' and '.join(homes)}; write {homes[0]}.{key} or {homes[1]}.{key}")
    known = set(own).union(*({f.name for f in fields(kind)} for kind in inner.values()))
    raise InputError(f"a recipe has no key {key!r}; {nearest(key, sorted(known))}")
