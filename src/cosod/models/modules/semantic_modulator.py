"""The semantic modulator of SSNM: weights of the channels by hierarchical second-order pooling (HSP) over a group."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: Channels after the first and the second 1 x 1 convolution.
FIRST, SECOND = 64, 32
#: Numbers of positions of an image and of images of a group in the published code, which sums over them.
POSITIONS, IMAGES = 49, 5


class SemanticModulator(nn.Module):
    """Computes a weight for each channel by second-order pooling over positions, then over images, and a linear layer.

    Args:
        channels: C of the feature.
        groups: categories of the classifier.
        published: whether to compute as the published code does. It reshapes the matrix with a row for each image into
            one with a column for each image, instead of transposing it, which mixes images and channels; and it sums
            products over 5 images of 7 x 7 positions, where the mean is used otherwise.
    """

    def __init__(self, channels: int, groups: int, published: bool = False):
        super().__init__()
        self.published = published
        self.first = nn.Conv2d(channels, FIRST, 1)
        self.second = nn.Conv2d(FIRST * FIRST, SECOND, 1)
        self.select = nn.Linear(SECOND * SECOND, channels)
        self.classifier = nn.Linear(channels, groups)

    @torch.no_grad()
    def scale_start(self) -> None:
        """Scales the initial weights so that sums have the scale of means; the vector has degree four in ``first``."""
        if self.published:
            for parameter in self.first.parameters():
                parameter.mul_((POSITIONS**2 * IMAGES) ** -0.25)

    def forward(self, deep: Tensor) -> Tensor:
        """Maps features of B groups of n images, ``(B, n, C, H, W)``, to ``(B, C)``, not negative.

        Applied to the result, ``classifier`` gives the logits of the group's categories.
        """
        batch, n = deep.shape[:2]
        positions, images = (POSITIONS, IMAGES) if self.published else (1, 1)
        first = F.relu(self.first(deep.flatten(0, 1))).flatten(2)
        with torch.autocast(deep.device.type, enabled=False):  # sums of squares leave the range of half precision
            first = first.float()
            pooled = (first @ first.mT * (positions / first.shape[2])).view(batch, n, -1)
            columns = self.columns(pooled).unsqueeze(3)
            weight, bias = self.second.weight.float(), self.second.get_parameter("bias").float()
            second = F.relu(F.conv2d(columns, weight, bias)).squeeze(3)
            again = (second @ second.mT * (images / n)).flatten(1)
            return F.relu(F.linear(again, self.select.weight.float(), self.select.bias.float()))

    def columns(self, pooled: Tensor) -> Tensor:
        """Maps ``(B, n, D)`` to ``(B, D, n)`` by transposing or, as in the published code, by reshaping."""
        return pooled.reshape(len(pooled), -1, pooled.shape[1]) if self.published else pooled.mT
