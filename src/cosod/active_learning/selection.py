"""Choice of the points to ask for in a round, by attack, ensemble, uncertainty and diversity."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.active_learning.attack import Attack, attacked
from cosod.active_learning.diversity import candidates, pixelpick, set_cover
from cosod.active_learning.ensemble import State, mean_probability, members
from cosod.active_learning.images import normalized
from cosod.active_learning.labels import cells
from cosod.active_learning.points import PointSet, Queries, place
from cosod.active_learning.pool import Pool
from cosod.active_learning.uncertainty import SCORES, uncertainty
from cosod.errors import InputError
from cosod.models.saliency_base import SaliencyNetwork
from cosod.training.data.keyed_rng import torch_seed

DRAWS = ("cover", "pixelpick")
#: Values of ``views``: further views of an image, whose predictions are used besides those of the image itself.
VIEWS = ("attacked", "gray_flip")


@dataclass(frozen=True)
class PointSelection:
    """Configuration of the choice of pixels.

    Attributes:
        score: measure of uncertainty: ``margin``, ``least_confidence``, ``entropy`` or ``disagreement`` (see
            :mod:`cosod.active_learning.uncertainty`), or ``random``.
        views: views of an image whose predictions are averaged: ``attacked``, the image and its attacked version; or
            ``gray_flip``, the image, its grayscale version and its mirror image, without an attack (an earlier version
            of the published code).
        draw: how pixels are chosen among the candidates: ``cover``, by relationship-aware diversity sampling, or
            ``pixelpick``, uniformly at random.
        share: share of the pixels of an image, the most uncertain ones, that are candidates.
        most: maximum number of candidates of an image for ``cover``, which limits the matrix of their similarities; if
            there are more, a random subset is taken.
        quantile: quantile of the cosine similarities of the candidates from which on two candidates count as similar.
        distinct_regions: whether two clicks must be in different superpixels when clicks label superpixels; the
            published code allows several clicks in a superpixel, which wastes some of them.
        side: side in pixels of the square that images are resized to for the choice; the point that is asked for is the
            original pixel at the center of the chosen pixel of the square.
        batch: number of images that are processed at once.
    """

    score: str = "margin"
    views: str = "attacked"
    draw: str = "cover"
    share: float = 0.05
    most: int = 512
    quantile: float = 0.8
    distinct_regions: bool = True
    side: int = 160
    batch: int = 16

    def __post_init__(self):
        if self.score not in SCORES and self.score != "random":
            raise InputError(f"selection: no score {self.score!r}; give one of {', '.join(SCORES)}, random")
        if self.draw not in DRAWS:
            raise InputError(f"selection: no draw {self.draw!r}; give {' or '.join(DRAWS)}")
        if self.views not in VIEWS:
            raise InputError(f"selection: no views {self.views!r}; give {' or '.join(VIEWS)}")
        if not (0 < self.share <= 1 and 0 <= self.quantile <= 1 and self.most > 0 and self.batch > 0):
            raise InputError("selection: give share in (0, 1], quantile in [0, 1], most and batch above 0")
        if self.side < 32 or self.side % 32:
            raise InputError(f"selection: side {self.side}; give a multiple of 32")


def random_queries(pool: Pool, clicks: int, seed: int) -> Queries:
    """Draws random pixels of every image, without replacement.

    Args:
        pool: the images.
        clicks: number of pixels of each image; an image with fewer pixels gives all of them.
        seed: seed of the random choices.

    Example:
        >>> queries = random_queries(Pool.scan("images/"), clicks=10, seed=0)  # doctest: +SKIP
    """
    queries = {}
    for name, (height, width) in pool.sizes.items():
        generator = np.random.default_rng(torch_seed(seed, "first", name))
        chosen = generator.choice(height * width, min(clicks, height * width), replace=False)
        queries[name] = [(int(place_ % width), int(place_ // width)) for place_ in chosen]
    return queries


def select(
    network: SaliencyNetwork,
    snapshots: list[State],
    pool: Pool,
    images: Tensor,
    points: PointSet,
    clicks: int,
    settings: PointSelection,
    attack: Attack,
    seed: int,
    regions: np.ndarray | None = None,
    precision: torch.dtype = torch.float32,
    progress: Callable[[int], None] = lambda images: None,
) -> Queries:
    """Selects the pixels to ask for in every image by the predictions of trained networks.

    Args:
        network: network whose architecture and device are used; its weights are not.
        snapshots: snapshots of one training run. The last one is that of the end of the run, which is attacked and
            computes the features.
        pool: the images.
        images: images in memory, ``(N, S, S, 3)`` uint8, see :func:`cosod.active_learning.images.load_images`.
        points: clicks so far, which are not asked for again.
        clicks: number of pixels of each image.
        settings: settings of the choice.
        attack: settings of the attack; with 0 steps, only the original image is used.
        seed: seed of all random choices.
        regions: superpixels ``(N, S, S)``; if given, and unless ``settings.distinct_regions`` is false, at most one
            pixel is chosen in a superpixel, and none in a superpixel with a click.
        precision: precision of the networks' computation (autocast).
        progress: called with the number of images of each batch when it is done.

    Returns:
        The selected pixels, by image.

    Example:
        >>> settings = PointSelection()  # doctest: +SKIP
        >>> queries = select(network, snapshots, pool, images, points, 10, settings, Attack(), 0)  # doctest: +SKIP
    """
    networks = members(network, snapshots)
    device = next(networks[-1].parameters()).device
    queries: Queries = {}
    for start in range(0, len(pool), settings.batch):
        part = slice(start, start + settings.batch)
        names = pool.names[part]
        batch = images[part].to(device).permute(0, 3, 1, 2).float() / 255
        batch = F.interpolate(batch, (settings.side, settings.side), mode="bilinear", antialias=True)
        known = [points.placed(name, pool.sizes[name]) for name in names] if attack.clicks else []
        score, features = _looked_at(networks, batch, settings, attack, precision, (seed, names[0]), known)
        for number, name in enumerate(names):
            generator = np.random.default_rng(torch_seed(seed, "select", name))
            region = regions[start + number] if regions is not None and settings.distinct_regions else None
            cell = Cells(pool.sizes[name], settings.side, points, name, region)
            chosen = _chosen(score[number].numpy(), features[number], cell, clicks, settings, generator)
            queries[name] = [(int(x), int(y)) for x, y in cell.pixels[chosen]]
        progress(len(names))
    return queries


def _looked_at(
    networks: list[SaliencyNetwork],
    batch: Tensor,
    settings: PointSelection,
    attack: Attack,
    precision: torch.dtype,
    key: tuple[int, str],
    known: list,
) -> tuple[Tensor, Tensor]:
    """Computes the uncertainty ``(N, side * side)`` and the features ``(N, D, h, w)`` of a batch, on the CPU."""
    generator = torch.Generator().manual_seed(torch_seed(*key))
    clean = changed = mean_probability(networks, batch, precision)
    if settings.views == "gray_flip":
        gray = batch.mean(dim=1, keepdim=True).expand_as(batch)
        mirrored = mean_probability(networks, batch.flip(3), precision).flip(3)
        clean = changed = (clean + mean_probability(networks, gray, precision) + mirrored) / 3
    elif attack.steps:
        images = attacked(networks[-1], batch, attack, precision, generator, known)
        changed = mean_probability(networks, images, precision)
    score = uncertainty(settings.score, clean, changed, generator)
    with torch.no_grad(), torch.autocast(batch.device.type, precision, enabled=precision != torch.float32):
        features = networks[-1].saliency(normalized(batch, networks[-1])).features
    return score.flatten(1).float().cpu(), features.float().cpu()


class Cells:
    """Cells of the square that an image is resized to for the choice of points; P = side x side.

    Args:
        size: height and width of the image in pixels.
        side: number of cells along each side.
        points: clicks so far.
        name: name of the image.
        regions: superpixels of the image, ``(S, S)``, or None.

    Attributes:
        pixels: column and row of the original pixel at the center of each cell, ``(P, 2)``.
        excluded: whether a cell must not be chosen, ``(P,)``, because its pixel or its superpixel is labeled, or
            because an earlier cell has the same pixel.
        regions: superpixel of each cell, ``(P,)``, or None.
        labeled: coordinates of the labeled points in the image from -1 to 1, ``(L, 2)``.
        places: coordinates of ``pixels`` in the image from -1 to 1, ``(P, 2)``.
    """

    def __init__(self, size: tuple[int, int], side: int, points: PointSet, name: str, regions: np.ndarray | None):
        height, width = size
        columns, rows = ((np.arange(side) + 0.5) / side * extent for extent in (width, height))
        x, y = np.meshgrid(columns.astype(np.int64), rows.astype(np.int64))
        self.pixels = np.stack([x.ravel(), y.ravel()], axis=1)
        self.places = place(self.pixels, (0, 0, width, height))
        clicked = np.array([(p.x, p.y) for p in points.points(name)], np.int64).reshape(-1, 2)
        self.labeled, _ = points.placed(name, size)
        index = self.pixels @ [1, width]
        self.excluded = np.isin(index, clicked @ [1, width])
        _, first = np.unique(index, return_index=True)
        again = np.ones(len(index), bool)
        again[first] = False
        self.excluded |= again
        self.regions = None
        if regions is not None:
            self.regions = regions[cells(self.places, len(regions))]
            self.excluded |= np.isin(self.regions, regions[cells(self.labeled, len(regions))])


def _chosen(
    score: np.ndarray,
    features: Tensor,
    cell: Cells,
    clicks: int,
    settings: PointSelection,
    generator: np.random.Generator,
) -> np.ndarray:
    """Returns the indices of the chosen cells."""
    found = candidates(score, cell.excluded, settings.share, clicks, generator, cell.regions)
    if settings.draw == "pixelpick":
        return pixelpick(found, clicks, generator)
    if len(found) > settings.most:
        found = found[np.sort(generator.choice(len(found), settings.most, replace=False))]
    looks = _read(features, np.concatenate([cell.places[found], cell.labeled]))
    return found[set_cover(score[found], looks[: len(found)], looks[len(found) :], clicks, settings.quantile)]


def _read(features: Tensor, xy: np.ndarray) -> np.ndarray:
    """Samples features ``(D, h, w)`` bilinearly at points ``(K, 2)``; returns unit vectors ``(K, D)``."""
    grid = torch.from_numpy(xy.astype(np.float32))[None, None]
    values = F.grid_sample(features[None], grid, padding_mode="border", align_corners=False)[0, :, 0]
    return F.normalize(values.nan_to_num(0.0), dim=0).T.contiguous().numpy()
