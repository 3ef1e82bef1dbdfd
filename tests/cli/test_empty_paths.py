"""An empty path, as of a shell variable that is not set, is an error, and not the current folder."""

import pytest

from tests.cli.command_line import cosod

COMMANDS = [
    ["segment", "", "-o", "out"],
    ["segment", "photos", "-o", ""],
    ["segment", "photos", "-o", "out", "--weights", ""],
    ["cutout", "", "-o", "out"],
    ["thumbnails", "", "-o", "out"],
    ["group", "", "-o", "out"],
    ["learn", "", "-o", "kept.consensus"],
    ["learn", "photos", "-o", ""],
    ["apply", "kept.consensus", "", "-o", "out"],
    ["watch", "", "-o", "out"],
    ["evaluate", "--pred", "", "--gt", "truth"],
    ["evaluate", "--pred", "ours=", "--gt", "truth"],
    ["train", "gconet_plus_mobile", "--data", "", "-o", "run"],
    ["train", "gconet_plus_mobile", "--data", "everyday=", "-o", "run"],
    ["make-distractors", "", "-o", "out"],
    ["inspect", ""],
    ["datasets", "check", ""],
    ["convert", "", "out"],
    ["active", "run", "--data", "", "-o", "run"],
    ["active", "label", ""],
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_an_empty_path_is_refused_and_nothing_is_written(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    assert cosod(*arguments)
    said = capsys.readouterr().err
    assert "empty" in said and "current folder" in said
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]
