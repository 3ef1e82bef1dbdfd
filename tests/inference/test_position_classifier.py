"""The classifier of positions: what it learns, from which images, and how its scores change maps."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import cosod
from cosod.errors import InputError, WeightsError
from cosod.inference.consensus_file import GroupConsensus
from cosod.inference.onnx_detector import OnnxDetector
from cosod.inference.options import DetectorOptions
from cosod.inference.position_classifier import (
    ADDED,
    FINE,
    HALF,
    RIDGE,
    TAUGHT,
    Classifier,
    Lesson,
    ScoreRule,
    Segmented,
    classifiers,
    divided,
    reconsidered,
)
from cosod.io.images import read_image

EXAMPLES = Path(__file__).parents[2] / "examples"
RULE = ScoreRule(weight=2.0)


def lessons(number, channels=6, positions=40, seed=0):
    """Random descriptors whose first channel says whether the position is of the object."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(number):
        labels = rng.random(positions).astype(np.float32).round()
        descriptors = rng.normal(size=(positions, channels)).astype(np.float32)
        descriptors[:, 0] = 2 * labels - 1 + 0.1 * descriptors[:, 0]
        means = np.stack([descriptors[labels == value].mean(axis=0) for value in (0, 1)])
        found.append(Lesson(descriptors, labels, means, float(rng.uniform(0.2, 1))))
    return found


def direct(taught, means):
    """Ridge regression on the similarities to the means, from its normal equations: coefficients and constant."""
    rows, targets, counts = [], [], []
    for descriptors, labels, _, weight in taught:
        of_object, of_others = labels / (labels.sum() + ADDED), (1 - labels) / ((1 - labels).sum() + ADDED)
        rows += [descriptors, descriptors]
        targets += [np.ones_like(labels), -np.ones_like(labels)]
        counts += [weight * of_object, weight * of_others]
    x = np.concatenate(rows).astype(np.float64) @ means.T
    x, y, w = np.column_stack([x, np.ones(len(x))]), np.concatenate(targets), np.concatenate(counts)
    penalty = RIDGE * sum(lesson.weight for lesson in taught) * np.array([1.0] * (x.shape[1] - 1) + [0.01])
    solved = np.linalg.solve((x.T * w) @ x + np.diag(penalty), (x.T * w) @ y)
    return solved[:-1] @ means, solved[-1]


def test_each_image_is_classified_by_ridge_regression_on_the_others():
    taught = lessons(4)
    found = classifiers(taught)
    assert len(found) == 5
    for number, classifier in enumerate(found):
        others = [lesson for index, lesson in enumerate(taught) if index != number]
        coefficients, constant = direct(others, np.concatenate([lesson.means for lesson in taught]))
        np.testing.assert_allclose(classifier.coefficients, coefficients, atol=1e-4)
        assert classifier.constant == pytest.approx(constant, abs=1e-4)
        weight = sum(lesson.weight for lesson in others)
        assert classifier.trust == pytest.approx(weight / (weight + HALF))


def test_labels_of_an_image_do_not_change_its_own_classifier():
    taught = lessons(3)
    wrong = taught[0]._replace(labels=1 - taught[0].labels)
    before, after = classifiers(taught), classifiers([wrong, *taught[1:]])
    np.testing.assert_allclose(before[0].coefficients, after[0].coefficients, atol=1e-5)
    assert np.abs(before[1].coefficients - after[1].coefficients).max() > 0.1


def test_rounding_changes_scores_by_as_little():
    """Labels that change places in their order, as in another batch, change nothing."""
    rng = np.random.default_rng(1)
    part = segmented(1)[0]
    noise = [1e-6 * rng.normal(size=part.maps.shape).astype(np.float32) for _ in range(6)]
    parts = [part._replace(indices=[index], maps=part.maps + change) for index, change in enumerate(noise)]
    taught = [
        [lesson for one in group for lesson in one.taught(dict.fromkeys(range(6), 1.0))]
        for group in (parts, parts[:1] * 6)
    ]
    one, other = (classifiers(lessons)[-1].coefficients for lessons in taught)
    np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_maps_that_are_empty_or_full_teach_something_finite(value):
    taught = [lesson._replace(labels=np.full_like(lesson.labels, value)) for lesson in lessons(3)]
    for classifier in classifiers(taught):
        assert np.isfinite(classifier.coefficients).all() and np.isfinite(classifier.constant)


