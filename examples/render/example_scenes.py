"""The scenes of the example pictures: what stands where, on what, in which light, and where the camera is.

x goes to the right, y away from the viewer, z up; tables and floors are at z = 0.
"""

import example_food as food
import example_props as props
import example_room as room
import example_toys as toys
import numpy as np
from example_materials import apple_skin, cloth, foliage, mineral, plain, tiles, wood
from example_mesh import ball, blades, box, creases, disc, leaf, place, sheet, stone
from example_stage import camera, indoors, lamp, outdoors, sun
from example_targets import apple, mug, toy_car

WIDE, TALL, FILM = (640, 480), (480, 640), (640, 427)


def _wall(material, y=9.0, width=60, height=30, base=-8.0):
    """A wall behind everything."""
    box(None, (width, 0.3, height), material, (0, y, base), bevel=0)


def _top(material, width, depth, at=(0, 0), thick=0.35):
    """A table top whose upper face is at z = 0."""
    box(None, (width, depth, thick), material, (*at, -thick), bevel=0.06)


def _bulbs(rng, count, area, y, colors, radius=0.3, glow=9.0):
    """Small lights far behind, which the lens turns into soft discs."""
    mats = [plain(c, 0.5, glow=glow) for c in colors]
    for _ in range(count):
        at = (rng.uniform(area[0], area[1]), y + rng.uniform(-3, 3), rng.uniform(area[2], area[3]))
        ball(None, (radius,) * 3, mats[rng.integers(len(mats))], at, segments=16)


def _meadow(rng, area, count, height=0.5):
    """Grass on soil."""
    sheet(None, 160, 160, mineral("#4c5a2a", "#232a12", rough=1.0, grain=0.4), at=(0, 60, -0.02))
    blades(None, rng, count, area, height, foliage("#3c6a1b", "#93b445"))


def kitchen_table(rng):
    """A red mug of coffee on a wooden table, biscuits and a bottle, a tiled wall behind."""
    _top(wood("#5f3a20", "#b98552", plank=1.7, rough=0.4), 22, 9, (0, 1.5))
    _wall(tiles("#dfe3da", "#a8a79c", 1.1, 0.12, 0.5, 2.0, 0.12, "xz", "#cfd8d0"), 8)
    place(mug("#a8201d", "#f2e6d4", "plain", "straight", fill="#2a140a"), 0.15, 0, turn=-28, size=1.15)
    place(food.plate("#ece5d6", 1.05, "#7d8a8f"), 2.1, 0.7)
    place(food.cookies(rng, 6), 2.1, 0.7, 0.06)
    place(props.book("#274a5c", size=(1.5, 2.0, 0.3)), -2.2, 0.5, turn=24)
    place(props.book("#b8863b", size=(1.3, 1.8, 0.24)), -2.15, 0.55, 0.3, turn=8)
    place(props.bottle("#2d5a34", height=3.0), -0.9, 2.8)
    place(props.plant("leafy", "#b4633f", rng, 1.0), 3.4, 3.9, size=1.15)
    place(food.bowl("#d3a13c", 1.1, 0.75), 1.2, 3.5)
    place(food.citrus("lemon"), 1.0, 3.3, 0.35, turn=40)
    place(food.citrus("lemon"), 1.5, 3.6, 0.4, turn=110)
    place(props.spoon(), -0.65, -0.85, turn=-12)
    indoors(strength=0.42)
    lamp((75, 32), 12, 6, 0.85, "#ffedd2")
    lamp((-80, 25), 14, 8, 0.15, "#cfe0ff")
    camera((0.4, -6.6, 3.0), (0.15, 0.45, 0.5), WIDE, 48, 3.2, (0.15, -0.3, 0.6), 0.5)


