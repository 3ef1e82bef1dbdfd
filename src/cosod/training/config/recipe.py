"""Recipes. A recipe contains all settings of a training run except the data and the machine."""

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from importlib import resources
from pathlib import Path
from typing import Any, get_type_hints

from cosod.errors import InputError, nearest
from cosod.io.resizing import input_shape
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
    """Configuration of a training run without its data and its machine; :func:`load_recipe` loads one.

    Attributes:
        name, description: name and description of the recipe.
        source: origin of the values, e.g. a paper or published code.
        network: registered name of the network.
        options: options of the network's configuration, except ``groups`` and ``size``, which the run sets.
        size: side in pixels of the square that images are resized to, or of a square with the same number of pixels if
            the network keeps the aspect ratio; 0 uses the default size of the network.
        sets: number of training sets; a step takes groups from each set and sums the losses.
        loss: registered name of the loss (:mod:`cosod.losses.registry`).
        weights: factors of the loss.
        epochs: number of passes over the groups (of the set with the most groups).
        steps: number of steps of the run; if not 0, ``epochs`` is ignored.
        seed: seed of all random choices.
        pretrained: whether the backbone starts from ImageNet weights.
        keep_epochs: number of epochs at the end of the run after each of which the weights are saved.
        sampling: how the groups and images of a step are chosen.
        augment: how images are augmented, and which distractors are added to them.
        optimizer: optimizer, learning rate and its schedule, and which parameters are trained.
        auxiliary_losses: further losses, which are added to the loss of the network.
        validation: which groups are held out, and how often the network is evaluated on them.
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
        """Side in pixels of the square that images are resized to, or of a square with the same number of pixels."""
        found = entry(self.network)
        # Dataclasses have the defaults of their fields as attributes.
        return self.size or getattr(found.config, "size", found.network.size)

    @property
    def keep_aspect(self) -> bool:
        """Whether images keep their aspect ratio when they are resized, which the network decides."""
        return entry(self.network).network.keep_aspect

    def shape(self, height: int, width: int) -> tuple[int, int]:
        """Returns the height and width to which an image of ``height`` x ``width`` pixels is resized."""
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
    """Loads a recipe of the package by its name, or a recipe from a TOML file.

    The keys of a file are the fields of :class:`Recipe`, with a table for each section: ``[sampling]``, ``[augment]``,
    etc. The key ``base`` names another recipe, or a file in the same folder, whose values are used for all keys that
    the file does not set.

    Args:
        name_or_path: one of :func:`recipe_names`, or a file that ends in ``.toml``.
        overrides: values that replace those of the recipe, e.g. ``{"optimizer.lr": 1e-3}``. The name of the section can
            be omitted if only one section has the key: ``{"lr": "1e-3"}``. Strings that are TOML values are parsed.

    Raises:
        InputError: the recipe, the file or a key does not exist (the message suggests the most similar name), or a
            value has the wrong type or is out of range.

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
    """Builds a recipe from a dictionary of plain values, the inverse of :func:`to_table`.

    Args:
        table: values by the names of the fields of :class:`Recipe`; missing keys have their defaults.
        where: name of the source of the table in error messages.

    Raises:
        InputError: a key does not exist, or a value has the wrong type or is out of range.


    Example:
        >>> from_table({"name": "short", "epochs": 2}).epochs
        2
    """
    loss = table.get("loss", "gconet")
    check_choice(f"{where}: loss", loss, tuple(LOSSES))
    return build(Recipe, {"weights": {}, **table}, where, {"weights": LOSSES[loss].weights})


def to_table(recipe: Recipe) -> dict[str, Any]:
    """Returns the recipe as a dictionary of plain values, which can be written as JSON or TOML.

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
    """Returns the description of a key of recipes, its value in a recipe, and its default.

    Args:
        key: name of the key, as in the overrides of :func:`load_recipe`; the name of a section, e.g. ``sampling``,
            explains all keys of the section.
        recipe: name or file of the recipe; if omitted, the defaults are shown as values.

    Raises:
        InputError: the key or the recipe does not exist.

    Example:
        >>> print(explain("warmup", "gconet_plus_mobile"))
        optimizer.warmup = 0.02 (default 0.1)
            Share of the run in which the schedule cosine rises from 4 percent of its peak to the peak.
    """
    chosen = Recipe("defaults") if recipe is None else load_recipe(recipe)
    table = to_table(chosen)
    place = _full_name(key, table)
    kinds = {"weights": type(chosen.weights), "options": entry(chosen.network).config}
    places = [("options", option) for option in sorted(_options_of(chosen.network))] if key == "options" else [place]
    return "\n".join(explained(Recipe, place, table, kinds) for place in places)


def with_defaults(table: Mapping[str, Any]) -> dict[str, Any]:
    """Completes a table of :func:`to_table` that an earlier version has written: keys added since get their defaults.

    A table with keys that no longer exist is returned unchanged.

    Example:
        >>> with_defaults({"name": "old"})["optimizer"]["method"]
        'adam'
    """
    try:
        return to_table(from_table(table))
    except InputError:  # e.g. a key that no longer exists: the table is returned unchanged
        return dict(table)


def _options_of(network: str) -> set[str]:
    """Returns the names of the options of a network's configuration that a recipe may set; the run sets the rest."""
    return {f.name for f in fields(entry(network).config)} - {"groups", "size"}


def _folder():
    return resources.files("cosod.training.config") / "recipes"


def _table(name: str, above: tuple[str, ...], beside: Path | None = None) -> tuple[dict, str]:
    """Returns the table of a recipe, merged with the tables of its bases, and the recipe's name for messages."""
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
    """Merges ``changes`` over ``base`` recursively; if the loss changes, the weights of the base are dropped."""
    if "loss" in changes and changes["loss"] != base.get("loss"):
        base = {k: v for k, v in base.items() if k != "weights"}
    out = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = _merged(out[key], value) if both else value
    return out


def _full_name(key: str, table: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the path of a key: split at its dots, or with the name of the only section that has this key."""
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
