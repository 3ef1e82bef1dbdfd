"""Losses: each term as a pure function, and the total loss of each network."""

from cosod.losses.gconet import GCoNetWeights, gconet_loss
from cosod.losses.gconet_plus import GCoNetPlusWeights, MapWeights, gconet_plus_loss
from cosod.losses.group_losses import (
    adversarial_loss,
    classification_loss,
    focal_loss,
    semi_hard_triplet_loss,
    symmetric_triplet_loss,
)
from cosod.losses.map_losses import (
    bce_loss,
    binary_loss,
    iou_loss,
    mse_loss,
    scale_consistency_loss,
    smooth_masks,
    ssim_loss,
)
from cosod.losses.ssnm import SSNMWeights, category_loss, smooth_l1_loss, ssnm_loss, weighted_bce_loss

__all__ = [
    "GCoNetPlusWeights",
    "GCoNetWeights",
    "MapWeights",
    "SSNMWeights",
    "adversarial_loss",
    "bce_loss",
    "binary_loss",
    "category_loss",
    "classification_loss",
    "focal_loss",
    "gconet_loss",
    "gconet_plus_loss",
    "iou_loss",
    "mse_loss",
    "scale_consistency_loss",
    "semi_hard_triplet_loss",
    "smooth_l1_loss",
    "smooth_masks",
    "ssim_loss",
    "ssnm_loss",
    "symmetric_triplet_loss",
    "weighted_bce_loss",
]
