"""Folders of small maps and truths."""

from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture
def write():
    """write(path, array): an image file, its folders made."""

    def write(path: Path, image: np.ndarray) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), image)
        return path

    return write


@pytest.fixture
def make(tmp_path, write):
    """make(name, quality): a folder of maps, 3 groups of 4; the truths are in ``gt``, made by the first call."""

    def make(name: str = "pred", quality: float = 0.8) -> Path:
        rng = np.random.default_rng(3)
        for group in ("cup", "dog", "kite"):
            for i in range(4):
                truth = np.zeros((20, 26), np.uint8)
                top, left = rng.integers(1, 9, 2)
                truth[top : top + 9, left : left + 12] = 255
                noise = rng.integers(0, 256, truth.shape)
                level = quality * truth + (1 - quality) * noise
                write(tmp_path / "gt" / group / f"{i}.png", truth)
                write(tmp_path / name / group / f"{i}.png", level.astype(np.uint8))
        return tmp_path / name

    return make


@pytest.fixture
def gt(tmp_path) -> Path:
    """The folder of truths that ``make`` fills."""
    return tmp_path / "gt"
