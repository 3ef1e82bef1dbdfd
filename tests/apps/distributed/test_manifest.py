"""``cosod segment --shard`` and ``cosod shards`` as a person uses them."""

import json
import threading

import pytest

from cosod.apps.distributed import manifest
from cosod.apps.segment import run
from cosod.apps.summary import Summary
from cosod.errors import OutputError
from tests.apps.distributed.made import OPTIONS, contents, open_network, photos
from tests.cli.command_line import cosod


@pytest.fixture
def places(tmp_path):
    photos(tmp_path / "in", a=3, b=2, c=4, d=2)
    return tmp_path


def segment(places, *more, out="out"):
    return cosod("segment", places / "in", "-o", places / out, *OPTIONS, *more)


def merged(places, capsys):
    capsys.readouterr()
    code = cosod("shards", places / "out", "--json")
    shown = capsys.readouterr()
    return code, json.loads(shown.out), shown.err


def test_shards_make_together_what_one_run_makes(places, capsys):
    assert segment(places, out="whole") == 0
    assert segment(places, "--shard", "1/3") == 0
    code, found, shown = merged(places, capsys)
    assert (code, found["missing"], found["unfinished"]) == (1, [2, 3], [])
    assert "Never begun: 2/3, 3/3" in shown and not (places / "out" / "manifest.json").exists()
    assert segment(places, "--shard", "3/3") == 0 and segment(places, "--shard", "2/3") == 0
    code, found, _ = merged(places, capsys)
    assert (code, found["missing"], found["failed"]) == (0, [], [])
    assert [(g["name"], g["images"], g["state"]) for g in found["groups"]] == [
        ("a", 3, "done"),
        ("b", 2, "done"),
        ("c", 4, "done"),
        ("d", 2, "done"),
    ]
    assert sum(row["images_done"] for row in found["rows"]) == 11
    assert json.loads((places / "out" / "manifest.json").read_text()) == found
    assert cosod("shards", places / "out") == 0
    table = capsys.readouterr().out.splitlines()
    assert len(table) == 4 and "1/3  finished" in table[1]
    results = contents(places / "out")
    del results["manifest.json"]
    assert results == contents(places / "whole")


def test_failures_and_resuming(places, capsys):
    (places / "in" / "b" / "bad.jpg").write_text("no image")
    (places / "in" / "none").mkdir()
    (places / "in" / "none" / "bad.jpg").write_text("no image")
    codes = [segment(places, "--shard", f"{n}/2") for n in (1, 2)]
    assert 1 in codes
    for _ in range(2):
        code, found, shown = merged(places, capsys)
        assert code == 1 and "2 images could not be read" in shown
        assert [(f["group"], f["image"].rsplit("/", 1)[-1]) for f in found["failed"]] == [
            ("b", "bad.jpg"),
            ("none", "bad.jpg"),
        ]
        states = {g["name"]: g["state"] for g in found["groups"]}
        assert states == {"a": "done", "b": "done", "c": "done", "d": "done", "none": "failed"}
        assert [segment(places, "--shard", f"{n}/2") for n in (1, 2)] == codes, "skipped groups keep their failures"


def test_a_shard_without_groups(places, capsys):
    assert [segment(places, "--shard", f"{n}/5") for n in range(1, 6)] == [0] * 5
    assert "0 images in 0 groups" in capsys.readouterr().err
    code, found, _ = merged(places, capsys)
    assert code == 0 and [row["groups"] for row in found["rows"]] == [1, 1, 1, 1, 0]


def test_a_stopped_shard_is_unfinished(places, capsys, monkeypatch):
    def stop(*arguments, **options):
        run(*arguments[:2], arguments[2][:1], *arguments[3:], **options)
        raise OutputError("no space left")

    monkeypatch.setattr("cosod.apps.segment.runner.run", stop)
    assert segment(places, "--shard", "1/1") == 1
    code, found, shown = merged(places, capsys)
    assert code == 1 and found["unfinished"] == [1] and "Running or stopped: 1/1" in shown
    assert (found["rows"][0]["state"], found["rows"][0]["groups_done"]) == ("stopped", 1)
    monkeypatch.undo()
    assert segment(places, "--shard", "1/1") == 0 and merged(places, capsys)[0] == 0


def test_the_manifest_tells_while_the_shard_runs(places, monkeypatch):
    monkeypatch.setattr(manifest, "SECONDS", 0.0)
    groups = manifest.Shard(1, 1).of(_groups(places))
    with manifest.sharded(manifest.Shard(1, 1), places / "out", groups, {"model": "m"}) as (mine, finished):
        for done, group in enumerate(mine, start=1):
            finished(group, Summary(groups=1, images=len(group.images)))
            (told,) = manifest.read_manifests(places / "out")
            assert told["state"] == "running"
            assert [g["state"] for g in told["groups"]] == ["done"] * done + ["planned"] * (4 - done)


