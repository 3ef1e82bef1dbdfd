"""Self-training: a network's own maps of the pool as the masks of the next one (what the method's author did last)."""

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.active_learning.ensemble import mean_probability, members, snapshot
from cosod.active_learning.labels import Targets
from cosod.models.saliency_base import SaliencyNetwork
from cosod.postprocess.object_mask import grab_cut

#: Images are looked at this much larger than in training: what a network learned on crops, which enlarge, it finds
#: better. Of the light network's masks (192 px, ten clicks) at 1, 7/6, 4/3 and 3/2 the mean IoU with the truth of
#: training images is .770, .781, .792 and .787.
ENLARGED = 4 / 3

#: Outlines of a network that has seen clicks alone may move this far (IoU with its own mask).
AGREEMENT = 0.5


def said_masks(
    network: SaliencyNetwork,
    images: Tensor,
    clicks: Targets,
    size: int,
    precision: torch.dtype = torch.float32,
    cut: bool = True,
    batch: int = 16,
) -> Tensor:
    """Computes a network's masks of the pool, to train another one on.

    Image and mirrored image, enlarged, are averaged and cut at one half; the outline then moves to where the colors
    change (:func:`cosod.postprocess.object_mask.grab_cut`). A labeled pixel is what its label says.

    Args:
        network: trained on clicks.
        images: ``(N, S, S, 3)`` uint8.
        clicks: the labeled points.
        size: side of the square that the network was trained on.
        precision: precision of the network's arithmetic.
        cut: whether outlines follow the colors.
        batch: images at once.

    Returns:
        ``(N, S, S)`` uint8, 0 or 255.
    """
    side = images.shape[1]
    size = round(size * ENLARGED / 32) * 32
    networks = members(network, [snapshot(network)])
    device = next(network.parameters()).device
    masks = torch.empty(images.shape[:3], dtype=torch.uint8)
    for start in range(0, len(images), batch):
        pixels = images[start : start + batch].to(device).permute(0, 3, 1, 2).float() / 255
        pixels = F.interpolate(pixels, (size, size), mode="bilinear", antialias=True)
        both = torch.stack([pixels, pixels.flip(3)])
        maps = [mean_probability(networks, view, precision) for view in both]
        mean = F.interpolate((maps[0] + maps[1].flip(3)) / 2, (side, side), mode="bilinear")
        for number, found in enumerate(mean[:, 0].float().cpu().numpy(), start=start):
            mask = found >= 0.5
            if cut:
                mask, _ = grab_cut(images[number].numpy(), found, mask, agreement=AGREEMENT)
            mask = cv2.resize(mask.astype(np.uint8), (side, side), interpolation=cv2.INTER_NEAREST)
            masks[number] = torch.from_numpy(mask) * 255
    known = clicks.labels >= 0
    cells = ((clicks.xy + 1) / 2 * side).long().clamp(0, side - 1)
    image = torch.arange(len(images))[:, None].expand_as(known)
    masks[image[known], cells[..., 1][known], cells[..., 0][known]] = (clicks.labels[known] * 255).to(torch.uint8)
    return masks
