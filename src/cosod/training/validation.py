"""Validation during training, on groups that are held out and on other sets."""

import io
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from cosod.errors import ImageError, InputError
from cosod.evaluation.metrics.functional import s_measure
from cosod.inference.cpu_fusion import FastSteps
from cosod.inference.group_forward import GroupForward, evaluating
from cosod.io.images import image_size, read_image
from cosod.io.resizing import shrink
from cosod.models.base import CoSaliencyNetwork
from cosod.postprocess.threshold import binarize
from cosod.training.config.recipe import Recipe
from cosod.training.data.augment import read_mask
from cosod.training.data.distractor_mixing import beside
from cosod.training.data.keyed_rng import KeyedRNG
from cosod.training.data.training_set import Item, Pairs

#: Number of images that are encoded and decoded at once; it limits the memory and does not change the results.
CHUNK = 32


class Validator:
    """Validator, which computes scores of a network on sets of groups.

    The scores are computed at the input size of the network, which is fast. They serve for comparisons within a run,
    and differ from those of the benchmarks.

    Args:
        sets: groups of each set, by the name of the set; the name of the held-out groups is the empty string.
        recipe: recipe of the training, of which size, section ``validation`` and seed are used.

    Raises:
        InputError: no image of a set can be read.
    """

    def __init__(self, sets: Mapping[str, Mapping[str, Pairs]], recipe: Recipe):
        self.recipe = recipe
        self.sets: dict[str, dict[str, Pairs]] = {}
        for set_name, groups in sets.items():
            readable = {name: self._readable(pairs[: recipe.validation.images]) for name, pairs in groups.items()}
            self.sets[set_name] = {name: pairs for name, pairs in readable.items() if pairs}
            if not self.sets[set_name]:
                which = set_name or "held-out"
                raise InputError(f"none of the {which} images can be read; replace them, or give other groups")
        self.kinds = ("plain", "distractors") if recipe.validation.distractors else ("plain",)

    def scores(self, network: CoSaliencyNetwork) -> dict[str, dict[str, float]]:
        """Computes the scores of a network.

        Args:
            network: the network; its mode is restored afterwards.

        Returns:
            The scores of each kind: ``plain`` and, if the recipe asks for it, ``distractors``, for the held-out groups;
            ``NAME plain`` etc. for other sets. The scores are ``mae``, ``iou`` (of masks at the default threshold of
            the network) and ``s`` (S-measure), averaged over the images of each group, then over the groups.
        """
        with evaluating(network):
            forward = fast_forward(network)
            return {
                f"{name} {kind}".strip(): self._scores(forward, groups, kind)
                for name, groups in self.sets.items()
                for kind in self.kinds
            }

    def _scores(self, forward: GroupForward, groups: dict[str, Pairs], kind: str) -> dict[str, float]:
        rows = []
        for name, pairs in groups.items():
            shape = self._shape(pairs)
            examples = [self._read(*pair, shape) for pair in pairs]
            if kind == "distractors":
                # Distractors are from many groups, because distractors of a single group would share an object, too.
                # If there is only one group, its own images are the distractors.
                distractors = [p for other, found in groups.items() if other != name for p in found] or pairs
                rng = KeyedRNG(self.recipe.seed, "validation", name)
                examples = [
                    beside(*example, self._read(*rng.pick(distractors), shape)[0], left=rng.chance(0.5))
                    for example in examples
                ]
            images, masks = (torch.stack(part) for part in zip(*examples, strict=True))
            rows.append(_score(predict(forward, images), masks, forward.network.mask_threshold))
        return {key: round(float(np.mean([row[key] for row in rows])), 5) for key in rows[0]}

    def _readable(self, pairs: Pairs) -> Pairs:
        """Returns the pairs that can be read, so that unreadable files do not end a run in its middle."""
        found = []
        for pair in pairs:
            try:
                self._read(*pair, (self.recipe.side, self.recipe.side))
                found.append(pair)
            except ImageError as error:
                warnings.warn(f"held out, and not looked at: {error}", stacklevel=3)
        return found

    def _shape(self, pairs: Pairs) -> tuple[int, int]:
        """Returns the height and width to which all images of a group are resized, by their mean aspect ratio."""
        sizes = [image_size(image) for image, _ in pairs]
        aspect = float(np.exp(np.mean([np.log(width / height) for height, width in sizes])))
        return self.recipe.shape(1000, round(1000 * aspect))

    def _read(self, image: Path, mask: Path | io.BytesIO, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
        pixels = torch.from_numpy(shrink(read_image(image), shape).copy()).permute(2, 0, 1).float() / 255
        truth = read_mask(Item(image, mask, "", 0)).resize(shape[::-1], Image.Resampling.BILINEAR)
        return pixels, torch.from_numpy((np.asarray(truth) > 127).astype(np.float32))[None]


def fast_forward(network: CoSaliencyNetwork) -> GroupForward:
    """Returns the forward pass of a network in evaluation mode, with the optimized steps of prediction in float32."""
    return GroupForward(network, CHUNK, FastSteps(network, next(network.parameters()).device))


def predict(forward: GroupForward, images: Tensor) -> Tensor:
    """Computes the maps of one group of images.

    Args:
        forward: forward pass of a network in evaluation mode.
        images: ``(N, 3, H, W)`` in [0, 1], not normalized.

    Returns:
        The maps ``(N, 1, H, W)`` in [0, 1], float32, on the CPU.

    Example:
        >>> from cosod.models import create
        >>> predict(fast_forward(create("gconet_plus_mobile").eval()), torch.zeros(2, 3, 64, 64)).shape
        torch.Size([2, 1, 64, 64])
    """
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (forward.network.mean, forward.network.std))
    with torch.inference_mode():
        return forward.maps((images - mean) / std).float().cpu()


def _score(maps: Tensor, masks: Tensor, threshold: float | str) -> dict[str, float]:
    binary = torch.stack([torch.from_numpy(binarize(one.numpy(), threshold)) for one in maps])
    truth = masks > 0.5
    inter = (binary & truth).sum(dim=(1, 2, 3))
    union = (binary | truth).sum(dim=(1, 2, 3))
    # An empty mask is right if the ground truth is empty.
    iou = torch.where(union > 0, inter / union.clamp_min(1), 1.0)
    pairs = zip(maps[:, 0].clamp(0, 1).numpy(), masks[:, 0].numpy(), strict=True)
    return {
        "mae": float((maps - masks).abs().mean()),
        "iou": float(iou.mean()),
        "s": float(np.mean([s_measure(one, other) for one, other in pairs])),
    }
