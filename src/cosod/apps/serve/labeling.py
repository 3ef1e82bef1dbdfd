"""The application of the label page, on which a person labels the points of active learning."""

import functools
import io
from pathlib import Path
from typing import Any

from anyio import to_thread
from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from PIL import Image
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

from cosod.active_learning.session import ConflictError, Session
from cosod.apps.serve.guard import Guard
from cosod.apps.serve.limits import Limits
from cosod.errors import CosodError, ImageError, InputError
from cosod.io.file_names import printable
from cosod.io.images import read_image

PAGE = Path(__file__).parent / "label_page"
ICON = Path(__file__).parent / "page" / "icon.svg"
#: Maximum side of the images for the page, which phones can still draw.
MAX_SIDE = 3000
#: Maximum number of bytes of the body of a request; an answer needs a tenth of it.
MAX_BODY = 1000
#: Number of encoded images that are kept in memory.
KEPT = 16


class Given(BaseModel):
    """One answer, whose values the session checks."""

    session: str
    point: Any
    answer: Any
    was: Any


def create_label_app(session: Session, then: str, then_skipped: str | None = None) -> FastAPI:
    """Creates the application for one session, to be run by an ASGI server in one process on a loopback address.

    Args:
        session: the points and their answers; it becomes ``app.state.session``.
        then: the command to run next, which the last screen shows.
        then_skipped: the command to show if points were skipped; by default ``then``.

    Example:
        >>> session = Session(pool, queries, Path("answers.json"))  # doctest: +SKIP
        >>> app = create_label_app(session, "cosod active query RUN")  # doctest: +SKIP
    """
    app = FastAPI(title="cosod label", openapi_url=None, docs_url=None, redoc_url=None)
    app.state.session = session
    app.add_middleware(Guard, host="127.0.0.1", limits=Limits(small_bytes=MAX_BODY))
    _add_errors(app)
    _add_routes(app, {"next": printable(then), "next_skipped": printable(then_skipped or then)})
    app.mount("/", StaticFiles(directory=PAGE, html=True), name="page")
    return app


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(ConflictError)
    async def contradicted(request: Request, error: ConflictError) -> JSONResponse:
        return JSONResponse({"detail": printable(str(error)), "answer": error.answer}, 409)

    @app.exception_handler(CosodError)
    async def failed(request: Request, error: CosodError) -> JSONResponse:
        return JSONResponse({"detail": printable(str(error))}, 422 if isinstance(error, InputError) else 507)


def _add_routes(app: FastAPI, commands: dict[str, str]) -> None:
    shown = functools.lru_cache(maxsize=KEPT)(_encoded)

    @app.get("/api/state")
    def read_state() -> dict:
        return app.state.session.state() | commands

    @app.get("/api/changes")
    def read_changes(since: int = 0) -> dict:
        return app.state.session.changes(since)

    @app.post("/api/answer")
    async def take_answer(request: Request) -> dict:
        try:
            given = Given.model_validate_json(await request.body())
        except ValidationError as error:
            raise HTTPException(422, "an answer is {session, point, answer, was}; reload the page") from error
        session = app.state.session
        if given.session != session.id:
            raise HTTPException(410, "other points are asked for now; reload the page")
        return await to_thread.run_sync(session.answer, given.point, given.answer, given.was)

    @app.get("/image/{session_id}/{number}")
    def read_shown(session_id: str, number: int) -> Response:
        session = app.state.session
        if session_id != session.id or not 0 <= number < len(session.images):
            raise HTTPException(404, "there is no such image")
        try:
            data = shown(session, number)
        except ImageError as error:
            raise HTTPException(404, printable(str(error))) from error
        # The session is part of the address, so that a browser never shows a cached image of another session.
        return Response(data, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})

    @app.get("/icon.svg")
    def read_icon() -> FileResponse:
        return FileResponse(ICON)


def _encoded(session: Session, number: int) -> bytes:
    """Encodes an image of the session as the network sees it, upright and over white, as JPEG.

    Raises:
        ImageError: the image cannot be read, or has changed since its points were chosen.
    """
    pool, name = session.pool, session.images[number]
    image = read_image(pool.path(name))
    if image.shape[:2] != pool.sizes[name]:
        raise ImageError(f"{name}: was replaced by an image of another size; put the former one back")
    picture = Image.fromarray(image)
    picture.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=94, subsampling=0)
    return buffer.getvalue()
