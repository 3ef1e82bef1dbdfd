"""Materials of the example pictures: procedural textures into Principled BSDF, no image files."""

import bpy

_BSDF = {
    "rough": "Roughness",
    "metal": "Metallic",
    "coat": "Coat Weight",
    "coat_rough": "Coat Roughness",
    "sheen": "Sheen Weight",
    "clear": "Transmission Weight",
    "ior": "IOR",
    "glow": "Emission Strength",
    "sub": "Subsurface Weight",
    "specular": "Specular IOR Level",
}


def rgba(color):
    """Linear RGBA of a ``#rrggbb`` color; a tuple is taken as linear already."""
    if not isinstance(color, str):
        return (*color[:3], 1.0)
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return (*(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts), 1.0)


class Tree:
    """A node tree, with short names for the nodes that the materials here are made of."""

    def __init__(self, tree):
        self.tree = tree

    def node(self, kind, inputs=None, **settings):
        """A node with its inputs set to constants or linked to sockets."""
        made = self.tree.nodes.new("ShaderNode" + kind)
        for key, value in settings.items():
            setattr(made, key, value)
        for key, value in (inputs or {}).items():
            if isinstance(value, bpy.types.NodeSocket):
                self.tree.links.new(value, made.inputs[key])
            else:
                made.inputs[key].default_value = rgba(value) if isinstance(value, str) else value
        return made

    def coords(self, stretch=(1, 1, 1), shift=(0, 0, 0), turn=0.0):
        """Coordinates of the object, stretched, moved and turned about z."""
        where = self.node("TexCoord").outputs["Object"]
        inputs = {"Vector": where, "Scale": stretch, "Location": shift, "Rotation": (0, 0, turn)}
        return self.node("Mapping", inputs).outputs[0]

    def noise(self, where, scale, detail=4.0, rough=0.55, distort=0.0):
        """Fractal noise, about 0 to 1."""
        inputs = {"Vector": where, "Scale": scale, "Detail": detail, "Roughness": rough, "Distortion": distort}
        return self.node("TexNoise", inputs).outputs[0]

    def cells(self, where, scale, feature="F1"):
        """Distance to the nearest point of a Voronoi pattern."""
        return self.node("TexVoronoi", {"Vector": where, "Scale": scale}, feature=feature).outputs["Distance"]

    def ramp(self, value, *stops):
        """A color ramp through (position, color) stops."""
        made = self.node("ValToRGB", {0: value})
        elements = made.color_ramp.elements
        while len(elements) < len(stops):
            elements.new(0.5)
        for element, (position, color) in zip(elements, stops, strict=True):
            element.position, element.color = position, rgba(color)
        return made.outputs[0]

    def mix(self, factor, a, b, blend="MIX"):
        """Mix of two colors."""
        made = self.node("Mix", {0: factor, 6: a, 7: b}, data_type="RGBA", blend_type=blend, clamp_factor=True)
        return made.outputs[2]

    def math(self, operation, a, b=0.0, clamp=False):
        """A step of arithmetic."""
        return self.node("Math", {0: a, 1: b}, operation=operation, use_clamp=clamp).outputs[0]

    def axis(self, where, axis):
        """One of the components of a vector."""
        return self.node("SeparateXYZ", {0: where}).outputs[axis.upper()]

    def bump(self, height, strength=0.3, distance=0.02):
        """A normal from a height."""
        return self.node("Bump", {"Height": height, "Strength": strength, "Distance": distance}).outputs[0]


def surface(build, **values):
    """A material: ``build(tree)`` gives Principled inputs by name, on top of the plain ``values``."""
    made = bpy.data.materials.new("material")
    made.use_nodes = True
    tree = Tree(made.node_tree)
    bsdf = made.node_tree.nodes["Principled BSDF"]
    inputs = {_BSDF[key]: value for key, value in values.items()} | (build(tree) if build else {})
    for key, value in inputs.items():
        if isinstance(value, bpy.types.NodeSocket):
            made.node_tree.links.new(value, bsdf.inputs[key])
        else:
            bsdf.inputs[key].default_value = rgba(value) if isinstance(value, str) else value
    return made


