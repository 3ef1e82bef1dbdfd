"""The distractor test of a set."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from cosod.errors import InputError
from cosod.training.data.distractor_test import make_distractors, plan_distractors
from cosod.training.data.training_set import read_groups
from tests.training.made import COLORS, make_set


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("distractors")
    source = make_set(folder / "made")
    return source, folder / "out", list(make_distractors(str(source), folder / "out", seed=3))


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture).astype(int)


def near(image, color):
    return np.abs(image - color).max(axis=2) < 40


def test_the_truth_is_the_own_object_on_its_side(made):
    source, output, pairs = made
    assert len(pairs) == 16
    assert {entry.left for entry in pairs} == {True, False}
    for entry in pairs:
        image = pixels(output / "images" / entry.group / entry.name())
        truth = pixels(output / "gts" / entry.group / entry.name())
        assert image.shape == (40, 48, 3) and truth.shape == (40, 48)
        assert set(np.unique(truth)) == {0, 255}
        other = slice(24, None) if entry.left else slice(None, 24)
        assert truth[:, other].max() == 0
        own = near(image, COLORS[int(entry.group)])
        assert (own & (truth > 0)).sum() / (own | (truth > 0)).sum() > 0.75
        distractor = COLORS[int(entry.distractor.parent.name)]
        assert entry.distractor.parent.name != entry.group
        assert near(image[:, other], distractor).sum() > 50
    assert read_groups(str(output))[1].keys() == read_groups(str(source))[1].keys()


def test_the_same_seed_is_the_same_test(made, tmp_path):
    source, output, _ = made
    moved = tmp_path / "made"
    shutil.copytree(source, moved)
    list(make_distractors(str(moved), tmp_path / "out", seed=3))
    files = sorted(p.relative_to(output) for p in output.rglob("*.*"))
    assert len(files) == 33
    assert all((output / file).read_bytes() == (tmp_path / "out" / file).read_bytes() for file in files)
    _, groups = read_groups(str(source))
    assert plan_distractors(groups, 3) != plan_distractors(groups, 4)


def test_a_stopped_run_goes_on(made):
    source, output, pairs = made
    gone = output / "images" / pairs[5].group / pairs[5].name()
    before = gone.read_bytes()
    kept = output / "images" / pairs[4].group / pairs[4].name()
    time = kept.stat().st_mtime_ns
    gone.unlink()
    list(make_distractors(str(source), output, seed=3))
    assert gone.read_bytes() == before
    assert kept.stat().st_mtime_ns == time


def test_folders_of_something_else_are_not_written_to(made, tmp_path):
    source, output, _ = made
    with pytest.raises(InputError, match="another set or seed"):
        list(make_distractors(str(source), output, seed=4))
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(InputError, match="holds something else"):
        list(make_distractors(str(source), tmp_path, seed=3))
    assert json.loads((output / "distractors.json").read_text())["seed"] == 3


def test_masks_are_read_as_evaluation_reads_them(made, tmp_path):
    source, output, pairs = made
    changed = tmp_path / "made"
    shutil.copytree(source, changed)
    pair = pairs[0]
    path = changed / pair.mask.relative_to(source)
    Image.fromarray((pixels(path) // 255).astype(np.uint8)).save(path)
    list(make_distractors(str(changed), tmp_path / "out", seed=3))
    name = f"gts/{pair.group}/{pair.name()}"
    assert (pixels(tmp_path / "out" / name) == pixels(output / name)).all()
