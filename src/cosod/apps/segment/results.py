"""Writing the results of one photo: its map, its mask and an overlay."""

import functools
from pathlib import Path

import numpy as np

from cosod.apps.blame import blamed
from cosod.apps.segment.job import SegmentJob
from cosod.errors import ImageError
from cosod.inference.results import Result
from cosod.io.images import read_image
from cosod.io.photo_groups import Group
from cosod.postprocess.render import fitting_jpeg, overlay, save_image, to_8bit


def write_results(result: Result, blank: bool, group: Group, job: SegmentJob, max_pixels: int) -> dict | ImageError:
    """Writes the results of an image.

    An error of the image is returned instead of raised: the image was read before to compute its map, but may have been
    removed or replaced since.

    Args:
        result: map of the image.
        blank: whether to write an empty map in place of the map.
        group: group of the image.
        job: what to write, and where.
        max_pixels: maximum number of pixels; larger images are refused.

    Returns:
        A dictionary for the event of the image: ``share`` (the share of the pixels whose map is above one half), and
        for each kind of result the path of its file; or the error of the image.

    Raises:
        OutputError: a result cannot be written.

    Example:
        >>> write_results(result, False, group, SegmentJob(Path("out")), max_pixels=10**8)  # doctest: +SKIP
    """
    work = functools.partial(_write_all, result, blank, group, job, max_pixels)
    return blamed(group.images[result.index], work)


def _write_all(result: Result, blank: bool, group: Group, job: SegmentJob, max_pixels: int) -> dict:
    index = result.index
    again = "overlays" in job.save or ("masks" in job.save and job.outline != "map")
    # The image is read first, so that an image that cannot be read any more gets no results at all.
    image = _read_again(group.images[index], result.size, max_pixels) if again else None
    saliency = np.zeros(result.size, np.float32) if blank else result.map
    written = {kind: job.target(kind, group.name, group.stems[index]) for kind in job.save}
    if "maps" in written:
        save_image(to_8bit(saliency), written["maps"])
    if "masks" in written or "overlays" in written:
        mask = job.mask(saliency, image)
        if "masks" in written:
            save_image(mask, written["masks"])
        if image is not None and "overlays" in written:
            save_image(fitting_jpeg(overlay(image, mask)), written["overlays"])
    places = {kind: str(path) for kind, path in written.items()}
    return {"share": round(np.count_nonzero(saliency > 0.5) / saliency.size, 4), **places}


def _read_again(path: Path, size: tuple[int, int], max_pixels: int) -> np.ndarray:
    try:
        image = read_image(path, max_pixels)
    except ImageError as error:
        raise ImageError(f"{error}: it changed while it was being processed; run again") from error
    if image.shape[:2] != size:
        raise ImageError(f"{path}: it was replaced by a picture of another size while it was processed; run again")
    return image