def window_sill(rng):
    """A blue mug on a stone sill, a plant beside it, a garden behind the panes."""
    box(None, (20, 3.4, 0.4), mineral("#d9d5cb", "#9a948a", rough=0.35, grain=0.06), (0, 0.6, -0.4), bevel=0.08)
    box(None, (20, 0.4, 12), plain("#c9bda8", 0.9, 0.2, 8), (0, -0.4, -12.4), bevel=0)
    place(room.window(9.0, 12.0, bars=2), 1.6, 2.2, 0.0)
    for x in (-6.2, 9.5):
        box(None, (6.5, 1.0, 20), plain("#cdbfa6", 0.9, 0.2, 8), (x, 2.4, -3), bevel=0.05)
    place(room.hedge(rng, (-22, 26, 22, 30), 11, 9000, 1.1), 0, 0, -6)
    place(room.hedge(rng, (-14, 22, 14, 17), 5, 4000, 0.7, "#2a4a17", "#a9bb52"), 0, 0, -5)
    place(mug("#1f4f8c", "#e9e4d6", "dipped", "belly"), -0.55, -0.1, turn=-150, size=1.25)
    place(props.plant("leafy", "#a65a3a", rng, 0.8), 1.25, 0.75, size=0.95)
    place(props.book("#8c2f3a", size=(1.3, 1.8, 0.26)), 1.2, -0.35, turn=80)
    outdoors((35, 38), 0.13)
    sun((40, 36), 1.5)
    lamp((165, 30), 14, 10, 0.30, "#ffe9cf")
    camera((-0.2, -6.4, 2.3), (0.15, 0.4, 0.95), TALL, 46, 2.8, (-0.55, -0.4, 0.6), 0.35)


def writing_desk(rng):
    """A yellow mug among laptop, notebook, pencils and lamp, by cool light."""
    _top(wood("#a58d6f", "#dcc7a4", plank=0.0, rough=0.4, scale=0.8), 24, 10, (0, 1.5))
    _wall(plain("#5d7a86", 0.9, 0.15, 6), 7.2)
    place(room.paint_frame(0, (3.4, 2.4)), 2.6, 7.0, 3.6)
    place(props.laptop(), -1.5, 1.3, turn=14)
    place(mug("#d99a12", "#f6efe0", "inside", "tapered", fill="#4a2a14"), 1.35, -0.2, turn=-35, size=1.15)
    place(props.notebook("#7a2f3c"), 2.9, 0.5, turn=-22)
    place(props.pencil("#2b6f9e"), 2.2, 0.0, 0.1, turn=50)
    place(props.pencil("#d8a11b"), -0.3, -1.1, turn=8)
    place(props.desk_lamp("#2f6f6a"), 3.0, 2.4, turn=185, size=0.72)
    place(props.plant("blades", "#e6e1d6", rng), 4.6, 3.6, size=1.0)
    indoors("#e9f1ff", "#aab6bf", "#4d463e", 0.45)
    lamp((70, 38), 13, 7, 0.7, "#dfeaff")
    lamp((-60, 50), 9, 2, 0.2, "#ffcf94")
    camera((0.9, -6.4, 3.5), (0.85, 0.5, 0.75), FILM, 43, 3.5, (1.35, -0.5, 0.6), 0.45)


def cafe_table(rng):
    """Two mugs on a marble table, warm lights far behind."""
    disc(None, 3.6, 0.25, mineral("#ece9e4", "#6f7378", 0.8, 0.6, 0.12, 0.01), 0.06, at=(0, 0.7, -0.25))
    box(None, (80, 80, 0.2), wood("#3a2415", "#7b5130", plank=2.2), (0, 25, -8), bevel=0)
    _wall(plain("#8a6a54", 0.9), 32, 90, 40, -8)
    for x, c in ((-9, "#7c2e24"), (7, "#2f4a45"), (15, "#7a5a2c")):
        box(None, (5, 4, 7), cloth(c), (x, 20, -8), bevel=0.6)
    _bulbs(rng, 26, (-15, 15, -3.5, 2.2), 27, ("#ffb45a", "#ffd9a0", "#ff9440"), 0.26)
    lamp((150, 60), 14, 8, 0.8, "#ffc68a", (0, 24, -3))
    place(mug("#eeeae0", "#2d5648", "bands", "round", fill="#7a4a26"), -0.75, -0.35, turn=160, size=1.1)
    place(mug("#24483b", "#d9c7a0", "speckled", "belly", fill="#2a140a"), 1.15, 0.9, turn=-25, size=1.1)
    place(food.plate("#3f4a50", 0.8), 0.75, -0.9)
    place(food.cookies(rng, 4), 0.75, -0.9, 0.06, size=0.85)
    place(props.bottle("#6b3a16", "#e8d6ad", 2.4, False), -1.75, 1.6)
    place(props.candle(), 0.0, 2.3)
    place(props.spoon(), -0.9, -1.35, turn=-8)
    indoors("#ffe2bd", "#6b5443", "#2a1d14", 0.45)
    lamp((60, 40), 10, 5, 0.75, "#ffdcb0")
    lamp((-110, 30), 12, 6, 0.22, "#b9cdf5")
    camera((0.3, -6.0, 2.7), (0.05, 0.45, 0.66), WIDE, 48, 2.0, (-0.4, -0.4, 0.5), 0.4)


