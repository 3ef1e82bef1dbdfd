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
#: Side of an image whose object is planted into another one, as a share of the other's.
PLANTED = (0.4, 0.95)

Example = tuple[Tensor, Tensor]


def mix(own: list[Example], strangers: list[Example], augment: Augment, stream: Stream) -> list[Example]:
    """The examples of one group with distractors from others.

    Strangers are dealt out like cards, so that no group shares one while there are enough of them.

    Args:
        own, strangers: image ``(3, S, S)`` and mask of each example, ``(1, S, S)``, or ``(2, S, S)`` with the mask of
            all objects as its second channel.
        augment: says how many images get a distractor, and how many are replaced by a stranger.
    """
    dealt = itertools.chain.from_iterable(stream.shuffled(strangers) for _ in itertools.count())
    share = 1.0 if stream.chance(augment.crowded) else augment.distractors
    mixed = []
    for image, mask in own:
        if stream.chance(augment.absent):
            image, mask = next(dealt)
            mask = strange(mask)
        elif stream.chance(share):
            image, mask = distract(image, mask, dealt, stream)
        mixed.append((image, mask))
    return mixed


def distract(image: Tensor, mask: Tensor, strangers: Iterator[Example], stream: Stream) -> Example:
    """One to three strangers come into the image; the truth stays its own object."""
    kind = stream.share()
    if kind < BESIDE:
        stranger, other = next(strangers)
        first = stream.chance(0.5)
        if stream.chance(STACKED):
            turned = beside(image.mT, mask.mT, stranger.mT, first, other.mT)
            return tuple(part.mT.contiguous() for part in turned)
        return beside(image, mask, stranger, first, other)
    if kind < BESIDE + SQUARE:
        return square(image, mask, [next(strangers) for _ in range(3)], stream.below(4))
    for _ in range(1 + stream.below(3)):
        image, mask = paste(image, mask, *next(strangers), stream)
    return image, mask


def strange(mask: Tensor) -> Tensor:
    """The mask of another group's image: nothing is shared, and its objects are objects all the same."""
    mask = mask.clone()
    mask[0] = 0
    return mask


def square(image: Tensor, mask: Tensor, strangers: list[Example], place: int) -> Example:
    """Four images in the square of one, the own one in the cell ``place``, counted by rows."""
    size = image.shape[-1]
    spans = (size // 2, size - size // 2)
    cells = [(spans[number // 2], spans[number % 2]) for number in range(4)]
    examples = [(other, strange(of_other)) for other, of_other in strangers]
    examples.insert(place, (image, mask))
    images = [_resize(part, cell) for (part, _), cell in zip(examples, cells, strict=True)]
    masks = [_resize(part, cell).gt(0.5).float() for (_, part), cell in zip(examples, cells, strict=True)]
    return _joined(images), _joined(masks)


def _joined(cells: list[Tensor]) -> Tensor:
    """Four cells by rows as one."""
    return torch.cat([torch.cat(cells[:2], 2), torch.cat(cells[2:], 2)], 1)


def beside(image: Tensor, mask: Tensor, stranger: Tensor, left: bool, of_stranger: Tensor | None = None) -> Example:
    """Two images side by side in the square of one, the own one ``left`` or right."""
    size = image.shape[-1]
    half = size // 2
    own, own_mask = _resize(image, (size, half)), _resize(mask, (size, half)).gt(0.5).float()
    other = _resize(stranger, (size, size - half))
    blank = mask.new_zeros(len(mask), size, size - half)
    if of_stranger is not None:
        blank = _resize(strange(of_stranger), (size, size - half)).gt(0.5).float()
    parts = [(own, own_mask), (other, blank)]
    images, masks = zip(*(parts if left else parts[::-1]), strict=True)
    return torch.cat(images, 2), torch.cat(masks, 2)


def planted(image: Tensor, mask: Tensor, source: Tensor, of_source: Tensor, stream: Stream) -> Example:
    """The source's object set into an image of something else; it alone is what is shared then.

    The result's mask has two channels, as the given ones have: what is shared, and all objects.
    """
    size = image.shape[-1]
    s = max(1, int(size * stream.between(*PLANTED)))
    small, cover = _resize(source, (s, s)), _resize(of_source[:1], (s, s))
    y, x = stream.below(size - s + 1), stream.below(size - s + 1)
    place = (slice(None), slice(y, y + s), slice(x, x + s))
    image, mask = image.clone(), strange(mask)
    image[place] = image[place] * (1 - cover) + small * cover
    seen = (cover > 0.5).float()
    mask[place] = torch.maximum(mask[place] * (1 - seen), seen)
    return image, mask


def paste(image: Tensor, mask: Tensor, stranger: Tensor, strange_mask: Tensor, stream: Stream) -> Example:
    """The stranger's object pasted where it leaves most of the own one in sight; if there is no place, nothing."""
    size = image.shape[-1]
    s = max(1, int(size * stream.between(*PASTED)))
    small, part = _resize(stranger, (s, s)), _resize(strange_mask[:1], (s, s))
    for _ in range(TRIES):
        # Up to a quarter of it may lie outside.
        y, x = (stream.below(size - s // 2) - s // 4 for _ in range(2))
        y0, x0, y1, x1 = max(y, 0), max(x, 0), min(y + s, size), min(x + s, size)
        cover = part[:, y0 - y : y1 - y, x0 - x : x1 - x]
        if (cover * mask[:1, y0:y1, x0:x1]).sum() > COVERED * mask[:1].sum():
            continue
        image, mask = image.clone(), mask.clone()
        colours = small[:, y0 - y : y1 - y, x0 - x : x1 - x]
        image[:, y0:y1, x0:x1] = image[:, y0:y1, x0:x1] * (1 - cover) + colours * cover
        mask[:, y0:y1, x0:x1] *= (cover <= 0.5).float()
        mask[1:, y0:y1, x0:x1] += (cover > 0.5).float()
        break
    return image, mask


def _resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(x[None], size, mode="bilinear", align_corners=False, antialias=True)[0]
