"""What several scenes of the example pictures share: sizes of pictures, walls, table tops, lights and grass."""

from example_materials import foliage, mineral, plain
from example_mesh import ball, blades, box, sheet

#: Sizes of pictures in pixels, width and height.
WIDE, TALL, FILM = (640, 480), (480, 640), (640, 427)


def wall(material, y=9.0, width=60, height=30, base=-8.0):
    """A wall behind everything."""
    box(None, (width, 0.3, height), material, (0, y, base), bevel=0)


def table_top(material, width, depth, at=(0, 0), thick=0.35):
    """A table top whose upper face is at z = 0."""
    box(None, (width, depth, thick), material, (*at, -thick), bevel=0.06)


def bulbs(rng, count, area, y, colors, radius=0.3, glow=9.0):
    """Small lights far behind, which the lens turns into soft discs."""
    mats = [plain(c, 0.5, glow=glow) for c in colors]
    for _ in range(count):
        at = (rng.uniform(area[0], area[1]), y + rng.uniform(-3, 3), rng.uniform(area[2], area[3]))
        ball(None, (radius,) * 3, mats[rng.integers(len(mats))], at, segments=16)


def meadow(rng, area, count, height=0.5):
    """Grass on soil."""
    sheet(None, 160, 160, mineral("#4c5a2a", "#232a12", rough=1.0, grain=0.4), at=(0, 60, -0.02))
    blades(None, rng, count, area, height, foliage("#3c6a1b", "#93b445"))
