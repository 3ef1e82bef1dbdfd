"""A linear classifier of positions, which the maps of a group teach: what the object looks like, and what it does not.

The decoder compares positions with the shared object only. The maps of a group say more: which positions of its photos
show the object, and which show what is around it. From both, a classifier of the compared features is fitted by ridge
regression, as in discriminative clustering for co-segmentation (Joulin, Bach and Ponce, CVPR 2010). Each image is
classified by what the maps of the *other* images say, so that no map confirms itself. The scores are added to the
logits of the map.
"""

import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, repeat
from typing import NamedTuple, Self

import cv2
import numpy as np

from cosod.models.checkpoints.constants import Constants

#: Index of the finer of the two compared features in the skips of the light networks.
FINE = 2
#: Maximum number of images of a group that the classifier is fitted to.
TAUGHT = 32
#: Penalty of squared weights for each image.
RIDGE = 0.01
#: Number of positions that are added to those of the object, and to the others, so that small objects count less.
ADDED = 1.0
#: Number of other images with which the scores count half as much as with very many.
HALF = 4.0


@dataclass(frozen=True)
class ScoreRule(Constants):
    """The rule by which the scores of a classifier change a map.

    A score, times ``weight``, is added to the logit of the map, less if there are few images (:data:`HALF`). The weight
    was chosen for the weights of the network (``tools/calibrate_scores.py``), and is stored in the metadata of their
    file.

    Attributes:
        weight: change of the logit for a score of 1; the scores of most positions lie between -1 and 1.

    Example:
        >>> ScoreRule(2.0).changed(np.array([0.5, 0.5, 1.0]), np.array([-1.0, 0.0, -1.0])).round(3)
        array([0.119, 0.5  , 1.   ])
    """

    entry = "scores"
    weight: float

    def changed(self, map_: np.ndarray, scores: np.ndarray, trust: float = 1.0) -> np.ndarray:
        """Returns a map in [0, 1], of any shape, with its logits changed by scores of the same shape."""
        odds = np.exp(trust * self.weight * scores)
        return map_ * odds / (1 + map_ * (odds - 1))


class Classifier(NamedTuple):
    """A classifier of positions.

    Attributes:
        coefficients: one for each channel of a descriptor, ``(C,)``.
        constant: what is added to the weighted sum.
        trust: how much the scores count, in [0, 1].
    """

    coefficients: np.ndarray
    constant: float
    trust: float

    def packed(self) -> np.ndarray:
        """Returns all values in one vector ``(C + 2,)``, for a file."""
        return np.concatenate([self.coefficients, np.array([self.constant, self.trust], np.float32)])

    @classmethod
    def unpacked(cls, values: np.ndarray) -> Self:
        """Inverts :meth:`packed`."""
        return cls(values[:-2], float(values[-2]), float(values[-1]))

    def scores(self, deep: np.ndarray, fine: np.ndarray) -> np.ndarray:
        """Computes the scores of all positions of an image on the finer grid, ``(H, W)``.

        Args:
            deep: descriptors ``(C, h, w)``, of which the finer feature is the last part.
            fine: the finer feature as unit vectors, ``(C2, H, W)``.
        """
        coarse = deep[: len(deep) - len(fine)]
        cosines = _weighted(self.coefficients[: len(coarse)], coarse) / _lengths(coarse)
        enlarged = cv2.resize(cosines, fine.shape[:0:-1], interpolation=cv2.INTER_LINEAR)
        return enlarged + _weighted(self.coefficients[len(coarse) :], fine) + self.constant


