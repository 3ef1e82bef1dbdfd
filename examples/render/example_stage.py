"""Camera, light and surroundings for the example pictures."""

import math

import bpy
from example_materials import Tree, rgba
from mathutils import Vector


def camera(eye, look, size, lens=50.0, fstop=4.0, focus=None, exposure=0.0):
    """A camera at ``eye`` that looks at ``look``; focus on ``focus`` or ``look``; ``size`` in pixels."""
    scene = bpy.context.scene
    data = bpy.data.cameras.new("camera")
    data.lens, data.clip_start, data.clip_end, data.sensor_fit = lens, 0.05, 2000, "AUTO"
    made = bpy.data.objects.new("camera", data)
    bpy.context.collection.objects.link(made)
    made.location = eye
    ahead = Vector(look) - Vector(eye)
    made.rotation_euler = ahead.to_track_quat("-Z", "Y").to_euler()
    data.dof.use_dof = True
    data.dof.focus_distance = (Vector(focus or look) - Vector(eye)).length
    # The f-number is for real lenses in meters; one unit here is 10 cm.
    data.dof.aperture_fstop = fstop / 10
    scene.camera = made
    scene.render.resolution_x, scene.render.resolution_y = size
    scene.view_settings.exposure = exposure


def lamp(direction, distance, size, strength, color="#ffffff", at=(0, 0, 0.5)):
    """A soft light at (azimuth, elevation) degrees as seen from ``at``; azimuth 0 is behind the things, 90 left.

    At strength 1 a white surface that faces it shows white, whatever the distance.
    """
    azimuth, height = (math.radians(v) for v in direction)
    data = bpy.data.lights.new("lamp", "AREA")
    data.shape, data.size, data.size_y = "RECTANGLE", size, size * 1.3
    data.energy, data.color = strength * math.pi**2 * distance**2, rgba(color)[:3]
    made = bpy.data.objects.new("lamp", data)
    out = Vector((-math.sin(azimuth) * math.cos(height), math.cos(azimuth) * math.cos(height), math.sin(height)))
    made.location = Vector(at) + out * distance
    made.rotation_euler = out.to_track_quat("Z", "Y").to_euler()
    bpy.context.collection.objects.link(made)
    return made


def sun(direction, strength=1.2, color="#fff0d8", angle=0.8):
    """Sunlight from (azimuth, elevation) degrees, as for `lamp`."""
    azimuth, height = (math.radians(v) for v in direction)
    data = bpy.data.lights.new("sun", "SUN")
    data.energy, data.angle, data.color = strength * math.pi, math.radians(angle), rgba(color)[:3]
    made = bpy.data.objects.new("sun", data)
    out = Vector((-math.sin(azimuth) * math.cos(height), math.cos(azimuth) * math.cos(height), math.sin(height)))
    made.rotation_euler = out.to_track_quat("Z", "Y").to_euler()
    bpy.context.collection.objects.link(made)


def _world():
    """The world's node tree and its background node."""
    world = bpy.data.worlds.new("world")
    world.use_nodes = True
    bpy.context.scene.world = world
    return Tree(world.node_tree), world.node_tree.nodes["Background"]


def indoors(ceiling="#fff4e4", walls="#c9bba6", floor="#54402f", strength=0.5):
    """Light from a room all around: bright above, brown below, with a pale window to mirror in glossy things."""
    tree, background = _world()
    where = tree.node("TexCoord").outputs["Generated"]
    up = tree.math("ADD", tree.math("MULTIPLY", tree.axis(where, "z"), 0.5), 0.5)
    color = tree.ramp(up, (0.25, floor), (0.5, walls), (0.85, ceiling))
    # A window on the left, so that ceramics and paint have something to reflect.
    x, y, z = (tree.axis(where, a) for a in "xyz")
    parts = [tree.math("LESS_THAN", x, -0.5), tree.math("GREATER_THAN", z, 0.12), tree.math("LESS_THAN", z, 0.62)]
    parts += [tree.math("LESS_THAN", tree.math("ABSOLUTE", tree.math("ADD", y, 0.15)), 0.42)]
    parts += [tree.math("GREATER_THAN", tree.math("ABSOLUTE", tree.math("ADD", y, 0.15)), 0.03)]
    pane = parts[0]
    for part in parts[1:]:
        pane = tree.math("MULTIPLY", pane, part)
    color = tree.mix(pane, color, (5.0, 5.2, 5.6, 1.0))
    tree.tree.links.new(color, background.inputs["Color"])
    background.inputs["Strength"].default_value = strength


def outdoors(direction=(60, 40), strength=0.12, haze=1.0):
    """A clear sky; the sun itself is a lamp, which gives less noise than the disc in the sky."""
    tree, background = _world()
    sky = tree.node("TexSky", sky_type="NISHITA", sun_disc=False, dust_density=haze)
    sky.sun_elevation, sky.sun_rotation = math.radians(direction[1]), math.radians(-direction[0])
    tree.tree.links.new(sky.outputs[0], background.inputs["Color"])
    background.inputs["Strength"].default_value = strength
