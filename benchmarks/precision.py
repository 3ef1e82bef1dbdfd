"""How far maps in bfloat16 are from those in float32.

    python benchmarks/precision.py examples/photos
    python benchmarks/precision.py DUTS_class/images --groups tools/held_out.txt -o benchmarks/RESULTS.md

Differences are of maps at the photos' own sizes, in 255ths. Each row is a group: the mean over all pixels, that of the
photo that differs most (what ``--precision auto`` goes by, on drawn images), the 99.9th percentile, and the largest.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from machine import heading
from results import table, write_section

import cosod
from cosod.io import find_groups

COLUMNS = ("group", "photos", "mean", "worst photo", "99.9 %", "largest")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photos", type=Path, help="folder of groups")
    parser.add_argument("--groups", type=Path, help="file with the names of the groups to take; all by default")
    parser.add_argument("--model", default="default")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("-o", "--output", type=Path, help="also put the table into this Markdown file")
    options = parser.parse_args()
    wanted = set(options.groups.read_text().split()) if options.groups else None
    detectors = [cosod.load(options.model, options.device, precision=p) for p in ("float32", "bfloat16")]
    rows, every = [], []
    for group in find_groups([options.photos]):
        if wanted is not None and group.name not in wanted:
            continue
        pairs = zip(*(detector.segment(group.images) for detector in detectors), strict=True)
        found = [255 * np.abs(one - other).ravel() for one, other in pairs]
        every += found
        rows.append(row(group.name, found))
    text = "\n\n".join([heading(["python", *sys.argv], options.device), table(COLUMNS, [*rows, row("all", every)])])
    print(text)
    if options.output:
        write_section(options.output, "precision", "bfloat16 against float32", text)


def row(name: str, found: list[np.ndarray]) -> list[str]:
    together = np.concatenate(found)
    figures = (together.mean(), max(f.mean() for f in found), np.quantile(together, 0.999), together.max())
    return [name, str(len(found)), *(f"{figure:.2f}" for figure in figures)]


if __name__ == "__main__":
    main()
