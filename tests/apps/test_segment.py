"""Runs over groups: results are written beside the network's work, and in what order things are said and kept."""

import time
from pathlib import Path

import pytest

from cosod.apps.segment import SegmentJob, results, run
from cosod.apps.segment.job import RESERVED
from cosod.errors import OutputError
from cosod.io.photo_groups import find_groups
from cosod.io.run_records import read_record, record_of
from tests.apps.distributed.made import contents, jpeg, open_network, photos


@pytest.fixture
def places(tmp_path):
    photos(tmp_path / "in", a=3, b=2, c=2)
    return tmp_path


def segment(places, out="out", finished=lambda group, summary: None, save=("maps",)):
    detector, identity = open_network()
    events = []
    summary = run(
        detector,
        identity,
        find_groups([places / "in"]),
        SegmentJob(places / out, save),
        events.append,
        finished=finished,
    )
    return summary, events


def slow_at(monkeypatch, names, seconds=0.2):
    """Writing takes long for files of these names, so that later ones are there before them."""
    save = results.save_image

    def slow(array, path):
        if f"{path.parent.name}/{path.name}" in names:
            time.sleep(seconds)
        save(array, path)

    monkeypatch.setattr(results, "save_image", slow)


def test_events_keep_their_order_and_come_after_the_files(places, monkeypatch):
    (places / "in" / "b" / "bad.jpg").write_text("no image")
    slow_at(monkeypatch, {"a/0.png", "b/1.png"})
    there, finished = [], []

    def watched(event):
        if event["event"] == "image":
            there.append(event["maps"])
            assert Path(event["maps"]).exists()
        if event["event"] == "group":
            assert (places / "out" / ".cosod" / f"{event['group']}.json").exists()
        events.append((event["event"], event["group"], event.get("image", "").rsplit("/", 1)[-1]))

    detector, identity = open_network()
    events = []
    job = SegmentJob(places / "out")
    groups = find_groups([places / "in"])
    run(detector, identity, groups, job, watched, finished=lambda g, s: finished.append((g.name, s.images)))
    assert events == [
        *[("image", "a", f"{n}.jpg") for n in range(3)],
        ("group", "a", ""),
        ("failed", "b", "bad.jpg"),
        *[("image", "b", f"{n}.jpg") for n in range(2)],
        ("group", "b", ""),
        *[("image", "c", f"{n}.jpg") for n in range(2)],
        ("group", "c", ""),
    ]
    assert len(there) == 7 and finished == [("a", 3), ("b", 2), ("c", 2)]


def test_a_result_that_cannot_be_written_leaves_its_group_unfinished(places, monkeypatch):
    save = results.save_image

    def full(array, path):
        if path.parent.name == "b" and path.name == "1.png":
            time.sleep(0.2)
            raise OutputError(f"cannot write {path}: no space")
        save(array, path)

    monkeypatch.setattr(results, "save_image", full)
    with pytest.raises(OutputError, match="no space"):
        segment(places)
    finished = ["fingerprint" in read_record(record_of(places / "out", group)) for group in "abc"]
    assert finished == [True, False, False]
    monkeypatch.undo()
    summary, _ = segment(places)
    assert (summary.groups, summary.skipped_groups, len(contents(places / "out"))) == (2, 1, 7)


def test_a_group_named_as_the_manifest_makes_way(places):
    (places / "in" / "manifest.json").mkdir()
    (places / "in" / "manifest.json" / "1.jpg").write_bytes(jpeg())
    names = [g.name for g in find_groups([places / "in"], reserved=RESERVED)]
    assert names == ["a", "b", "c", "manifest.json-2"]
