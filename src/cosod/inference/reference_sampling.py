"""Reference images of a large group, with which all its images are compared."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.errors import ImageError
from cosod.inference.deep_rows import DeepRows
from cosod.inference.feature_cache import EncodedGroup
from cosod.inference.options import ReferenceSampling
from cosod.models.modules.group_affinity import GroupAffinity, References

#: Number of candidates for each reference in ``spread``.
CANDIDATES = 4


class Sample(NamedTuple):
    """Some images of a group.

    Attributes:
        indices: indices of the images in the group.
        deep: deepest features of the images, ``(R, C, H, W)``, or ``(R, C, 1, P)`` from :class:`.deep_rows.DeepRows`.
        weights: number of images that each of them represents, ``(R,)``.
    """

    indices: list[int]
    deep: Tensor
    weights: Tensor


@torch.inference_mode()
def sampled(group: EncodedGroup, sampling: ReferenceSampling) -> Sample:
    """Returns the references of a group.

    They depend on the number of images, their order and, with ``spread``, on the images. Unreadable images are skipped.

    Raises:
        ImageError: none of the images could be read.
    """
    order = torch.randperm(len(group), generator=torch.Generator().manual_seed(sampling.seed)).tolist()
    wanted = sampling.references * (CANDIDATES if sampling.by == "spread" else 1)
    indices: list[int] = []
    found = DeepRows(wanted)
    for part, features in group.batches(order):
        indices += part
        found.add(features.deep)
        if len(indices) >= wanted:
            break
    if not indices:
        raise ImageError("none of the images could be read")
    deep = found.tensor()[:wanted]
    means = deep.mean(dim=(2, 3))
    if sampling.by == "spread":
        rows, weights = spread(means, sampling.references)
    else:
        rows, weights = list(range(len(means))), means.new_ones(len(means))
    return Sample([indices[row] for row in rows], deep[rows], weights)


@torch.inference_mode()
def choose(
    affinity: GroupAffinity, group: EncodedGroup, sampling: ReferenceSampling, precision: torch.dtype = torch.float32
) -> tuple[References, dict[int, float]]:
    """Chooses the references of a group as :class:`GroupAffinity` takes them, and their weights by index.

    Comparing in bfloat16 takes half the time. Single matches have a rounding error of one part in 500, and their mean
    over the references a much smaller one.

    Raises:
        ImageError: none of the images could be read.
    """
    indices, deep, weights = sampled(group, sampling)
    keys = affinity.keys(deep)
    keys = keys * weights[:, None, None].to(keys)
    found = References(keys.to(precision), float(weights.sum()), group.inputs.usable)
    return found, dict(zip(indices, weights.tolist(), strict=True))


def spread(vectors: Tensor, count: int) -> tuple[list[int], Tensor]:
    """Chooses rows of vectors ``(M, C)`` that are far apart, and counts the rows that each of them represents.

    The first one is nearest to the mean of all rows, and each further one has the largest cosine distance from those
    before. If there are at most ``count`` rows, all are chosen. Each row is represented by the nearest chosen one.
    """
    unit = F.normalize(vectors.float(), dim=1)
    chosen = [int((unit @ unit.mean(dim=0)).argmax())]
    nearest = unit @ unit[chosen[0]]
    while len(chosen) < min(count, len(unit)):
        nearest[chosen] = torch.inf  # so that no row is chosen twice, even if rows are equal
        chosen.append(int(nearest.argmin()))
        nearest = torch.maximum(nearest, unit @ unit[chosen[-1]])
    owner = (unit @ unit[chosen].T).argmax(dim=1)
    owner[chosen] = torch.arange(len(chosen), device=owner.device)
    return chosen, torch.bincount(owner, minlength=len(chosen)).to(vectors)
