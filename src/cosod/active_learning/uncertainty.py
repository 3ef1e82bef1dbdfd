"""Measures of uncertainty at each pixel, from the predictions of an ensemble for clean and attacked images."""

from collections.abc import Callable

import torch
from torch import Tensor

from cosod.errors import InputError


def margin(clean: Tensor, attacked: Tensor) -> Tensor:
    """Computes ``1 - |P(salient) - P(background)|`` of the mean: 1 where both are equally likely. The default.

    Example:
        >>> margin(torch.tensor([0.5, 1.0]), torch.tensor([0.5, 1.0])).tolist()
        [1.0, 0.0]
    """
    return 1 - (2 * _mean(clean, attacked) - 1).abs()


def least_confidence(clean: Tensor, attacked: Tensor) -> Tensor:
    """Computes ``1 - max P``, between 0 and 0.5; orders two classes as the margin does.

    Example:
        >>> least_confidence(torch.tensor([0.5, 1.0]), torch.tensor([0.5, 1.0])).tolist()
        [0.5, 0.0]
    """
    return margin(clean, attacked) / 2


def entropy(clean: Tensor, attacked: Tensor) -> Tensor:
    """Computes ``- sum P log P``, in nats; finite also where a probability is 0.

    Example:
        >>> round(entropy(torch.tensor([0.5]), torch.tensor([0.5])).item(), 4)
        0.6931
    """
    p = _mean(clean, attacked)
    return -sum(q * q.clamp_min(1e-12).log() for q in (p, 1 - p))


def disagreement(clean: Tensor, attacked: Tensor) -> Tensor:
    """Computes ``|P_clean - P_attacked|``: how far the attack moves the answer; 0 everywhere without an attack.

    Example:
        >>> round(disagreement(torch.tensor([0.75]), torch.tensor([0.5])).item(), 4)
        0.25
    """
    return (clean - attacked).abs()


#: Name -> score of two probability maps of one shape, in [0, 1]; larger is more uncertain.
SCORES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "margin": margin,
    "least_confidence": least_confidence,
    "entropy": entropy,
    "disagreement": disagreement,
}


def uncertainty(name: str, clean: Tensor, attacked: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Computes a score of :data:`SCORES`, or ``random``: uniform noise in place of it.

    What is no number becomes 0: a network that diverged asks for nothing in particular.

    Raises:
        InputError: there is no score of this name.

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
