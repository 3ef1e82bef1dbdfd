"""Household things of the example pictures: books, bottles, plants, lamps, things to write with."""

import math

import numpy as np
from example_materials import foliage, glass, glaze, metal, plain, surface
from example_mesh import ball, box, disc, group, lathe, leaf, mesh, place, spline, sweep


def book(color, accent="#e9dcc0", size=(1.5, 2.1, 0.3)):
    """A closed book that lies flat, its spine at -x."""
    root = group("book")
    x, y, z = size
    cover, gold = plain(color, 0.55, 0.15, 60), plain(accent, 0.5)
    paper = surface(
        lambda t: {
            "Base Color": t.mix(
                t.math("FRACT", t.math("MULTIPLY", t.axis(t.coords(), "z"), 55.0)), "#efe6d0", "#cfc3a6"
            )
        },
        rough=0.9,
    )
    box(root, (x - 0.08, y - 0.1, z - 0.06), paper, (0.0, 0, 0.03), bevel=0)
    for at in (0.0, z - 0.035):
        box(root, (x, y, 0.035), cover, (0, 0, at), bevel=0.012)
    box(root, (0.035, y, z), cover, (-x / 2, 0, 0), bevel=0.015)
    for at, long in ((0.62, 0.10), (-0.62, 0.10), (0.1, 0.5)):
        box(root, (0.006, y * long, z * 0.42), gold, (-x / 2 - 0.018, at * y / 2, z * 0.29), bevel=0)
    box(root, (x * 0.6, y * 0.12, 0.004), gold, (0.05, y * 0.22, z), bevel=0)
    box(root, (x * 0.4, y * 0.05, 0.004), gold, (0.05, y * 0.05, z), bevel=0)
    return root


def standing_books(colors, rng, tall=2.1):
    """A row of books on a shelf along +x, spines to -y; returns its root and its length."""
    root, x = group("books"), 0.0
    for color in colors:
        thick, high = rng.uniform(0.22, 0.42), tall * rng.uniform(0.78, 1.0)
        one = book(color, rng.choice(["#e9dcc0", "#d4a84a", "#f4f0e8"]), (1.5, high, thick))
        one.parent = root
        # Stood up: the spine looks to the viewer and the thickness runs along x.
        one.rotation_euler = (math.radians(90), 0, math.radians(90))
        one.location = (x, 0, high / 2)
        x += thick + 0.015
    return root, x


def bottle(color="#1f4d2b", label="#efe6cf", height=2.6, clear=True, band="#8c2f24"):
    """A bottle with a label and a cap."""
    root = group("bottle")
    skin = glass(color, 0.03) if clear else plain(color, 0.12, coat=0.8)
    h = height
    body = [(0.36, 0.0), (0.38, 0.06 * h), (0.38, 0.52 * h), (0.35, 0.6 * h), (0.16, 0.74 * h), (0.13, 0.8 * h)]
    lathe(root, [(0, 0.01), *spline([*body, (0.13, 0.97 * h)], 6), (0, 0.975 * h)], skin, sharp=60)
    paper = surface(
        lambda t: {
            "Base Color": t.mix(
                t.math(
                    "LESS_THAN", t.math("ABSOLUTE", t.math("SUBTRACT", t.axis(t.coords(), "z"), 0.32 * h)), 0.09 * h
                ),
                label,
                band,
            )
        },
        rough=0.7,
    )
    lathe(root, [(0.386, 0.14 * h), (0.388, 0.15 * h), (0.388, 0.46 * h), (0.386, 0.47 * h)], paper)
    disc(root, 0.15, 0.1 * h, plain("#2b2320", 0.4), at=(0, 0, 0.9 * h))
    return root


def spoon(color="#d8d8d8", length=1.5):
    """A spoon that lies on its back."""
    root = group("spoon")
    steel = metal(color, 0.15)
    path = spline([(0, 0, 0.05), (0.5, 0, 0.1), (1.0, 0, 0.07), (1.16, 0, 0.045)], 6)
    sweep(root, [(x * length / 1.5, y, z) for x, y, z in path], 0.018, steel, sides=12, squash=2.2, sharp=180)
    ball(root, (0.24, 0.15, 0.03), steel, (1.36 * length / 1.5, 0, 0.035))
    return root


