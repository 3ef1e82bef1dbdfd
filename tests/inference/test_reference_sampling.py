"""Large groups compared with some of their images: what is exact about it, and which images are taken."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cosod import models
from cosod.errors import ImageError, InputError
from cosod.inference.detector import Detector
from cosod.inference.functions import load
from cosod.inference.group_consensus import shared
from cosod.inference.reference_sampling import ReferenceSampling, choose, sampled, spread
from cosod.io.prefetch import Inputs
from cosod.models.base import Consensus, Features
from cosod.models.modules.affinity import affinity_of
from cosod.models.modules.group_affinity import GroupAffinity, References
from tests.inference.scenes import encoded, scene, scenes

ALWAYS = {"exact_up_to": 0}
PHOTOS = Path(__file__).parents[2] / "examples" / "photos"


@pytest.fixture(scope="module")
def light():
    return load(device="cpu").network


@pytest.fixture(scope="module")
def gconet():
    torch.manual_seed(0)
    network = models.create("gconet_plus_vgg16").eval()
    affinity_of(network).query.weight.data.mul_(4)  # an attention that is not flat
    return network


def detector(network, references, by="spread", exact_up_to=0, **options):
    return Detector(network, "cpu", size=64, sampling=ReferenceSampling(references, by, exact_up_to), **options)


def references_of(affinity, deep, rows, weights):
    weights = torch.tensor(weights)
    return References(affinity.keys(deep[rows]) * weights[:, None, None], float(weights.sum()), len(deep))


@torch.no_grad()
def test_all_images_as_references_give_the_exact_attention():
    torch.manual_seed(1)
    affinity, deep = GroupAffinity(12), torch.randn(6, 12, 5, 4)
    exact = affinity.attention(deep)
    every = references_of(affinity, deep, [4, 0, 2, 1, 5, 3], [1.0] * 6)
    torch.testing.assert_close(affinity.attention(deep, every, torch.ones(6)), exact, atol=1e-6, rtol=1e-4)
    of_two = affinity.attention(deep[2:4], every, torch.ones(2))
    torch.testing.assert_close(of_two, exact[2:4], atol=1e-6, rtol=1e-4)
    with pytest.raises(ValueError, match="references need own"):
        affinity.attention(deep, every)


@torch.no_grad()
def test_a_reference_of_weight_w_stands_for_w_equal_images():
    torch.manual_seed(2)
    affinity, few = GroupAffinity(12), torch.randn(3, 12, 5, 4)
    group = few[[0, 1, 1, 1, 2, 2]]
    exact = affinity.attention(group)[0]
    found = affinity.attention(group[:1], references_of(affinity, group, [0, 1, 4], [1.0, 3.0, 2.0]), torch.ones(1))
    torch.testing.assert_close(found[0], exact, atol=1e-6, rtol=1e-4)


@torch.no_grad()
def test_a_reference_is_no_evidence_for_itself():
    """Its own keys count once among N at most, however few references there are."""
    torch.manual_seed(3)
    affinity, deep = GroupAffinity(12), torch.randn(40, 12, 5, 4)
    others = references_of(affinity, deep, [1, 2], [1.0, 1.0])
    with_itself = references_of(affinity, deep, [0, 1, 2], [5.0, 1.0, 1.0])
    expected = affinity.attention(deep[:1], others, torch.zeros(1))
    torch.testing.assert_close(affinity.attention(deep[:1], with_itself, torch.tensor([5.0])), expected)


@torch.no_grad()
def test_the_only_image_is_compared_with_itself():
    torch.manual_seed(4)
    affinity, deep = GroupAffinity(12), torch.randn(1, 12, 5, 4)
    alone = references_of(affinity, deep, [0], [1.0])
    torch.testing.assert_close(affinity.attention(deep, alone, torch.ones(1)), affinity.attention(deep))


@torch.no_grad()
@pytest.mark.parametrize("pool", ["mean", "sum"])
def test_the_consensus_of_vectors_is_the_consensus_of_features(pool):
    torch.manual_seed(5)
    deep, weights = torch.randn(4, 12, 5, 3), torch.tensor([1.0, 0.2, 0.0, 3.0])
    affinity = GroupAffinity(12, pool=pool)
    affinity.project.bias.data.normal_()
    consensus = affinity(deep, weights=weights)
    vectors = (deep * consensus.attention).sum(dim=(2, 3))
    torch.testing.assert_close(affinity.gathered(vectors, 15, weights), consensus.vector)


@pytest.mark.parametrize("by", ["spread", "random"])
@pytest.mark.parametrize("name", ["light", "gconet"])
def test_maps_with_every_readable_image_as_reference_are_the_exact_ones(name, by, request, tmp_path):
    """One image cannot be read, so that fewer references than images are all there are."""
    network = request.getfixturevalue(name)
    (tmp_path / "bad.jpg").write_text("no image")
    images = [*scenes(6), tmp_path / "bad.jpg", scene(7)]
    both = detector(network, 0), detector(network, 7, by, batch=3)
    for one in both:
        one.pipeline.score_rule = None  # its weights are the presence scores, which differ a little
    exact, linear = (dict(one.stream(images, lambda i, e: None)) for one in both)
    assert sorted(linear) == sorted(exact) == [0, 1, 2, 3, 4, 5, 7]
    for i, found in linear.items():
        np.testing.assert_allclose(found, exact[i], atol=1e-4)


def test_few_references_come_near_and_are_not_the_exact_ones(light):
    images = scenes(24)
    exact = detector(light, 0).segment(images)
    linear = detector(light, 8).segment(images)
    difference = max(float(np.abs(a - b).max()) for a, b in zip(exact, linear, strict=True))
    assert 1e-5 < difference < 0.25


def test_batches_and_features_encoded_again_change_nothing(light):
    images = scenes(17)
    expected = detector(light, 4, batch=17).segment(images)
    each = 64 * 64 * 40  # bytes; nothing is kept, some images, or all
    for options in ({"batch": 3, "feature_bytes": 0}, {"batch": 5, "feature_bytes": 5 * each}, {"batch": 1}):
        for a, b in zip(expected, detector(light, 4, **options).segment(images), strict=True):
            np.testing.assert_allclose(a, b, atol=5e-5)


def test_the_same_images_give_the_same_maps(light):
    images = scenes(12)
    for by in ("spread", "random"):
        one, two = (detector(light, 3, by).segment(images) for _ in range(2))
        for a, b in zip(one, two, strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_order_of_images_changes_nothing_while_all_of_them_are_candidates(light):
    images, order = scenes(12), [7, 2, 11, 0, 5, 9, 1, 3, 10, 6, 4, 8]
    maps = detector(light, 3).segment(images)
    for i, moved in zip(order, detector(light, 3).segment([images[i] for i in order]), strict=True):
        np.testing.assert_allclose(maps[i], moved, atol=5e-5)


def test_the_sample_does_not_depend_on_the_batch_and_has_the_size_asked_for(light):
    images = scenes(40)
    for by in ("spread", "random"):
        sampling = ReferenceSampling(4, by, **ALWAYS)
        found = []
        for batch in (3, 8):
            group = encoded(detector(light, 4, batch=batch), images)
            sample = sampled(group, sampling)
            assert len(sample.deep) == len(sample.indices) == len(sample.weights) == 4
            assert sample.weights.sum() == (16 if by == "spread" else 4)
            found.append((sample.indices, sample.weights.tolist()))
        assert found[0] == found[1]


def test_references_of_a_group_affinity_are_those_images(gconet):
    of, images = detector(gconet, 4), scenes(40)
    references, weights = choose(affinity_of(gconet), encoded(of, images), of.options.sampling)
    sample = sampled(encoded(of, images), of.options.sampling)
    assert references.keys.shape[0] == len(weights) == 4 and references.images == 40
    assert weights == dict(zip(sample.indices, sample.weights.tolist(), strict=True))
    assert references.weight == sum(weights.values())


def test_a_group_affinity_of_a_network_whose_consensus_is_no_mean(gconet, monkeypatch):
    monkeypatch.setattr(type(gconet), "additive_consensus", False)
    of, images = detector(gconet, 4), scenes(8)
    found = shared(gconet, None, encoded(of, images), of.options.sampling)
    sample = sampled(encoded(of, images), of.options.sampling)
    with torch.inference_mode():
        attention = affinity_of(gconet).attention(sample.deep)
        expected = gconet.gather(Features((), sample.deep, (64, 64)), attention, sample.weights)
    torch.testing.assert_close(found.consensus.vector, expected.vector)
    assert found.presence is None and found.indices == list(range(8))


def test_spread_finds_the_rare_kind_and_weighs_by_kind():
    torch.manual_seed(0)
    kinds = torch.eye(3, 8)[[0] * 20 + [1] * 3 + [2]] + 0.01 * torch.randn(24, 8)
    rows, weights = spread(kinds, 3)
    assert sorted(0 if row < 20 else 1 if row < 23 else 2 for row in rows) == [0, 1, 2] and rows[0] < 20
    assert sorted(weights.tolist()) == [1.0, 3.0, 20.0]
    same, weights = spread(torch.ones(5, 8), 5)
    assert sorted(same) == [0, 1, 2, 3, 4] and weights.tolist() == [1.0] * 5


@torch.no_grad()
def test_matches_in_bfloat16_are_near(light):
    of = detector(light, 6)
    group = encoded(of, scenes(20))
    exact, near = (
        shared(light, of.calibration, encoded(of, scenes(20)), of.options.sampling, p).consensus
        for p in (torch.float32, torch.bfloat16)
    )
    prototype = light.signature(exact)
    assert 0 < (prototype - light.signature(near)).norm() < 0.01 * prototype.norm()
    # Of positions that are alike, another one may become a part of the consensus. What the parts match stays.
    exact, near = (Consensus(found.vector) for found in (exact, near))
    for _, features in group.batches(list(range(20))):
        assert (light.response(features, exact) - light.response(features, near)).abs().max() < 0.01
        assert (light.decode(features, exact).maps - light.decode(features, near).maps).abs().max() < 0.01


def test_groups_up_to_the_stated_size_are_exact(light):
    sampling = ReferenceSampling()
    assert not sampling.applies_to(sampling.exact_up_to) and sampling.applies_to(sampling.exact_up_to + 1)
    assert not ReferenceSampling(0).applies_to(10**6) and not ReferenceSampling(50, **ALWAYS).applies_to(50)
    images = scenes(9)
    exact = detector(light, 0).segment(images)[0]
    np.testing.assert_array_equal(detector(light, 2, exact_up_to=9).segment(images)[0], exact)
    assert np.abs(detector(light, 2, exact_up_to=8).segment(images)[0] - exact).max() > 1e-6


def test_outliers_count_less_here_too(light):
    of = detector(light, 6)
    group = shared(light, of.calibration, encoded(of, scenes(20)), of.options.sampling)
    assert group.presence.shape == (20,) and group.consensus.attention is None
    uncalibrated = shared(light, None, encoded(of, scenes(20)), of.options.sampling)
    assert uncalibrated.presence is None and not torch.allclose(uncalibrated.consensus.vector, group.consensus.vector)
    photos = [p for name, n in (("toy_cars", 6), ("mugs", 2)) for p in sorted((PHOTOS / name).iterdir())[-n:]]
    weights = shared(light, of.calibration, encoded(of, photos), of.options.sampling).weights
    assert weights[6:].mean() < weights[:6].mean()


def test_the_consensus_learned_is_the_one_segmented_with(light):
    images, of = scenes(15), detector(light, 4, batch=4)
    learned = of.learn(images)
    used = shared(light, of.calibration, encoded(of, images), of.options.sampling)
    np.testing.assert_allclose(learned.vector, used.consensus.vector.flatten(), rtol=1.3e-6, atol=1e-5)
    np.testing.assert_allclose(learned.prototype, used.prototype, rtol=1.3e-6, atol=1e-5)
    assert learned.provenance.images == 15
    exact = detector(light, 0).learn(images)
    assert not np.allclose(learned.vector, exact.vector)


def test_marked_images_need_no_references(light):
    images = scenes(9)
    mask = (images[0][..., 0] > 200).astype(np.uint8) * 255
    masks = [mask, *[None] * 8]
    exact = detector(light, 0, batch=9).learn(images, masks)
    linear = detector(light, 2, batch=2, feature_bytes=0).learn(images, masks)
    torch.testing.assert_close(linear.vector, exact.vector, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(linear.prototype, exact.prototype, atol=1e-5, rtol=1e-4)
    assert linear.provenance.marked == 1 and linear.provenance.references == pytest.approx(exact.provenance.references)


def test_what_cannot_be_read_is_reported_once_and_no_reference(light, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_text("no image")
    images = [bad if i % 2 else scene(i) for i in range(20)]
    for by in ("spread", "random"):
        for feature_bytes in (0, 1 << 30):
            of, errors = detector(light, 4, by, batch=3, feature_bytes=feature_bytes), []
            found = dict(of.stream(images, lambda i, e, seen=errors: seen.append(i)))
            assert sorted(errors) == list(range(1, 20, 2)) and sorted(found) == list(range(0, 20, 2))
            group = encoded(of, images, lambda i, e: None)
            indices = sampled(group, of.options.sampling).indices
            assert len(indices) == 4 and all(i % 2 == 0 for i in indices)
    with pytest.raises(ImageError, match=r"bad\.jpg"):
        of.segment(images)
    with pytest.raises(ImageError, match="none of the images"):
        list(of.stream([bad] * 6, lambda i, e: None))


def test_an_image_that_goes_between_the_passes_is_reported_and_left_out(light, tmp_path):
    paths = [tmp_path / f"{i}.png" for i in range(12)]
    for i, path in enumerate(paths):
        Image.fromarray(scene(i)).save(path)
    of = detector(light, 3, batch=2, feature_bytes=0)
    of.pipeline.score_rule = None  # for it, a group of this size is decoded whole before its first result
    told = []
    inputs = Inputs(paths, of.size, of.max_pixels, lambda i, e: told.append((i, str(e))), twice=False)
    results = of.pipeline.group(inputs)
    assert next(results).index == 0
    paths[11].unlink()
    assert [result.index for result in results] == list(range(1, 11))
    [(index, error)] = told
    assert index == 11 and "11.png: no such file" in error


def test_networks_without_group_affinity_stay_exact():
    torch.manual_seed(0)
    network = models.create("ssnm_mobile").eval()
    assert affinity_of(network) is None
    images = scenes(5)
    for a, b in zip(detector(network, 0).segment(images), detector(network, 2).segment(images), strict=True):
        np.testing.assert_array_equal(a, b)


def test_wrong_samplings_are_refused():
    for options, message in (({"references": 1}, "give 2 or more"), ({"by": "size"}, "spread, random")):
        with pytest.raises(InputError, match=message):
            ReferenceSampling(**options)


def test_the_option_says_what_the_detector_does():
    from click.testing import CliRunner

    from cosod.cli.learn import command as learn
    from cosod.cli.segment import command as segment

    for command in (segment, learn):
        text = " ".join(CliRunner().invoke(command, ["--help"]).output.split())
        assert f"a group of more than {ReferenceSampling.exact_up_to} is compared with" in text
        assert f"0 compares it with all. [default: {ReferenceSampling.references}]" in text


def test_a_finished_large_group_is_done_again_with_other_references(light, tmp_path):
    from cosod.apps.segment import SegmentJob, run
    from cosod.io.photo_groups import Group

    for i in range(6):
        Image.fromarray(scene(i)).save(tmp_path / f"{i}.png")
    paths = [tmp_path / f"{i}.png" for i in range(6)]
    group, job = Group("scenes", paths, [path.stem for path in paths]), SegmentJob(tmp_path / "out")

    def skipped(references, exact_up_to=0):
        return run(detector(light, references, exact_up_to=exact_up_to), "light", [group], job).skipped_groups

    assert [skipped(2), skipped(2), skipped(3), skipped(0)] == [0, 1, 0, 0]
    assert skipped(3, exact_up_to=6) == 1  # exact as well
