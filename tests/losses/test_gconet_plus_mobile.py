"""Losses of the training system itself."""

import math

import pytest
import torch

from cosod.losses.gconet_plus_mobile import attention_loss


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
