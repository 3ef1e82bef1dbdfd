"""The routes by which a person says what photos show: marks, photos without the object, and corrections."""

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
        app: gets the routes.
        store: keeps the photos.
        limits: what is taken in.
        detector: whose network must have constants for negatives, where photos are to be such.
    """
    painting = CapacityLimiter(1)

    @app.put(
        "/api/groups/{group}/photos/{photo}/mark",
        tags=["marks"],
        openapi_extra=PAINTING,
        responses={**GONE, **CONFLICT},
    )
    async def put_mark(group: str, photo: str, request: Request) -> PhotoState:
        """Mark the object: a PNG of the photo's view in any size, white on the object and black elsewhere. Gray
        between white and black strokes is left open: there the outline follows the photo's colors. The next job looks
        for what is marked in all photos, and shows it in this one as it was painted. A negative photo is not marked.
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
        """Say that the photo shows what the object is *not*, as one in which something was found by mistake. The
        object must not be in it, and it must not be marked. Its map is empty from now on. The next job does not count
        it for the group, and finds nothing in the other photos that resembles it more than the object. Photos may be
        negative where `negatives` of `GET /api/limits` is true.
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
        """Let the photo count for the group again. The next job finds the object in it."""
        found = store.get(group)
        return _noted(found, found.photo(photo), negative=False)

    @app.put(
        "/api/groups/{group}/photos/{photo}/correction",
        tags=["marks"],
        openapi_extra=PAINTING,
        responses={**GONE, **CONFLICT},
    )
    async def put_correction(group: str, photo: str, request: Request) -> PhotoState:
        """Correct the result of a photo by hand: a PNG of the photo's view in any size, white where the object is
        missing, black where something else was found, gray (128) where the result stays. All pictures of the photo
        follow it, also those of later jobs. The empty map of a negative photo is not corrected.
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
        """Show the result of the photo again as it was found."""
        found = store.get(group)
        return _stored(found, found.photo(photo), found.photo(photo).correction, None, corrected=False)


def takes_negatives(detector: Detector) -> bool:
    """Returns whether photos may say what the object is not."""
    try:
        detector.pipeline.check_negatives()
    except InputError:
        return False
    return True


def _check_positive(photo: Photo, wanted: str) -> None:
    """Raises Conflict for a photo that shows what the object is not."""
    if photo.negative:
        raise Conflict(
            f"{photo.name}: this photo is set to show what the object is not; take that back to {wanted} in it"
        )


def _shown(data: bytes, photo: Photo, max_pixels: int) -> np.ndarray:
    """Returns the mask that a painted mark makes of a photo."""
    painting = read_mark(data, (photo.height, photo.width))
    return 255 * marked_mask(painting, lambda: read_image(photo.path, max_pixels)).astype(np.uint8)


def _stored(group: UploadedGroup, photo: Photo, path: Path, painting: np.ndarray | None, **state: bool) -> PhotoState:
    """Keep what was painted, or remove it, and note that in the photo's ``state``."""
    data = None if painting is None else encode(painting)
    with group.lock:
        group.photo(photo.id)  # it may have been removed meanwhile, or become negative
        if data is not None:
            _check_positive(photo, "paint")
        path.unlink(missing_ok=True)
        if data is not None:
            write_bytes(path, data)
        return _noted(group, photo, **state)


def _noted(group: UploadedGroup, photo: Photo, **state: bool) -> PhotoState:
    """Note in the photo's ``state`` what a person said of it."""
    with group.lock:
        group.photo(photo.id)
        vars(photo).update(state)
        group.paintings += 1
    return PhotoState.of(photo)
