"""Choice among the most uncertain pixels: relationship-aware diversity sampling, and the sampling of PixelPick."""

import numpy as np


def candidates(
    scores: np.ndarray,
    excluded: np.ndarray,
    share: float,
    at_least: int,
    generator: np.random.Generator,
    regions: np.ndarray | None = None,
) -> np.ndarray:
    """Selects the most uncertain pixels as candidates, in the order of decreasing uncertainty; ties in random order.

    Args:
        scores: uncertainty of the pixels, ``(P,)``.
        excluded: whether a pixel must not be selected, e.g. because it is labeled, ``(P,)`` bool.
        share: share of all P pixels that are candidates.
        at_least: minimum number of candidates, even if ``share`` gives fewer; there are fewer only if not enough pixels
            are left.
        generator: generator for the order of ties.
        regions: region of each pixel, ``(P,)``; if given, only the most uncertain pixel of each region is a candidate.

    Returns:
        Indices of the C candidates, ``(C,)``.

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
    """Draws candidates uniformly without replacement (the diversity heuristic of PixelPick).

    Args:
        found: indices of the candidates, ``(C,)``.
        clicks: number of candidates to draw; all are returned if there are fewer.
        generator: source of the random choice.

    Example:
        >>> chosen = pixelpick(np.arange(10), 3, np.random.default_rng(0))
        >>> len(set(chosen.tolist()))
        3
    """
    return generator.choice(found, min(clicks, len(found)), replace=False)


def set_cover(scores: np.ndarray, features: np.ndarray, labeled: np.ndarray, clicks: int, quantile: float) -> list[int]:
    """Chooses candidates by greedy weighted set cover (the relationship-aware diversity sampling of ASTE-AL).

    Two candidates are similar if the cosine of their features is at least tau, the given quantile of the cosines of all
    pairs of candidates. A candidate is covered if it is similar to a labeled point or to a chosen candidate. In each
    step, the candidate is chosen for which the similar uncovered candidates have the largest sum of uncertainties. Once
    all candidates are covered, the candidate is chosen whose maximum cosine with labeled points and chosen candidates
    is the lowest.

    Args:
        scores: uncertainty of the candidates, ``(C,)``.
        features: features of the candidates, ``(C, D)``, unit vectors.
        labeled: features of the labeled points, ``(L, D)``, unit vectors.
        clicks: number of candidates to choose.
        quantile: quantile of the cosines that gives tau, in [0, 1].

    Returns:
        Indices of the chosen candidates, in the order of the choice; at most ``clicks``, all different.

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
            # The order of lexsort is by gain; ties are broken by uncertainty, then in favor of the earlier candidate.
            pick = int(np.lexsort((-np.arange(count), scores, np.where(open_, gain, -1.0)))[-1])
        else:
            pick = int(np.where(open_, nearest, np.inf).argmin())
        picks.append(pick)
        open_[pick] = False
        covered |= alike[pick]
        nearest = np.maximum(nearest, likeness[pick])
    return picks
