"""Commands where PyTorch is not installed, or not waited for."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cosod.errors import ExtraError
from cosod.inference import onnx_detector, onnx_graphs
from cosod.io.resizing import input_shape
from cosod.models.checkpoints.packaged import DEFAULT, packaged_file
from tests.cli.command_line import cosod, files

PHOTOS = Path(__file__).parents[2] / "examples" / "photos" / "apples"
WITHOUT = "import sys; sys.modules['torch'] = None; from cosod.cli import main; main(sys.argv[1:])"
WITH = """
import sys
from cosod.cli import main
try:
    main(sys.argv[1:])
finally:
    print(*sorted({'torch', 'torchvision', 'timm', 'onnx'} & set(sys.modules)))
"""


def run(code, *arguments):
    return subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)


def pixels(path):
    return np.asarray(Image.open(path)).astype(int)


def packaged_weights():
    """The weights of the package as a file of the user's, which PyTorch reads."""
    return packaged_file(f"{DEFAULT}.safetensors")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The results of two commands without PyTorch."""
    out = tmp_path_factory.mktemp("without")
    first = run(WITHOUT, "segment", PHOTOS, "-o", out / "maps", "--save", "maps,masks,overlays", "--absent", "report")
    assert first.returncode == 0, first.stderr
    second = run(WITHOUT, "cutout", PHOTOS, "-o", out / "cut", "--maps", out / "maps", "--method", "threshold")
    assert second.returncode == 0, second.stderr
    return out


def test_results_are_those_with_pytorch(folder, tmp_path):
    options = ["--save", "maps,masks,overlays", "--weights", packaged_weights()]
    assert cosod("segment", PHOTOS, "-o", tmp_path, "--precision", "float32", *options) == 0
    assert files(tmp_path) == files(folder / "maps")
    for name in files(tmp_path):
        difference = np.abs(pixels(folder / "maps" / name) - pixels(tmp_path / name))
        assert difference.mean() < 0.5, name  # photos are resized by Pillow, whose levels may differ by one
    assert len(files(folder / "cut")) == len(list(PHOTOS.iterdir()))


def test_finished_groups_are_skipped_whoever_computed_them(folder, capsys):
    options = ["--save", "maps,masks,overlays", "--absent", "report", "--precision", "float32"]
    assert cosod("segment", PHOTOS, "-o", folder / "maps", *options, "--weights", packaged_weights()) == 0
    assert "1 group was finished already" in capsys.readouterr().err


@pytest.fixture
def examples(tmp_path):
    """The apples as they are, and the other examples at the size of the network's input.

    Whether a region is divided depends on a bound, which a map of something else than the object can cross if levels
    differ by one, as those of the two filters do that resize photos.
    """
    shutil.copytree(PHOTOS, tmp_path / "photos" / PHOTOS.name)
    size = onnx_detector.OnnxDetector().size
    for path in PHOTOS.parent.glob("*/*"):
        if path.parent != PHOTOS:
            photo = Image.open(path)
            height, width = input_shape(photo.height, photo.width, size, 32)
            resized = tmp_path / "photos" / path.parent.name / f"{path.stem}.png"
            resized.parent.mkdir(exist_ok=True)
            photo.resize((width, height)).save(resized)
    return tmp_path / "photos"


def test_a_consensus_is_learned_and_applied_without_pytorch(examples, tmp_path):
    consensus = tmp_path / "apple.consensus"
    ran = run(WITHOUT, "learn", PHOTOS, "-o", consensus)
    assert ran.returncode == 0, ran.stderr
    arguments = ["apply", consensus, examples, "--absent", "report", "-o"]
    ran = run(WITHOUT, *arguments, tmp_path / "without")
    assert ran.returncode == 0, ran.stderr
    options = ["--precision", "float32", "--weights", packaged_weights()]
    assert cosod(*arguments, tmp_path / "with", *options) == 0
    assert len(files(tmp_path / "with")) == 18
    for name in files(tmp_path / "with"):
        assert np.abs(pixels(tmp_path / "without" / name) - pixels(tmp_path / "with" / name)).mean() < 0.5, name


def test_pytorch_is_not_imported_for_few_photos(tmp_path):
    ran = run(WITH, "segment", PHOTOS, "-o", tmp_path)
    assert ran.returncode == 0 and ran.stdout.split() == []
    ran = run(WITH, "thumbnails", PHOTOS, "-o", tmp_path / "thumbnails")
    assert ran.returncode == 0 and ran.stdout.split() == []
    ran = run(WITH, "segment", PHOTOS, "-o", tmp_path / "flipped", "--flip", "--size", "64", "--precision", "float32")
    assert ran.returncode == 0 and ran.stdout.split() == ["torch"]


def test_pytorch_helps_where_the_runtime_is_broken(tmp_path, monkeypatch):
    def broken(*arguments):
        raise ExtraError("ONNX Runtime", "onnx")

    monkeypatch.setattr(onnx_graphs, "open_session", broken)
    assert cosod("segment", PHOTOS, "-o", tmp_path, "--size", "64", "--precision", "float32") == 0
    assert len(files(tmp_path)) == len(list(PHOTOS.iterdir()))


def test_what_needs_pytorch_says_so(tmp_path):
    for arguments in (
        ["learn", PHOTOS, "--not", PHOTOS.parent / "mugs", "-o", tmp_path / "apples.consensus"],
        ["segment", PHOTOS, "-o", tmp_path / "out", "--flip"],
        ["segment", PHOTOS, "-o", tmp_path / "out", "--model", "gconet"],
        ["group", PHOTOS, "-o", tmp_path / "albums"],
        ["serve", "--port", "0"],
    ):
        ran = run(WITHOUT, *arguments)
        assert ran.returncode == 1, arguments
        assert ran.stderr.splitlines()[-1].startswith("Error: ") and "PyTorch" in ran.stderr, ran.stderr
        assert "Traceback" not in ran.stderr


def test_the_installation_is_checked_without_pytorch():
    ran = run(WITHOUT, "doctor", "--json")
    facts = json.loads(ran.stdout)
    assert ran.returncode == 0 and facts["healthy"]
    assert facts["deviation"] == {} and facts["onnx"] <= 0.01
    ran = run(WITHOUT.replace("['torch'] =", "['torch'] = sys.modules['onnxruntime'] ="), "doctor")
    assert ran.returncode == 1 and "cosod[onnx]" in ran.stdout