def picnic_blanket(rng):
    """A white enamel mug on a checked cloth in the grass, with bananas and a beach ball."""
    _meadow(rng, (-14, 14, 2.2, 26), 52000, 0.7)
    sheet(None, 13, 7.6, cloth("#efe9dc", "#a3202a", "check", 1.5, 0.3), creases(0.12), 120, at=(0, -0.9, 0.0))
    place(room.hedge(rng, (-40, 40, 38, 44), 13, 9000, 1.3), 0, 0, -1)
    place(mug("#eceae2", "#1c2f66", "rim", "enamel", 0.9), 0.0, -0.6, 0.09, turn=215, size=1.3)
    place(food.bananas(rng, 4), 2.0, -0.2, 0.1, turn=20)
    place(toys.round_ball("beach", 1.25), -3.1, 4.4, 0.0, turn=30)
    place(food.loaf(), -1.75, 0.5, 0.09, turn=-20, size=0.95)
    place(props.bottle("#7fae9a", "#f0e8d0", 2.7, True, "#2d6a8c"), 1.3, 1.7, 0.09)
    place(food.basket(1.4, 1.0), 3.7, 2.0, 0.1)
    outdoors((65, 42), 0.15)
    sun((112, 40), 1.15)
    camera((0.0, -7.0, 2.7), (0.1, 0.5, 0.7), WIDE, 48, 4.0, (0, -1.0, 0.6), 0.12)


def bookshelf(rng):
    """Shelves with books, a clock, a plant and a ball: the picture of the group without a mug."""
    oak = wood("#6b4526", "#b98a58", scale=0.9)
    box(None, (16, 0.3, 16), plain("#6f8078", 0.9, 0.1, 8), (0, 1.5, -6), bevel=0)
    for z in (-0.0, 3.5, -3.4):
        place(room.shelf(14, oak, (0, 0.3, z), 2.6, 0.2))
    for x in (-4.2, 4.2):
        box(None, (0.22, 2.6, 14), oak, (x, 0.3, -6), bevel=0.03)
    row, long = props.standing_books(["#7a2530", "#2f5a68", "#c69a3e", "#3e4a2e", "#d9cfb8"], rng, 2.3)
    place(row, -2.8, 0.15)
    place(props.clock("#2e6f73"), -2.8 + long + 0.75, -0.1, turn=-6, size=1.0)
    place(props.plant("leafy", "#d9d2c4", rng, 0.75), 1.9, 0.1, size=0.95)
    place(toys.round_ball("tennis", 0.4), 0.75, -0.6)
    row, _ = props.standing_books(
        ["#384f73", "#b5523a", "#e0d2ac", "#4c6a50", "#7b5a86", "#22343c", "#c9a14a"], rng, 2.4
    )
    place(row, -1.6, 0.15, -3.4)
    place(props.book("#9c4a2f"), 2.4, 0.1, -3.4, turn=90)
    place(toys.carton(size=(1.6, 1.5, 1.1)), -3.0, 0.2, -3.4, turn=4)
    place(props.book("#2f4858"), 0.9, 0.2, 3.5, turn=84)
    indoors(strength=0.45)
    lamp((150, 22), 12, 6, 0.8, "#ffeacc")
    camera((0.5, -9.2, 1.9), (0.1, 0.3, 0.75), TALL, 46, 4.0, (0, -0.3, 0.8), 0.7)


