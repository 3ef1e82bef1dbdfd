"""Balls, blocks and other toys of the example pictures, but for the toy cars."""

import math

import bpy
import numpy as np
from example_materials import plain, rgba, surface, wood
from example_mesh import ball, box, disc, group, lathe, sweep


def round_ball(kind="tennis", radius=0.42):
    """A ball: tennis, beach (colored sectors), or rubber with a band."""
    root = group("ball")

    def build(t):
        where = t.coords()
        x, y, z = (t.axis(where, a) for a in "xyz")
        if kind == "tennis":
            wave = t.math("SUBTRACT", t.math("MULTIPLY", t.math("MULTIPLY", x, y), 1.6 / radius), z)
            line = t.math("LESS_THAN", t.math("ABSOLUTE", wave), 0.05)
            fuzz = t.noise(where, 60, 3)
            color = t.mix(line, t.mix(fuzz, "#b6c91f", "#e2ec66"), "#eef0e0")
            return {"Base Color": color, "Normal": t.bump(fuzz, 0.8, 0.03), "Roughness": 0.95}
        if kind == "beach":
            sector = t.math("FLOOR", t.math("MULTIPLY", t.math("ADD", t.math("ARCTAN2", y, x), 3.15), 0.9549))
            share = t.math("DIVIDE", sector, 6.0)
            color = t.node("ValToRGB", {0: share})
            color.color_ramp.interpolation = "CONSTANT"
            hues = ("#d8352a", "#f3efe4", "#1f6fb5", "#f3efe4", "#efb81f", "#2f8f4e")
            elements = color.color_ramp.elements
            while len(elements) < 6:
                elements.new(1.0)
            for i, hue in enumerate(hues):
                elements[i].position = max(0.0, i / 6 - 0.01)
                elements[i].color = rgba(hue)
            return {"Base Color": color.outputs[0], "Roughness": 0.25, "Coat Weight": 0.4}
        band = t.math("LESS_THAN", t.math("ABSOLUTE", z), radius * 0.22)
        return {"Base Color": t.mix(band, "#23608f", "#f0ede4"), "Roughness": 0.4}

    ball(root, (radius,) * 3, surface(build), (0, 0, radius), (0 if kind != "beach" else 35, 20, 0), 64)
    return root


def block(letter, color, size=0.5):
    """A wooden letter block."""
    root = group("block")
    box(root, (size,) * 3, wood("#c99a5f", "#ecd3a3", scale=2.0), bevel=0.04)
    paint = plain(color, 0.5)
    for face, (at, turn) in enumerate((
        ((0, -size / 2, size / 2), (90, 0, 0)), ((size / 2, 0, size / 2), (90, 0, 90)), ((0, 0, size), (0, 0, 0)),
    )):  # fmt: skip
        text = bpy.data.curves.new("letter", "FONT")
        text.body, text.size, text.extrude = chr((ord(letter) - 65 + face * 7) % 26 + 65), size * 0.8, 0.006
        text.align_x, text.align_y = "CENTER", "CENTER"
        text.materials.append(paint)
        made = bpy.data.objects.new("letter", text)
        made.location, made.parent = at, root
        made.rotation_euler = [math.radians(a) for a in turn]
        bpy.context.collection.objects.link(made)
    return root


def rings(colors=("#c9302c", "#e68a1e", "#ecc92b", "#3f9a47", "#2b6cb0")):
    """A stacking toy: rings on a pole."""
    root, z = group("rings"), 0.12
    disc(root, 0.56, 0.12, wood("#c99a5f", "#ecd3a3"), 0.04)
    for k, color in enumerate(colors):
        r, t = 0.36 - 0.045 * k, 0.15 - 0.008 * k
        a = np.linspace(0, 2 * math.pi, 25)
        profile = [(r + t * math.cos(v), z + t + t * math.sin(v)) for v in a]
        lathe(root, profile, plain(color, 0.3, coat=0.5), sharp=180)
        z += 2 * t * 0.96
    ball(root, (0.17, 0.17, 0.17), plain("#d8352a", 0.3, coat=0.5), (0, 0, z + 0.1))
    return root


