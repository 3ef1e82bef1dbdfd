"""Losses: each term a pure function, and the sums that train GCoNet and GCoNet+."""

from cosod.losses.groups import (
    adversarial_loss,
    classification_loss,
    focal_loss,
    semi_hard_triplet_loss,
    symmetric_triplet_loss,
)
from cosod.losses.maps import (
    bce_loss,
    binary_loss,
    iou_loss,
    mse_loss,
    scale_consistency_loss,
    smooth_masks,
    ssim_loss,
)
from cosod.losses.total import (
    GCoNetPlusWeights,
    GCoNetWeights,
    MapWeights,
    gconet_loss,
    gconet_plus_loss,
)

__all__ = [
    "GCoNetPlusWeights",
    "GCoNetWeights",
    "MapWeights",
    "adversarial_loss",
    "bce_loss",
    "binary_loss",
    "classification_loss",
    "focal_loss",
    "gconet_loss",
    "gconet_plus_loss",
    "iou_loss",
    "mse_loss",
    "scale_consistency_loss",
    "semi_hard_triplet_loss",
    "smooth_masks",
    "ssim_loss",
    "symmetric_triplet_loss",
]
