"""Render the example photos and their masks with Blender's Cycles.

    python examples/render/render_examples.py -o examples [--only mugs/kitchen_table] [--samples 16] [--scale 1.0]

This is a tool for the makers of the pictures and needs Blender as a Python module, which is no dependency of the
package. It goes into an environment of its own (Python 3.11 for bpy 4.5)::

    python3.11 -m venv bpyenv && bpyenv/bin/pip install bpy==4.5.15

The pictures go to ``photos/<group>/<stem>.jpg`` and the masks to ``masks/<group>/<stem>.png``. A mask is a second
render of the same scene with one sample per pixel: the shared object white, everything else black, so that it is
exact also where other things stand before the object.
"""

import argparse
import sys
import time
from pathlib import Path

import bpy
from example_materials import surface
from example_scenes import SCENES, build

QUALITY = 88


def fresh(scale, samples, threads):
    """An empty scene, set to render on the CPU without a trace of the machine in the files."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    render, cycles = scene.render, scene.cycles
    render.engine = "CYCLES"
    cycles.device, cycles.samples, cycles.seed = "CPU", samples, 1
    # The denoiser does most of the work, so that few samples are enough for pictures of this size.
    cycles.use_adaptive_sampling, cycles.adaptive_threshold, cycles.adaptive_min_samples = True, 0.04, 6
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 6, 2, 3
    cycles.transmission_bounces, cycles.transparent_max_bounces = 6, 4
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 4.0
    scene.view_settings.view_transform, scene.view_settings.look = "AgX", "AgX - Medium High Contrast"
    render.resolution_percentage = round(100 * scale)
    if threads:
        render.threads_mode, render.threads = "FIXED", threads
    # The stamps would put dates, host and file paths into the pictures.
    for stamp in [name for name in dir(render) if name.startswith("use_stamp")]:
        setattr(render, stamp, False)
    return scene


def write(scene, path, file_format, color):
    """Render into the file ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.quality = file_format, color, QUALITY
    if file_format == "PNG":
        settings.color_depth, settings.compression = "8", 100
    scene.render.use_file_extension = False
    scene.render.filepath = str(path.resolve())
    bpy.ops.render.render(write_still=True)
    path.write_bytes(without_notes(path.read_bytes()))


def without_notes(data):
    """A JPEG or PNG file without its comments: Blender notes render times there, which differ from run to run."""
    if data.startswith(b"\xff\xd8"):
        out, at = [data[:2]], 2
        while data[at + 1] != 0xDA:
            end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
            # APP1 is Exif, FE a comment.
            if data[at + 1] not in (0xE1, 0xFE):
                out.append(data[at:end])
            at = end
        return b"".join([*out, data[at:]])
    out, at = [data[:8]], 8
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] in (b"IHDR", b"IDAT", b"IEND"):
            out.append(data[at:end])
        at = end
    return b"".join(out)


def is_target(thing):
    """Whether a thing or one of its parents is marked as the shared object."""
    while thing is not None:
        if thing.get("target"):
            return True
        thing = thing.parent
    return False


def to_mask(scene):
    """Turn the scene into its mask: flat white and black, no lights, one sharp sample in each pixel's middle."""
    white, black = (surface(lambda t, c=c: {"Base Color": "#000000", "Emission Color": c}, glow=1.0, specular=0.0)
                    for c in ("#ffffff", "#000000"))  # fmt: skip
    for thing in list(scene.objects):
        if thing.type == "LIGHT":
            bpy.data.objects.remove(thing)
        elif thing.type in {"MESH", "FONT"}:
            thing.data.materials.clear()
            thing.data.materials.append(white if is_target(thing) else black)
    scene.world = None
    scene.camera.data.dof.use_dof = False
    scene.cycles.samples, scene.cycles.max_bounces = 1, 0
    scene.cycles.use_denoising = scene.cycles.use_adaptive_sampling = False
    scene.cycles.pixel_filter_type, scene.cycles.filter_width = "BOX", 0.01
    scene.view_settings.view_transform, scene.view_settings.look = "Raw", "None"
    # Dither would leave ones among the zeros.
    scene.view_settings.exposure, scene.render.dither_intensity = 0.0, 0.0


def main():
    """Render the scenes that were asked for."""
    parser = argparse.ArgumentParser(description="Render the example photos and their masks.")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--only", action="append", help="group/stem, or the start of one; may be given again")
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    options = parser.parse_args()
    names = [n for n in SCENES if not options.only or any(n.startswith(o) for o in options.only)]
    if not names:
        sys.exit(f"no scene of that name; there are: {', '.join(SCENES)}")
    for name in names:
        start = time.perf_counter()
        scene = fresh(options.scale, options.samples, options.threads)
        build(name)
        write(scene, options.output / "photos" / f"{name}.jpg", "JPEG", "RGB")
        to_mask(scene)
        write(scene, options.output / "masks" / f"{name}.png", "PNG", "BW")
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
