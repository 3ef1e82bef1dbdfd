"""The scenes of the example pictures of mugs."""

import example_food as food
import example_props as props
import example_room as room
import example_toys as toys
from example_materials import cloth, mineral, plain, tiles, wood
from example_mesh import box, creases, disc, place, sheet
from example_sets import FILM, TALL, WIDE, bulbs, meadow, table_top, wall
from example_stage import camera, indoors, lamp, outdoors, sun
from example_targets import mug


def kitchen_table(rng):
    """A red mug of coffee on a wooden table, biscuits and a bottle, a tiled wall behind."""
    table_top(wood("#5f3a20", "#b98552", plank=1.7, rough=0.4), 22, 9, (0, 1.5))
    wall(tiles("#dfe3da", "#a8a79c", 1.1, 0.12, 0.5, 2.0, 0.12, "xz", "#cfd8d0"), 8)
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
    table_top(wood("#a58d6f", "#dcc7a4", plank=0.0, rough=0.4, scale=0.8), 24, 10, (0, 1.5))
    wall(plain("#5d7a86", 0.9, 0.15, 6), 7.2)
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
    wall(plain("#8a6a54", 0.9), 32, 90, 40, -8)
    for x, c in ((-9, "#7c2e24"), (7, "#2f4a45"), (15, "#7a5a2c")):
        box(None, (5, 4, 7), cloth(c), (x, 20, -8), bevel=0.6)
    bulbs(rng, 26, (-15, 15, -3.5, 2.2), 27, ("#ffb45a", "#ffd9a0", "#ff9440"), 0.26)
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
    meadow(rng, (-14, 14, 2.2, 26), 52000, 0.7)
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
