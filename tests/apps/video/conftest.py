"""A small clip: an example's object, cut out by its mask, moves over the photo of another scene."""

from pathlib import Path

import cv2
import numpy as np
import pytest

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def scene(frames=16, size=(120, 160), seed=0):
    """Frames ``(H, W, 3)`` RGB with sensor noise, and the masks of the object in them."""
    photo = cv2.imread(str(EXAMPLES / "photos" / "apples" / "cutting_board.jpg"))[..., ::-1]
    mask = cv2.imread(str(EXAMPLES / "masks" / "apples" / "cutting_board.png"), cv2.IMREAD_GRAYSCALE)
    x, y, w, h = cv2.boundingRect(mask)
    side = round(size[0] * 0.45)
    apple = cv2.resize(photo[y : y + h, x : x + w], (side, side), interpolation=cv2.INTER_AREA)
    alpha = cv2.resize(mask[y : y + h, x : x + w], (side, side), interpolation=cv2.INTER_AREA)[..., None] / 255
    yy, xx = np.mgrid[: size[0], : size[1]]
    ground = np.stack([90 + 40 * np.sin(xx / 23), 110 + 30 * np.cos(yy / 17), 130 + 20 * np.sin((xx + yy) / 31)], -1)
    rng = np.random.default_rng(seed)
    images, masks = [], []
    for number in range(frames):
        left = round((size[1] - side) * number / max(frames - 1, 1))
        image, truth = ground.copy(), np.zeros(size, bool)
        top = (size[0] - side) // 2
        area = np.s_[top : top + side, left : left + side]
        image[area] = image[area] * (1 - alpha) + apple * alpha
        truth[area] = alpha[..., 0] > 0.5
        images.append((image + rng.normal(0, 6, image.shape)).clip(0, 255).astype(np.uint8))
        masks.append(truth)
    return images, masks


def write_clip(path, images, codec="mp4v", rate=12):
    height, width = images[0].shape[:2]
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), rate, (width, height))
    assert video.isOpened()
    for image in images:
        video.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    video.release()
    return path


@pytest.fixture(scope="session")
def moving():
    return scene()


@pytest.fixture
def clip(tmp_path, moving):
    return write_clip(tmp_path / "apple.mp4", moving[0])
