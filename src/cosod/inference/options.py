"""Options of detection, in one dataclass from the command line to the network.

No heavy module is imported here, so that the command line creates its options from the fields and still starts quickly.
"""

import operator
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from typing import Any

from cosod.errors import InputError
from cosod.io.limits import MAX_PIXELS

#: Values of ``precision``.
PRECISIONS = ("auto", "float32", "bfloat16", "int8")
#: Values of ``backend``.
BACKENDS = ("torch", "onnxruntime", "openvino")
#: Values of ``ReferenceSampling.by``.
WAYS = ("spread", "random")
#: Bytes of encoder features that a group may keep between encoding and decoding. What exceeds them is encoded a second
#: time, batch by batch, for decoding.
FEATURE_BYTES = 1 << 30


def check_backend(backend: str) -> None:
    """Raises ``InputError`` unless ``backend`` is one of :data:`BACKENDS`.

    Example:
        >>> check_backend("onnxruntime")
    """
    if backend not in BACKENDS:
        raise InputError(f"there is no backend {backend!r}; choose one of {', '.join(BACKENDS)}")


@dataclass(frozen=True)
class ReferenceSampling:
    """Choice of the references, with which the images of a large group are compared; see docs/large_groups.md.

    Attributes:
        references: number of images that each image is compared with; 0 compares it with all images of the group.
        by: ``random`` draws the references at random; ``spread`` draws more candidates and chooses those that lie
            farthest apart in feature space, each weighted by the number of candidates that lie nearest to it.
        exact_up_to: groups of up to this number of images are compared exactly, each image with all others.
        seed: seed of the draw.

    Raises:
        InputError: ``references`` is negative, or ``by`` is unknown.

    Example:
        >>> ReferenceSampling(references=64).applies_to(1000)
        True
    """

    references: int = 128
    by: str = "spread"
    exact_up_to: int = 200
    seed: int = 0

    def __post_init__(self):
        if self.references < 0 or self.references == 1:
            raise InputError(f"references {self.references}: give 2 or more, or 0 to compare all images with all")
        if self.by not in WAYS:
            raise InputError(f"references by {self.by!r}: give one of {', '.join(WAYS)}")

    def applies_to(self, images: int) -> bool:
        """Returns whether a group of this number of images is compared with references only."""
        return 0 < self.references < images and images > self.exact_up_to


#: Default choice of the references.
SAMPLING = ReferenceSampling()


def _option(default: Any, what: str, least: int | None = None, choices: tuple[str, ...] = ()) -> Any:
    """Returns a dataclass field with its help text and its minimum or choices."""
    return field(default=default, metadata={"help": what, "least": least, "choices": choices})


