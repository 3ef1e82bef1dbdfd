"""Hierarchical second-order pooling, in the published layout and transposed."""

import pytest
import torch

from cosod.models.modules.semantic_modulator import SemanticModulator


@pytest.fixture
def features():
    return torch.rand(2, 5, 12, 7, 7, generator=torch.Generator().manual_seed(0))


def test_published_columns_are_an_index_formula():
    """ssnm.md section 1.4: entry [c, j] is element (5 c + j) mod 4096 of image floor((5 c + j) / 4096)."""
    pooled = torch.arange(5 * 4096.0).view(1, 5, 4096)
    columns = SemanticModulator(4, 3, published=True).columns(pooled)
    c, j = torch.arange(4096).unsqueeze(1), torch.arange(5).unsqueeze(0)
    flat = 5 * c + j
    torch.testing.assert_close(columns[0], pooled[0, flat // 4096, flat % 4096])
    torch.testing.assert_close(columns[0, 0], pooled[0, 0, :5])
    torch.testing.assert_close(SemanticModulator(4, 3).columns(pooled)[0], pooled[0].T)


@torch.no_grad()
@pytest.mark.parametrize("published", [True, False])
def test_one_group_written_out(features, published):
    torch.manual_seed(1)
    module = SemanticModulator(12, 3, published)
    grams = []
    for image in features[1]:
        a = (module.first.weight[:, :, 0, 0] @ image.flatten(1) + module.first.bias[:, None]).relu()
        grams.append((a @ a.T).flatten() / (1 if published else 49))
    z = torch.stack(grams)
    z = z.reshape(4096, 5) if published else z.T
    e = (module.second.weight[:, :, 0, 0] @ z + module.second.bias[:, None]).relu()
    d = (e @ e.T).flatten() / (1 if published else 5)
    torch.testing.assert_close(module(features)[1], module.select(d).relu(), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_order_and_size_count_in_the_published_layout_only(features):
    torch.manual_seed(1)
    order = torch.tensor([4, 2, 0, 1, 3])
    module = SemanticModulator(12, 3)
    torch.testing.assert_close(module(features[:, order]), module(features), atol=1e-5, rtol=1e-4)
    twice = features.repeat(1, 3, 1, 1, 1).repeat_interleave(2, dim=3)
    torch.testing.assert_close(module(twice), module(features), atol=1e-5, rtol=1e-4)
    module = SemanticModulator(12, 3, published=True)
    assert (module(features[:, order]) - module(features)).abs().max() > 1e-2


@torch.no_grad()
def test_both_layouts_start_on_one_scale(features):
    vectors = []
    for published in (False, True):
        torch.manual_seed(1)
        module = SemanticModulator(12, 3, published)
        module.scale_start()
        vectors.append(module(features))
    mean, published = (vector.mean() for vector in vectors)
    assert 0.5 < published / mean < 2
