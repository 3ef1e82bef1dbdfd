"""Adding distractors, i.e. images and objects of other groups, to the images of a group.

Most photos of the training sets show one salient object, which a network can find without using the rest of the group.
Here an image or an object of another group is added to an image, while the ground truth remains the object of the
image's own group. In some groups a distractor is added to every image, as in the distractor test: the object of the
group can then be told from the distractors only by the fact that all images share it.
"""

import itertools
import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.errors import InputError
from cosod.training.config.sections import Augment
from cosod.training.data.keyed_rng import KeyedRNG

#: Shares of the images with distractors that become one half, and one quarter, of a composed image. Objects are pasted
#: into the remaining images.
BESIDE, SQUARE = 0.45, 0.25
#: Share of the images composed of two halves in which these are stacked vertically.
STACKED = 0.3
#: Range of the sides of a pasted distractor, relative to those of the image.
PASTED = (0.35, 0.7)
#: Maximum share of the image's own object that a pasted object may cover.
COVERED = 0.33
#: Number of random positions that are tried for a pasted object.
TRIES = 6
#: Range of the sides of an image whose object is pasted into another image, relative to those of the other image.
PLANTED = (0.4, 0.95)
#: Random shapes: range of the radius relative to half of the image's sides, number of waves around the outline, range
#: of how often each goes around, and maximum height of each relative to the radius.
RADIUS, WAVES, FREQUENCIES, HEIGHT = (0.45, 0.95), 3, (2, 9), 0.3

Example = tuple[Tensor, Tensor]


def mix(own: list[Example], distractors: list[Example], augment: Augment, rng: KeyedRNG) -> list[Example]:
    """Adds distractors to the examples of one group.

    Distractors are drawn without replacement until all are used, so that no two images of a group have the same
    distractor if there are enough of them.

    Args:
        own: image ``(3, H, W)`` and mask of each example; the mask is ``(1, H, W)``, or ``(2, H, W)`` with the mask
            of all objects as its second channel.
        distractors: examples of other groups, in the same form; at least one.
        augment: shares of images to which distractors are added, and of images that are replaced by one.
        rng: source of all random choices.

    Returns:
        The same number of examples as ``own``, of the same shapes.

    Raises:
        InputError: there are no distractors.

    Example:
        >>> gray, white = torch.full((3, 8, 8), 0.5), torch.ones(3, 8, 8)
        >>> own, other = [(gray, torch.ones(1, 8, 8))], [(white, torch.ones(1, 8, 8))]
        >>> ((image, mask),) = mix(own, other, Augment(negatives=1.0), KeyedRNG(0))
        >>> bool((image == white).all()), int(mask.sum())
        (True, 0)
    """
    if not distractors:
        raise InputError("there are no distractors; give at least one example of another group")
    dealt = itertools.chain.from_iterable(rng.shuffled(distractors) for _ in itertools.count())
    share = 1.0 if rng.chance(augment.all_distractors) else augment.distractor_share
    mixed = []
    for image, mask in own:
        if rng.chance(augment.negatives):
            image, mask = next(dealt)
            mask = as_distractor(mask)
        elif rng.chance(share):
            image, mask = add_distractors(image, mask, dealt, rng, augment.shapes)
        mixed.append((image, mask))
    return mixed


def add_distractors(
    image: Tensor, mask: Tensor, distractors: Iterator[Example], rng: KeyedRNG, shapes: float = 0.0
) -> Example:
    """Adds one to three distractors to an image in one of three random ways; the ground truth remains its own object.

    The image becomes one half of a composed image (:func:`beside`) or one quarter (:func:`square`), or the objects of
    distractors are pasted into it (:func:`paste`).

    Args:
        image: ``(3, H, W)`` in [0, 1].
        mask: ``(1, H, W)`` or ``(2, H, W)`` in {0, 1}.
        distractors: endless iterator of examples of other groups.
        rng: source of all random choices.
        shapes: share of the pasted objects that are cut out by a random shape (:func:`random_shape`) instead of by
            their mask.

    Returns:
        The new image and mask, of the same shapes.

    Example:
        >>> other = (torch.ones(3, 8, 8), torch.ones(1, 8, 8))
        >>> image, mask = add_distractors(
        ...     torch.zeros(3, 8, 8), torch.ones(1, 8, 8), itertools.repeat(other), KeyedRNG(0)
        ... )
        >>> image.shape, mask.shape
        (torch.Size([3, 8, 8]), torch.Size([1, 8, 8]))
    """
    kind = rng.share()
    if kind < BESIDE:
        distractor, objects = next(distractors)
        first = rng.chance(0.5)
        if rng.chance(STACKED):
            image, mask = beside(image.mT, mask.mT, distractor.mT, first, objects.mT)
            return image.mT.contiguous(), mask.mT.contiguous()
        return beside(image, mask, distractor, first, objects)
    if kind < BESIDE + SQUARE:
        return square(image, mask, [next(distractors) for _ in range(3)], rng.below(4))
    for _ in range(1 + rng.below(3)):
        distractor, objects = next(distractors)
        if shapes and rng.chance(shapes):
            objects = random_shape((distractor.shape[-2], distractor.shape[-1]), rng)
        image, mask = paste(image, mask, distractor, objects, rng)
    return image, mask


