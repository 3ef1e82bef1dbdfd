"""Turn the result of a training run into a weights file of the package.

    python tools/export_default.py runs/default/weights.safetensors -o src/cosod/weights/gconet_plus_mobile.safetensors

Several files are averaged with equal weights, which pays where one run started from the other and the statistics of
its batch normalization were frozen; with ``--gate``, the gate stays that of another file. Options of the network that
no training changes (``DECODE_OPTIONS``) are those of today's code. The weights are stored as float16, with what ``cosod
doctor`` compares its maps with and the record of each run. ``tools/calibrate_presence.py``,
``tools/calibrate_regions.py`` and ``tools/measure_albums.py --calibrate`` have to follow: their constants belong to the
weights.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from cosod import doctor, models
from cosod.errors import InputError
from cosod.models.base import CoSaliencyNetwork
from cosod.models.checkpoints.safetensors_file import describe
from cosod.models.gconet_plus_mobile import DECODE_OPTIONS, MobileConfig

#: What ``--gate`` keeps: the branch that sees the group, and how it compares.
GATE = ("gate.", "matching.")


def averaged(paths: list[Path], size: int | None = None, gate: Path | None = None) -> CoSaliencyNetwork:
    """The mean of networks that differ in nothing but their weights and the dropout of their training."""
    networks = [models.load(path) for path in paths]
    if len({with_dropout(network.config, 0.0) for network in networks}) > 1:
        raise InputError(f"{', '.join(map(str, paths))} are not of one configuration and cannot be averaged")
    states = [network.state_dict() for network in networks]
    mean = {k: torch.stack([s[k].float() for s in states]).mean(0).to(v.dtype) for k, v in states[-1].items()}
    if gate is not None:
        mean |= {k: v for k, v in models.load(gate).state_dict().items() if k.startswith(GATE)}
    config = networks[-1].config
    if isinstance(config, MobileConfig):
        today = {option: getattr(MobileConfig(), option) for option in DECODE_OPTIONS}
        config = replace(config, size=size or config.size, **today)
    network = type(networks[-1])(config)
    network.load_state_dict(mean)
    return network.eval()


def runs_of(path: Path) -> list[dict]:
    """The records of the training runs of which a file was made."""
    extra = describe(path).extra
    return extra.get("made_of", [extra])


def with_dropout(config: object, share: float) -> object:
    """A configuration with another dropout, which changes nothing after the training."""
    return replace(config, dropout=share) if isinstance(config, MobileConfig) else config


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--size", type=int, help="side that images are resized to; by default as in training")
    parser.add_argument("--gate", type=Path, help="weights file whose gate is kept as it is")
    args = parser.parse_args()
    network = averaged(args.weights, args.size, args.gate)
    made_of = [run for path in [*args.weights, *filter(None, [args.gate])] for run in runs_of(path)]
    extra: dict[str, Any] = {"made_of": made_of}
    models.save(network, args.output, extra, torch.float16)
    extra["check"] = doctor.fingerprint(models.load(args.output))
    models.save(network, args.output, extra, torch.float16)


if __name__ == "__main__":
    main()
