"""Fruit, bread and biscuits of the example pictures, and what they lie in."""

import math

import numpy as np
from example_materials import glaze, peel, plain, surface, wood
from example_mesh import ball, box, disc, group, lathe, place, spline, sweep


def plate(color="#f3efe6", radius=0.95, second=None):
    """A dinner plate with a rim."""
    root = group("plate")
    profile = [(0, 0.03), (0.55, 0.03), (0.6, 0.0), (0.64, 0.03), (0.99, 0.13), (1, 0.145), (0.98, 0.15)]
    profile += [(0.68, 0.075), (0.6, 0.055), (0, 0.055)]
    profile = [(r * radius, z) for r, z in profile]
    lathe(root, profile, glaze(color, second, "speckled" if second else "plain"), sharp=60)
    return root


def bowl(color="#3f6a86", radius=1.0, height=0.6, pattern="plain", second="#f0e8d8", material=None):
    """An open bowl."""
    root = group("bowl")
    outer = spline([(0.38, 0.0), (0.42, 0.04), (0.72, 0.25), (0.92, 0.6), (1.0, 1.0)], 7)
    inner = [(r - 0.045, z) for r, z in reversed(outer) if z > 0.1]
    profile = [(0, 0.02), *outer, (0.985, 1.03), (0.965, 1.02), *inner, (0.3, 0.1), (0, 0.09)]
    skin = material or glaze(color, second, pattern, top=height)
    lathe(root, [(r * radius, z * height) for r, z in profile], skin, sharp=60)
    return root


def basket(radius=1.2, height=0.7):
    """A wicker basket without a handle: rods around posts."""
    root = group("basket")
    cane = plain("#a9743c", 0.7, 0.4, 12)
    a = np.linspace(0, 2 * math.pi, 145)
    for k in range(9):
        r, z = radius * (0.86 + 0.14 * k / 8), height * (k + 0.5) / 9
        phase = math.pi * (k % 2)
        path = [
            (
                (r + 0.035 * math.sin(18 * t + phase)) * math.cos(t),
                (r + 0.035 * math.sin(18 * t + phase)) * math.sin(t),
                z,
            )
            for t in a
        ]
        sweep(root, path, 0.042, cane, sides=8, sharp=180)
    for k in range(36):
        t = 2 * math.pi * (k + 0.5) / 36
        c, s = math.cos(t), math.sin(t)
        sweep(root, [(radius * 0.86 * c, radius * 0.86 * s, 0), (radius * c, radius * s, height)], 0.03, cane, sides=8)
    rim = [(radius * 1.01 * math.cos(t), radius * 1.01 * math.sin(t), height) for t in a]
    sweep(root, rim, 0.07, cane, sides=12, sharp=180)
    disc(root, radius * 0.88, 0.06, cane)
    return root


def board(size=(3.2, 2.0, 0.16)):
    """A cutting board with a handle at +x."""
    root = group("board")
    skin = wood("#8a5a30", "#c9975c", scale=1.2)
    box(root, size, skin, bevel=0.06)
    box(root, (0.9, 0.5, size[2]), skin, (size[0] / 2 + 0.3, 0, 0), bevel=0.06)
    return root


def cookies(rng, count=5):
    """A heap of biscuits with chocolate chips."""
    root = group("cookies")
    dough, chip = plain("#c08a4c", 0.85, 0.6, 9), plain("#33190c", 0.4)
    for k in range(count):
        a = 2 * math.pi * k / max(1, count - 1)
        last = k == count - 1
        at = (0, 0, 0.13) if last else (0.34 * math.cos(a), 0.34 * math.sin(a), 0.0)
        one = place(group("cookie"), *at, turn=50 * k, tilt=(6 if last else 4, -8))
        one.parent = root
        lathe(one, spline([(0, 0), (0.24, 0.0), (0.3, 0.045), (0.24, 0.085), (0.1, 0.105), (0, 0.107)], 5), dough)
        for _ in range(8):
            r, t = 0.24 * math.sqrt(rng.random()), rng.uniform(0, 6.28)
            ball(one, (0.035, 0.03, 0.025), chip, (r * math.cos(t), r * math.sin(t), 0.105 - 0.18 * r * r), segments=12)
    return root


