"""A regression gate for continuous integration: saves figures, and checks that later figures are not worse."""

import json
import math
import os
from pathlib import Path

from cosod.errors import InputError
from cosod.evaluation.metrics.names import lower_is_better
from cosod.evaluation.report.report import Report
from cosod.io.atomic_write import write_text


def write(path: str | os.PathLike, reports: list[Report], tolerance: float) -> None:
    """Writes the figures over all images to a file, as the expected figures of later runs.

    Args:
        path: the JSON file to write.
        reports: the reports whose figures are saved.
        tolerance: by how much a later figure may be worse, in the unit of the figures.

    Raises:
        OutputError: the file cannot be written.

    Example:
        >>> write("expected.json", [evaluate("maps", "gts")], tolerance=0.001)  # doctest: +SKIP
    """
    kept = [
        {"protocol": r.protocol, "set": r.set_name, "method": r.method, "images": len(r.images), "figures": r.all}
        for r in reports
    ]
    text = json.dumps({"tolerance": tolerance, "expected": kept}, indent=2, ensure_ascii=False)
    write_text(path, text + "\n")


def check_replaceable(path: str | os.PathLike) -> None:
    """Checks that writing to ``path`` replaces nothing but a file of :func:`write`.

    Raises:
        InputError: ``path`` exists and is not a file of :func:`write`.

    Example:
        >>> check_replaceable("expected.json")  # doctest: +SKIP
    """
    if Path(path).exists():
        try:
            _read(path)
        except InputError as error:
            raise InputError(f"{path} exists and holds no kept figures; give another file") from error


def drops(path: str | os.PathLike, reports: list[Report], tolerance: float | None = None) -> list[str]:
    """Compares figures with the expected ones, and returns one sentence for each figure that is worse.

    A figure is reported if it is worse than expected by more than the tolerance, or if it is missing, or NaN where a
    number was expected. Reports
    that are expected and missing, and reports with another number of images, are reported too. Figures that are better
    than expected are not.

    Args:
        path: a file of :func:`write`.
        reports: the reports of this run.
        tolerance: by how much a figure may be worse; by default, the tolerance in the file.

    Returns:
        The sentences; the list is empty if nothing is worse.

    Raises:
        InputError: the file does not exist or was not written by :func:`write`.

    Example:
        >>> drops("expected.json", [evaluate("maps", "gts")])  # doctest: +SKIP
        []
    """
    kept, own = _read(path)
    tolerance = own if tolerance is None else tolerance
    found = {(r.protocol, r.set_name, r.method): r for r in reports}
    out = []
    for entry in kept:
        name = (entry["protocol"], entry["set"], entry["method"])
        where = " ".join(part for part in name if part)
        if name not in found:
            out.append(f"{where}: expected, and not in this run")
            continue
        report = found[name]
        if len(report.images) != entry["images"]:
            out.append(f"{where}: {len(report.images)} images, expected {entry['images']}")
        for key, old in entry["figures"].items():
            new = report.all.get(key, math.nan)
            loss = new - old if lower_is_better(key) else old - new
            if not (loss <= tolerance or (math.isnan(old) and math.isnan(new))):
                out.append(f"{where}: {key} is {new:.4f}, expected {old:.4f} within {tolerance:g}")
    return out


def _read(path: str | os.PathLike) -> tuple[list[dict], float]:
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        kept, tolerance = data["expected"], float(data["tolerance"])
        fields = {"protocol", "set", "method", "images", "figures"}
        if not all(fields <= entry.keys() for entry in kept):
            raise KeyError("expected")
        return kept, tolerance
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; make it with --write-expect {path}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a file of expected figures ({error}); make one with --write-expect") from error
