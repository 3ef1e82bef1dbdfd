"""The spatial modulator of SSNM: where the images of a group resemble each other, without learned parameters.

With X the descriptors of all positions of a group, each of unit length, ``G = X^T X - 1`` has the entries
``cos - 1``, minus half the squared distance between two descriptors. The modulator is the unit vector s that
maximizes ``s^T G s``: the leading eigenvector of G.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

SOLVERS = ("eigh", "reference")

#: Settings of Adam in the published code, for groups of ``REFERENCE_POSITIONS`` positions (five images of 7 x 7).
STEPS, RATE, BETAS, EPSILON = 200, 0.01, (0.9, 0.999), 1e-8
REFERENCE_POSITIONS = 245
#: Factor of the barrier that keeps the length of s near one.
BARRIER = 50.0
#: An eigenvalue below this share of the number of positions is a rounding error: all descriptors are the same.
FLAT = 1e-6
#: Number of columns of X that are converted to double precision at once.
BLOCK = 4096


@torch.no_grad()
def spatial_map(deep: Tensor, solver: str = "eigh") -> Tensor:
    """Computes the spatial maps of several groups of one size; no gradient flows through them.

    Args:
        deep: features of B groups of n images, ``(B, n, C, H, W)``.
        solver: ``eigh``, the closed form, or ``reference``, the published code's 200 steps of Adam.

    Returns:
        ``(B, n, 1, H, W)`` float32, signed. Over each group, the length is one (nearly one with ``reference``) and,
        with ``eigh``, the sum is not negative.
    """
    groups, n, _, height, width = deep.shape
    with torch.autocast(deep.device.type, enabled=False):
        x = unit_descriptors(deep)
        s = leading_eigenvector(x) if solver == "eigh" else adam_eigenvector(x)
    return s.view(groups, n, 1, height, width)


def unit_descriptors(deep: Tensor) -> Tensor:
    """Maps ``(B, n, C, H, W)`` to X, ``(B, C, n H W)`` float32 with columns of unit length.

    A descriptor whose channels are all zero stays zero. Values that are not finite are replaced by zero, so that a
    network that diverges is noticed by its loss, and not by an error of the eigensolver.
    """
    x = deep.float().nan_to_num(0.0, 0.0, 0.0).transpose(1, 2).flatten(2)
    return F.normalize(x, dim=1)


def leading_eigenvector(x: Tensor) -> Tensor:
    """Computes the leading eigenvector of ``G = X^T X - 1``, exactly, in memory of no more than ``C^2 + C P``.

    Args:
        x: ``(B, C, P)``, as :func:`unit_descriptors` makes it.

    Returns:
        ``(B, P)`` of unit length with a sum that is not negative. If all descriptors are the same, so that every vector
        is an eigenvector, all its values are equal.
    """
    channels, positions = x.shape[1:]
    value, s = _dense(x) if positions <= channels + 1 else _low_rank(x)
    flat = (value <= FLAT * positions).unsqueeze(1)
    s = torch.where(flat, torch.ones_like(s), s)
    s = F.normalize(s, dim=1)
    return torch.where(s.sum(dim=1, keepdim=True) < 0, -s, s)


def _dense(x: Tensor) -> tuple[Tensor, Tensor]:
    """Computes the largest eigenvalue ``(B,)`` and its vector ``(B, P)`` from the P x P matrix itself."""
    values, vectors = torch.linalg.eigh(x.mT @ x - 1)
    return values[:, -1], vectors[:, :, -1]


def _low_rank(x: Tensor) -> tuple[Tensor, Tensor]:
    """Computes the same as :func:`_dense` from matrices of C + 1 rows.

    ``G = Y^T J Y`` with Y = [X; 1] and J = diag(1, ..., 1, -1). With ``Y Y^T = Q D^2 Q^T`` and Y = Q D V^T, G is
    ``V (D Q^T J Q D) V^T``: it has the eigenvalues of the small symmetric matrix in the middle, and for a vector
    w of that one, V w. As G V w = value V w, this is ``Y^T J Q D w / value``, which divides by no small D.
    """
    y = torch.cat([x, x.new_ones(len(x), 1, x.shape[2])], dim=1)
    # Cosines of nearly equal descriptors are close to one, and their differences are lost in float32.
    parts = y.split(BLOCK, dim=2)
    squares, q = torch.linalg.eigh(sum(part.double() @ part.double().mT for part in parts))
    d = squares.clamp_min(0).sqrt()
    signed = torch.cat([q[:, :-1], -q[:, -1:]], dim=1)
    values, w = torch.linalg.eigh(d.unsqueeze(2) * (q.mT @ signed) * d.unsqueeze(1))
    u = signed @ (d * w[:, :, -1]).unsqueeze(2)
    s = torch.cat([part.double().mT @ u for part in parts], dim=1).squeeze(2)
    return values[:, -1].to(x.dtype), F.normalize(s, dim=1).to(x.dtype)


def adam_eigenvector(x: Tensor) -> Tensor:
    """Computes the published approximation, which minimizes ``-s^T G s + 50 d(|s|)`` by Adam.

    The barrier d(r) is ``-log(2 - r)`` for r >= 1, and ``-log(r)`` below. The gradient is written out, so that autograd
    is not needed. If P is not 245, the learning rate is scaled like the values of s, which start at ``1 / sqrt(P)``,
    and the barrier is scaled like ``s^T G s``.

    Args:
        x: ``(B, C, P)``, as :func:`unit_descriptors` makes it.

    Returns:
        ``(B, P)`` of a length near one.
    """
    positions = x.shape[2]
    rate, barrier = RATE * (REFERENCE_POSITIONS / positions) ** 0.5, BARRIER * positions / REFERENCE_POSITIONS
    first, second = BETAS
    s = x.new_full((len(x), positions), positions**-0.5)
    mean, square = torch.zeros_like(s), torch.zeros_like(s)
    # The length is one by construction. It is not computed, since rounding would decide the side of the barrier's kink.
    length = x.new_ones(len(x), 1)
    for step in range(1, STEPS + 1):
        slope = torch.where(length >= 1, 1 / (2 - length), -1 / length)
        similar = (x.mT @ (x @ s.unsqueeze(2))).squeeze(2) - s.sum(dim=1, keepdim=True)
        gradient = barrier * slope * s / length - 2 * similar
        mean = first * mean + (1 - first) * gradient
        square = second * square + (1 - second) * gradient**2
        root = (square / (1 - second**step)).sqrt() + EPSILON
        s = s - rate * (mean / (1 - first**step)) / root
        length = s.norm(dim=1, keepdim=True)
    return s