def as_distractor(mask: Tensor) -> Tensor:
    """Returns the mask of an image that serves as a distractor: the first channel is 0, a second one is unchanged.

    Args:
        mask: ``(1, H, W)``, or ``(2, H, W)`` with the mask of all objects as its second channel.

    Example:
        >>> as_distractor(torch.ones(2, 8, 8)).sum(dim=(1, 2)).tolist()
        [0.0, 64.0]
    """
    mask = mask.clone()
    mask[0] = 0
    return mask


def square(image: Tensor, mask: Tensor, distractors: list[Example], place: int) -> Example:
    """Composes four images to one image of the same shape, in two rows of two.

    Args:
        image: the own image, ``(3, H, W)``.
        mask: the mask of the own image, ``(1, H, W)`` or ``(2, H, W)``.
        distractors: three examples of other groups.
        place: position of the own image, from 0 (top left) to 3 (bottom right).

    Example:
        >>> other = (torch.zeros(3, 8, 8), torch.ones(1, 8, 8))
        >>> image, mask = square(torch.ones(3, 8, 8), torch.ones(1, 8, 8), [other] * 3, place=0)
        >>> int(mask.sum()), bool((mask[0, :4, :4] == 1).all())
        (16, True)
    """
    rows, columns = ((side // 2, side - side // 2) for side in image.shape[-2:])
    cells = [(rows[number // 2], columns[number % 2]) for number in range(4)]
    examples = [(distractor, as_distractor(objects)) for distractor, objects in distractors]
    examples.insert(place, (image, mask))
    images = [_resize(part, cell) for (part, _), cell in zip(examples, cells, strict=True)]
    masks = [_resize(part, cell).gt(0.5).float() for (_, part), cell in zip(examples, cells, strict=True)]
    return _concatenated(images), _concatenated(masks)


def _concatenated(cells: list[Tensor]) -> Tensor:
    """Concatenates four cells, given row by row."""
    return torch.cat([torch.cat(cells[:2], 2), torch.cat(cells[2:], 2)], 1)


def beside(image: Tensor, mask: Tensor, distractor: Tensor, left: bool, objects: Tensor | None = None) -> Example:
    """Concatenates two images side by side, resized to half of their width, to one image of the same shape.

    Args:
        image: the own image, ``(3, H, W)``.
        mask: the mask of the own image, ``(1, H, W)`` or ``(2, H, W)``.
        distractor: image of another group, ``(3, H, W)``.
        left: whether the own image is on the left.
        objects: mask of the distractor, whose second channel is copied; if omitted, all channels of the mask are 0 on
            the side of the distractor.

    Example:
        >>> image, mask = beside(torch.ones(3, 8, 8), torch.ones(1, 8, 8), torch.zeros(3, 8, 8), left=True)
        >>> mask[0, 0].tolist()
        [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    """
    height, width = image.shape[-2:]
    half = width // 2
    own, own_mask = _resize(image, (height, half)), _resize(mask, (height, half)).gt(0.5).float()
    other = _resize(distractor, (height, width - half))
    other_mask = mask.new_zeros(len(mask), height, width - half)
    if objects is not None:
        other_mask = _resize(as_distractor(objects), (height, width - half)).gt(0.5).float()
    parts = [(own, own_mask), (other, other_mask)]
    images, masks = zip(*(parts if left else parts[::-1]), strict=True)
    return torch.cat(images, 2), torch.cat(masks, 2)


def planted(image: Tensor, mask: Tensor, source: Tensor, of_source: Tensor, rng: KeyedRNG) -> Example:
    """Pastes the object of a source image into another image, of which it then is the shared object.

    Args:
        image: image that the object is pasted into, ``(3, H, W)``.
        mask: its mask, ``(2, H, W)``: the shared object, and all objects.
        source: image with the object to paste, ``(3, H, W)``.
        of_source: mask of the source, whose first channel is the object.
        rng: source of the size and the position.

    Returns:
        The new image, and its mask, whose first channel is the pasted object only.

    Example:
        >>> black, white = torch.zeros(3, 8, 8), torch.ones(3, 8, 8)
        >>> image, mask = planted(black, torch.zeros(2, 8, 8), white, torch.ones(2, 8, 8), KeyedRNG(0))
        >>> bool(torch.equal(image[0], mask[0]))
        True
    """
    height, width = image.shape[-2:]
    h, w = _scaled(image, rng.between(*PLANTED))
    small, cover = _resize(source, (h, w)), _resize(of_source[:1], (h, w))
    y, x = rng.below(height - h + 1), rng.below(width - w + 1)
    place = (slice(None), slice(y, y + h), slice(x, x + w))
    image, mask = image.clone(), as_distractor(mask)
    image[place] = image[place] * (1 - cover) + small * cover
    seen = (cover > 0.5).float()
    mask[place] = torch.maximum(mask[place] * (1 - seen), seen)
    return image, mask


def paste(image: Tensor, mask: Tensor, distractor: Tensor, objects: Tensor, rng: KeyedRNG) -> Example:
    """Pastes the object of a distractor into an image, at a position where it covers at most a third of the own object.

    Args:
        image: the own image, ``(3, H, W)``.
        mask: the mask of the own image, ``(1, H, W)`` or ``(2, H, W)``.
        distractor: image of another group, ``(3, H, W)``.
        objects: mask of the distractor, whose first channel is its object.
        rng: source of the size and the position.

    Returns:
        The new image and mask; or the given ones if none of :data:`TRIES` random positions is suitable.

    Example:
        >>> other, objects = torch.ones(3, 8, 8), torch.ones(1, 8, 8)
        >>> image, mask = paste(torch.zeros(3, 8, 8), torch.zeros(1, 8, 8), other, objects, KeyedRNG(0))
        >>> bool(image.any()), int(mask.sum())
        (True, 0)
    """
    height, width = image.shape[-2:]
    h, w = _scaled(image, rng.between(*PASTED))
    small, part = _resize(distractor, (h, w)), _resize(objects[:1], (h, w))
    for _ in range(TRIES):
        # Up to a quarter of each side may lie outside the image.
        y, x = (rng.below(side - s // 2) - s // 4 for side, s in ((height, h), (width, w)))
        y0, x0, y1, x1 = max(y, 0), max(x, 0), min(y + h, height), min(x + w, width)
        cover = part[:, y0 - y : y1 - y, x0 - x : x1 - x]
        if (cover * mask[:1, y0:y1, x0:x1]).sum() > COVERED * mask[:1].sum():
            continue
        image, mask = image.clone(), mask.clone()
        colors = small[:, y0 - y : y1 - y, x0 - x : x1 - x]
        image[:, y0:y1, x0:x1] = image[:, y0:y1, x0:x1] * (1 - cover) + colors * cover
        mask[:, y0:y1, x0:x1] *= (cover <= 0.5).float()
        mask[1:, y0:y1, x0:x1] += (cover > 0.5).float()
        break
    return image, mask


def random_shape(size: tuple[int, int], rng: KeyedRNG) -> Tensor:
    """Returns a mask of a random shape: a blob around the center of the image, whose outline has random waves.

    What an image shows inside it becomes an object when it is pasted into another image, whatever it is: petals and
    books, which training photos show in the background only, stand out too where a photo shows them in front of
    something else.

    Args:
        size: height and width of the mask.
        rng: source of the shape.

    Returns:
        The mask ``(1, H, W)`` in [0, 1], with an outline that is one pixel wide.

    Example:
        >>> shape = random_shape((32, 32), KeyedRNG(0))
        >>> bool(shape[0, 16, 16] == 1), bool(shape[0, 0, 0] == 0)
        (True, True)
    """
    height, width = size
    y = (torch.arange(height) + 0.5) / height * 2 - 1
    x = (torch.arange(width) + 0.5) / width * 2 - 1
    distance, angle = torch.hypot(y[:, None], x[None]), torch.atan2(y[:, None], x[None])
    outline = torch.ones_like(angle)
    for _ in range(WAVES):
        frequency = FREQUENCIES[0] + rng.below(FREQUENCIES[1] - FREQUENCIES[0] + 1)
        outline += rng.between(0, HEIGHT) * torch.cos(frequency * angle + rng.between(0, 2 * math.pi))
    radius = rng.between(*RADIUS) * outline / outline.max()
    return ((radius - distance) * min(size) / 2 + 0.5).clamp(0, 1)[None]


def _scaled(image: Tensor, share: float) -> tuple[int, int]:
    """Returns the height and width of an image, multiplied by ``share``."""
    height, width = (max(1, int(side * share)) for side in image.shape[-2:])
    return height, width


def _resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(x[None], size, mode="bilinear", align_corners=False, antialias=True)[0]
