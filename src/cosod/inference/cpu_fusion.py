"""Faster encoding and decoding: batch normalization is folded, activations are fused, and bfloat16 is optional."""

import contextlib
import itertools
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights

from cosod.models.base import Consensus, CoSaliencyNetwork, Features, Output
from cosod.models.modules.layers import copied

Part = TypeVar("Part", bound=nn.Module)


def fold(network: nn.Module) -> None:
    """Folds batch normalization into the convolution before it, in place, which saves a quarter of the time.

    The pairs are neighbors in a sequence, and ``conv1`` with ``bn1`` (``conv2`` with ``bn2``, ...) of the same module.

    Args:
        network: network in evaluation mode.
    """
    for module in network.modules():
        children = module._modules
        pairs = list(itertools.pairwise(children)) if isinstance(module, nn.Sequential) else []
        pairs += [(name, name.replace("conv", "bn")) for name in children if name.startswith("conv")]
        for one, following in pairs:
            conv, norm = children[one], children.get(following)
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                mean, variance = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
                scale = norm.eps, norm.weight, norm.bias
                conv.weight, conv.bias = fuse_conv_bn_weights(conv.weight, conv.bias, mean, variance, *scale)
                children[following] = nn.Identity()


def rounded(weight: Tensor) -> Tensor:
    """Rounds the weight of a convolution ``(O, I, h, w)`` to bfloat16, and keeps the sum over the taps of each filter.

    The taps of edge filters sum to about zero. With each tap rounded separately, the result would depend on the
    brightness of a region, which in the first depth-wise layer of MobileNetV2 causes most of the error of the whole
    network. Therefore the rounding error of each tap is added to the next one, from the largest to the smallest.
    """
    taps = weight.flatten(2)
    order = taps.abs().argsort(dim=2, descending=True)
    result, carry = torch.empty_like(taps, dtype=torch.bfloat16), torch.zeros_like(taps[..., :1])
    for index in order.split(1, dim=2):
        wanted = taps.gather(2, index) + carry
        tap = wanted.bfloat16()
        carry = wanted - tap.float()
        result.scatter_(2, index, tap)
    return result.view_as(weight)


class FusedConv(nn.Module):
    """A convolution, the following activation and the padding before it in one pass over the memory, on the CPU.

    Inputs are converted to the precision of the weights, and outputs have this precision. oneDNN pads both ends of a
    side alike. If more rows and columns are padded at the end, zeros at the start of the kernel take as many at the
    start of the image out again. ``weight`` stays without them, and ``kernel`` has them.

    Args:
        conv: convolution with zero padding.
        activation: ``nn.ReLU``, ``nn.ReLU6`` or None.
        precision: ``torch.float32`` or ``torch.bfloat16``.
        padded: padding at the start and at the end of each side in place of the convolution's own; the first is not
            larger.
    """

    weight: Tensor
    bias: Tensor | None
    kernel: Tensor

    def __init__(
        self,
        conv: nn.Conv2d,
        activation: nn.Module | None,
        precision: torch.dtype,
        padded: tuple[int, int] | None = None,
    ):
        super().__init__()
        weight = conv.weight.detach()
        weight = rounded(weight) if precision == torch.bfloat16 else weight
        weight = weight.contiguous(memory_format=torch.channels_last)
        self.register_buffer("weight", weight)
        self.register_buffer("bias", None if conv.bias is None else conv.bias.detach().to(precision))
        padding = conv.padding
        if padded is not None:
            start, end = padded
            weight, padding = F.pad(weight, 2 * (end - start, 0)), (end, end)
        self.register_buffer("kernel", weight.contiguous(memory_format=torch.channels_last), persistent=False)
        self.shape = (padding, conv.stride, conv.dilation, conv.groups)
        self.top = {nn.ReLU: float("inf"), nn.ReLU6: 6.0, type(None): None}[type(activation)]

    def forward(self, x: Tensor) -> Tensor:
        x = x.to(self.kernel.dtype)
        if _fused_op() is None:
            padding, stride, dilation, groups = self.shape
            x = F.conv2d(x, self.kernel, self.bias, stride, padding, dilation, groups)
            return x if self.top is None else x.clamp_(0, self.top)
        kind, limits = ("none", []) if self.top is None else ("relu", [])
        if self.top == 6.0:
            kind, limits = "hardtanh", [0.0, 6.0]
        return _fused_op()(x, self.kernel, self.bias, *self.shape, kind, limits, "")


