"""The losses of the light network."""

import math

import pytest
import torch
from torch.nn import functional as F

from cosod.errors import InputError
from cosod.losses.gconet_plus_mobile import MobileWeights, attention_loss, mobile_loss
from cosod.losses.map_losses import iou_loss
from cosod.models.base import Output
from tests.models.filled import masks


def output(n=3, size=16, seed=0):
    """Random logits and attentions."""
    generator = torch.Generator().manual_seed(seed)
    logits, side, one, other = torch.randn(4, n, 1, size, size, generator=generator)
    attentions = torch.rand(2, n, 1, 4, 4, generator=generator).flatten(2).softmax(dim=2).view(2, n, 1, 4, 4)
    return Output(
        maps=logits.sigmoid(), logits=logits, side_logits=side, objects=(one, other), attentions=tuple(attentions)
    )


def test_every_term_is_of_its_map_and_its_truth():
    found, shared, objects = output(), masks(1, 3, 16), masks(2, 3, 16)
    terms = mobile_loss(found, shared, torch.zeros(3), objects=objects)
    pairs = {
        "map": (found.logits, shared),
        "side": (found.side_logits, shared),
        "objects": (found.objects[0], objects),
        "objects_side": (found.objects[1], objects),
    }
    weights, total = MobileWeights(), 0.0
    for name, (logits, truth) in pairs.items():
        torch.testing.assert_close(terms[f"{name}_bce"], F.binary_cross_entropy(logits.sigmoid(), truth))
        torch.testing.assert_close(terms[f"{name}_iou"], iou_loss(logits.sigmoid(), truth) / 3)
        total += getattr(weights, name) * (2 * terms[f"{name}_bce"] + terms[f"{name}_iou"])
    torch.testing.assert_close(terms["attention"], sum(attention_loss(a, shared) for a in found.attentions))
    torch.testing.assert_close(terms["total"], total + 0.1 * terms["attention"])


def test_the_shared_objects_are_all_objects_unless_said_otherwise():
    found, truth = output(), masks(1, 3, 16)
    one, other = (mobile_loss(found, truth, torch.zeros(3), None, objects) for objects in (None, truth))
    assert one["total"].equal(other["total"])


@pytest.mark.parametrize("missing", [{"logits": None}, {"side_logits": None}, {"objects": ()}])
def test_outputs_of_other_networks_are_refused(missing):
    with pytest.raises(InputError, match="choose another loss"):
        mobile_loss(output()._replace(**missing), masks(1, 3, 16), torch.zeros(3))


def test_factors_change_the_total_and_no_term():
    found, truth = output(), masks(1, 3, 16)
    whole = mobile_loss(found, truth, torch.zeros(3))
    none = MobileWeights(map=0, side=0, objects=0, objects_side=0, attention=0)
    assert float(mobile_loss(found, truth, torch.zeros(3), none)["total"]) == 0
    one = mobile_loss(found, truth, torch.zeros(3), MobileWeights(map=0))
    assert all(one[name].equal(value) for name, value in whole.items() if name != "total")
    expected = whole["total"] - 2 * whole["map_bce"] - whole["map_iou"]
    torch.testing.assert_close(one["total"], expected)


def test_the_number_of_images_does_not_change_the_scale():
    found, truth = output(), masks(1, 3, 16)
    twice = Output(*(torch.cat([x, x]) if torch.is_tensor(x) else x for x in found))
    twice = twice._replace(
        objects=tuple(torch.cat([x, x]) for x in found.objects),
        attentions=tuple(torch.cat([x, x]) for x in found.attentions),
    )
    one, other = mobile_loss(found, truth, None), mobile_loss(twice, torch.cat([truth, truth]), None)
    torch.testing.assert_close(one["total"], other["total"])


def test_images_that_share_nothing_have_a_finite_loss():
    found = output()
    terms = mobile_loss(found, torch.zeros(3, 1, 16, 16), torch.zeros(3))
    assert terms["attention"] == 0 and terms["total"].isfinite()


def test_attention_loss_is_the_log_of_the_share_on_the_object():
    attention = torch.full((1, 1, 4, 4), 1 / 16)
    masks = torch.zeros(1, 1, 8, 8)
    masks[:, :, :4] = 1
    assert float(attention_loss(attention, masks)) == pytest.approx(-math.log(0.5))
    attention[:, :, :2], attention[:, :, 2:] = 1 / 8, 0
    assert float(attention_loss(attention, masks)) == pytest.approx(0, abs=1e-6)


def test_attention_loss_passes_over_images_without_the_object():
    attention = torch.full((2, 1, 4, 4), 1 / 16)
    masks = torch.zeros(2, 1, 4, 4)
    assert float(attention_loss(attention, masks)) == 0
    masks[0, 0, 0, :] = 1
    assert float(attention_loss(attention, masks)) == pytest.approx(-math.log(0.25))


def test_attention_that_misses_the_object_has_a_finite_gradient():
    logits = torch.tensor([0.0, -200.0, -200.0, -200.0], requires_grad=True)
    masks = torch.tensor([0.0, 0.0, 0.0, 1.0]).view(1, 1, 2, 2)
    attention_loss(logits.softmax(0).view(1, 1, 2, 2), masks).backward()
    assert logits.grad.isfinite().all()
