"""A path at which nothing exists is refused at once, before PyTorch is imported."""

import json
import subprocess
import sys

import pytest

from tests.cli.command_line import cosod

COMMANDS = [
    ["segment", "{missing}", "-o", "out"],
    ["segment", "{there}", "{missing}", "-o", "out"],
    ["cutout", "{missing}", "-o", "out"],
    ["thumbnails", "{missing}", "-o", "out"],
    ["group", "{missing}", "-o", "out"],
    ["learn", "{missing}", "-o", "kept.consensus"],
    ["inspect", "{missing}", "-o", "out"],
]
CHILD = """
import json, sys
from cosod.cli import main
for arguments in json.loads(sys.argv[1]):
    try:
        main(arguments)
    except SystemExit as end:
        assert end.code == 1
print("torch" in sys.modules)
"""


def filled(command, folder):
    return [part.format(missing=folder / "none", there=folder) for part in command]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_missing_paths_are_named(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cosod(*filled(command, tmp_path)) == 1
    assert f"{tmp_path / 'none'}: no such file or folder; check the path" in capsys.readouterr().err
    (tmp_path / "none").symlink_to(tmp_path / "gone")
    assert cosod(*filled(command, tmp_path)) == 1
    assert f"{tmp_path / 'none'}: a link to a file that does not exist" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["none"]


def test_nothing_slow_is_imported(tmp_path):
    commands = json.dumps([filled(command, tmp_path) for command in COMMANDS])
    done = subprocess.run([sys.executable, "-c", CHILD, commands], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n" and done.stderr.count("no such file or folder") == len(COMMANDS)