def test_images_without_the_object_teach_nothing():
    """Of photos that have nothing in common, all have hardly any weight, and the maps stay as they are."""
    parts = segmented(3)
    for part, maps, _ in reconsidered(parts, [], dict.fromkeys(range(3), 1e-3), RULE):
        np.testing.assert_allclose(maps, part.maps, atol=2e-3)


def test_scores_are_added_to_the_logits():
    maps, scores = np.array([0.0, 0.2, 0.5, 0.9, 1.0]), np.array([3.0, -0.4, 0.1, 1.0, -3.0])
    with np.errstate(divide="ignore"):
        logits = np.log(maps / (1 - maps)) + 0.5 * 2.0 * scores
    np.testing.assert_allclose(RULE.changed(maps, scores, trust=0.5), 1 / (1 + np.exp(-logits)), atol=1e-12)


def segmented(number, seed=0):
    """Parts of one image each: an object on the left, marked too dimly in the first image, and something else."""
    rng = np.random.default_rng(seed)
    kinds = np.linalg.qr(rng.normal(size=(12, 3)))[0].T
    parts = []
    for index in range(number):
        where = np.zeros((4, 4), int)
        where[1:3, 0:2], where[1:3, 3] = 1, 2
        both = [kinds[where].transpose(2, 0, 1) for _ in range(2)]
        deep = (np.concatenate(both) * 2**-0.5).astype(np.float32)
        fine = both[1].repeat(2, axis=1).repeat(2, axis=2).astype(np.float32)
        marked = np.where(
            where == 1, 0.4 if index == 0 else 0.95, np.where(where == 2, 0.6 if index == 0 else 0.1, 0.02)
        )
        maps = marked.repeat(8, axis=0).repeat(8, axis=1)[None, None].astype(np.float32)
        parts.append(Segmented([index], maps, deep[None], fine[None]))
    return parts


def test_what_the_other_maps_say_changes_a_map():
    parts = segmented(4)
    first, maps, _ = next(iter(reconsidered(parts, [], dict.fromkeys(range(4), 1.0), RULE)))
    inner = maps[0, 0, 10:22]
    assert first is parts[0]
    assert inner[:, 4:8].min() > 0.5 > inner[:, 28:].max()  # the object, and the other thing
    assert parts[0].maps[0, 0, 15, 5] == np.float32(0.4)  # the old maps stay


def test_one_image_and_a_missing_rule_change_nothing():
    for parts, rule in ((segmented(1), RULE), (segmented(3), None)):
        for part, maps, _ in reconsidered(parts, [], dict.fromkeys(range(3), 1.0), rule):
            np.testing.assert_array_equal(maps, part.maps)


def test_later_images_are_not_held_in_memory():
    taken = []

    def parts(numbers):
        for number, part in zip(numbers, segmented(len(numbers)), strict=True):
            taken.append(number)
            yield part._replace(indices=[number])

    found = reconsidered(parts(range(4)), parts(range(4, 9)), dict.fromkeys(range(9), 1.0), RULE)
    for number in range(9):
        part, _, _ = next(found)
        assert part.indices == [number] and len(taken) == max(4, number + 1)


def test_the_first_images_are_spread_over_a_large_group():
    first, later = divided(range(1000, 1100))
    assert sorted(first + later) == list(range(1000, 1100)) and len(first) == TAUGHT
    assert first[0] == 1000 and first[-1] == 1099 and max(np.diff(first)) <= 4
    assert divided(range(TAUGHT)) == (list(range(TAUGHT)), [])


def test_the_packaged_networks_have_rules():
    for name in ("default", "accurate"):
        rule = cosod.load(name, device="cpu").pipeline.score_rule
        assert rule is not None and rule.weight > 0
        assert cosod.load(name, device="cpu", keep_regions=True).pipeline.score_rule is None


def test_a_damaged_rule_is_named():
    with pytest.raises(WeightsError, match=r"calibrate_scores\.py"):
        ScoreRule.read({"scores": {"offset": 1.0}})


