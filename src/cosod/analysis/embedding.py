"""Embedding of vectors in the plane by t-SNE, with scikit-learn (of the extra ``inspect``)."""

import numpy as np

from cosod.errors import ExtraError
from cosod.inference.negatives import unit

#: Minimum number of points for t-SNE.
FEWEST = 3
#: Maximum number of points for t-SNE, which takes minutes for more; of more points, an evenly spaced subset is used.
MOST = 3000
#: Maximum perplexity, roughly the number of neighbors of a point; van der Maaten and Hinton, JMLR 2008, use 5 to 50.
PERPLEXITY = 30.0
SEED = 0


def check() -> None:
    """Checks that scikit-learn is installed, before a long computation.

    Raises:
        ExtraError: scikit-learn is not installed.

    Example:
        >>> check()  # doctest: +SKIP
    """
    try:
        import sklearn.manifold  # noqa: F401
    except ImportError:
        raise ExtraError("t-SNE", "inspect") from None


def perplexity(points: int) -> float:
    """Returns the perplexity of t-SNE for a number of points: 30, but at most a third of the number of other points.

    Example:
        >>> perplexity(1000), perplexity(10)
        (30.0, 3.0)
    """
    return max(1.0, min(PERPLEXITY, (points - 1) / 3))


def place(vectors: np.ndarray) -> np.ndarray | None:
    """Embeds vectors in the plane by t-SNE of their cosine similarities, reproducibly.

    Args:
        vectors: ``(N, C)``. If there are more than :data:`MOST`, an evenly spaced subset of them is embedded.

    Returns:
        The points, ``(N, 2)`` float32, with NaN for vectors that are not embedded; or ``None`` if there are fewer than
        three vectors, or if all have the same direction.

    Raises:
        ExtraError: scikit-learn is not installed.

    Example:
        >>> points = place(np.eye(10))  # doctest: +SKIP
    """
    check()
    from sklearn.manifold import TSNE

    chosen = np.unique(np.linspace(0, len(vectors) - 1, min(len(vectors), MOST)).round().astype(int))
    units = unit(vectors[chosen].astype(np.float64))
    if len(chosen) < FEWEST or np.ptp(units, axis=0).max() < 1e-6:
        return None
    # The squared distance of unit vectors is 2 - 2 cosine.
    tsne = TSNE(perplexity=perplexity(len(chosen)), init="pca", learning_rate="auto", random_state=SEED)
    points = np.full((len(vectors), 2), np.nan, np.float32)
    points[chosen] = tsne.fit_transform(units)
    return points
