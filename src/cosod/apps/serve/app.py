"""The routes of the page and the API."""

import asyncio
import contextlib
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles

from cosod import __version__
from cosod.apps.serve.guard import Guard
from cosod.apps.serve.jobs import Job, Worker
from cosod.apps.serve.limits import Limits
from cosod.apps.serve.mark_routes import add_marks, takes_negatives
from cosod.apps.serve.parameters import ARCHIVE, FULL, GONE, PICTURE, UPLOAD, Framed, Side, Threshold
from cosod.apps.serve.schema import Bounds, GroupState, JobState, PhotoState, Refusal, Uploaded, ZipViews
from cosod.apps.serve.store import Conflict, Full, Store, Unknown, UploadedGroup
from cosod.apps.serve.uploads import receive
from cosod.apps.serve.views import FOLDERS, View, render, zipped
from cosod.errors import CosodError
from cosod.inference.detector import Detector

PAGE = Path(__file__).parent / "page"
DESCRIPTION = """Photos that share an object go in, the object in each of them comes out.

Make a group with its photos (`POST /api/groups`), start its job, ask for the job until it is done, and fetch the
pictures or the zip. Delete the group when you are through; groups that nobody uses are deleted after a while."""
#: Maximum number of photos that are decoded at once, over all uploads.
DECODERS = 2
SWEEP_SECONDS = 30.0
#: Status of the response to a client that has closed the connection.
CLIENT_LEFT = 499


def create_app(
    detector: Detector, limits: Limits | None = None, host: str = "127.0.0.1", names: Collection[str] = ()
) -> FastAPI:
    """Creates the application, to be run by an ASGI server in one process.

    Args:
        detector: the detector, which is used by a single thread.
        limits: limits of uploads and memory.
        host: address at which the application is served, which determines the accepted host names.
        names: further accepted host names.

    Example:
        >>> app = create_app(cosod.load())  # doctest: +SKIP
    """
    limits = limits or Limits()
    store = Store(limits)
    worker = Worker(detector, limits.waiting)
    app = FastAPI(
        title="cosod",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,  # FastAPI's pages load scripts from other hosts; /api.html does not
        redoc_url=None,
        lifespan=partial(_lifespan, store=store, worker=worker),
    )
    app.state.store, app.state.worker = store, worker
    app.add_middleware(Guard, host=host, limits=limits, names=names)
    _add_errors(app, worker)
    _add_groups(app, store, worker, limits)
    _add_photos(app, store)
    add_marks(app, store, limits, detector)
    _add_job(app, store, worker)
    app.mount("/", StaticFiles(directory=PAGE, html=True), name="page")
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI, store: Store, worker: Worker):
    async def sweep():
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            await asyncio.to_thread(store.sweep)

    sweeping = asyncio.create_task(sweep())
    try:
        yield
    finally:
        sweeping.cancel()
        await asyncio.to_thread(worker.close)
        store.close()


def _add_errors(app: FastAPI, worker: Worker) -> None:
    @app.exception_handler(Unknown)
    async def unknown(request: Request, error: Unknown) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 404)

    @app.exception_handler(Conflict)
    async def contradicts(request: Request, error: Conflict) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 409)

    @app.exception_handler(Full)
    async def full(request: Request, error: Full) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 503, {"Retry-After": str(worker.retry_after)})

    @app.exception_handler(CosodError)
    async def unusable(request: Request, error: CosodError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 422)