def duck():
    """A bath duck that looks to +x."""
    root = group("duck")
    yellow, beak, eye = plain("#f2bd12", 0.3, coat=0.4, sub=0.1), plain("#e2661a", 0.35), plain("#101010", 0.1)
    ball(root, (0.5, 0.38, 0.33), yellow, (0, 0, 0.3))
    ball(root, (0.26, 0.2, 0.2), yellow, (-0.4, 0, 0.46), (0, 35, 0))
    ball(root, (0.27, 0.26, 0.27), yellow, (0.25, 0, 0.76))
    ball(root, (0.17, 0.14, 0.045), beak, (0.5, 0, 0.72))
    for side in (-1, 1):
        ball(root, (0.3, 0.1, 0.19), yellow, (-0.08, side * 0.34, 0.36), (0, 15, 0))
        ball(root, (0.04, 0.03, 0.05), eye, (0.43, side * 0.16, 0.83), segments=16)
    return root


def teddy(color="#9a6a3c"):
    """A sitting teddy bear that looks to -y."""
    root = group("teddy")
    fur, pale, dark = (plain(c, 1.0, 1.0, 28, sheen=0.8) for c in (color, "#d9b98a", "#1d120b"))
    for radii, at, which in (
        ((0.55, 0.48, 0.62), (0, 0, 0.6), fur), ((0.46, 0.43, 0.42), (0, -0.02, 1.42), fur),
        ((0.36, 0.2, 0.42), (0, -0.32, 0.58), pale), ((0.2, 0.18, 0.16), (0, -0.4, 1.32), pale),
        ((0.08, 0.06, 0.06), (0, -0.57, 1.38), dark),
    ):  # fmt: skip
        ball(root, radii, which, at)
    for s in (-1, 1):
        ball(root, (0.17, 0.1, 0.17), fur, (s * 0.36, 0, 1.76))
        ball(root, (0.1, 0.06, 0.1), pale, (s * 0.36, -0.07, 1.76))
        ball(root, (0.05, 0.04, 0.05), dark, (s * 0.17, -0.39, 1.53), segments=16)
        ball(root, (0.2, 0.2, 0.42), fur, (s * 0.55, -0.2, 0.78), (35, s * -25, 0))
        ball(root, (0.24, 0.45, 0.23), fur, (s * 0.38, -0.5, 0.23), (0, 0, s * 20))
        ball(root, (0.17, 0.05, 0.17), pale, (s * 0.5, -0.91, 0.26), (0, 0, s * 20))
    return root


def carton(color="#b58a5a", size=(1.2, 1.0, 0.8), tape="#d9c7a0"):
    """A cardboard box with tape."""
    root = group("carton")
    box(root, size, plain(color, 0.85, 0.2, 70), bevel=0.02)
    box(root, (size[0] + 0.008, 0.18, size[2] + 0.004), plain(tape, 0.3), bevel=0.004)
    return root


def gift(color="#7b2d43", ribbon="#e9d9a8", size=1.0):
    """A wrapped present."""
    root = group("gift")
    box(root, (size, size, size * 0.75), plain(color, 0.4), bevel=0.02)
    satin = plain(ribbon, 0.3, sheen=0.5)
    for s in ((size * 1.01, 0.14, size * 0.758), (0.14, size * 1.01, size * 0.758)):
        box(root, s, satin, bevel=0.004)
    a = np.linspace(0, 2 * math.pi, 24)
    for k in range(4):
        loop = [
            (0.3 * math.sin(t / 2) ** 2 + 0.02, 0.16 * math.sin(t), size * 0.76 + 0.12 * (1 - math.cos(t)) / 2)
            for t in a
        ]
        c, s = math.cos(k * 1.57 + 0.6), math.sin(k * 1.57 + 0.6)
        sweep(root, [(x * c - y * s, x * s + y * c, z) for x, y, z in loop], 0.035, satin, sides=8, sharp=180)
    return root
