import math

import pytest
import torch

from cosod.active_learning.uncertainty import SCORES, uncertainty
from cosod.errors import InputError


def test_by_hand():
    clean, attacked = torch.tensor([0.8, 1.0, 0.5]), torch.tensor([0.4, 1.0, 0.5])
    torch.testing.assert_close(uncertainty("margin", clean, attacked), torch.tensor([0.8, 0.0, 1.0]))
    torch.testing.assert_close(uncertainty("least_confidence", clean, attacked), torch.tensor([0.4, 0.0, 0.5]))
    torch.testing.assert_close(uncertainty("disagreement", clean, attacked), torch.tensor([0.4, 0.0, 0.0]))
    entropy = uncertainty("entropy", clean, attacked)
    assert entropy[2].item() == pytest.approx(math.log(2)) and entropy[1].item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", [*SCORES, "random"])
def test_finite_at_the_ends_and_without_a_number(name):
    for value in (0.0, 1.0, math.nan):
        maps = torch.full((1, 1, 4, 4), value)
        assert uncertainty(name, maps, maps).isfinite().all()


def test_unknown_name():
    with pytest.raises(InputError, match="no score 'mvmc'"):
        uncertainty("mvmc", torch.zeros(1), torch.zeros(1))