def living_room(rng):
    """A red car on floorboards between letter blocks, a sofa behind."""
    sheet(None, 80, 80, wood("#5a3418", "#b37a45", plank=1.5, rough=0.32), at=(0, 20, 0))
    _wall(plain("#b9b39c", 0.9, 0.1, 4), 26, 80, 40, 0)
    place(room.sofa("#9db0b4"), -1, 19)
    lamp((150, 60), 14, 10, 0.7, "#fff0da", (0, 16, 3))
    place(props.table_lamp(glow=2.5), 13, 19, 5, size=3)
    box(None, (5, 5, 5), wood("#4a2f1c", "#7d5433"), (13, 19, 0))
    place(toy_car("#b3140f", "#f2ede0", "stripes", "mini"), 0, 0, turn=-38, size=1.5)
    for x, y, z, turn, letter, hue in (
        (-2.5, 0.6, 0, 20, "A", "#c23a2c"), (-1.8, 1.3, 0, -12, "K", "#2b6cb0"), (-2.2, 0.95, 0.62, 35, "S", "#2f8f4e"),
        (2.4, -0.9, 0, 38, "M", "#d8891c"),
    ):  # fmt: skip
        place(toys.block(letter, hue, 0.62), x, y, z, turn)
    place(toys.rings(), 2.9, 2.0, size=1.3)
    place(toys.round_ball("rubber", 0.75), -0.6, 4.4)
    indoors(strength=0.42)
    lamp((65, 30), 16, 7, 0.85, "#fff0da")
    camera((0.2, -8.4, 2.5), (0.1, 0.5, 0.95), WIDE, 50, 4.0, (0, -0.6, 0.6), 0.5)


def garden_path(rng):
    """A blue pickup on stone slabs at the edge of a lawn, in the sun."""
    slab = mineral("#b3a896", "#6d655a", rough=0.85, grain=0.5)
    sheet(None, 90, 90, mineral("#5c5138", "#2c2619", rough=1.0, grain=0.6), at=(0, 30, -0.12))
    for i in range(-4, 5):
        for j in range(3):
            at = (i * 3.1 + (j % 2) * 1.4, -3.0 + j * 2.6, -0.5)
            stone(None, (2.98, 2.48, 0.5), slab, float(i * 7 + j), at, rough=0.05)
    blades(None, rng, 56000, (-16, 16, 3.5, 28), 0.75, foliage("#376318", "#8fb344"))
    blades(None, rng, 900, (-9, 9, 0.75, 1.05), 0.3, foliage("#3f6a1c", "#8fb344"))
    place(room.hedge(rng, (-40, 40, 34, 40), 14, 9000, 1.2), 0, 0, -1)
    place(toy_car("#155f9e", "#f0ead8", "lower", "pickup", "#e9e4d8"), -0.1, -0.6, 0.0, turn=207, size=1.45)
    place(toys.round_ball("tennis", 0.5), 2.5, -1.2, 0.0)
    place(props.plant("bush", "#b4633f", rng, 1.0), -2.7, 1.6, 0.0, size=1.25)
    place(props.bottle("#c9692a", "#f2e9d0", 2.2, False, "#2f5c3a"), 2.3, 1.7, 0.0, size=0.9)
    outdoors((70, 38), 0.16)
    sun((112, 38), 1.1)
    camera((0.3, -8.2, 3.3), (0.0, 0.35, 0.6), FILM, 48, 4.5, (0, -1.2, 0.6), 0.45)


