"""Changed images and masks, and images of two groups mixed."""

import dataclasses
import itertools

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from cosod.errors import ImageError, InputError
from cosod.training.config.recipe import load_recipe
from cosod.training.config.sections import Augment
from cosod.training.data.augment import _cropped, make_example, opened, read_mask, read_masks
from cosod.training.data.distractor_mixing import add_distractors, beside, mix, paste, planted, random_shape, square
from cosod.training.data.group_sampler import Shot
from cosod.training.data.keyed_rng import KeyedRNG
from cosod.training.data.training_set import Item

PLAIN = Augment(flip=0.0)


@pytest.fixture(scope="module")
def item(tmp_path_factory):
    """A red square on gray, off the center; the mask is the square."""
    folder = tmp_path_factory.mktemp("item")
    image = np.full((48, 64, 3), 110, np.uint8)
    image[6:30, 8:32] = (200, 40, 40)
    mask = np.zeros((48, 64), np.uint8)
    mask[6:30, 8:32] = 255
    Image.fromarray(image).save(folder / "a.png")
    Image.fromarray(mask).save(folder / "a_gt.png")
    return Item(folder / "a.png", folder / "a_gt.png", "g", 0)


def make(item, augment=PLAIN, flip=False, angle=0.0, size=32, key=0):
    return make_example(item, Shot(0, flip, angle), augment, (size, size), KeyedRNG(key))


def agreement(image, mask):
    """IoU of the red region and the mask."""
    red = (image[0] - image[1]) > 0.25
    truth = mask[0] > 0.5
    return float((red & truth).sum() / (red | truth).sum())


@pytest.mark.parametrize("name", ["gconet_released", "gconet_plus_released", "gconet_plus_mobile"])
def test_image_and_mask_move_together(item, name):
    augment = load_recipe(name, {"color": [1, 1], "brightness": [1, 1], "augment.contrast": [1, 1], "gray": 0}).augment
    for key in range(12):
        rng = KeyedRNG("shot", key)
        shot = (rng.chance(0.5), rng.between(-augment.rotation, augment.rotation))
        image, mask = make(item, augment, *shot, size=64, key=key)
        assert image.shape == (3, 64, 64) and mask.shape == (1, 64, 64)
        assert image.min() >= 0 and image.max() <= 1
        assert set(mask.unique().tolist()) <= {0.0, 1.0}
        assert agreement(image, mask) > 0.8


@pytest.fixture(scope="module", params=["jpg", "png"])
def photo(request, tmp_path_factory):
    """As ``item``, ten times as large."""
    folder = tmp_path_factory.mktemp("photo")
    image = np.full((480, 640, 3), 110, np.uint8)
    image[60:300, 80:320] = (200, 40, 40)
    mask = np.zeros((480, 640), np.uint8)
    mask[60:300, 80:320] = 255
    Image.fromarray(image).save(folder / f"a.{request.param}")
    Image.fromarray(mask).save(folder / "a_gt.png")
    return Item(folder / f"a.{request.param}", folder / "a_gt.png", "g", 0)


def test_large_photos_give_what_small_ones_do(photo, item):
    augment = Augment(crop=0.8)
    large, mask = make(photo, augment)
    small, _ = make(item, augment)
    assert agreement(large, mask) > 0.9
    assert (large - small).abs().mean() < 0.05  # chance was asked the same way


@pytest.mark.parametrize(
    "size, changes, whole", [(32, {}, False), (128, {}, True), (64, {"crop": 0.4}, True), (32, {"border": 5}, True)]
)
def test_large_photos_are_averaged_down_where_they_can_be(photo, size, changes, whole):
    augment = Augment(**changes)
    image, mask = opened(photo, augment, size)
    assert image.size == mask.size
    assert (image.size == (640, 480)) == whole
    assert min(image.size) * augment.crop >= 2 * size
    assert np.asarray(mask).mean() == pytest.approx(255 * 240 * 240 / (640 * 480), rel=0.03)


def test_a_mask_of_another_size_leaves_the_photo_whole(photo, item):
    image, mask = opened(Item(photo.image, item.mask, "g", 0), Augment(), 32)
    assert image.size == (640, 480)
    assert mask.size == (64, 48)