class Segmented(NamedTuple):
    """Some images of a group with their maps, as arrays.

    Attributes:
        indices: indices of the images in the group.
        maps: maps of the shared object, ``(n, 1, H, W)`` in [0, 1].
        deep: descriptors, ``(n, C, h, w)``.
        fine: the finer of the compared features as unit vectors, ``(n, C2, 2 h, 2 w)``.
    """

    indices: Sequence[int]
    maps: np.ndarray
    deep: np.ndarray
    fine: np.ndarray

    def taught(self, weights: Mapping[int, float]) -> Iterator["Lesson"]:
        """Yields what each image teaches."""
        for index, map_, deep in zip(self.indices, self.maps[:, 0], self.deep, strict=True):
            labels = cv2.resize(map_, deep.shape[:0:-1], interpolation=cv2.INTER_AREA)
            descriptors = (deep * (2**0.5 / _lengths(deep))).reshape(len(deep), -1).T
            yield Lesson(descriptors, labels.ravel(), _means(descriptors, labels), weights[index])

    def changed(self, rule: "ScoreRule", chosen: Sequence["Classifier"]) -> np.ndarray:
        """Returns the maps changed by the scores of a classifier for each image, ``(n, 1, H, W)``."""
        maps = np.empty_like(self.maps)
        images = zip(maps[:, 0], self.maps[:, 0], self.deep, self.fine, chosen, strict=True)
        for map_, old, deep, fine, classifier in images:
            scores = classifier.scores(deep, fine)
            enlarged = cv2.resize(scores, old.shape[::-1], interpolation=cv2.INTER_LINEAR)
            map_[:] = rule.changed(old, enlarged, classifier.trust)
        return maps


class Lesson(NamedTuple):
    """What one image teaches.

    Attributes:
        descriptors: descriptors of its P positions, whose two parts have unit length, ``(P, C)``.
        labels: map at these positions, ``(P,)``.
        means: mean descriptors of parts of the image, ``(K, C)``.
        weight: weight of the image, above 0.
    """

    descriptors: np.ndarray
    labels: np.ndarray
    means: np.ndarray
    weight: float


def divided(indices: Sequence[int]) -> tuple[list[int], list[int]]:
    """Divides the indices of a group into at most :data:`TAUGHT` evenly spaced ones, and the others.

    Example:
        >>> divided([3, 5, 6])
        ([3, 5, 6], [])
        >>> divided(range(100))[0][:4]
        [0, 3, 6, 10]
    """
    places = np.linspace(0, len(indices) - 1, min(TAUGHT, len(indices))).round().astype(int)
    chosen = dict.fromkeys(indices[place] for place in places)
    return list(chosen), [index for index in indices if index not in chosen]


def reconsidered(
    first: Iterable[Segmented], later: Iterable[Segmented], weights: Mapping[int, float], rule: ScoreRule | None
) -> Iterator[tuple[Segmented, np.ndarray, list[Classifier] | None]]:
    """Changes the maps of a group by classifiers.

    Args:
        first: images to which the classifiers are fitted (see :func:`divided`); each of them is classified by what the
            others teach. They are held in memory.
        later: the other images, which are classified by what all the first ones teach.
        weights: weight of each image by its index, above 0.
        rule: rule by which scores change maps; None leaves them as they are.

    Yields:
        Each part, its changed maps ``(n, 1, H, W)``, and the classifiers of its images; None if nothing changed.
    """
    if rule is None:
        yield from ((part, part.maps, None) for part in chain(first, later))
        return
    held = deque(first)
    lessons = [lesson for part in held for lesson in part.taught(weights)]
    if len(lessons) < 2:
        yield from ((part, part.maps, None) for part in chain(held, later))
        return
    *own, every = classifiers(lessons)
    del lessons
    remaining = chain(own, repeat(every))
    for part in chain(_taken(held), later):
        chosen = list(islice(remaining, len(part.maps)))
        yield part, part.changed(rule, chosen), chosen


def _taken(held: deque[Segmented]) -> Iterator[Segmented]:
    """Yields parts and forgets them."""
    while held:
        yield held.popleft()


