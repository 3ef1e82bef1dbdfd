"""Batches of groups of any sizes, made groups, and masks of all objects."""

import dataclasses

import pytest
import torch
from PIL import Image

from cosod.training.data.group_sampler import Sampler, zip_plans
from cosod.training.data.keyed_rng import KeyedRNG
from cosod.training.data.loader import Batches, _cut
from cosod.training.data.training_set import mixed, read_groups, training_sets
from tests.training.made import make_set, tiny_job

NORM = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
STILL = {"augment.rotation": 0.0, "augment.crop": 1.0, "augment.gray": 0.0, "augment.flip": 0.0}
STILL |= {f"augment.{name}": [1.0, 1.0] for name in ("brightness", "contrast", "color", "sharpness")}
NOTHING = STILL | {f"augment.{name}": 0.0 for name in ("distractor_share", "all_distractors", "negatives", "made")}


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """Four groups of one color each, with eight images in each."""
    return training_sets([read_groups(str(make_set(tmp_path_factory.mktemp("loader") / "made", sizes=(8,) * 4)))])


def batches_of(sets, epoch=0, **changes):
    recipe = tiny_job("none", "none").recipe
    options = (
        NOTHING | {"sampling.images": 8, "sampling.cut": 0.0} | {k.replace("__", "."): v for k, v in changes.items()}
    )
    recipe = tiny_job("none", "none", **{k.replace(".", "__"): v for k, v in options.items()}).recipe
    plan = zip_plans([Sampler(s, recipe.sampling, recipe.augment, recipe.seed).plan(epoch) for s in sets], 1)
    return Batches(sets, plan, recipe, epoch, NORM)


def test_plain_groups_are_whole_and_all_their_objects_are_shared(sets):
    for (batch,) in map(batches_of(sets).__getitem__, range(4)):
        assert batch.sizes == (8, 8) and batch.groups == 2
        assert batch.masks.shape == batch.objects.shape == (16, 1, 64, 64)
        assert batch.objects.equal(batch.masks) and not batch.lost


def test_cut_groups_have_all_images_and_no_distractors(sets):
    sizes = set()
    for (batch,) in map(batches_of(sets, sampling__cut=1.0, augment__distractor_share=1.0).__getitem__, range(4)):
        assert sum(batch.sizes) == 16 and len(batch.sizes) > 2
        assert batch.objects.equal(batch.masks)
        sizes |= set(batch.sizes)
    assert min(sizes) <= 2


@pytest.mark.parametrize("n", range(1, 13))
def test_sizes_of_cut_groups(n):
    for key in range(30):
        sizes = _cut(n, 1.0, KeyedRNG(key))
        assert sum(sizes) == n and min(sizes) >= 1
        assert (sizes == [n]) == (n < 4)
        assert _cut(n, 0.0, KeyedRNG(key)) == [n]


def test_a_made_group_has_one_object_in_all_its_images(sets):
    (batch,) = batches_of(sets, augment__made=1.0, augment__distractor_share=1.0)[0]
    assert batch.sizes == (8, 8) and (batch.masks.flatten(1).sum(dim=1) > 0).all()
    for part in (slice(0, 8), slice(8, 16)):
        images, masks, objects = batch.images[part], batch.masks[part], batch.objects[part]
        colors = torch.stack(
            [image[:, mask[0] > 0].median(dim=1).values for image, mask in zip(images, masks, strict=True)]
        )
        torch.testing.assert_close(colors, colors[:1].expand(8, -1), atol=0.05, rtol=0)
        assert (masks <= objects).all() and (objects[1:].sum() > masks[1:].sum())


def test_a_group_made_of_a_random_shape_has_it_in_all_its_images(sets):
    (batch,) = batches_of(sets, augment__made=1.0, augment__shapes=1.0)[0]
    (plain,) = batches_of(sets, augment__made=1.0)[0]
    assert batch.sizes == (8, 8) and (batch.masks <= batch.objects).all()
    assert not batch.masks.equal(plain.masks)
    shares = batch.masks.flatten(1).mean(dim=1)
    assert (shares > 0).all() and (shares < 0.6).all()
    for part in (slice(0, 8), slice(8, 16)):
        # One outline, at eight sizes and positions.
        boxes = [_box(mask[0] > 0) for mask in batch.masks[part]]
        filled = torch.tensor(
            [float(mask.sum()) / (h * w) for mask, (h, w) in zip(batch.masks[part], boxes, strict=True)]
        )
        assert len(set(boxes)) > 3 and float(filled.std()) < 0.06


