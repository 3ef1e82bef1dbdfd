"""Candidates, PixelPick's draw, and the set cover."""

import numpy as np
import pytest

from cosod.active_learning.diversity import candidates, pixelpick, set_cover


def generator(seed=0):
    return np.random.default_rng(seed)


def directions(*degrees):
    angle = np.deg2rad(degrees)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


NONE = np.zeros((0, 2))


def test_candidates_are_the_most_uncertain_share():
    scores = generator().random(1000)
    excluded = np.zeros(1000, bool)
    excluded[scores.argmax()] = True
    found = candidates(scores, excluded, 0.05, 2, generator())
    assert len(found) == 50
    assert set(found) == set(np.argsort(-scores)[1:51])
    assert len(candidates(scores, excluded, 0.001, 7, generator())) == 7


def test_a_constant_map_gives_candidates_everywhere():
    found = candidates(np.full(400, 0.3), np.zeros(400, bool), 0.05, 2, generator())
    assert len(found) == 20 and found.std() > 60


def test_one_candidate_a_region_and_enough_regions():
    scores = np.linspace(1, 0, 100)
    regions = np.arange(100) // 10
    found = candidates(scores, np.zeros(100, bool), 0.15, 4, generator(), regions)
    assert found.tolist() == [0, 10, 20, 30]  # the 15 most uncertain lie in two regions; four clicks need four
    found = candidates(scores, regions == 0, 0.3, 2, generator(), regions)
    assert found.tolist() == [10, 20, 30]


def test_pixelpick_is_uniform_over_the_candidates():
    found, source = np.arange(100, 120), generator()
    counts = np.zeros(20)
    for _ in range(2000):
        picks = pixelpick(found, 3, source)
        assert len(set(picks)) == 3
        counts[picks - 100] += 1
    assert abs(counts - 300).max() < 75
    assert len(pixelpick(found[:2], 3, source)) == 2


def test_cover_takes_the_heaviest_cluster_first():
    features = directions(0, 1, 2, 90, 91, 180)
    scores = np.array([0.5, 0.6, 0.5, 0.9, 0.6, 0.8])
    picks = set_cover(scores, features, NONE, 3, 0.75)
    assert picks == [1, 3, 5]


def test_what_looks_like_a_labeled_point_is_covered():
    features = directions(0, 1, 2, 90, 91)
    scores = np.array([0.9, 0.9, 0.9, 0.1, 0.1])
    assert set_cover(scores, features, directions(1), 1, 0.65)[0] in (3, 4)


def test_farthest_first_once_everything_is_covered():
    features = directions(0, 10, 40, 80)
    scores = np.ones(4)
    picks = set_cover(scores, features, directions(0, 10), 3, 0.0)  # all look alike
    assert picks == [3, 2, 1]


def test_gains_of_zero_uncertainty_fall_back_too():
    features = directions(0, 45, 90)
    assert set_cover(np.zeros(3), features, directions(0), 2, 0.9) == [2, 1]


@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_never_twice_and_deterministic(count):
    source = generator(count)
    features = source.standard_normal((count, 8))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    scores = source.random(count)
    picks = set_cover(scores, features, features[:1], 10, 0.8)
    assert len(picks) == len(set(picks)) == min(10, count)
    assert picks == set_cover(scores, features, features[:1], 10, 0.8)
