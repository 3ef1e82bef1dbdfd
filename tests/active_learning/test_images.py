"""Windows of images, masks and clicks agree, and no click is cut off."""

import cv2
import numpy as np
import pytest
import torch

from cosod.active_learning.images import View, draw_view, load_images, load_masks
from cosod.active_learning.pool import Pool
from cosod.errors import ImageError
from tests.active_learning.made import make_pool


def test_loaded_in_the_order_of_names(pool_folder):
    pool = Pool.scan(pool_folder)
    images, masks = load_images(pool, 48), load_masks(pool, 48)
    assert images.shape == (4, 48, 48, 3) and images.dtype == torch.uint8
    assert masks.shape == (4, 48, 48) and masks[1].max() == 0  # the image without a foreground
    red = images[0, ..., 0] > 180
    assert (red == (masks[0] > 127)).float().mean() > 0.97


def test_mask_of_another_size(tmp_path):
    folder = make_pool(tmp_path / "pool")
    cv2.imwrite(str(folder / "gts/2.png"), np.zeros((9, 9), np.uint8))
    with pytest.raises(ImageError, match=r"2\.png: is 9 x 9, its image 56 x 52"):
        load_masks(Pool.scan(folder), 32)


def test_clicks_stay_inside_every_window():
    generator = torch.Generator().manual_seed(0)
    xy = torch.rand(64, 6, 2, generator=generator) * 2 - 1
    xy[0, 0] = torch.tensor([-0.999, 0.999])
    known = torch.rand(64, 6, generator=generator) < 0.7
    known[0, 0] = True
    for _ in range(20):
        view = draw_view(xy, known, 0.5, generator)
        inside = view.of_points(xy).abs() <= 1
        assert inside.all(dim=2)[known].all()
        assert view.extent.abs().max() <= 1
    assert (view.extent[:, 0] < 0).any() and (view.extent[:, 0] > 0).any()


def test_points_and_pixels_move_together():
    image = torch.zeros(1, 1, 64, 64)
    image[0, 0, 20, 44] = 1
    xy = torch.tensor([[[(44 + 0.5) / 32 - 1, (20 + 0.5) / 32 - 1]]])
    view = View(torch.tensor([[0.1, -0.2]]), torch.tensor([[-0.7, 0.6]]))
    seen = view.of_images(image, 96)[0, 0]
    row, column = divmod(int(seen.argmax()), 96)
    x, y = (view.of_points(xy)[0, 0] + 1) / 2 * 96
    assert abs(x - column - 0.5) < 1.2 and abs(y - row - 0.5) < 1.2
