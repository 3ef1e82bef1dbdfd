"""The objects that the groups of example pictures share: mugs, toy cars and apples."""

import math
from types import SimpleNamespace

import numpy as np
from example_materials import glaze, metal, plain, surface, wood
from example_mesh import ball, box, disc, group, lathe, leaf, mesh, spline, sweep

#: Outer profiles of mugs, (radius, height) with height 0 to 1.
MUGS = {
    "straight": [(0.40, 0.0), (0.42, 0.5), (0.42, 1.0)],
    "tapered": [(0.31, 0.0), (0.37, 0.4), (0.45, 1.0)],
    "belly": [(0.30, 0.0), (0.45, 0.28), (0.46, 0.5), (0.39, 0.8), (0.41, 1.0)],
    "round": [(0.24, 0.0), (0.42, 0.2), (0.48, 0.55), (0.46, 1.0)],
    "enamel": [(0.41, 0.0), (0.42, 0.05), (0.42, 1.0)],
}

#: Cars, 2 units long and driving towards +x: the outline of the top as (x, z), the span of the side windows with
#: its pillars, the spans of the rear and the front window, door joints, wheel places and wheel size.
CARS = {
    "mini": SimpleNamespace(
        top=[(-1, 0.4), (-0.93, 0.6), (-0.74, 0.78), (-0.25, 0.85), (0.12, 0.82), (0.44, 0.54), (0.8, 0.48), (1, 0.4)],
        side=(-0.72, 0.36), pillars=(-0.2,), rear=(-0.93, -0.76), front=(0.17, 0.42), belt=0.52,
        doors=(-0.2, 0.3), wheels=(-0.58, 0.60), wheel=0.205,
    ),
    "sedan": SimpleNamespace(
        top=[(-1, 0.44), (-0.66, 0.5), (-0.42, 0.76), (-0.05, 0.8), (0.2, 0.76), (0.48, 0.5), (0.85, 0.45), (1, 0.4)],
        side=(-0.52, 0.40), pillars=(-0.06,), rear=(-0.62, -0.45), front=(0.24, 0.46), belt=0.49,
        doors=(-0.42, -0.06, 0.32), wheels=(-0.6, 0.62), wheel=0.19,
    ),
    "van": SimpleNamespace(
        top=[(-1, 0.75), (-0.92, 0.94), (-0.5, 1.0), (0.45, 1.0), (0.74, 0.93), (0.9, 0.55), (1, 0.46)],
        side=(-0.84, 0.70), pillars=(-0.38, 0.12), rear=(-1.2, -1.1), front=(0.72, 0.9), belt=0.58,
        doors=(0.12, 0.62), wheels=(-0.56, 0.58), wheel=0.2,
    ),
    "sport": SimpleNamespace(
        top=[(-1, 0.42), (-0.8, 0.48), (-0.4, 0.63), (-0.05, 0.67), (0.15, 0.62), (0.5, 0.42), (0.9, 0.34), (1, 0.28)],
        side=(-0.45, 0.34), pillars=(-0.16,), rear=(-0.68, -0.42), front=(0.17, 0.44), belt=0.43,
        doors=(-0.2, 0.32), wheels=(-0.6, 0.60), wheel=0.185,
    ),
    "pickup": SimpleNamespace(
        top=[(-1, 0.5), (-0.26, 0.5), (-0.18, 0.82), (0.0, 0.86), (0.2, 0.83), (0.46, 0.56), (0.85, 0.51), (1, 0.44)],
        side=(-0.16, 0.40), pillars=(), rear=(-1.2, -1.1), front=(0.24, 0.45), belt=0.54,
        doors=(-0.18, 0.32), wheels=(-0.58, 0.60), wheel=0.22,
    ),
}  # fmt: skip


