"""The interface of all backbones: features of images at several strides."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

#: Strides of the four levels that most networks use.
FOUR = (4, 8, 16, 32)
#: Strides of backbones that are to be pooled once more, such as VGG.
FOUR_FINER = (2, 4, 8, 16)


class Backbone(nn.Module):
    """Base class of all backbones, which compute feature maps of normalized images, finest first.

    Attributes:
        out_channels: number of channels of each feature.
        strides: stride of each feature; its height and width are those of the image divided by the stride.
        mean, std: mean and standard deviation by which images are normalized (RGB, for values in [0, 1]), as in the
            training of the ImageNet weights.
        name: name in the registry, by which the ImageNet weights are found; set by
            :func:`cosod.models.backbones.registry.create`.
    """

    out_channels: tuple[int, ...]
    strides: tuple[int, ...]
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    name: str = ""

    def forward(self, images: Tensor) -> list[Tensor]:
        """Computes a feature ``(N, C, H / stride, W / stride)`` for each stride from normalized images."""
        raise NotImplementedError

    def own_name(self, published: str) -> str | None:
        """Returns the parameter that an entry of the file of ImageNet weights belongs to; None for an unused entry.

        Raises:
            ValueError: the file of ImageNet weights has no entry of this name.
        """
        return published


def has_four_levels(strides: Sequence[int]) -> bool:
    """Returns whether :func:`four_levels` can be computed for a backbone with these strides.

    Example:
        >>> has_four_levels((4, 8, 16, 32)), has_four_levels((1, 2, 4))
        (True, False)
    """
    return tuple(strides[-4:]) in (FOUR, FOUR_FINER)


def has_five_levels(strides: Sequence[int]) -> bool:
    """Returns whether a backbone with these strides has the five blocks that GCoNet and GCoNet+ need.

    Example:
        >>> has_five_levels((1, 2, 4, 8, 16)), has_five_levels((4, 8, 16, 32))
        (True, False)
    """
    return len(strides) == 5


def four_levels(backbone: Backbone, images: Tensor) -> list[Tensor]:
    """Returns the last four features, at strides 4, 8, 16 and 32, pooled once if the backbone has half these strides.

    Example:
        >>> import torch
        >>> from cosod.models.backbones import registry
        >>> features = four_levels(registry.create("vgg16"), torch.zeros(1, 3, 64, 64))
        >>> [tuple(f.shape[1:]) for f in features]
        [(128, 16, 16), (256, 8, 8), (512, 4, 4), (512, 2, 2)]
    """
    features = backbone(images)[-4:]
    if tuple(backbone.strides[-4:]) == FOUR_FINER:
        return [F.max_pool2d(feature, 2) for feature in features]
    return features
