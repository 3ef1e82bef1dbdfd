"""Writing results in background threads while the network continues; callbacks run in the order of submission."""

import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

#: Bytes of results that may wait to be written; a single larger result is accepted if no other result waits.
WAITING_BYTES = 256 << 20
#: Maximum number of waiting results for each thread.
WAITING = 4


class Writer:
    """A pool of threads that runs functions, and calls a callback for each in the order of submission.

    The callbacks run in the calling thread, within :meth:`put`, :meth:`then` and :meth:`drain`. A callback runs once
    its own work and all work that was submitted earlier is done, so it may report that all earlier results are written.
    An error in the work is raised by the same three methods. Used as a context manager, the writer waits for all work
    when the block ends; after an error in the block, work that has not begun is cancelled.

    Args:
        threads: number of threads; by default the number of processors, but at most four.
        most: maximum number of bytes of the results that wait to be written.

    Example:
        >>> with Writer(threads=1) as writer:
        ...     writer.put(lambda: "mug.png", lambda name: print(name, "is written"))
        mug.png is written
    """

    def __init__(self, threads: int | None = None, most: int = WAITING_BYTES):
        self.threads = threads or min(4, os.cpu_count() or 1)
        self._most, self._bytes = most, 0
        self._pool = _threads(self.threads)
        self._queue: deque[tuple[Future | None, Callable[..., None], int]] = deque()
        self._open = 0

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        try:
            if kind is None:
                self.drain()
        finally:
            self._queue.clear()
            self._pool.shutdown(cancel_futures=True)

    def put(self, work: Callable[[], Any], then: Callable[[Any], None], size: int = 0) -> None:
        """Submits work to a thread; blocks while too many results, or too many bytes, wait to be written.

        Args:
            work: function that runs in a thread; it must be thread-safe.
            then: callback that is called later, in the calling thread, with what ``work`` returned.
            size: number of bytes that stay in memory until the work is done.
        """
        while self._open and (self._open >= WAITING * self.threads or self._bytes + size > self._most):
            self._next()
        self._queue.append((self._pool.submit(work), then, size))
        self._open += 1
        self._bytes += size
        self._advance()

    def then(self, call: Callable[[], None]) -> None:
        """Calls ``call`` once all work that was submitted earlier is done."""
        self._queue.append((None, lambda _: call(), 0))
        self._advance()

    def drain(self) -> None:
        """Waits until all submitted work is done and all callbacks have run."""
        while self._queue:
            self._next()

    def _advance(self) -> None:
        """Runs the callbacks of the finished work at the head of the queue."""
        while self._queue and (self._queue[0][0] is None or self._queue[0][0].done()):
            self._next()

    def _next(self) -> None:
        future, then, size = self._queue.popleft()
        if future is not None:
            self._open -= 1
            self._bytes -= size
        then(future.result() if future is not None else None)


def _threads(count: int) -> ThreadPoolExecutor:
    """Returns a pool whose threads run PyTorch operations on one core each, without affecting those of the network."""
    if (torch := sys.modules.get("torch")) is None:
        return ThreadPoolExecutor(count, "cosod-write")
    before = torch.get_num_threads()

    def begin() -> None:
        torch.get_num_threads()  # the first call in a thread adopts the global number, which must not happen later
        torch.set_num_threads(1)

    threads = ThreadPoolExecutor(count, "cosod-write", begin)
    started = threading.Barrier(count)
    for waiting in [threads.submit(started.wait) for _ in range(count)]:
        waiting.result()
    # A number that is set holds for the thread that sets it, and for all threads that begin later.
    torch.set_num_threads(before)
    return threads
