"""``--absent`` of ``cosod cutout`` and ``cosod thumbnails``, and the threshold that they share with masks."""

import json
import warnings

import numpy as np
import pytest
from PIL import Image

import cosod as package
from cosod import models
from cosod.apps.map_sources import StoredMaps
from cosod.errors import AbsentObjectWarning, InputError
from cosod.io.photo_groups import find_groups
from cosod.models import registry
from cosod.models.checkpoints import safetensors_file
from tests.apps.made import scene, write_groups
from tests.cli.command_line import cosod


@pytest.fixture
def photos(tmp_path):
    return write_groups(tmp_path) / "ü"


@pytest.fixture
def absent(tmp_path):
    """The default weights with a calibration that calls everything absent."""
    path = tmp_path / "calibrated.safetensors"
    models.save(models.load(registry.weights_file("gconet_plus_mobile")), path)
    safetensors_file.annotate(path, presence={"slope": 1.0, "offset": -9.0, "few": 0.0})
    return path


def detected(path):
    return ["--weights", path, "--working-size", 64]


def stored(photos, path):
    """Maps of `cosod segment`, whose record keeps presence; the object is where the tests expect it."""
    folder = photos.parent.parent / "segmented"
    assert cosod("segment", photos, "-o", folder, "--weights", path, "--size", 64) == 0
    for i in range(2):
        Image.open(photos.parent.parent / "maps" / "ü" / f"{i}.png").save(folder / "ü" / f"{i}.png")
    return ["--maps", folder]


@pytest.mark.parametrize(("kind", "opaque", "named"), [(None, True, 2), ("blank", False, 2), ("keep", True, 0)])
def test_cut_outs_without_the_object(photos, absent, tmp_path, capsys, kind, opaque, named):
    more = [] if kind is None else ["--absent", kind]
    run = ["cutout", photos, "-o", tmp_path / "out", "--json", *stored(photos, absent), *more]
    for skipped in (False, True):
        capsys.readouterr()
        assert cosod(*run) == 0
        shown = capsys.readouterr()
        events = [json.loads(line) for line in shown.out.splitlines()]
        assert len(events[-1]["absent"]) == named, "a run that finds all done names them again"
        assert (f"{named} images are without the object" in shown.err) == bool(named)
        if not skipped:
            assert events[0]["presence"] < 0.5 and ("not in this photo" in str(events[0]["notes"])) == bool(named)
    for i in range(2):
        alpha = np.asarray(Image.open(tmp_path / "out" / "ü" / f"{i}.png"))[..., 3]
        assert (alpha == 255).any() == opaque


@pytest.mark.parametrize(("kind", "labels"), [(None, 0), ("report", 0), ("blank", 0), ("keep", 2)])
def test_photos_without_the_object_get_no_label(photos, absent, tmp_path, kind, labels):
    more = [] if kind is None else ["--absent", kind]
    run = ["thumbnails", photos, "-o", tmp_path / "out", "--labels", "coco,yolo", *stored(photos, absent), *more]
    assert cosod(*run) == 0
    content = json.loads((tmp_path / "out" / "coco.json").read_text())
    assert len(content["images"]) == 2 and len(content["annotations"]) == labels
    lines = [(tmp_path / "out" / "labels" / "ü" / f"{i}.txt").read_text().splitlines() for i in range(2)]
    assert sum(map(len, lines)) == labels


def test_presence_of_the_detector_counts_too(photos, absent, tmp_path, capsys):
    for verb in ("cutout", "thumbnails"):
        assert cosod(verb, photos, "-o", tmp_path / verb, "--absent", "blank", *detected(absent)) == 0
        assert "2 images are without the object" in capsys.readouterr().err
    assert not np.asarray(Image.open(tmp_path / "cutout" / "ü" / "0.png")).any()


@pytest.mark.parametrize("verb", ["cutout", "thumbnails"])
def test_wrong_words_and_networks_without_presence(photos, absent, tmp_path, capsys, verb):
    assert cosod(verb, photos, "-o", tmp_path / "out", "--absent", "hide") == 1
    assert "--absent hide: give one of keep, blank, report" in capsys.readouterr().err
    network = models.load(absent)
    network.extra = {}
    plain = tmp_path / "plain.safetensors"
    models.save(network, plain)
    run = [verb, photos, "-o", tmp_path / "out", *detected(plain)]
    assert cosod(*run, "--absent", "blank") == 1
    assert "not calibrated" in capsys.readouterr().err
    assert cosod(*run) == 0, "without the option nothing is asked of the network"


def test_the_same_in_python():
    photos, _, maps = zip(*(scene(seed=i) for i in range(2)), strict=True)
    presence = [0.9, 0.1]
    with pytest.warns(AbsentObjectWarning, match="image 1: the shared object is probably not"):
        first, second = package.cutout(photos, maps=maps, presence=presence, absent="blank")
    assert first.any() and not second.any()
    with pytest.warns(AbsentObjectWarning):
        crops = package.thumbnails(photos, maps=maps, presence=presence, absent="blank", size=(40, 40))
    assert np.abs(crops[0].astype(int) - crops[1]).mean() > 5, "one shows the object, one the middle"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        package.cutout(photos, maps=maps, presence=presence, absent="keep")
        package.thumbnails(photos, maps=maps)
    with pytest.raises(InputError, match="1 values of presence for 2 images"):
        package.cutout(photos, maps=maps, presence=[0.5])
    with pytest.raises(InputError, match="absent 'no'"):
        package.thumbnails(photos, maps=maps, absent="no")


def test_an_empty_map_shows_nothing():
    photo, _, _ = scene()
    faint = np.full(photo.shape[:2], 0.01, np.float32)
    faint[40:80, 60:100] = 0.2
    assert not package.cutout([photo], maps=[faint])[0].any()
    assert package.cutout([photo], maps=[faint], threshold="adaptive")[0].any(), "which is why it is not the default"


def test_the_threshold_of_masks_is_that_of_cut_outs(photos, tmp_path):
    for threshold in ("0.5", "0.3"):
        more = [] if threshold == "0.5" else ["--threshold", threshold]
        out = tmp_path / threshold
        assert cosod("segment", photos, "-o", out, "--size", 64, "--save", "maps,masks", *more) == 0
        assert StoredMaps(out).mask_threshold(find_groups([photos])) == float(threshold)
    assert StoredMaps(tmp_path / "maps").mask_threshold(find_groups([photos])) == 0.5, "no record"