def _groups(places):
    from cosod.io.photo_groups import find_groups

    return find_groups([places / "in"])


@pytest.mark.parametrize("text", ["0/8", "9/8", "a/b"])
def test_bad_shards_are_one_sentence(places, capsys, text):
    assert segment(places, "--shard", text) == 1
    assert capsys.readouterr().err.startswith(f"Error: --shard {text}: give a part")
    assert not (places / "out").exists()


def test_shards_of_one_folder_must_be_of_one_run(places, capsys):
    assert cosod("shards", places / "out") == 1
    assert "no shards in" in capsys.readouterr().err
    assert segment(places, "--shard", "1/2") == 0
    capsys.readouterr()
    for more, message in [
        (["--shard", "1/4"], "in 4 and in 2 parts (1/4, 1/2)"),
        (["--shard", "2/2", "--size", "96"], "shards 2/2 and 1/2 in"),
        (["--shard", "2/2", "--save", "masks"], "differ: save ['masks']; save ['maps']"),
    ]:
        assert segment(places, *more) == 1
        assert message in capsys.readouterr().err
    path = places / "out" / ".cosod" / "shards" / "2-of-2.json"
    other = json.loads(path.with_name("1-of-2.json").read_text()) | {"shard": 2}
    for change, message in [
        ({"shards": 3}, "in 2 and in 3 parts (1/2, 2/3)"),
        ({"facts": other["facts"] | {"model": "abc"}}, "; model abc. Run all with one model"),
        ({"plan": "x", "updated": "2000-01-01T00:00:00+00:00"}, "when shard 2/2 of"),
        ({"plan": "x", "updated": "3000-01-01T00:00:00+00:00"}, "when shard 1/2 of"),
    ]:
        path.write_text(json.dumps(other | change))
        assert cosod("shards", places / "out") == 1
        assert message in capsys.readouterr().err
    path.write_text("{")
    assert cosod("shards", places / "out") == 1
    assert "2-of-2.json: damaged" in capsys.readouterr().err


def test_shards_at_once(places):
    """Two runs in one folder, with threads in place of machines."""
    detector, identity = open_network()
    from cosod.apps.preflight import check_output
    from cosod.apps.segment import SegmentJob

    errors = []

    def one(number):
        try:
            for _ in range(3):
                check_output(places / "out")
            shard = manifest.Shard(number, 2)
            with manifest.sharded(shard, places / "out", _groups(places), {"model": identity}) as (mine, finished):
                run(detector, identity, mine, SegmentJob(places / "out", ("maps", "masks")), finished=finished)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and len(manifest.read_manifests(places / "out")) == 2
    assert len(contents(places / "out")) == 22 and not list((places / "out").rglob("*.part"))


def test_a_group_whose_record_would_be_a_manifest(places, capsys):
    photos(places / "in" / "shards", **{"1-of-2": 1})
    assert segment(places, "--shard", "1/2") == 1
    assert "rename the folder" in capsys.readouterr().err


def test_videos_are_not_in_shards(places, capsys):
    (places / "in" / "clip.mp4").write_bytes(b"")
    assert cosod("segment", places / "in" / "clip.mp4", "-o", places / "out", "--shard", "1/2") == 1
    assert "videos are done on one machine" in capsys.readouterr().err


def test_apply_in_shards_cuts_a_long_folder(places, monkeypatch, capsys):
    monkeypatch.setattr("cosod.apps.segment.runner.PART", 2)
    assert cosod("learn", places / "in" / "a", "-o", places / "a.consensus", "--size", 64) == 0
    apply = ["apply", places / "a.consensus", places / "in" / "c", places / "in" / "a"]
    assert cosod(*apply, "-o", places / "whole") == 0
    for number in (1, 2):
        assert cosod(*apply, "-o", places / "out", "--shard", f"{number}/2") == 0
    code, found, _ = merged(places, capsys)
    assert code == 0
    assert [(g["name"], g["part"], g["images"]) for g in found["groups"]] == [
        ("a", 0, 2),
        ("a", 1, 1),
        ("c", 0, 2),
        ("c", 1, 2),
    ]
    assert len({g["shard"] for g in found["groups"] if g["name"] == "c"}) == 2
    results = contents(places / "out")
    del results["manifest.json"]
    assert results == contents(places / "whole")
    assert cosod(*apply, "-o", places / "out", "--json") == 0, "a run of all finds the parts done"
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["skipped_groups"] == 2
