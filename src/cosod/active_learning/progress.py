"""Progress of a round: a bar on a terminal, or lines in a log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

#: Lines in a log: one after each of so many parts of the work, and one after so many seconds without any.
PARTS, SECONDS = 4, 30.0


@contextmanager
def progress(total: int, unit: str, what: str) -> Iterator[Callable[[int], None]]:
    """Shows on standard error how far some work is: a bar where that is a terminal, else a line now and then.

    Args:
        total: pieces of work.
        unit: what a piece is, in the singular.
        what: the work, as lines name it.

    Yields:
        A function that is called with how many more pieces are done.

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
