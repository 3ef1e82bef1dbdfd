"""Images of two groups mixed, so that a network that ignores the group cannot do well.

Most photos of the training sets show one salient object, which a network can find without looking at the group.
Here something of another group comes into an image, and the truth stays the image's own object. In some groups it
does so in every image, as in the distractor test: what is shared is then all that tells the own object from others.
"""

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.training.config.sections import Augment
from cosod.training.data.keyed_rng import Stream

#: Of the images that get a distractor: in squares of two, in squares of four; into the others something is pasted.
BESIDE, SQUARE = 0.45, 0.25
#: Of the squares of two, those where one image is above the other.
STACKED = 0.3
#: Side of a pasted image, as a share of the image's.
PASTED = (0.35, 0.7)
#: Share of the own object that a pasted one may cover.
COVERED = 0.33
TRIES = 6

Example = tuple[Tensor, Tensor]


def mix(own: list[Example], strangers: list[Example], augment: Augment, stream: Stream) -> list[Example]:
    """The examples of one group with distractors from others.

    Strangers are dealt out like cards, so that no group shares one while there are enough of them.

    Args:
        own, strangers: image ``(3, S, S)`` and mask ``(1, S, S)`` of each example.
        augment: says how many images get a distractor, and how many are replaced by a stranger.
    """
    dealt = itertools.chain.from_iterable(stream.shuffled(strangers) for _ in itertools.count())
    share = 1.0 if stream.chance(augment.crowded) else augment.distractors
    mixed = []
    for image, mask in own:
        if stream.chance(augment.absent):
            image, _ = next(dealt)
            mask = torch.zeros_like(mask)
        elif stream.chance(share):
            image, mask = distract(image, mask, dealt, stream)
        mixed.append((image, mask))
    return mixed


def distract(image: Tensor, mask: Tensor, strangers: Iterator[Example], stream: Stream) -> Example:
    """One to three strangers come into the image; the truth stays its own object."""
    kind = stream.share()
    if kind < BESIDE:
        stranger, _ = next(strangers)
        first = stream.chance(0.5)
        if stream.chance(STACKED):
            turned = beside(image.mT, mask.mT, stranger.mT, first)
            return tuple(part.mT.contiguous() for part in turned)
        return beside(image, mask, stranger, first)
    if kind < BESIDE + SQUARE:
        return square(image, mask, [next(strangers)[0] for _ in range(3)], stream.below(4))
    for _ in range(1 + stream.below(3)):
        image, mask = paste(image, mask, *next(strangers), stream)
    return image, mask


def square(image: Tensor, mask: Tensor, strangers: list[Tensor], place: int) -> Example:
    """Four images in the square of one, the own one in the cell ``place``, counted by rows."""
    size = image.shape[-1]
    spans = (size // 2, size - size // 2)
    cells = [(spans[number // 2], spans[number % 2]) for number in range(4)]
    images = list(strangers)
    images.insert(place, image)
    images = [_resize(part, cell) for part, cell in zip(images, cells, strict=True)]
    masks = [mask.new_zeros(1, *cell) for cell in cells]
    masks[place] = _resize(mask, cells[place]).gt(0.5).float()
    return _joined(images), _joined(masks)


def _joined(cells: list[Tensor]) -> Tensor:
    """Four cells by rows as one."""
    return torch.cat([torch.cat(cells[:2], 2), torch.cat(cells[2:], 2)], 1)


def beside(image: Tensor, mask: Tensor, stranger: Tensor, left: bool) -> Example:
    """Two images side by side in the square of one, the own one ``left`` or right."""
    size = image.shape[-1]
    half = size // 2
    own, own_mask = _resize(image, (size, half)), _resize(mask, (size, half)).gt(0.5).float()
    other = _resize(stranger, (size, size - half))
    blank = mask.new_zeros(1, size, size - half)
    parts = [(own, own_mask), (other, blank)]
    images, masks = zip(*(parts if left else parts[::-1]), strict=True)
    return torch.cat(images, 2), torch.cat(masks, 2)


def paste(image: Tensor, mask: Tensor, stranger: Tensor, strange_mask: Tensor, stream: Stream) -> Example:
    """The stranger's object pasted where it leaves most of the own one in sight; if there is no place, nothing."""
    size = image.shape[-1]
    s = max(1, int(size * stream.between(*PASTED)))
    small, part = _resize(stranger, (s, s)), _resize(strange_mask, (s, s))
    for _ in range(TRIES):
        # Up to a quarter of it may lie outside.
        y, x = (stream.below(size - s // 2) - s // 4 for _ in range(2))
        y0, x0, y1, x1 = max(y, 0), max(x, 0), min(y + s, size), min(x + s, size)
        cover = part[:, y0 - y : y1 - y, x0 - x : x1 - x]
        if (cover * mask[:, y0:y1, x0:x1]).sum() > COVERED * mask.sum():
            continue
        image, mask = image.clone(), mask.clone()
        colours = small[:, y0 - y : y1 - y, x0 - x : x1 - x]
        image[:, y0:y1, x0:x1] = image[:, y0:y1, x0:x1] * (1 - cover) + colours * cover
        mask[:, y0:y1, x0:x1] *= (cover <= 0.5).float()
        break
    return image, mask


def _resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(x[None], size, mode="bilinear", align_corners=False, antialias=True)[0]