def bananas(rng, count=4):
    """A hand of bananas that lies on the ground."""
    root = group("bananas")

    def build(t):
        where = t.coords()
        spots = t.ramp(t.noise(t.coords((1, 1, 1)), 9, 3), (0.3, "#ffffff"), (0.36, "#000000"))
        base = t.mix(t.noise(where, 1.5, 3), "#e9bc1c", "#f3d653")
        return {"Base Color": t.mix(t.mix(1.0, spots, (0.6, 0.6, 0.6, 1), "MULTIPLY"), base, "#5a3a14")}

    skin, tip = surface(build, rough=0.45, sub=0.05), plain("#4a3417", 0.8, 0.4)
    for k in range(count):
        one = place(group("banana"), 0, 0, 0.16, turn=-18 + 13 * k, tilt=(14 + 9 * k, 0))
        one.parent = root
        a = np.linspace(-0.95, 0.95, 30)
        path = [(1.02 * math.sin(v), -1.02 * (1 - math.cos(v)) * 1.1, 0.0) for v in a]
        bulge = [0.05 + 0.135 * max(0.0, 1 - abs(v / 0.95) ** 3.2) ** 0.6 for v in a]
        sweep(one, path, bulge, skin, sides=6, sharp=180).modifiers.new("soft", "SUBSURF").render_levels = 2
        for end in (0, -1):
            x, y, z = path[end]
            ball(one, (0.075, 0.06, 0.06), tip, (x * 1.02, y * 1.02, z), segments=16)
    return root


def citrus(kind="orange"):
    """An orange or a lemon."""
    root = group(kind)
    if kind == "orange":
        ball(root, (0.4, 0.4, 0.37), peel("#e07b12", "#ec9322"), (0, 0, 0.37), (0, 25, 0), 64)
        ball(root, (0.03, 0.03, 0.015), plain("#5b6b2a", 0.8), (0.16, 0, 0.7), segments=16)
    else:
        knots = [(0, -0.5), (0.05, -0.47), (0.13, -0.4), (0.28, -0.2), (0.31, 0), (0.27, 0.22), (0.1, 0.41), (0, 0.46)]
        skin = peel("#e8c411", "#f2d93a")
        lathe(root, [(max(0, r), z) for r, z in spline(knots, 7)], skin, at=(0, 0, 0.3), rotate=(0, 90, 0), sharp=180)
    return root


def pear(color="#a9b23a", tint="#cdb24a"):
    """A pear with its stem."""
    root = group("pear")
    knots = [(0, 0.03), (0.14, 0.0), (0.33, 0.14), (0.39, 0.36), (0.33, 0.58), (0.19, 0.82), (0.14, 0.98), (0.08, 1.06)]
    profile = [(max(0.0, r), z) for r, z in spline([*knots, (0, 1.05)], 7)]
    lathe(root, profile, peel(color, tint, 0.08, 40), warp=lambda x, y, z: (x + 0.08 * z * z, y, z), sharp=180)
    sweep(root, spline([(0.09, 0, 1.02), (0.12, 0, 1.15), (0.2, 0, 1.25)], 5), 0.02, plain("#4a3220", 0.8), sharp=180)
    return root


def loaf():
    """A round loaf of bread."""
    root = group("loaf")

    def build(t):
        where = t.coords()
        cut = t.math("ABSOLUTE", t.math("SUBTRACT", t.math("FRACT", t.math("MULTIPLY", t.axis(where, "x"), 1.7)), 0.5))
        crumb = t.ramp(
            t.math("ADD", cut, t.math("MULTIPLY", t.noise(where, 5, 4), 0.15)), (0.1, "#ffffff"), (0.16, "#000000")
        )
        base = t.mix(t.noise(where, 2.5, 6), "#8a4d1c", "#c98a45")
        return {"Base Color": t.mix(crumb, base, "#d3ac72"), "Normal": t.bump(t.noise(where, 9, 6), 0.6, 0.05)}

    ball(root, (1.0, 0.62, 0.5), surface(build, rough=0.8), (0, 0, 0.42))
    return root
