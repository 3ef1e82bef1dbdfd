"""``cosod learn`` and ``cosod apply`` as a person uses them, and ``--absent``."""

import json

import numpy as np
import pytest
from PIL import Image

from cosod import models
from cosod.models import registry
from cosod.models.checkpoints import safetensors_file
from tests.cli.command_line import cosod


def photo(path, seed=0, color=(220, 40, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[:60, :80]
    image = np.random.default_rng(seed).integers(90, 120, (60, 80, 3), dtype=np.uint8)
    disc = (y - 30) ** 2 + (x - 25 - 5 * (seed % 6)) ** 2 < 200
    image[disc] = color
    Image.fromarray(image).save(path)
    return disc


@pytest.fixture
def places(tmp_path):
    for i in range(3):
        photo(tmp_path / "refs" / f"{i}.jpg", i)
        photo(tmp_path / "photos" / f"{i}.jpg", 10 + i)
    assert cosod("learn", tmp_path / "refs", "-o", tmp_path / "red.consensus", "--size", 64) == 0
    return tmp_path


def maps(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*.png"))


def test_one_consensus(places, capsys):
    capsys.readouterr()
    run = ["apply", places / "red.consensus", places / "photos", "-o", places / "out", "--json"]
    assert cosod(*run) == 0
    assert maps(places / "out") == [f"photos/{i}.png" for i in range(3)]
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [e["event"] for e in events] == ["image"] * 3 + ["group", "summary"]
    assert events[0]["consensus"] == "red" and events[-1]["images"] == 3
    assert cosod(*run) == 0
    again = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (again["images"], again["skipped_groups"]) == (0, 1)


def test_several_consensuses(places, capsys):
    mask = photo(places / "one.png", 3, (20, 40, 230))
    Image.fromarray(mask).save(places / "mask.png")
    marked = ["--mask", f"{places / 'one.png'}={places / 'mask.png'}"]
    assert cosod("learn", places / "one.png", "-o", places / "blue.consensus", "--size", 64, *marked) == 0
    out = places / "out"
    run = ["apply", places / "red.consensus", places / "blue.consensus", places / "photos", "-o", out]
    assert cosod(*run, "--save", "maps,masks") == 0
    wanted = [f"{c}/{kind}photos/{i}.png" for c in ("red", "blue") for kind in ("", "masks/") for i in range(3)]
    assert maps(out) == sorted(wanted)
    (out / "blue" / "photos" / "1.png").unlink()
    assert cosod(*run, "--save", "maps,masks") == 0
    assert maps(out) == sorted(wanted)


def test_one_bad_photo_is_reported_at_the_end(places, capsys):
    (places / "photos" / "bad.jpg").write_text("no image")
    (places / "refs" / "bad.jpg").write_text("no image")
    for _ in range(2):
        assert cosod("apply", places / "red.consensus", places / "photos", "-o", places / "out") == 1
        assert "bad.jpg" in capsys.readouterr().err
    assert len(maps(places / "out")) == 3
    assert cosod("learn", places / "refs", "-o", places / "more.consensus", "--size", 64) == 1
    assert (places / "more.consensus").exists()


def test_a_long_folder_is_done_in_parts(places, monkeypatch, capsys):
    monkeypatch.setattr("cosod.apps.segment.runner.PART", 2)
    run = ["apply", places / "red.consensus", places / "photos", "-o", places / "out", "--json"]
    assert cosod(*run) == 0
    (places / "out" / "photos" / "2.png").unlink()
    capsys.readouterr()
    assert cosod(*run) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [e["event"] for e in events] == ["skipped", "image", "group", "summary"]
    assert events[-1]["groups"] == 1 and events[-1]["skipped_groups"] == 0


@pytest.fixture
def calibrated(tmp_path):
    """The default weights with a calibration that calls everything absent."""
    path = tmp_path / "calibrated.safetensors"
    models.save(models.load(registry.weights_file("gconet_plus_mobile")), path)
    safetensors_file.annotate(path, presence={"slope": 1.0, "offset": -9.0, "few": 0.0})
    return ["--weights", path, "--size", 64]


def test_absent(places, calibrated, capsys):
    def run(kind):
        capsys.readouterr()
        out = places / kind
        assert cosod("segment", places / "photos", "-o", out, "--absent", kind, "--json", *calibrated) == 0
        captured = capsys.readouterr()
        events = [json.loads(line) for line in captured.out.splitlines()]
        assert all(0 <= e["presence"] < 0.5 for e in events if e["event"] == "image")
        top = max(int(np.asarray(Image.open(out / "photos" / f"{i}.png")).max()) for i in range(3))
        return top, len(events[-1]["absent"]), captured.err

    kept, absent, _ = run("keep")
    assert absent == 0
    assert run("report")[:2] == (kept, 3)
    blank, absent, shown = run("blank")
    assert (blank, absent) == (0, 3) and "3 images are without the object" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["apply", "{at}/photos", "-o", "{at}/out"], "files ending in .consensus"),
        (["apply", "{at}/red.consensus", "-o", "{at}/out"], "photos or folders of photos"),
        (["apply", "{at}/none.consensus", "{at}/photos", "-o", "{at}/out"], "none.consensus: no such consensus"),
        (["apply", "{at}/red.consensus", "{at}/photos", "-o", "{at}/out", "--size", "96"], "red.consensus was learned"),
        (["apply", "{at}/red.consensus", "{at}/photos", "-o", "{at}/out", "--absent", "no"], "--absent no"),
        (["learn", "{at}/refs", "-o", "{at}/refs"], "is a folder"),
        (["learn", "{at}/refs", "-o", "{at}/a.consensus", "--mask", "{at}/m.png"], "give PHOTO=MASK"),
        (["learn", "{at}/refs", "-o", "{at}/a.consensus", "--mask", "{at}/x.jpg=m.png"], "is not among the photos"),
        (["segment", "{at}/refs", "-o", "{at}/out", "--absent", "hide"], "--absent hide"),
    ],
)
def test_wrong_arguments_are_one_sentence(places, capsys, arguments, message):
    assert cosod(*(a.format(at=places) for a in arguments)) == 1
    shown = capsys.readouterr().err.strip().splitlines()
    assert message in shown[-1] and shown[-1].startswith("Error: ")
