"""Writing results in threads, while the network goes on, with everything reported in the order it was handed over."""

import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch

#: Bytes of results that may wait to be written; one that is larger waits alone.
WAITING_BYTES = 256 << 20
#: Results for each thread that may wait.
WAITING = 4


class Writer:
    """Runs work in a few threads, and calls back in the thread that handed it over, in the order that it did.

    The callbacks run within :meth:`put` and :meth:`drain`, each once its own work and all before it is done, so that
    a callback may say that what was handed over before is written. An error in the work comes out of these two. As a
    context it ends with everything done; after an error, with nothing more begun.

    Args:
        threads: by default one a processor, at most four.
        most: bytes of results that may wait.
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
        """Have ``work`` done in a thread, and call ``then`` with what it returned; waits while too much waits.

        Args:
            work: thread-safe.
            then: called later, see above.
            size: bytes that wait with the work.
        """
        while self._open and (self._open >= WAITING * self.threads or self._bytes + size > self._most):
            self._next()
        self._queue.append((self._pool.submit(work), then, size))
        self._open += 1
        self._bytes += size
        self._advance()

    def then(self, call: Callable[[], None]) -> None:
        """Call ``call`` once all that was handed over before is done."""
        self._queue.append((None, lambda _: call(), 0))
        self._advance()

    def drain(self) -> None:
        """Wait until everything is done."""
        while self._queue:
            self._next()

    def _advance(self) -> None:
        """Call back for what is done at the head of the queue."""
        while self._queue and (self._queue[0][0] is None or self._queue[0][0].done()):
            self._next()

    def _next(self) -> None:
        future, then, size = self._queue.popleft()
        if future is not None:
            self._open -= 1
            self._bytes -= size
        then(future.result() if future is not None else None)


def _threads(count: int) -> ThreadPoolExecutor:
    """Returns threads that each do torch's work by themselves, and do not wait for the network's processors."""
    before = torch.get_num_threads()

    def begin() -> None:
        torch.get_num_threads()  # takes the number set last by any thread, the first time: not later, then
        torch.set_num_threads(1)

    threads = ThreadPoolExecutor(count, "cosod-write", begin)
    started = threading.Barrier(count)
    for waiting in [threads.submit(started.wait) for _ in range(count)]:
        waiting.result()
    # What is set holds for the thread that sets it, and for all that begin later.
    torch.set_num_threads(before)
    return threads
