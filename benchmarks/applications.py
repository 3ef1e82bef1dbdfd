"""What cut-outs cost and what they gain.

    python benchmarks/applications.py
    python benchmarks/applications.py --images PASCAL_coseg/images --gts PASCAL_coseg/gts
    python benchmarks/applications.py --images examples/photos --gts examples/masks --maps out/

Without arguments: seconds that a generated photo of 12 megapixels takes for its map, cut-out and thumbnail, and the
most memory the process held. With a set of groups: mean IoU with the ground truth of the map's mask by the adaptive
threshold, after GrabCut, and after the guided filter (alpha of at least one half); ``free`` is GrabCut that may
change every pixel, as a check on the default, which keeps what the map is sure of. Images whose truth is empty are
left out.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

import cosod
from cosod.apps.cutout.cutout import CutoutOptions, cut_out
from cosod.apps.thumbnails.thumbnails import ThumbnailOptions, crop, plan_crops
from cosod.io import find_groups, read_image
from cosod.postprocess.matting import smooth_alpha
from cosod.postprocess.object_mask import grab_cut, object_box, object_mask, surroundings
from cosod.postprocess.render import save_image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=Path, help="folder of groups, or one group")
    parser.add_argument("--gts", type=Path, help="its masks: GTS/<group>/<image>.png")
    parser.add_argument("--maps", type=Path, help="maps of an earlier `cosod segment`; made anew by default")
    parser.add_argument("--limit", type=int, help="images of each group, the first ones")
    parser.add_argument("--megapixels", type=float, default=12.0, help="of the generated photo")
    options = parser.parse_args()
    if options.images:
        quality(options.images, options.gts, options.maps, options.limit)
    else:
        speed(options.megapixels)


def generated(megapixels: float) -> np.ndarray:
    """A photo of 4:3: a coloured object with a wavy outline and a hole, on a textured ground, with noise."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    width = height * 4 // 3
    chance = np.random.default_rng(0)
    ground = chance.integers(60, 200, (30, 40, 3), dtype=np.uint8)
    photo = cv2.resize(ground, (width, height), interpolation=cv2.INTER_CUBIC)
    angles = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    radii = height * (0.3 + 0.03 * np.sin(9 * angles))
    outline = np.stack([width / 2 + radii * np.cos(angles), height / 2 + radii * np.sin(angles)], 1)
    ring = np.stack([width / 2 + radii * np.cos(angles) / 4, height / 2 + radii * np.sin(angles) / 4], 1)
    cv2.fillPoly(photo, [outline.round().astype(np.int32), ring.round().astype(np.int32)], (225, 60, 30), cv2.LINE_AA)
    noise = chance.integers(-12, 13, photo.shape, dtype=np.int16)
    return np.clip(photo + noise, 0, 255).astype(np.uint8)


def speed(megapixels: float) -> None:
    photo = generated(megapixels)
    print(f"{photo.shape[1]} x {photo.shape[0]}, {cv2.getNumThreads()} threads")
    print("\n| step | seconds | of processor time |\n|---|---:|---:|")
    detector = cosod.load()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "photo.jpg"
        save_image(photo, file)
        saliency = _timed("map, reading included", lambda: detector.segment([file, photo[::8, ::8]])[0])
        for method in ("threshold", "grabcut"):
            options = CutoutOptions(method)
            cut = _timed(f"cut-out, {method}", lambda options=options: cut_out(photo, saliency, options))
        _timed(
            "cut-out on white, 1600 x 1600",
            lambda: cut_out(photo, saliency, CutoutOptions(background="white", size=(1600, 1600))),
        )
        _timed("writing the cut-out as PNG", lambda: save_image(cut, Path(folder) / "cut.png"))
        _timed("thumbnail", lambda: _thumbnail(photo, saliency))
    print(f"\nat most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


def _thumbnail(photo: np.ndarray, saliency: np.ndarray) -> np.ndarray:
    mask = object_mask(saliency)
    options = ThumbnailOptions()
    (frame,) = plan_crops([object_box(mask)], [mask.shape], options)
    return crop(photo, frame, options.size, mask)


def _timed(name: str, work):
    best = (float("inf"), 0.0)
    for _ in range(3):
        start = time.perf_counter(), time.process_time()
        result = work()
        best = min(best, (time.perf_counter() - start[0], time.process_time() - start[1]))
    print(f"| {name} | {best[0]:.2f} | {best[1]:.2f} |", flush=True)
    return result


def quality(images: Path, gts: Path, maps: Path | None, limit: int | None) -> None:
    scores: dict[str, list[float]] = {"adaptive": [], "GrabCut": [], "guided filter": [], "free": []}
    detector = None if maps else cosod.load()
    for group in find_groups([images]):
        files = group.images[:limit]
        found = None if maps else detector.segment(files)
        for number, (file, stem) in enumerate(zip(files, group.stems, strict=False)):
            truth_file = gts / group.name / f"{stem}.png"
            if not truth_file.exists() or not (truth := read_image(truth_file)[..., 0] > 127).any():
                continue
            saliency = found[number] if found else _stored(maps / group.name / f"{stem}.png")
            for name, mask in stages(read_image(file), saliency).items():
                scores[name].append((mask & truth).sum() / (mask | truth).sum())
    base = np.array(scores["adaptive"])
    print(f"{len(base)} images\n\n| mask | IoU | better by .05 | worse by .05 |\n|---|---:|---:|---:|")
    for name, values in scores.items():
        gain = np.array(values) - base
        print(f"| {name} | {np.mean(values):.4f} | {(gain > 0.05).mean():.0%} | {(gain < -0.05).mean():.0%} |")


def _stored(file: Path) -> np.ndarray:
    return read_image(file)[..., 0] / np.float32(255)


def stages(image: np.ndarray, saliency: np.ndarray) -> dict[str, np.ndarray]:
    """The object's mask ``(H, W)`` after each step of a cut-out."""
    mask = object_mask(saliency)
    around = surroundings(mask)
    if around is None:
        return dict.fromkeys(("adaptive", "GrabCut", "guided filter", "free"), mask)
    view = np.ascontiguousarray(image[around])
    cut, _ = grab_cut(view, saliency[around], mask[around])
    free, _ = grab_cut(view, np.full_like(saliency[around], 0.5), mask[around])

    def whole(part: np.ndarray) -> np.ndarray:
        result = np.zeros_like(mask)
        shape = result[around].shape
        result[around] = cv2.resize(part.astype(np.float32), shape[::-1], interpolation=cv2.INTER_LINEAR) > 0.5
        return result

    steps = {"GrabCut": whole(cut), "guided filter": whole(smooth_alpha(view, cut) >= 128), "free": whole(free)}
    return {"adaptive": mask, **steps}


if __name__ == "__main__":
    main()
