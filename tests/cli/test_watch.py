"""``cosod watch``: photos that come in while it runs, restarts, and what is no photo yet."""

import json
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.apps.made import photo
from tests.cli.command_line import cosod, files
from tests.cli.test_inputs_are_kept import refused

FAST = ["--every", 0.1, "--once", "--size", 64]


@pytest.fixture
def d(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for i in range(2):
        photo(tmp_path / "refs" / f"{i}.jpg", i)
    (tmp_path / "in").mkdir()
    assert cosod("learn", "refs", "-o", "mug.consensus", "--size", 64) == 0
    return tmp_path


def done(capsys, *more):
    """The photos of a run, and its exit code."""
    capsys.readouterr()
    code = cosod("watch", "mug.consensus", "in", "-o", "out", "--json", *FAST, *more)
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [event["image"] for event in events if event["event"] == "image"], code, events[-1]


def test_each_photo_is_done_once_whenever_it_comes(d, capsys):
    assert done(capsys) == ([], 0, done(capsys)[2])
    photo(d / "in" / "a.jpg", 3)
    assert done(capsys)[:2] == (["in/a.jpg"], 0)
    photo(d / "in" / "a.png", 4)
    photo(d / "in" / "sub" / "b.jpg", 5)
    assert sorted(done(capsys)[0]) == ["in/a.png", "in/sub/b.jpg"]
    assert files(d / "out") == ["in/a.png", "in/a_png.png", "sub/b.png"], "names stay what they were"
    assert done(capsys)[0] == []
    photo(d / "in" / "a.jpg", 6)
    assert done(capsys)[0] == ["in/a.jpg"], "changed"
    assert len(done(capsys, "--save", "maps,masks")[0]) == 3, "other results"
    assert cosod("cutout", "in", "-o", "cut", "--maps", "out", "--method", "alpha") == 0
    (d / "in" / "a.png").unlink()
    assert "in/a_png.png" in "".join(done(capsys, "--save", "maps,masks")[2]["stale"])
    assert done(capsys, "--save", "maps,masks", "--prune")[2]["stale"] == []
    assert "in/a_png.png" not in files(d / "out")


def test_what_cannot_be_read_is_tried_again_when_it_changes(d, capsys):
    (d / "in" / "a.jpg").write_text("not yet a photo")
    photo(d / "in" / "b.jpg", 1)
    images, code, summary = done(capsys)
    assert images == ["in/b.jpg"] and code == 1 and len(summary["failed"]) == 1
    photo(d / "in" / "a.jpg", 2)
    assert done(capsys)[:2] == (["in/a.jpg"], 0)


def test_a_folder_that_fills_while_it_runs(d):
    command = [
        sys.executable,
        "-m",
        "cosod",
        "watch",
        "in",
        "-o",
        "out",
        "--consensus",
        "mug.consensus",
        "--every",
        "0.1",
    ]
    process = subprocess.Popen(
        [*command, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    data = (d / "refs" / "0.jpg").read_bytes()
    with (d / "in" / "slow.jpg").open("wb") as file:  # as a copy that takes a while
        for start in range(0, len(data), len(data) // 4):
            file.write(data[start : start + len(data) // 4])
            file.flush()
            time.sleep(0.05)
    assert json.loads(process.stdout.readline())["image"] == "in/slow.jpg"
    shutil.copy(d / "refs" / "1.jpg", d / "in" / "later.jpg")
    for line in process.stdout:
        if json.loads(line).get("image") == "in/later.jpg":
            break
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=60)
    summary = json.loads(rest.splitlines()[-1])
    assert process.returncode == 0 and summary["images"] == 2 and summary["failed"] == [], errors
    assert files(d / "out") == ["in/later.png", "in/slow.png"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("in -o out", "give a consensus"),
        ("mug.consensus refs in -o out", "one folder"),
        ("mug.consensus none -o out", "no such folder"),
        ("mug.consensus refs/0.jpg -o out", "no such folder"),
        ("mug.consensus in -o in", "photos come into"),
        ("mug.consensus refs -o .", "among the photos"),
        ("mug.consensus in -o out.png", "name of a file"),
    ],
)
def test_what_cannot_be_watched(d, capsys, arguments, says):
    refused(d, capsys, "watch", *arguments.split(), "--once", says=says)


def test_what_is_not_read_is_named_at_the_end(d, capsys):
    (d / "in" / "raw.cr2").write_bytes(b"raw")
    assert done(capsys)[2]["left_out"][0]["file"] == "in/raw.cr2", "nothing else is there"
    photo(d / "in" / "a.jpg", 3)
    images, code, last = done(capsys)
    assert (images, code) == (["in/a.jpg"], 0)
    assert [(file["file"], file["reason"]) for file in last["left_out"]] == [("in/raw.cr2", "camera raw file")]
