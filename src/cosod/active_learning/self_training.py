"""Self-training: the maps of a network for the pool become the masks on which the final network is trained."""

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.active_learning.ensemble import mean_probability, members, snapshot
from cosod.active_learning.labels import Targets
from cosod.models.saliency_base import SaliencyNetwork
from cosod.postprocess.object_mask import grab_cut

#: Factor by which images are larger than in training. A network that was trained on crops, which are enlarged, is
#: better on enlarged images: for factors of 1, 7/6, 4/3 and 3/2, the mean IoU of the masks of the light network (192
#: pixels, ten clicks) with the ground truth of the training images is .770, .781, .792 and .787.
ENLARGED = 4 / 3

#: Minimum IoU of a mask that was refined by color with the mask of the network, which was trained on clicks only.
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
    """Computes the masks of a network for the images of the pool, on which another network is trained.

    The maps of the enlarged image and of its mirror image are averaged and thresholded at 0.5. The outline is then
    moved to where the colors change (:func:`cosod.postprocess.object_mask.grab_cut`), and labeled pixels are set to
    their labels.

    Args:
        network: network that was trained on clicks.
        images: ``(N, S, S, 3)`` uint8.
        clicks: the labeled points.
        size: side in pixels of the squares on which the network was trained.
        precision: precision of the network's computation (autocast).
        cut: whether outlines are moved to where the colors change.
        batch: number of images that are processed at once.

    Returns:
        The masks, ``(N, S, S)`` uint8, 0 or 255.

    Example:
        >>> masks = said_masks(network, images, clicks, size=192)  # doctest: +SKIP
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
