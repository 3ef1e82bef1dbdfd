"""Choice among the uncertain pixels: relationship-aware diversity sampling, and the uniform draw of PixelPick."""

import numpy as np


def candidates(
    scores: np.ndarray,
    excluded: np.ndarray,
    share: float,
    at_least: int,
    generator: np.random.Generator,
    regions: np.ndarray | None = None,
) -> np.ndarray:
    """Selects the most uncertain pixels that may be asked for, most uncertain first; ties in random order.

    Args:
        scores: ``(P,)``, larger is more uncertain.
        excluded: ``(P,)`` bool, pixels that are labeled already.
        share: share of all P pixels that are candidates.
        at_least: as many are taken where ``share`` gives fewer and there are as many.
        generator: for ties.
        regions: region of each pixel, ``(P,)``; then only the most uncertain pixel of each region is taken.

    Returns:
        Indices, ``(C,)``.

    Example:
        >>> scores = np.array([0.1, 0.9, 0.8, 0.2])
        >>> found = candidates(scores, np.zeros(4, bool), share=0.5, at_least=1, generator=np.random.default_rng(0))
        >>> found.tolist()
        [1, 2]
    """
    allowed = generator.permutation(np.flatnonzero(~excluded))
    order = allowed[np.argsort(-scores[allowed], kind="stable")]
    within = max(at_least, int(share * len(scores)))
    if regions is None:
        return order[:within]
    _, first = np.unique(regions[order], return_index=True)
    first = np.sort(first)
    return order[first[: max(at_least, np.searchsorted(first, within))]]


def pixelpick(found: np.ndarray, clicks: int, generator: np.random.Generator) -> np.ndarray:
    """Draws ``clicks`` of the candidates ``found``, uniformly, none twice (PixelPick's diversity heuristic).

    Example:
        >>> chosen = pixelpick(np.arange(10), 3, np.random.default_rng(0))
        >>> len(set(chosen.tolist()))
        3
    """
    return generator.choice(found, min(clicks, len(found)), replace=False)


def set_cover(scores: np.ndarray, features: np.ndarray, labeled: np.ndarray, clicks: int, quantile: float) -> list[int]:
    """Chooses by greedy weighted coverage: each pick explains all candidates that look like it (ASTE-AL's RDS).

    Candidates i and j look alike where the cosine of their features is at least tau, the given quantile of the
    cosines between all candidates. Those that look like a labeled point are covered from the start. Each pick is the
    candidate whose uncovered likes weigh most, a candidate weighing its uncertainty; once all are covered, it is the
    one least like anything labeled or picked.

    Args:
        scores: uncertainty of the candidates, ``(C,)``.
        features: ``(C, D)``, of length 1.
        labeled: features of the labeled points, ``(L, D)``, of length 1.
        clicks: how many to pick.
        quantile: in [0, 1].

    Returns:
        Indices of at most ``clicks`` candidates, none twice.

    Example:
        >>> features = np.eye(4, dtype=np.float32)
        >>> set_cover(np.array([0.9, 0.8, 0.7, 0.6]), features, np.zeros((0, 4), np.float32), 2, 0.8)
        [0, 1]
    """
    count = len(scores)
    likeness = features @ features.T
    tau = np.quantile(likeness[~np.eye(count, dtype=bool)], quantile) if count > 1 else 1.0
    alike = likeness >= tau
    np.fill_diagonal(alike, True)
    nearest = (features @ labeled.T).max(axis=1, initial=-1.0)
    covered = nearest >= tau
    open_, picks = np.ones(count, bool), []
    for _ in range(min(clicks, count)):
        gain = alike @ np.where(covered, 0.0, scores)
        if gain[open_].max() > 0:
            # lexsort: by gain, then by uncertainty, then the earlier candidate.
            pick = int(np.lexsort((-np.arange(count), scores, np.where(open_, gain, -1.0)))[-1])
        else:
            pick = int(np.where(open_, nearest, np.inf).argmin())
        picks.append(pick)
        open_[pick] = False
        covered |= alike[pick]
        nearest = np.maximum(nearest, likeness[pick])
    return picks