def plain(color, rough=0.5, grain=0.0, scale=40.0, glow=0.0, **values):
    """One color with slight unevenness; ``grain`` is the strength of a fine bump."""

    def build(t):
        where = t.coords()
        soft = t.noise(where, 1.5, 3)
        base = t.mix(t.math("MULTIPLY", soft, 0.3), color, t.mix(0.45, color, "#000000"))
        out = {"Base Color": base, "Emission Color": color}
        if grain:
            out["Normal"] = t.bump(t.noise(where, scale, 5), grain, 0.02)
        return out

    return surface(build, rough=rough, glow=glow, **values)


def metal(color="#d8d8d8", rough=0.2):
    """Bare metal."""
    return surface(lambda t: {"Base Color": color}, rough=rough, metal=1.0)


def glass(color="#ffffff", rough=0.02):
    """Clear or tinted glass."""
    return surface(lambda t: {"Base Color": color}, rough=rough, clear=1.0, ior=1.45)


def wood(dark, light, plank=0.0, rough=0.45, scale=1.0, turn=0.0, length=9.0):
    """Wood with its grain along x; boards of width ``plank`` with joints between them when it is not 0."""

    def build(t):
        where = t.coords(turn=turn)
        tone, joint = 0.5, None
        if plank:
            inputs = {
                "Vector": where, "Color1": "#000000", "Color2": "#ffffff", "Mortar": "#000000", "Scale": 1.0,
                "Mortar Size": 0.012, "Mortar Smooth": 0.3, "Brick Width": length, "Row Height": plank,
            }  # fmt: skip
            brick = t.node("TexBrick", inputs, offset=0.37, offset_frequency=2)
            tone, joint = brick.outputs[0], brick.outputs["Fac"]
            # Each board gets its own piece of the grain.
            shift = t.node("VectorMath", {0: tone, 1: (37.0, 19.0, 7.0)}, operation="MULTIPLY").outputs[0]
            where = t.node("VectorMath", {0: where, 1: shift}, operation="ADD").outputs[0]
        long = t.node("VectorMath", {0: where, 1: (0.22 * scale, 2.2 * scale, 2.2 * scale)}, operation="MULTIPLY")
        fine = t.node("VectorMath", {0: where, 1: (1.2 * scale, 38 * scale, 38 * scale)}, operation="MULTIPLY")
        rings, fiber = t.noise(long.outputs[0], 1.6, 5, 0.6, 1.6), t.noise(fine.outputs[0], 1.0, 3)
        middle = t.mix(0.5, dark, light)
        color = t.ramp(rings, (0.28, "#000000"), (0.52, "#777777"), (0.72, "#ffffff"))
        color = t.mix(color, t.mix(0.25, dark, middle), light)
        color = t.mix(t.math("MULTIPLY", fiber, 0.35), color, dark)
        if plank:
            color = t.mix(t.math("MULTIPLY", tone, 0.45), color, t.mix(0.5, color, dark))
            color = t.mix(t.math("MULTIPLY", joint, 0.9), color, t.mix(0.75, dark, "#000000"))
        height = t.math("SUBTRACT", t.math("MULTIPLY", fiber, 0.35), joint) if plank else fiber
        shine = t.math("ADD", t.math("MULTIPLY", rings, 0.2), rough - 0.1)
        return {"Base Color": color, "Normal": t.bump(height, 0.25, 0.02), "Roughness": shine}

    return surface(build)


