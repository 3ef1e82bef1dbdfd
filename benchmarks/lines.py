"""Lines of a table, each measured by a process of its own, in turns."""

import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from machine import cores, peak_memory


class Line(NamedTuple):
    """What a process does.

    Attributes:
        title: for messages.
        prepare: importable function; called once with ``case``, it returns a function that does the work once and
            returns what it found (seconds, above all). A ``CosodError`` or ``TypeError`` of it leaves the line out.
        case: its argument.
    """

    title: str
    prepare: Callable[[Any], Callable[[], Any]]
    case: Any


class Found(NamedTuple):
    """Of one line: what each round returned, and the most bytes of main memory that its process held."""

    rounds: list[Any]
    memory: int


def measure(lines: Sequence[Line], rounds: int, threads: int | None = None) -> list[Found | None]:
    """Do the work of all lines in turns (A B C A B C ...), so that what else the machine does meets all alike.

    Args:
        lines: what is compared with each other.
        rounds: how often each is done.
        threads: of PyTorch in each process; one for each core by default.

    Returns:
        What was found of each line, or None for one that could not be measured, about which a line is printed.

    Raises:
        RuntimeError: the work of a line ended with an error, of which the process printed the traceback.
    """
    # Read when PyTorch is imported, which the function to call may bring about before it is called.
    os.environ["OMP_NUM_THREADS"] = str(threads or cores())
    workers: list[_Worker] = []
    try:
        workers += map(_Worker, lines)
        for _ in range(rounds):
            for worker in workers:
                worker.do()
        return [worker.end() for worker in workers]
    finally:
        for worker in workers:
            worker.process.terminate()  # of those that have not ended after an error


class _Worker:
    """The process of a line; :attr:`pipe` is None once it has failed."""

    def __init__(self, line: Line):
        context = multiprocessing.get_context("spawn")
        self.title = line.title
        self.rounds: list[Any] = []
        pipe, other = context.Pipe()
        self.pipe: Connection | None = pipe
        # No daemon: it may need processes of its own.
        self.process = context.Process(target=_work, args=(other, line.prepare, line.case))
        self.process.start()
        other.close()
        self._answer(pipe)

    def do(self) -> None:
        """One round, waited for."""
        if self.pipe:
            self.pipe.send("do")
            answer = self._answer(self.pipe)
            if self.pipe:
                self.rounds.append(answer)

    def end(self) -> Found | None:
        """Stop the process and say what was found."""
        memory: int | None = None
        if self.pipe:
            self.pipe.send("end")
            memory = self._answer(self.pipe)
        self.process.join()
        return None if memory is None else Found(self.rounds, memory)

    def _answer(self, pipe: Connection) -> Any:
        """What the process answers; None, and no pipe any more, if it failed."""
        try:
            error, answer = pipe.recv()
        except EOFError:
            self.process.join()
            if self.process.exitcode == 1:
                raise RuntimeError(f"{self.title} failed; the traceback is above") from None
            error, answer = f"its process ended with exit code {self.process.exitcode} (-9: for want of memory)", None
        if error:
            print(f"left out: {self.title}: {error}", file=sys.stderr, flush=True)
            self.pipe = None
        return answer


def _work(pipe: Connection, prepare: Callable[[Any], Callable[[], Any]], case: Any) -> None:
    """In the process: answers are pairs of an error or None, and what was asked for."""
    from cosod.errors import CosodError

    try:
        do = prepare(case)
    except (CosodError, TypeError) as error:
        pipe.send((str(error), None))
        return
    pipe.send((None, None))
    while pipe.recv() == "do":
        pipe.send((None, do()))
    pipe.send((None, peak_memory()))
