"""How single images are judged by a kept consensus: whether the object is there, and what it is not."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Self

import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.inference.consensus_file import GroupConsensus
from cosod.inference.negatives import NegativeRule, Negatives, nearest_ones
from cosod.inference.presence import Calibration, KeptCalibration, pooled, where_like
from cosod.inference.region_filter import descriptors
from cosod.models.base import Output


class KeptRules(NamedTuple):
    """The constants of a network for kept consensuses.

    Attributes:
        calibration: from similarity to presence; None where presence is not known.
        negative: rule for regions that resemble what the object is not.
    """

    calibration: Calibration | None
    negative: NegativeRule

    @classmethod
    def read(cls, extra: Mapping) -> Self:
        """Reads the rules of a weights file with these extra values.

        Raises:
            WeightsError: an entry is damaged.
        """
        calibration = KeptCalibration.read(extra) or Calibration.read(extra)
        return cls(calibration, NegativeRule.read(extra) or NegativeRule())

    def negatives(self, consensus: GroupConsensus) -> Negatives | None:
        """Returns what the object of a consensus is not; None where nothing said it."""
        return None if consensus.negatives is None else Negatives(consensus.negatives, self.negative)

    def presence(self, deep: Tensor, consensus: GroupConsensus) -> list[float | None]:
        """Computes the probability that the object is in each of N images, by F ``(N, C, H, W)``; None if unknown.

        The place of an image that resembles the object most is compared with the prototype and, where there are any,
        with the nearest negative.
        """
        if self.calibration is None:
            return [None] * len(deep)
        prototype = consensus.prototype.to(deep)
        vectors = pooled(deep, where_like(deep, prototype))
        alike = F.cosine_similarity(vectors, prototype)
        presence = self.calibration.presence(alike, consensus.provenance.references)
        if (negatives := self.negatives(consensus)) is not None:
            presence = presence * negatives.factor(vectors, prototype)
        return presence.tolist()


def negatives_of(outputs: Iterable[tuple[Output, Tensor]], prototype: Tensor) -> Tensor | None:
    """Returns the negatives that photos without the object give; None if there are no photos.

    Of each photo these are what stands out, region by region, and the place that resembles the object most, which is
    what presence looks at.

    Args:
        outputs: what the decoder makes of the photos, in batches, and F of the same photos, ``(N, C, h, w)``.
        prototype: prototype of the object, ``(C,)``.

    Returns:
        Unit vectors ``(M, C)`` on the CPU, at most :data:`cosod.inference.negatives.MOST`.
    """
    found: Iterator[Tensor] = (
        torch.cat([F.normalize(pooled(d, where_like(d, prototype)), dim=1), descriptors(output, d)])
        for output, d in ((output, deep.float().cpu()) for output, deep in outputs)
    )
    kept = None
    for part in found:
        kept = nearest_ones(part if kept is None else torch.cat([kept, part]), prototype)
    return kept