def test_flip_and_angle_are_the_shots(item):
    image, mask = make(item)
    flipped, mirrored = make(item, flip=True)
    torch.testing.assert_close(flipped, image.flip(2), atol=0.02, rtol=0)
    torch.testing.assert_close(mirrored, mask.flip(2))
    turned, _ = make(item, Augment(flip=0.0, resize_first=True), angle=90.0)
    torch.testing.assert_close(turned, torch.rot90(image, 1, (1, 2)), atol=0.02, rtol=0)


def test_a_crop_keeps_the_object(item):
    shares = [float(make(item, Augment(crop=0.3), key=key)[1].mean()) for key in range(30)]
    assert len(set(shares)) > 5
    assert min(shares) > 0.05


def test_options_of_the_code(item):
    plain = make(item)[1]
    pepper = make(item, Augment(flip=0.0, pepper=0.05))[1]
    assert 0 < (pepper != plain).sum() <= 0.05 * plain.numel()
    assert not torch.equal(make(item, Augment(border=30), key=1)[0], make(item)[0])
    gray = make(item, Augment(gray=1.0))[0]
    torch.testing.assert_close(gray[0], gray[2])
    bright = make(item, Augment(brightness=(1.5, 1.5)))[0]
    assert bright.mean() > make(item)[0].mean() * 1.3


def test_damaged_masks_are_named(item, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"\x89PNG no")
    with pytest.raises(ImageError, match=r"bad\.png: cannot be read"):
        make(Item(item.image, tmp_path / "bad.png", "g", 0))


