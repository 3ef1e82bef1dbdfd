"""Backgrounds of the example pictures: furniture, windows, pictures, hedges, walls of stone."""

import numpy as np
from example_materials import art, cloth, foliage, plain, wood
from example_mesh import box, group, mesh, stone


def paint_frame(seed, size=(2.2, 1.7), color="#3a2a1c"):
    """A framed painting that hangs in the x-z plane, about its middle."""
    root = group("frame")
    x, z = size
    box(root, (x, 0.02, z), art(seed), (0, 0, -z / 2), bevel=0)
    edge = wood(color, "#6d5033")
    for s in (-1, 1):
        box(root, (x + 0.24, 0.14, 0.14), edge, (0, -0.04, s * z / 2 - 0.07), bevel=0.02)
        box(root, (0.14, 0.14, z + 0.1), edge, (s * x / 2, -0.04, -z / 2 - 0.05), bevel=0.02)
    return root


def sofa(color="#5d6f7d"):
    """A sofa that faces -y, for backgrounds."""
    root = group("sofa")
    fabric = cloth(color)
    box(root, (16, 7, 3.6), fabric, (0, 0, 0.6), bevel=0.5)
    box(root, (16, 2.2, 7.5), fabric, (0, 3, 0.6), bevel=0.8)
    for s in (-1, 1):
        box(root, (2.0, 7, 5.6), fabric, (s * 8.4, 0, 0.6), bevel=0.7)
        box(root, (7.2, 5.4, 1.6), fabric, (s * 3.7, -0.9, 4.1), bevel=0.5)
    box(root, (3.4, 1.2, 3.4), cloth("#c98a3a"), (-5.2, 0.3, 5.6), (-18, 8, 0), bevel=0.55)
    return root


def window(width, height, frame="#e9e6df", bars=2):
    """A window frame in the x-z plane with its lower edge at z = 0."""
    root = group("window")
    white = plain(frame, 0.45)
    for x in np.linspace(-width / 2, width / 2, bars + 1):
        box(root, (0.28, 0.3, height), white, (float(x), 0, 0), bevel=0.05)
    for z in (0, height * 0.62, height):
        box(root, (width, 0.26, 0.24), white, (0, 0, z - 0.12), bevel=0.05)
    return root


def shelf(width, material, at=(0, 0, 0), depth=2.4, thick=0.18):
    """A board of a shelf whose upper face is at the height of ``at``."""
    root = group("shelf")
    box(root, (width, depth, thick), material, (at[0], at[1], at[2] - thick), bevel=0.03)
    return root


def hedge(rng, area, height, count=5000, size=0.5, dark="#2f5c22", light="#93b652"):
    """A mass of leaves over (x0, x1, y0, y1) up to an uneven ``height``, with something dark inside."""
    root = group("hedge")
    x0, x1, y0, y1 = area
    x, y = rng.uniform(x0, x1, count), rng.uniform(y0, y1, count)
    top = height * (0.72 + 0.28 * np.sin(x * 0.55 + 1.3) * np.sin(x * 0.21))
    z = top * rng.uniform(0, 1, count) ** 0.7
    u, w = rng.normal(size=(2, count, 3))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    w -= u * (u * w).sum(1, keepdims=True)
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    mid = np.stack([x, y, z], 1)
    s = size * rng.uniform(0.5, 1.2, (count, 1))
    vertices = np.stack([mid - u * s, mid - w * s * 0.45, mid + u * s, mid + w * s * 0.45], 1).reshape(-1, 3)
    mesh(root, vertices, [tuple(range(i, i + 4)) for i in range(0, 4 * count, 4)], foliage(dark, light), sharp=180)
    box(root, (x1 - x0, 0.5, height * 0.5), plain("#1c3316", 1.0), ((x0 + x1) / 2, y1 + 0.5, 0), bevel=0)
    return root


def stone_wall(rng, length, material, rows=2, top=0.0):
    """Courses of rough stones along x whose upper face is about z = ``top``."""
    root = group("wall")
    for row in range(rows):
        x = -length / 2 - rng.uniform(0, 1.5)
        while x < length / 2:
            wide = rng.uniform(2.2, 4.2)
            at = (x + wide / 2, rng.uniform(-0.1, 0.1), top - 1.1 * (row + 1))
            stone(root, (wide * 0.99, 3.6, 1.16), material, float(rng.uniform(0, 90)), at)
            x += wide
    return root