def mug(color, second=None, pattern="plain", shape="straight", height=0.95, fill=None):
    """A mug with a hollow, a handle along +x and, when ``fill`` is a color, a drink."""
    root = group("mug")
    root["target"] = True
    skin = glaze(color, second, pattern, top=height)
    inside = glaze(second if pattern == "inside" else "#f2ede2" if shape == "enamel" else color)
    outer = [(r, z * height) for r, z in spline(MUGS[shape], 8)]
    wall = 0.022 if shape == "enamel" else 0.042
    rim = [(outer[-1][0] - wall * (1 - math.cos(a)) / 2, height + wall * math.sin(a) / 2) for a in (0.5, 1.2, 1.9, 2.6)]
    foot = [(0.0, 0.025), (outer[0][0] - 0.07, 0.025), (outer[0][0] - 0.05, 0.0), (outer[0][0] - 0.012, 0.004)]
    outer[0] = (outer[0][0], 0.016)
    lathe(root, foot + outer + rim[:2], skin, sharp=60)
    hollow = [(r - wall, z) for r, z in reversed(outer) if z > 0.09]
    floor = [(hollow[-1][0] * 0.93, 0.075), (hollow[-1][0] * 0.8, 0.06), (0, 0.06)]
    lathe(root, rim[1:] + hollow + floor, inside, sharp=60)
    if fill:
        level = 0.86 * height
        radius = float(np.interp(level, [z for _, z in outer], [r for r, _ in outer])) - wall
        disc(root, radius, 0.01, plain(fill, 0.06, coat=0.5), 0.003, at=(0, 0, level))

    def edge(z):
        return float(np.interp(z * height, [z for _, z in outer], [r for r, _ in outer]))

    reach = 0.31
    knots = [
        (edge(0.82) - 0.02, 0.82),
        (edge(0.8) + 0.14, 0.83),
        (edge(0.6) + reach, 0.66),
        (edge(0.45) + reach * 0.93, 0.43),
        (edge(0.25) + 0.14, 0.24),
        (edge(0.2) - 0.02, 0.2),
    ]
    path = spline([(x, 0, z * height) for x, z in knots], 7)
    thin = 0.032 if shape == "enamel" else 0.05
    sweep(root, path, thin, glaze(color, top=9.0), squash=1.9 if shape == "enamel" else 1.45, sharp=180)
    return root


def _ring(count=132, power=5.0):
    """A rounded square of radius 1, its points equally far apart, from the middle of the right side upwards."""
    angle = np.linspace(0, 2 * math.pi, 4001)
    u, v = (np.sign(f(angle)) * np.abs(f(angle)) ** (2 / power) for f in (np.cos, np.sin))
    run = np.concatenate([[0], np.cumsum(np.hypot(np.diff(u), np.diff(v)))])
    at = np.linspace(0, run[-1], count, endpoint=False)
    return np.interp(at, run, u), np.interp(at, run, v)


def _paint(color, second, car):
    """Car paint, dark glass with a trim and dark wheel arches, told apart by attributes of the mesh."""

    def build(t):
        window = t.node("Attribute", attribute_name="window").outputs["Fac"]
        arch = t.node("Attribute", attribute_name="arch").outputs["Fac"]
        tone = t.node("Attribute", attribute_name="tone").outputs["Fac"]
        where = t.coords()
        paint = t.mix(t.math("LESS_THAN", tone, 0.0), color, second or color)
        x, z = t.axis(where, "x"), t.axis(where, "z")
        side = t.math("GREATER_THAN", t.math("ABSOLUTE", t.axis(where, "y")), 0.3)
        low = t.math("MULTIPLY", side, t.math("GREATER_THAN", z, 0.2))
        for door in car.doors:
            joint = t.math("LESS_THAN", t.math("ABSOLUTE", t.math("SUBTRACT", x, door)), 0.007)
            paint = t.mix(t.math("MULTIPLY", t.math("MULTIPLY", joint, low), 0.85), paint, "#0b0b0b")
        trim = t.math("LESS_THAN", window, 0.018)
        pane = t.math("LESS_THAN", window, 0.0)
        dark = t.math("LESS_THAN", arch, 0.0)
        base = t.mix(trim, paint, "#1a1a1a")
        base = t.mix(pane, base, "#10161b")
        base = t.mix(dark, base, "#080808")
        rough = t.math("SUBTRACT", 0.27, t.math("MULTIPLY", pane, 0.23))
        rough = t.math("MAXIMUM", rough, t.math("MULTIPLY", dark, 0.85))
        coat = t.math("SUBTRACT", 0.9, t.math("MULTIPLY", dark, 0.9))
        return {"Base Color": base, "Roughness": rough, "Coat Weight": coat}

    return surface(build, coat_rough=0.04)


