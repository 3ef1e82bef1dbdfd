"""The training objective, i.e. the module that computes the loss of a batch and that DDP wraps."""

import torch
from torch import Tensor, nn

from cosod.inference.precision import training_dtype
from cosod.losses.registry import REGISTRY, loss_of
from cosod.models.base import CoSaliencyNetwork, Output
from cosod.training.auxiliary_losses import DiscriminatorTrainer, scale_term
from cosod.training.config.recipe import Recipe
from cosod.training.data.loader import Batch


class Objective(nn.Module):
    """Loss of the batches of a step, one of each training set, summed over the sets.

    The network and its loss are one module, so that DDP can find the parameters that the loss depends on: in some
    recipes, no loss depends on some of the heads of the network.

    Args:
        network: the network in training.
        recipe: recipe of the training, with the loss, its weights and the precision.
        discriminator: discriminator of the adversarial loss, or None.
    """

    def __init__(self, network: CoSaliencyNetwork, recipe: Recipe, discriminator: DiscriminatorTrainer | None):
        super().__init__()
        self.network = network
        self.recipe = recipe
        self._loss = loss_of(recipe.loss)
        self._discriminator = discriminator
        #: Maps and masks of the last call, with which the discriminator is trained.
        self.seen: list[tuple[Tensor, Tensor]] = []

    def forward(self, batches: tuple[Batch, ...]) -> tuple[Tensor, dict[str, Tensor]]:
        """Computes the loss of one batch of each training set.

        Args:
            batches: one batch of each training set, on the device of the network.

        Returns:
            The loss summed over the sets, a scalar, and its terms by name, without their factors and detached, for the
            log. If the maps of a batch are not finite, its loss is not finite either.
        """
        self.seen = []
        total = torch.zeros((), device=batches[0].images.device)
        logged: dict[str, Tensor] = {}
        for batch in batches:
            terms = self._terms(batch)
            total = total + terms["total"]
            for name, value in terms.items():
                logged[name] = logged.get(name, 0.0) + value.detach()
        return total, logged

    def _terms(self, batch: Batch) -> dict[str, Tensor]:
        recipe = self.recipe
        device = batch.images.device
        dtype = training_dtype(recipe.optimizer.precision, device)

        def run(images: Tensor) -> Output:
            if self.network.group_sizes:
                return self.network(images, batch.sizes)
            return self.network(images, batch.groups) if self.network.any_groups else self.network(images)

        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            output = run(batch.images)
        drawn = torch.stack([side.sum() for side in output.sides]).sum()
        if not bool(drawn.isfinite()):
            return {"total": drawn}  # binary cross entropy fails with an error at NaN; the loop skips the step
        entry = REGISTRY[recipe.loss]
        classes = batch.shared if entry.shared_labels else batch.classes
        more = {"objects": batch.objects} if entry.all_objects else {}
        terms = self._loss(output, batch.masks, classes, recipe.weights, **more)
        if recipe.auxiliary_losses.scale:
            with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
                terms["scale"] = scale_term(run, batch.images, output.maps)
            terms["total"] = terms["total"] + recipe.auxiliary_losses.scale * terms["scale"]
        if self._discriminator is not None:
            self.seen.append((output.maps.detach(), batch.masks))
            terms["adversarial"] = self._discriminator.term(output.maps)
            terms["total"] = terms["total"] + recipe.auxiliary_losses.adversarial * terms["adversarial"]
        return terms
