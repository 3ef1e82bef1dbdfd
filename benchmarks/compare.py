"""What became slower: the ratios of a new file of results beside those of the committed one.

    python benchmarks/speed.py --models gconet_plus_mobile --section 'speed cpu gconet_plus_mobile' -o new.md
    python benchmarks/compare.py new.md
    python benchmarks/compare.py new.md --old benchmarks/RESULTS.md --tolerance 0.1

Compared are ratios only (``times as fast`` as the straightforward version, ``of the longer part`` of a folder), because
images per second differ from machine to machine. Rows are those that both files have in sections of the same name. Exit
code 1 says that a ratio is worse by more than the tolerance, or that the files have no row in common.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from results import read_sections, table

OLD = Path(__file__).with_name("RESULTS.md")
#: Columns of ratios, and whether more is better.
RATIOS = {"times as fast": True, "of the longer part": False}
#: The first column of measurements; those before it say what was measured.
FIRST = ("images/s", "seconds")
COLUMNS = ("section", "row", "ratio", "old", "new", "change")


class Change(NamedTuple):
    """A ratio in both files; ``change`` is its relative change, negative if it became worse."""

    section: str
    row: str
    ratio: str
    old: float
    new: float

    @property
    def change(self) -> float:
        return self.new / self.old - 1 if RATIOS[self.ratio] else self.old / self.new - 1


def ratios(path: Path) -> dict[tuple[str, str, str], float]:
    """The ratios of a file of results by section, row and column."""
    found = {}
    for section, rows in read_sections(path).items():
        for row in rows:
            names = list(row)
            words = names[: min((names.index(name) for name in FIRST if name in names), default=0)]
            for ratio in RATIOS:
                if row.get(ratio):
                    found[section, " ".join(row[name] for name in words), ratio] = float(row[ratio])
    return found


def changes(old: Path, new: Path) -> Iterator[Change]:
    """The ratios that both files have, in the order of the old one."""
    now = ratios(new)
    for key, value in ratios(old).items():
        if key in now:
            yield Change(*key, value, now[key])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("new", type=Path)
    parser.add_argument("--old", type=Path, default=OLD)
    parser.add_argument("--tolerance", type=float, default=0.15, help="share by which a ratio may be worse")
    options = parser.parse_args()
    found = list(changes(options.old, options.new))
    if not found:
        sys.exit(f"{options.new} and {options.old} have no ratio in common; give sections of the same name")
    rows = [(c.section, c.row, c.ratio, f"{c.old:.2f}", f"{c.new:.2f}", f"{c.change:+.0%}") for c in found]
    print(table(COLUMNS, rows, words=3))
    if worse := sum(c.change < -options.tolerance for c in found):
        sys.exit(f"{worse} of {len(found)} ratios are worse by more than {options.tolerance:.0%}")


if __name__ == "__main__":
    main()
