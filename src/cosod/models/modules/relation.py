"""Relation modules of GCoNet+, which compute the consensus of a group from its deepest features F.

All of them turn F into F' of the same shape, and the consensus is the mean of F' over images and positions.
The group affinity module compares the images of the group; the other three, which the GCoNet+ code offers
for comparison, look at each image by itself and share information through the mean alone.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cosod.errors import InputError
from cosod.models.base import Consensus
from cosod.models.modules.group_affinity import GroupAffinity, image_mean


class MeanConsensus(nn.Module):
    """Computes the consensus as the mean of F' over images and positions; F' is F unless a subclass defines it."""

    def relate(self, deep: Tensor) -> Tensor:
        """Maps F to F', both ``(N, C, H, W)``."""
        return deep

    def forward(self, deep: Tensor, attention: Tensor | None = None, weights: Tensor | None = None) -> Consensus:
        """Computes the consensus as :meth:`.group_affinity.GroupAffinity.forward`, by default over all positions."""
        related = self.relate(deep)
        if attention is not None:
            related = (related * attention).sum(dim=(2, 3), keepdim=True)
        return Consensus(vector=image_mean(related, weights), attention=attention)


class IntegrityEnhancement(MeanConsensus):
    """Integrity channel enhancement (ICE) of ICON, Zhuge et al., TPAMI 2022, section 3.2, fed with F three times.

    The channels of F are re-weighted by how well each one's spatial pattern agrees with a global query.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.value = nn.Conv2d(channels, channels, 3, padding=1)
        self.key = nn.Conv1d(channels, channels, 3, padding=1)
        self.query = nn.Conv2d(3 * channels, channels, 3, padding=1)
        self.query_weights = nn.Linear(channels, channels)
        self.gate = nn.Linear(channels, channels)

    def relate(self, deep: Tensor) -> Tensor:
        # ICON combines three inputs, which are all F here, by product, sum and concatenation. As in the published code,
        # the product takes the place of one summand of the sum.
        product = deep**3
        total = product + 2 * deep
        value = self.value(product)
        key = self.key(total.flatten(2))
        query = self.query(torch.cat([product, total, deep], dim=1))
        weights = self.query_weights(query.flatten(2).norm(dim=2)).softmax(dim=1)
        pattern = weights.unsqueeze(1) @ key  # (N, 1, P)
        agreement = F.cosine_similarity(key, pattern, dim=2).sigmoid()
        return value * (1 + self.gate(agreement)[:, :, None, None])


class NonLocal(MeanConsensus):
    """Non-local block (Wang et al., CVPR 2018, section 3.3): embedded Gaussian, keys and values pooled 2 x 2.

    The last normalization starts at zero, so that an untrained block passes F through.
    """

    def __init__(self, channels: int):
        super().__init__()
        inner = max(1, channels // 2)
        self.query = nn.Conv2d(channels, inner, 1)
        self.key = nn.Conv2d(channels, inner, 1)
        self.value = nn.Conv2d(channels, inner, 1)
        self.project = nn.Sequential(nn.Conv2d(inner, channels, 1), nn.BatchNorm2d(channels))
        nn.init.zeros_(self.project.get_parameter("1.weight"))

    def relate(self, deep: Tensor) -> Tensor:
        query = self.query(deep).flatten(2).transpose(1, 2)
        key = F.max_pool2d(self.key(deep), 2, ceil_mode=True).flatten(2)
        value = F.max_pool2d(self.value(deep), 2, ceil_mode=True).flatten(2).transpose(1, 2)
        gathered = (query @ key).softmax(dim=2) @ value
        return deep + self.project(gathered.transpose(1, 2).reshape(len(deep), -1, *deep.shape[-2:]))


class PositionAttention(MeanConsensus):
    """Multi-head attention between the positions of an image (Vaswani et al., NeurIPS 2017, section 3.2.2).

    This is the attention of the paper. The published code differs: it reshapes channels as if they were positions, and
    computes query, key and value by one layer.
    """

    def __init__(self, channels: int, heads: int = 8, dropout: float = 0.1):
        super().__init__()
        self.attention = nn.MultiheadAttention(channels, heads, dropout, batch_first=True)

    def relate(self, deep: Tensor) -> Tensor:
        positions = deep.flatten(2).transpose(1, 2)
        related, _ = self.attention(positions, positions, positions, need_weights=False)
        return related.transpose(1, 2).reshape(deep.shape)


class NoRelation(nn.Module):
    """Returns a consensus of ones, so that the decoder gets F unchanged: the baseline of the ablation tables."""

    def forward(self, deep: Tensor) -> Consensus:
        return Consensus(vector=deep.new_ones(1, deep.shape[1], 1, 1))


def make_relation(name: str, channels: int, key_kernel: int = 1) -> nn.Module:
    """Creates a relation module, which maps F ``(N, C, H, W)`` to a ``Consensus``.

    Args:
        name: ``gam``, ``ice``, ``non_local``, ``attention`` or ``none``.
        channels: number of channels C of F.
        key_kernel: kernel of query and key in ``gam``.
    """
    if name == "gam":
        return GroupAffinity(channels, kernel=key_kernel)
    if name == "none":
        return NoRelation()
    modules = {"ice": IntegrityEnhancement, "non_local": NonLocal, "attention": PositionAttention}
    if name not in modules:
        known = ", ".join(["gam", *modules, "none"])
        raise InputError(f"there is no relation module {name!r}; choose one of {known}")
    return modules[name](channels)
