"""Measures of the uncertainty of each pixel, from the predictions of an ensemble for clean and attacked images.

``clean`` and ``attacked`` are probabilities of being salient, in [0, 1], of any shape; the result has the same shape.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from cosod.errors import InputError


def margin(clean: Tensor, attacked: Tensor) -> Tensor:
    """Computes ``1 - |P(salient) - P(background)|`` of the mean probability, in [0, 1]; this is the default measure.

    Example:
        >>> margin(torch.tensor([0.5, 1.0]), torch.tensor([0.5, 1.0])).tolist()
        [1.0, 0.0]
    """
    return 1 - (2 * _mean(clean, attacked) - 1).abs()


def least_confidence(clean: Tensor, attacked: Tensor) -> Tensor:
    """Computes ``1 - max P`` of the mean probability, in [0, 0.5], which is half of the margin.

    Example:
        >>> least_confidence(torch.tensor([0.5, 1.0]), torch.tensor([0.5, 1.0])).tolist()
        [0.5, 0.0]
    """
    return margin(clean, attacked) / 2


def entropy(clean: Tensor, attacked: Tensor) -> Tensor:
    """Computes the entropy ``- sum P log P`` of the mean probability in nats, in [0, log 2].

    Example:
        >>> round(entropy(torch.tensor([0.5]), torch.tensor([0.5])).item(), 4)
        0.6931
    """
    p = _mean(clean, attacked)
    salient, background = (q * q.clamp_min(1e-12).log() for q in (p, 1 - p))
    return -(salient + background)


def disagreement(clean: Tensor, attacked: Tensor) -> Tensor:
    """Computes the change of the probability by the attack, ``|P_clean - P_attacked|``, which is 0 without an attack.

    Example:
        >>> round(disagreement(torch.tensor([0.75]), torch.tensor([0.5])).item(), 4)
        0.25
    """
    return (clean - attacked).abs()


#: Measures by name: functions of two maps of probabilities, whose values are larger for more uncertain pixels.
SCORES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "margin": margin,
    "least_confidence": least_confidence,
    "entropy": entropy,
    "disagreement": disagreement,
}


def uncertainty(name: str, clean: Tensor, attacked: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Computes a measure of uncertainty by its name.

    NaN becomes 0, so that a network that has diverged does not prefer any pixels.

    Args:
        name: name of a measure in :data:`SCORES`, or ``random`` for uniform noise in [0, 1).
        clean: probabilities for the clean images.
        attacked: probabilities for the attacked images, of the same shape.
        generator: generator of the noise.

    Raises:
        InputError: there is no measure of this name.

    Example:
        >>> uncertainty("margin", torch.tensor([0.5, 1.0]), torch.tensor([0.5, 1.0])).tolist()
        [1.0, 0.0]
    """
    if name == "random":
        return torch.rand(clean.shape, generator=generator).to(clean.device)
    if name not in SCORES:
        raise InputError(f"no score {name!r}; give one of {', '.join(SCORES)}, random")
    return SCORES[name](clean, attacked).nan_to_num(0.0)


def _mean(clean: Tensor, attacked: Tensor) -> Tensor:
    return (clean + attacked) / 2
