"""Training targets from clicks: labels of the clicked pixels, or of the superpixels that contain them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cosod.active_learning.points import Point, PointSet, Queries, place
from cosod.active_learning.pool import Pool
from cosod.errors import ExtraError, InputError

#: Which pixels a click labels: the pixel itself, or its superpixel. With ``gt_in_region``, each pixel of the superpixel
#: gets its own label from the mask, as in the published code. This uses dense labels that no click has given, so that
#: the results do not show what can be learned from clicks.
MODES = ("points", "superpixels", "gt_in_region")


@dataclass(frozen=True)
class Targets:
    """Labeled points of N images, padded to the largest number K of one image.

    Attributes:
        xy: coordinates of the points in the image from -1 to 1, ``(N, K, 2)`` float32.
        labels: ``(N, K)`` int8: 1 for salient, 0 for background, -1 for padding.
        clicks: whether a point was clicked, ``(N, K)`` bool; the other points come from superpixels.
        share: share of the pixels of an image that are labeled, averaged over the images.
    """

    xy: Tensor
    labels: Tensor
    clicks: Tensor
    share: float


def oracle(queries: Queries, pool: Pool) -> PointSet:
    """Answers queries by the masks of the pool.

    Args:
        queries: pixels to answer, by image.
        pool: images with masks.

    Raises:
        InputError: an image has no mask, or a point lies outside its image.
        ImageError: a mask cannot be read, or has another size than its image.

    Example:
        >>> answers = oracle({"cat.jpg": [(10, 20)]}, pool)  # doctest: +SKIP
    """
    from cosod.active_learning.images import read_mask

    masks, answers = pool.masks(), PointSet(pool.fingerprint)
    for image, points in queries.items():
        pool.check(image, points)
        mask = read_mask(masks[image], pool.sizes[image])
        answers.add(image, (Point(x, y, int(mask[y, x] > 0)) for x, y in points))
    return answers


def superpixels(image: np.ndarray, count: int = 450) -> np.ndarray:
    """Computes the SLIC superpixels of an image.

    Args:
        image: ``(H, W, 3)`` uint8.
        count: approximate number of superpixels.

    Returns:
        Index of the superpixel of each pixel, ``(H, W)`` int16.

    Raises:
        ExtraError: scikit-image is not installed.

    Example:
        >>> regions = superpixels(np.zeros((224, 224, 3), np.uint8))  # doctest: +SKIP
    """
    try:
        from skimage.segmentation import slic
    except ImportError as error:
        raise ExtraError("superpixel labels", "active") from error
    return slic(image, count, compactness=10, max_num_iter=5, start_label=0).astype(np.int16)


def targets(
    points: PointSet,
    pool: Pool,
    mode: str = "points",
    regions: np.ndarray | None = None,
    masks: Tensor | None = None,
) -> Targets:
    """Computes the training targets of the images of a pool, in the order of ``pool.names``.

    Args:
        points: the clicks.
        pool: the images.
        mode: one of :data:`MODES`.
        regions: superpixels of the resized images, ``(N, S, S)``; required unless the mode is ``points``.
        masks: masks of the resized images, ``(N, S, S)`` uint8, 0 to 255; required for ``gt_in_region``.

    Raises:
        InputError: there is no such mode, or it needs superpixels or masks that are not given.

    Example:
        >>> points = PointSet()
        >>> points.add("cat.jpg", [Point(0, 0, 1)])
        1
        >>> found = targets(points, Pool(".", {"cat.jpg": (4, 4)}))
        >>> found.xy.tolist(), found.labels.tolist(), found.share
        ([[[-0.75, -0.75]]], [[1]], 0.0625)
    """
    if mode not in MODES:
        raise InputError(f"no label mode {mode!r}; give one of {', '.join(MODES)}")
    if mode == "points":
        regions = None
    elif regions is None:
        raise InputError(f"label mode {mode!r} needs the superpixels of the images; give regions")
    if mode != "gt_in_region":
        masks = None
    elif masks is None:
        raise InputError(f"label mode {mode!r} needs the masks of the images; give masks")
    rows = []
    for number, name in enumerate(pool.names):
        height, width = pool.sizes[name]
        xy, labels = points.placed(name, (height, width))
        if regions is not None and len(xy):
            more = _expanded(xy, labels, regions[number], None if masks is None else masks[number].numpy())
            share = len(more[1]) / regions[number].size
            rows.append((np.concatenate([xy, more[0]]), np.concatenate([labels, more[1]]), len(xy), share))
        else:
            rows.append((xy, labels, len(xy), len(xy) / (height * width)))
    return _padded(rows)


def cells(xy: np.ndarray, sides: int | Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the cells of a grid over the image that contain points.

    Args:
        xy: points ``(K, 2)``, in coordinates of the image from -1 to 1.
        sides: numbers of rows and columns of the grid, or a single number for both.

    Returns:
        The rows ``(K,)`` and the columns ``(K,)``, int64.

    Example:
        >>> rows, columns = cells(np.array([[-1.0, 0.0]]), 4)
        >>> rows.tolist(), columns.tolist()
        ([2], [0])
    """
    height, width = (sides, sides) if isinstance(sides, int) else sides
    found = np.clip(((xy + 1) / 2 * [width, height]).astype(np.int64), 0, [width - 1, height - 1])
    return found[:, 1], found[:, 0]


def _expanded(
    xy: np.ndarray, labels: np.ndarray, regions: np.ndarray, mask: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the pixels of all clicked regions, with the label of the nearest click in the region, or of the mask."""
    side = len(regions)
    of_click = regions[cells(xy, side)]
    rows, columns = np.nonzero(np.isin(regions, of_click))
    centers = place(np.stack([columns, rows], axis=1), (0, 0, side, side))
    if mask is not None:
        return centers, (mask[rows, columns] >= 128).astype(np.int8)
    distance = ((centers[:, None] - xy[None]) ** 2).sum(axis=2)
    distance[regions[rows, columns][:, None] != of_click] = np.inf
    return centers, labels[distance.argmin(axis=1)]


def _padded(rows: list[tuple[np.ndarray, np.ndarray, int, float]]) -> Targets:
    count, most = len(rows), max(1, *(len(labels) for _, labels, _, _ in rows)) if rows else 1
    xy, labels = torch.zeros(count, most, 2), torch.full((count, most), -1, dtype=torch.int8)
    clicks = torch.zeros(count, most, dtype=torch.bool)
    for number, (places, values, clicked, _) in enumerate(rows):
        xy[number, : len(values)] = torch.from_numpy(places)
        labels[number, : len(values)] = torch.from_numpy(values)
        clicks[number, :clicked] = True
    return Targets(xy, labels, clicks, float(np.mean([share for *_, share in rows])))