def tiles(color, grout, size=1.0, rough=0.15, offset=0.0, aspect=1.0, vary=0.25, plane="xy", tint=None):
    """Tiles or bricks with joints; walls are upright, so ``plane`` says which axes the pattern lies in."""

    def build(t):
        where = t.coords()
        if plane == "xz":
            parts = t.node("SeparateXYZ", {0: where}).outputs
            where = t.node("CombineXYZ", {0: parts["X"], 1: parts["Z"]}).outputs[0]
        inputs = {
            "Vector": where, "Color1": color, "Color2": tint or color, "Mortar": grout, "Scale": 1.0,
            "Mortar Size": 0.03 * min(size, 1), "Mortar Smooth": 0.2, "Brick Width": size * aspect, "Row Height": size,
        }  # fmt: skip
        brick = t.node("TexBrick", inputs, offset=offset)
        cloudy = t.noise(where, 1.2 / size, 5)
        base = t.mix(t.math("MULTIPLY", cloudy, vary), brick.outputs[0], t.mix(0.6, brick.outputs[0], "#3a332c"))
        height = t.math("SUBTRACT", t.math("MULTIPLY", t.noise(where, 9, 4), 0.15), brick.outputs["Fac"])
        shine = t.math("MAXIMUM", t.math("MULTIPLY", brick.outputs["Fac"], 0.8), rough)
        return {"Base Color": base, "Normal": t.bump(height, 0.5, 0.03), "Roughness": shine}

    return surface(build)


def mineral(light, dark, vein=0.0, scale=1.0, rough=0.3, grain=0.1):
    """Stone: cloudy, with veins (marble) or specks (concrete, granite)."""

    def build(t):
        where = t.coords((scale, scale, scale))
        clouds = t.noise(where, 1.1, 8, 0.62, 0.6)
        base = t.mix(t.ramp(clouds, (0.3, "#000000"), (0.75, "#ffffff")), light, t.mix(0.45, light, dark))
        if vein:
            line = t.math("ABSOLUTE", t.math("SUBTRACT", t.noise(where, 0.55, 6, 0.6, 1.8), 0.5))
            thin = t.ramp(line, (0.0, "#ffffff"), (0.035, "#303030"), (0.12, "#000000"))
            base = t.mix(t.mix(1.0, thin, (vein, vein, vein, 1), "MULTIPLY"), base, dark)
        specks = t.ramp(t.noise(where, 55, 2), (0.35, "#ffffff"), (0.45, "#000000"))
        base = t.mix(t.mix(1.0, specks, (0.5, 0.5, 0.5, 1), "MULTIPLY"), base, dark)
        height = t.math("ADD", t.noise(where, 22, 6), t.math("MULTIPLY", t.noise(where, 3.5, 4), 1.5))
        return {"Base Color": base, "Normal": t.bump(height, grain, 0.05)}

    return surface(build, rough=rough)


def cloth(color, second=None, pattern="plain", scale=1.0, turn=0.0):
    """Woven cloth, plain, striped or checked (gingham)."""

    def build(t):
        where = t.coords((scale, scale, scale), turn=turn)
        x, y = t.axis(where, "x"), t.axis(where, "y")
        across = t.math("GREATER_THAN", t.math("FRACT", x), 0.5)
        along = t.math("GREATER_THAN", t.math("FRACT", y), 0.5)
        part = {"plain": 0.0, "stripe": along}.get(pattern)
        if part is None:
            part = t.math("MULTIPLY", t.math("ADD", across, along), 0.5)
        base = t.mix(part, color, second or color)
        weave = t.noise(t.coords((90, 90, 90)), 1.0, 2)
        base = t.mix(t.math("MULTIPLY", weave, 0.35), base, t.mix(0.5, base, "#000000"))
        return {"Base Color": base, "Normal": t.bump(weave, 0.35, 0.02)}

    return surface(build, rough=0.9, sheen=0.3)


def glaze(color, second=None, pattern="plain", rough=0.16, top=1.0):
    """Glazed ceramics: plain, dipped in a second glaze, banded, dotted or speckled; ``top`` is the height."""

    def build(t):
        where = t.coords()
        z = t.axis(where, "z")
        mottle = t.noise(where, 2.0, 4)
        base = t.mix(t.math("MULTIPLY", mottle, 0.25), color, t.mix(0.4, color, "#2a1a10"))
        part = None
        if pattern == "dipped":
            edge = t.math("ADD", z, t.math("MULTIPLY", t.noise(where, 2.5, 2), 0.12 * top))
            part = t.math("GREATER_THAN", edge, 0.52 * top)
        elif pattern == "bands":
            part = t.math("GREATER_THAN", t.math("FRACT", t.math("MULTIPLY", z, 4.5 / top)), 0.62)
        elif pattern == "dots":
            part = t.math("LESS_THAN", t.cells(where, 4.2 / top), 0.28)
        elif pattern == "speckled":
            part = t.math("LESS_THAN", t.noise(where, 26, 1), 0.3)
        elif pattern == "rim":
            part = t.math("GREATER_THAN", z, 0.955 * top)
        if part is not None:
            base = t.mix(part, base, second)
        return {"Base Color": base, "Normal": t.bump(t.noise(where, 5, 2), 0.04, 0.05)}

    return surface(build, rough=rough, coat=0.6, coat_rough=0.08)


