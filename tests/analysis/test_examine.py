import numpy as np
import pytest
import torch

from cosod.analysis.decoder import caught_levels, level_modules
from cosod.analysis.examine import classifier_of, examine
from cosod.errors import InputError
from cosod.io import read_image
from cosod.io.resizing import shrink
from cosod.io.tensors import to_batch
from cosod.models.base import CoSaliencyNetwork
from cosod.models.modules.part_matching import unpack
from tests.analysis.made import detector_of, groups_of, make_photos, photo

ALL = ("consensus", "attention", "activation", "decoder")
#: Network -> sides of its decoder's levels; of the light network, of its two branches.
LEVELS = {
    "gconet": [2, 4, 8, 16, 32],
    "gconet_plus": [2, 4, 8, 16, 32, 32],
    "gconet_plus_mobile": [4, 8, 16, 16] * 2,
    "ssnm": [2, 4, 8, 8],
    "ssnm_reference": [2, 4, 8, 8],
}


@pytest.fixture(scope="module")
def group(tmp_path_factory):
    return groups_of(make_photos(tmp_path_factory.mktemp("examine"), 1, 5))[0]


def never(index, error):
    raise error


@pytest.mark.parametrize("name", LEVELS)
def test_what_every_network_shows(name, group):
    detector = detector_of(name)
    found = examine(detector, group, ALL, 4, never)
    assert found.stems == group.stems and len(found.vectors) == 5 and np.isfinite(found.vectors).all()
    assert [shown.stem for shown in found.shown] == list(group.stems[:4])
    for shown in found.shown:
        assert [level.shape[0] for level in shown.levels] == LEVELS[name]
        assert shown.saliency.shape == (detector.size,) * 2 and 0 <= shown.saliency.min() <= shown.saliency.max() <= 1
        assert max(shown.picture.shape) == 180
        if name.startswith("ssnm"):
            assert shown.attention is None
        else:
            assert shown.attention.sum() == pytest.approx(1, abs=1e-3)
        if name.startswith("ssnm") or name == "gconet_plus_mobile":
            assert shown.activation is None and classifier_of(detector.network) is None
        else:
            assert 0 <= shown.activation.index < 5 and 0.2 <= shown.activation.score <= 1


@torch.inference_mode()
@pytest.mark.parametrize("name", ["gconet", "gconet_plus"])
def test_against_the_network_itself(name, group):
    """The mean of the images' vectors is the consensus, class activation averages to the class's score, and maps are
    those of all images at once."""
    detector = detector_of(name)
    network = detector.network
    found = examine(detector, group, ALL, 5, never)
    images = [shrink(read_image(path), 32) for path in group.images]
    features = network.encode(to_batch(images, network.mean, network.std))
    consensus = network.consensus(features)
    np.testing.assert_allclose(found.vectors.mean(axis=0), consensus.vector.flatten(), rtol=1e-3, atol=1e-4)
    logits = network.classifier(features.deep.mean(dim=(2, 3)))
    output = network.decode(features, consensus)
    for i, shown in enumerate(found.shown):
        activation = shown.activation
        score = activation.values.mean() + float(network.classifier.bias[activation.index])
        assert score == pytest.approx(float(logits[i].max()), rel=1e-3, abs=1e-3)
        np.testing.assert_allclose(shown.attention, consensus.attention[i, 0], atol=1e-4)
        np.testing.assert_allclose(shown.response, (features.deep * consensus.vector)[i].mean(dim=0), atol=1e-3)
        np.testing.assert_allclose(shown.saliency, output.maps[i, 0], atol=2e-2)


@torch.inference_mode()
def test_the_light_network_against_itself(group):
    """An image's vector is its mean descriptor, and the response is how well each position fits a part."""
    detector = detector_of("gconet_plus_mobile")
    network, side = detector.network, detector.size
    found = examine(detector, group, ALL, 5, never)
    images = [shrink(read_image(path), side) for path in group.images]
    features = network.encode(to_batch(images, network.mean, network.std))
    consensus = network.consensus(features)
    output = network.decode(features, consensus)
    prototype = unpack(consensus.vector, network.matching.channels).prototype[0].numpy()
    weights = network.matching.agreement(features.deep, consensus.attention).numpy()
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, rtol=1e-4)
    mean = weights @ found.vectors
    np.testing.assert_allclose(mean / np.linalg.norm(mean), prototype, atol=1e-4)
    for i, shown in enumerate(found.shown):
        np.testing.assert_allclose(shown.attention, consensus.attention[i, 0], atol=1e-4)
        assert shown.response.shape == (side // 16, side // 16)
        np.testing.assert_allclose(shown.response, network.response(features, consensus)[i, 0], atol=1e-3)
        np.testing.assert_allclose(shown.saliency, output.maps[i, 0], atol=2e-2)


@pytest.mark.parametrize("relation", ["ice", "non_local", "attention"])
def test_vectors_of_other_relation_modules(relation, group):
    detector = detector_of("gconet_plus", relation=relation)
    found = examine(detector, group, ["consensus"], 2, never)
    with torch.inference_mode():
        images = [shrink(read_image(path), 32) for path in group.images]
        features = detector.network.encode(to_batch(images, detector.network.mean, detector.network.std))
        vector = detector.network.consensus(features).vector.flatten()
    np.testing.assert_allclose(found.vectors.mean(axis=0), vector, rtol=1e-3, atol=1e-4)
    assert found.shown == ()


def test_hooks_are_gone_after_an_error():
    network = detector_of("gconet_plus_mobile").network
    with pytest.raises(ZeroDivisionError), caught_levels(network):
        raise ZeroDivisionError
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


def test_unknown_decoder():
    with pytest.raises(InputError, match="no decoder whose levels"):
        level_modules(CoSaliencyNetwork())


def test_unreadable_images_are_left_out(tmp_path):
    for i in range(3):
        photo(tmp_path / "g" / f"{i}.png", (200, 30, 30), i)
    (tmp_path / "g" / "1.png").write_bytes(b"no image")
    failed = []
    found = examine(detector_of("gconet_plus_mobile"), groups_of(tmp_path)[0], ALL, 8, lambda i, e: failed.append(i))
    assert failed == [1] and found.stems == ("0", "2") and [s.stem for s in found.shown] == ["0", "2"]
    (tmp_path / "g" / "0.png").write_bytes(b"")
    (tmp_path / "g" / "2.png").write_bytes(b"")
    nothing = examine(detector_of("gconet_plus_mobile"), groups_of(tmp_path)[0], ALL, 8, lambda i, e: None)
    assert nothing is None