def test_groups_of_more_images_than_are_taught(monkeypatch):
    """Both detectors take the same images first, return results in order, and compute the same maps."""
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr("cosod.inference.position_classifier.TAUGHT", 5)
    photos = sorted((EXAMPLES / "photos").glob("*/*.jpg"))[:12]
    results = list(cosod.load(device="cpu", batch=3).results(photos))
    others = list(OnnxDetector("default", DetectorOptions(batch=3)).results(photos))
    assert [result.index for result in results] == [other.index for other in others] == list(range(12))
    for result, other in zip(results, others, strict=True):
        np.testing.assert_allclose(result.map, other.map, atol=2e-3)


def test_maps_do_not_depend_on_the_order_of_a_small_group():
    photos = sorted((EXAMPLES / "photos").glob("*/*.jpg"))[:6]
    detector = cosod.load(device="cpu")
    with torch.inference_mode():
        maps, backwards = detector.segment(photos), detector.segment(photos[::-1])
    for one, other in zip(maps, backwards[::-1], strict=True):
        np.testing.assert_allclose(one, other, atol=5e-3)


def test_a_saved_consensus_changes_maps_as_its_group_does(tmp_path):
    """It is learned, saved and applied with the classifier, by both detectors, and an old file without it works."""
    pytest.importorskip("onnxruntime")
    photos = sorted((EXAMPLES / "photos" / "mugs").iterdir())
    torch_detector, other = cosod.load(device="cpu"), OnnxDetector("default")
    learned = torch_detector.learn(photos[:5])
    assert learned.classifier.shape == (len(learned.prototype) + 2,)
    np.testing.assert_allclose(other.learn(photos[:5]).classifier, learned.classifier, atol=0.02)
    learned.save(tmp_path / "mug.consensus")
    again = GroupConsensus.load(tmp_path / "mug.consensus")
    np.testing.assert_array_equal(again.classifier, learned.classifier)
    assert again.fingerprint == learned.fingerprint != replace(learned, classifier=None).fingerprint
    [(_, found)] = torch_detector.apply(again, photos[5:])
    [same] = other.results(photos[5:], consensuses=[again])
    np.testing.assert_allclose(same.map, found, atol=2e-3)
    [(_, plain)] = torch_detector.apply(replace(again, classifier=None), photos[5:])
    assert np.abs(plain - found).max() > 0.05
    [(_, kept)] = cosod.load(device="cpu", keep_regions=True).apply(again, photos[5:])
    [(_, plain)] = cosod.load(device="cpu", keep_regions=True).apply(replace(again, classifier=None), photos[5:])
    np.testing.assert_array_equal(kept, plain)


def test_marks_teach_what_was_marked():
    """A mark counts as the map of its image, so that what lies outside of it is learned as something else."""
    photos = sorted((EXAMPLES / "photos" / "mugs").iterdir())[:2]
    detector = cosod.load(device="cpu")
    masks = []
    for photo in photos:
        height, width = read_image(photo).shape[:2]
        masks.append(np.zeros((height, width), np.uint8))
        masks[-1][: height // 3] = 255
    learned = Classifier.unpacked(detector.learn(photos, masks).classifier)
    features = detector.forward.encode([image for _, image in detector.inputs(photos[:1]).read([0])])
    scores = learned.scores(features.deep[0].numpy(), features.skips[FINE][0].float().numpy())
    assert scores[: len(scores) // 4].mean() > 0.2 > -0.2 > scores[len(scores) // 2 :].mean()


def test_one_image_teaches_no_classifier():
    photo = next((EXAMPLES / "photos" / "mugs").iterdir())
    assert cosod.load(device="cpu").learn([photo]).classifier is None


def test_a_damaged_classifier_is_named(tmp_path):
    learned = cosod.load(device="cpu").learn(sorted((EXAMPLES / "photos" / "mugs").iterdir())[:2])
    replace(learned, classifier=learned.classifier[1:]).save(tmp_path / "mug.consensus")
    with pytest.raises(InputError, match="its classifier does not fit its prototype"):
        GroupConsensus.load(tmp_path / "mug.consensus")
