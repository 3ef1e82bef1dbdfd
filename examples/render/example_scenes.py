"""The scenes of the example pictures: what stands where, on what, in which light, and where the camera is.

x goes to the right, y away from the viewer, z up; tables and floors are at z = 0.
"""

import example_apple_scenes as apples
import example_car_scenes as cars
import example_mug_scenes as mugs
import numpy as np

#: Every picture by group and stem. Only ``mugs/bookshelf`` lacks the object of its group.
SCENES = {
    "mugs/kitchen_table": mugs.kitchen_table,
    "mugs/window_sill": mugs.window_sill,
    "mugs/writing_desk": mugs.writing_desk,
    "mugs/café table": mugs.cafe_table,
    "mugs/picnic_blanket": mugs.picnic_blanket,
    "mugs/bookshelf": mugs.bookshelf,
    "toy_cars/living_room": cars.living_room,
    "toy_cars/garden_path": cars.garden_path,
    "toy_cars/nursery_rug": cars.nursery_rug,
    "toy_cars/toy_shelf": cars.toy_shelf,
    "toy_cars/bathroom_tiles": cars.bathroom_tiles,
    "toy_cars/school_desk": cars.school_desk,
    "apples/fruit_bowl": apples.fruit_bowl,
    "apples/garden_wall": apples.garden_wall,
    "apples/cutting_board": apples.cutting_board,
    "apples/classroom": apples.classroom,
    "apples/orchard_grass": apples.orchard_grass,
    "apples/evening_table": apples.evening_table,
}


def build(name):
    """Fill the empty scene; the random numbers depend on the name alone."""
    SCENES[name](np.random.default_rng(list(name.encode())))
