"""Attention, parts and similarity from descriptors."""

import pytest
import torch
from torch.nn import functional as F

from cosod.models.modules.affinity import affinity_of
from cosod.models.modules.part_matching import (
    PARTS,
    SIMILARITIES,
    PartMatching,
    Parts,
    _parts_of,
    described,
    pack,
    unpack,
)

C1, C2 = 6, 4


def descriptors(n=5, side=6, seed=0, share=None, at=None):
    """Of random features; of the objectness ``share`` everywhere, else random; the same ones in all images ``at``."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(n, C1, side, side, generator=generator)
    fine = torch.randn(n, C2, 2 * side, 2 * side, generator=generator)
    if at is not None:
        row, column = at
        coarse[:, :, row, column] = coarse[0, :, row, column]
        fine[:, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2] = fine[0, :, 0, 0, None, None]
    logits = torch.randn(n, 1, 8 * side, 8 * side, generator=generator)
    if share is not None:
        logits = torch.full_like(logits, float(torch.tensor(share).logit()))
    return described(coarse, fine, logits), F.normalize(fine, dim=1)


@pytest.fixture
def module():
    return PartMatching(C1, C2)


def planted(share=0.5):
    """Six images with the same thing in each, at row 2 and column 3."""
    return descriptors(6, share=share, at=(2, 3))


def test_descriptors_have_a_direction_and_an_objectness():
    deep, _ = descriptors(share=0.25)
    assert deep.shape == (5, C1 + C2, 6, 6) and deep.dtype == torch.float32
    torch.testing.assert_close(deep.norm(dim=1), torch.full((5, 6, 6), 0.25))
    torch.testing.assert_close(deep[:, :C1].norm(dim=1), deep[:, C1:].norm(dim=1))
    for share in (1e-9, 1 - 1e-7):
        length = descriptors(share=share)[0].norm(dim=1)
        assert length.min() > 0.0009 and length.max() < 0.9991


@torch.no_grad()
@pytest.mark.parametrize("n", [1, 2, 5])
def test_attention_sums_to_one(module, n):
    for attention in module.attentions(descriptors(n)[0]):
        assert attention.shape == (n, 1, 6, 6)
        torch.testing.assert_close(attention.sum(dim=(1, 2, 3)), torch.ones(n))


@torch.no_grad()
def test_attention_is_decided_by_the_other_images(module):
    """The first round against the formula, position by position."""
    deep = descriptors(4)[0]
    n, _, h, w = deep.shape
    unit, length = F.normalize(deep.flatten(2), dim=1), deep.flatten(2).norm(dim=1)
    scores = torch.einsum("ncp,mcq->nmpq", unit, unit) - 0.3 * (1 - length)[None, :, None, :]
    best = scores.amax(dim=3)
    others = torch.stack([best[i, [m for m in range(n) if m != i]].mean(dim=0) for i in range(n)])
    expected = (10.0 * others + length.logit()).softmax(dim=1).view(n, 1, h, w)
    torch.testing.assert_close(module.attentions(deep)[0], expected, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_attention_goes_where_images_agree(module):
    deep, _ = planted()
    for attention in module.attentions(deep):
        assert (attention.flatten(1).argmax(dim=1) == 2 * 6 + 3).all()


@torch.no_grad()
def test_a_single_image_is_looked_at_by_objectness_and_its_own_prototype(module):
    deep = descriptors(1)[0]
    first, second = module.attentions(deep)
    shares = deep.norm(dim=1).flatten()
    torch.testing.assert_close(first.flatten(), shares.logit().softmax(dim=0), atol=1e-6, rtol=1e-4)
    assert second.isfinite().all() and module.agreement(deep, second).tolist() == [1.0]
    consensus = module(deep)
    assert consensus.vector.isfinite().all() and consensus.attention.equal(second)


@torch.no_grad()
def test_comparing_in_bfloat16_hardly_moves_the_attention(module):
    deep = descriptors(4)[0]
    exact, rounded = module.attention(deep), module.attention(deep, precision=torch.bfloat16)
    assert rounded.dtype == torch.float32 and not torch.equal(exact, rounded)
    torch.testing.assert_close(exact, rounded, atol=0.01, rtol=0.1)


@torch.no_grad()
def test_the_order_of_images_does_not_matter(module):
    deep, _ = descriptors(5)
    order = torch.tensor([3, 0, 4, 1, 2])
    consensus, moved = module(deep), module(deep[order])
    torch.testing.assert_close(moved.attention, consensus.attention[order], atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(moved.vector, consensus.vector, atol=1e-4, rtol=1e-3)


@torch.no_grad()
def test_an_image_that_resembles_the_others_less_weighs_less(module):
    deep, _ = planted()
    deep[5] = descriptors(1, seed=7, share=0.5)[0][0]
    attention = torch.zeros(6, 1, 6, 6)
    attention[:, 0, 2, 3] = 1
    weights = module.agreement(deep, attention)
    assert weights.sum() == pytest.approx(1) and weights[5] < weights[:5].min()
    torch.testing.assert_close(weights[:5], weights[:1].expand(5))


@torch.no_grad()
def test_weights_and_attention_may_be_given(module):
    deep = descriptors(4)[0]
    attention = torch.full((4, 1, 6, 6), 1 / 36)
    some = module(deep, attention, torch.tensor([2.0, 2.0, 0.0, 0.0]))
    two = module(deep[:2], attention[:2], torch.ones(2))
    torch.testing.assert_close(some.vector, two.vector, atol=1e-5, rtol=1e-4)
    vectors = module.vectors(deep, attention)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(4))
    found = unpack(some.vector, C1 + C2)
    torch.testing.assert_close(found.prototype[0], F.normalize(vectors[:2].sum(dim=0), dim=0), atol=1e-6, rtol=1e-4)


def test_a_consensus_is_packed_and_unpacked():
    parts = Parts(torch.randn(2, 10), torch.randn(2, PARTS, 10), torch.rand(2, PARTS))
    vector = pack(parts)
    assert vector.shape == (2, PARTS * 10 + 10 + PARTS, 1, 1)
    for one, other in zip(unpack(vector, 10), parts, strict=True):
        assert one.equal(other)


def test_the_shares_of_parts_are_those_of_the_clusters():
    """Two well separated kinds of positions, three quarters of the mass on one."""
    kinds = torch.eye(2, 10)
    unit = F.normalize(kinds[[0] * 12 + [1] * 4] + 0.01 * torch.randn(16, 10), dim=1)
    mass = torch.full((16,), 1 / 16)
    parts, shares = _parts_of(unit, mass, F.normalize((unit * mass[:, None]).sum(dim=0), dim=0))
    assert parts.shape == (PARTS, 10) and shares.shape == (PARTS,)
    torch.testing.assert_close(shares.sum(), torch.ones(()))
    torch.testing.assert_close(parts.norm(dim=1), torch.ones(PARTS))
    of_first = parts @ kinds[0] > 0.9
    assert (of_first | (parts @ kinds[1] > 0.9) | (shares < 1e-3)).all()
    assert float(shares[of_first].sum()) == pytest.approx(0.75, abs=0.02)


def test_positions_of_little_mass_belong_to_no_part():
    unit = torch.eye(3)
    parts, _ = _parts_of(unit, torch.tensor([1.0, 1.0, 0.01]), F.normalize(torch.tensor([1.0, 1.0, 0.0]), dim=0))
    assert (parts[:, 2].abs() < 1e-3).all()


def test_fewer_positions_than_parts_leave_the_rest_at_the_prototype():
    """And not at positions of no mass, which are of something else."""
    torch.manual_seed(0)
    unit = F.normalize(torch.randn(20, 10), dim=1)
    mass = torch.zeros(20)
    mass[7], mass[11] = 0.6, 0.4
    parts, shares = _parts_of(unit, mass, F.normalize(0.6 * unit[7] + 0.4 * unit[11], dim=0))
    assert ((parts @ unit[[7, 11]].T).amax(dim=1) > 0.7).all() and shares.sum() == pytest.approx(1)
    one, _ = _parts_of(unit, (mass > 0.5).float(), unit[7])
    torch.testing.assert_close(one, unit[7].expand(PARTS, -1))


@torch.no_grad()
def test_similarity_says_where_the_planted_thing_is(module):
    deep, fine = planted(share=0.9)
    attention = torch.zeros(6, 1, 6, 6)
    attention[:, 0, 2, 3] = 1
    saliency = torch.full((6, 1, 12, 12), 0.9)
    channels = module.similarity(deep, fine, saliency, module(deep, attention).vector)
    assert channels.shape == (6, SIMILARITIES, 12, 12) and channels.isfinite().all()
    cosine = channels[:, 6]  # of the finer feature with the prototype
    torch.testing.assert_close(cosine[:, 4:6, 6:8], torch.ones(6, 2, 2))
    assert (cosine[1:].flatten(1).sort(dim=1).values[:, -5] < 0.999).all()
    assert (channels[:, 1:16:2].amax(dim=(2, 3)) > -1e-3).all()  # less the image's best, softly
    torch.testing.assert_close(channels[:, 16], torch.full((6, 12, 12), float(torch.tensor(0.9).logit()) / 4))


@torch.no_grad()
def test_similarity_sees_each_image_by_itself(module):
    deep, fine = descriptors(5)
    saliency = torch.rand(5, 1, 12, 12, generator=torch.Generator().manual_seed(1))
    vector = module(deep).vector
    together = module.similarity(deep, fine, saliency, vector)
    for i in range(5):
        one = slice(i, i + 1)
        alone = module.similarity(deep[one], fine[one], saliency[one], vector)
        torch.testing.assert_close(together[one], alone, atol=1e-5, rtol=1e-4)
    of_each = module.similarity(deep, fine, saliency, vector.expand(5, -1, -1, -1))
    torch.testing.assert_close(of_each, together, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_what_is_alike_and_near_shares_its_values(module):
    """An image of one color spreads evenly but for the distance; two halves do not mix."""
    fine = torch.zeros(1, C2, 8, 8)
    fine[:, 0, :, :4], fine[:, 1, :, 4:] = 1, 1
    values = torch.zeros(1, 3, 8, 8)
    values[..., :4] = 1
    spread = module._spread(fine, torch.ones(1, 1, 8, 8), values)
    assert spread[..., :4].min() > 0.99 and spread[..., 4:].max() < 0.01


def test_gradients_reach_the_descriptors_and_the_three_numbers(module):
    deep = descriptors(3)[0].requires_grad_()
    first, second = module.attentions(deep)
    (first[:, :, 0].sum() + second[:, :, 1].sum()).backward()
    assert deep.grad.isfinite().all() and deep.grad.abs().sum() > 0
    assert all(p.grad is not None and p.grad.isfinite() for p in module.parameters())
    assert not module(deep).vector.requires_grad  # what is compared with is taken as given


def test_it_is_found_in_a_network(module):
    assert affinity_of(torch.nn.Sequential(torch.nn.ReLU(), module)) is module
