"""``cosod datasets`` from the command line."""

import json

import numpy as np
import pytest
from PIL import Image

from cosod.cli import main


def run(capsys, *arguments):
    """Exit code, stdout, stderr."""
    with pytest.raises(SystemExit) as stop:
        main(["datasets", *map(str, arguments)])
    out = capsys.readouterr()
    return stop.value.code, out.out, out.err


@pytest.fixture
def folder(tmp_path):
    """Two groups of two 8 x 6 images, each with a binary mask."""
    mask = np.zeros((6, 8), np.uint8)
    mask[2:4, 2:5] = 255
    for group in ("one", "two"):
        for kind in ("images", "gts"):
            (tmp_path / "mine" / kind / group).mkdir(parents=True)
        for stem in "ab":
            Image.new("RGB", (8, 6), "red").save(tmp_path / "mine/images" / group / f"{stem}.jpg")
            Image.fromarray(mask).save(tmp_path / "mine/gts" / group / f"{stem}.png")
    return tmp_path / "mine"


def test_list(capsys):
    code, out, _ = run(capsys)
    assert code == 0
    assert out.splitlines()[0].split() == ["name", "kind", "groups", "images", "use", "published", "by"]
    (coca,) = [line for line in out.splitlines() if line.startswith("CoCA ")]
    assert coca.split() == ["CoCA", "co-saliency", "80", "1,295", "testing", "zhaozhang.net"]


def test_show(capsys):
    code, out, _ = run(capsys, "Cosal2015")
    assert code == 0
    assert "50 groups / 2,015 images" in out and "CoSal2015" in out


def test_unknown_name(capsys):
    code, _, err = run(capsys, "holidays")
    assert code == 1
    assert err.startswith("Error: no data set called 'holidays'") and "CoCA" in err


def test_check_that_fits(capsys, folder):
    code, out, _ = run(capsys, "check", folder, "--read")
    assert code == 0
    assert "mine (not in the catalogue)" in out and "2 groups / 4 images, 4 with masks" in out


def test_check_against_a_set(capsys, folder):
    code, out, _ = run(capsys, "check", folder, "--as", "coca")
    assert code == 1
    assert "error: CoCA: expected 80 groups / 1,295 images (the whole set), found 2 groups / 4 images" in out
    assert "does not fit: 1 x count" in out


def test_check_as_json(capsys, folder):
    (folder / "gts/one/a.png").unlink()
    code, out, _ = run(capsys, "check", folder, "--json")
    assert code == 1
    (record,) = json.loads(out)
    assert (record["name"], record["groups"], record["images"], record["pairs"]) == ("mine", 2, 4, 3)
    assert [p["kind"] for p in record["problems"]] == ["missing mask"]


def test_read_opens_every_file(capsys, folder):
    (folder / "images/one/a.jpg").write_bytes(b"no image")
    whole = (folder / "gts/one/b.png").read_bytes()
    (folder / "gts/one/b.png").write_bytes(whole[:40])
    Image.new("L", (6, 8), 255).save(folder / "gts/two/a.png")
    Image.fromarray(np.full((6, 8), 128, np.uint8)).save(folder / "gts/two/b.png")
    assert run(capsys, "check", folder)[0] == 0
    code, out, _ = run(capsys, "check", folder, "--read")
    assert code == 1
    assert "gts/two/a.png is 6 x 8, its image 8 x 6" in out
    assert "100.0% of its pixels are neither 0 nor 255, the highest is 128" in out
    assert "does not fit: 2 x unreadable, 1 x size, 1 x gray mask" in out


def test_warnings_leave_the_exit_code(capsys, folder):
    Image.new("L", (8, 6)).save(folder / "gts/two/a.png")
    code, out, _ = run(capsys, "check", folder, "--read")
    assert code == 0
    assert "warning:" in out and "marks no object" in out and "ok: 1 x black mask" in out


def test_no_layout(capsys, tmp_path):
    code, _, err = run(capsys, "check", tmp_path)
    assert code == 1
    assert "none of the layouts" in err and "image + binary" in err
