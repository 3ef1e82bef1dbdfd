"""``cosod cutout`` as a person uses it: results, resuming, bad input."""

import io
import json

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.apps.made import scene, write_groups
from tests.cli.command_line import cosod, files
from tests.io import profiles


@pytest.fixture
def photos(tmp_path):
    return write_groups(tmp_path)


def test_cut_outs_have_alpha_and_the_photos_size(photos, tmp_path):
    assert cosod("cutout", photos, "-o", tmp_path / "out", "--maps", tmp_path / "maps") == 0
    assert files(tmp_path / "out") == ["red balls/0.png", "red balls/1.png", "ü/0.png", "ü/1.png"]
    with Image.open(tmp_path / "out" / "ü" / "1.png") as stored:
        assert stored.mode == "RGBA" and stored.size == (80, 60)
        alpha = np.asarray(stored)[..., 3]
    assert alpha[30, 42] == 255 and alpha[2, 2] == 0


def test_maps_are_made_where_none_are_given(photos, tmp_path):
    assert cosod("cutout", photos / "ü", "-o", tmp_path / "out", "--working-size", 64, "--method", "alpha") == 0
    assert files(tmp_path / "out") == ["ü/0.png", "ü/1.png"]


@pytest.mark.parametrize(("ending", "mode"), [("webp", "RGBA"), ("jpg", "RGB")])
def test_formats_sizes_and_backgrounds(photos, tmp_path, ending, mode):
    more = ["--background", "white:#ccc"] if mode == "RGB" else []
    run = ["cutout", photos / "ü", "-o", tmp_path / "out", "--maps", tmp_path / "maps", "--format", ending]
    assert cosod(*run, "--size", "50x40", *more) == 0
    with Image.open(tmp_path / "out" / "ü" / f"0.{ending}") as stored:
        assert stored.mode == mode and stored.size == (50, 40)


def test_finished_groups_are_skipped_until_something_changes(photos, tmp_path, capsys):
    run = ["cutout", photos, "-o", tmp_path / "out", "--maps", tmp_path / "maps", "--json"]

    def summary(*more):
        capsys.readouterr()
        assert cosod(*run, *more) == 0
        last = json.loads(capsys.readouterr().out.splitlines()[-1])
        return last["groups"], last["skipped_groups"]

    assert summary() == (2, 0)
    assert summary() == (0, 2)
    assert summary("--overwrite") == (2, 0)
    (tmp_path / "out" / "ü" / "1.png").unlink()
    assert summary() == (1, 1), "a result is missing"
    Image.new("L", (80, 60), 255).save(tmp_path / "maps" / "ü" / "0.png")
    assert summary() == (1, 1), "a map changed"
    assert summary("--method", "threshold") == (2, 0), "another result is wanted"
    Image.new("RGB", (80, 60), "green").save(tmp_path / "behind.png")
    assert summary("--background", tmp_path / "behind.png") == (2, 0)
    Image.new("RGB", (81, 60), "blue").save(tmp_path / "behind.png")
    assert summary("--background", tmp_path / "behind.png") == (2, 0), "the picture behind changed"


def test_bad_images_are_reported_and_the_rest_is_done(photos, tmp_path, capsys):
    (photos / "ü" / "text.png").write_text("no image")
    Image.new("L", (30, 60)).save(tmp_path / "maps" / "ü" / "0.png")
    (tmp_path / "maps" / "red balls" / "1.png").unlink()
    for run in range(2):
        assert cosod("cutout", photos, "-o", tmp_path / "out", "--maps", tmp_path / "maps") == 1
        shown = capsys.readouterr().err
        assert "text.png" in shown and "the map of another image" in shown and "has no map" in shown, run
        assert files(tmp_path / "out") == ["red balls/0.png", "ü/1.png"]


def test_a_photo_without_the_object_is_noted(photos, tmp_path, capsys):
    Image.new("L", (80, 60)).save(tmp_path / "maps" / "ü" / "0.png")
    assert cosod("cutout", photos / "ü", "-o", tmp_path / "out", "--maps", tmp_path / "maps", "--json") == 0
    shown = capsys.readouterr()
    assert "no object was found" in shown.err
    assert "no object was found" in json.loads(shown.out.splitlines()[0])["notes"][0]


def test_results_of_another_command_are_not_overwritten(photos, tmp_path, capsys):
    out = tmp_path / "out"
    assert cosod("thumbnails", photos, "-o", out, "--maps", tmp_path / "maps") == 0
    before = files(out)
    assert cosod("cutout", photos, "-o", out, "--maps", tmp_path / "maps") == 1
    assert "results of cosod thumbnails" in capsys.readouterr().err and files(out) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "{photos}"], "give another folder"),
        (["-o", "{out}", "--maps", "{none}"], "no such folder"),
        (["-o", "{maps}", "--maps", "{maps}"], "holds the maps"),
        (["-o", "{out}", "--method", "magic"], "--method magic"),
        (["-o", "{out}", "--threshold", "otsu"], "threshold"),
        (["-o", "{out}", "--background", "whte"], "background 'whte'"),
        (["-o", "{out}", "--size", "big"], "--size big"),
        (["-o", "{out}", "--size", "1x2x3"], "--size 1x2x3"),
        (["-o", "{out}", "--padding", "0.7"], "padding 0.7"),
        (["-o", "{out}", "--align", "left"], "--align left"),
        (["-o", "{out}", "--format", "gif"], "--format gif"),
        (["-o", "{out}", "--format", "jpg"], "JPEG has no transparency"),
    ],
)
def test_wrong_arguments_are_one_sentence(photos, tmp_path, capsys, arguments, message):
    places = {name: str(tmp_path / name) for name in ("photos", "maps", "out", "none")}
    assert cosod("cutout", photos, *(a.format(**places) for a in arguments)) == 1
    shown = capsys.readouterr().err.strip().splitlines()
    assert message in shown[-1] and shown[-1].startswith("Error: ")


def test_colors_of_a_photo_with_a_profile_are_those_that_screens_show(tmp_path):
    """The cut-out has no profile, and so is sRGB: the photo's colors are converted to it."""
    photo, _, saliency = scene(60, 80, (40, 30), 15)
    profile = profiles.rgb()
    for folder in ("p", "maps/p"):
        (tmp_path / folder).mkdir(parents=True)
    Image.fromarray(photo).save(tmp_path / "p" / "a.png", icc_profile=profile)
    Image.fromarray((255 * saliency).round().astype(np.uint8)).save(tmp_path / "maps" / "p" / "a.png")
    assert cosod("cutout", tmp_path / "p", "-o", tmp_path / "out", "--maps", tmp_path / "maps", "--absent", "keep") == 0
    source = ImageCms.getOpenProfile(io.BytesIO(profile))
    shown = np.asarray(ImageCms.profileToProfile(Image.fromarray(photo), source, ImageCms.createProfile("sRGB")))
    assert np.abs(shown[30, 40].astype(int) - photo[30, 40]).max() > 10
    with Image.open(tmp_path / "out" / "p" / "a.png") as image:
        assert "icc_profile" not in image.info
        cut = np.asarray(image).astype(int)
    inside = cut[25:35, 35:45]
    assert (inside[..., 3] == 255).all() and np.abs(inside[..., :3] - shown[25:35, 35:45]).max() <= 1
