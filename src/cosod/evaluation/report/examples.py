"""The best and worst images of each group for the HTML report, with photo, truth and maps side by side."""

import base64
import html
import os

import cv2
import numpy as np
from PIL import Image, ImageOps

from cosod.errors import CosodError
from cosod.evaluation.metrics.names import label
from cosod.evaluation.pairs import FLAT, Pair, photos_by_key
from cosod.evaluation.reading import read_map, read_truth
from cosod.evaluation.report.report import Report

#: Half of the maximum height of an embedded image in pixels.
_HEIGHT = 84
#: The number of best images shown, and of worst images, of a group and of a flat folder.
_OF_GROUP, _OF_FLAT = 2, 6
#: The maximum number of groups, since each adds about 50 kB to the page. Groups with the lowest figures are shown.
_GROUPS = 300
#: The maximum number of methods whose maps are shown; the best methods are shown.
_METHODS = 6


def examples(rows: list[Report], images: str | os.PathLike | None = None) -> str:
    """Renders the best and worst images of each group as HTML.

    Images are ranked by the S-measure of the first report, or by J if its protocol does not have S.

    Args:
        rows: the reports of one set and protocol, best first.
        images: the folder of the photos, which have the names of the truths; if it is None, no photos are shown.

    Raises:
        InputError: ``images`` does not exist, contains no images, or has two photos of the same name.
        ImageError: a truth or a map cannot be read.

    Example:
        >>> html_text = examples([evaluate("maps", "gts")], "images")  # doctest: +SKIP
    """
    first = rows[0]
    key = "s" if "s" in first.keys else "j"
    values = first.images.column(key)
    photos = photos_by_key(images, first.set_name) if images is not None else {}
    places: dict[str, list[int]] = {}
    for i, pair in enumerate(first.images.pairs):
        if values[i] == values[i]:
            places.setdefault(pair.group, []).append(i)
    chosen = sorted(sorted(places, key=lambda g: first.groups[g][key])[:_GROUPS])
    few = f" The {_GROUPS} groups with the lowest figures of {len(places)}." if len(places) > _GROUPS else ""
    parts = [
        "<h3>Best and worst images</h3>",
        f'<p class="soft">By {label(key)} of {html.escape(first.method or "the maps")}.{few}</p>',
    ]
    for number, group in enumerate(chosen):
        indices = places[group]
        ranked = sorted(indices, key=lambda i: -values[i])
        count = min(_OF_FLAT if group == FLAT else _OF_GROUP, len(ranked) // 2)
        ends = [("best", i) for i in ranked[:count]] + [("worst", i) for i in ranked[len(ranked) - max(count, 1) :]]
        cards = "".join(_card(rows[:_METHODS], first.images.pairs[i], i, key, css, photos) for css, i in ends)
        name = "All images" if group == FLAT else group
        head = f'{html.escape(name)}<span class="soft">{label(key)} {first.groups[group][key]:.3f}</span>'
        views = 1 + bool(photos) + min(len(rows), _METHODS)
        parts.append(
            f"<details{' open' if number < 3 else ''}><summary>{head}</summary>"
            f'<div class="examples" style="--card: {20 + 108 * min(views, 8)}px">{cards}</div></details>'
        )
    return "".join(parts)


def _card(rows: list[Report], pair: Pair, place: int, key: str, css: str, photos: dict[str, str]) -> str:
    views = [_view("image", _photo(photos[pair.key]))] if pair.key in photos else []
    views.append(_view("truth", _gray(read_truth(pair.truth).levels)))
    for report in rows:
        own = report.images.pairs[place]
        label = f"{report.method or 'map'} {report.images.column(key)[place]:.3f}"
        views.append(_view(label, _gray(read_map(own.prediction).levels)) if own.prediction else _absent(label))
    caption = f"{html.escape(pair.stem)} <span class='soft'>{css}</span>"
    shown = f'<div class="views">{"".join(views)}</div>'
    return f'<figure class="example {css}"><figcaption>{caption}</figcaption>{shown}</figure>'


def _view(label: str, source: str) -> str:
    if not source:
        return _absent(label, "cannot be read")
    return f'<div><img src="{source}" alt="{html.escape(label)}">{html.escape(label)}</div>'


def _absent(label: str, why: str = "missing, scored as black") -> str:
    return f'<div><span class="absent">{why}</span>{html.escape(label)}</div>'


def _gray(levels: np.ndarray) -> str:
    return _inline(_small(levels), "png" if len(np.unique(levels)) == 2 else "jpg")


def _photo(path: str) -> str:
    try:
        with Image.open(path) as image:
            image.draft("RGB", (4 * _HEIGHT, 4 * _HEIGHT))
            upright = ImageOps.exif_transpose(image.convert("RGB"))
            return _inline(_small(np.asarray(upright)[..., ::-1]), "jpg")
    except (OSError, CosodError):
        return ""  # photos only illustrate the report, so a photo that cannot be read is no reason to fail


def _small(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    scale = min(1.0, 2 * _HEIGHT / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA)


def _inline(pixels: np.ndarray, kind: str) -> str:
    options = [cv2.IMWRITE_JPEG_QUALITY, 78] if kind == "jpg" else []
    data = cv2.imencode(f".{kind}", pixels, options)[1]
    mime = "jpeg" if kind == "jpg" else "png"
    return f"data:image/{mime};base64,{base64.b64encode(data.data).decode()}"
