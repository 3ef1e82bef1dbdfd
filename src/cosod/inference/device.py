"""The device that computes."""

import torch

from cosod.errors import DeviceError


def choose_device(device: str = "auto") -> torch.device:
    """``auto`` is CUDA where there is one, else the CPU; anything else must be there.

    Raises:
        DeviceError: the device is unknown or absent.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(1, device=chosen)
    except Exception as error:
        here = "cpu, cuda" if torch.cuda.is_available() else "cpu"
        raise DeviceError(f"device {device!r} is not available here (available: {here}); use --device auto") from error
    return chosen
