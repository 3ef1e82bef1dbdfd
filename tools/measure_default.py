"""Every figure of the default model's card, by one command.

    python tools/measure_default.py --pascal PASCAL_coseg --duts DUTS_class -o runs/figures [--weights FILE]

Segments PASCAL_coseg and the 30 held-out groups of DUTS_class with ``cosod segment``, both as they are and with a
stranger at the side of every image (``cosod distract``), scores the maps with ``cosod evaluate``, and prints a
Markdown table. Maps and reports stay in the output folder; finished groups are not segmented again.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import cosod
from cosod.evaluation import save

#: The groups of DUTS_class that training held out: `cosod train ... --hold-out tools/held_out.txt`.
HELD_OUT = Path(__file__).with_name("held_out.txt")


def held_out() -> list[str]:
    """Names of the held-out groups of DUTS_class."""
    return HELD_OUT.read_text().split()


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


def scores(data: Path, output: Path, options: list[str]) -> dict[str, float]:
    """Figures of the model on a set ``images/<group>``, ``gts/<group>``, under ``papers`` and ``coseg``."""
    call("segment", data / "images", "-o", output, *options)
    found = {}
    for protocol in ("papers", "coseg"):
        masks = protocol == "coseg" and "--outline" in options
        report = cosod.evaluate(output / "masks" if masks else output, data / "gts", protocol)
        save(output.with_name(f"{output.name}-{protocol}"), [report])
        found |= report.all
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pascal", type=Path)
    parser.add_argument("--duts", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--size", type=int)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--flip", action="store_true")
    parser.add_argument("--closer", action="store_true")
    parser.add_argument("--keep-regions", action="store_true")
    parser.add_argument("--outline", action="store_true", help="P and J of masks with --outline grabcut")
    args = parser.parse_args()
    options = ["--weights", args.weights] if args.weights else []
    options += ["--size", args.size] if args.size else []
    options += ["--precision", args.precision]
    flags = ("flip", "closer", "keep_regions")
    options += [f"--{name.replace('_', '-')}" for name in flags if getattr(args, name)]
    if args.outline:
        options += ["--save", "maps,masks", "--threshold", "coseg", "--outline", "grabcut"]
    sets = {}
    if args.pascal:
        sets["PASCAL_coseg"] = args.pascal
    if args.duts:
        sets["DUTS_class, 30 groups held out"] = linked(args.duts, held_out(), args.output / "held_out")
    print("| set | P | J | S | E_max | F_max | MAE |\n|---|---|---|---|---|---|---|")
    for name, data in sets.items():
        joined = args.output / f"{data.name}-joined"
        if not joined.exists():
            call("distract", data, "-o", joined, "--seed", 0)
        for label, place in ((name, data), (f"{name}, each joined with a stranger", joined)):
            s = scores(place, args.output / f"maps-{place.name}", options)
            cells = [
                f"{100 * s['p']:.1f}",
                f"{100 * s['j']:.1f}",
                *(f"{s[k]:.3f}" for k in ("s", "max_e", "max_f", "mae")),
            ]
            print(f"| {label} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
