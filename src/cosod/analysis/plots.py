"""Figures with matplotlib: the similarity of groups, and points by t-SNE. Needs the extra ``inspect``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cosod.errors import ExtraError
from cosod.io.atomic_write import whole
from cosod.io.file_names import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
DPI = 160
#: Letters of a group's name in a figure.
NAME_LENGTH = 18
#: With more groups the matrix has no names at its sides: similarity.csv has them.
MOST_NAMED = 150
#: With more groups the cells have no figures in them.
MOST_WRITTEN = 14
_MARKERS = "osD^vP*X"
#: Places of a name, in points from the center of its group, best first.
_AROUND = (
    *((0, 6), (0, -6), (6, 0), (-6, 0), (5, 5), (-5, 5), (5, -5), (-5, -5)),
    *((0, 14), (0, -14), (14, 0), (-14, 0), (0, 0)),
)


def check() -> None:
    """Raise ExtraError unless matplotlib is there; for asking before long work."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ExtraError("drawing figures", "inspect") from None


def save(figure: "Figure", path: Path) -> None:
    """Saves a figure as PNG, written whole or not at all."""
    with whole(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI)


def short(name: str, length: int = NAME_LENGTH) -> str:
    """Shortens a name to so many letters: of a longer one its last folder, and of that the beginning and the end."""
    name = printable(name)
    if len(name) > length:
        name = name.rsplit("/", 1)[-1]
    return name if len(name) <= length else f"{name[: length // 2]}…{name[len(name) - (length - 1) // 2 :]}"


def similarity_figure(names: Sequence[str], similarity: np.ndarray, path: Path) -> None:
    """Draws the matrix of cosines ``(G, G)``, with similar groups beside each other."""
    import matplotlib
    from matplotlib.figure import Figure

    count = len(names)
    order = _alike_beside(similarity)
    side = min(18.0, 2.6 + 0.17 * count) if count > MOST_WRITTEN else 2.6 + 0.42 * count
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(side + 0.8, side), layout="constrained")
        axes = figure.add_subplot()
        shown = similarity[np.ix_(order, order)]
        image = axes.imshow(shown, cmap="viridis", vmin=np.floor(10 * shown.min()) / 10, vmax=1.0)
        axes.set_title("Cosine of the groups' consensus vectors", fontsize=10 if side < 9 else 16)
        axes.spines[:].set_visible(False)
        if count <= MOST_NAMED:
            labels = [short(names[i]) for i in order]
            size = 8 if count <= 110 else 6
            axes.set_xticks(range(count), labels, rotation=90, fontsize=size)
            axes.set_yticks(range(count), labels, fontsize=size)
        else:
            axes.set_xlabel("groups, alike ones beside each other; names in similarity.csv")
            axes.set(xticks=[], yticks=[])
        if count <= MOST_WRITTEN:
            for (y, x), value in np.ndenumerate(shown):
                color = "black" if image.norm(value) > 0.6 else "white"
                axes.text(x, y, f"{value:.2f}", ha="center", va="center", fontsize=7, color=color)
        figure.colorbar(image, ax=axes, shrink=0.6, pad=0.02)
        save(figure, path)