def _box(mask):
    rows, columns = mask.any(dim=1).nonzero(), mask.any(dim=0).nonzero()
    return tuple(int(places.max() - places.min()) + 1 for places in (rows, columns))


def test_batches_are_the_same_each_time_and_others_in_another_epoch(sets):
    changes = {
        "augment__made": 0.5,
        "sampling__cut": 0.5,
        "augment__distractor_share": 0.5,
        "augment__distractor_images": 2,
    }
    one, same, later = (batches_of(sets, epoch, **changes) for epoch in (0, 0, 1))
    for index in range(4):
        (a,), (b,) = one[index], same[index]
        assert a.images.equal(b.images) and a.masks.equal(b.masks) and a.sizes == b.sizes
    assert any(not one[i][0].images.equal(later[i][0].images) for i in range(4))


def test_a_photo_that_other_groups_mark_too_is_not_cut(sets):
    (data,) = sets
    items = tuple(dataclasses.replace(item, others=(data.items[0].mask,)) for item in data.items)
    ambiguous = [dataclasses.replace(data, items=items)]
    for (batch,) in map(batches_of(ambiguous, sampling__cut=1.0).__getitem__, range(4)):
        assert batch.sizes == (8, 8) and (batch.masks <= batch.objects).all()


def test_groups_of_several_sets_meet(tmp_path):
    found = [(name, read_groups(str(make_set(tmp_path / name, sizes=(4, 4, 4))))[1]) for name in "ab"]
    data = [mixed(training_sets(found), ["2"])]
    batches = batches_of(
        data, sampling__shares=[0.5, 0.5], sampling__meetings=12, sampling__images=4, augment__made=0.3
    )
    assert len(batches) == 12
    labels = {int(label) for index in range(12) for label in batches[index][0].classes}
    assert labels <= {0, 1, 3, 4} and len(labels) > 2
    assert all(not batches[index][0].lost for index in range(12))


def test_what_cannot_be_read_in_a_made_group_is_told(tmp_path):
    folder = make_set(tmp_path / "made", sizes=(4, 4))
    data = training_sets([read_groups(str(folder))])
    for group in "01":
        path = folder / "gts" / group / "photo 0.png"
        path.write_bytes(path.read_bytes()[:-30])
    batches = batches_of(data, augment__made=1.0, sampling__images=4)
    lost = [sentence for index in range(2) for sentence in batches[index][0].lost]
    assert lost and all("photo 0.png: cannot be read" in sentence for sentence in lost)


def test_distractors_are_of_other_names_and_one_is_of_no_group(tmp_path):
    groups = read_groups(str(make_set(tmp_path / "made", sizes=(4,) * 5)))[1]
    names = ["horse_01", "horse_02", "cow_01", "2", "singles"]
    found = training_sets([("a", dict(zip(names, groups.values(), strict=True)))])
    data = mixed(found, ["singles"])
    sampling = {"sampling__shares": [1.0], "sampling__meetings": 4}
    batches = batches_of([data], augment__distractor_images=6, augment__distractor_share=1.0, **sampling)
    asked = []
    batches._examples = lambda shots, common, *rest: asked.append([name for [name] in common]) or []
    meeting = next(m for [m] in batches.plan if "a/horse_01" in m.groups)
    batches._distractors(meeting, 0, ("key",), (32, 32))
    [names] = asked
    assert names.count("a/singles") == 1 and not {"a/horse_01", "a/horse_02", *meeting.groups} & set(names)


def test_a_batch_has_the_shape_of_one_of_its_images(tmp_path):
    folder = make_set(tmp_path / "made", sizes=(4, 4))
    for path in [*folder.glob("*/*/*.jpg"), *folder.glob("*/*/*.png")]:
        with Image.open(path) as picture:
            picture.resize((96, 48)).save(path)
    data = training_sets([read_groups(str(folder))])
    options = {"augment__crop": 0.7, "augment__distractor_share": 1.0, "augment__made": 0.5, "size": 128}
    batches = batches_of(data, **options)
    shapes = {tuple(batches[index][0].images.shape[2:]) for index in range(len(batches))}
    assert shapes == {batches.recipe.shape(48, 96)} == {(96, 160)}
    assert batches[0][0].masks.shape[2:] == (96, 160)
