"""Networks for the tests of other runtimes: the default's weights, and small ones of the other kinds."""

import functools

import torch

from cosod.inference.probe_images import drawn_group
from cosod.io.resizing import shrink
from cosod.io.tensors import to_batch
from cosod.models.checkpoints import loading
from cosod.models.registry import create, create_for_weights
from tests.models.filled import filled

#: Name -> network and options.
SMALL = {
    "gconet": ("gconet", {"groups": 3, "channels": 8}),
    "gconet_plus": ("gconet_plus", {"groups": 3, "confidence": 10.0}),
    "gconet_plus_released": ("gconet_plus", {"groups": 3, "confidence": "released"}),
    "gconet_plus_refined": ("gconet_plus", {"groups": 3, "confidence": 10.0, "refiner": "image_mask"}),
    "ssnm": ("ssnm_mobile", {"groups": 3, "channels": 8}),
    "ssnm_reference": ("ssnm_reference", {"groups": 3, "channels": 8, "backbone": "mobilenet_v2"}),
}


@functools.cache
def network(name):
    """One of :data:`SMALL` with made-up weights, or ``default``."""
    if name == "default":
        return loading.load().eval()
    registered, options = SMALL[name]
    if registered.startswith("ssnm"):  # which filled weights make too steep
        torch.manual_seed(0)
        return create(registered, **options).eval()
    made = create_for_weights(registered, **options)
    made.load_state_dict(filled({k: tuple(v.shape) for k, v in made.state_dict().items()}))
    if registered == "gconet_plus":
        made.threshold[-1].bias.data -= 8.4  # so that maps are neither all dark nor all bright
    return made.eval().to(memory_format=torch.channels_last)


def group(own, number, size):
    """``(number, 3, size, size)``: the drawn images of a red disc, and beyond three the same turned."""
    drawn = to_batch([shrink(image, size) for image in drawn_group()], own.mean, own.std)
    return torch.cat([drawn, drawn.flip(3), drawn.flip(2)])[:number]
