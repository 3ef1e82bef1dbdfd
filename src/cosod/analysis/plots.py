"""Figures of the similarity of groups, and of points by t-SNE, with matplotlib (of the extra ``inspect``)."""

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
    from matplotlib.typing import RcKeyType

STYLE: "dict[RcKeyType, object]" = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
DPI = 160
#: Maximum number of characters of a group's name in a figure.
NAME_LENGTH = 18
#: Maximum number of groups whose names are written at the sides of the matrix; similarity.csv contains all names.
MOST_NAMED = 150
#: Maximum number of groups for which the cells of the matrix contain their values.
MOST_WRITTEN = 14
_MARKERS = "osD^vP*X"
#: Possible positions of a name, as offsets in points from the center of its group, in the order of preference.
_AROUND = (
    *((0, 6), (0, -6), (6, 0), (-6, 0), (5, 5), (-5, 5), (5, -5), (-5, -5)),
    *((0, 14), (0, -14), (14, 0), (-14, 0), (0, 0)),
)


def check() -> None:
    """Checks that matplotlib is installed, before a long computation.

    Raises:
        ExtraError: matplotlib is not installed.

    Example:
        >>> check()  # doctest: +SKIP
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ExtraError("drawing figures", "inspect") from None


def save(figure: "Figure", path: Path) -> None:
    """Writes a figure to a PNG file, atomically.

    Raises:
        OutputError: the file cannot be written.

    Example:
        >>> save(figure, Path("figure.png"))  # doctest: +SKIP
    """
    with whole(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI)


def short(name: str, length: int = NAME_LENGTH) -> str:
    """Shortens a name to at most ``length`` characters.

    Of a name that is too long, only the part after the last slash is kept; if this is too long, too, its middle is
    replaced by an ellipsis.

    Example:
        >>> short("animals/cat", 8), short("photos_of_cats", 8)
        ('cat', 'phot…ats')
    """
    name = printable(name)
    if len(name) > length:
        name = name.rsplit("/", 1)[-1]
    return name if len(name) <= length else f"{name[: length // 2]}…{name[len(name) - (length - 1) // 2 :]}"


def similarity_figure(names: Sequence[str], similarity: np.ndarray, path: Path) -> None:
    """Draws the matrix of the cosines of groups to a PNG file, with similar groups next to each other.

    Args:
        names: names of the G groups.
        similarity: cosines, ``(G, G)``.
        path: file to write.

    Example:
        >>> similarity_figure(["cat", "dog"], np.array([[1.0, 0.4], [0.4, 1.0]]), Path("s.png"))  # doctest: +SKIP
    """
    import matplotlib
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    count = len(names)
    order = _alike_beside(similarity)
    side = min(18.0, 2.6 + 0.17 * count) if count > MOST_WRITTEN else 2.6 + 0.42 * count
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(side + 0.8, side), layout="constrained")
        axes = figure.add_subplot()
        shown = similarity[np.ix_(order, order)]
        scale = Normalize(np.floor(10 * shown.min()) / 10, 1.0)
        image = axes.imshow(shown, cmap="viridis", norm=scale)
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
                color = "black" if scale(value) > 0.6 else "white"
                axes.text(x, y, f"{value:.2f}", ha="center", va="center", fontsize=7, color=color)
        figure.colorbar(image, ax=axes, shrink=0.6, pad=0.02)
        save(figure, path)


def points_figure(points: np.ndarray, of_point: np.ndarray, names: Sequence[str], title: str, path: Path) -> None:
    """Draws points in the colors of their groups to a PNG file, with the names of groups where there is space.

    Args:
        points: coordinates ``(N, 2)``; points with NaN are not shown.
        of_point: index of the group of each point, ``(N,)``.
        names: names of the groups.
        title: title of the figure.
        path: file to write.

    Example:
        >>> points_figure(np.eye(2), np.array([0, 1]), ["cat", "dog"], "t-SNE", Path("points.png"))  # doctest: +SKIP
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
            axes.scatter(
                of_group[:, 0],
                of_group[:, 1],
                s=14 if crowd else 34,
                color=[colors[group]],
                marker=_MARKERS[group % len(_MARKERS)],
                alpha=0.75 if crowd else 1.0,
                linewidths=0,
            )
            centers.append(np.median(of_group, axis=0) if len(of_group) else np.full(2, np.nan))
        placed = points[np.isfinite(points[:, 0])]
        left_out = _write_names(figure, axes, np.array(centers), [short(name) for name in names], placed)
        if left_out:
            axes.set_xlabel(f"{left_out} of {count} names found no room; the tables have all", fontsize=8)
        save(figure, path)


def _alike_beside(similarity: np.ndarray) -> np.ndarray:
    """Returns an order of the groups in which similar groups are next to each other (hierarchical clustering)."""
    if len(similarity) < 3:
        return np.arange(len(similarity))
    from scipy.cluster.hierarchy import leaves_list, linkage

    distance = (1 - similarity[np.triu_indices(len(similarity), 1)]).clip(0)
    return leaves_list(linkage(distance, "average", optimal_ordering=True))


def _colors(count: int) -> list[tuple]:
    """Returns different colors as RGB or RGBA tuples in [0, 1]; neighbors in the list differ the most."""
    import matplotlib
    from matplotlib.colors import hsv_to_rgb

    if count <= 10:
        return [matplotlib.colormaps["tab10"](i) for i in range(count)]
    golden = 0.618034
    return [tuple(hsv_to_rgb((i * golden % 1, 0.55 + 0.35 * (i % 2), 0.55 + 0.15 * (i % 3)))) for i in range(count)]


def _write_names(figure: "Figure", axes: "Axes", centers: np.ndarray, names: list[str], points: np.ndarray) -> int:
    """Writes names near the centers without overlaps, and if possible off the points; returns how many are left out."""
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
            # A name at a side of the center extends away from the center.
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
    """Counts the boxes (left, bottom, right, top) among ``others`` that overlap a box."""
    others = np.asarray(others).reshape(-1, 4)
    return int(((box[:2] < others[:, 2:]) & (others[:, :2] < box[2:])).all(axis=1).sum())
