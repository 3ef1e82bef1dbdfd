"""What the documentation says exists: commands and their options, modules, files, links."""

import ast
import importlib
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import click
import pytest

import cosod
from cosod.cli import VERBS, root

ROOT = Path(__file__).parents[1]
PACKAGE = Path(cosod.__file__).parent
PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
        *(ROOT / "docs").rglob("*.md"),
        *(PACKAGE / "weights").glob("*.md"),
        ROOT / "examples" / "README.md",
    ]
)
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def blocks(page: Path, *languages: str) -> list[str]:
    """The code blocks of a page in any of some languages."""
    return [match[3] for match in BLOCK.finditer(page.read_text()) if match[2] in languages]


def inline(page: Path) -> list[str]:
    """The pieces of code in the text, on one line each."""
    text = BLOCK.sub("", page.read_text())
    return [" ".join(code.split()) for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", text)]


def commands(page: Path) -> list[list[str]]:
    """The commands ``cosod ...`` of a page, as lists of words."""
    lines = "\n".join(blocks(page, "sh", "", "console")).replace("\\\n", " ").splitlines()
    found = [line.strip() for line in (*lines, *inline(page))]
    return [shlex.split(line, comments=True) for line in found if re.match(r"cosod [a-z<]", line)]


@each_page
def test_commands_exist_with_their_options(page):
    for words in commands(page):
        verb, rest = words[1], words[2:]
        if verb.isupper():
            continue  # a placeholder
        assert verb in VERBS, f"cosod {verb}"
        context = click.Context(root)
        command = root.get_command(context, verb)
        while isinstance(command, click.Group) and rest and (inner := command.get_command(context, rest[0])):
            command, rest = inner, rest[1:]
        known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
        for word in rest:
            if re.match(r"-{1,2}[a-z]", word):
                assert word.partition("=")[0] in known | {"--help", "-h", "--debug"}, " ".join(words)


@each_page
def test_names_of_the_package_exist(page):
    for code in inline(page):
        if re.fullmatch(r"cosod(\.\w+)+", code):
            resolve(code)


def resolve(name: str):
    """The module or the attribute of that dotted name."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            found = getattr(found, part)
        return found
    raise AssertionError(name)


@each_page
def test_programs_exist(page):
    for name in re.findall(r"python ((?:tools|benchmarks)/\w+\.py)", page.read_text()):
        assert (ROOT / name).is_file(), name


@each_page
def test_targets_of_make_exist(page):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    code = [*inline(page), *"\n".join(blocks(page, "sh", "")).splitlines()]
    for line in code:
        if match := re.match(r"make ([a-z]+)\b", line):
            assert match[1] in targets, line


@each_page
def test_python_in_the_text_is_python(page):
    for block in blocks(page, "python"):
        ast.parse("\n".join(line.removeprefix("    ") for line in block.splitlines()) if block[0] == " " else block)


@each_page
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", BLOCK.sub("", page.read_text())):
        if not re.match(r"(https?:|#|command_line.md)", target):  # that page is made with the site
            assert (page.parent / target.partition("#")[0]).exists(), target


def test_files_of_the_architecture_exist():
    named = re.findall(r"`([a-z_]+/[\w/*]*(?:\.\w+)?)`", (ROOT / "docs" / "architecture.md").read_text())
    files = [name.rstrip("/") for name in named if "<" not in name and name != "src/cosod/"]
    assert len(files) > 30
    assert [name for name in files if not any(PACKAGE.rglob(name))] == []


def test_every_verb_is_described():
    text = "\n".join(page.read_text() for page in PAGES)
    assert [verb for verb in VERBS if f"cosod {verb}" not in text] == []


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text()
    pages = (page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md"))
    assert [page for page in pages if page not in navigation] == []


def test_the_readme_is_short_and_begins_with_a_picture():
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 200
    assert text.index("![") < text.index("```")


def test_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == cosod.__version__
    assert f"\nversion: {cosod.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_the_source_distribution_has_what_the_repository_has():
    """All but what its continuous integration reads, so that the tests run from it."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = {name.partition("/")[0] for name in listed.strip("\0").split("\0")}
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["sdist"]
    given = [pattern.removeprefix("/") for pattern in build["include"]]
    always = {"pyproject.toml", ".gitignore"}
    assert {name for name in names - always if not any(map(Path(name).match, given))} == {".ci"}


def test_every_optional_package_is_pinned():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    wanted = [requirement for extra in extras.values() for requirement in extra if not requirement.startswith("cosod")]
    pinned = {line.partition("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    names = {re.match(r"[\w-]+", requirement)[0] for requirement in wanted}
    assert names - pinned == set()


def test_what_is_needed_without_pytorch_is_what_is_needed_but_for_it():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    runtime = [one for one in project["optional-dependencies"]["onnx"] if one.startswith("onnxruntime")]
    needed = {one for one in project["dependencies"] if not one.startswith("torch")} | set(runtime)
    lines = (ROOT / "requirements-without-torch.txt").read_text().splitlines()
    assert {line for line in lines if not line.startswith("#")} == needed
