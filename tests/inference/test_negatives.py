"""What an object is not: the rule, presence and regions beside negatives, and files that keep them."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch.nn import functional as F

from cosod import errors, models
from cosod.apps.absence import ABSENT
from cosod.inference import kept_rules, region_filter
from cosod.inference.consensus_file import GroupConsensus, Provenance
from cosod.inference.detector import Detector
from cosod.inference.functions import load
from cosod.inference.kept_rules import KeptRules, nearest_ones
from cosod.inference.negatives import NegativeRule, Negatives
from cosod.inference.presence import Calibration, KeptCalibration
from cosod.inference.region_filter import RegionClassifier
from tests.inference.test_consensus_file import boards, scenes

CALIBRATION = Calibration(slope=20.0, offset=-14.0, few=0.0)
OBJECT, OTHER, THIRD = torch.eye(4)[0], F.normalize(torch.tensor([0.7, 0.7, 0.0, 0.0]), dim=0), torch.eye(4)[2]


def features(*places):
    """F of an image of background, with one descriptor in each of some quarters."""
    deep = torch.full((4, 8, 8), 0.01)
    deep[3] = 0.1
    for number, vector in enumerate(places):
        deep[:, 4 * (number // 2) : 4 * (number // 2) + 4, 4 * (number % 2) : 4 * (number % 2) + 4] = vector[
            :, None, None
        ]
    return deep


def kept(negative=None):
    provenance = Provenance("n", "w", 64, 3, references=3.0, negatives=0 if negative is None else 1)
    given = None if negative is None else negative[None].numpy()
    return GroupConsensus(np.ones(4, np.float32), OBJECT.numpy(), provenance, given)


def test_the_nearest_negative_decides():
    rule = NegativeRule(40.0, 0.0)
    own, other = np.array([0.9, 0.7, 0.5]), np.array([0.5, 0.7, 0.9])
    factors = rule.factor(own, other)
    assert factors[0] > 0.99 and factors[1] == 0.5 and factors[2] < 0.01
    assert (NegativeRule(40.0, 0.1).factor(own, other) >= factors).all()
    found = Negatives(np.stack([OTHER, THIRD]), rule)
    np.testing.assert_allclose(found.nearest(np.stack([OBJECT, 5 * THIRD])), [0.5**0.5, 1.0], rtol=1e-6)


def test_those_nearest_to_the_object_are_kept(monkeypatch):
    monkeypatch.setattr(kept_rules, "MOST", 2)
    assert torch.equal(nearest_ones(torch.stack([THIRD, OTHER, OBJECT]), OBJECT), torch.stack([OTHER, OBJECT]))
    assert torch.equal(nearest_ones(THIRD[None], OBJECT), THIRD[None])


def test_presence_beside_negatives():
    rules = KeptRules(CALIBRATION, NegativeRule(40.0, 0.0))
    deep = torch.stack([features(OBJECT), features(OTHER), features(OBJECT, OTHER), features(THIRD)])
    plain = rules.presence(deep, kept())
    against = rules.presence(deep, kept(OTHER))
    assert plain[0] > 0.9 and plain[1] > 0.5 and plain[2] > 0.9 and plain[3] < 0.1
    assert against[0] > 0.9 and against[1] < 0.05 and against[2] > 0.9 and against[3] < 0.1
    assert KeptRules(None, NegativeRule()).presence(deep, kept(OTHER)) == [None] * 4


def test_kept_consensuses_have_constants_of_their_own():
    entries = {"presence": CALIBRATION.as_dict()}
    assert KeptRules.read(entries) == KeptRules(CALIBRATION, NegativeRule())
    own = KeptCalibration(10.0, -5.0, 0.1)
    entries |= {"kept_presence": own.as_dict(), "negatives": NegativeRule(20.0, 0.1).as_dict()}
    assert KeptRules.read(entries) == KeptRules(own, NegativeRule(20.0, 0.1))
    with pytest.raises(errors.WeightsError, match="negatives"):
        KeptRules.read({"negatives": {"sharp": 1}})


def test_regions_beside_negatives():
    saliency = torch.zeros(1, 1, 64, 64)
    saliency[:, :, 4:28, 4:28] = 1
    two = saliency.clone()
    two[:, :, 4:28, 36:60] = 1
    classifier, against = RegionClassifier(4.0, 40.0, 0.0), Negatives(OTHER[None].numpy(), NegativeRule(40.0, 0.0))

    def factors(maps, deep, found):
        saliency = maps[:, 0].numpy()
        kept = region_filter.kept(saliency, saliency, deep[None].numpy(), OBJECT.numpy(), classifier, found)
        return kept[0, 16, 16].item(), kept[0, 16, 48].item()

    # The only region is faded too, which says nothing of the object without negatives.
    assert factors(saliency, features(OTHER), None) == (1.0, 1.0)
    assert factors(saliency, features(OTHER), against)[0] < 0.05
    assert factors(saliency, features(OBJECT), against)[0] > 0.99
    # A negative is not what the object is compared with: a dim object beside it stays.
    dim = F.normalize(torch.tensor([0.5, 0.0, 0.0, 0.8]), dim=0)
    own, other = factors(two, features(dim, OTHER), None)
    assert own < 0.5 < other
    own, other = factors(two, features(dim, OTHER), against)
    assert own > 0.9 and other < 0.1


@pytest.fixture(scope="module")
def detector():
    return load(device="cpu", size=64)


@pytest.fixture(scope="module")
def learned(detector):
    return detector.learn(scenes(3)), detector.learn(scenes(3), negatives=boards(3))


def test_learned_with_negatives(detector, learned):
    plain, against = learned
    assert against.provenance.negatives == 3 and len(against.negatives) >= 3
    assert np.array_equal(plain.vector, against.vector) and np.array_equal(plain.prototype, against.prototype)
    assert plain.fingerprint != against.fingerprint
    own, other = scenes(2, first=9), boards(2, first=9)
    before, after = ([r.presence for r in detector.results([*own, *other], consensuses=[c])] for c in learned)
    assert all(a > 0.8 * b for a, b in zip(after[:2], before[:2], strict=True))
    assert min(after[:2]) > ABSENT and max(after[2:]) < 0.1
    assert all(a < 0.2 * b for a, b in zip(after[2:], before[2:], strict=True))
    marked = [m.mean() for _, m in detector.apply(against, [*own, *other])]
    assert max(marked[2:]) < 0.2 * min(marked[:2])


def test_files(detector, learned, tmp_path):
    plain, against = learned
    for consensus, version in ((plain, "1"), (against, "2")):
        consensus.save(tmp_path / "c.consensus")
        with safe_open(tmp_path / "c.consensus", framework="pt") as file:
            assert file.metadata()["cosod_consensus"] == version
            assert ("negatives" in file.metadata()["provenance"]) == (version == "2")
        again = GroupConsensus.load(tmp_path / "c.consensus")
        assert again.provenance == consensus.provenance and again.fingerprint == consensus.fingerprint
        new = scenes(2, first=20)
        for one, other in zip(detector.apply(consensus, new), detector.apply(again, new), strict=True):
            np.testing.assert_array_equal(one[1], other[1])


def test_a_file_from_before_there_were_negatives(tmp_path):
    said = {"model": "n", "weights": "w", "size": 64, "images": 3, "references": 3.0}
    tensors = {"vector": torch.ones(4), "prototype": OBJECT}
    save_file(tensors, tmp_path / "c.consensus", {"cosod_consensus": "1", "facts": json.dumps(said)})
    found = GroupConsensus.load(tmp_path / "c.consensus")
    assert found.provenance == Provenance(**said) and found.negatives is None


@pytest.mark.parametrize(
    "wrong",
    [torch.zeros(0, 4), torch.ones(2, 3), torch.ones(4), torch.full((1, 4), torch.nan), torch.ones(1, 4).half()],
)
def test_damaged_negatives(tmp_path, wrong):
    one = GroupConsensus(np.ones(4, np.float32), OBJECT.numpy(), kept(OTHER).provenance, wrong.numpy())
    one.save(tmp_path / "c.consensus")
    with pytest.raises(errors.InputError, match="damaged"):
        GroupConsensus.load(tmp_path / "c.consensus")


def test_negatives_that_cannot_be_used(detector, tmp_path):
    (tmp_path / "bad.jpg").write_text("no image")
    failed = []
    found = detector.learn(
        scenes(2), None, lambda index, error: failed.append(index), [tmp_path / "bad.jpg", *boards(1)]
    )
    assert failed == [2] and found.provenance.negatives == 1
    with pytest.raises(errors.ImageError, match=r"bad\.jpg"):
        detector.learn(scenes(2), negatives=[tmp_path / "bad.jpg"])
    black = np.zeros((40, 40, 3), np.uint8)
    with (
        pytest.warns(errors.UniformImageWarning),
        pytest.raises(errors.InputError, match="none of the photos of what the object is not"),
    ):
        detector.learn(scenes(2), negatives=[black])
    with pytest.raises(errors.InputError, match="list of images"):
        detector.learn(scenes(2), negatives="bad.jpg")
    assert detector.learn(scenes(2), negatives=[]).negatives is None


def test_a_network_that_has_no_constants():
    network = models.create("gconet_plus_mobile").eval()
    with pytest.raises(errors.InputError, match="use the default network"):
        Detector(network, device="cpu", size=64).learn(scenes(2), negatives=boards(1))