def nursery_rug(rng):
    """A yellow van and a turquoise car on a striped rug, a teddy bear behind."""
    sheet(None, 80, 80, wood("#8a6a4a", "#cfae84", plank=1.6, rough=0.4), at=(0, 20, -0.06))
    sheet(None, 13, 9, cloth("#d8cfbd", "#5b7f8c", "stripe", 0.55), creases(0.05, 0.8), 60, at=(0, 1.2, 0.0))
    _wall(plain("#d2b7a0", 0.9, 0.1, 4), 12, 60, 30, 0)
    box(None, (60, 0.2, 1.0), plain("#efeae0", 0.5), (0, 11.8, 0))
    place(toy_car("#d9a00e", "#f3eee0", "roof", "van", "#f3eee0", extra="board"), -0.9, 0.1, 0.03, turn=-50, size=1.35)
    place(toy_car("#128079", "#f3eee0", "plain", "sedan"), 1.45, -0.7, 0.03, turn=-140, size=1.1)
    place(toys.teddy(), 1.9, 3.2, 0.03, turn=14, size=1.35)
    place(toys.rings(), -3.2, 2.4, 0.03, size=1.35)
    place(toys.carton(size=(2.4, 1.8, 1.6)), -2.6, 6.0, 0, turn=12)
    indoors("#fff0e4", "#cfb7a4", "#5d4a3a", 0.48)
    lamp((55, 42), 14, 8, 0.75, "#fff2e0")
    camera((0.2, -8.0, 4.2), (0.15, 0.8, 0.7), WIDE, 48, 4.0, (0, -0.8, 0.6), 0.4)


def toy_shelf(rng):
    """A green car on a white shelf, books and a present beside it."""
    white = plain("#e9e4da", 0.4, 0.05, 30)
    box(None, (16, 0.3, 16), plain("#cdb795", 0.9, 0.1, 8), (0, 1.7, -6), bevel=0)
    for z in (0.0, 3.2, -3.4):
        place(room.shelf(14, white, (0, 0.2, z), 3.0, 0.24))
    place(toy_car("#1e6b34", "#e6dcbf", "roof", "sedan", "#d8d8d8"), -0.3, -0.35, turn=-146, size=1.55)
    row, _ = props.standing_books(["#b5523a", "#e0c27a", "#2f5a68", "#793046"], rng, 2.5)
    place(row, 1.2, 0.5)
    place(toys.gift("#384f73", "#e8c874", 1.1), -1.75, 0.75, turn=15)
    place(toys.duck(), 0.9, 0.2, -3.4, turn=-130, size=1.1)
    place(toys.round_ball("beach", 0.75), -1.1, 0.2, -3.4)
    place(props.book("#7b3d2a"), 0.4, 0.1, 3.2, turn=86)
    indoors(strength=0.5)
    lamp((140, 38), 12, 6, 0.75, "#fff3e2")
    camera((-0.4, -7.6, 2.1), (-0.1, 0.2, 0.8), TALL, 50, 4.5, (-0.2, -0.8, 0.5), 0.5)


def bathroom_tiles(rng):
    """An orange sports car on floor tiles with a bath duck, seen from above."""
    sheet(None, 60, 60, tiles("#7fa3a6", "#d6d3c8", 1.5, 0.18, 0.0, 1.0, 0.25, tint="#a9c2c0"), at=(0.4, 10, 0))
    place(toy_car("#d4560c", "#161616", "stripes", "sport", "#e0e0e0"), 0.0, 0.2, turn=-62, size=1.6)
    place(toys.duck(), 2.6, 1.8, turn=-150, size=1.1)
    place(props.bottle("#e9e4dc", "#5b8a8f", 2.3, False, "#274c5e"), -2.9, 2.5)
    place(props.bottle("#b24a5c", "#f1ead8", 1.9, False, "#d9a441"), -2.0, 3.2)
    place(food.bowl("#f0ece2", 1.0, 0.7), -2.8, -0.4)
    place(toys.round_ball("tennis", 0.42), 2.7, -1.3)
    box(None, (30, 2, 9), plain("#e9e7e0", 0.12, coat=0.5), (0, 6.6, 0), bevel=0.4)
    indoors("#f4f8ff", "#b9c4c8", "#6f7472", 0.5)
    lamp((50, 50), 13, 6, 0.75, "#f2f6ff")
    camera((-0.3, -6.6, 6.2), (0.0, 0.6, 0.2), WIDE, 46, 5.0, None, 0.35)


