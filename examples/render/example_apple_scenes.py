"""The scenes of the example pictures of apples."""

import example_food as food
import example_props as props
import example_room as room
import example_toys as toys
from example_materials import apple_skin, cloth, mineral, plain, tiles, wood
from example_mesh import creases, leaf, place, sheet
from example_sets import FILM, TALL, WIDE, meadow, table_top, wall
from example_stage import camera, indoors, lamp, outdoors, sun
from example_targets import apple


def fruit_bowl(rng):
    """Two apples with bananas and an orange in a bowl, on a cloth."""
    sheet(None, 30, 14, cloth("#c9c3b2", "#7d93a3", "stripe", 0.5, 1.2), creases(0.1, 0.4), 120, at=(0, 2, -0.1))
    wall(plain("#8a5a44", 0.9, 0.2, 5), 9)
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
    table_top(mineral("#d8d6d1", "#7f8286", 0.35, 0.5, 0.2, 0.02), 26, 10, (0, 1.5))
    wall(tiles("#e8e2d2", "#b9b3a6", 1.4, 0.15, 0.0, 1.0, 0.1, "xz", "#d5dcd2"), 7)
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
    table_top(wood("#6b4424", "#c08a50", plank=2.4, rough=0.4), 22, 8, (0, 1.2))
    wall(mineral("#2f4a42", "#52695f", scale=0.35, rough=0.95), 8)
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
    meadow(rng, (-13, 13, -3.4, 26), 70000, 0.42)
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
    table_top(wood("#3a2112", "#7d4e2a", plank=1.4, rough=0.35), 22, 9, (0, 1.5))
    wall(plain("#6d4a34", 0.9, 0.2, 5), 8)
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