def _body(root, car, paint, half, style):
    """The loft of a car: a rounded section at each station along x, with signed distances as attributes."""
    u, v = _ring()
    x = np.sin(np.linspace(-1, 1, 190) * math.pi / 2) * 0.45 + np.linspace(-1, 1, 190) * 0.55
    knots = np.array(car.top)
    fine = np.linspace(-1.2, 1.2, 961)
    raw = np.interp(fine, knots[:, 0], knots[:, 1])
    soft = np.hanning(61 if car is not CARS["pickup"] else 37)
    top = np.interp(x, fine, np.convolve(np.pad(raw, 40, "edge"), soft / soft.sum(), "same")[40:-40])
    bottom = 0.13 + 0.07 * np.abs(x) ** 6
    close = np.maximum(0.0, 1 - np.abs(x) ** 9) ** (1 / 5)
    middle, tall = (top + bottom) / 2, (top - bottom) / 2
    wide = half * (1 - 0.10 * np.abs(x) ** 3) * np.maximum(0.0, 1 - np.abs(x) ** 7) ** (1 / 4)
    px = np.repeat(x[:, None], len(u), 1)
    blend = np.clip((np.abs(px) - 0.8) / 0.2, 0, 1) ** 2
    center = middle[:, None] * (1 - 0.5 * blend) + 0.5 * blend * 0.34
    pz = center + (tall * close)[:, None] * v[None]
    roof = np.clip((pz - car.belt) / 0.35, 0, 1)
    belly = np.clip((0.34 - pz) / 0.2, 0, 1)
    py = wide[:, None] * u[None] * (1 - 0.26 * roof**1.2) * (1 - 0.08 * belly**2)
    if car is CARS["pickup"]:
        bed = (px > -0.9) & (px < -0.27) & (np.abs(py) < half * 0.8) & (v[None] > 0)
        pz = np.where(bed, np.minimum(pz, 0.27), pz)
    arch = np.full(px.shape, 9.0)
    for w in car.wheels:
        arch = np.minimum(arch, np.hypot(px - w, pz - car.wheel) - car.wheel * 1.07)
    arch = np.maximum(arch, (0.5 - np.abs(u))[None] * np.ones_like(px))
    a, b = car.side
    roof_line = np.repeat(top[:, None], len(u), 1) - 0.10
    side = np.maximum.reduce([car.belt + 0.02 - pz, pz - roof_line, a - px, px - b])
    for pillar in car.pillars:
        side = np.maximum(side, 0.035 - np.abs(px - pillar))
    side = np.maximum(side, (0.8 - np.abs(u))[None] * 0.5)
    upper = np.where(v > 0, np.abs(u) - 0.84, 1.0)[None] * half
    ends = np.minimum(*(np.maximum(s - px, px - e) for s, e in (car.rear, car.front)))
    window = np.minimum(side, np.maximum(np.maximum(ends, upper), car.belt + 0.01 - pz))
    tone = {
        "stripes": np.where(v[None] > 0, np.abs(np.abs(py) - 0.1) - 0.055, 1.0),
        "roof": car.belt + 0.08 - pz - 0.05,
        "lower": pz - 0.40 + 0.12 * np.clip(px, 0, 1) ** 3,
        "checks": np.maximum(np.abs(pz - 0.40) - 0.035, np.sin(px * 40) * 0.02),
    }.get(style, np.full(px.shape, 9.0))
    tone = np.broadcast_to(tone, px.shape)
    vertices = np.stack([px, np.where(arch < -0.01, py * 0.66, py), pz], -1).reshape(-1, 3)
    n = len(u)
    faces = [
        (i * n + k, i * n + (k + 1) % n, (i + 1) * n + (k + 1) % n, (i + 1) * n + k)
        for i in range(len(x) - 1)
        for k in range(n)
    ]
    faces = [tuple(reversed(f)) for f in faces]
    made = mesh(root, vertices, faces, paint, sharp=50 if car is CARS["pickup"] else 180)
    for name, values in (("window", window), ("arch", arch), ("tone", tone)):
        made.data.attributes.new(name, "FLOAT", "POINT").data.foreach_set("value", values.astype(np.float32).ravel())


def _wheel(root, x, y, radius, rim):
    """A wheel in the x-z plane whose outer face looks away from the middle of the car."""
    turn = 90 if y < 0 else -90
    r, w = radius * 0.94, 0.17
    tire = [(r * 0.58, w), (r * 0.72, w * 1.05), (r * 0.92, w), (r, w * 0.78), (r, 0.04), (r * 0.9, 0), (0, 0)]
    hub = [(0, w * 1.02), (r * 0.16, w * 1.0), (r * 0.2, w * 0.86), (r * 0.5, w * 0.8), (r * 0.56, w), (r * 0.62, w)]
    start = y - math.copysign(w * 0.86, y)
    lathe(root, tire, plain("#151515", 0.75, 0.2), at=(x, start, r), rotate=(turn, 0, 0), sharp=50)
    lathe(root, hub, rim, at=(x, start, r), rotate=(turn, 0, 0), sharp=35)
    for k in range(5):
        a = 2 * math.pi * k / 5
        at = (x + 0.34 * r * math.cos(a), start + math.copysign(w * 0.84, y), r + 0.34 * r * math.sin(a))
        ball(root, (r * 0.075, 0.01, r * 0.075), plain("#202020", 0.4), at, segments=16)


