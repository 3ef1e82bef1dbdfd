"""The group affinity in blocks is the plain one."""

import pytest
import torch

from cosod.models.modules.group_affinity import GroupAffinity, _largest, best_match


def plain(query, key, worth=0.0):
    """The whole matrix at once, as the paper writes it."""
    n, c, p = query.shape
    scores = query.transpose(1, 2).reshape(n * p, c) @ key.transpose(0, 1).reshape(c, -1)
    scores = scores + (worth if isinstance(worth, float) else worth.reshape(-1))
    return scores.view(n * p, len(key), -1).max(dim=2).values.mean(dim=1).view(n, p)


@pytest.fixture
def tensors():
    generator = torch.Generator().manual_seed(3)
    make = lambda: torch.randn(5, 7, 12, generator=generator, dtype=torch.float64)  # noqa: E731
    return make(), make()


@pytest.mark.parametrize("block", [1, 12, 13, 100, 500, 1 << 24])
def test_values_and_gradients_do_not_depend_on_the_block(tensors, block):
    query, key = (tensor.clone().requires_grad_() for tensor in tensors)
    other_query, other_key = (tensor.clone().requires_grad_() for tensor in tensors)
    weight = torch.linspace(-1, 2, 60, dtype=torch.float64).view(5, 12)
    found, expected = best_match(query, key, block), plain(other_query, other_key)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    (found * weight).sum().backward()
    (expected * weight).sum().backward()
    torch.testing.assert_close(query.grad, other_query.grad, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(key.grad, other_key.grad, atol=1e-6, rtol=1e-6)


@torch.no_grad()
def test_no_gradient_wanted_gives_the_same_values(tensors):
    query, key = tensors
    torch.testing.assert_close(best_match(query, key, 40), plain(query, key), atol=1e-5, rtol=1e-5)


def test_keys_of_another_number_of_images(tensors):
    query, key = tensors
    found = best_match(query, key[:2, :, :9], 30)
    torch.testing.assert_close(found, plain(query, key[:2, :, :9]), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_module():
    torch.manual_seed(0)
    module = GroupAffinity(8)
    deep = torch.randn(3, 8, 4, 5)
    consensus = module(deep)
    assert consensus.vector.shape == (1, 8, 1, 1)
    assert consensus.attention.shape == (3, 1, 4, 5)
    torch.testing.assert_close(consensus.attention.sum(dim=(1, 2, 3)), torch.ones(3))
    again = module(deep, consensus.attention)
    torch.testing.assert_close(again.vector, consensus.vector)
    summed = GroupAffinity(8, pool="sum")
    summed.load_state_dict(module.state_dict())
    bias = module.project.bias.view(1, -1, 1, 1)
    torch.testing.assert_close(summed(deep).vector - bias, 20 * (consensus.vector - bias), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("dim", [1, 2])
def test_the_largest_by_bits_is_the_largest(dim):
    torch.manual_seed(0)
    scores = torch.randn(50, 3, 7).bfloat16()
    scores[0, 0] = -scores[0, 0].abs()  # nothing above zero
    scores[:, 0, 0] = -scores[:, 0, 0].abs() - 1
    scores[1, 1] = 0.0
    assert (scores.amax(dim=dim) < 0).any()
    assert torch.equal(_largest(scores, dim), scores.amax(dim=dim))
    assert torch.equal(_largest(scores.abs(), dim), scores.abs().amax(dim=dim))


@pytest.mark.parametrize("images", [1, 2, 3, 7])
@pytest.mark.parametrize("images_a_block", [1, 2, 20])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_images_matched_with_themselves_take_half_the_affinity(images, images_a_block, dtype):
    torch.manual_seed(0)
    unit = torch.nn.functional.normalize(torch.randn(images, 4, 6), dim=1).to(dtype)
    entries = (6 * images_a_block) ** 2 // (4 // unit.element_size())
    found = best_match(unit, unit, block_entries=entries)
    assert found.dtype == dtype
    torch.testing.assert_close(found, plain(unit, unit), atol=1e-6 if dtype == torch.float32 else 4e-3, rtol=0)


@pytest.mark.parametrize("images", [1, 2, 7])
@pytest.mark.parametrize("images_a_block", [1, 2, 20])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_worth_of_positions_is_added_to_the_affinity(images, images_a_block, dtype):
    torch.manual_seed(0)
    unit = torch.nn.functional.normalize(torch.randn(images, 4, 6), dim=1).to(dtype)
    worth = -torch.rand(images, 6).to(dtype)
    entries = (6 * images_a_block) ** 2 // (4 // unit.element_size())
    expected, tolerance = plain(unit, unit, worth), 1e-6 if dtype == torch.float32 else 8e-3
    for key in (unit, unit.clone()):  # the second way is not that of images with themselves
        found = best_match(unit, key, block_entries=entries, worth=worth)
        assert found.dtype == dtype
        torch.testing.assert_close(found, expected, atol=tolerance, rtol=0)


def test_worth_has_a_gradient(tensors):
    unit = tensors[0].clone().requires_grad_()
    worth = torch.linspace(-1, 0, 60, dtype=torch.float64).view(5, 12).requires_grad_()
    grads = torch.autograd.grad(best_match(unit, unit, worth=worth).square().sum(), (unit, worth))
    expected = torch.autograd.grad(plain(unit, unit, worth).square().sum(), (unit, worth))
    torch.testing.assert_close(grads, expected, atol=1e-4, rtol=1e-4)


def test_best_match_in_bfloat16_is_that_of_the_same_numbers():
    torch.manual_seed(0)
    query, key = (torch.randn(n, 16, 33).bfloat16() for n in (5, 9))
    exact = best_match(query.float(), key.float())
    torch.testing.assert_close(best_match(query, key, 1 << 10).float(), exact, atol=0.05, rtol=0.01)
