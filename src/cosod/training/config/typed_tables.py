"""Conversion of tables of plain values, e.g. from TOML files, to dataclasses, for all configurations.

Recipes and the settings of active learning are dataclasses whose fields are values or further dataclasses. The
functions here build them, raise an error that names a wrong key or value, and explain a key by the ``Attributes``
section in the docstring of its class.
"""

import inspect
import re
import textwrap
import tomllib
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from cosod.errors import InputError, nearest

#: Indentation of the lines of an explanation.
INDENT = "    "
#: Names of types in messages.
WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def build(cls: type, table: Mapping[str, Any], where: str, kinds: Mapping[str, Any] | None = None) -> Any:
    """Builds a dataclass from a table; fields that are missing in the table have their defaults.

    Args:
        cls: the dataclass to build.
        table: plain values by the names of the fields; the value of a field that is a dataclass is a table itself.
        where: name of the table in error messages.
        kinds: types by the names of fields; they replace annotations of ``cls`` that are not specific enough.

    Raises:
        InputError: a key does not exist (the message suggests the most similar one), or a value has the wrong type or
            is out of range.

    Example:
        >>> from cosod.training.config.sections import GroupSampling
        >>> build(GroupSampling, {"images": 8}, "the recipe").images
        8
    """
    hints = get_type_hints(cls) | dict(kinds or {})
    values = {}
    for key, value in table.items():
        if key not in hints:
            raise InputError(f"{where}: unknown key {key!r}; {nearest(key, sorted(hints))}")
        values[key] = _value(hints[key], value, f"{where}: {key}")
    try:
        return cls(**values)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _value(kind: Any, value: Any, where: str) -> Any:
    if is_dataclass(kind):
        if not isinstance(value, Mapping):
            raise InputError(f"{where} is a table of values, not {value!r}")
        return build(kind, value, where)  # type: ignore[arg-type]
    if get_origin(kind) is tuple:
        part, *others = get_args(kind)
        fixed = len(others) + 1 if others and others[0] is not ... else None
        if not isinstance(value, list | tuple) or (fixed and len(value) != fixed):
            raise InputError(f"{where} is a list of {fixed or 'values'}, not {value!r}")
        return tuple(_value(part, v, where) for v in value)
    if get_origin(kind) in (dict, types.UnionType):
        return value
    return of_kind(kind, value, where)


def of_kind(kind: type, value: Any, name: str) -> Any:
    """Checks the type of a value, and converts an integer to ``float`` if the type is ``float``.

    Args:
        kind: type that the value must have.
        value: the value.
        name: name of the value in error messages.

    Raises:
        InputError: the value has another type.

    Example:
        >>> of_kind(float, 1, "lr")
        1.0
    """
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise InputError(f"{name} is {WORDS.get(kind, 'a table of values')}, not {value!r}")
    return value


def put(table: dict[str, Any], place: tuple[str, ...], value: Any) -> None:
    """Sets a value in a nested table, in place; inner tables are copied first, and missing ones are created.

    Args:
        table: the outermost table, which is changed.
        place: keys from the outermost table to the value.
        value: the value to set.

    Raises:
        InputError: one of the keys before the last has a value that is not a table.

    Example:
        >>> table = {"optimizer": {"lr": 0.1}}
        >>> put(table, ("optimizer", "warmup"), 0.02)
        >>> table
        {'optimizer': {'lr': 0.1, 'warmup': 0.02}}
    """
    *parents, last = place
    for parent in parents:
        inner = table.get(parent, {})
        if not isinstance(inner, Mapping):
            raise InputError(f"{'.'.join(place)}: {parent} is a single value; write {parent}=...")
        table[parent] = dict(inner)
        table = table[parent]
    table[last] = value


def parsed(value: Any) -> Any:
    """Parses a string as a TOML value (``0.5``, ``true``, ``[1, 2]``); returns it unchanged if it is none (``cosine``).

    Values that are not strings are returned unchanged, too.

    Example:
        >>> parsed("0.5"), parsed("[1, 2]"), parsed("cosine")
        (0.5, [1, 2], 'cosine')
    """
    if not isinstance(value, str):
        return value
    try:
        return tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return value


def flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flattens a nested table to a single table, whose keys are the nested keys joined by dots.

    Example:
        >>> flat({"steps": 100, "optimizer": {"lr": 0.1}})
        {'steps': 100, 'optimizer.lr': 0.1}
    """
    found: dict[str, Any] = {}
    for key, value in table.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return found


def explained(cls: type, place: tuple[str, ...], table: Mapping[str, Any], kinds: Mapping[str, Any]) -> str:
    """Returns the description of a key, its value in a table, and its default.

    If the value of the key is a dataclass, all keys of this dataclass are explained.

    Args:
        cls: dataclass that the table was made from.
        place: keys from the outermost table to the key.
        table: plain values of all fields of ``cls``.
        kinds: as for :func:`build`.

    Raises:
        InputError: the key does not exist.

    Example:
        >>> from cosod.training.config.sections import OptimizerSettings
        >>> print(explained(OptimizerSettings, ("lr",), {"lr": 0.002}, {}))
        lr = 0.002 (default 0.0001)
            Peak learning rate, before the factor of the schedule.
    """
    name = ".".join(place)
    *parents, last = place
    owner: Any = cls
    hints = get_type_hints(cls) | dict(kinds)
    for parent in parents:
        owner, table = hints.get(parent), table.get(parent, {})
        if not is_dataclass(owner):
            raise InputError(f"there is no key {name!r}: {parent} has no keys of its own")
        hints = get_type_hints(owner)
    if last not in hints:
        raise InputError(f"there is no key {name!r}; {nearest(last, sorted(hints))}")
    if is_dataclass(kind := hints[last]):
        values = table.get(last, {})
        inner = [explained(kind, (field.name,), values, {}) for field in fields(kind)]  # type: ignore[arg-type]
        return "\n".join([f"[{name}]", *inner])
    text = textwrap.fill(descriptions(owner).get(last, ""), 100, initial_indent=INDENT, subsequent_indent=INDENT)
    field = next(field for field in fields(owner) if field.name == last)
    default = field.default_factory() if field.default_factory is not MISSING else field.default
    known = "" if default is MISSING else f" (default {_written(default)})"
    value = table.get(last, default)
    return f"{name}{'' if value is MISSING else f' = {_written(value)}'}{known}\n{text}"


def descriptions(cls: type) -> dict[str, str]:
    """Reads the descriptions in the ``Attributes`` section of the docstring of a class, by the names of the attributes.

    Example:
        >>> from cosod.training.config.sections import GroupSampling
        >>> descriptions(GroupSampling)["images"]
        'Maximum number of images of each group.'
    """
    _, _, section = (inspect.getdoc(cls) or "").partition("Attributes:\n")
    section = re.split(r"\n(?=\S)", section)[0]
    found: dict[str, str] = {}
    for entry in re.split(r"^    (?=\w)", section, flags=re.MULTILINE)[1:]:
        names, _, text = entry.partition(":")
        text = " ".join(text.split())
        text = re.sub(r":\w+:`~?([^`]*)`|``", lambda match: match[1] or "", text[:1].upper() + text[1:])
        found |= dict.fromkeys((name.strip() for name in names.split(",")), text)
    return found


def _written(value: Any) -> str:
    """Returns a value as text in the syntax of the option ``--set``."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(list(value)) if isinstance(value, tuple | list) else repr(value) if value == "" else str(value)