def toy_car(color, second=None, style="plain", kind="mini", rims="#cfcfcf", chrome=True, extra=None):
    """A chunky toy car that faces +x; ``extra`` puts something on the roof."""
    root = group("car")
    root["target"] = True
    car, half = CARS[kind], 0.45
    _body(root, car, _paint(color, second, car), half, style)
    bright = metal("#d9d9d9", 0.12) if chrome else plain("#2a2a2a", 0.45)
    rim = metal(rims, 0.22) if chrome else plain(rims, 0.35, coat=0.5)
    for w in car.wheels:
        for side in (-1, 1):
            _wheel(root, w, side * (half - 0.01), car.wheel, rim)
    lamp, red = plain("#fff6df", 0.08, coat=1.0), plain("#b01010", 0.1, coat=1.0)
    nose = {"sport": 0.29, "van": 0.42}.get(kind, 0.37)
    for side in (-1, 1):
        ball(root, (0.05, 0.105, 0.105 if kind != "sport" else 0.06), bright, (0.94, side * 0.255, nose))
        ball(root, (0.055, 0.085, 0.085 if kind != "sport" else 0.045), lamp, (0.955, side * 0.255, nose))
        ball(root, (0.04, 0.05, 0.075), red, (-0.965, side * 0.3, 0.38))
        ball(root, (0.035, 0.06, 0.045), bright, (car.front[1] - 0.08, side * 0.47, car.belt + 0.04))
        for door in car.doors[:-1]:
            box(root, (0.11, 0.02, 0.022), bright, (door + 0.11, side * 0.442, car.belt - 0.07), bevel=0.008)
    curve = np.linspace(-1, 1, 21)
    for end in (-1, 1):
        path = [(end * (1.0 - 0.16 * abs(c) ** 3.5), c * 0.43, 0.21) for c in curve]
        sweep(root, path, 0.04, bright, sides=14, sharp=180)
    box(root, (0.03, 0.26, 0.085), plain("#141414", 0.4), (0.975, 0, nose - 0.075), bevel=0.012)
    box(root, (0.02, 0.2, 0.06), plain("#f3f0e0", 0.4), (-1.0, 0, 0.29), bevel=0.01)
    roof = max(z for _, z in car.top)
    if extra == "board":
        for x in (-0.4, 0.05):
            sweep(root, [(x, -0.3, roof + 0.035), (x, 0.3, roof + 0.035)], 0.02, bright, sides=10)
        board = [(-0.75, 0, 0.09), (-0.5, 0, 0.07), (0.2, 0, 0.07), (0.55, 0, 0.09)]
        path = spline([(x, y, z + roof) for x, y, z in board], 8)
        shape = [0.02 + 0.055 * math.sin(math.pi * i / (len(path) - 1)) ** 0.5 for i in range(len(path))]
        sweep(root, path, [r * 0.4 for r in shape], wood("#a8743c", "#e6c48c"), squash=6.0, sharp=180)
    elif extra == "sign":
        box(root, (0.14, 0.34, 0.11), plain("#fff3c4", 0.3, glow=0.2), (-0.1, 0, roof - 0.01), bevel=0.03)
    return root


def apple(ground, blush, amount, skin, tall=0.66, wide=0.38, lean=0.0, leafy=False):
    """An apple: lobed underneath, hollow at the stem; ``skin`` is its material."""
    root = group("apple")
    root["target"] = True
    knots = [
        (0.0, 0.06), (0.05, 0.035), (0.13, 0.0), (0.24, 0.03), (0.335, 0.17), (wide, 0.36), (wide * 0.97, 0.5),
        (wide * 0.78, 0.63), (wide * 0.5, tall + 0.005), (wide * 0.26, tall - 0.02), (0.035, tall - 0.11),
        (0, tall - 0.13),
    ]  # fmt: skip
    profile = spline([(r, z * (tall / 0.66)) if z < 0.6 else (r, z) for r, z in knots], 7)
    profile = [(max(0.0, r), z) for r, z in profile]
    profile[0], profile[-1] = (0, profile[0][1]), (0, profile[-1][1])

    def warp(x, y, z):
        angle, low = math.atan2(y, x), max(0.0, 1 - z / (0.55 * tall))
        out = 1 + 0.045 * low * math.cos(5 * angle) + 0.02 * math.cos(2 * angle + 1) + 0.012 * math.cos(3 * angle)
        return x * out + lean * z, y * out, z + 0.03 * x * (z / tall)

    lathe(root, profile, skin, 128, warp, sharp=180)
    stem = spline([(lean * tall, 0, tall - 0.14), (lean * tall + 0.01, 0.005, tall), (0.06, 0.02, tall + 0.12)], 8)
    thick = [0.016 + 0.008 * (i / (len(stem) - 1)) ** 3 for i in range(len(stem))]
    sweep(root, stem, thick, plain("#4a3220", 0.8, 0.5, 30), sides=12, sharp=180)
    if leafy:
        green = plain("#3f7a25", 0.4, 0.1, 12)
        leaf(root, 0.42, 0.19, green, 0.9, (0.02, 0.01, tall + 0.03), (8, -28, 35))
    return root