def knife():
    """A kitchen knife that lies on its side, its point at +x."""
    root = group("knife")
    outline = [(0, 0.0), (1.3, 0.0), (1.62, 0.06), (1.9, 0.26), (0, 0.3)]
    points = [(x, y, z) for z in (0.02, 0.035) for x, y in outline]
    n = len(outline)
    faces = [tuple(reversed(range(n))), tuple(range(n, 2 * n))]
    faces += [(i, (i + 1) % n, n + (i + 1) % n, n + i) for i in range(n)]
    mesh(root, points, faces, metal("#cfd3d6", 0.18), sharp=20)
    box(root, (1.05, 0.24, 0.12), plain("#2c1b12", 0.4, 0.2), (-0.5, 0.17, 0.0), bevel=0.05)
    for x in (-0.8, -0.5, -0.2):
        disc(root, 0.035, 0.01, metal(), 0.003, at=(x, 0.17, 0.118))
    return root


def pencil(color="#e0a11b", length=1.7):
    """A six-sided pencil that lies along x."""
    root = group("pencil")
    sweep(root, [(0, 0, 0.04), (length, 0, 0.04)], 0.042, plain(color, 0.3, coat=0.4), sides=6)
    sweep(root, [(length, 0, 0.04), (length + 0.13, 0, 0.04)], [0.04, 0.012], plain("#e3c193", 0.7), sides=12)
    sweep(root, [(length + 0.13, 0, 0.04), (length + 0.17, 0, 0.04)], [0.012, 0.002], plain("#222222", 0.5), sides=10)
    sweep(root, [(-0.1, 0, 0.04), (0, 0, 0.04)], 0.043, metal("#c9a24f", 0.25), sides=14)
    sweep(root, [(-0.22, 0, 0.04), (-0.1, 0, 0.04)], 0.04, plain("#d4737c", 0.8), sides=14)
    return root


def notebook(color="#2f5d62", size=(1.3, 1.8)):
    """A spiral notebook that lies flat."""
    root = group("notebook")
    box(root, (*size, 0.08), plain("#efe9da", 0.9), (0, 0, 0.01), bevel=0.01)
    box(root, (size[0] + 0.02, size[1] + 0.02, 0.02), plain(color, 0.5, 0.2, 50), (0, 0, 0.09), bevel=0.008)
    box(root, (size[0] * 0.5, size[1] * 0.16, 0.004), plain("#f3ecdc", 0.7), (0.05, size[1] * 0.22, 0.11), bevel=0)
    steel = metal("#cccccc", 0.25)
    for y in np.arange(-size[1] / 2 + 0.1, size[1] / 2, 0.11):
        a = np.linspace(0, 2 * math.pi, 14)
        path = [(-size[0] / 2 + 0.07 * math.cos(t), y, 0.06 + 0.075 * math.sin(t)) for t in a]
        sweep(root, path, 0.011, steel, sides=6, sharp=180)
    return root


def laptop(screen=("#274b73", "#e7a36a")):
    """An open laptop that faces -y."""
    root = group("laptop")
    shell, key = metal("#9aa0a6", 0.35), plain("#26282b", 0.6)
    box(root, (3.1, 2.1, 0.12), shell, bevel=0.04)
    for row in range(5):
        for col in range(13):
            box(root, (0.17, 0.17, 0.03), key, (-1.26 + col * 0.21, 0.72 - row * 0.21, 0.115), bevel=0.02)
    box(root, (1.0, 0.62, 0.006), plain("#858b91", 0.3), (0, -0.66, 0.12), bevel=0)
    lid = place(group("lid"), 0, 1.05, 0.1, tilt=(-14, 0))
    lid.parent = root
    box(lid, (3.1, 0.07, 2.05), shell, bevel=0.03)

    def build(t):
        where = t.coords()
        wave = t.math("ADD", t.axis(where, "z"), t.math("MULTIPLY", t.noise(where, 0.5, 2), 1.6))
        picture = t.ramp(t.math("MULTIPLY", wave, 0.35), (0.2, screen[0]), (0.75, screen[1]))
        return {"Base Color": "#050505", "Emission Color": picture}

    box(lid, (2.9, 0.01, 1.85), surface(build, rough=0.15, glow=0.9), (0, -0.036, 0.1), bevel=0)
    return root


def desk_lamp(color="#c8483a"):
    """A desk lamp whose arm leans to +x."""
    root = group("lamp")
    paint = plain(color, 0.3, coat=0.5)
    disc(root, 0.55, 0.12, paint, 0.05)
    sweep(root, spline([(0, 0, 0.1), (-0.25, 0, 1.3), (0.1, 0, 2.3), (0.75, 0, 2.75)], 10), 0.045, metal(), sharp=180)
    head = place(group("head"), 0.95, 0, 2.62, tilt=(0, -32))
    head.parent = root
    lathe(head, spline([(0.09, 0.3), (0.16, 0.2), (0.4, -0.12), (0.52, -0.4)], 8), paint)
    ball(head, (0.17, 0.17, 0.2), plain("#fff2cf", 0.4, glow=12.0), (0, 0, -0.1))
    return root


