"""Files of the points to ask for, for the tools in which people answer: JSON, Label Studio tasks, and CVAT XML.

Points are pixels with integer coordinates in this package. Label Studio and CVAT have continuous coordinates, in which
a point is at the center of its pixel.
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

#: Labels in Label Studio and CVAT: that of a point without an answer, and those of the two answers with their values.
ASKED, LABELS = "asked", {"object": 1, "background": 0}
#: Prefix of the URLs under which Label Studio serves local files.
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
    """Writes the points to ask for to files in a folder, in one or several formats.

    Args:
        folder: folder to write to, which is created if it is missing.
        pool: the images.
        queries: pixels to ask for, by image.
        formats: ``json`` (for ``cosod active label`` on this or another machine), ``labelstudio`` (tasks and labeling
            configuration), and ``cvat`` (annotations in the format "CVAT for images 1.1", and labels).
        image_url: prefix of the URLs of the images in Label Studio; the name of the image is appended.

    Returns:
        The written files, in the order of ``formats``.

    Raises:
        InputError: a format is unknown.
        OutputError: a file cannot be written.

    Example:
        >>> paths = write_queries(Path("asked"), pool, {"cat.jpg": [(10, 20)]}, ["json", "cvat"])  # doctest: +SKIP
    """
    return [path for name in check_formats(formats) for path in _WRITERS[name](Path(folder), pool, queries, image_url)]


def check_formats(names: Iterable[str]) -> list[str]:
    """Returns the names of formats without spaces and duplicates.

    Raises:
        InputError: :func:`write_queries` does not know a format.

    Example:
        >>> check_formats(["json", " cvat", "json"])
        ['json', 'cvat']
    """
    names = list(dict.fromkeys(name.strip() for name in names))
    if unknown := [name for name in names if name not in _WRITERS]:
        raise InputError(f"format {unknown[0]!r}: choose among {', '.join(_WRITERS)}")
    return names


def query_files(folder: Path, names: Iterable[str]) -> list[Path]:
    """Returns the files that :func:`write_queries` writes for some formats.

    Example:
        >>> [path.name for path in query_files(Path("asked"), ["json"])]
        ['queries.json', 'pool.json']
    """
    return [folder / name for form in names for name in _NAMES[form]]


def read_queries(path: str | os.PathLike, images: str | os.PathLike | None = None) -> tuple[Pool, Queries]:
    """Reads the pool and the points to ask for from the JSON files that :func:`write_queries` has written.

    Args:
        path: the file ``queries.json``; ``pool.json`` is read from the same folder.
        images: folder with the images; by default the folder in which they were when the pool was made.

    Returns:
        The pool, and the pixels to ask for by image.

    Raises:
        InputError: a file is missing, damaged, or of another kind, or a point lies outside its image.

    Example:
        >>> pool, queries = read_queries("asked/queries.json")  # doctest: +SKIP
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
    """Writes Label Studio tasks with the points as predictions, in percent of the sides of the image."""
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
    """Writes annotations in the format "CVAT for images 1.1", with one shape for each point, in pixels."""
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


#: Names of the files of each format.
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
