"""Meshes for the example pictures: surfaces of revolution, swept tubes, boxes, sheets, leaves, all from numbers.

One Blender unit is 10 cm. Every function hangs its mesh on ``parent``, an empty made by `group`.
"""

import itertools
import math

import bpy
import numpy as np
from mathutils import Vector, noise


def group(name):
    """An empty that carries the parts of one thing, so that the thing is placed as a whole."""
    made = bpy.data.objects.new(name, None)
    bpy.context.collection.objects.link(made)
    return made


def place(thing, x=0.0, y=0.0, z=0.0, turn=0.0, tilt=(0.0, 0.0), size=1.0):
    """Put a group somewhere: ``turn`` about the vertical and ``tilt`` about x and y, in degrees."""
    thing.location = (x, y, z)
    thing.rotation_euler = (math.radians(tilt[0]), math.radians(tilt[1]), math.radians(turn))
    thing.scale = (size, size, size)
    return thing


def mesh(parent, vertices, faces, material, at=(0, 0, 0), rotate=(0, 0, 0), sharp=40.0):
    """A mesh object, smooth but for edges steeper than ``sharp`` degrees."""
    data = bpy.data.meshes.new("part")
    data.from_pydata([tuple(map(float, v)) for v in vertices], [], faces)
    data.materials.append(material)
    data.validate()
    data.polygons.foreach_set("use_smooth", [True] * len(data.polygons))
    if sharp < 180:
        data.set_sharp_from_angle(angle=math.radians(sharp))
    made = bpy.data.objects.new("part", data)
    made.location = at
    made.rotation_euler = [math.radians(a) for a in rotate]
    made.parent = parent
    bpy.context.collection.objects.link(made)
    return made


def spline(points, steps=8):
    """Catmull-Rom curve through the points (tuples of any length)."""
    p = np.array(points, dtype=float)
    p = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    out = []
    for i in range(1, len(p) - 2):
        a, b, c, d = p[i - 1 : i + 3]
        for t in np.linspace(0, 1, steps, endpoint=False):
            out.append(
                0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
            )
    return [tuple(v) for v in [*out, p[-2]]]


def lathe(parent, profile, material, segments=96, warp=None, **options):
    """Turn a profile of (radius, height) points about the vertical; ``warp`` may bend the vertices afterwards."""
    vertices, rings, faces = [], [], []
    for radius, height in profile:
        if radius < 1e-5:
            rings.append([len(vertices)])
            vertices.append((0, 0, height))
            continue
        rings.append(list(range(len(vertices), len(vertices) + segments)))
        angles = np.arange(segments) * 2 * math.pi / segments
        vertices += [(radius * math.cos(a), radius * math.sin(a), height) for a in angles]
    for low, high in itertools.pairwise(rings):
        for i in range(segments):
            j = (i + 1) % segments
            if len(low) == 1 and len(high) == 1:
                break
            if len(low) == 1:
                faces.append((low[0], high[j], high[i]))
            elif len(high) == 1:
                faces.append((low[i], low[j], high[0]))
            else:
                faces.append((low[i], low[j], high[j], high[i]))
    if warp:
        vertices = [warp(*v) for v in vertices]
    return mesh(parent, vertices, faces, material, **options)