def apple_skin(ground, blush, amount=0.5, height=0.7):
    """Apple skin: streaks of blush over a ground color, pale specks, greenish at the stem."""

    def build(t):
        where = t.coords()
        streaks = t.noise(t.coords((9, 9, 0.9)), 1.0, 5, 0.6, 0.3)
        patches = t.noise(where, 1.7, 3)
        cover = t.math("ADD", t.math("MULTIPLY", streaks, 0.6), t.math("MULTIPLY", patches, 0.9))
        cover = t.ramp(t.math("ADD", cover, amount - 1.05), (0.08, "#000000"), (0.42, "#ffffff"))
        base = t.mix(cover, ground, t.mix(t.math("MULTIPLY", streaks, 0.5), blush, t.mix(0.25, blush, ground)))
        specks = t.ramp(t.cells(where, 17), (0.07, "#ffffff"), (0.12, "#000000"))
        base = t.mix(t.mix(1.0, specks, (0.55, 0.55, 0.55, 1), "MULTIPLY"), base, "#ead9a0")
        # The hollow about the stem is the part of the top that lies near the axis.
        flat = t.node("VectorMath", {0: t.coords((1, 1, 0))}, operation="LENGTH").outputs["Value"]
        hollow = t.ramp(flat, (0.05, "#ffffff"), (0.17, "#000000"))
        base = t.mix(hollow, base, "#a9a24a")
        return {"Base Color": base, "Normal": t.bump(t.noise(where, 14, 3), 0.05, 0.02)}

    return surface(build, rough=0.28, coat=0.35, coat_rough=0.15, sub=0.06)


def peel(color, tint, dimple=0.25, scale=26.0, rough=0.38):
    """Peel of citrus and pears: two close tones and dimples."""

    def build(t):
        where = t.coords()
        base = t.mix(t.ramp(t.noise(where, 2.2, 5), (0.35, "#000000"), (0.7, "#ffffff")), color, tint)
        return {"Base Color": base, "Normal": t.bump(t.cells(where, scale), dimple, 0.02)}

    return surface(build, rough=rough, sub=0.08)


def foliage(dark, light, rough=0.45):
    """Leaves: a tone for each leaf's place, and light through them."""

    def build(t):
        where = t.node("NewGeometry").outputs["Position"]
        base = t.mix(t.ramp(t.noise(where, 2.5, 4), (0.3, "#000000"), (0.7, "#ffffff")), dark, light)
        return {"Base Color": base}

    return surface(build, rough=rough, sub=0.0, specular=0.3)


def art(seed):
    """A painting for a wall: soft fields of color."""
    sets = (("#d9a441", "#274c5e", "#efe6d2"), ("#b5533c", "#e9d8b4", "#4d6b57"), ("#3b5a82", "#d8c7b0", "#c9785a"))

    def build(t):
        a, b, c = sets[seed % len(sets)]
        where = t.coords(shift=(seed * 3.1, 0, seed * 1.7))
        first = t.ramp(t.noise(where, 0.35, 1, 0.4, 1.5), (0.44, "#000000"), (0.47, "#ffffff"))
        second = t.ramp(t.noise(where, 0.6, 1, 0.4, 2.0), (0.55, "#000000"), (0.57, "#ffffff"))
        return {"Base Color": t.mix(second, t.mix(first, a, c), b)}

    return surface(build, rough=0.8)
