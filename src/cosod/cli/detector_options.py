"""The options of commands that find objects, made from :class:`cosod.inference.options.DetectorOptions`."""

import functools
import shlex
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cosod.cli.parameters import AtLeast, LocalPath, OneOf
from cosod.inference.options import DetectorOptions, ReferenceSampling, choices_of, default_of, help_of, least_of

if TYPE_CHECKING:
    from cosod.inference.detector import Detector

#: The network that a command uses.
model_option = click.option(
    "--model",
    default="default",
    show_default=True,
    metavar="NAME",
    help="Network to use: default, accurate, or a name that `cosod models` lists.",
)
#: The weights that a command uses.
weights_option = click.option(
    "--weights",
    type=LocalPath(),
    help="Weights file, or folder of a training run, to use instead of the weights of the package.",
)
#: Parameters of commands that are options of the detector under another name.
RENAMED = {"working_size": "size"}
#: Parameters of :func:`network_options`, in the order of their help.
ORDER = (
    "model",
    "weights",
    "flip",
    "closer",
    "keep_regions",
    "working_size",
    "device",
    "batch",
    "max_pixels",
    "backend",
    "precision",
)
#: What commands take by default where that is not what Python callers get.
DEFAULTS = {"precision": "auto"}


@dataclass(frozen=True)
class Network:
    """A network, its weights and how it is used, as they were given to a command.

    Attributes:
        model: name of the network.
        weights: file or folder of a training run in place of the package's weights.
        options: options of detection.
    """

    model: str = "default"
    weights: Path | None = None
    options: DetectorOptions = field(default_factory=DetectorOptions)

    def using(self, **changes: Any) -> "Network":
        """Returns the same with other options of detection, by name; those given as None stay as they are."""
        return replace(self, options=DetectorOptions.of(self.options, **changes))

    def open(self) -> tuple["Detector", str]:
        """Returns the detector, and the identity of its network and weights."""
        from cosod.inference import cpu_fusion
        from cosod.inference.functions import load

        cpu_fusion.prefer_kept_memory()
        detector = load(self.model, weights=self.weights, options=self.options)
        return detector, detector.identity[1]

    def files(self) -> list[Path]:
        """Returns the files of weights that :meth:`open` may read, beside the package's own."""
        return weights_files(self.weights)


def network_options(size: str = "--size", without: Collection[str] = ()) -> Callable:
    """Adds the options that choose a network and how it is used; the command gets them as ``network``.

    Args:
        size: name of the option for the working size.
        without: names of :data:`ORDER` that the command does not have.

    Example:
        >>> @click.command()
        ... @network_options()
        ... def command(network: Network):
        ...     detector, identity = network.open()
    """
    names = [name for name in ORDER if name not in without]

    def add(function: Callable) -> Callable:
        @functools.wraps(function)
        def command(*arguments: Any, **values: Any) -> Any:
            given = {name: values.pop(name) for name in (*names, "references") if name in values}
            return function(*arguments, network=_network(**given), **values)

        for name in reversed(names):
            command = _option(name, size)(command)
        return command

    return add


def group_options(function: Callable) -> Callable:
    """Adds the options of commands that form the consensus of a group; with :func:`network_options`."""
    what = (
        "Number of photos that each photo of a group of more than 200 is compared with; 0 compares it with all.  "
        "[default: 128]"
    )
    return click.option("--references", type=AtLeast(0), help=what)(function)


def use_of(weights: Path) -> str:
    """Returns the command that uses weights, ready to be copied into a shell."""
    return f"cosod segment --weights {shlex.quote(str(weights))} PHOTOS -o OUTPUT"


def weights_files(weights: Path | None) -> list[Path]:
    """Returns the files that ``--weights`` may read: the file given, or that of the training run given."""
    from cosod.models.checkpoints.loading import RESULT

    if weights is None:
        return []
    return [weights / RESULT if weights.is_dir() else weights]


def map_source(maps: Path | None, network: Network):
    """Returns the source of maps: the folder of an earlier run, or a network."""
    from cosod.apps.map_sources import DetectedMaps, StoredMaps

    if maps is not None:
        return StoredMaps(maps, network.options.max_pixels)
    return DetectedMaps(*network.open())


def _network(
    model: str = "default", weights: Path | None = None, references: int | None = None, **options: Any
) -> Network:
    """Returns what the parameters of a command say of network and detection."""
    changes = {RENAMED.get(name, name): value for name, value in options.items()}
    sampling = None if references is None else ReferenceSampling(references)
    return Network(model, weights, DetectorOptions.of(sampling=sampling, **changes))


def _option(name: str, size: str) -> Callable:
    if name == "model":
        return model_option
    if name == "weights":
        return weights_option
    option = RENAMED.get(name, name)
    spelled = (size, name) if name == "working_size" else (f"--{name.replace('_', '-')}",)
    default, least = DEFAULTS.get(option, default_of(option)), least_of(option)
    words = choices_of(option)
    kind: click.ParamType | None = OneOf(words) if words else None if least is None else AtLeast(least)
    if default is False:
        return click.option(*spelled, is_flag=True, help=help_of(option))
    if "[default:" in help_of(option):  # in words
        return click.option(*spelled, type=kind, help=help_of(option))
    return click.option(*spelled, type=kind, default=default, show_default=True, help=help_of(option))
