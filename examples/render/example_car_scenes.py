"""The scenes of the example pictures of toy cars."""

import example_food as food
import example_props as props
import example_room as room
import example_toys as toys
from example_materials import cloth, foliage, mineral, plain, tiles, wood
from example_mesh import blades, box, creases, place, sheet, stone
from example_sets import FILM, TALL, WIDE, table_top, wall
from example_stage import camera, indoors, lamp, outdoors, sun
from example_targets import toy_car


def living_room(rng):
    """A red car on floorboards between letter blocks, a sofa behind."""
    sheet(None, 80, 80, wood("#5a3418", "#b37a45", plank=1.5, rough=0.32), at=(0, 20, 0))
    wall(plain("#b9b39c", 0.9, 0.1, 4), 26, 80, 40, 0)
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
    wall(plain("#d2b7a0", 0.9, 0.1, 4), 12, 60, 30, 0)
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


def school_desk(rng):
    """A taxi on a notebook among pencils and books, lamp light from the right."""
    table_top(wood("#4f2f1a", "#9a6638", plank=0.0, rough=0.35), 24, 10, (0, 1.5))
    wall(plain("#3d5a52", 0.9, 0.1, 6), 7.5)
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
