"""``cosod inspect``: groups of photos and training runs, good and bad."""

import subprocess
import sys
from pathlib import Path

from tests.analysis.made import log_rows, make_photos, write_log
from tests.cli.command_line import cosod

PHOTOS = Path(__file__).parents[2] / "examples" / "photos"


def test_example_photos(tmp_path, capsys):
    arguments = ("--size", 96, "--images", 2, "--device", "cpu")
    assert cosod("inspect", PHOTOS, "-o", tmp_path, *arguments) == 0
    out, err = capsys.readouterr()
    assert "mean cosine of different groups' consensus" in out and "nearer to their own group" in out
    assert "17 files" in err
    assert (tmp_path / "consensus" / "tsne_images.png").exists() and (tmp_path / "decoder" / "mugs.png").exists()


def test_unreadable_photo_is_reported_at_the_end(tmp_path, capsys):
    photos = make_photos(tmp_path / "photos", 2, 2)
    (photos / "group1" / "broken.jpg").write_bytes(b"no image")
    assert cosod("inspect", photos, "-o", tmp_path / "out", "--size", 32, "--show", "attention, decoder") == 1
    assert "1 image could not be read" in (err := capsys.readouterr().err) and "broken.jpg" in err
    assert sorted(p.parent.name for p in (tmp_path / "out").rglob("*.png")) == ["attention"] * 2 + ["decoder"] * 2


def test_runs(tmp_path, capsys):
    one = write_log(tmp_path / "one", log_rows())
    two = write_log(tmp_path / "two", log_rows(), b'{"step": 7, "to')
    assert cosod("inspect", "--run", one, "--curves", two, "-o", tmp_path / "out") == 0
    assert "two: damaged lines of its log that were left out: 1" in capsys.readouterr().err
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["learning_curves.csv", "learning_curves.png"]


def test_what_is_missing_or_wrong(tmp_path, capsys):
    def error(*arguments):
        assert cosod("inspect", *arguments) == 1
        shown = capsys.readouterr().err
        assert "Traceback" not in shown
        return shown

    photos = make_photos(tmp_path / "photos", 1, 1)
    out = tmp_path / "out"
    assert cosod("inspect", "-o", out) == 2
    capsys.readouterr()
    assert "no log.jsonl in it" in error("--run", tmp_path, "-o", out)
    assert "is an input too" in error(photos, "-o", photos)
    assert "no such file or folder" in error(tmp_path / "nowhere", "-o", out)
    assert "give any of consensus" in error(photos, "-o", out, "--show", "everything")
    assert "no network is called" in error(photos, "-o", out, "--model", "gconet9")
    assert not out.exists()
    out.write_text("a file")
    assert "cannot write" in error(photos, "-o", out, "--size", 32)


def test_help_imports_no_torch():
    code = "import sys, cosod.cli\ntry: cosod.cli.main(['inspect', '--help'])\nexcept SystemExit: pass\n"
    code += "assert not {'torch', 'numpy', 'matplotlib', 'sklearn'} & set(sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
    assert shown.startswith("Usage") and "--show" in shown