def _add_groups(app: FastAPI, store: Store, worker: Worker, limits: Limits) -> None:
    decoding = CapacityLimiter(DECODERS)

    async def upload(request: Request, group: UploadedGroup) -> Uploaded:
        received = await receive(request.stream(), request.headers.get("content-type", ""), group, store, decoding)
        photos = [PhotoState.of(photo) for photo in received.photos]
        failed = [Refusal(**refused) for refused in received.failed]
        return Uploaded(group=group.id, photos=photos, failed=failed)

    @app.get("/api/limits", tags=["groups"])
    async def read_limits() -> Bounds:
        """Returns the limits of the server."""
        return Bounds.of(limits, takes_negatives(worker.detector))

    @app.post("/api/groups", tags=["groups"], status_code=201, openapi_extra=UPLOAD, responses=FULL)
    async def create_group(request: Request) -> Uploaded:
        """Create a group with any number of photos or none. Files that are not photos are refused one by one."""
        group = store.create()
        try:
            return await upload(request, group)
        except BaseException:
            store.delete(group)
            raise

    @app.post("/api/groups/{group}/photos", tags=["groups"], status_code=201, openapi_extra=UPLOAD, responses=GONE)
    async def add_photos(group: str, request: Request) -> Uploaded:
        """Add photos to a group. The next job uses them."""
        return await upload(request, store.get(group))

    @app.get("/api/groups/{group}", tags=["groups"], responses=GONE)
    async def read_group(group: str) -> GroupState:
        """Returns the group's photos and its job."""
        return GroupState.of(store.get(group), worker)

    @app.delete("/api/groups/{group}", tags=["groups"], status_code=204, responses=GONE)
    async def delete_group(group: str) -> None:
        """Cancel the job of the group, and delete its photos and results."""
        store.delete(store.get(group))


def _add_photos(app: FastAPI, store: Store) -> None:
    drawing = CapacityLimiter(1)

    @app.delete("/api/groups/{group}/photos/{photo}", tags=["photos"], status_code=204, responses=GONE)
    async def remove_photo(group: str, photo: str) -> None:
        """Remove a photo. The next job does not use it."""
        store.get(group).remove(photo)

    @app.get("/api/groups/{group}/photos/{photo}/{view}", tags=["results"], responses={**PICTURE, **GONE})
    async def read_view(
        request: Request,
        group: str,
        photo: str,
        view: View,
        frame: Framed,
        threshold: Threshold = 0.5,
        side: Side = None,
        as_found: Annotated[bool, Query(description="Leave out the correction that was painted.")] = False,
    ) -> Response:
        """Returns the photo, or its map, mask, cut-out, thumbnail or overlay as a picture."""
        found = store.get(group)
        asked = found.photo(photo)
        draw = partial(render, view, found, asked, threshold, side, frame, as_found)
        await request.body()  # the body is empty, but has to be read before a disconnected client is noticed
        async with drawing:
            if await request.is_disconnected():  # the client left while it waited
                return Response(status_code=CLIENT_LEFT)
            data, media = await to_thread.run_sync(draw)
        return Response(data, media_type=media)


def _add_job(app: FastAPI, store: Store, worker: Worker) -> None:
    @app.post("/api/groups/{group}/job", tags=["job"], status_code=202, responses={**GONE, **FULL})
    async def start_job(group: str) -> JobState:
        """Find the object in all photos of the group. An earlier job is cancelled, and its results are replaced. If
        photos are marked, the object is what the marks show. Negative photos show what the object is not, and nothing
        is found in them.
        """
        found = store.get(group)
        if not found.photos:
            raise Unknown("the group has no photos")
        return JobState.of(worker.submit(found), worker)

    @app.get("/api/groups/{group}/job", tags=["job"], responses=GONE)
    async def read_job(group: str) -> JobState:
        """Returns the progress of the job."""
        return JobState.of(_job(store, group), worker)

    @app.delete("/api/groups/{group}/job", tags=["job"], responses=GONE)
    async def cancel_job(group: str) -> JobState:
        """Cancel the job before its next photo. Finished maps are kept."""
        job = _job(store, group)
        job.cancel()
        return JobState.of(job, worker)

    @app.get("/api/groups/{group}/zip", tags=["results"], responses={**ARCHIVE, **GONE})
    def read_zip(
        group: str,
        frame: Framed,
        threshold: Threshold = 0.5,
        views: Annotated[list[ZipViews] | None, Query(description="All by default.")] = None,
    ) -> StreamingResponse:
        """Returns all results in one zip archive, which is sent while it is made."""
        found = store.get(group)
        if not any(photo.found for photo in found.photos.values()):
            raise Unknown("there are no results yet")
        body = zipped(found, views or list(FOLDERS), threshold, frame)
        headers = {"Content-Disposition": 'attachment; filename="cosod.zip"'}
        return StreamingResponse(body, media_type="application/zip", headers=headers)


def _job(store: Store, group: str) -> Job:
    job = store.get(group).job
    if not isinstance(job, Job):
        raise Unknown("the group has no job yet")
    return job
