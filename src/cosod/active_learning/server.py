"""The label page's server: the page, the images by their numbers, and the answers of a :class:`Session`.

It is for the person at this machine: it listens on the loopback interface only, answers only requests that name it
as ``localhost`` (so that no other site's name can be made to point at it), and takes answers only from its own page.
"""

import functools
import io
import json
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from urllib.parse import parse_qs

from PIL import Image

from cosod.active_learning.session import ConflictError, Session
from cosod.errors import CosodError, ImageError, InputError, OutputError
from cosod.io.images import read_image

#: Longest side that the page is given an image in: what a phone can still draw.
MAX_SIDE = 3000
#: Bytes of a request's body, of which an answer needs a tenth.
MAX_BODY = 1000

_HOSTS = frozenset({"localhost", "127.0.0.1"})
_PAGE = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
    "/label.js": ("label.js", "text/javascript; charset=utf-8"),
    "/view.js": ("view.js", "text/javascript; charset=utf-8"),
}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Server(ThreadingHTTPServer):
    """Serves one session on ``127.0.0.1``; ``serve_forever`` runs it, :attr:`url` is where the page is.

    Args:
        session: what is asked and answered.
        port: 0 takes any that is free.

    Raises:
        OutputError: the port is taken.
    """

    daemon_threads = True
    request_queue_size = 32

    def __init__(self, session: Session, port: int = 0):
        self.session = session
        self.image = functools.lru_cache(maxsize=16)(self._image)
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise OutputError(
                f"cannot listen on port {port} ({reason}); is the page open already? Else give another --port"
            ) from error

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"

    def handle_error(self, request, client_address) -> None:
        """A window that was closed while it loaded is no error."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def _image(self, number: int) -> bytes:
        """An image of the session as the network sees it, upright and over white, as JPEG.

        Raises:
            ImageError: it cannot be read, or is not the one that the points were asked for.
        """
        pool, name = self.session.pool, self.session.images[number]
        image = read_image(pool.path(name))
        if image.shape[:2] != pool.sizes[name]:
            raise ImageError(f"{name}: was replaced by an image of another size; put the former one back")
        shown = Image.fromarray(image)
        shown.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        shown.save(buffer, "JPEG", quality=94, subsampling=0)
        return buffer.getvalue()


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        if not self._is_for_us():
            return
        path, _, query = self.path.partition("?")
        if path in _PAGE:
            name, kind = _PAGE[path]
            data = resources.files("cosod.active_learning").joinpath("page", name).read_bytes()
            self._send(HTTPStatus.OK, data, kind)
        elif path == "/api/state":
            self._send_json(HTTPStatus.OK, self.server.session.state())
        elif path == "/api/changes":
            since = parse_qs(query).get("since", ["0"])[0]
            self._send_json(HTTPStatus.OK, self.server.session.changes(_number(since) or 0))
        elif path.startswith(prefix := f"/image/{self.server.session.id}/"):
            self._send_image(_number(path.removeprefix(prefix)))
        else:
            self._fail(HTTPStatus.NOT_FOUND, "there is nothing here")

    def do_POST(self) -> None:
        if not self._is_for_us():
            return
        length = _number(self.headers.get("Content-Length", ""))
        body = self.rfile.read(min(length or 0, 64 * MAX_BODY))  # read even if refused: else the refusal gets lost
        if length is None or length > MAX_BODY:
            return self._fail(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"an answer has at most {MAX_BODY} bytes")
        if self.headers.get("Origin") != f"http://{self.headers['Host']}":
            return self._fail(HTTPStatus.FORBIDDEN, "answers are taken from this server's own page only")
        if self.path != "/api/answer":
            return self._fail(HTTPStatus.NOT_FOUND, "there is nothing here")
        try:
            given = json.loads(body)
            session, number, answer, was = (given[key] for key in ("session", "point", "answer", "was"))
        except (ValueError, TypeError, LookupError, RecursionError):
            return self._fail(HTTPStatus.BAD_REQUEST, "an answer is {session, point, answer, was}; reload the page")
        if session != self.server.session.id:
            return self._fail(HTTPStatus.GONE, "other points are asked for now; reload the page")
        try:
            self._send_json(HTTPStatus.OK, self.server.session.answer(number, answer, was))
        except ConflictError as error:
            self._send_json(HTTPStatus.CONFLICT, {"error": str(error), "answer": error.answer})
        except InputError as error:
            self._fail(HTTPStatus.BAD_REQUEST, str(error))
        except CosodError as error:
            self._fail(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))

    def _is_for_us(self) -> bool:
        if self.headers.get("Host", "").partition(":")[0] in _HOSTS:
            return True
        self._fail(HTTPStatus.MISDIRECTED_REQUEST, "this server is reached as localhost only")
        return False

    def _send_image(self, number: int | None) -> None:
        if number is None or number >= len(self.server.session.images):
            return self._fail(HTTPStatus.NOT_FOUND, "there is no such image")
        try:
            # The session is a part of the address, so that a browser may keep the image without mistaking it.
            self._send(HTTPStatus.OK, self.server.image(number), "image/jpeg", "private, max-age=3600")
        except ImageError as error:
            self._fail(HTTPStatus.NOT_FOUND, str(error))

    def _fail(self, status: HTTPStatus, message: str) -> None:
        self.close_connection = True  # a body that was not read must not be taken for the next request
        self._send_json(status, {"error": message})

    def _send_json(self, status: HTTPStatus, content: dict) -> None:
        self._send(status, json.dumps(content).encode(), "application/json")

    def _send(self, status: HTTPStatus, body: bytes, kind: str, cache: str = "no-store") -> None:
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", cache)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        return "cosod"

    def log_message(self, format: str, *args) -> None:
        """Says nothing: the terminal is for the user."""


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
