"""The options of commands that run a detector, generated from :class:`cosod.inference.options.DetectorOptions`."""

import contextlib
import functools
import shlex
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cosod.cli.parameters import AtLeast, LocalPath, OneOf
from cosod.inference.options import DetectorOptions, ReferenceSampling, choices_of, default_of, help_of, least_of

if TYPE_CHECKING:
    from cosod.inference.detector import Detector
    from cosod.inference.onnx_detector import OnnxDetector
    from cosod.io.photo_groups import Group

#: The option that selects the network of a command.
model_option = click.option(
    "--model",
    default="default",
    show_default=True,
    metavar="NAME",
    help="Network to use: default, accurate, or a name that `cosod models` lists.",
)
#: The option that selects the weights of a command.
weights_option = click.option(
    "--weights",
    type=LocalPath(),
    help="Weights file, or folder of a training run, to use instead of the weights of the package.",
)
#: Parameter of commands -> option of the detector, where the two have different names.
RENAMED = {"working_size": "size"}
#: Parameters of :func:`network_options`, in the order in which the help lists them.
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
#: Defaults of commands that differ from the defaults of the Python interface.
DEFAULTS = {"precision": "auto"}
#: Options of the detector that all commands set, and that have no parameter.
FIXED: dict[str, Any] = {"free_threads": True}


@dataclass(frozen=True)
class Network:
    """A network, its weights and the options of the detector, as the user gave them to a command.

    Attributes:
        model: name of the network.
        weights: weights file, or folder of a training run; None for the weights of the package.
        options: options of the detector.
    """

    model: str = "default"
    weights: Path | None = None
    options: DetectorOptions = field(default_factory=DetectorOptions)

    def using(self, **changes: Any) -> "Network":
        """Returns the same network with changed options of the detector; options given as None are not changed."""
        return replace(self, options=DetectorOptions.of(self.options, **changes))

    def open(self) -> tuple["Detector", str]:
        """Loads the network; returns the detector, and the identity of its network and weights."""
        from cosod.inference import cpu_fusion
        from cosod.inference.functions import load

        cpu_fusion.prefer_kept_memory()
        detector = load(self.model, weights=self.weights, options=self.options)
        return detector, detector.identity[1]

    def open_for(
        self, photos: Sequence[int] | None, clips: Sequence[Path] = (), alone: bool = False
    ) -> tuple["Detector | OnnxDetector", str]:
        """Loads the network like :meth:`open`, but without PyTorch if it is not needed and would start later.

        Args:
            photos: number of photos of each group that is processed; None if it is not known yet.
            clips: video clips that are processed, which need PyTorch.
            alone: whether saved consensuses are applied to each photo by itself.
        """
        from cosod.errors import ExtraError
        from cosod.inference.onnx_detector import OnnxDetector, pays

        if not clips and pays(self.model, self.weights, self.options, photos, alone):
            with contextlib.suppress(ExtraError):  # it is installed, but cannot be imported
                detector = OnnxDetector(self.model, self.options)
                return detector, detector.facts.identity
        return self.open()

    def files(self) -> list[Path]:
        """Returns the weights files outside the package that :meth:`open` may read."""
        return weights_files(self.weights)


def network_options(size: str = "--size", without: Collection[str] = ()) -> Callable:
    """Returns a decorator that adds the options of the network and the detector to a command.

    The command gets the values of all these options as one argument, ``network``, a :class:`Network`.

    Args:
        size: name of the option for the working size.
        without: names in :data:`ORDER` of options that the command does not have.

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
    """Adds the option of commands that compute the consensus of a group, in addition to :func:`network_options`."""
    what = (
        "Number of photos that each photo of a group of more than 200 is compared with; 0 compares it with all.  "
        "[default: 128]"
    )
    return click.option("--references", type=AtLeast(0), help=what)(function)


def use_of(weights: Path) -> str:
    """Returns a command line that uses a weights file, quoted so that it can be pasted into a shell.

    Example:
        >>> use_of(Path("run/weights.safetensors"))
        'cosod segment --weights run/weights.safetensors PHOTOS -o OUTPUT'
    """
    return f"cosod segment --weights {shlex.quote(str(weights))} PHOTOS -o OUTPUT"


def weights_files(weights: Path | None) -> list[Path]:
    """Returns the file that ``--weights`` reads: the given file, or the weights file in the given training run.

    Returns:
        A list with the file; an empty list if there is no ``weights``.
    """
    if weights is None:
        return []
    from cosod.models.checkpoints.loading import RESULT

    return [weights / RESULT if weights.is_dir() else weights]


def numbers(groups: Sequence["Group"]) -> list[int]:
    """Returns the number of photos of each group, for :meth:`Network.open_for`."""
    return [len(group.images) for group in groups]


def map_source(maps: Path | None, network: Network, groups: Sequence["Group"], clips: Sequence[Path] = ()):
    """Returns the source of the maps of a command: the folder ``maps`` of an earlier run if given, or the network.

    Args:
        maps: folder of the earlier run.
        network: the network that computes the maps otherwise.
        groups, clips: all groups and video clips that are processed.
    """
    from cosod.apps.map_sources import DetectedMaps, StoredMaps

    if maps is not None:
        return StoredMaps(maps, network.options.max_pixels)
    return DetectedMaps(*network.open_for(numbers(groups), clips))


def _network(
    model: str = "default", weights: Path | None = None, references: int | None = None, **options: Any
) -> Network:
    """Returns the :class:`Network` that the parameters of a command describe."""
    changes = {RENAMED.get(name, name): value for name, value in options.items()}
    sampling = None if references is None else ReferenceSampling(references)
    return Network(model, weights, DetectorOptions.of(sampling=sampling, **FIXED, **changes))


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
    if "[default:" in help_of(option):  # the help text describes the default in words
        return click.option(*spelled, type=kind, help=help_of(option))
    return click.option(*spelled, type=kind, default=default, show_default=True, help=help_of(option))
