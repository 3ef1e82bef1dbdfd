"""Whatever goes wrong with one photo is that photo's failure: the others are done."""

import contextlib
import os
from collections.abc import Iterator

from cosod.errors import CosodError, ImageError, OutputError


@contextlib.contextmanager
def blame(image: str | os.PathLike) -> Iterator[None]:
    """Raises what goes wrong inside as the failure of one image; a result that cannot be written stays what it is.

    Args:
        image: its path, which the message names.

    Raises:
        ImageError: in place of any other error.
        OutputError: a result cannot be written, which no other image escapes either.

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