def school_desk_car(rng):
    """A taxi on a notebook among pencils and books, lamp light from the right."""
    _top(wood("#4f2f1a", "#9a6638", plank=0.0, rough=0.35), 24, 10, (0, 1.5))
    _wall(plain("#3d5a52", 0.9, 0.1, 6), 7.5)
    place(room.paint_frame(1, (2.8, 2.0)), -2.6, 7.3, 3.4)
    place(props.notebook("#e3ddcf", (2.7, 2.2)), 0.1, -0.2, turn=12)
    place(
        toy_car("#e0a80b", "#1a1a1a", "checks", "sedan", "#2b2b2b", False, "sign"),
        0.15,
        -0.1,
        0.12,
        turn=-148,
        size=1.3,
    )
    place(props.book("#7a2530"), -2.7, 1.6, turn=12)
    place(props.book("#2f5a68", size=(1.4, 1.9, 0.36)), -2.65, 1.6, 0.3, turn=-6)
    place(props.clock("#a83b2a"), 2.3, 2.1, turn=16, size=0.95)
    for k, hue in enumerate(("#c23a2c", "#2b6cb0", "#2f8f4e", "#7b4a9a")):
        place(props.pencil(hue), 2.0 + 0.22 * k, -1.35 + 0.33 * k, turn=28 - 13 * k)
    place(props.desk_lamp("#d9d3c4"), 4.4, 2.4, turn=170, size=1.0)
    indoors("#ffe9cc", "#8d7a63", "#33261b", 0.42)
    lamp((-50, 45), 9, 3, 0.85, "#ffd9a3")
    lamp((80, 30), 14, 8, 0.25, "#c6d8ff")
    camera((-0.2, -7.0, 3.3), (0.1, 0.4, 0.5), FILM, 46, 3.6, (0.1, -0.7, 0.6), 0.6)


def fruit_bowl(rng):
    """Two apples with bananas and an orange in a bowl, on a cloth."""
    sheet(None, 30, 14, cloth("#c9c3b2", "#7d93a3", "stripe", 0.5, 1.2), creases(0.1, 0.4), 120, at=(0, 2, -0.1))
    _wall(plain("#8a5a44", 0.9, 0.2, 5), 9)
    place(food.bowl("#27505f", 1.75, 0.75, "bands", "#dfd6c0"), 0, 0.3)
    red = apple_skin("#d8b84a", "#a01318", 0.92)
    place(apple("", "", 0, red), -0.5, -0.1, 0.36, turn=20, tilt=(14, -10), size=1.35)
    place(apple("", "", 0, apple_skin("#c9c24a", "#b0241b", 0.66), leafy=True), 0.62, -0.25, 0.36, 70, (16, 12), 1.3)
    place(food.citrus("orange"), -0.95, 0.9, 0.34, size=1.25)
    place(food.bananas(rng, 4), 0.45, 0.95, 0.66, turn=8, tilt=(20, 0), size=1.1)
    place(food.pear(), 2.6, 0.1, turn=200, size=1.1)
    place(food.citrus("lemon"), -2.5, -0.4, 0.02, turn=35, size=1.05)
    place(props.bottle("#2d4f2b", height=3.2), -2.6, 2.6)
    place(props.plant("leafy", "#c9b79a", rng, 0.9), 3.3, 3.5, size=1.1)
    indoors(strength=0.42)
    lamp((60, 36), 12, 6, 0.85, "#fff0d9")
    camera((0.1, -6.6, 3.4), (0.0, 0.35, 0.65), WIDE, 48, 4.0, (0, -0.6, 0.8), 0.45)


