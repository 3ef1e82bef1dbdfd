"""Networks from and to the Hugging Face Hub; a repository holds what :func:`~cosod.models.save_pretrained` writes."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import torch

from cosod.errors import CosodError, ExtraError, InputError, OutputError, WeightsError
from cosod.models import registry
from cosod.models.base import CoSaliencyNetwork
from cosod.models.checkpoints import safetensors_file
from cosod.models.checkpoints.loading import RESULT
from cosod.models.checkpoints.pretrained_folder import CARD


def from_pretrained(
    name_or_folder: str | os.PathLike,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | os.PathLike | None = None,
    force_download: bool = False,
    local_files_only: bool = False,
) -> CoSaliencyNetwork:
    """Loads a network from a folder, or from a repository of the Hugging Face Hub; on the CPU, in evaluation mode.

    An existing folder takes precedence, and needs no other package. A repository needs the extra ``hub``; downloaded
    files are kept in the cache of huggingface_hub. Only ``weights.safetensors`` is read, which cannot run any code.

    Args:
        name_or_folder: a folder that :func:`~cosod.models.save_pretrained` or a training run wrote, or the name of a
            repository, ``"user/name"``.
        revision: branch, tag or commit of the repository; by default its main branch. A commit pins the weights.
        token: access token, or ``False`` for none; by default the one that ``hf auth login`` stored.
        cache_dir: folder of the cache; by default that of huggingface_hub.
        force_download: whether to download the file again if it is in the cache.
        local_files_only: whether to use the cache only, without a connection.

    Raises:
        InputError: neither a folder, nor the name of a repository that can be read.
        WeightsError: there is no weights file of this package, or it is damaged or cannot be fetched.
        ExtraError: a repository is asked for, and huggingface_hub is not installed.

    Example:
        >>> network = cosod.models.from_pretrained("user/name")  # doctest: +SKIP
        >>> maps = cosod.Detector(network).segment(["mug1.jpg", "mug2.jpg"])  # doctest: +SKIP
    """
    folder = Path(name_or_folder)
    if folder.is_dir():
        if not (folder / RESULT).is_file():
            raise WeightsError(f"{folder}: this folder holds no {RESULT}; give one that save_pretrained wrote")
        return safetensors_file.load(folder / RESULT)
    if folder.is_file():
        raise InputError(f"{folder}: this is a file; load it with cosod.models.load, or give its folder")
    name = _repository(name_or_folder)
    _check_installed()
    from cosod.models.checkpoints.hub_mixin import HubNetwork

    with _fetching(name, revision):
        loaded = HubNetwork.from_pretrained(
            name,
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            force_download=force_download,
            local_files_only=local_files_only,
        )
    return loaded.network


def push_to_hub(
    network: CoSaliencyNetwork,
    name: str,
    *,
    dtype: torch.dtype | None = None,
    private: bool | None = None,
    token: str | None = None,
    branch: str | None = None,
    create_pr: bool = False,
    commit_message: str | None = None,
) -> str:
    """Pushes a network to a repository of the Hugging Face Hub, which is created if it is missing.

    The repository gets the files of :func:`~cosod.models.save_pretrained`. An existing model card is kept.

    Args:
        network: one of the registered networks.
        name: name of the repository, ``"user/name"``.
        dtype: type of the floating-point values in the file, for instance ``torch.float16`` for half the size.
        private: whether a new repository is private; by default the settings of its owner decide.
        token: access token that may write; by default the one that ``hf auth login`` stored.
        branch: branch to push to; by default the main branch.
        create_pr: whether to open a pull request instead of committing to the branch.
        commit_message: first line of the commit.

    Returns:
        The address of the commit.

    Raises:
        InputError: the network is not registered, or ``name`` is no name of a repository.
        OutputError: the Hub does not take it.
        ExtraError: huggingface_hub is not installed.

    Example:
        >>> cosod.models.push_to_hub(network, "user/name", dtype=torch.float16)  # doctest: +SKIP
    """
    name = _repository(name)
    registry.name_of(network)  # raises before a repository is created
    _check_installed()
    from huggingface_hub import HfApi

    from cosod.models.checkpoints.hub_mixin import HubNetwork

    with _pushing(name):
        has_card = HfApi(token=token).file_exists(name, CARD, revision=branch)
        return HubNetwork(network, title=name, dtype=dtype).push_to_hub(
            name,
            private=private,
            token=token,
            branch=branch,
            create_pr=create_pr,
            commit_message=commit_message or "Push a network of cosod",
            ignore_patterns=[CARD] if has_card else None,
        )


def _repository(name: str | os.PathLike) -> str:
    """Returns the name of a repository.

    Raises:
        InputError: the text does not have the form of a name.
    """
    parts = str(name).split("/")
    if not isinstance(name, str) or len(parts) != 2 or not all(parts) or parts[0] in (".", "..", "~"):
        raise InputError(f"{name}: no such folder, and no name of a repository on the Hub, which is like 'user/name'")
    return name


def _check_installed() -> None:
    try:
        import huggingface_hub  # noqa: F401
    except ImportError as error:
        raise ExtraError("a repository of the Hugging Face Hub", "hub") from error


@contextlib.contextmanager
def _fetching(name: str, revision: str | None) -> Iterator[None]:
    """Turns errors of reading a repository into an error of one sentence."""
    from huggingface_hub import errors

    try:
        yield
    except CosodError:
        raise
    except errors.HFValidationError as error:
        raise InputError(f"{name}: no such folder, and no name of a repository on the Hub: {_line(error)}") from error
    except errors.GatedRepoError as error:
        raise InputError(
            f"{name}: its owner grants access on the Hub; ask for it there, then log in with: hf auth login"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise InputError(
            f"{name}: no such folder, and no such repository on the Hub; check the name, or log in for a private one "
            "with: hf auth login"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise InputError(f"{name}: the repository has no revision {revision!r}; check its name") from error
    except errors.LocalEntryNotFoundError as error:
        raise WeightsError(
            f"{name}: no such folder, its {RESULT} is not in the cache, and the Hub was not reached; check the "
            "connection, or give a folder"
        ) from error
    except errors.EntryNotFoundError as error:
        raise WeightsError(
            f"{name}: the repository holds no {RESULT}; give one that cosod.models.push_to_hub made"
        ) from error
    except Exception as error:  # its client raises errors of many kinds: of the connection, of proxies, of the disk
        raise WeightsError(
            f"{name}: cannot fetch {RESULT} from the Hub: {_line(error)}; check the connection and try again"
        ) from error


@contextlib.contextmanager
def _pushing(name: str) -> Iterator[None]:
    """Turns errors of writing a repository into an error of one sentence."""
    from huggingface_hub import errors

    try:
        yield
    except CosodError:
        raise
    except errors.HFValidationError as error:
        raise InputError(f"{name}: no name of a repository on the Hub: {_line(error)}") from error
    except Exception as error:
        raise OutputError(
            f"cannot push to {name}: {_line(error)}; check the connection and the name, and log in with a token that "
            "may write: hf auth login"
        ) from error


def _line(error: Exception) -> str:
    """Returns the first line of an error's text, without the period at its end."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(". ")
