"""Choice of the device."""

import torch

from cosod.errors import DeviceError


def choose_device(device: str = "auto") -> torch.device:
    """Returns the device of a name; ``auto`` is CUDA if it is available, otherwise the CPU.

    Raises:
        DeviceError: the device is unknown or not available.
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
