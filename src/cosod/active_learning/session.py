"""Session of the labeling page: the points that are asked for, the answers, and the file to which these are saved."""

import hashlib
import json
import secrets
import threading
from pathlib import Path

from cosod.active_learning.points import Point, PointSet, Queries
from cosod.active_learning.pool import Pool
from cosod.errors import CosodError, InputError, OutputError
from cosod.io.file_names import printable

#: Answers to a point: it is on the main object, it is not, or it was skipped.
OBJECT, BACKGROUND, SKIPPED = 1, 0, "skip"

Answer = int | str | None


class ConflictError(CosodError):
    """Raised for an answer to a point that another window has answered differently in the meantime.

    Attributes:
        answer: the earlier answer, which is kept.
    """

    def __init__(self, message: str, answer: Answer):
        super().__init__(message)
        self.answer = answer


class Session:
    """Session of the labeling page, which holds the answers of all open windows; its methods are thread-safe.

    An answer is saved to the file before :meth:`answer` returns. Skipped points are not saved, so that they are asked
    for again in the next session.

    Args:
        pool: the images.
        queries: pixels to ask for, by image.
        answers_file: file of clicks (:class:`PointSet`), which is created with the first answer; if it exists, its
            answers are kept.

    Attributes:
        images: names of the images with points, sorted.
        asked: name of the image, column and row of each point; the number of a point is its index in this list.

    Raises:
        InputError: there are no points to ask for, a point is not in the pool, or the answers are of another pool.
    """

    def __init__(self, pool: Pool, queries: Queries, answers_file: Path):
        self.pool, self.path = pool, Path(answers_file)
        self.images = [name for name in sorted(queries) if queries[name]]
        self.asked = [(name, int(x), int(y)) for name in self.images for x, y in queries[name]]
        if not self.asked:
            raise InputError("there are no points to ask for; get some with: cosod active query RUN")
        for name in self.images:
            pool.check(name, queries[name])
        #: Identifier that is the same for the same points, so that a window can be used after a restart of the server.
        self.id = hashlib.sha256(json.dumps([pool.fingerprint, self.asked]).encode()).hexdigest()[:16]
        self._points = PointSet.load(self.path) if self.path.exists() else PointSet(pool.fingerprint)
        pool.check_points(self._points, self.path)
        known = {(name, p.x, p.y): p.label for name, points in self._points for p in points}
        self._answers: list[Answer] = [known.get(point) for point in self.asked]
        self._log: list[tuple[int, Answer]] = [(n, a) for n, a in enumerate(self._answers) if a is not None]
        self._started = secrets.token_hex(4)  # the version numbers of different starts are not comparable
        self._lock = threading.Lock()
        self._stamp = _stamp(self.path)

    @property
    def answered(self) -> int:
        """Number of points with an answer; skipped points do not count."""
        return sum(_label(answer) is not None for answer in self._answers)

    def state(self) -> dict:
        """Returns the complete state for a window that is opened, as values that JSON can represent.

        Returns:
            ``session`` (identifier), ``started`` (identifier of the start), ``version`` (number of changes so far),
            ``images`` (name, width and height), ``points`` (index of the image, column and row), ``answers`` (of each
            point, None without an answer), and ``order`` (numbers of the answered points, the latest last).
        """
        with self._lock:
            numbers = {name: number for number, name in enumerate(self.images)}
            return {
                "session": self.id,
                "started": self._started,
                "version": len(self._log),
                "images": [[printable(name), *self.pool.sizes[name][::-1]] for name in self.images],
                "points": [[numbers[name], x, y] for name, x, y in self.asked],
                "answers": list(self._answers),
                "order": self._order(),
            }

    def changes(self, since: int) -> dict:
        """Returns the changes after a version, by any window.

        Args:
            since: number of changes that the window knows.

        Returns:
            ``session``, ``started`` and ``version`` as in :meth:`state`, and ``changes``: pairs of the number of a
            point and its new answer, in the order of the changes.
        """
        with self._lock:
            names = {"session": self.id, "started": self._started}
            return names | {"version": len(self._log), "changes": self._log[max(since, 0) :]}

    def answer(self, number: int, answer: Answer, was: Answer) -> dict:
        """Sets, changes or removes the answer to a point.

        Args:
            number: number of the point, its index in :attr:`asked`.
            answer: 1, 0 or ``"skip"``; None removes the answer.
            was: the earlier answer, as far as the window knows it.

        Returns:
            ``{"version": number of changes so far}``.

        Raises:
            InputError: the point or the answer is not valid.
            ConflictError: the point has an answer that differs from ``was`` and from ``answer``; nothing is changed.
            OutputError: the file cannot be written, or another program has changed it; nothing is changed.
        """
        if type(number) is not int or not 0 <= number < len(self.asked):
            raise InputError(f"point {number!r} is not among the {len(self.asked)} asked for; reload the page")
        if not _is_answer(answer):
            raise InputError(f"answer {answer!r}: give 1, 0, 'skip' or null")
        with self._lock:
            stands = self._answers[number]
            label = _label(stands)
            if label is not None and stands not in (was, answer):
                raise ConflictError(f"another window answered this point: {_words(label)}", stands)
            if stands != answer:
                self._save(number, answer)
                self._answers[number] = answer
                self._log.append((number, answer))
            return {"version": len(self._log)}

    def _save(self, number: int, answer: Answer) -> None:
        before, after = _label(self._answers[number]), _label(answer)
        if before == after:  # skipped points are not saved
            return
        if _stamp(self.path) != self._stamp:
            raise OutputError(f"{self.path} was changed by another program; stop this one and start it again")
        self._set(number, after)
        try:
            self._points.save(self.path)
        except OutputError:
            self._set(number, before)
            raise
        self._stamp = _stamp(self.path)

    def _set(self, number: int, label: int | None) -> None:
        name, x, y = self.asked[number]
        self._points.remove(name, x, y)
        if label is not None:
            self._points.add(name, [Point(x, y, label)])

    def _order(self) -> list[int]:
        """Returns the numbers of the answered points in the order of their last answers."""
        last = {number: place for place, (number, _) in enumerate(self._log)}
        return sorted((n for n in last if self._answers[n] is not None), key=last.__getitem__)


def _words(label: int) -> str:
    return "on the object" if label == OBJECT else "not on the object"


def _label(answer: Answer) -> int | None:
    return answer if isinstance(answer, int) else None


def _is_answer(value: object) -> bool:
    return value is None or value == SKIPPED or (type(value) is int and value in (OBJECT, BACKGROUND))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Returns inode, size and time of a file, or None if it is missing; each time the file is written, these change."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
