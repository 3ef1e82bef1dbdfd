"""Choice of points in one round: attack, ensemble, uncertainty and diversity, image by image."""

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
#: What an image is looked at as, besides as it is.
VIEWS = ("attacked", "gray_flip")


@dataclass(frozen=True)
class PointSelection:
    """How pixels are chosen.

    Attributes:
        score: measure of uncertainty, see :mod:`cosod.active_learning.uncertainty`.
        views: views of an image whose predictions are averaged: ``attacked``, the image and its attacked version; or
            ``gray_flip``, the image, its gray version and its mirror image, without an attack (an earlier form of the
            published code).
        draw: how pixels are chosen among the candidates: ``cover``, by relationship-aware diversity sampling, or
            ``pixelpick``, uniformly at random.
        share: share of the pixels of an image, the most uncertain ones, that are candidates.
        most: maximum number of candidates of an image, which bounds the matrix of their similarities.
        quantile: quantile of the candidates' similarities above which two candidates count as alike.
        distinct_regions: whether no two clicks may fall into the same superpixel when clicks label superpixels; the
            published code allows it, and wastes some clicks.
        side: side in pixels of the square that images are resized to for the choice; a click is the pixel at the center
            of a cell.
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
    """Draws ``clicks`` pixels of every image, none twice; all pixels of an image that has fewer.

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
    """Selects the pixels that trained networks ask for, ``clicks`` of every image.

    Args:
        network: any of the right architecture; the snapshots are what is used.
        snapshots: snapshots of one training run, the last one being its end: that one is attacked and gives the
            features.
        pool: the images.
        images: ``(N, S, S, 3)`` uint8, see :func:`cosod.active_learning.images.load_images`.
        points: what is labeled; it is not asked for again.
        clicks: pixels of an image.
        settings: settings of the choice.
        attack: attack that makes the attacked view; without steps there is the clean one only.
        seed: seed of all random choices.
        regions: superpixels ``(N, S, S)``; then no two questions are in one, nor in one that has an answer.
        precision: precision of the networks' arithmetic.
        progress: called with the number of images done at a time.

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
            chosen = _chosen(score[number], features[number], cell, clicks, settings, generator)
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
    """Scores ``(N, side * side)`` and features of length 1 ``(N, D, h, w)``, on the CPU."""
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
    """The cells of the square that an image is queried as.

    Attributes:
        pixels: ``(P, 2)``, x and y of the original pixel at each cell's center.
        excluded: ``(P,)``, cells whose pixel, or superpixel, is labeled already or belongs to an earlier cell too.
        regions: superpixel of each cell, where there are any.
        labeled: ``(L, 2)``, the labeled points, the image spanning -1 to 1.
        places: ``(P, 2)``, the same for the pixels.
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
    score: Tensor, features: Tensor, cell: Cells, clicks: int, settings: PointSelection, generator: np.random.Generator
) -> np.ndarray:
    """Selects the indices of the cells to ask for."""
    score = score.numpy()
    found = candidates(score, cell.excluded, settings.share, clicks, generator, cell.regions)
    if settings.draw == "pixelpick":
        return pixelpick(found, clicks, generator)
    if len(found) > settings.most:
        found = found[np.sort(generator.choice(len(found), settings.most, replace=False))]
    looks = _read(features, np.concatenate([cell.places[found], cell.labeled]))
    return found[set_cover(score[found], looks[: len(found)], looks[len(found) :], clicks, settings.quantile)]


def _read(features: Tensor, xy: np.ndarray) -> np.ndarray:
    """Reads features ``(D, h, w)`` at points ``(K, 2)``, bilinear, of length 1: ``(K, D)``."""
    grid = torch.from_numpy(xy.astype(np.float32))[None, None]
    values = F.grid_sample(features[None], grid, padding_mode="border", align_corners=False)[0, :, 0]
    return F.normalize(values.nan_to_num(0.0), dim=0).T.contiguous().numpy()
