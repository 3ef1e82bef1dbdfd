"""Vectors as points in the plane by t-SNE. Needs the extra ``inspect``."""

import numpy as np

from cosod.analysis.separation import unit
from cosod.errors import ExtraError

#: Fewer points have no neighborhoods to keep.
FEWEST = 3
#: Of more points a part is placed, evenly over all: t-SNE takes minutes beyond.
MOST = 3000
#: Neighbors that each point looks at, roughly; van der Maaten and Hinton, JMLR 2008, use 5 to 50.
PERPLEXITY = 30.0
SEED = 0


def check() -> None:
    """Raise ExtraError unless scikit-learn is there; for asking before long work."""
    try:
        import sklearn.manifold  # noqa: F401
    except ImportError:
        raise ExtraError("t-SNE", "inspect") from None


def perplexity(points: int) -> float:
    """Returns the perplexity of t-SNE for so many points: at most a third of them, and below their number."""
    return max(1.0, min(PERPLEXITY, (points - 1) / 3))


def place(vectors: np.ndarray) -> np.ndarray | None:
    """Places vectors ``(N, C)`` as points ``(N, 2)``, neighbors by cosine; the same vectors give the same points.

    Of more than :data:`MOST` vectors the others get NaN.

    Returns:
        ``None`` where there are fewer than three vectors, or all point the same way: there is nothing to place.

    Raises:
        ExtraError: scikit-learn is not installed.
    """
    check()
    from sklearn.manifold import TSNE

    chosen = np.unique(np.linspace(0, len(vectors) - 1, min(len(vectors), MOST)).round().astype(int))
    units = unit(vectors[chosen].astype(np.float64))
    if len(chosen) < FEWEST or np.ptp(units, axis=0).max() < 1e-6:
        return None
    # Between vectors of length one the square of the distance is 2 - 2 cosine.
    tsne = TSNE(perplexity=perplexity(len(chosen)), init="pca", learning_rate="auto", random_state=SEED)
    points = np.full((len(vectors), 2), np.nan, np.float32)
    points[chosen] = tsne.fit_transform(units)
    return points
