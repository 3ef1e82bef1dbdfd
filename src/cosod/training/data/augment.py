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
#: A random crop that does not keep more than this share of the object is discarded.
KEPT_OBJECT = 0.5
#: Large images are reduced only so far that the sides of the smallest possible crop are at least this multiple of the
#: side of the network's input.
SPARE = 2


def read_mask(item: Item) -> Image.Image:
    """Reads the mask of an image as 8-bit grayscale.

    Mask files are read in the same way as for evaluation (:func:`cosod.evaluation.reading.read_truth`), so that masks
    of 0 and 1, colored masks, and masks in the alpha channel are supported.

    Raises:
        ImageError: the mask cannot be read.

    Example:
        >>> mask = read_mask(Item(Path("images/cat/1.jpg"), Path("gts/cat/1.png"), "cat", 0))  # doctest: +SKIP
    """
    mask = item.mask_file([item.group])
    if isinstance(mask, Path):
        return Image.fromarray(read_truth(mask).levels)
    with Image.open(mask) as picture:
        return picture.convert("L")


def read_masks(item: Item) -> Image.Image:
    """Reads the mask of an image and the mask of all its objects, as the first two channels of an RGB image.

    The second channel is the union of the image's mask and of the masks of the same photo in other groups
    (``item.others``); the third channel is not used.

    Example:
        >>> masks = read_masks(Item(Path("images/cat/1.jpg"), Path("gts/cat/1.png"), "cat", 0))  # doctest: +SKIP
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
    """Reads an image and its mask, and augments both.

    The flip and the angle of rotation are part of ``shot``, because order files record them; all other random values
    are drawn from ``rng``.

    Args:
        item: the image and its mask.
        shot: flip, and angle of the rotation in degrees.
        augment: settings of the augmentation.
        shape: height H and width W to which the image is resized.
        rng: source of all other random choices.
        objects: whether the mask of all objects is returned as a second channel.
        keep_aspect: whether random crops are brought as close to the aspect ratio of ``shape`` as ``augment.crop``
            allows.

    Returns:
        The image ``(3, H, W)`` in [0, 1], and its mask ``(1, H, W)``, or ``(2, H, W)`` with ``objects``, in {0, 1};
        both float32.

    Raises:
        ImageError: the image or a mask cannot be read.

    Example:
        >>> rng = KeyedRNG(0, "image")  # doctest: +SKIP
        >>> image, mask = make_example(item, shot, Augment(), (256, 256), rng)  # doctest: +SKIP
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
        truth = truth.copy()
        _pepper(truth[..., 0] if objects else truth, augment.pepper, rng)
    pixels = torch.from_numpy(np.asarray(image).transpose(2, 0, 1).copy()).float().div_(255)
    channels = truth[..., :2].transpose(2, 0, 1) if objects else truth[None]
    return pixels, torch.from_numpy(channels.astype(np.float32))


def opened(
    item: Item, augment: Augment, size: int, read: Callable[[Item], Image.Image] = read_mask
) -> tuple[Image.Image, Image.Image]:
    """Reads an image and its mask, and reduces large images by averaging, as far as :data:`SPARE` allows.

    At the full size of today's photos, augmentation would take longer than the training step of the network. Images are
    not reduced if ``augment.border`` is set, which counts pixels of the original image, or if the mask has another size
    than the image.

    Args:
        item: the image and its mask.
        augment: settings of the augmentation; a smaller ``crop`` allows less reduction.
        size: longer side in pixels of the network's input.
        read: reads the mask.

    Returns:
        The image and its mask.

    Raises:
        ImageError: the image or the mask cannot be read.

    Example:
        >>> image, mask = opened(item, Augment(crop=0.8), size=256)  # doctest: +SKIP
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
    """Crops an image and its mask at random, or around the center; returns them unchanged if both options are off.

    With an ``aspect`` (width / height), the width or the height of a random crop is reduced until the crop has this
    aspect, but not below the smallest side that ``augment.crop`` allows. A crop that would cut off too much of the
    object is discarded.
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
    """Changes brightness, contrast, color and sharpness, in the order of the GCoNet+ code, and removes colors."""
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


def _pepper(truth: np.ndarray, share: float, rng: KeyedRNG) -> None:
    """Sets a share of the pixels of a mask ``(H, W)``, at random positions, to 0 or 1 with equal probability."""
    height, width = truth.shape
    for _ in range(int(share * truth.size)):
        truth[rng.below(height), rng.below(width)] = rng.chance(0.5)
