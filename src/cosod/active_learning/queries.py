"""The points to ask for, in the forms that people answer them in: JSON, Label Studio tasks, CVAT XML.

Coordinates of pixels are whole numbers here, places in an image there: a pixel is asked for at its center.
"""

import dataclasses
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

from cosod.active_learning.points import Queries, load_queries, save_queries
from cosod.active_learning.pool import Pool
from cosod.errors import InputError
from cosod.io.atomic_write import write_text

#: The labels of a point in Label Studio and CVAT: as it is asked for, and the two answers.
ASKED, LABELS = "asked", {"object": 1, "background": 0}
#: Where Label Studio serves local files from.
LOCAL_FILES = "/data/local-files/?d="

_POOL = "pool.json"
_CONFIG = """<View>
  <Header value="Is the point on the main object?"/>
  <Image name="image" value="$image" zoom="true" zoomControl="true"/>
  <KeyPointLabels name="point" toName="image">
    <Label value="object" background="#19c99b" hotkey="1"/>
    <Label value="background" background="#ff7a45" hotkey="0"/>
    <Label value="asked" background="#ffe600"/>
  </KeyPointLabels>
</View>
"""


def write_queries(
    folder: Path, pool: Pool, queries: Queries, formats: Iterable[str] = ("json",), image_url: str = LOCAL_FILES
) -> list[Path]:
    """Write the points to ask for to a folder.

    Args:
        folder: made where it is missing.
        pool: the images.
        queries: pixels to ask for, by image.
        formats: ``json`` (for ``cosod active label`` on this or another machine), ``labelstudio`` (tasks, and the
            labeling set-up), ``cvat`` (CVAT for images 1.1, and the labels).
        image_url: what Label Studio finds an image's name behind.

    Returns:
        The files, in the order of ``formats``.

    Raises:
        InputError: an unknown format.
        OutputError: a file that cannot be written.
    """
    return [path for name in check_formats(formats) for path in _WRITERS[name](Path(folder), pool, queries, image_url)]


def check_formats(names: Iterable[str]) -> list[str]:
    """Returns the names of formats, each once; raises InputError for one that :func:`write_queries` does not know."""
    names = list(dict.fromkeys(name.strip() for name in names))
    if unknown := [name for name in names if name not in _WRITERS]:
        raise InputError(f"format {unknown[0]!r}: choose among {', '.join(_WRITERS)}")
    return names


def query_files(folder: Path, names: Iterable[str]) -> list[Path]:
    """Returns the files that :func:`write_queries` writes for these formats."""
    return [folder / name for form in names for name in _NAMES[form]]


def read_queries(path: str | os.PathLike, images: str | os.PathLike | None = None) -> tuple[Pool, Queries]:
    """Reads pool and points of a JSON file that :func:`write_queries` wrote, with its ``pool.json`` beside it.

    Args:
        path: the file.
        images: folder that holds the images, where it is another one than on the machine that asked.

    Raises:
        InputError: a file is missing, damaged, or of another kind; or asks for a point outside an image.
    """
    fingerprint, queries = load_queries(path)
    pool = Pool.load(Path(path).with_name(_POOL))
    if fingerprint != pool.fingerprint:
        raise InputError(f"{path}: belongs to another pool than {_POOL} beside it; write both with: cosod active query")
    for image, points in queries.items():
        pool.check(image, points)
    return (dataclasses.replace(pool, root=Path(images)) if images else pool), queries


def _json(folder: Path, pool: Pool, queries: Queries, _: str) -> list[Path]:
    paths = query_files(folder, ["json"])
    save_queries(paths[0], pool.fingerprint, queries)
    pool.save(paths[1])
    return paths


def _label_studio(folder: Path, pool: Pool, queries: Queries, image_url: str) -> list[Path]:
    """Writes tasks with the points as predictions, places in percent of the image's sides; Label Studio's layout."""
    tasks = []
    for image, points in sorted(queries.items()):
        height, width = pool.sizes[image]
        regions = [
            {
                "id": f"{x}-{y}",
                "type": "keypointlabels",
                "from_name": "point",
                "to_name": "image",
                "original_width": width,
                "original_height": height,
                "image_rotation": 0,
                "value": {
                    "x": (x + 0.5) / width * 100,
                    "y": (y + 0.5) / height * 100,
                    "width": 0.5,
                    "keypointlabels": [ASKED],
                },
            }
            for x, y in points
        ]
        data = {
            "image": image_url + quote(image, errors="surrogateescape"),
            "cosod_image": image,
            "cosod_pool": pool.fingerprint,
        }
        tasks.append({"data": data, "predictions": [{"model_version": "cosod", "result": regions}]})
    paths = query_files(folder, ["labelstudio"])
    write_text(paths[0], json.dumps(tasks, ensure_ascii=False, indent=1) + "\n")
    write_text(paths[1], _CONFIG)
    return paths


def _cvat(folder: Path, pool: Pool, queries: Queries, _: str) -> list[Path]:
    """Writes CVAT for images 1.1: a shape of one point each, places in pixels."""
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    for number, (image, points) in enumerate(sorted(queries.items())):
        height, width = pool.sizes[image]
        attributes = {"id": str(number), "name": image, "width": str(width), "height": str(height)}
        node = ElementTree.SubElement(root, "image", attributes)
        for x, y in points:
            place = {"points": f"{x + 0.5:.2f},{y + 0.5:.2f}"}
            ElementTree.SubElement(
                node, "points", {"label": ASKED, "source": "manual", "occluded": "0", **place, "z_order": "0"}
            )
    ElementTree.indent(root)
    labels = [{"name": name, "type": "points", "attributes": []} for name in (ASKED, *LABELS)]
    paths = query_files(folder, ["cvat"])
    write_text(paths[0], f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(root, "unicode")}\n')
    write_text(paths[1], json.dumps(labels, indent=1) + "\n")
    return paths


#: Files of each format.
_NAMES = {
    "json": ("queries.json", _POOL),
    "labelstudio": ("label_studio_tasks.json", "label_studio_config.xml"),
    "cvat": ("cvat.xml", "cvat_labels.json"),
}
_WRITERS: dict[str, Callable[[Path, Pool, Queries, str], list[Path]]] = {
    "json": _json,
    "labelstudio": _label_studio,
    "cvat": _cvat,
}
