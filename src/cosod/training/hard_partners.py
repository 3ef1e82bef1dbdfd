"""The hardest partner of each group: the group whose consensus is the most similar."""

import torch
from torch.nn import functional as F

from cosod.inference.group_forward import GroupForward, evaluating
from cosod.io.images import read_image
from cosod.io.resizing import shrink
from cosod.models.base import CoSaliencyNetwork
from cosod.training.data.group_sampler import Sampler


def nearest_groups(network: CoSaliencyNetwork, sampler: Sampler, size: int) -> dict[str, str]:
    """Returns the hardest partner of each group, as a dictionary from the name of the group to that of the partner.

    The partner is the group whose consensus has the highest cosine similarity among the groups that may be paired with
    the group. Each consensus is computed in evaluation mode from the first ``sampling.images`` images of the group, so
    that at most one encoder pass per image of the set is needed.

    Args:
        network: the network in training; its mode is restored afterwards.
        sampler: sampler of the training set.
        size: side in pixels of the square that images are resized to.

    Example:
        >>> partners = nearest_groups(network, sampler, size=256)  # doctest: +SKIP
    """
    vectors = []
    with evaluating(network):
        forward = GroupForward(network)
        for group in sampler.names:
            chosen = sampler.data.groups[group][: sampler.sampling.images]
            images = [shrink(read_image(sampler.data.items[i].image), size) for i in chosen]
            vectors.append(network.signature(forward.consensus([forward.encode(images)]))[0].float().cpu())
    unit = F.normalize(torch.stack(vectors), dim=1)
    cosine = unit @ unit.T
    index = {group: i for i, group in enumerate(sampler.names)}
    return {
        group: max(sampler.partners(group), key=lambda other: float(cosine[index[group], index[other]]))
        for group in sampler.names
    }
