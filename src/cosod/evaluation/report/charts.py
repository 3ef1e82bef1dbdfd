"""Small line charts as inline SVG for the HTML report.

The colors and text styles come from the stylesheet of the page.
"""

import html

import numpy as np

_WIDTH, _HEIGHT = 300, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 8, 8, 36
#: After every eight series the colors repeat with the next of these dash patterns.
_DASHES = ("", "6 3", "2 3")
#: The number of colors in the stylesheet.
COLORS = 8


def line_chart(title: str, axes: tuple[str, str], series: list[tuple[str, np.ndarray, np.ndarray]]) -> str:
    """Draws a chart with one line for each series, as an HTML ``figure`` element.

    Args:
        title: the caption of the chart.
        axes: the names of the x and y axes.
        series: the name, the x values and the y values of each line; the values are in [0, 1], ``(K,)`` each.

    Example:
        >>> chart = line_chart("ROC", ("fpr", "tpr"), [("ours", np.array([0.0, 1.0]), np.array([0.0, 1.0]))])
        >>> chart.count("<path")
        1
    """
    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{html.escape(title)}">']
    for tick in np.linspace(0, 1, 6):
        x, y = _place(tick, tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{tick:.1f}</text>')
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 14}" text-anchor="middle">{tick:.1f}</text>')
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">{html.escape(axes[0])}</text>')
    height = (_TOP + _HEIGHT - _BOTTOM) / 2
    turned = f'transform="rotate(-90 11 {height})"'
    parts.append(f'<text x="11" y="{height}" text-anchor="middle" {turned}>{html.escape(axes[1])}</text>')
    for i, (name, xs, ys) in enumerate(series):
        points = " L".join("{:.1f} {:.1f}".format(*_place(x, y)) for x, y in zip(xs, ys, strict=True))
        parts.append(f'<path d="M{points}" {stroke(i)}><title>{html.escape(name)}</title></path>')
    parts.append("</svg>")
    return f'<figure class="chart"><figcaption>{html.escape(title)}</figcaption>{"".join(parts)}</figure>'


def legend(names: list[str]) -> str:
    """Draws the legend, which shows the line style of each name, as an HTML list.

    Args:
        names: the names of the series in the order in which :func:`line_chart` gets them.

    Example:
        >>> legend(["ours", "theirs"]).count("<li>")
        2
    """
    items = (
        f'<li><svg viewBox="0 0 26 8" aria-hidden="true"><path d="M0 4 H26" {stroke(i)}/></svg>{html.escape(name)}</li>'
        for i, name in enumerate(names)
    )
    return f'<ul class="legend">{"".join(items)}</ul>'


def stroke(index: int) -> str:
    """Returns the SVG attributes that set the color and the dashes of the line of a series.

    Args:
        index: the position of the series, counted from 0.

    Example:
        >>> stroke(1)
        'stroke="var(--c1)"'
    """
    dash = _DASHES[index // COLORS % len(_DASHES)]
    return f'stroke="var(--c{index % COLORS})"' + (f' stroke-dasharray="{dash}"' if dash else "")


def _place(x: float, y: float) -> tuple[float, float]:
    across = _LEFT + x * (_WIDTH - _LEFT - _RIGHT)
    down = _TOP + (1 - y) * (_HEIGHT - _TOP - _BOTTOM)
    return across, down