def classifiers(lessons: Sequence[Lesson]) -> list[Classifier]:
    """Fits a classifier for each of N >= 2 images to what the other images teach, and one to what all teach.

    Positions of the object have the target 1 and all others -1, both with the same weight in each image. The
    coefficients are a weighted sum of the means of all lessons, and the squares of these weights are penalized. With
    free coefficients, scores are no better and take five times as long.

    Returns:
        N + 1 classifiers.

    Example:
        >>> eye = np.eye(2, dtype=np.float32)
        >>> lesson = Lesson(eye, np.array([1.0, 0.0], np.float32), eye, 1.0)
        >>> [classifier.coefficients.round(1).tolist() for classifier in classifiers([lesson] * 2)]
        [[1.0, -1.0], [1.0, -1.0], [1.0, -1.0]]
    """
    means = np.concatenate([lesson.means for lesson in lessons])
    squares, products = [], []
    for descriptors, labels, _, weight in lessons:
        projected = np.column_stack([_product(descriptors, means.T), np.ones_like(labels)])
        here, elsewhere = (share / (share.sum() + ADDED) for share in (labels, 1 - labels))
        squares.append(weight * _product(projected.T * (here + elsewhere), projected))
        products.append(weight * _product((here - elsewhere)[None], projected)[0])
    square, product = (np.array(parts).sum(axis=0, dtype=np.float64) for parts in (squares, products))
    total = sum(lesson.weight for lesson in lessons)
    of_others = [
        _solved(square - squares[row], product - products[row], total - lesson.weight, means)
        for row, lesson in enumerate(lessons)
    ]
    return [*of_others, _solved(square, product, total, means)]


def _solved(square: np.ndarray, product: np.ndarray, weight: float, means: np.ndarray) -> Classifier:
    """Solves the normal equations for the weights of the means and the constant, given the weight of all images."""
    penalty = np.full(len(square), RIDGE * weight)
    penalty[-1] *= 0.01  # hardly any penalty for the constant
    solved = _solution(square + np.diag(penalty), product).astype(np.float32)
    coefficients = _product(solved[None, :-1], means)[0]
    return Classifier(coefficients, float(solved[-1]), weight / (weight + HALF))


def _means(descriptors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Computes the means of the object's descriptors, and of all others, near each corner of an image, ``(8, C)``.

    Args:
        descriptors: descriptors of all positions, ``(h * w, C)``.
        labels: map at these positions, ``(h, w)``.
    """
    rows, columns = (np.linspace(0.5 / side, 1 - 0.5 / side, side, dtype=np.float32) for side in labels.shape)
    corners = np.array([[1 - rows], [rows]])[..., None] * np.array([1 - columns, columns])[:, None]
    shares = np.array([corners * labels, corners * (1 - labels)]).reshape(8, -1)
    return _product(shares, descriptors) / (shares.sum(axis=1, keepdims=True) + 0.01 * ADDED)


def _lengths(vectors: np.ndarray) -> np.ndarray:
    """Computes the lengths of vectors ``(C, h, w)``, ``(h, w)``."""
    return np.sqrt(np.maximum(np.einsum("chw,chw->hw", vectors, vectors), 1e-24))


def _weighted(weights: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Computes the weighted sum ``(h, w)`` of the channels of ``(C, h, w)``."""
    return _product(weights[None], vectors.reshape(len(vectors), -1)).reshape(vectors.shape[1:])


def _product(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Multiplies matrices, by PyTorch where it is loaded: threads of NumPy's own would slow those of the network."""
    if (torch := sys.modules.get("torch")) is None:
        return one @ other
    return (torch.from_numpy(one) @ torch.from_numpy(other)).numpy()


def _solution(square: np.ndarray, product: np.ndarray) -> np.ndarray:
    """Solves a system of linear equations, by PyTorch where it is loaded."""
    if (torch := sys.modules.get("torch")) is None:
        return np.linalg.solve(square, product)
    return torch.linalg.solve(torch.from_numpy(square), torch.from_numpy(product)).numpy()
