"""How the modules of the package stand to each other: what a file holds does not decide who may import it."""

import ast
from pathlib import Path

import cosod

PACKAGE = Path(cosod.__file__).parent
#: All that may lie beside the packages.
LOOSE_FILES = {"__init__", "__main__", "doctor", "errors"}


def modules() -> dict[str, Path]:
    """Dotted name -> file, of every module of the package; a package's name stands for its ``__init__``."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = ("cosod", *path.relative_to(PACKAGE).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, known: set[str]) -> set[str]:
    """The modules of ``known`` that a file imports, anywhere in it: also in functions and for type checkers."""
    named = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}, line {node.lineno}: write the package's whole name"
            named |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {module for name in named if (module := _module_of(name, known))}


def _module_of(name: str, known: set[str]) -> str:
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name


def circle(graph: dict[str, set[str]]) -> list[str]:
    """A circle of the graph, its first name again at its end; empty where there is none."""
    done: set[str] = set()

    def search(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        for other in sorted(graph.get(name, ())):
            if found := search(other, [*path, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(graph) if (found := search(name, []))), [])


def graph_of(files: dict[str, Path]) -> dict[str, set[str]]:
    """Module -> the modules that it imports, without itself."""
    return {name: imports(path, set(files)) - {name} for name, path in files.items()}


def packages_of(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """The same between the packages right below ``cosod``."""
    packages: dict[str, set[str]] = {}
    for name, others in graph.items():
        top = name.split(".")[1:2] or [name]
        found = packages.setdefault(top[0], set())
        found |= {other.split(".")[1] for other in others if "." in other} - set(top)
    return packages


def test_no_module_imports_itself_through_others():
    assert " -> ".join(circle(graph_of(modules()))) == ""


def test_no_package_imports_itself_through_others():
    assert " -> ".join(circle(packages_of(graph_of(modules())))) == ""


def test_nothing_but_packages_lies_at_the_top():
    assert {path.stem for path in PACKAGE.glob("*.py")} == LOOSE_FILES


def test_every_folder_with_code_is_a_package():
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_a_circle_behind_a_function_is_found(tmp_path):
    (tmp_path / "a.py").write_text("from pkg import b\n")
    (tmp_path / "b.py").write_text("import os\n\ndef late():\n    from pkg.c import x\n")
    (tmp_path / "c.py").write_text("if True:\n    import pkg.a\nx = 1\n")
    graph = graph_of({f"pkg.{name}": tmp_path / f"{name}.py" for name in "abc"})
    assert circle(graph) == ["pkg.a", "pkg.b", "pkg.c", "pkg.a"]
    graph["pkg.c"] = set()
    assert circle(graph) == []