def _fused_op():
    """Returns the fused convolution of oneDNN; None if this build of torch does not have it."""
    return getattr(torch.ops.mkldnn, "_convolution_pointwise", None) if torch.backends.mkldnn.is_available() else None


def fuse(network: nn.Module, precision: torch.dtype = torch.float32) -> None:
    """Replaces every convolution with zero padding by a :class:`FusedConv`, in place; others compute in float32.

    Args:
        network: folded network in evaluation mode on the CPU; it computes no gradients afterwards.
        precision: precision of the convolutions.
    """
    for module in list(network.modules()):
        children = module._modules
        names = list(children)
        for number, name in enumerate(names):
            conv = children[name]
            if isinstance(conv, nn.Conv2d) and conv.padding_mode == "zeros" and isinstance(conv.padding, tuple):
                in_order = isinstance(module, nn.Sequential)
                after = _activation(children, names[number + 1 :]) if in_order else None
                padded = _padded(children[names[number - 1]], conv) if in_order and number else None
                children[name] = FusedConv(conv, children[after] if after else None, precision, padded)
                if after:
                    children[after] = nn.Identity()
                if padded:
                    children[names[number - 1]] = nn.Identity()
            elif conv is not None and not isinstance(conv, FusedConv) and any(True for _ in conv.parameters(False)):
                conv.register_forward_pre_hook(_as_float32)


def fused_copy(module: Part, precision: torch.dtype = torch.float32) -> Part:
    """Returns a copy of a module on the CPU in evaluation mode, folded and fused; it computes no gradients.

    Example:
        >>> fast = fused_copy(network.backbone)  # doctest: +SKIP
    """
    result = _folded_copy(module)
    fuse(result, precision)
    return result


def _folded_copy(module: Part) -> Part:
    result = copied(module).eval().requires_grad_(False)
    fold(result)
    return result


def _padded(before: nn.Module | None, conv: nn.Conv2d) -> tuple[int, int] | None:
    """Returns the padding at the start and at the end of each side by the layer before, if fusing it saves time.

    That is for depthwise convolutions, where a copy takes as long as the convolution itself. In others, the additional
    zeros of the kernel would take longer.
    """
    if not isinstance(before, nn.ZeroPad2d) or conv.padding != (0, 0) or conv.groups < conv.in_channels:
        return None
    left, right, top, bottom = before.padding
    return (left, right) if (left, right) == (top, bottom) and 0 <= left <= right else None


def _activation(children: dict[str, nn.Module | None], following: list[str]) -> str | None:
    """Returns the name of the next of the following layers except identities if it is a rectifier; otherwise None."""
    for name in following:
        if isinstance(children[name], nn.ReLU | nn.ReLU6):
            return name
        if not isinstance(children[name], nn.Identity):
            return None
    return None


def _as_float32(module: nn.Module, arguments: tuple) -> tuple:
    return tuple(a.float() if isinstance(a, Tensor) and a.dtype == torch.bfloat16 else a for a in arguments)


class FastSteps:
    """Optimized ``encode`` and ``decode`` of a network for prediction: see :class:`cosod.models.base.Steps`.

    ``deep`` is float32 in any precision, because the network itself computes the consensus.

    Args:
        network: network in evaluation mode; it is copied, and not changed.
        device: device of the network.
        precision: ``float32`` (with the results of the network within rounding) or ``bfloat16``.
    """

    def __init__(self, network: CoSaliencyNetwork, device: torch.device, precision: str = "float32"):
        self.device = device
        self.precision = getattr(torch, precision)
        on_cpu = self.device.type == "cpu"
        self.network = fused_copy(network, self.precision) if on_cpu else _folded_copy(network)

    def encode(self, images: Tensor) -> Features:
        with self._precision():
            features = self.network.encode(images)
        return features._replace(deep=features.deep.float())

    def decode(self, features: Features, consensus: Consensus) -> Output:
        with self._precision():
            return self.network.decode(features, consensus)

    def _precision(self):
        # On the CPU, the fused layers convert their inputs themselves.
        if self.device.type == "cpu" or self.precision == torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, self.precision)


def prefer_kept_memory() -> bool:
    """Configures the C library to keep freed memory for later allocations; returns whether it was possible.

    A network allocates and frees megabytes a hundred times in a forward pass. With the defaults of glibc, each time
    costs system calls and page faults, a tenth of the whole time on two cores and more in training. The setting applies
    to the whole process, so that only programs should change it, such as the command line.
    """
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    trim_threshold, mmap_threshold = -1, -3
    return bool(mallopt(mmap_threshold, 1 << 30)) & bool(mallopt(trim_threshold, 2**31 - 1))
