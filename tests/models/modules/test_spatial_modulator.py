"""The spatial modulator: the closed form against the matrix itself and against the published steps of Adam."""

import pytest
import torch

from cosod.models.modules.spatial_modulator import adam_eigenvector, leading_eigenvector, spatial_map, unit_descriptors


def groups(batch=3, n=5, channels=32, side=7, seed=0):
    """Groups that show one of three objects, in a third of each image, before a common background."""
    generator = torch.Generator().manual_seed(seed)
    kinds = 2 * torch.rand(batch, channels, 2, generator=generator)
    deep = 0.3 * torch.rand(batch, n, channels, side, side, generator=generator)
    inside = torch.arange(side) < (side + 2) // 3
    which = inside.long().expand(side, side)
    return deep + kinds[:, :, which].unsqueeze(1)


def matrix(x):
    return x.mT.double() @ x.double() - 1


@pytest.mark.parametrize("channels", [8, 32, 300])
def test_it_is_the_leading_eigenvector(channels):
    x = unit_descriptors(groups(channels=channels))
    s = leading_eigenvector(x)
    assert s.shape == (3, 245)
    torch.testing.assert_close(s.norm(dim=1), torch.ones(3))
    assert (s.sum(dim=1) >= 0).all()
    value = torch.linalg.eigvalsh(matrix(x))[:, -1]
    quotient = torch.einsum("bp,bpq,bq->b", s.double(), matrix(x), s.double())
    torch.testing.assert_close(quotient, value, rtol=1e-4, atol=0)


def test_both_ways_are_one(monkeypatch):
    deep = groups(channels=40, n=4)
    x = unit_descriptors(deep)
    monkeypatch.setattr("cosod.models.modules.spatial_modulator.BLOCK", 50)  # of which 196 positions are no multiple
    low = leading_eigenvector(x)
    monkeypatch.setattr("cosod.models.modules.spatial_modulator._low_rank", None)
    padded = torch.cat([x, torch.zeros(3, 200, x.shape[2])], dim=1)
    torch.testing.assert_close(leading_eigenvector(padded), low, atol=1e-4, rtol=0)


def test_nearly_equal_descriptors_keep_their_vector():
    """Cosines that differ in the fifth digit, in more positions than channels."""
    generator = torch.Generator().manual_seed(1)
    base = 1 + torch.rand(16, 1, generator=generator)
    kinds = 0.02 * torch.randn(16, 2, generator=generator)
    which = torch.arange(400) < 150
    x = (base + kinds[:, which.long()]).reshape(1, 1, 16, 20, 20)
    s = leading_eigenvector(unit_descriptors(x))[0]
    inside, outside = s[which], s[~which]
    assert inside.std() < 1e-4 and outside.std() < 1e-4
    assert inside.mean() * outside.mean() < 0


def test_adam_finds_it_on_groups_that_are_well_separated():
    for seed in range(4):
        x = unit_descriptors(groups(seed=seed, channels=300))
        exact, near = leading_eigenvector(x), adam_eigenvector(x)
        cosine = (exact * near).sum(dim=1) / near.norm(dim=1)
        assert (cosine.abs() > 0.99).all()
        assert ((near.norm(dim=1) > 0.9) & (near.norm(dim=1) < 1.5)).all()


@pytest.mark.parametrize(("n", "side"), [(1, 7), (2, 4), (20, 7), (3, 16)])
def test_adam_on_other_numbers_of_positions(n, side):
    x = unit_descriptors(groups(n=n, side=side, channels=64))
    exact, near = leading_eigenvector(x), adam_eigenvector(x)
    assert ((exact * near).sum(dim=1).abs() / near.norm(dim=1) > 0.99).all()


def test_adam_is_torchs_own():
    x = unit_descriptors(groups(batch=1))
    s = torch.full((245,), 245**-0.5, requires_grad=True)
    optimizer = torch.optim.Adam([s], lr=0.01)
    g = (x.mT @ x - 1)[0]
    for step in range(200):
        length = s.norm()
        barrier = -torch.log(2 - length) if length >= 1 or step == 0 else -torch.log(length)
        optimizer.zero_grad()
        (50 * barrier - s @ g @ s).backward()
        optimizer.step()
    torch.testing.assert_close(adam_eigenvector(x)[0], s.detach(), atol=1e-4, rtol=0)


@pytest.mark.parametrize("solver", ["eigh", "reference"])
def test_map(solver):
    deep = groups().requires_grad_()
    spatial = spatial_map(deep, solver)
    assert spatial.shape == (3, 5, 1, 7, 7) and not spatial.requires_grad
    one = spatial_map(deep[1:2], solver)
    torch.testing.assert_close(one[0], spatial[1], atol=1e-4, rtol=0)
    with torch.inference_mode():
        torch.testing.assert_close(spatial_map(deep.detach(), solver), spatial)


@pytest.mark.parametrize("solver", ["eigh", "reference"])
@pytest.mark.parametrize("channels", [8, 300])
def test_dead_descriptors_are_no_nan(solver, channels):
    deep = groups(channels=channels)
    deep[0, 2, :, 3] = 0
    deep[1] = 0
    deep[2, 0, 0, 0, 0] = torch.nan
    assert spatial_map(deep, solver).isfinite().all()


@pytest.mark.parametrize("channels", [8, 300])
def test_where_all_is_the_same_the_map_is_flat(channels):
    spatial = spatial_map(torch.ones(2, 3, channels, 5, 5))
    torch.testing.assert_close(spatial, torch.full((2, 3, 1, 5, 5), 75**-0.5))
    assert spatial_map(torch.ones(1, 1, 4, 1, 1)).item() == 1


def test_half_precision_under_autocast():
    with torch.autocast("cpu", torch.bfloat16):
        spatial = spatial_map(groups().bfloat16())
    assert spatial.dtype == torch.float32
    cosine = (spatial * spatial_map(groups())).sum(dim=(1, 2, 3, 4))
    assert (cosine > 0.99).all()
