"""ResNet-50 features in five blocks, with torchvision's parameter names inside the blocks."""

from torch import Tensor, nn
from torch.nn import functional as F

from cosod.models.backbones.base import Backbone

#: (inner channels, bottlenecks, stride) of ``layer1`` .. ``layer4``: He et al., CVPR 2016, table 1.
STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))
EXPANSION = 4


class Bottleneck(nn.Module):
    """A bottleneck with a shortcut: 1 x 1 to ``inner`` channels, strided 3 x 3, and 1 x 1 to four times as many."""

    def __init__(self, i: int, inner: int, stride: int):
        super().__init__()
        o = inner * EXPANSION
        self.conv1 = nn.Conv2d(i, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, o, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(o)
        self.relu = nn.ReLU()
        self.downsample = None
        if stride != 1 or i != o:
            self.downsample = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet50(Backbone):
    """ResNet-50 as ``conv1`` (stem without its max-pooling) and ``conv2`` .. ``conv5`` (``layer1`` .. ``layer4``).

    Without the pooling, the strides are half of the usual ones, so that the deepest feature has stride 16, as that of
    VGG; GCoNet+ uses the network in this form.

    Args:
        pooled: whether to include the max-pooling, so that the strides are 2, 4, 8, 16 and 32, as in F3Net.

    Shapes (for images of H x W, without pooling):
    ``(N, 64, H/2, W/2)``, ``(N, 256, H/2, W/2)``, ``(N, 512, H/4, W/4)``,
    ``(N, 1024, H/8, W/8)``, ``(N, 2048, H/16, W/16)``.
    """

    out_channels = (64, 256, 512, 1024, 2048)
    strides = (2, 2, 4, 8, 16)
    conv2: nn.Sequential
    conv3: nn.Sequential
    conv4: nn.Sequential
    conv5: nn.Sequential

    def __init__(self, pooled: bool = False):
        super().__init__()
        self.pooled = pooled
        if pooled:
            self.strides = (2, 4, 8, 16, 32)
        self.conv1 = nn.Sequential(nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU())
        i = 64
        for number, (inner, blocks, stride) in enumerate(STAGES, start=2):
            layers = []
            for block in range(blocks):
                layers.append(Bottleneck(i, inner, stride if block == 0 else 1))
                i = inner * EXPANSION
            self.add_module(f"conv{number}", nn.Sequential(*layers))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> list[Tensor]:
        """Computes the outputs of the five blocks of normalized images ``(N, 3, H, W)``, finest first."""
        outputs = [self.conv1(images)]
        x = F.max_pool2d(outputs[0], 3, 2, 1) if self.pooled else outputs[0]
        for block in (self.conv2, self.conv3, self.conv4, self.conv5):
            x = block(x)
            outputs.append(x)
        return outputs

    def own_name(self, published: str) -> str | None:
        part, rest = published.split(".", 1)
        if part == "fc":
            return None
        if part.startswith("layer"):
            return f"conv{int(part[5:]) + 1}.{rest}"
        return {"conv1": "conv1.0.", "bn1": "conv1.1."}.get(part, part + ".") + rest
