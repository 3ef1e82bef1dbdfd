"""The log of a training run: a file of JSON lines, optional TensorBoard event files, and a progress bar."""

import json
import math
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from tqdm import tqdm

from cosod.errors import ExtraError, OutputError
from cosod.io.atomic_write import write_text


class RunLog:
    """Log of a training run, which only process 0 writes.

    The file ``log.jsonl`` has a line for every ``every`` steps, with the keys ``step``, ``epoch``, ``lr``, ``seconds``,
    ``skipped`` and the means of the loss terms since the previous line, and a line for each validation, with the keys
    ``step`` and ``validation``.

    Args:
        folder: folder of the run.
        start: step from which the run is resumed; 0 begins a new log. Lines of later steps, which a run has written
            after its last checkpoint, are removed.
        total: number of steps of the run.
        every: number of steps between two lines.
        tensorboard: whether TensorBoard's event files are also written, to ``tensorboard`` in the folder.
        progress: whether a progress bar is shown if standard error is a terminal.

    Attributes:
        path: the file ``log.jsonl``.
        scores: scores of the last validation, including those before the run was resumed.

    Raises:
        OutputError: the file cannot be written.
        ExtraError: TensorBoard is requested, but not installed.
    """

    def __init__(self, folder: Path, start: int, total: int, every: int, tensorboard: bool, progress: bool):
        self.path, self.every = folder / "log.jsonl", every
        self.scores: dict[str, dict[str, float]] = {}
        self._keep_until(start)
        self._writer = _summary_writer(folder / "tensorboard", start) if tensorboard else None
        self._bar = tqdm(
            total=total, initial=start, unit="step", disable=None if progress else True, dynamic_ncols=True
        )
        self._sums: dict[str, float] = {}
        self._lost: set[str] = set()
        self._count, self._since = 0, time.monotonic()

    def step(self, step: int, terms: dict[str, float], **facts: float) -> None:
        """Logs a step.

        Args:
            step: number of the step, from 1.
            terms: loss terms of the step, of which the means are logged.
            facts: further values (epoch, lr, skipped), of which the last ones are logged.
        """
        for name, value in terms.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += 1
        self._bar.update()
        self._bar.set_postfix_str(" ".join(f"{k} {v:.3g}" for k, v in terms.items()), refresh=False)
        if step % self.every == 0 or step == self._bar.total:
            means = {name: _rounded(value / self._count) for name, value in self._sums.items()}
            seconds = round(time.monotonic() - self._since, 3)
            self._row({"step": step, **facts, "seconds": seconds, **means})
            self._sums, self._count, self._since = {}, 0, time.monotonic()

    def validation(self, step: int, scores: dict[str, dict[str, float]]) -> None:
        """Logs the scores of a validation after a step, see :meth:`cosod.training.validation.Validator.scores`."""
        self.scores = scores
        self._row({"step": step, "validation": scores})
        text = "; ".join(f"{kind}: " + " ".join(f"{k} {v:.4f}" for k, v in row.items()) for kind, row in scores.items())
        self.say(f"step {step}, held out, {text}")
        self._since = time.monotonic()

    def lost(self, messages: Iterable[str]) -> None:
        """Prints which images could not be read and were replaced by others of their groups, each message only once."""
        for message in messages:
            if message not in self._lost:
                self._lost.add(message)
                self.say(f"left out: {message}")

    def say(self, text: str) -> None:
        """Prints a line to standard error without breaking the progress bar."""
        self._bar.write(text, file=sys.stderr)

    def close(self) -> None:
        """Closes the progress bar and the event file."""
        self._bar.close()
        if self._writer is not None:
            self._writer.close()

    def _row(self, row: dict) -> None:
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror}; free space and run again") from error
        if self._writer is not None:
            for name, value in _flat(row):
                self._writer.add_scalar(name, value, row["step"])

    def _keep_until(self, step: int) -> None:
        rows = [row for row in read_log(self.path) if row["step"] <= step] if step else []
        self.scores = next((row["validation"] for row in reversed(rows) if "validation" in row), {})
        write_text(self.path, "".join(json.dumps(row) + "\n" for row in rows))


def read_log(path: str | os.PathLike) -> list[dict]:
    """Reads the lines of a run's ``log.jsonl``; lines that are not valid JSON, as an unfinished last one, are skipped.

    Returns:
        One dictionary per line; an empty list if there is no such file.

    Example:
        >>> rows = read_log("runs/gconet/log.jsonl")  # doctest: +SKIP
    """
    path = Path(path)
    if not path.exists():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows


def _rounded(value: float) -> float | None:
    """Rounds to six significant digits; returns None for a value that is not finite, which JSON does not have."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _flat(row: dict, prefix: str = "") -> list[tuple[str, float]]:
    out = []
    for key, value in row.items():
        if isinstance(value, dict):
            out += _flat(value, f"{prefix}{key}/")
        elif isinstance(value, int | float) and key not in ("step", "seconds"):
            out.append((f"{prefix}{key}", value))
    return out


def _summary_writer(folder: Path, start: int):
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ExtraError("TensorBoard", "train") from error
    return SummaryWriter(str(folder), purge_step=start + 1)
