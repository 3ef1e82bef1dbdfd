"""The weights file whose constants a calibration replaces: options of the tools ``calibrate_*.py``, and writing."""

import argparse
from pathlib import Path

import cosod
from cosod import doctor, models
from cosod.models import registry
from cosod.models.checkpoints import safetensors_file


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say which file, and whether it is written."""
    parser.add_argument("--weights", type=Path, help="the package's default weights by default")
    parser.add_argument("--dry-run", action="store_true", help="print, and leave the weights file as it is")


def weights_file(given: Path | None) -> Path:
    """The file that was given, or that of the default network."""
    path = given or registry.weights_file("gconet_plus_mobile")
    assert path is not None  # its weights come with the package
    return path


def store(path: Path, detector: cosod.Detector, **entries: dict) -> None:
    """Writes constants to the metadata, and what ``cosod doctor`` expects of the network with them."""
    safetensors_file.annotate(path, **entries)
    if "check" in detector.network.extra:
        safetensors_file.annotate(path, check=doctor.fingerprint(models.load(path)))
