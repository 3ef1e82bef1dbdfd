"""Small line charts as inline SVG for the page; colors and text styles come from the page's stylesheet."""

import html

import numpy as np

_WIDTH, _HEIGHT = 300, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 8, 8, 36
#: Series beyond the eight colors repeat them with other dashes.
_DASHES = ("", "6 3", "2 3")
COLORS = 8


def line_chart(title: str, axes: tuple[str, str], series: list[tuple[str, np.ndarray, np.ndarray]]) -> str:
    """Draws a figure with one line for each series.

    Args:
        title: caption.
        axes: names of x and y.
        series: name, x, y; x in [0, 1], y in [0, 1].
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
    """Draws the legend: which line is whose."""
    items = (
        f'<li><svg viewBox="0 0 26 8" aria-hidden="true"><path d="M0 4 H26" {stroke(i)}/></svg>{html.escape(name)}</li>'
        for i, name in enumerate(names)
    )
    return f'<ul class="legend">{"".join(items)}</ul>'


def stroke(index: int) -> str:
    """Returns the attributes of the line of a series."""
    dash = _DASHES[index // COLORS % len(_DASHES)]
    return f'stroke="var(--c{index % COLORS})"' + (f' stroke-dasharray="{dash}"' if dash else "")


def _place(x: float, y: float) -> tuple[float, float]:
    across = _LEFT + x * (_WIDTH - _LEFT - _RIGHT)
    down = _TOP + (1 - y) * (_HEIGHT - _TOP - _BOTTOM)
    return across, down
