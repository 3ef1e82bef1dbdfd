"""The hardest partner of a group: the group with the most similar consensus."""

import torch
from torch.nn import functional as F

from cosod.inference.group_forward import GroupForward, evaluating
from cosod.io.images import read_image
from cosod.io.tensors import shrink
from cosod.models.base import CoSaliencyNetwork
from cosod.training.data.group_sampler import Sampler


def nearest_groups(network: CoSaliencyNetwork, sampler: Sampler, size: int) -> dict[str, str]:
    """Returns, for each group, the one with the nearest consensus by cosine among those that it may be paired with.

    Each consensus is formed by the network in evaluation mode from the first images of the group, as many as a
    step takes. It costs one forward pass of the encoder for about every image of the set.
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
        group: max(sampler.partners(group), key=lambda other, i=index[group]: float(cosine[i, index[other]]))
        for group in sampler.names
    }
