"""One sitting at the label page: what is asked, what is answered, and the file that has it after every click."""

import hashlib
import json
import secrets
import threading
from pathlib import Path

from cosod.active_learning.points import Point, PointSet, Queries
from cosod.active_learning.pool import Pool
from cosod.errors import CosodError, InputError, OutputError
from cosod.io.file_names import printable

#: Answers of the page: on the main object, not on it, put off until later.
OBJECT, BACKGROUND, SKIPPED = 1, 0, "skip"

Answer = int | str | None


class ConflictError(CosodError):
    """An answer that another window, or another program, was faster with.

    Attributes:
        answer: what stands, and goes on to stand.
    """

    def __init__(self, message: str, answer: Answer):
        super().__init__(message)
        self.answer = answer


class Session:
    """The one place that knows the answers, however many windows are open; its methods may run in any thread.

    An answer is in the file before :meth:`answer` returns. Points that were skipped are in no file: they are asked
    again when the page is opened the next time.

    Args:
        pool: the images.
        queries: pixels to ask for, by image.
        answers_file: a file of clicks (:class:`PointSet`), made with the first answer, continued where there is one.

    Raises:
        InputError: no points to ask for, points that are not of the pool, or answers of another pool.
    """

    def __init__(self, pool: Pool, queries: Queries, answers_file: Path):
        self.pool, self.path = pool, Path(answers_file)
        self.images = [name for name in sorted(queries) if queries[name]]
        self.asked = [(name, int(x), int(y)) for name in self.images for x, y in queries[name]]
        if not self.asked:
            raise InputError("there are no points to ask for; get some with: cosod active query RUN")
        for name in self.images:
            pool.check(name, queries[name])
        #: The same for the same questions, so that a window outlives a restart of the server.
        self.id = hashlib.sha256(json.dumps([pool.fingerprint, self.asked]).encode()).hexdigest()[:16]
        self._points = PointSet.load(self.path) if self.path.exists() else PointSet(pool.fingerprint)
        pool.check_points(self._points, self.path)
        known = {(name, p.x, p.y): p.label for name, points in self._points for p in points}
        self._answers: list[Answer] = [known.get(point) for point in self.asked]
        self._log = [(number, answer) for number, answer in enumerate(self._answers) if answer is not None]
        self._started = secrets.token_hex(4)  # versions of another start count other changes
        self._lock = threading.Lock()
        self._stamp = _stamp(self.path)

    @property
    def answered(self) -> int:
        """How many of the points asked for have a 1 or a 0."""
        return sum(_label(answer) is not None for answer in self._answers)

    def state(self) -> dict:
        """Returns everything that a window needs when it opens."""
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
        """Returns what was answered after version ``since``, by any window: pairs of point number and answer."""
        with self._lock:
            names = {"session": self.id, "started": self._started}
            return names | {"version": len(self._log), "changes": self._log[max(since, 0) :]}

    def answer(self, number: int, answer: Answer, was: Answer) -> dict:
        """Take one answer, or take one back.

        Args:
            number: number of the point, as in :meth:`state`.
            answer: 1, 0 or ``"skip"``; None takes back what stands.
            was: what stood there as far as the window knew.

        Returns:
            ``{"version": number of changes so far}``.

        Raises:
            InputError: no such point, or no such answer.
            ConflictError: something else than ``was`` stands there, or another program wrote the file; nothing changed.
            OutputError: the file cannot be written; nothing changed.
        """
        if type(number) is not int or not 0 <= number < len(self.asked):
            raise InputError(f"point {number!r} is not among the {len(self.asked)} asked for; reload the page")
        if not _is_answer(answer):
            raise InputError(f"answer {answer!r}: give 1, 0, 'skip' or null")
        with self._lock:
            stands = self._answers[number]
            if _label(stands) is not None and stands not in (was, answer):
                raise ConflictError(f"another window answered this point: {_words(stands)}", stands)
            if stands != answer:
                self._save(number, answer)
                self._answers[number] = answer
                self._log.append((number, answer))
            return {"version": len(self._log)}

    def _save(self, number: int, answer: Answer) -> None:
        before, after = _label(self._answers[number]), _label(answer)
        if before == after:  # skipping leaves no trace in the file
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
        """Returns the answered points in the order of their answers."""
        last = {number: place for place, (number, _) in enumerate(self._log)}
        return sorted((n for n in last if self._answers[n] is not None), key=last.__getitem__)


def _words(label: int) -> str:
    return "on the object" if label == OBJECT else "not on the object"


def _label(answer: Answer) -> int | None:
    return None if answer == SKIPPED else answer


def _is_answer(value: object) -> bool:
    return value is None or value == SKIPPED or (type(value) is int and value in (OBJECT, BACKGROUND))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Returns what tells a file from another version of it: every version is a new file."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
