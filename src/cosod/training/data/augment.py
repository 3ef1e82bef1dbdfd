"""Augmentation of one image and its mask."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageChops, ImageEnhance
from torch import Tensor

from cosod.evaluation.reading import read_truth
from cosod.io.images import read_image, read_reduced
from cosod.training.config.sections import Augment
from cosod.training.data.group_sampler import Shot
from cosod.training.data.keyed_rng import KeyedRNG
from cosod.training.data.training_set import Item

_ROTATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}
#: A random crop that keeps less of the object than this is not taken.
KEPT_OBJECT = 0.5
#: Sides of the network's input that the least crop of a large image keeps after it was averaged down.
SPARE = 2


def read_mask(item: Item) -> Image.Image:
    """Reads the mask of an image as 8-bit grayscale, as evaluation reads it: of 0 and 1, by colors, by transparency."""
    if isinstance(item.mask, Path):
        return Image.fromarray(read_truth(item.mask).levels)
    with Image.open(item.mask) as picture:
        return picture.convert("L")


def read_masks(item: Item) -> Image.Image:
    """Reads the mask of an image as the first channel of a color image, and that of all its objects as the second.

    All objects are those that the image's own group and other groups with the same photo mark.
    """
    own = read_mask(item)
    every = own
    for path in item.others:
        every = ImageChops.lighter(every, read_mask(replace(item, mask=path)))
    return Image.merge("RGB", (own, every, own))


def make_example(
    item: Item,
    shot: Shot,
    augment: Augment,
    shape: tuple[int, int],
    rng: KeyedRNG,
    objects: bool = False,
    keep_aspect: bool = False,
) -> tuple[Tensor, Tensor]:
    """Reads one image, and augments it as the recipe says.

    Flip and angle come with ``shot`` (order files record them); everything else is drawn from ``rng``.

    Args:
        item, shot, augment, rng: what is read, and how it is changed.
        shape: height H and width W that it is resized to.
        objects: give the mask of all objects as a second channel.
        keep_aspect: bring random crops as near to the aspect of ``shape`` as ``augment.crop`` allows.

    Returns:
        The image ``(3, H, W)`` and its mask ``(1, H, W)`` or ``(2, H, W)``, float32; the image in [0, 1], the mask in
        {0, 1}.
    """
    image, mask = opened(item, augment, max(shape), read_masks if objects else read_mask)
    if augment.resize_first:
        image, mask = _resized(image, mask, shape, Image.Resampling.NEAREST)
    if shot.flip:
        image, mask = (p.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for p in (image, mask))
    image, mask = _cropped(image, mask, augment, rng, shape[1] / shape[0] if keep_aspect else None)
    if shot.angle:
        rotation = _ROTATIONS[augment.resample]
        image, mask = (p.rotate(shot.angle, rotation) for p in (image, mask))
    image = _enhanced(image, augment, rng)
    image, mask = _resized(image, mask, shape, Image.Resampling.BILINEAR)
    truth = np.asarray(mask) > 127
    if augment.pepper:
        truth = _peppered(truth, augment.pepper, rng)
    pixels = torch.from_numpy(np.asarray(image).transpose(2, 0, 1).copy()).float().div_(255)
    channels = truth[..., :2].transpose(2, 0, 1) if objects else truth[None]
    return pixels, torch.from_numpy(channels.astype(np.float32))


def opened(
    item: Item, augment: Augment, size: int, read: Callable[[Item], Image.Image] = read_mask
) -> tuple[Image.Image, Image.Image]:
    """Reads an image and its mask, the latter by ``read``; large ones are averaged down as :data:`SPARE` allows.

    What is done to an image would cost more than the network's step at the size of today's photos. A border in pixels
    means those of the photo, which then stays whole.
    """
    side = math.ceil(SPARE * size / augment.crop)
    if augment.border:
        return Image.fromarray(read_image(item.image)), read(item)
    pixels, (height, width) = read_reduced(item.image, side)
    mask = read(item)
    if mask.size != (width, height):
        return Image.fromarray(read_image(item.image)), mask
    image = Image.fromarray(pixels)
    factor = min(image.size) // side
    if factor > 1:
        image = image.reduce(factor)
    return image, mask if mask.size == image.size else mask.resize(image.size, Image.Resampling.BOX)


def _resized(image: Image.Image, mask: Image.Image, shape: tuple[int, int], mask_by: Image.Resampling):
    size = shape[::-1]
    if image.size == size:
        return image, mask
    return image.resize(size, Image.Resampling.BILINEAR), mask.resize(size, mask_by)


def _cropped(image: Image.Image, mask: Image.Image, augment: Augment, rng: KeyedRNG, aspect: float | None):
    """Crops at random, or around the center, or not at all where both options are off.

    A random crop is made narrower, or lower, until it has the aspect or the least side that the recipe allows.
    """
    width, height = image.size
    if augment.crop < 1:
        w, h = (max(1, round(side * rng.between(augment.crop, 1))) for side in (width, height))
        if aspect is not None:
            least = (math.ceil(augment.crop * side) for side in (width, height))
            wanted = (min(w, round(h * aspect)), min(h, round(w / aspect)))
            w, h = (max(1, *pair) for pair in zip(wanted, least, strict=True))
        left, top = rng.below(width - w + 1), rng.below(height - h + 1)
        box = (left, top, left + w, top + h)
        if _area(mask.crop(box)) <= KEPT_OBJECT * _area(mask):
            return image, mask
    elif augment.border:
        w, h = (max(1, side - rng.below(augment.border + 1)) for side in (width, height))
        left, top = (width - w) // 2, (height - h) // 2
        box = (left, top, left + w, top + h)
    else:
        return image, mask
    return image.crop(box), mask.crop(box)


def _area(mask: Image.Image) -> int:
    return int(np.count_nonzero(np.asarray(mask.getchannel(0)) > 127))


def _enhanced(image: Image.Image, augment: Augment, rng: KeyedRNG) -> Image.Image:
    """Changes brightness, contrast, color and sharpness, in the order of the GCoNet+ code."""
    kinds = (
        (ImageEnhance.Brightness, augment.brightness),
        (ImageEnhance.Contrast, augment.contrast),
        (ImageEnhance.Color, augment.color),
        (ImageEnhance.Sharpness, augment.sharpness),
    )
    for kind, limits in kinds:
        if limits != (1.0, 1.0):
            image = kind(image).enhance(rng.between(*limits))
    if rng.chance(augment.gray):
        image = image.convert("L").convert("RGB")
    return image


def _peppered(truth: np.ndarray, share: float, rng: KeyedRNG) -> np.ndarray:
    """Sets single pixels of the mask to 0 or 1 at random."""
    truth = truth.copy()
    height, width = truth.shape
    for _ in range(int(share * truth.size)):
        truth[rng.below(height), rng.below(width)] = rng.chance(0.5)
    return truth
