"""One round of questions."""

import numpy as np
import pytest
import torch

from cosod.active_learning import selection
from cosod.active_learning.attack import Attack
from cosod.active_learning.ensemble import mean_probability, snapshot
from cosod.active_learning.images import load_images
from cosod.active_learning.labels import cells, oracle
from cosod.active_learning.points import Point, PointSet, place
from cosod.active_learning.pool import Pool
from cosod.active_learning.selection import Cells, PointSelection, random_queries, select
from cosod.errors import InputError
from cosod.models import create


@pytest.fixture(scope="module")
def pool(pool_folder):
    return Pool.scan(pool_folder)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return create("saliency_mobile").eval()


def asked(network, pool, points, clicks=3, seed=0, regions=None, **settings):
    images = load_images(pool, 48)
    wanted = PointSelection(side=32, batch=3, **settings)
    states = [snapshot(network)]
    return select(network, states, pool, images, points, clicks, wanted, Attack(steps=1), seed, regions)


def test_random_queries(pool):
    queries = random_queries(pool, 10, 0)
    assert all(len(set(points)) == 10 for points in queries.values())
    for name, points in queries.items():
        pool.check(name, points)
    assert queries == random_queries(pool, 10, 0) != random_queries(pool, 10, 1)


@pytest.mark.parametrize(
    "settings",
    [{}, {"draw": "pixelpick"}, {"score": "random"}, {"score": "disagreement"}, {"views": "gray_flip"}],
)
def test_new_pixels_inside_the_image_and_deterministic(network, pool, settings):
    points = oracle(random_queries(pool, 40, 0), pool)
    queries = asked(network, pool, points, **settings)
    for name, found in queries.items():
        pool.check(name, found)
        assert len(set(found)) == 3
        assert not set(found) & {(p.x, p.y) for p in points.points(name)}
    assert queries == asked(network, pool, points, **settings)


def test_no_two_questions_in_one_superpixel_nor_in_a_labeled_one(network, pool):
    row = np.arange(48) // 8
    regions = np.broadcast_to((row[:, None] * 6 + row)[None], (4, 48, 48)).astype(np.int16)
    points = oracle(random_queries(pool, 5, 0), pool)
    for name, found in asked(network, pool, points, clicks=8, regions=regions).items():
        height, width = pool.sizes[name]
        both = np.array(found + [(p.x, p.y) for p in points.points(name)])
        inside = regions[0][cells(place(both, (0, 0, width, height)), 48)]
        assert len(found) == len(set(inside[:8])) == 8
        assert not set(inside[:8]) & set(inside[8:])


def test_images_smaller_than_the_grid_have_each_pixel_once():
    cell = Cells((20, 10), 32, PointSet(), "a", None)
    open_ = cell.pixels[~cell.excluded]
    assert len(open_) == 200 == len(np.unique(open_, axis=0))


def test_a_network_that_diverged_still_asks(pool):
    network = create("saliency_mobile").eval()
    with torch.no_grad():
        network.levels[0].bias.fill_(float("nan"))
    assert all(len(set(points)) == 3 for points in asked(network, pool, PointSet(), draw="pixelpick").values())


def test_pixelpick_takes_the_top_share(network, pool):
    """The published code's sampling: uniform among the 5 % of least margin."""
    images = load_images(pool, 48)
    wanted = PointSelection(side=32, draw="pixelpick")
    states = [snapshot(network)]
    seen = set()
    for seed in range(60):
        queries = select(network, states, pool, images, PointSet(), 10, wanted, Attack(steps=0), seed)
        seen |= set(queries["images/0.png"])
    assert len(seen) == int(0.05 * 32 * 32)


@pytest.mark.parametrize(
    "wrong", [{"score": "mvmc"}, {"draw": "all"}, {"views": "depth"}, {"share": 0.0}, {"side": 33}]
)
def test_wrong_settings(wrong):
    with pytest.raises(InputError, match="selection"):
        PointSelection(**wrong)


def test_gray_and_mirrored_views_ask_where_the_three_answers_are_unsure(network, pool):
    images = load_images(pool, 48)
    wanted = PointSelection(side=32, views="gray_flip", draw="pixelpick", share=1 / 1024)
    found = select(network, [snapshot(network)], pool, images, PointSet(), 1, wanted, Attack(), 0)
    name = pool.names[0]
    batch = images[:1].permute(0, 3, 1, 2).float() / 255
    batch = torch.nn.functional.interpolate(batch, (32, 32), mode="bilinear", antialias=True)
    gray = batch.mean(dim=1, keepdim=True).expand_as(batch)
    p = mean_probability([network], batch) + mean_probability([network], gray)
    p = (p + mean_probability([network], batch.flip(3)).flip(3)) / 3
    most = int((1 - (2 * p - 1).abs()).argmax())
    assert found[name] == [tuple(Cells(pool.sizes[name], 32, PointSet(), name, None).pixels[most])]


def test_clicks_steer_the_attack_where_it_is_told_so(network, pool, monkeypatch):
    seen = []

    def watched(net, images, settings, precision, generator, known):
        seen.extend(known)
        return images

    monkeypatch.setattr(selection, "attacked", watched)
    name, images = pool.names[0], load_images(pool, 48)
    height, width = pool.sizes[name]
    points = PointSet()
    points.add(name, [Point(width - 1, 0, 1)])
    for clicks in (False, True):
        attack = Attack(steps=1, clicks=clicks)
        select(network, [snapshot(network)], pool, images, points, 1, PointSelection(side=32), attack, 0)
        assert len(seen) == clicks * len(pool)
    (xy,), labels = seen[0]
    assert xy == pytest.approx([1 - 1 / width, 1 / height - 1]) and labels.tolist() == [1]
    assert len(seen[1][0]) == 0