@pytest.mark.parametrize("kind", ["of 0 and 1", "transparent", "colored"])
def test_masks_are_read_as_evaluation_reads_them(item, tmp_path, kind):
    levels = np.asarray(Image.open(item.mask))
    if kind == "of 0 and 1":
        mask = Image.fromarray(levels // 255)
    elif kind == "transparent":
        mask = Image.fromarray(np.dstack([np.full((48, 64, 3), 9, np.uint8), levels]))
    else:
        mask = Image.fromarray(levels[..., None] // 255 * np.array([128, 0, 0], np.uint8))
    mask.save(tmp_path / "mask.png")
    other = Item(item.image, tmp_path / "mask.png", "g", 0)
    torch.testing.assert_close(make(other)[1], make(item)[1])


def examples(n=40, size=32):
    own = (torch.full((3, size, size), 0.2), torch.zeros(1, size, size))
    own[0][:, 8:20, 8:20], own[1][:, 8:20, 8:20] = 0.9, 1.0
    return [(own[0].clone(), own[1].clone()) for _ in range(n)]


def distractors(size=32):
    image, mask = torch.full((3, size, size), 0.5), torch.zeros(1, size, size)
    image[:, 4:28, 4:28], mask[:, 4:28, 4:28] = 0.0, 1.0
    return [(image, mask)]


def test_beside_is_the_own_object_on_one_side():
    (image, mask), (distractor, _) = examples(1)[0], distractors()[0]
    left, left_mask = beside(image, mask, distractor, left=True)
    right, right_mask = beside(image, mask, distractor, left=False)
    assert left_mask[:, :, 16:].sum() == 0 and right_mask[:, :, :16].sum() == 0
    torch.testing.assert_close(left[:, :, :16], right[:, :, 16:])
    assert float(left_mask.sum()) == pytest.approx(float(mask.sum()) / 2, rel=0.1)


def test_pasting_leaves_most_of_the_own_object():
    changed = 0
    for key in range(20):
        (image, mask), (distractor, objects) = examples(1)[0], distractors()[0]
        pasted, truth = paste(image, mask, distractor, objects, KeyedRNG(key))
        assert truth.sum() >= 0.6 * mask.sum()
        assert (pasted[:, truth[0] > 0] > 0.4).all()
        changed += not torch.equal(pasted, image)
    assert changed > 10


def test_shares_of_mixed_images():
    own = examples()

    def mixed(**shares):
        return mix(own, distractors(), Augment(**shares), KeyedRNG(1))

    def changed(result):
        return sum(not torch.equal(a[0], b[0]) for a, b in zip(own, result, strict=True))

    assert changed(mixed()) == 0
    assert 10 < sum(float(mask.sum()) == 0 for _, mask in mixed(negatives=0.5)) < 30
    assert 10 < changed(mixed(distractor_share=0.5)) < 30
    assert all(mask.sum() > 0 for _, mask in mixed(distractor_share=0.5))
    # With all_distractors every image has one, except where a pasted one found no place.
    assert changed(mixed(all_distractors=1.0)) >= len(own) - 3


def test_distractors_are_dealt_so_that_none_comes_twice():
    own = examples(8)
    colors = [torch.full((3, 32, 32), (place + 1) / 32) for place in range(30)]
    cards = [(color, torch.ones(1, 32, 32)) for color in colors]
    mixed = mix(own, cards, Augment(negatives=1.0), KeyedRNG(2))
    seen = {round(float(image[0, 0, 0]), 4) for image, _ in mixed}
    assert len(seen) == len(own)


def test_nothing_to_mix_with():
    own = [(torch.zeros(3, 8, 8), torch.ones(1, 8, 8))]
    with pytest.raises(InputError, match="no distractors"):
        mix(own, [], Augment(negatives=1.0), KeyedRNG(0))


def test_square_has_the_own_object_in_its_cell_alone():
    image, mask = examples(1)[0]
    others = [(torch.full_like(image, level), torch.ones_like(mask)) for level in (0.1, 0.2, 0.3)]
    concatenated, truth = square(image, mask, others, place=2)
    assert concatenated.shape == image.shape and truth.shape == mask.shape
    assert truth[:, :16].sum() == 0 and truth[:, :, 16:].sum() == 0 and truth[:, 16:, :16].sum() > 0
    torch.testing.assert_close(concatenated[:, 16:, 16:], torch.full((3, 16, 16), 0.3))


def test_every_kind_of_distractor_keeps_shapes_and_the_own_object():
    image, mask = examples(1)[0]
    for key in range(40):
        mixed, truth = add_distractors(image, mask, itertools.cycle(distractors()), KeyedRNG(key))
        assert mixed.shape == image.shape and truth.shape == mask.shape
        assert truth.sum() > 0.1 * mask.sum()


def two_channels(example):
    """With a mask of all objects: the own one and one in a corner."""
    image, mask = example
    every = mask.clone()
    every[:, :4, :4] = 1
    return image, torch.cat([mask, every])


def test_masks_of_all_objects_come_from_other_groups(item, tmp_path):
    corner = np.zeros((48, 64), np.uint8)
    corner[40:, 56:] = 255
    Image.fromarray(corner).save(tmp_path / "other.png")
    both = dataclasses.replace(item, others=(tmp_path / "other.png",))
    merged = read_masks(both)
    own, every, _ = (np.asarray(channel) for channel in merged.split())
    np.testing.assert_array_equal(own, np.asarray(read_mask(item)))
    np.testing.assert_array_equal(every, np.maximum(own, corner))
    image, mask = make_example(both, Shot(0, False, 0.0), PLAIN, (32, 32), KeyedRNG(0), objects=True)
    plain, shared = make(item)
    assert image.equal(plain) and mask.shape == (2, 32, 32) and mask[:1].equal(shared)
    assert mask[1, -2:, -2:].all() and mask[0, -2:, -2:].sum() == 0
    alone = make_example(item, Shot(0, False, 0.0), PLAIN, (32, 32), KeyedRNG(0), objects=True)[1]
    assert alone[0].equal(alone[1])


def test_a_distractor_is_an_object_and_is_not_shared():
    own, cards = two_channels(examples(1)[0]), [two_channels(distractors()[0])]
    for key in range(40):
        image, mask = add_distractors(*own, itertools.cycle(cards), KeyedRNG(key))
        assert mask.shape == (2, 32, 32) and set(mask.unique().tolist()) <= {0.0, 1.0}
        assert (mask[0] <= mask[1]).all()  # what is shared is an object
        assert mask[1].sum() >= mask[0].sum() and image.shape == (3, 32, 32)
    (_, mask), *_ = mix([own], cards, Augment(negatives=1.0), KeyedRNG(0))
    assert mask[0].sum() == 0 and mask[1].equal(cards[0][1][1])


def test_beside_and_square_know_the_objects_of_distractors():
    (image, mask), (other, of_other) = two_channels(examples(1)[0]), two_channels(distractors()[0])
    _, concatenated = beside(image, mask, other, True, of_other)
    assert concatenated[0, :, 16:].sum() == 0 and concatenated[1, :, 16:].sum() > 0
    _, four = square(image, mask, [(other, of_other)] * 3, place=0)
    assert four[0, 16:].sum() == 0 and four[1, 16:, :16].sum() > 0 and four[1, 16:, 16:].sum() > 0


def test_a_planted_object_is_all_that_is_shared():
    own, other = two_channels(examples(1)[0]), two_channels(distractors()[0])
    sides = []
    for key in range(20):
        image, mask = planted(*other, *own, KeyedRNG(key))
        assert mask.shape == (2, 32, 32) and set(mask.unique().tolist()) <= {0.0, 1.0}
        assert mask[0].sum() > 0 and (mask[0] <= mask[1]).all()
        inside = image[0][mask[0] > 0]
        assert float(inside.max()) == pytest.approx(0.9, abs=0.02)  # the source's object
        assert float(inside.median()) > 0.5  # and little of the dark ground about it
        sides.append(float(mask[0].sum()))
    assert other[1][0].sum() > 0  # the given mask is left as it was
    assert len(set(sides)) > 5


def test_random_shapes_are_one_piece_about_the_center():
    shares = []
    for key in range(30):
        shape = random_shape((40, 64), KeyedRNG(key))
        assert shape.shape == (1, 40, 64) and shape.min() >= 0 and shape.max() == 1
        assert shape[0, 20, 32] == 1 and not shape[0, [0, 0, -1, -1], [0, -1, 0, -1]].any()
        pieces, _ = cv2.connectedComponents((shape[0] > 0.5).numpy().astype(np.uint8))
        assert pieces == 2  # the ground and the shape
        shares.append(float((shape > 0.5).float().mean()))
        assert torch.equal(shape, random_shape((40, 64), KeyedRNG(key)))
    assert min(shares) < 0.15 and max(shares) > 0.3 and len(set(shares)) > 20


def test_random_shapes_make_objects_of_photos_without_any():
    """What is cut out counts as an object, not as the shared one."""
    own = (torch.zeros(3, 64, 64), torch.zeros(2, 64, 64))
    ground = (torch.ones(3, 64, 64), torch.zeros(2, 64, 64))  # a photo of nothing
    found = 0
    for key in range(40):
        image, mask = add_distractors(*own, itertools.repeat(ground), KeyedRNG(key), shapes=1.0)
        assert not mask[0].any()
        if mask[1].any():
            found += 1
            assert (image[0][mask[1] > 0] >= 0.5).all() and not image[0][mask[1] == 0].gt(0.5).any()
    # The other kinds, images beside images, show no object of such photos.
    assert 5 < found < 25
    rest = [add_distractors(*own, itertools.repeat(ground), KeyedRNG(key))[1] for key in range(40)]
    assert not any(mask[1].any() for mask in rest)


@pytest.mark.parametrize("aspect", [0.5, 1.0, 2.0, 4.0])
def test_random_crops_come_as_near_to_an_aspect_as_their_least_sides_allow(aspect):
    image = Image.new("RGB", (200, 100))
    mask = Image.new("L", image.size)
    mask.paste(255, (90, 40, 110, 60))  # what every such crop keeps
    for key in range(40):
        free, _ = _cropped(image, mask, Augment(crop=0.7), KeyedRNG(key), None)
        found, of_mask = _cropped(image, mask, Augment(crop=0.7), KeyedRNG(key), aspect)
        assert found.size == of_mask.size
        assert found.width >= 140 and found.height >= 70
        before, after = (abs(np.log(one.width / one.height / aspect)) for one in (free, found))
        assert after <= before + 0.01
        assert after < 0.02 or found.width == 140 or found.height == 70


def test_pepper_is_in_the_mask_of_the_object_alone(item):
    examples = [
        make_example(item, Shot(0, False, 0.0), Augment(flip=0.0, pepper=share), (64, 64), KeyedRNG(0), objects=True)[1]
        for share in (0.0, 0.05)
    ]
    changed = (examples[0] != examples[1]).sum(dim=(1, 2))
    assert 0 < changed[0] <= 0.05 * 64 * 64 and changed[1] == 0
