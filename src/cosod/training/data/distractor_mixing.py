"""Adds distractors, images and objects of other groups, to a group's images.

Most photos of the training sets show one salient object, which a network can find without looking at the group.
Here something of another group is added to an image, and the ground truth stays the object of the image's own group.
In some groups it is added to every image, as in the distractor test: the shared object is then all that tells the
group's object from others.
"""

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.training.config.sections import Augment
from cosod.training.data.keyed_rng import KeyedRNG

#: Shares of the images with distractors that become a square of two and a square of four images; into the rest,
#: objects are pasted.
BESIDE, SQUARE = 0.45, 0.25
#: Share of the squares of two whose images are stacked vertically.
STACKED = 0.3
#: Range of the side of a pasted image, relative to the image's.
PASTED = (0.35, 0.7)
#: Largest share of the own object that a pasted one may cover.
COVERED = 0.33
#: Number of random places that are tried for a pasted object.
TRIES = 6
#: Range of the side of an image whose object is planted into another one, relative to the other's.
PLANTED = (0.4, 0.95)

Example = tuple[Tensor, Tensor]


def mix(own: list[Example], distractors: list[Example], augment: Augment, rng: KeyedRNG) -> list[Example]:
    """Adds distractors to the examples of one group.

    Distractors are dealt out like cards, so that no two images of a group share one while there are enough of them.

    Args:
        own: image ``(3, H, W)`` and mask of each example; the mask is ``(1, H, W)``, or ``(2, H, W)`` with the mask
            of all objects as its second channel.
        distractors: examples of other groups, in the same form.
        augment: how many images get a distractor, and how many are replaced by one.
        rng: source of all random choices.

    Returns:
        As many examples as ``own`` has, of the same shapes.

    Example:
        >>> gray, white = torch.full((3, 8, 8), 0.5), torch.ones(3, 8, 8)
        >>> own, other = [(gray, torch.ones(1, 8, 8))], [(white, torch.ones(1, 8, 8))]
        >>> ((image, mask),) = mix(own, other, Augment(negatives=1.0), KeyedRNG(0))
        >>> bool((image == white).all()), int(mask.sum())
        (True, 0)
    """
    dealt = itertools.chain.from_iterable(rng.shuffled(distractors) for _ in itertools.count())
    share = 1.0 if rng.chance(augment.all_distractors) else augment.distractor_share
    mixed = []
    for image, mask in own:
        if rng.chance(augment.negatives):
            image, mask = next(dealt)
            mask = as_distractor(mask)
        elif rng.chance(share):
            image, mask = add_distractors(image, mask, dealt, rng)
        mixed.append((image, mask))
    return mixed


def add_distractors(image: Tensor, mask: Tensor, distractors: Iterator[Example], rng: KeyedRNG) -> Example:
    """Adds one to three distractors to the image; the ground truth stays its own object."""
    kind = rng.share()
    if kind < BESIDE:
        distractor, objects = next(distractors)
        first = rng.chance(0.5)
        if rng.chance(STACKED):
            turned = beside(image.mT, mask.mT, distractor.mT, first, objects.mT)
            return tuple(part.mT.contiguous() for part in turned)
        return beside(image, mask, distractor, first, objects)
    if kind < BESIDE + SQUARE:
        return square(image, mask, [next(distractors) for _ in range(3)], rng.below(4))
    for _ in range(1 + rng.below(3)):
        image, mask = paste(image, mask, *next(distractors), rng)
    return image, mask


def as_distractor(mask: Tensor) -> Tensor:
    """Returns the mask of another group's image: none of it is shared, and its objects remain in the second channel."""
    mask = mask.clone()
    mask[0] = 0
    return mask


def square(image: Tensor, mask: Tensor, distractors: list[Example], place: int) -> Example:
    """Concatenates four images in the shape of one, the own one in cell ``place``, counted by rows."""
    rows, columns = ((side // 2, side - side // 2) for side in image.shape[-2:])
    cells = [(rows[number // 2], columns[number % 2]) for number in range(4)]
    examples = [(distractor, as_distractor(objects)) for distractor, objects in distractors]
    examples.insert(place, (image, mask))
    images = [_resize(part, cell) for (part, _), cell in zip(examples, cells, strict=True)]
    masks = [_resize(part, cell).gt(0.5).float() for (_, part), cell in zip(examples, cells, strict=True)]
    return _concatenated(images), _concatenated(masks)


def _concatenated(cells: list[Tensor]) -> Tensor:
    """Concatenates four cells, given by rows."""
    return torch.cat([torch.cat(cells[:2], 2), torch.cat(cells[2:], 2)], 1)


def beside(image: Tensor, mask: Tensor, distractor: Tensor, left: bool, objects: Tensor | None = None) -> Example:
    """Concatenates two images side by side in the shape of one.

    Args:
        image, mask: the own example.
        distractor: image of another group.
        left: whether the own image is on the left.
        objects: mask of the distractor; without it the distractor's side of the mask is empty.
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
    """Pastes the source's object into an image of something else; it alone is the shared object then.

    The masks have two channels: the shared object, and all objects.
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
    """Pastes the distractor's object where most of the own one stays visible.

    Args:
        image, mask: the own example.
        distractor: image of another group.
        objects: mask of the distractor.
        rng: source of its size and place.

    Returns:
        The new image and mask; the given ones if none of the places that are tried leaves the own object visible.
    """
    height, width = image.shape[-2:]
    h, w = _scaled(image, rng.between(*PASTED))
    small, part = _resize(distractor, (h, w)), _resize(objects[:1], (h, w))
    for _ in range(TRIES):
        # Up to a quarter of it may lie outside.
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


def _scaled(image: Tensor, share: float) -> tuple[int, int]:
    """Returns height and width of a share of the sides of an image."""
    height, width = (max(1, int(side * share)) for side in image.shape[-2:])
    return height, width


def _resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(x[None], size, mode="bilinear", align_corners=False, antialias=True)[0]