def table_lamp(color="#efe2c4", base="#2f5d62", glow=2.0):
    """A lamp with a ceramic foot and a glowing shade."""
    root = group("lamp")
    foot = spline([(0.3, 0), (0.42, 0.25), (0.36, 0.7), (0.12, 1.05), (0.08, 1.4)], 8)
    lathe(root, [(0, 0), *foot], glaze(base))
    lathe(root, [(0.85, 1.3), (0.55, 2.35), (0.54, 2.35), (0.84, 1.3)], plain(color, 0.9, 0.2, 60, glow=glow))
    return root


def plant(kind="leafy", pot="#b4633f", rng=None, size=1.0):
    """A plant in a pot: broad drooping leaves, upright blades, or a small bush."""
    root = group("plant")
    lathe(
        root,
        [
            (0, 0), (0.38, 0), (0.4, 0.03), (0.52, 0.72), (0.58, 0.72), (0.6, 0.76), (0.6, 0.92), (0.53, 0.93),
            (0.5, 0.8), (0, 0.8),
        ],
        plain(pot, 0.75, 0.25, 20) if kind != "blades" else glaze(pot),
        sharp=35,
    )  # fmt: skip
    if kind == "blades":
        green = foliage("#1f4a23", "#8fae55")
        for k in range(15):
            turn, far = 137.5 * k, 0.05 + 0.02 * k
            at = (far * math.cos(math.radians(turn)), far * math.sin(math.radians(turn)), 0.78)
            leaf(root, rng.uniform(1.3, 2.3) * size, 0.3, green, 0.25, at, (0, -86 + 1.4 * k, turn), fold=0.5)
        return root
    green = foliage("#1f5420", "#69a03c")
    count, long = (34, 1.0) if kind == "leafy" else (120, 0.5)
    for k in range(count):
        turn, rise = 137.5 * k + rng.uniform(-15, 15), 75 - 72 * (k / count)
        stalk = 0.45 * size * rng.uniform(0.6, 1.5) if kind == "leafy" else size * rng.uniform(0.2, 1.0)
        a, e = math.radians(turn), math.radians(rise)
        tip = (stalk * math.cos(a) * math.cos(e), stalk * math.sin(a) * math.cos(e), 0.8 + stalk * (0.4 + math.sin(e)))
        sweep(root, [(0, 0, 0.75), tip], 0.014, green, sides=6)
        length = long * size * rng.uniform(0.7, 1.15)
        leaf(root, length, length * 0.46, green, rng.uniform(0.5, 1.5), tip, (rng.uniform(-20, 20), -rise * 0.7, turn))
    return root


def clock(color="#2e6f73"):
    """An alarm clock that looks to -y."""
    root = group("clock")
    paint, brass, ink = plain(color, 0.3, coat=0.6), metal("#cba35a", 0.2), plain("#161616", 0.5)
    face = place(group("face"), 0, 0, 0.78, tilt=(90, 0))
    face.parent = root
    lathe(face, [(0, -0.4), (0.56, -0.38), (0.64, -0.25), (0.66, 0.0), (0.63, 0.05), (0.57, 0.05), (0.56, 0.0)], paint)
    disc(face, 0.57, 0.02, plain("#f4efe0", 0.6), 0.005, at=(0, 0, -0.01))
    for k in range(12):
        a = math.radians(30 * k)
        long = 0.11 if k % 3 == 0 else 0.06
        at = (0.47 * math.sin(a), 0.47 * math.cos(a), 0.01)
        box(face, (0.03, long, 0.008), ink, at, (0, 0, -30 * k), bevel=0)
    for angle, long, wide in ((-55, 0.3, 0.04), (62, 0.44, 0.026)):
        a = math.radians(angle)
        box(face, (wide, long, 0.012), ink, (math.sin(a) * long / 2, math.cos(a) * long / 2, 0.016), (0, 0, -angle), 0)
    for s in (-1, 1):
        ball(root, (0.24, 0.24, 0.2), brass, (s * 0.36, 0.15, 1.44), (0, s * 32, 0))
        sweep(root, [(s * 0.4, 0.15, 0.35), (s * 0.56, 0.15, 0.0)], 0.05, brass)
    sweep(root, spline([(-0.3, 0.15, 1.5), (0, 0.15, 1.75), (0.3, 0.15, 1.5)], 8), 0.03, brass, sharp=180)
    return root


def candle(color="#efe6cf"):
    """A thick candle with a flame."""
    root = group("candle")
    wax = plain(color, 0.5, sub=0.3)
    disc(root, 0.3, 0.8, wax, 0.04)
    ball(root, (0.045, 0.045, 0.13), plain("#ffc46b", 0.5, glow=25.0), (0, 0, 0.98), segments=16)
    return root
