"""What all verbs have in common: sizes of nothing, an output that takes no more, mistyped verbs."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command_line import cosod


@pytest.mark.parametrize("value", ["0", "-5", "half"])
@pytest.mark.parametrize(
    "command",
    [
        "segment p -o out --size",
        "segment p -o out --batch",
        "segment p -o out --max-pixels",
        "segment p -o out --runner ray --workers",
        "apply c.consensus p -o out --size",
        "cutout p -o out --working-size",
        "cutout p -o out --maps maps --working-size",
        "cutout p -o out --size",
        "thumbnails p -o out --working-size",
        "thumbnails p -o out --size",
        "group p -o out --size",
        "learn p -o c.consensus --size",
        "inspect p -o out --size",
        "inspect p -o out --images",
        "export --format onnx -o m.onnx --size",
        "serve --size",
        "train gconet_released --data d -o run --size",
        "train gconet_released --data d -o run --epochs",
        "ablate gconet_released --data d --test d -o run --size",
    ],
)
def test_sizes_and_counts_of_nothing_are_refused(tmp_path, monkeypatch, capsys, command, value):
    monkeypatch.chdir(tmp_path)
    Path("p").mkdir()
    Path("p/a.jpg").write_text("")
    assert cosod(*command.split(), value) == 1
    shown = capsys.readouterr().err.strip().splitlines()
    assert len(shown) == 1 and shown[0].startswith("Error: ")
    assert value in shown[0] or "0" in shown[0]
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("arguments", ["models", "datasets --help", "--help", "--version"])
def test_an_output_that_is_full_is_one_line(arguments):
    command = [sys.executable, "-m", "cosod", *arguments.split()]
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr.strip().startswith("Error: standard output cannot be written") and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("segmnt", "segment"),
        ("cut-out", "cutout"),
        ("thumbnail", "thumbnails"),
        ("eval", "evaluate"),
        ("Segment", "segment"),
    ],
)
def test_the_nearest_verb_is_suggested(capsys, given, wanted):
    assert cosod(given, "photos") == 2
    assert f"there is no command '{given}'; did you mean {wanted}?" in capsys.readouterr().err


def test_nothing_is_suggested_for_what_is_like_no_verb(capsys):
    assert cosod("xyzzy") == 2
    assert "see cosod --help" in capsys.readouterr().err
    assert cosod("active", "quary") == 2
    assert "did you mean query?" in capsys.readouterr().err