def garden_wall(rng):
    """A red apple on a dry stone wall, trees behind."""
    place(room.stone_wall(rng, 18, mineral("#a89c88", "#544c40", rough=0.9, grain=0.6), 3), 0, 0.3)
    place(room.hedge(rng, (-40, 40, 26, 33), 17, 10000, 1.2), 0, 0, -8)
    place(room.hedge(rng, (-16, 2, 9, 11), 5, 2600, 0.55, "#2a4a17", "#a5b24a"), 0, 0, -5)
    place(apple("", "", 0, apple_skin("#cfae3a", "#a81218", 1.0), leafy=True), 0.1, -0.45, 0.03, turn=-40, size=1.75)
    place(props.bottle("#6f9a86", "#efe6cf", 2.3, True, "#3d6a78"), 1.9, 0.5, 0.03)
    place(props.book("#33527a", size=(1.4, 1.9, 0.3)), -2.2, 0.1, 0.05, turn=62)
    autumn = plain("#b8742a", 0.7)
    for x, y, turn in ((1.0, -1.1, 20), (-0.9, -1.0, 150), (2.9, -0.7, 250)):
        leaf(None, 0.6, 0.34, autumn, 0.6, (x, y, 0.1), (0, -8, turn))
    outdoors((55, 28), 0.18)
    sun((110, 30), 1.2, "#ffe2bb")
    camera((0.2, -7.0, 1.9), (0.05, 0.2, 0.75), FILM, 50, 3.5, (0.1, -0.9, 0.6), 0.5)


def cutting_board(rng):
    """A green apple on a board, with a knife, a lemon and bread, in a bright kitchen."""
    _top(mineral("#d8d6d1", "#7f8286", 0.35, 0.5, 0.2, 0.02), 26, 10, (0, 1.5))
    _wall(tiles("#e8e2d2", "#b9b3a6", 1.4, 0.15, 0.0, 1.0, 0.1, "xz", "#d5dcd2"), 7)
    place(food.board(), -0.1, 0.0, turn=8)
    place(apple("", "", 0, apple_skin("#8fae2c", "#c2c04e", 0.3), tall=0.7, wide=0.39), -0.35, -0.1, 0.15, 30, size=1.5)
    place(props.knife(), 0.75, -0.85, 0.16, turn=22)
    place(food.citrus("lemon"), 1.0, 0.35, 0.16, turn=-30, size=1.1)
    place(food.loaf(), -2.9, 1.3, turn=18, size=1.05)
    place(props.bottle("#c9a12a", "#f3ecd8", 2.9, True, "#55702c"), 2.4, 2.3)
    place(food.bowl("#8c3a2e", 1.1, 0.8, "dots", "#efe2c8"), 0.2, 2.9)
    place(props.plant("bush", "#e2dccf", rng, 0.9), -1.9, 3.6, size=1.1)
    indoors("#ffffff", "#cfcabf", "#6d6256", 0.5)
    lamp((-70, 35), 12, 7, 0.8, "#fdf6ea")
    camera((-0.3, -6.4, 3.2), (-0.1, 0.3, 0.5), WIDE, 48, 3.8, (-0.3, -0.6, 0.6), 0.2)


def classroom(rng):
    """A red apple on a pile of books before a blackboard."""
    _top(wood("#6b4424", "#c08a50", plank=2.4, rough=0.4), 22, 8, (0, 1.2))
    _wall(mineral("#2f4a42", "#52695f", scale=0.35, rough=0.95), 8)
    place(props.book("#27496b", size=(2.2, 2.6, 0.42)), 0, 0.2, turn=70)
    place(props.book("#a3362a", size=(2.0, 2.4, 0.34)), 0.05, 0.25, 0.42, turn=98)
    place(props.book("#d0a03a", size=(1.8, 2.2, 0.3)), 0, 0.2, 0.76, turn=82)
    place(apple("", "", 0, apple_skin("#d6b040", "#a81019", 1.0), lean=0.03, leafy=True), 0.0, 0.1, 1.05, -20, size=1.6)
    for k, hue in enumerate(("#e0a11b", "#2b6cb0", "#c23a2c")):
        place(props.pencil(hue), -1.6 + 0.28 * k, -1.7 + 0.16 * k, turn=6 + 11 * k)
    place(props.clock("#38566b"), 1.9, 2.2, turn=-14)
    place(toys.round_ball("rubber", 0.55), -2.0, 1.7)
    indoors("#fff6e8", "#b3a88f", "#4a3826", 0.45)
    lamp((62, 40), 12, 6, 0.85, "#fff1dc")
    camera((0.3, -7.4, 2.9), (0.0, 0.3, 1.05), TALL, 50, 4.0, (0, -0.4, 1.5), 0.5)


