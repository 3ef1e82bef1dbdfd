"""A consensus that lasts: learned, saved, loaded, applied; marked examples; what is refused."""

import json
import struct

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from cosod import models
from cosod.errors import ImageError, InputError
from cosod.inference import group_consensus
from cosod.inference.consensus_file import GroupConsensus, marked_attention
from cosod.inference.detector import Detector
from cosod.inference.functions import load
from cosod.inference.leveling import KEPT
from cosod.inference.presence import Calibration
from cosod.io.resizing import shrink
from cosod.io.tensors import to_batch


@pytest.fixture(scope="module")
def detector():
    return load(device="cpu", size=64)


def scene(seed, color, shape=(60, 80)):
    rng = np.random.default_rng(seed)
    image = rng.integers(80, 120, (*shape, 3), dtype=np.uint8)
    y, x = np.mgrid[: shape[0], : shape[1]]
    disc = (y - 30) ** 2 + (x - 20 - 5 * (seed % 8)) ** 2 < 200
    image[disc] = color
    return image, disc


def scenes(n, color=(220, 40, 30), first=0):
    return [scene(first + i, color)[0] for i in range(n)]


def boards(n, first=0):
    """Photos of a chequered square where :func:`scenes` have a disc."""
    found = []
    for seed in range(first, first + n):
        image = np.random.default_rng(seed).integers(80, 120, (60, 80, 3), dtype=np.uint8)
        y, x = np.mgrid[:60, :80]
        left = 10 + 5 * (seed % 6)
        square = (y >= 14) & (y < 46) & (x >= left) & (x < left + 32)
        image[square] = np.where(((y // 4 + x // 4) % 2)[square][:, None], (240, 240, 240), (10, 10, 120))
        found.append(image)
    return found


def test_saved_and_loaded_it_gives_the_same_maps(detector, tmp_path):
    consensus = detector.learn(scenes(4))
    consensus.save(tmp_path / "disc.consensus")
    again = GroupConsensus.load(tmp_path / "disc.consensus")
    assert again.provenance == consensus.provenance and again.fingerprint == consensus.fingerprint
    assert (
        again.provenance.images == 4 and again.provenance.size == 64 and again.provenance.model == "gconet_plus_mobile"
    )
    new = scenes(3, first=9)
    for (i, a), (j, b) in zip(detector.apply(consensus, new), detector.apply(again, new), strict=True):
        assert i == j and a.shape == (60, 80) and a.dtype == np.float32
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("scores", "tolerance"), [(False, 2e-4), (True, 0.03)])
def test_on_its_own_images_it_gives_the_maps_of_the_group(scores, tolerance, monkeypatch):
    """If the group is leveled alike.

    Nearly, with scores: in a group, those of an image are by the others, otherwise by all that were learned from.
    """
    monkeypatch.setattr(group_consensus, "scene_leveling", lambda objectness, match: KEPT)
    detector, group = load(device="cpu", size=64), scenes(4)
    if not scores:
        detector.pipeline.score_rule = None
    applied = [saliency for _, saliency in detector.apply(detector.learn(group), group)]
    for a, b in zip(applied, detector.segment(group), strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance)


def test_each_image_is_by_itself(detector):
    consensus = detector.learn(scenes(3))
    new = scenes(5, first=20)
    together = dict(detector.apply(consensus, new))
    for i, image in enumerate(new):
        ((_, alone),) = detector.apply(consensus, [image])
        np.testing.assert_allclose(together[i], alone, atol=2e-4)


def test_several_at_once(detector):
    red, blue = detector.learn(scenes(3)), detector.learn(scenes(3, (20, 40, 230)))
    new = scenes(3, first=5)
    found = list(detector.apply([red, blue], new))
    assert [index for index, _ in found] == [0, 1, 2] and all(len(maps) == 2 for _, maps in found)
    for (_, maps), (_, alone) in zip(found, detector.apply(blue, new), strict=True):
        np.testing.assert_allclose(maps[1], alone, atol=2e-4)


def test_one_marked_image_decides(detector):
    """The mark is on one disc of two; the prototype is the mean of F there and nowhere else."""
    image, disc = scene(0, (220, 40, 30))
    other = ~disc & (np.arange(80) > 60)
    here, there = detector.learn([image], [disc]), detector.learn([image], [other])
    assert here.provenance.marked == 1 and here.provenance.images == 1
    assert float(np.abs(here.prototype - there.prototype).max()) > 1e-4
    tensor = to_batch([shrink(image, 64)], detector.network.mean, detector.network.std)
    with torch.inference_mode():
        deep = detector.network.encode(tensor).deep
    attention = marked_attention(disc, disc.shape, deep.shape[-2:], 10**6)
    assert float(attention.sum()) == pytest.approx(1)
    np.testing.assert_allclose(here.prototype, (deep[0].numpy() * attention).sum(axis=(1, 2)), atol=1e-5)


def test_a_mark_lives_on_the_scale_of_a_consensus(detector):
    image, disc = scene(0, (220, 40, 30))
    marked, plain = detector.learn([image], [disc]), detector.learn(scenes(4))
    ratio = float(np.linalg.norm(marked.vector) / np.linalg.norm(plain.vector))
    assert 0.3 < ratio < 3


def test_unmarked_images_add_to_the_marked_one(detector):
    image, disc = scene(0, (220, 40, 30))
    learned = detector.learn([image, *scenes(2, first=3)], [disc, None, None])
    assert (learned.provenance.images, learned.provenance.marked) == (3, 1)
    assert learned.provenance.references >= 1


def test_bad_images_are_left_out(detector, tmp_path):
    (tmp_path / "bad.jpg").write_text("no image")
    errors = []
    group = [tmp_path / "bad.jpg", *scenes(2)]
    learned = detector.learn(group, on_error=lambda index, error: errors.append(index))
    assert learned.provenance.images == 2 and errors == [0]
    found = list(detector.apply(learned, group, lambda index, error: errors.append(index)))
    assert [index for index, _ in found] == [1, 2] and errors == [0, 0]
    with pytest.raises(ImageError, match="none of the images"):
        list(detector.apply(learned, [tmp_path / "bad.jpg"], lambda index, error: None))
    with pytest.raises(InputError, match="none of the images with a mask"):
        detector.learn(group, [np.eye(60, 80, dtype=bool), None, None], lambda index, error: None)


def test_any_mask_of_two_levels_is_one(detector, tmp_path):
    image, disc = scene(0, (220, 40, 30))
    expected = detector.learn([image], [disc]).fingerprint
    ones = disc.astype(np.uint8)
    palette = Image.fromarray(ones, "P")
    palette.putpalette([0, 0, 0, 128, 0, 0])
    cut_out = np.dstack([image, 255 * ones])
    pictures = {
        "ones": Image.fromarray(ones),
        "dark": Image.fromarray(100 * ones),
        "bright": Image.fromarray(200 + 50 * ones),
        "deep ones": Image.fromarray(ones.astype(np.uint16)),
        "deep": Image.fromarray(ones.astype(np.uint16) * 1000),
        "red": Image.fromarray(np.dstack([255 * ones, 0 * ones, 0 * ones])),
        "palette": palette,
        "cut-out": Image.fromarray(cut_out),
        "bits": Image.fromarray(disc),
    }
    for name, picture in pictures.items():
        picture.save(tmp_path / f"{name}.png")
        assert detector.learn([image], [tmp_path / f"{name}.png"]).fingerprint == expected, name
    for mask in (ones.astype(int), ones / 1, 7 * ones.astype(np.int16), torch.from_numpy(ones)[None], pictures["dark"]):
        assert detector.learn([image], [mask]).fingerprint == expected
    soft = cv2.GaussianBlur(100 * ones, (0, 0), 2)
    Image.fromarray(soft).save(tmp_path / "dark.png")
    with pytest.raises(InputError, match=r"dark\.png marks nothing .*brightest value is 100"):
        detector.learn([image], [tmp_path / "dark.png"])


def test_masks_that_say_nothing_are_named(detector, tmp_path):
    image, disc = scene(0, (220, 40, 30))
    for name, mask, message in (
        ("empty", np.zeros_like(disc), "marks nothing"),
        ("full", np.ones_like(disc), "marks everything"),
        ("zeros", np.zeros(disc.shape, np.uint16), "marks nothing"),
        ("ones", np.ones(disc.shape, np.uint8), "marks everything"),
        ("gray", np.full(disc.shape, 90, np.uint8), "marks nothing"),
        ("small", disc[:30], "80 x 30 pixels, its image 80 x 60"),
    ):
        Image.fromarray(mask).save(tmp_path / f"{name}.png")
        with pytest.raises(InputError, match=rf"{name}\.png.*{message}"):
            detector.learn([image], [tmp_path / f"{name}.png"])
    with pytest.raises(InputError, match=r"gone\.png: no such file"):
        detector.learn([image], [tmp_path / "gone.png"])
    with pytest.raises(InputError, match="one for each of the 1 images"):
        detector.learn([image], [disc, disc])


def test_a_consensus_of_another_model_or_size_is_refused_by_name(detector):
    torch.manual_seed(0)
    other = Detector(models.create("gconet_plus_mobile"), device="cpu", size=64)
    learned = other.learn(scenes(2))
    with pytest.raises(InputError, match=rf"learned with gconet_plus_mobile \(weights {other.identity[1]}\)"):
        next(detector.apply(learned, scenes(1)))
    larger = load(device="cpu", size=96)
    with pytest.raises(InputError, match="learned at 64 pixels, this is 96"):
        next(larger.apply(detector.learn(scenes(2)), scenes(1)))


def test_networks_without_attention_are_refused_by_name():
    torch.manual_seed(0)
    ssnm = Detector(models.create("ssnm_mobile"), device="cpu", size=64)
    image, disc = scene(0, (220, 40, 30))
    with pytest.raises(InputError, match="SSNM forms its consensus without an attention map"):
        ssnm.learn([image], [disc])
    learned = ssnm.learn(scenes(3))
    assert next(ssnm.apply(learned, scenes(1)))[1].shape == (60, 80)
    whole = Detector(models.create("gconet_plus_vgg16", relation="none", contrast=False), device="cpu", size=32)
    with pytest.raises(InputError, match="no consensus of a group to be kept"):
        whole.learn(scenes(2))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"<html>404</html>", "web page"),
        (b"", "empty"),
        (b"%PDF-1.7", "a file that cosod learn wrote"),
    ],
)
def test_other_files_are_named(tmp_path, content, said):
    path = tmp_path / "disc.consensus"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"disc\.consensus: it is .*{said}"):
        GroupConsensus.load(path)


