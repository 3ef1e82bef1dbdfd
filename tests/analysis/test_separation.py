import numpy as np
import pytest

from cosod.analysis.separation import separate


def test_two_groups_at_right_angles():
    found = separate([("a", np.array([[1.0, 0.0], [3.0, 0.0]])), ("b", np.array([[0.0, 2.0], [0.0, 1.0]]))])
    np.testing.assert_allclose(found.similarity, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(found.own, 1)
    np.testing.assert_allclose(found.other, 0, atol=1e-12)
    assert found.nearest.tolist() == [1, 1, 0, 0]
    facts = found.summary()
    assert facts["mean_cosine_of_groups"] == 0 and facts["margin"] == 1 and facts["nearest_is_own"] == 1


def test_own_is_without_the_image_itself():
    """Of two opposite images each is compared with the other, not with a mean that it is part of."""
    found = separate([("a", np.array([[1.0, 0.0], [-1.0, 0.0]])), ("b", np.array([[0.0, 1.0]]))])
    np.testing.assert_allclose(found.own[:2], -1)
    assert np.isnan(found.own[2])


def test_against_cosines_of_every_pair():
    rng = np.random.default_rng(0)
    groups = [(f"g{i}", rng.normal(size=(n, 6))) for i, n in enumerate((4, 3, 5))]
    found = separate(groups)

    def cosine(a, b):
        return a @ b / np.linalg.norm(a) / np.linalg.norm(b)

    means = [vectors.mean(axis=0) for _, vectors in groups]
    assert found.similarity[0, 2] == pytest.approx(cosine(means[0], means[2]))
    image = groups[1][1][0]
    assert found.own[4] == pytest.approx(cosine(image, groups[1][1][1:].mean(axis=0)))
    assert found.other[4] == pytest.approx(max(cosine(image, means[0]), cosine(image, means[2])))
    pairs = [cosine(means[i], means[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert found.summary()["mean_cosine_of_groups"] == pytest.approx(np.mean(pairs), abs=1e-4)
    assert found.nearest_group(0) == int(np.argmax([-2, pairs[0], pairs[1]]))


def test_one_group():
    found = separate([("a", np.array([[1.0, 0.0], [1.0, 1.0]]))])
    assert found.nearest_group(0) is None and found.nearest.tolist() == [-1, -1]
    facts = found.summary()
    assert facts["mean_cosine_of_groups"] is None and facts["margin"] is None
    assert facts["mean_cosine_with_own"] == pytest.approx(0.7071)
