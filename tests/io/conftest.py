import numpy as np
import pytest


@pytest.fixture
def picture():
    """48 x 64, smooth, so that lossy formats keep it: red grows to the right, green downwards."""
    y, x = np.mgrid[:48, :64]
    return np.stack([x * 4, y * 5, np.full_like(x, 60)], axis=2).astype(np.uint8)
