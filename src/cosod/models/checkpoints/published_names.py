"""The kinds of checkpoints of the published code: how to recognize them, and their names of the parameters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from cosod.models.backbones.vgg import BLOCKS
from cosod.models.base import CoSaliencyNetwork
from cosod.models.f3net import F3Net, F3NetConfig
from cosod.models.gconet import GCoNet, GCoNetConfig
from cosod.models.gconet_plus import GCoNetPlus, GCoNetPlusConfig
from cosod.models.ssnm import LEVELS, SSNM, SSNMConfig

State = Mapping[str, Tensor]
#: (prefix of the names here, prefix or prefixes of the published names); the first row that matches a name is used.
Rows = list[tuple[str, str | tuple[str, ...]]]


@dataclass(frozen=True)
class Family:
    """One published code base.

    Attributes:
        label: its name in messages.
        network: class of this package.
        matches: returns whether a published state dict is of this family.
        config: returns the configuration for a published state dict.
        rows: returns the names here and the published ones for a configuration.
        unused: returns the entries that the published code creates and never uses, with their shapes; they are ignored
            when a checkpoint is read, and zero when one is written.
    """

    label: str
    network: type[CoSaliencyNetwork]
    matches: Callable[[State], bool]
    config: Callable[[State], Any]
    rows: Callable[[Any], Rows]
    unused: Callable[[Any], dict[str, tuple[int, ...]]]


def _affinity(ours: str) -> Rows:
    parts = (("query", "query_transform"), ("key", "key_transform"), ("project", "conv6"))
    return [(f"{ours}.{our}.", f"co_x5.all_attention.{their}.") for our, their in parts]


def _affinity_unused(channels: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for name in ("conv_output", "conv_transform"):
        shapes[f"co_x5.{name}.weight"] = (channels, channels, 1, 1)
        shapes[f"co_x5.{name}.bias"] = (channels,)
    shapes["co_x5.fc_transform.weight"] = (channels, channels)
    shapes["co_x5.fc_transform.bias"] = (channels,)
    return shapes


def _contrast() -> Rows:
    return [("contrast.0.", "pred_layer.enlayer.0."), ("contrast.2.", "pred_layer.predlayer.0.")]


def _groups(state: State, default: int) -> int:
    """Returns the size of the classifier; the default if the file has none, which is reported as missing later."""
    weight = state.get("classifier.weight")
    return len(weight) if weight is not None and weight.ndim else default


# --- GCoNet ---------------------------------------------------------------------------------------------------


def _gconet_rows(config: GCoNetConfig) -> Rows:
    rows: Rows = []
    number = 0
    for block, channels in enumerate(BLOCKS, start=1):
        number += block > 1  # the pooling
        for layer in range(1, len(channels) + 1):
            rows.append((f"backbone.conv{block}.{number}.", f"backbone.conv{block}.conv{block}_{layer}."))
            number += 2
    for level in (1, 2, 3, 4):
        rows.append((f"lateral{level}.", f"latlayer{level}.convlayer."))
        rows.append((f"merge{level}.", f"enlayer{level}.enlayer."))
        rows.append((f"predict{level}.4.", f"dslayer{level}.predlayer.0."))
        rows.append((f"predict{level}.", f"dslayer{level}.enlayer."))
    return [*rows, *_affinity("affinity"), *_contrast(), ("top.", "toplayer."), ("classifier.", "classifier.")]


def _gconet_unused(config: GCoNetConfig) -> dict[str, tuple[int, ...]]:
    shapes = _affinity_unused(512)
    for number, o, i in ((0, 4096, 25088), (3, 4096, 4096), (6, 1000, 4096)):  # VGG's classifier of ImageNet
        shapes[f"backbone.classifier.{number}.weight"] = (o, i)
        shapes[f"backbone.classifier.{number}.bias"] = (o,)
    return shapes


# --- GCoNet+ --------------------------------------------------------------------------------------------------


def _plus_config(state: State) -> GCoNetPlusConfig:
    if "bb.conv2.0.conv1.weight" in state:
        backbone = "resnet50"
    else:
        backbone = "vgg16_bn" if "bb.conv1.1.running_mean" in state else "vgg16"
    return GCoNetPlusConfig(
        backbone=backbone,
        lateral="resblk" if "latlayer5.conv_in.weight" in state else "plain",
        conv_after_resize="dslayer5.conv1.weight" in state,
        outputs=1 + sum(f"conv_out{number}.0.weight" in state for number in (2, 3, 4)),
        confidence_module="db_output_decoder.binarize.0.weight" in state,
        confidence="released",
        masked_classification="conv_out_mask.0.weight" in state,
        mask_merge="concat" if "conv_cat_mask.weight" in state else "product",
        contrast="pred_layer.enlayer.0.weight" in state,
        groups=_groups(state, GCoNetPlusConfig.groups),
    )


def _numbered(ours: str, theirs: str, names: tuple[str, ...], bn: bool) -> Rows:
    """Returns rows of a sequence of (convolution, normalization, ReLU) whose parts have names in the published code."""
    rows: Rows = []
    number = 0
    for conv, norm in zip(names[::2], names[1::2], strict=True):
        rows.append((f"{ours}.{number}.", f"{theirs}.{conv}."))
        if bn:
            rows.append((f"{ours}.{number + 1}.", f"{theirs}.{norm}."))
        number += 3 if bn else 2
    return rows


def _plus_rows(config: GCoNetPlusConfig) -> Rows:
    bn = config.backbone != "vgg16"
    resblk = ("conv_in", "bn_in", "conv_out", "bn_out")
    after = ("conv1", "bn1", "conv2", "bn2", "pred_conv", "pred_bn")
    rows = [("backbone.", "bb."), *_numbered("top", "top_layer", resblk, bn), *_affinity("relation"), *_contrast()]
    for number in (5, 4, 3, 2, 1):
        rows += _numbered(f"block{number}", f"enlayer{number}", resblk, bn)
        if config.lateral == "resblk":
            rows += _numbered(f"lateral{number}", f"latlayer{number}", resblk, bn)
        else:
            rows.append((f"lateral{number}.", f"latlayer{number}."))
        rows += _numbered(f"after{number}", f"dslayer{number}", after, bn)
        rows.append((f"side{number}.", f"conv_out{number}."))
    return [
        *rows,
        ("probability.", "db_output_decoder.binarize."),
        ("threshold.", "db_output_decoder.thresh."),
        ("predict.", "conv_out1.0."),
        ("mask.", "conv_out_mask.0."),
        ("merge.", "conv_cat_mask."),
        ("classifier.", "classifier."),
    ]


def _plus_unused(config: GCoNetPlusConfig) -> dict[str, tuple[int, ...]]:
    shapes = _affinity_unused(2048 if config.backbone == "resnet50" else 512)
    if config.confidence_module:  # created even if the confidence module replaces it
        shapes |= {"conv_out1.0.weight": (1, 32, 1, 1), "conv_out1.0.bias": (1,)}
    return shapes


# --- SSNM -----------------------------------------------------------------------------------------------------

#: The decoder blocks that share their weights in the published code, coarsest first.
SHARED = ("concat4", "concat3", "concat2")
LAYERS = (("reduce", "0"), ("merge", "2"), ("up", "4"))


def _ssnm_config(state: State) -> SSNMConfig:
    width = SSNMConfig().width
    groups, channels = SSNMConfig.groups, width
    weight = state.get("cls.0.weight")
    if weight is not None and weight.ndim == 2:
        groups, channels = weight.shape
    first = {name.removeprefix(SHARED[0]): tensor for name, tensor in state.items() if name.startswith(SHARED[0])}
    pairs = [(tensor, state.get(other + rest, tensor)) for rest, tensor in first.items() for other in SHARED[1:]]
    tied = all(one.equal(other) for one, other in pairs)
    return SSNMConfig(
        form="reference",
        groups=groups,
        channels=None if channels == width else channels,
        tied=None if tied else False,
    )


def _ssnm_rows(config: SSNMConfig) -> Rows:
    rows: Rows = [(f"backbone.conv{block}.", "base.") for block in range(1, len(BLOCKS) + 1)]
    for level in LEVELS:
        rows += [(f"lateral{level}.{part}.", f"incr_channel{part + 1}.{level - 1}.") for part in (0, 1)]
        rows += [(f"block{level}.{ours}.", f"concat{level}.{theirs}.") for ours, theirs in LAYERS]
    rows += [(f"block.{ours}.", tuple(f"{name}.{theirs}." for name in SHARED)) for ours, theirs in LAYERS]
    parts = (("first", "sp1.0"), ("second", "sp2.0"), ("select", "cls_m.0"), ("classifier", "cls.0"))
    return [*rows, *((f"semantic.{ours}.", f"{theirs}.") for ours, theirs in parts), ("mask.", "mask.")]


# --- F3Net ----------------------------------------------------------------------------------------------------


def _f3net_rows(config: F3NetConfig) -> Rows:
    rows: Rows = [("backbone.conv1.0.", "bkbone.conv1."), ("backbone.conv1.1.", "bkbone.bn1.")]
    rows += [(f"backbone.conv{number}.", f"bkbone.layer{number - 1}.") for number in (2, 3, 4, 5)]
    rows += [(f"squeeze.{number - 2}.", f"squeeze{number}.") for number in (2, 3, 4, 5)]
    for cfm in [f"decoder{number}.cfm{levels}" for number in (1, 2) for levels in (45, 34, 23)]:
        for number in (1, 2, 3, 4):
            for ours, theirs in (("fine", "h"), ("coarse", "v")):
                rows.append((f"{cfm}.{ours}.{number - 1}.0.", f"{cfm}.conv{number}{theirs}."))
                rows.append((f"{cfm}.{ours}.{number - 1}.1.", f"{cfm}.bn{number}{theirs}."))
    rows += [(f"result{number}.", f"linearp{number}.") for number in (1, 2)]
    return rows + [(f"levels.{number - 2}.", f"linearr{number}.") for number in (2, 3, 4, 5)]


FAMILIES = (
    Family(
        label="GCoNet",
        network=GCoNet,
        matches=lambda state: "backbone.conv1.conv1_1.weight" in state and "toplayer.0.weight" in state,
        config=lambda state: GCoNetConfig(groups=_groups(state, GCoNetConfig.groups)),
        rows=_gconet_rows,
        unused=_gconet_unused,
    ),
    Family(
        label="GCoNet+",
        network=GCoNetPlus,
        matches=lambda state: "bb.conv1.0.weight" in state and "top_layer.conv_in.weight" in state,
        config=_plus_config,
        rows=_plus_rows,
        unused=_plus_unused,
    ),
    Family(
        label="SSNM",
        network=SSNM,
        matches=lambda state: "incr_channel1.0.weight" in state and "sp2.0.weight" in state,
        config=_ssnm_config,
        rows=_ssnm_rows,
        unused=lambda config: {},
    ),
    Family(
        label="F3Net",
        network=F3Net,
        matches=lambda state: "bkbone.conv1.weight" in state and "linearp2.weight" in state,
        config=lambda state: F3NetConfig(classes=len(state["linearp2.weight"])),
        rows=_f3net_rows,
        unused=lambda config: {},
    ),
)
