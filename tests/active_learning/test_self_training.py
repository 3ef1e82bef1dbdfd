"""A network's own maps as masks."""

import json

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from cosod.active_learning.labels import Targets
from cosod.active_learning.self_training import said_masks
from cosod.models import load
from cosod.models.saliency_base import Saliency
from tests.active_learning.made import tiny_loop


class Bright(nn.Module):
    """Salient is what is bright."""

    mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(20.0))

    def saliency(self, images):
        return Saliency(((images.mean(dim=1, keepdim=True) - 0.5) * self.scale,), (1.0,), images)


def test_masks_are_the_maps_but_for_the_clicks():
    images = torch.zeros(3, 64, 64, 3, dtype=torch.uint8)
    images[:, 16:48, 8:40] = 255
    xy = torch.tensor([[-1 + 2 * 2.5 / 64, -1 + 2 * 5.5 / 64], [-1 + 2 * 20.5 / 64, -1 + 2 * 30.5 / 64]])
    labels = torch.tensor([[1, 0], [1, -1], [-1, -1]], dtype=torch.int8)
    clicks = Targets(xy.expand(3, 2, 2), labels, labels >= 0, 0.0)
    masks = said_masks(Bright(), images, clicks, size=64, cut=False, batch=2)
    expected = images[..., 0].clone()
    expected[0, 5, 2], expected[0, 30, 20], expected[1, 5, 2] = 255, 0, 255
    assert masks.dtype == torch.uint8
    torch.testing.assert_close(masks, expected)


def test_images_are_looked_at_enlarged():
    sides = []

    class Looking(Bright):
        def saliency(self, images):
            sides.append(tuple(images.shape[2:]))
            return super().saliency(images)

    nothing = Targets(torch.zeros(1, 1, 2), torch.full((1, 1), -1, dtype=torch.int8), torch.zeros(1, 1).bool(), 0.0)
    masks = said_masks(Looking(), torch.zeros(1, 80, 80, 3, dtype=torch.uint8), nothing, size=192, cut=False)
    assert set(sides) == {(256, 256)} and masks.shape == (1, 80, 80)


def test_outlines_move_to_where_the_colors_change():
    """The map is off by four pixels; the image shows where the object ends."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(60, 90, (2, 96, 96, 3))
    pixels[:, 24:72, 24:72] = rng.integers(150, 180, (2, 48, 48, 3))
    images = torch.from_numpy(pixels.astype(np.uint8))
    truth = torch.zeros(2, 96, 96, dtype=torch.bool)
    truth[:, 24:72, 24:72] = True

    class Late(Bright):
        def saliency(self, images):
            maps = F.avg_pool2d((images.mean(dim=1, keepdim=True) > 0.45).float(), 17, 1, 8)
            return Saliency(((maps - 0.7) * 8,), (1.0,), images)

    nothing = Targets(torch.zeros(2, 1, 2), torch.full((2, 1), -1, dtype=torch.int8), torch.zeros(2, 1).bool(), 0.0)
    plain, cut = (said_masks(Late(), images, nothing, size=96, cut=cut) > 0 for cut in (False, True))

    def iou(masks):
        return float((masks & truth).sum() / (masks | truth).sum())

    assert iou(plain) < 0.9 and iou(cut) > 0.97


def test_masks_keep_their_size_in_large_images():
    images = torch.zeros(1, 640, 640, 3, dtype=torch.uint8)
    images[:, 100:400, 200:500] = 255
    nothing = Targets(torch.zeros(1, 1, 2), torch.full((1, 1), -1, dtype=torch.int8), torch.zeros(1, 1).bool(), 0.0)
    masks = said_masks(Bright(), images, nothing, size=64)
    assert masks.shape == (1, 640, 640)
    assert float((masks[0] != images[0, ..., 0]).float().mean()) < 0.01


def test_a_run_ends_with_a_network_trained_on_masks(tmp_path, pool_folder):
    loop = tiny_loop(tmp_path / "run", pool_folder, "random10", training__self_steps=2)
    network = load(loop.run())
    assert network.config.classes == 1
    rows = [json.loads((loop.state.folder / f"stage-{stage}.json").read_text()) for stage in ("final", "self")]
    assert [row["steps"] for row in rows] == [2, 2]
    assert rows[0]["clicks"] == 40  # what the run cost
    assert load(loop.finish()).config.classes == 1
    other = tiny_loop(tmp_path / "other", pool_folder, "full", training__self_steps=2)
    other.run()
    assert not (other.state.folder / "stage-self.json").exists()  # masks need no pretended ones
    assert json.loads((other.state.folder / "stage-final.json").read_text())["steps"] == 4
