"""The routes for marks, negative photos and corrections, by which a person tells what photos show."""

from functools import partial
from pathlib import Path

import numpy as np
from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Request

from cosod.apps.serve.limits import Limits
from cosod.apps.serve.marks import marked_mask, read_correction, read_mark
from cosod.apps.serve.parameters import CONFLICT, GONE, PAINTING
from cosod.apps.serve.schema import PhotoState
from cosod.apps.serve.store import Conflict, Photo, Store, UploadedGroup
from cosod.errors import InputError
from cosod.inference.detector import Detector
from cosod.io.atomic_write import write_bytes
from cosod.io.images import read_image
from cosod.postprocess.render import encode


def add_marks(app: FastAPI, store: Store, limits: Limits, detector: Detector) -> None:
    """Adds the routes of marks, negatives and corrections to the application.

    Args:
        app: the application.
        store: the store of the photos.
        limits: limits of the server.
        detector: the detector; photos may be negative if its weights have constants for negatives.
    """
    painting = CapacityLimiter(1)

    @app.put(
        "/api/groups/{group}/photos/{photo}/mark",
        tags=["marks"],
        openapi_extra=PAINTING,
        responses={**GONE, **CONFLICT},
    )
    async def put_mark(group: str, photo: str, request: Request) -> PhotoState:
        """Mark the object by a PNG of the whole photo in any size, white on the object and black elsewhere. Where it is
        gray, between white and black strokes, the outline follows the colors of the photo. The next job looks for the
        marked object in all photos, and shows it in this one as it was painted. A negative photo cannot be marked.
        """
        found = store.get(group)
        marked = found.photo(photo)
        _check_positive(marked, "mark the object")
        data = await request.body()
        async with painting:
            mask = await to_thread.run_sync(partial(_shown, data, marked, limits.pixels))
        return _stored(found, marked, marked.mark, mask, marked=True)

    @app.delete("/api/groups/{group}/photos/{photo}/mark", tags=["marks"], responses=GONE)
    async def delete_mark(group: str, photo: str) -> PhotoState:
        """Remove the mark."""
        found = store.get(group)
        return _stored(found, found.photo(photo), found.photo(photo).mark, None, marked=False)

    @app.put("/api/groups/{group}/photos/{photo}/negative", tags=["marks"], responses={**GONE, **CONFLICT})
    async def put_negative(group: str, photo: str) -> PhotoState:
        """Declare the photo negative: it shows what the object is *not*, for instance something that was found by
        mistake. It must not show the object, and must not be marked. Its map is empty from now on. The next job does
        not use it for the group, and leaves out what resembles it more than the object in the other photos. Photos may
        be negative if `negatives` of `GET /api/limits` is true.
        """
        found = store.get(group)
        negative = found.photo(photo)
        detector.pipeline.check_negatives()
        with found.lock:
            if negative.marked:
                raise Conflict(
                    f"{negative.name}: the object is marked in this photo, so that it cannot show what the object is "
                    "not; delete the mark first"
                )
            return _noted(found, negative, negative=True)

    @app.delete("/api/groups/{group}/photos/{photo}/negative", tags=["marks"], responses=GONE)
    async def delete_negative(group: str, photo: str) -> PhotoState:
        """Make a negative photo part of the group again. The next job finds the object in it."""
        found = store.get(group)
        return _noted(found, found.photo(photo), negative=False)

    @app.put(
        "/api/groups/{group}/photos/{photo}/correction",
        tags=["marks"],
        openapi_extra=PAINTING,
        responses={**GONE, **CONFLICT},
    )
    async def put_correction(group: str, photo: str, request: Request) -> PhotoState:
        """Correct the result of a photo by a PNG of the whole photo in any size: white where the object is missing,
        black where something else was found, gray (128) where the result is right. The correction applies to all
        pictures of the photo, also after later jobs. The empty map of a negative photo cannot be corrected.
        """
        found = store.get(group)
        changed = found.photo(photo)
        _check_positive(changed, "correct the result")
        data = await request.body()
        async with painting:
            strokes = await to_thread.run_sync(partial(read_correction, data, (changed.height, changed.width)))
        return _stored(found, changed, changed.correction, strokes, corrected=True)

    @app.delete("/api/groups/{group}/photos/{photo}/correction", tags=["marks"], responses=GONE)
    async def delete_correction(group: str, photo: str) -> PhotoState:
        """Remove the correction, so that the result is shown as it was found."""
        found = store.get(group)
        return _stored(found, found.photo(photo), found.photo(photo).correction, None, corrected=False)


def takes_negatives(detector: Detector) -> bool:
    """Returns whether photos may be negative."""
    try:
        detector.pipeline.check_negatives()
    except InputError:
        return False
    return True


def _check_positive(photo: Photo, wanted: str) -> None:
    """Raises Conflict if the photo is negative."""
    if photo.negative:
        raise Conflict(
            f"{photo.name}: this photo is set to show what the object is not; take that back to {wanted} in it"
        )


def _shown(data: bytes, photo: Photo, max_pixels: int) -> np.ndarray:
    """Returns the mask of a photo for a painted mark."""
    painting = read_mark(data, (photo.height, photo.width))
    return 255 * marked_mask(painting, lambda: read_image(photo.path, max_pixels)).astype(np.uint8)


def _stored(group: UploadedGroup, photo: Photo, path: Path, painting: np.ndarray | None, **state: bool) -> PhotoState:
    """Saves or removes a painting, and records that in the state of the photo."""
    data = None if painting is None else encode(painting)
    with group.lock:
        group.photo(photo.id)  # raises if the photo was removed in the meantime
        if data is not None:
            _check_positive(photo, "paint")
        path.unlink(missing_ok=True)
        if data is not None:
            write_bytes(path, data)
        return _noted(group, photo, **state)


def _noted(group: UploadedGroup, photo: Photo, **state: bool) -> PhotoState:
    """Records in the state of the photo what the user said about it."""
    with group.lock:
        group.photo(photo.id)
        vars(photo).update(state)
        group.paintings += 1
    return PhotoState.of(photo)