def ball(parent, radii, material, at=(0, 0, 0), rotate=(0, 0, 0), segments=48):
    """An ellipsoid with the three radii."""
    turns = np.linspace(-math.pi / 2, math.pi / 2, segments // 2 + 1)
    profile = [(max(0.0, math.cos(t)), math.sin(t)) for t in turns]
    return lathe(
        parent, profile, material, segments, lambda x, y, z: (x * radii[0], y * radii[1], z * radii[2]),
        at=at, rotate=rotate, sharp=180,
    )  # fmt: skip


def disc(parent, radius, height, material, bevel=0.02, **options):
    """A flat cylinder with a softened edge."""
    profile = [(0, 0), (radius - bevel, 0), (radius, bevel), (radius, height - bevel), (radius - bevel, height)]
    return lathe(parent, [*profile, (0, height)], material, **options)


def sweep(parent, points, radius, material, sides=20, squash=1.0, **options):
    """A tube along the points; ``radius`` is one number or one for each point, ``squash`` flattens it sideways."""
    path = [Vector(p) for p in points]
    radii = [radius] * len(path) if isinstance(radius, int | float) else list(radius)
    tangents = [(path[min(i + 1, len(path) - 1)] - path[max(i - 1, 0)]).normalized() for i in range(len(path))]
    normal = tangents[0].orthogonal().normalized()
    if abs(tangents[0].y) < 0.95:
        # Curves are drawn in the x-z plane for the most part: keep one axis of the tube on y.
        normal = Vector((0, 1, 0))
    vertices = []
    for p, t, r in zip(path, tangents, radii, strict=True):
        normal = (normal - t * normal.dot(t)).normalized()
        side = t.cross(normal)
        for k in range(sides):
            a = 2 * math.pi * k / sides
            vertices.append(p + normal * (math.cos(a) * r * squash) + side * (math.sin(a) * r))
    faces = []
    for i in range(len(path) - 1):
        for k in range(sides):
            a, b = i * sides + k, i * sides + (k + 1) % sides
            faces.append((a, a + sides, b + sides, b))
    faces.append(tuple(range(sides)))
    faces.append(tuple(reversed(range(len(vertices) - sides, len(vertices)))))
    return mesh(parent, vertices, faces, material, **options)


def box(parent, size, material, at=(0, 0, 0), rotate=(0, 0, 0), bevel=0.02):
    """A box that stands on ``at``, with rounded edges."""
    x, y, z = size[0] / 2, size[1] / 2, size[2]
    corners = [(sx * x, sy * y, sz * z) for sz in (0, 1) for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    faces = [(3, 2, 1, 0), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)]
    made = mesh(parent, corners, faces, material, at, rotate, sharp=180)
    if bevel:
        soft = made.modifiers.new("bevel", "BEVEL")
        soft.width, soft.segments, soft.harden_normals = min(bevel, min(size) * 0.49), 4, True
        made.data.set_sharp_from_angle(angle=math.radians(80))
        made.data.polygons.foreach_set("use_smooth", [True] * len(made.data.polygons))
    return made


def sheet(parent, width, depth, material, height=None, steps=2, at=(0, 0, 0), rotate=(0, 0, 0)):
    """A flat grid about ``at``, lifted by ``height(x, y)``."""
    xs, ys = np.linspace(-width / 2, width / 2, steps), np.linspace(-depth / 2, depth / 2, steps)
    vertices = [(x, y, height(x, y) if height else 0.0) for y in ys for x in xs]
    faces = [
        (j * steps + i, j * steps + i + 1, (j + 1) * steps + i + 1, (j + 1) * steps + i)
        for j in range(steps - 1)
        for i in range(steps - 1)
    ]
    return mesh(parent, vertices, faces, material, at, rotate, sharp=180)


def creases(amount, scale=0.35, seed=0.0):
    """A height function for cloth: low folds that never go under zero."""
    return lambda x, y: amount * (0.5 + 0.5 * noise.fractal(Vector((x * scale + seed, y * scale, seed)), 1, 2, 3))


def leaf(parent, length, width, material, bend=0.5, at=(0, 0, 0), rotate=(0, 0, 0), steps=10, fold=0.25):
    """A leaf along x that droops by ``bend`` and is folded a little along its rib."""
    vertices, faces = [], []
    for i in range(steps + 1):
        t = i / steps
        half = width / 2 * math.sin(math.pi * min(1, t * 0.96 + 0.02)) ** 0.75
        angle = bend * t
        x, z = length * t * math.cos(angle * 0.6), length * t * math.sin(-angle * 0.6)
        vertices += [(x, -half, z + half * fold), (x, 0, z), (x, half, z + half * fold)]
    for i in range(steps):
        a = 3 * i
        faces += [(a, a + 3, a + 4, a + 1), (a + 1, a + 4, a + 5, a + 2)]
    return mesh(parent, vertices, faces, material, at, rotate, sharp=180)


def stone(parent, size, material, seed, at=(0, 0, 0), rotate=(0, 0, 0), rough=0.06):
    """A roughly hewn block: a rounded box whose surface is pushed about by noise."""
    n = 28
    vertices, faces = [], []
    for i in range(n + 1):
        polar = math.pi * i / n
        for k in range(2 * n):
            azimuth = math.pi * k / n
            v = Vector((math.sin(polar) * math.cos(azimuth), math.sin(polar) * math.sin(azimuth), math.cos(polar)))
            # A superquadric between ball and box, so that corners are worn.
            v /= (abs(v.x) ** 7 + abs(v.y) ** 7 + abs(v.z) ** 7) ** (1 / 7)
            v = Vector((v.x * size[0] / 2, v.y * size[1] / 2, (v.z + 1) * size[2] / 2))
            # Not noise_vector, which gives other numbers in every process.
            away = [noise.noise(v * 1.7 + Vector((seed, shift, 0))) for shift in (0, 31, 62)]
            vertices.append(v + rough * Vector(away))
    for i in range(n):
        for k in range(2 * n):
            a, b = i * 2 * n + k, i * 2 * n + (k + 1) % (2 * n)
            faces.append((a, a + 2 * n, b + 2 * n, b))
    return mesh(parent, vertices, faces, material, at, rotate, sharp=180)


def blades(parent, rng, count, area, height, material, width=0.035):
    """Grass: ``count`` bent blades over the area (x0, x1, y0, y1), more of them near the front."""
    x0, x1, y0, y1 = area
    x, y = rng.uniform(x0, x1, count), y0 + (y1 - y0) * rng.uniform(0, 1, count) ** 1.7
    tall = height * rng.uniform(0.45, 1.1, count)
    turn, lean = rng.uniform(0, 2 * math.pi, count), rng.uniform(0.1, 0.75, count) * tall
    wide = width * rng.uniform(0.6, 1.3, count)
    vertices = np.zeros((count, 5, 3))
    for k, (side, t) in enumerate(((-1, 0.0), (1, 0.0), (-0.7, 0.55), (0.7, 0.55), (0, 1.0))):
        out = lean * t**2
        vertices[:, k, 0] = x + np.cos(turn) * out - np.sin(turn) * side * wide / 2
        vertices[:, k, 1] = y + np.sin(turn) * out + np.cos(turn) * side * wide / 2
        vertices[:, k, 2] = tall * t * (1 - 0.25 * lean / height)
    faces = []
    for b in range(0, 5 * count, 5):
        faces += [(b, b + 1, b + 3, b + 2), (b + 2, b + 3, b + 4)]
    return mesh(parent, vertices.reshape(-1, 3), faces, material, sharp=180)
