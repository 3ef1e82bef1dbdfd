"""Every public function has an example in its docstring, and all examples run."""

import doctest
import importlib
import inspect
import re
import types
from pathlib import Path

import pytest

import cosod

PAGES = Path(__file__).parents[1] / "docs" / "api"
#: Packages whose ``__all__`` are public, beside what the pages of the API list.
PACKAGES = ("cosod", "cosod.analysis", "cosod.datasets", "cosod.evaluation", "cosod.io", "cosod.losses", "cosod.models")
PACKAGES += ("cosod.training", "cosod.apps.albums", "cosod.apps.video", "cosod.inference.backends")


def listed() -> list[str]:
    """The names that the pages of the API list, of modules and of what is in them."""
    return sorted({name for page in PAGES.glob("*.md") for name in re.findall(r"^::: (\S+)", page.read_text(), re.M)})


def resolve(name: str) -> object:
    """The module, class or function of a name."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        module, _, attribute = name.rpartition(".")
        return getattr(importlib.import_module(module), attribute)


def public_functions() -> dict[str, types.FunctionType]:
    """All public functions by their full names."""
    found = [(package, name) for package in PACKAGES for name in importlib.import_module(package).__all__]
    functions = [getattr(importlib.import_module(package), name) for package, name in found]
    for name in listed():
        thing = resolve(name)
        if inspect.ismodule(thing):
            own = [value for key, value in vars(thing).items() if not key.startswith("_")]
            functions += [value for value in own if getattr(value, "__module__", None) == thing.__name__]
        else:
            functions.append(thing)
    plain = [inspect.unwrap(f) for f in functions if inspect.isroutine(inspect.unwrap(f))]
    return {f"{f.__module__}.{f.__qualname__}": f for f in plain if f.__module__.startswith("cosod.")}


@pytest.mark.parametrize("name", sorted(public_functions()))
def test_a_public_function_has_an_example(name):
    assert "Example:\n" in (public_functions()[name].__doc__ or ""), f"{name} has no Example:"


def modules() -> list[str]:
    """All modules of the package that have examples, of public functions or of others."""
    root = Path(cosod.__file__).parent
    files = [path for path in root.rglob("*.py") if ">>> " in path.read_text(encoding="utf-8")]
    names = [".".join((root.name, *path.relative_to(root).with_suffix("").parts)) for path in files]
    return sorted(name.removesuffix(".__init__") for name in names)


@pytest.mark.parametrize("name", modules())
def test_examples_run(name):
    module = importlib.import_module(name)
    shared = vars(module) | {"cosod": cosod}
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, extraglobs={"cosod": cosod}):
        test.globs = dict(shared)
        result = doctest.DocTestRunner(verbose=False).run(test)
        assert result.failed == 0, f"the example of {test.name} gives something else"
