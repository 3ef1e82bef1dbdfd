"""Figures saved to a file, and a check that none has become worse since, for continuous integration."""

import json
import math
import os
from pathlib import Path

from cosod.errors import InputError
from cosod.evaluation.metrics.names import lower_is_better
from cosod.evaluation.report.formats import printable
from cosod.evaluation.report.report import Report
from cosod.io.atomic_write import write_text


def write(path: str | os.PathLike, reports: list[Report], tolerance: float) -> None:
    """Writes the figures over all images to a file.

    Raises:
        OutputError: the file cannot be written.
    """
    kept = [
        {"protocol": r.protocol, "set": r.set_name, "method": r.method, "images": len(r.images), "figures": r.all}
        for r in reports
    ]
    text = json.dumps({"tolerance": tolerance, "expected": kept}, indent=2, ensure_ascii=False)
    write_text(path, printable(text) + "\n")


def check_replaceable(path: str | os.PathLike) -> None:
    """Raises InputError where something stands at ``path`` that :func:`write` has not written."""
    if Path(path).exists():
        try:
            _read(path)
        except InputError as error:
            raise InputError(f"{path} exists and holds no kept figures; give another file") from error


def drops(path: str | os.PathLike, reports: list[Report], tolerance: float | None = None) -> list[str]:
    """Returns what is worse than kept by more than the tolerance, one sentence each; empty when all is well.

    A kept entry that this run has no figures for is a drop as well. Better figures are none.

    Args:
        path: a file of :func:`write`.
        reports: this run's.
        tolerance: instead of the file's own.

    Raises:
        InputError: the file is missing or not of this kind.
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
            if not loss <= tolerance:
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
