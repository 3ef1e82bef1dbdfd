"""The rules for saved consensuses: presence in single images, and negatives."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Self

import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.inference.consensus_file import GroupConsensus
from cosod.inference.negatives import MOST, NegativeRule, Negatives
from cosod.inference.presence import Calibration, KeptCalibration, pooled, where_like
from cosod.inference.region_filter import descriptors
from cosod.io.tensors import to_array
from cosod.models.base import Output


class KeptRules(NamedTuple):
    """The constants of a network for saved consensuses.

    Attributes:
        calibration: calibration from similarity to presence; None if the weights contain none.
        negative: rule for regions that resemble negatives.
    """

    calibration: Calibration | None
    negative: NegativeRule

    @classmethod
    def read(cls, extra: Mapping) -> Self:
        """Reads the rules from the extra values of a weights file.

        Raises:
            WeightsError: an entry is damaged.
        """
        calibration = KeptCalibration.read(extra) or Calibration.read(extra)
        return cls(calibration, NegativeRule.read(extra) or NegativeRule())

    def negatives(self, consensus: GroupConsensus) -> Negatives | None:
        """Returns the negatives of a consensus; None if it has none."""
        return None if consensus.negatives is None else Negatives(consensus.negatives, self.negative)

    def presence(self, deep: Tensor, consensus: GroupConsensus) -> list[float | None]:
        """Computes the probability that each of N images shows the object from F ``(N, C, H, W)``; None if unknown.

        The part of an image that resembles the object most is compared with the prototype and, if there are negatives,
        with the nearest of them.
        """
        if self.calibration is None:
            return [None] * len(deep)
        prototype = torch.from_numpy(consensus.prototype).to(deep)
        vectors, presence = like_the_object(self.calibration, deep, prototype, consensus.provenance.references)
        found = to_array(presence)
        if (negatives := self.negatives(consensus)) is not None:
            found = found * negatives.factor(to_array(vectors), consensus.prototype)
        return found.tolist()


def like_the_object(
    calibration: Calibration, deep: Tensor, prototype: Tensor, references: Tensor | float
) -> tuple[Tensor, Tensor]:
    """Computes the mean descriptor of the part of each image that resembles the object most, and its presence.

    Args:
        calibration: calibration for saved consensuses.
        deep: F of N images, ``(N, C, h, w)``.
        prototype: prototype of the object, ``(C,)``.
        references: effective number of images of the prototype.

    Returns:
        Vectors ``(N, C)``, and presence ``(N,)`` without regard to negatives.
    """
    vectors = pooled(deep, where_like(deep, prototype))
    return vectors, calibration.presence(F.cosine_similarity(vectors, prototype[None]), references)


def negatives_of(outputs: Iterable[tuple[Output, Tensor]], prototype: Tensor) -> Tensor | None:
    """Computes the negatives from photos without the object; None if there are no photos.

    The negatives of a photo are the descriptors of its salient regions, and that of the part that resembles the object
    most, which is the one that determines presence.

    Args:
        outputs: output of the decoder for a batch of photos, and F of the same photos, ``(N, C, h, w)``; in batches.
        prototype: prototype of the object, ``(C,)``.

    Returns:
        Unit vectors ``(M, C)`` on the CPU, at most :data:`MOST`.
    """
    found: Iterator[Tensor] = (
        torch.cat([F.normalize(pooled(d, where_like(d, prototype)), dim=1), _of_regions(output, d)])
        for output, d in ((output, deep.float().cpu()) for output, deep in outputs)
    )
    kept = None
    for part in found:
        kept = nearest_ones(part if kept is None else torch.cat([kept, part]), prototype)
    return kept


def _of_regions(output: Output, deep: Tensor) -> Tensor:
    return torch.from_numpy(descriptors(to_array(output.saliency[:, 0]), to_array(deep)))


def nearest_ones(negatives: Tensor, prototype: Tensor) -> Tensor:
    """Returns the :data:`cosod.inference.negatives.MOST` negatives of ``(M, C)`` that resemble the object most.

    They stay in their order.

    Args:
        negatives: unit vectors.
        prototype: prototype of the object, ``(C,)``.
    """
    if len(negatives) <= MOST:
        return negatives
    alike = F.cosine_similarity(negatives, prototype.to(negatives), dim=1)
    return negatives[alike.topk(MOST).indices.sort().values]
