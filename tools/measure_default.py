"""Every figure of a model's card, by one command.

    python tools/measure_default.py --duts DUTS_class --set MSRC -o runs/figures [--model NAME | --weights FILE]

Segments the 30 held-out groups of DUTS_class and each other set with ``cosod segment``, as they are and with an image
of another group at the side of each (``cosod make-distractors``), scores the maps with ``cosod evaluate``, and prints
two Markdown tables: figures by set, and figures by group beside those of each photo by
itself. Maps and reports stay in the output folder; finished groups are not segmented again.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

import cosod
from cosod.evaluation import save
from cosod.postprocess.render import save_image, to_8bit
from cosod.training.data.distractor_test import RECORD

#: The groups of DUTS_class that training held out: `cosod train ... --hold-out tools/held_out.txt`.
HELD_OUT = Path(__file__).with_name("held_out.txt")


def held_out() -> list[str]:
    """Names of the held-out groups of DUTS_class."""
    return HELD_OUT.read_text().split()


def read_truth(data: Path, group: str, photo: Path) -> np.ndarray:
    """The mask ``(H, W)`` of a photo of a set ``images/<group>``, ``gts/<group>``."""
    return read_gray(data / "gts" / group / f"{photo.stem}.png") > 127


def read_gray(path: Path) -> np.ndarray:
    """The levels ``(H, W)`` of a mask or map."""
    levels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if levels is None:
        raise SystemExit(f"{path}: no such image, or it cannot be read")
    return levels


def linked(source: Path, groups: list[str], target: Path) -> Path:
    """A set of some groups of another, by links."""
    for part in ("images", "gts"):
        (target / part).mkdir(parents=True, exist_ok=True)
        for group in groups:
            link = target / part / group
            if not link.exists():
                link.symlink_to((source / part / group).resolve(), target_is_directory=True)
    return target


def call(*arguments) -> None:
    subprocess.run([sys.executable, "-m", "cosod", *map(str, arguments)], check=True)


def reports(maps: Path, masks: Path, data: Path) -> dict[str, cosod.evaluation.Report]:
    """The reports of both protocols; P and J are of ``masks``, the rest is of ``maps``."""
    found = {}
    for protocol, pred in (("papers", maps), ("coseg", masks)):
        found[protocol] = cosod.evaluate(pred, data / "gts", protocol)
        save(maps.with_name(f"{maps.name}-{protocol}"), [found[protocol]])
    return found


def scores(data: Path, output: Path, options: list[str]) -> dict[str, cosod.evaluation.Report]:
    """Reports of the model on a set ``images/<group>``, ``gts/<group>``."""
    call("segment", data / "images", "-o", output, *options)
    return reports(output, output / "masks" if "--outline" in options else output, data)


def alone(detector: cosod.Detector, data: Path, output: Path) -> None:
    """Write the map of each photo by itself; those that are there stay."""
    for path in sorted((data / "images").glob("*/*")):
        target = output / path.parent.name / f"{path.stem}.png"
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            save_image(to_8bit(detector.segment([path])[0]), target)


def on_own_side(concatenated: Path, maps: Path) -> float:
    """Share of concatenated images most of whose map lies on their own side, and not on the distractor's."""
    right = []
    for own, _, side in json.loads((concatenated / RECORD).read_text())["images"]:
        saliency = read_gray(maps / Path(own).with_suffix(".png")).astype(float)
        half = saliency.shape[1] // 2
        left = saliency[:, :half].sum() > saliency[:, half:].sum()
        right.append(left == (side == "left"))
    return float(np.mean(right))


def row(label: str, found: dict[str, cosod.evaluation.Report], more: str = "") -> str:
    s = found["papers"].all | found["coseg"].all
    cells = [f"{100 * s['p']:.1f}", f"{100 * s['j']:.1f}", *(f"{s[k]:.3f}" for k in ("s", "max_e", "max_f", "mae"))]
    return f"| {label} | {' | '.join(cells)} | {more} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--duts", type=Path, help="DUTS_class, whose held-out groups are measured")
    parser.add_argument("--set", type=Path, action="append", default=[], help="another set; repeat for more")
    parser.add_argument("--alone", action="store_true", help="compare each group with each photo by itself")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--model", default="default")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--size", type=int)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--flip", action="store_true")
    parser.add_argument("--closer", action="store_true")
    parser.add_argument("--keep-regions", action="store_true")
    parser.add_argument("--outline", action="store_true", help="P and J of masks with --outline grabcut")
    args = parser.parse_args()
    options = ["--weights", args.weights] if args.weights else ["--model", args.model]
    options += ["--size", args.size] if args.size else []
    options += ["--precision", args.precision]
    flags = ("flip", "closer", "keep_regions")
    options += [f"--{name.replace('_', '-')}" for name in flags if getattr(args, name)]
    if args.outline:
        options += ["--save", "maps,masks", "--threshold", "coseg", "--outline", "grabcut"]
    sets = {data.name: data for data in args.set}
    if args.duts:
        sets["DUTS_class, 30 groups held out"] = linked(args.duts, held_out(), args.output / "held_out")
    print("| set | P | J | S | E_max | F_max | MAE | on the own side |\n|---|---|---|---|---|---|---|---|")
    plain = {}
    for name, data in sets.items():
        concatenated = args.output / f"{data.name}-concatenated"
        if not concatenated.exists():
            call("make-distractors", data, "-o", concatenated, "--seed", 0)
        maps = {place: args.output / f"maps-{place.name}" for place in (data, concatenated)}
        plain[name] = scores(data, maps[data], options)
        print(row(name, plain[name]), flush=True)
        beside = scores(concatenated, maps[concatenated], options)
        print(
            row(f"{name}, each beside a distractor", beside, f"{on_own_side(concatenated, maps[concatenated]):.1%}"),
            flush=True,
        )
    if args.alone:
        by_itself(cosod.load(args.weights or args.model, size=args.size), sets, plain, args.output)


def by_itself(detector: cosod.Detector, sets: dict[str, Path], plain: dict, output: Path) -> None:
    """Print J of each group, and of its photos each by itself."""
    print("\n| set | group | J | each photo by itself |\n|---|---|---|---|")
    for name, data in sets.items():
        maps = output / f"maps-{data.name}-alone"
        alone(detector, data, maps)
        single = reports(maps, maps, data)["coseg"]
        groups = {
            group: (values["j"], single.groups[group]["j"]) for group, values in plain[name]["coseg"].groups.items()
        }
        for group, (together, each) in groups.items():
            print(f"| {name} | {group} | {100 * together:.1f} | {100 * each:.1f} |")
        kept = np.mean([together >= each for together, each in groups.values()])
        means = (100 * np.mean(values) for values in zip(*groups.values(), strict=True))
        together, each = means
        print(f"| {name} | mean; at least as good in {kept:.0%} | {together:.1f} | {each:.1f} |", flush=True)


if __name__ == "__main__":
    main()