def points_figure(points: np.ndarray, of_point: np.ndarray, names: Sequence[str], title: str, path: Path) -> None:
    """Draws points ``(N, 2)`` in the colors of their groups, with the groups' names where these find room.

    Args:
        points: NaN where a point is not shown.
        of_point: index of each point's group, ``(N,)``.
        names: names of the groups.
        title: title of the figure.
        path: where to write it.
    """
    import matplotlib
    from matplotlib.figure import Figure

    count = len(names)
    side = 6.0 if count <= 20 else 9.0 if count <= 120 else 13.0
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(side, side), layout="constrained")
        axes = figure.add_subplot()
        axes.set(xticks=[], yticks=[], title=title)
        axes.spines[:].set(visible=True, color="#cccccc")
        axes.margins(0.08)
        colors, centers = _colors(count), []
        crowd = len(points) > 300
        for group in range(count):
            of_group = points[of_point == group]
            of_group = of_group[np.isfinite(of_group[:, 0])]
            look = {"color": [colors[group]], "marker": _MARKERS[group % len(_MARKERS)]}
            axes.scatter(*of_group.T, s=14 if crowd else 34, alpha=0.75 if crowd else 1.0, linewidths=0, **look)
            centers.append(np.median(of_group, axis=0) if len(of_group) else np.full(2, np.nan))
        placed = points[np.isfinite(points[:, 0])]
        left_out = _write_names(figure, axes, np.array(centers), [short(name) for name in names], placed)
        if left_out:
            axes.set_xlabel(f"{left_out} of {count} names found no room; the tables have all", fontsize=8)
        save(figure, path)


def _alike_beside(similarity: np.ndarray) -> np.ndarray:
    """Returns an order of the groups in which those that are alike stand together (hierarchical clustering)."""
    if len(similarity) < 3:
        return np.arange(len(similarity))
    from scipy.cluster.hierarchy import leaves_list, linkage

    distance = (1 - similarity[np.triu_indices(len(similarity), 1)]).clip(0)
    return leaves_list(linkage(distance, "average", optimal_ordering=True))


def _colors(count: int) -> list[tuple]:
    """Returns colors that differ much, neighbors in the list above all."""
    import matplotlib
    from matplotlib.colors import hsv_to_rgb

    if count <= 10:
        return [matplotlib.colormaps["tab10"](i) for i in range(count)]
    golden = 0.618034
    return [tuple(hsv_to_rgb((i * golden % 1, 0.55 + 0.35 * (i % 2), 0.55 + 0.15 * (i % 3)))) for i in range(count)]


def _write_names(figure: "Figure", axes: "Axes", centers: np.ndarray, names: list[str], points: np.ndarray) -> int:
    """Names near the centers, none over another, off the points where possible; returns how many found no room."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.patheffects import withStroke

    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw_without_rendering()
    pixels = axes.transData.transform(points)
    dots = np.hstack([pixels - 4, pixels + 4])
    frame = np.array(axes.get_window_extent(renderer).extents)
    taken: list[np.ndarray] = []
    left_out = 0
    for center, name in zip(centers, names, strict=True):
        if not np.isfinite(center).all():
            continue
        text = axes.annotate(name, center, (0, 0), textcoords="offset points", fontsize=8, color="#222222")
        text.set_path_effects([withStroke(linewidth=2, foreground="white")])
        extent = text.get_window_extent(renderer)
        middle = axes.transData.transform(center)
        costs = []
        for place in np.array(_AROUND):
            # At a side of its center a name is written away from it.
            corner = middle + place * figure.dpi / 72 + (np.sign(place) - 1) / 2 * extent.size
            box = np.concatenate([corner, corner + extent.size])
            room = (box[:2] >= frame[:2]).all() and (box[2:] <= frame[2:]).all() and not _meeting(box, taken)
            costs.append((_meeting(box, dots) if room else np.inf, box))
        best = min(range(len(costs)), key=lambda i: costs[i][0])
        if np.isinf(costs[best][0]):
            text.remove()
            left_out += 1
        else:
            x, y = _AROUND[best]
            across, up = ("center", "left", "right")[np.sign(x)], ("center", "bottom", "top")[np.sign(y)]
            text.set(position=(x, y), ha=across, va=up)
            taken.append(costs[best][1])
    return left_out


def _meeting(box: np.ndarray, others: Sequence[np.ndarray] | np.ndarray) -> int:
    """Counts the boxes (left, bottom, right, top) that a box overlaps."""
    others = np.asarray(others).reshape(-1, 4)
    return int(((box[:2] < others[:, 2:]) & (others[:, :2] < box[2:])).all(axis=1).sum())
