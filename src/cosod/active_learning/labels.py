"""From clicks to what a network is trained on: the clicked pixels, or the superpixels around them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cosod.active_learning.points import Point, PointSet, Queries, place
from cosod.active_learning.pool import Pool
from cosod.errors import ExtraError, InputError

#: How a click becomes labels. ``gt_in_region`` takes the mask at every pixel of the clicked superpixel, as the
#: published code does: it reads dense labels that nobody clicked, and its results say nothing about clicks.
MODES = ("points", "superpixels", "gt_in_region")


@dataclass(frozen=True)
class Targets:
    """Labeled points of N images, padded to the largest number K of one image.

    Attributes:
        xy: ``(N, K, 2)`` float32, the images spanning -1 to 1.
        labels: ``(N, K)`` int8: 1 salient, 0 background, -1 padding.
        clicks: ``(N, K)`` bool: which of them were clicked; the others come from superpixels.
        share: share of all pixels of the pool that are labeled.
    """

    xy: Tensor
    labels: Tensor
    clicks: Tensor
    share: float


def oracle(queries: Queries, pool: Pool) -> PointSet:
    """Returns the answers that the pool's masks give.

    Raises:
        InputError: an image without a mask, or a point outside its image.
        ImageError: a mask that cannot be read, or of another size than its image.
    """
    from cosod.active_learning.images import read_mask

    masks, answers = pool.masks(), PointSet(pool.fingerprint)
    for image, points in queries.items():
        pool.check(image, points)
        mask = read_mask(masks[image], pool.sizes[image])
        answers.add(image, (Point(x, y, int(mask[y, x] > 0)) for x, y in points))
    return answers


def superpixels(image: np.ndarray, count: int = 450) -> np.ndarray:
    """Computes the SLIC superpixels of an image ``(H, W, 3)`` uint8: each pixel's region, ``(H, W)`` int16.

    Raises:
        ExtraError: scikit-image is not installed.
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
    """Returns what the images of a pool are trained on, in the order of ``pool.names``.

    Args:
        points: the clicks.
        pool: the images.
        mode: one of :data:`MODES`.
        regions: superpixels ``(N, S, S)`` of the shrunk images, for every mode but ``points``.
        masks: ``(N, S, S)`` uint8, for ``gt_in_region``.

    Raises:
        InputError: there is no such mode.
    """
    if mode not in MODES:
        raise InputError(f"no label mode {mode!r}; give one of {', '.join(MODES)}")
    rows = []
    for number, name in enumerate(pool.names):
        height, width = pool.sizes[name]
        xy, labels = points.placed(name, (height, width))
        if mode != "points" and len(xy):
            more = _expanded(xy, labels, regions[number], None if mode == "superpixels" else masks[number].numpy())
            share = len(more[1]) / regions[number].size
            rows.append((np.concatenate([xy, more[0]]), np.concatenate([labels, more[1]]), len(xy), share))
        else:
            rows.append((xy, labels, len(xy), len(xy) / (height * width)))
    return _padded(rows)


def cells(xy: np.ndarray, sides: int | tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Returns rows and columns, on a grid of ``(H, W)`` cells, of points ``(K, 2)`` in an image from -1 to 1."""
    height, width = (sides, sides) if isinstance(sides, int) else sides
    found = np.clip(((xy + 1) / 2 * [width, height]).astype(np.int64), 0, [width - 1, height - 1])
    return found[:, 1], found[:, 0]


def _expanded(
    xy: np.ndarray, labels: np.ndarray, regions: np.ndarray, mask: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the pixels of the clicked regions, with the label of the nearest click in it, or of the mask."""
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