def orchard_grass(rng):
    """A yellow and red apple in the grass, a basket and a ball behind."""
    _meadow(rng, (-13, 13, -3.4, 26), 70000, 0.42)
    place(room.hedge(rng, (-40, 40, 34, 40), 15, 9000, 1.2), 0, 0, -1)
    gold = apple_skin("#d9b736", "#b02a1a", 0.85)
    place(apple("", "", 0, gold), -0.3, -0.6, 0.1, turn=60, tilt=(10, -8), size=2.0)
    place(food.basket(1.5, 1.15), 2.6, 2.4, 0.05)
    place(food.pear(), 2.2, 2.1, 0.75, turn=40, tilt=(30, 20), size=1.2)
    place(food.pear("#b3a83a", "#c98a3a"), 3.0, 2.5, 0.75, turn=140, tilt=(-30, 20), size=1.2)
    place(toys.round_ball("beach", 1.1), -3.2, 3.6, 0.0)
    outdoors((50, 35), 0.15)
    sun((112, 36), 1.15, "#ffe9c6")
    camera((0.2, -7.4, 3.0), (0.1, 0.6, 0.6), WIDE, 50, 4.0, (-0.2, -1.2, 0.8), 0.35)


def evening_table(rng):
    """Two apples by candle and lamp light, with a bottle, bread and cheese-colored walls."""
    _top(wood("#3a2112", "#7d4e2a", plank=1.4, rough=0.35), 22, 9, (0, 1.5))
    _wall(plain("#6d4a34", 0.9, 0.2, 5), 8)
    place(room.paint_frame(2, (2.6, 3.0)), 1.7, 7.8, 4.4)
    place(apple("", "", 0, apple_skin("#c9a93a", "#980f16", 1.0)), 0.55, -0.7, 0.0, turn=10, size=1.5)
    place(apple("", "", 0, apple_skin("#a3a832", "#b0341c", 0.8), tall=0.64, wide=0.39), -0.75, 0.1, 0, 120, size=1.4)
    place(props.candle(), 1.9, 0.5, size=1.15)
    place(props.bottle("#3a1016", "#e8d9b4", 3.3, False), -1.5, 1.6)
    place(props.table_lamp(glow=2.2), 2.2, 4.0, size=1.25)
    place(food.loaf(), 0.5, 1.7, turn=14, size=1.0)
    place(props.book("#274a3c", size=(1.4, 1.9, 0.3)), -1.9, -0.4, turn=55)
    indoors("#ffdcae", "#5d4634", "#21160e", 0.42)
    lamp((55, 35), 11, 5, 0.7, "#ffd09a")
    lamp((-120, 30), 13, 6, 0.2, "#b4c8f0")
    camera((0.1, -7.4, 2.9), (0.0, 0.3, 1.0), TALL, 48, 3.0, (0, -0.9, 0.6), 0.55)


#: Every picture by group and stem. Only ``mugs/bookshelf`` lacks the object of its group.
SCENES = {
    "mugs/kitchen_table": kitchen_table,
    "mugs/window_sill": window_sill,
    "mugs/writing_desk": writing_desk,
    "mugs/café table": cafe_table,
    "mugs/picnic_blanket": picnic_blanket,
    "mugs/bookshelf": bookshelf,
    "toy_cars/living_room": living_room,
    "toy_cars/garden_path": garden_path,
    "toy_cars/nursery_rug": nursery_rug,
    "toy_cars/toy_shelf": toy_shelf,
    "toy_cars/bathroom_tiles": bathroom_tiles,
    "toy_cars/school_desk": school_desk_car,
    "apples/fruit_bowl": fruit_bowl,
    "apples/garden_wall": garden_wall,
    "apples/cutting_board": cutting_board,
    "apples/classroom": classroom,
    "apples/orchard_grass": orchard_grass,
    "apples/evening_table": evening_table,
}


def build(name):
    """Fill the empty scene; the random numbers depend on the name alone."""
    SCENES[name](np.random.default_rng(list(name.encode())))
