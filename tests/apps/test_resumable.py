"""The runner of all verbs that go on where they stopped, on toy results."""

import json
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from cosod.apps import applications
from cosod.apps.group_job import reading, targets, unit_record
from cosod.apps.map_sources import FoundMap
from cosod.apps.resumable import Unit, UnitRecord
from cosod.apps.summary import Summary
from cosod.errors import CosodError, ImageError, InputError
from cosod.io.photo_groups import Group, find_groups
from cosod.io.run_records import read_record, record_of
from tests.apps.distributed.made import photos


@dataclass
class Toy:
    """Writes an empty file for each photo."""

    output: Path
    overwrite: bool = False
    file: Path | None = None
    verb: str = "toy"
    made: list[str] = field(default_factory=list)

    def facts(self):
        return ["toy"]

    def files(self, group, index):
        return [self.output / group.name / f"{group.stems[index]}.txt"]

    def files_beside(self, group, index):
        return []

    def make(self, group, maps, reading):
        for index, *_ in maps:
            (file,) = self.files(group, index)
            reading.put(index, partial(self._write, file), partial(self._done, reading, group, index), pixels=1)
        reading.wait()
        return {"made": len(self.made)}

    def _write(self, file):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")

    def _done(self, reading, group, index, written):
        self.made.append(f"{group.name}/{group.stems[index]}")
        reading.done(index)


class Black:
    """Black maps; photos that are called ``bad`` cannot be read."""

    max_pixels, options = 10**6, None

    def identity(self, group):
        return "black"

    def stream(self, group, on_error):
        for index, image in enumerate(group.images):
            if image.stem == "bad":
                on_error(index, ImageError(f"{image}: cannot be read"))
            else:
                yield FoundMap(index, np.zeros((2, 2), np.float32))


@pytest.fixture
def places(tmp_path):
    photos(tmp_path / "in", a=2, b=1)
    (tmp_path / "in" / "b" / "bad.jpg").write_bytes(b"")
    return tmp_path


def run(places, folder="in", **options):
    toy, events = Toy(places / "out", **options), []
    summary = applications.run(toy, Black(), find_groups([places / folder]), events.append)
    return toy, summary, [(event["event"], event["group"]) for event in events]


def test_what_is_done_is_skipped_and_what_failed_is_named_again(places):
    toy, first, events = run(places)
    assert (first.groups, first.images, len(first.failed)) == (2, 3, 1)
    assert events == [
        *[("image", "a"), ("image", "a"), ("group", "a")],
        *[("image", "b"), ("failed", "b"), ("warning", "b"), ("group", "b")],
    ]
    toy, again, events = run(places)
    assert toy.made == [] and again.failed == first.failed and (again.groups, again.skipped_groups) == (0, 2)
    assert events == [("skipped", "a"), ("skipped", "b")]


def test_a_folder_that_is_named_by_another_path_is_done_all_the_same(places):
    run(places)
    (places / "link").symlink_to(places / "in", target_is_directory=True)
    toy, summary, _ = run(places, "link")
    assert toy.made == [] and summary.skipped_groups == 2


def test_a_group_is_done_again_whose_results_are_gone(places):
    run(places)
    (places / "out" / "a" / "1.txt").unlink()
    assert run(places)[0].made == ["a/0", "a/1"]
    assert run(places, overwrite=True)[0].made == ["a/0", "a/1", "b/0"]


def test_a_stopped_group_is_begun_and_not_finished(places, monkeypatch):
    def stop(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(Toy, "make", stop)
        with pytest.raises(KeyboardInterrupt):
            run(places)
    assert read_record(record_of(places / "out", "a")) == {"verb": "toy", "earlier": {}}
    assert run(places)[0].made == ["a/0", "a/1", "b/0"]


def test_results_of_other_commands_are_refused_before_anything_is_written(places):
    run(places)
    with pytest.raises(InputError, match="holds results of cosod toy"):
        run(places, verb="other")


def test_a_unit_of_several_records_does_those_that_are_left(tmp_path):
    records = [UnitRecord(tmp_path / f"{number}.json", "toy", "of now", lambda stored: []) for number in range(2)]
    facts = {"verb": "toy", "fingerprint": "of now", "failed": [], "absent": [{"image": "x"}]}
    records[0].file.write_text(json.dumps(facts))
    unit = Unit("a", lambda event: None)
    assert unit.pending(records, images=1) == [1]
    unit.begin()
    unit.finish(1, [{"absent": [{"image": "y"}]}])
    assert unit.summary == Summary(groups=1, images=1, absent=[{"image": "x"}, {"image": "y"}])
    assert all(record.finished() for record in records)


def test_events_wait_for_what_was_handed_over_before():
    waiting, events = [], []
    unit = Unit("a", events.append, waiting.append)
    unit.tell("image", image="a/0.jpg")
    unit.fail("a/1.jpg", "a/1.jpg: cannot be read")
    unit.fail("a/2.jpg", "a/2.jpg: cannot be written", written=True)
    assert [event["image"] for event in events] == ["a/2.jpg"] and len(unit.failed) == 2
    for call in waiting:
        call()
    assert [event["image"] for event in events] == ["a/2.jpg", "a/0.jpg", "a/1.jpg"]


def test_a_part_of_a_group_has_a_record_of_its_own(tmp_path):
    group = Group("a", (tmp_path / "x.jpg",), ("x",), 3)
    assert unit_record(Toy(tmp_path), group, "").file == tmp_path / ".cosod" / "part 3" / "a.json"
    assert list(targets(Toy(tmp_path), [group]))[1:] == [tmp_path / "a" / "x.txt"]


def test_a_group_that_cannot_be_read_at_all_ends_quietly(tmp_path):
    group = Group("a", (tmp_path / "x.jpg", tmp_path / "y.jpg"), ("x", "y"))
    with reading(group, ["x", "y"]):
        raise ImageError("none of them")
    with pytest.raises(CosodError, match="changed while it was being processed"), reading(group, ["x"]):
        raise ImageError("y is gone")


def test_a_group_in_parts_is_one_group_and_nothing_is_none():
    parts = [Summary(groups=1, images=5), Summary(skipped_groups=1)]
    assert Summary.of_parts(parts) == Summary(groups=1, images=5)
    assert Summary.of_parts(parts[1:] * 2) == Summary(skipped_groups=1)
    assert Summary.of_parts([]) == Summary()
