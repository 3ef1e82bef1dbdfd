"""HRNetV2 features, with the parameter names of its widely used ImageNet checkpoints."""

from torch import Tensor, nn
from torch.nn import functional as F

from cosod.models.backbones.base import Backbone
from cosod.models.backbones.resnet import Bottleneck

#: Numbers of modules of stages 2, 3 and 4, which have 2, 3 and 4 parallel resolutions: Wang et al., TPAMI 2021, table
#: 1.
MODULES = (1, 4, 3)
#: Residual units of a branch in each module, and bottlenecks of the first stage.
UNITS = 4
STEM = 64
#: Prefixes of the names of the classifier's head in the checkpoints.
HEAD = ("incre_modules.", "downsamp_modules.", "final_layer.", "classifier.")


def _conv_bn(i: int, o: int, kernel: int, stride: int = 1, relu: bool = False) -> nn.Sequential:
    conv = nn.Conv2d(i, o, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(o), *([nn.ReLU()] if relu else []))


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut: He et al., CVPR 2016, figure 5 left."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + x)


class Exchange(nn.Module):
    """One module: residual units in each resolution, then for each resolution the sum of all, resized to it."""

    def __init__(self, channels: tuple[int, ...]):
        super().__init__()
        self.branches = nn.ModuleList(nn.Sequential(*(BasicBlock(c) for _ in range(UNITS))) for c in channels)
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_path(channels, source, target) for source in range(len(channels)))
            for target in range(len(channels))
        )

    def forward(self, xs: list[Tensor]) -> list[Tensor]:
        xs = [branch(x) for branch, x in zip(self.branches, xs, strict=True)]
        fused = []
        for target, paths in enumerate(self.fuse_layers):
            size = xs[target].shape[-2:]
            parts = [path(x) for path, x in zip(paths.children(), xs, strict=True)]
            parts = [part if part.shape[-2:] == size else F.interpolate(part, size) for part in parts]
            fused.append(F.relu(sum(parts[1:], parts[0])))
        return fused


def _path(channels: tuple[int, ...], source: int, target: int) -> nn.Module:
    """Creates the path between two resolutions: 1 x 1 to a finer one, strided 3 x 3 convolutions to a coarser one."""
    if source == target:
        return nn.Identity()
    if source > target:
        return _conv_bn(channels[source], channels[target], 1)
    steps = target - source
    between = [_conv_bn(channels[source], channels[source], 3, 2, relu=True) for _ in range(steps - 1)]
    return nn.Sequential(*between, _conv_bn(channels[source], channels[target], 3, 2))


class HRNet(Backbone):
    """HRNetV2-W18, -W32 or -W48 without the head of the classifier.

    Args:
        width: channels of the finest resolution; the others have 2, 4 and 8 times as many.

    Shapes (for images of H x W): ``(N, width, H/4, W/4)``, ``(N, 2 width, H/8, W/8)``,
    ``(N, 4 width, H/16, W/16)``, ``(N, 8 width, H/32, W/32)``.
    """

    strides = (4, 8, 16, 32)

    def __init__(self, width: int = 48):
        super().__init__()
        self.out_channels = (width, 2 * width, 4 * width, 8 * width)
        self.width = width
        self.conv1 = nn.Conv2d(3, STEM, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM)
        self.conv2 = nn.Conv2d(STEM, STEM, 3, 2, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(STEM)
        self.layer1 = nn.Sequential(*(Bottleneck(STEM if unit == 0 else 4 * STEM, STEM, 1) for unit in range(UNITS)))
        before: tuple[int, ...] = (4 * STEM,)
        for stage, modules in enumerate(MODULES, start=2):
            channels = self.out_channels[:stage]
            self.add_module(f"transition{stage - 1}", _transition(before, channels))
            self.add_module(f"stage{stage}", nn.Sequential(*(Exchange(channels) for _ in range(modules))))
            before = channels
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> list[Tensor]:
        """Computes the features of the four resolutions of normalized images ``(N, 3, H, W)``, finest first."""
        x = F.relu(self.bn1(self.conv1(images)))
        x = F.relu(self.bn2(self.conv2(x)))
        xs = [self.layer1(x)]
        for stage in range(2, 2 + len(MODULES)):
            transition = self.get_submodule(f"transition{stage - 1}")
            # The new resolution is computed from the coarsest one so far.
            xs = [step(xs[min(number, len(xs) - 1)]) for number, step in enumerate(transition.children())]
            xs = self.get_submodule(f"stage{stage}")(xs)
        return xs

    def own_name(self, published: str) -> str | None:
        return None if published.startswith(HEAD) else published


def _transition(before: tuple[int, ...], after: tuple[int, ...]) -> nn.ModuleList:
    """Creates the layers between the resolutions of a stage and those of the next, which has one more."""
    steps: list[nn.Module] = []
    for number, channels in enumerate(after):
        if number == len(before):
            steps.append(nn.Sequential(_conv_bn(before[-1], channels, 3, 2, relu=True)))
        elif before[number] == channels:
            steps.append(nn.Identity())
        else:
            steps.append(_conv_bn(before[number], channels, 3, relu=True))
    return nn.ModuleList(steps)
