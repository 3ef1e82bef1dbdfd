"""Logistic regression, and how well scores tell two kinds apart."""

import numpy as np
import torch


def logistic(x: torch.Tensor, y: torch.Tensor, importance: torch.Tensor) -> list[float]:
    """Weights of the columns of x ``(N, K)`` and the constant term, by Newton's method, to four digits.

    Args:
        x, y: float64; y ``(N,)`` in {0, 1}.
        importance: of the rows, ``(N,)``.
    """
    x = torch.cat([x, torch.ones_like(x[:, :1])], dim=1)
    importance = importance / importance.sum()
    w = x.new_zeros(x.shape[1])
    for _ in range(30):
        p = torch.sigmoid(x @ w)
        gradient = x.T @ (importance * (p - y)) + 1e-5 * w
        curvature = (x * (importance * p * (1 - p))[:, None]).T @ x + 1e-5 * torch.eye(len(w), dtype=x.dtype)
        w = w - torch.linalg.solve(curvature, gradient)
    return [round(float(value), 4) for value in w]


def roc_auc(scores: np.ndarray, present: np.ndarray) -> float:
    """Share of pairs of a present and an absent image that are in the right order, ties counting half."""
    below = np.searchsorted(np.sort(scores[~present]), scores[present], side="left")
    upto = np.searchsorted(np.sort(scores[~present]), scores[present], side="right")
    return float((below + upto).mean() / 2 / (~present).sum())