@dataclass(frozen=True)
class DetectorOptions:
    """All options of detection; :class:`cosod.Detector` takes them whole or by name.

    Attributes:
        device: ``auto`` (CUDA where there is one, else the CPU), ``cpu``, ``cuda``, ``cuda:1``, ...
        size: side in pixels of the square that images are resized to, at least 1 and as the network allows; by default
            the network's own. The light networks take rectangles of each image's own proportions instead, with about
            as many pixels (:func:`cosod.io.resizing.input_shape`).
        batch: number of images that are encoded or decoded at once, at least 1. It bounds memory and changes no
            result.
        max_pixels: maximum number of pixels of an image, at least 1; larger images are refused (see
            :func:`cosod.io.read_image`).
        feature_bytes: number of bytes of features of a group that are kept between encoding and decoding, at least 0.
            With 0 neither features nor images are kept.
        precision: ``float32``; ``bfloat16``, which takes half the time on processors that support it, and whose maps
            differ slightly on average and visibly in places; ``int8``, which takes about half the time on processors
            with fast integer arithmetic (networks of the package, near their own sizes, extra ``onnx``); or ``auto``:
            ``int8`` if it is available and a probe shows that it is faster, otherwise ``bfloat16`` if the device
            supports it in hardware and the maps of a probe differ by no more than half a level of 255 on average (see
            :mod:`cosod.inference.precision`), otherwise ``float32``.
        sampling: choice of the references, with which the images of a large group are compared.
        backend: runtime that computes features and maps: ``torch``, or on the CPU ``onnxruntime`` or ``openvino``,
            both in float32. For these the network is converted once and stored in the cache (see
            :mod:`cosod.inference.backends`).
        flip: whether the maps of each image and its mirror image are averaged: slightly better maps, twice the time.
        closer: whether small objects are segmented again in an enlarged crop (:mod:`cosod.inference.zoom_in`): better
            maps of small objects. Images are then read once more, at their full size.
        keep_regions: whether maps stay as the network computes them: regions that resemble the shared object less than
            others in the same image are not faded (:mod:`cosod.inference.region_filter`), and the maps of a group are
            not changed by each other (:mod:`cosod.inference.position_classifier`). The same happens if the weights
            contain no constants for these.
        free_threads: whether the network takes only as many threads of the CPU as other processes leave cores free,
            during the whole run (see :mod:`cosod.inference.threads`). The number of threads of the process is changed
            for this; commands do it.

    Raises:
        InputError: a value is out of range, or the backend does not support the device or the precision.

    Example:
        >>> options = DetectorOptions(size=384, flip=True)
        >>> options.views
        {'size': 384, 'flip': True, 'closer': False, 'keep_regions': False}
    """

    device: str = _option("auto", "Device that the network runs on: auto, cpu, cuda, cuda:1, ...")
    size: int | None = _option(
        None,
        "Working size: images are resized to as many pixels as a square of this side has.  [default: the network's]",
        least=1,
    )
    batch: int = _option(
        8, "Number of images that the network takes at once; changes the memory used, not the results.", least=1
    )
    max_pixels: int = _option(
        MAX_PIXELS, f"Refuse images of more pixels than this.  [default: {MAX_PIXELS // 10**6} million]", least=1
    )
    feature_bytes: int = _option(FEATURE_BYTES, "Bytes of features of a group that are kept in memory.", least=0)
    precision: str = _option(
        "float32",
        "Precision of the network; auto is int8 if installed and faster, else bfloat16 if maps stay the same, "
        "else float32.",
        choices=PRECISIONS,
    )
    sampling: ReferenceSampling = field(
        default=SAMPLING, metadata={"help": "How images of a large group are compared.", "least": None, "choices": ()}
    )
    backend: str = _option("torch", "Runtime that computes the network.", choices=BACKENDS)
    flip: bool = _option(False, "Average the maps of each photo and its mirror image: better maps, twice the time.")
    closer: bool = _option(False, "Segment small objects again in an enlarged crop: better maps, more time.")
    keep_regions: bool = _option(
        False,
        "Keep regions that resemble the shared object less than others in the same photo, which are faded otherwise, "
        "and do not change maps by the other maps of the group.",
    )
    free_threads: bool = _option(False, "Take as many threads of the CPU as other processes leave cores free.")

    def __post_init__(self):
        for option in fields(self):
            value, least = getattr(self, option.name), option.metadata["least"]
            if least is not None and not (value is None and option.default is None):
                object.__setattr__(self, option.name, _at_least(option.name, value, least))
        if self.precision not in PRECISIONS:
            raise InputError(f"precision {self.precision!r}; give one of {', '.join(PRECISIONS)}")
        if self.precision == "int8" and self.device not in ("auto", "cpu"):
            raise InputError(f"precision int8 computes on the CPU only; leave device {self.device!r} out, or int8")
        check_backend(self.backend)
        if self.backend == "torch":
            return
        if self.device not in ("auto", "cpu"):
            raise InputError(
                f"backend {self.backend} computes on the CPU only; leave device {self.device!r} out, or the backend"
            )
        if self.precision == "int8" and self.backend == "onnxruntime":
            return  # ONNX Runtime computes int8 with any backend
        if self.precision not in ("auto", "float32"):
            raise InputError(f"backend {self.backend} computes in float32 only; leave precision {self.precision!r} out")

    @classmethod
    def of(cls, options: "DetectorOptions | None" = None, **changes: Any) -> "DetectorOptions":
        """Returns options with some of them changed; those given as None stay as they are.

        Args:
            options: options to change; by default the default options.
            changes: new values by the names of the fields.

        Raises:
            InputError: a value is out of range.
            TypeError: there is no option of this name.
        """
        return replace(options or cls(), **{name: value for name, value in changes.items() if value is not None})

    @property
    def views(self) -> dict[str, int | bool | None]:
        """The options that change the maps, as plain values, by which maps of different runs are distinguished."""
        return {"size": self.size, "flip": self.flip, "closer": self.closer, "keep_regions": self.keep_regions}

    def plain(self) -> dict[str, Any]:
        """Returns all options as JSON values for the records of runs; :meth:`from_plain` reads them."""
        return asdict(self)

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> "DetectorOptions":
        """Returns options from the result of :meth:`plain`."""
        return cls(**{**values, "sampling": ReferenceSampling(**values["sampling"])})


def help_of(name: str) -> str:
    """Returns the help text of an option."""
    return _field(name).metadata["help"]


def choices_of(name: str) -> tuple[str, ...]:
    """Returns the choices of an option; empty if it takes other values."""
    return _field(name).metadata["choices"]


def default_of(name: str) -> Any:
    """Returns the default of an option."""
    found = _field(name).default
    assert found is not MISSING
    return found


def least_of(name: str) -> int | None:
    """Returns the minimum of an option that is a number."""
    return _field(name).metadata["least"]


def _field(name: str) -> Any:
    return next(option for option in fields(DetectorOptions) if option.name == name)


def _at_least(name: str, value: Any, least: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise InputError(f"{name} {value!r}: give a whole number of at least {least}") from None
    if number < least:
        raise InputError(f"{name} {number}: give at least {least}")
    return number
