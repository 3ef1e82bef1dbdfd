"""Images of a single color, which show no object and are left out of their group."""

import warnings
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

import numpy as np

from cosod.errors import ImageError, UniformImageWarning
from cosod.io.prefetch import Inputs


class _Indexed(Protocol):
    @property
    def index(self) -> int:
        """Index of the image in its group."""


R = TypeVar("R", bound=_Indexed)


def with_uniform(results: Iterator[R], inputs: Inputs, empty: Callable[[int], list[R]]) -> Iterator[R]:
    """Yields the results with empty ones for images of a single color, which are reported at the end.

    Args:
        results: results of the other images, in order.
        inputs: the images; those of a single color are known after they are read.
        empty: function that returns the results for the index of an image of a single color.

    Raises:
        ImageError: none of the images can be read.
    """
    given: set[int] = set()

    def missing(before: float) -> Iterator[R]:
        for index in sorted(i for i in inputs.uniform - given if i < before):
            given.add(index)
            yield from empty(index)

    try:
        for result in results:
            if len(inputs.uniform) > len(given):
                yield from missing(result.index)
            yield result
    except ImageError:  # none of the images can be used
        if not inputs.all_uniform:
            raise
    yield from missing(np.inf)
    tell_uniform(inputs)


def tell_uniform(inputs: Inputs) -> None:
    """Warns of the images of a single color in a group."""
    if not inputs.uniform:
        return
    names = [inputs.name(index) for index in sorted(inputs.uniform)]
    some = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    what = "1 image is" if len(names) == 1 else f"{len(names)} images are"
    message = f"{what} of one color, and nothing is to be found there: {some}"
    warnings.warn(message, UniformImageWarning, stacklevel=4)
