"""Turning any error in the processing of one photo into a failure of that photo, so that the others are processed."""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import TypeVar

from cosod.errors import CosodError, ImageError, OutputError

Made = TypeVar("Made")


@contextlib.contextmanager
def blame(image: str | os.PathLike) -> Iterator[None]:
    """Raises an :class:`~cosod.errors.ImageError` that names the image in place of an error in the block.

    An :class:`~cosod.errors.OutputError` passes unchanged, because a result that cannot be written concerns all images.

    Args:
        image: path of the image.

    Raises:
        ImageError: any other error occurred in the block.
        OutputError: a result cannot be written.

    Example:
        >>> with blame("mug.jpg"):
        ...     raise MemoryError
        Traceback (most recent call last):
        cosod.errors.ImageError: mug.jpg: too large for the memory of this machine; reduce the image
    """
    try:
        yield
    except OutputError:
        raise
    except CosodError as error:
        raise ImageError(str(error) if str(image) in str(error) else f"{image}: {error}") from error
    except MemoryError as error:
        raise ImageError(f"{image}: too large for the memory of this machine; reduce the image") from error
    except Exception as error:
        message = f"{image}: cannot be used ({type(error).__name__}: {error}); leave it out, or convert it"
        raise ImageError(message) from error


def blamed(image: str | os.PathLike, work: Callable[[], Made]) -> Made | ImageError:
    """Returns what ``work`` returns, or the error of :func:`blame`, for work in a thread.

    Args:
        image: path of the image.
        work: the processing of the image.

    Raises:
        OutputError: a result cannot be written.

    Example:
        >>> blamed("mug.jpg", lambda: 3)
        3
    """
    try:
        with blame(image):
            return work()
    except ImageError as error:
        return error
