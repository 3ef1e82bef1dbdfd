"""Loading a network with weights: by name, from a file of this package, or from a published checkpoint."""

import hashlib
import os
from pathlib import Path

from cosod.errors import InputError, WeightsError, nearest
from cosod.models import registry
from cosod.models.base import CoSaliencyNetwork
from cosod.models.checkpoints import published, safetensors_file
from cosod.models.checkpoints.packaged import ALIASES
from cosod.models.checkpoints.reading import is_safetensors

#: The weights file in the folder of a training run.
RESULT = "weights.safetensors"


def load(name_or_path: str | os.PathLike = "default", expected: str | None = None) -> CoSaliencyNetwork:
    """Loads a network in evaluation mode, with weights.

    Args:
        name_or_path: ``"default"``, ``"accurate"``, another network whose weights come with the package, a weights
            file, or the folder of a training run.
        expected: name of the network that a weights file must hold, or of one that it is a variant of (``ssnm`` of
            ``ssnm_reference``).

    Raises:
        InputError: neither a known name nor a file.
        WeightsError: the file is damaged or holds another network.

    Example:
        >>> cosod.models.load("accurate").size
        352
    """
    name = ALIASES.get(str(name_or_path), str(name_or_path))
    expected = ALIASES.get(expected, expected) if expected else None
    path = Path(name_or_path)
    if name in registry.names():
        packaged = registry.weights_file(name)
        if packaged is None:
            raise InputError(
                f"the package has no weights for {name}; give a file (--weights), "
                "made from a published checkpoint by: cosod convert CHECKPOINT FILE"
            )
        network = safetensors_file.load(packaged)
    elif path.is_dir():
        if not (path / RESULT).is_file():
            raise WeightsError(
                f"{path}: this folder holds no {RESULT}; give a weights file, or a training run that ended"
            )
        network = safetensors_file.load(path / RESULT)
    elif path.is_file() and not is_safetensors(path):
        network = published.from_published(path)
    elif path.is_file() or path.suffix == ".safetensors":
        network = safetensors_file.load(path)
    elif path.suffix or os.sep in name:
        raise WeightsError(f"{path}: no such file; check the path")
    else:
        known = [*ALIASES, *registry.names()]
        raise InputError(f"no network is called {name!r}; {nearest(name, known)}")
    if expected and not _is(network, expected):
        raise WeightsError(
            f"{path}: holds {registry.name_of(network)}, not {expected}; leave --model out or give another file"
        )
    return network


def _is(network: CoSaliencyNetwork, name: str) -> bool:
    own = registry.name_of(network)
    return own == name or (own.startswith(f"{name}_") and type(network) is registry.entry(name).network)


def identity(network: CoSaliencyNetwork) -> str:
    """Returns a short hash of a network's configuration and weights."""
    digest = hashlib.sha256(f"{registry.name_of(network)} {network.config}".encode())
    for key, value in sorted(network.state_dict().items()):
        digest.update(key.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
