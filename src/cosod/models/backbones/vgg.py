"""VGG-16 features in five blocks, with the parameter numbers of torchvision's ``vgg16`` and ``vgg16_bn``."""

from collections import OrderedDict

from torch import Tensor, nn

from cosod.models.backbones.base import Backbone

#: Channels of the 3 x 3 convolutions of each block: Simonyan and Zisserman, ICLR 2015, table 1, column D.
BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class VGG16(Backbone):
    """The convolutions of VGG-16 as ``conv1`` .. ``conv5``, without the last pooling.

    Pooling is the first layer of ``conv2`` .. ``conv5``. Inside a block, layers have the numbers that they have in
    ``features`` of torchvision: ``conv2.7.weight`` here is ``features.7.weight`` there.

    Args:
        batch_norm: whether batch normalization follows each convolution (``vgg16_bn``).

    Shapes (for images of H x W): ``(N, 64, H, W)``, ``(N, 128, H/2, W/2)``, ``(N, 256, H/4, W/4)``,
    ``(N, 512, H/8, W/8)``, ``(N, 512, H/16, W/16)``.
    """

    out_channels = (64, 128, 256, 512, 512)
    strides = (1, 2, 4, 8, 16)
    conv1: nn.Sequential
    conv2: nn.Sequential
    conv3: nn.Sequential
    conv4: nn.Sequential
    conv5: nn.Sequential

    def __init__(self, batch_norm: bool = False):
        super().__init__()
        i, number = 3, 0
        for block, channels in enumerate(BLOCKS, start=1):
            layers: OrderedDict[str, nn.Module] = OrderedDict()
            if block > 1:
                layers[str(number)] = nn.MaxPool2d(2, 2)
                number += 1
            for o in channels:
                parts = [nn.Conv2d(i, o, 3, padding=1), *([nn.BatchNorm2d(o)] if batch_norm else []), nn.ReLU()]
                for part in parts:
                    layers[str(number)] = part
                    number += 1
                i = o
            self.add_module(f"conv{block}", nn.Sequential(layers))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(module.get_parameter("bias"))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Computes the outputs of the five blocks of normalized images ``(N, 3, H, W)``, finest first."""
        outputs = []
        x = images
        for block in (self.conv1, self.conv2, self.conv3, self.conv4, self.conv5):
            x = block(x)
            outputs.append(x)
        return outputs

    def own_name(self, published: str) -> str | None:
        part, number, rest = published.split(".", 2)
        blocks = {key.split(".")[1]: key.split(".")[0] for key in self.state_dict()}
        return f"{blocks.get(number, part)}.{number}.{rest}" if part == "features" else None
