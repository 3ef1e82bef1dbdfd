"""Images of two groups mixed, so that a network that ignores the group cannot do well.

Most photos of the training sets show one salient object, which a network can find without looking at the group.
Here something of the other group comes into an image, and the truth stays the image's own object.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.training.chance import Stream

#: Of all mixed images, those where two stand side by side; into the others an object is pasted.
SIDE_BY_SIDE = 0.5
#: Side of a pasted image, as a share of the image's.
PASTED = (0.35, 0.7)
#: Share of the own object that a pasted one may cover.
COVERED = 0.33
TRIES = 6

Example = tuple[Tensor, Tensor]


def mix(own: list[Example], other: list[Example], distractors: float, absent: float, stream: Stream) -> list[Example]:
    """The examples of one group with distractors from the other.

    Args:
        own, other: image ``(3, S, S)`` and mask ``(1, S, S)`` of each example.
        distractors: share that gets a distractor.
        absent: share that is replaced by an image of the other group, its mask empty.
    """
    mixed = []
    for image, mask in own:
        stranger, strange_mask = stream.pick(other)
        if stream.chance(absent):
            image, mask = stranger, torch.zeros_like(mask)
        elif stream.chance(distractors):
            if stream.chance(SIDE_BY_SIDE):
                image, mask = beside(image, mask, stranger, left=stream.chance(0.5))
            else:
                image, mask = paste(image, mask, stranger, strange_mask, stream)
        mixed.append((image, mask))
    return mixed


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