@pytest.mark.parametrize("damage", ["cut", "text", "vector", "provenance", "format", "weights"])
def test_damaged_files(detector, tmp_path, damage):
    path = tmp_path / "disc.consensus"
    detector.learn(scenes(2)).save(path)
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    provenance = json.loads(header["__metadata__"]["provenance"])
    if damage == "vector":
        body = np.full(len(body) // 4, np.nan, np.float32).tobytes()
    elif damage == "provenance":
        header["__metadata__"]["provenance"] = json.dumps(provenance | {"size": "large"})
    elif damage == "format":
        header["__metadata__"]["cosod_consensus"] = "99"
    elif damage == "weights":
        del header["__metadata__"]["cosod_consensus"]
    text = json.dumps(header).encode()
    damaged = struct.pack("<Q", len(text)) + text + body
    damaged = {"cut": data[:-40], "text": b"no consensus"}.get(damage, damaged)
    path.write_bytes(damaged)
    with pytest.raises(InputError, match=r"disc\.consensus"):
        GroupConsensus.load(path)
    with pytest.raises(InputError, match="no such consensus"):
        GroupConsensus.load(tmp_path / "none.consensus")


def test_presence_comes_with_calibrated_weights_only(detector, monkeypatch):
    group = scenes(3)
    monkeypatch.setattr(detector.pipeline, "calibration", None)
    assert [r.presence for r in detector.results(group)] == [None] * 3
    monkeypatch.setattr(detector.pipeline, "calibration", Calibration(slope=20.0, offset=-10.0, few=1.0))
    found = [r.presence for r in detector.results(group)]
    assert all(0 <= p <= 1 for p in found)
    learned = detector.learn(group)
    assert 0 <= learned.provenance.presence_mean <= 1
    assert all(0 <= r.presence <= 1 for r in detector.results(scenes(2), consensuses=[learned]))
    with pytest.warns(UserWarning):
        assert [r.presence for r in detector.results(group[:1])] == [None]
