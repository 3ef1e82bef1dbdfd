"""Display of the progress of a computation: a progress bar on a terminal, or lines in a log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

#: A line is printed after each of this number of equal parts of the work, and after this number of seconds without one.
PARTS, SECONDS = 4, 30.0


@contextmanager
def progress(total: int, unit: str, what: str) -> Iterator[Callable[[int], None]]:
    """Shows the progress of a computation on standard error: a progress bar on a terminal, otherwise a few lines.

    Args:
        total: total number of units of work.
        unit: name of a unit in the singular, e.g. ``image``.
        what: name of the computation in the lines.

    Yields:
        A function that is to be called with the number of units that were done since its last call.

    Example:
        >>> with progress(2, "step", "stage 0") as done:  # doctest: +SKIP
        ...     done(1)
          stage 0: 1 of 2 steps, 0 s
    """
    if sys.stderr.isatty():
        with tqdm(total=total, unit=unit, leave=False, dynamic_ncols=True) as bar:
            yield bar.update
        return
    start = told = time.monotonic()
    count = part = 0

    def update(more: int = 1) -> None:
        nonlocal count, part, told
        count += more
        now = time.monotonic()
        if count * PARTS // max(1, total) > part or now - told > SECONDS:
            part, told = count * PARTS // max(1, total), now
            line = f"  {what}: {count} of {total} {unit}{'' if total == 1 else 's'}, {now - start:.0f} s"
            print(line, file=sys.stderr, flush=True)

    yield update
