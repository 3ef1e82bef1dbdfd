"""Turn the results of training runs into the weights file of the package.

    python tools/export_default.py runs/1/weights.safetensors runs/2/weights.safetensors -o default.safetensors

Several files are averaged with equal weights, which pays where one run started from the other and the statistics of
its batch normalisation were frozen. Stored as float16, with what ``cosod doctor`` compares its maps with, and what each
run said of itself. ``tools/calibrate_presence.py`` has to follow: its constants belong to the weights.
"""

import argparse
import dataclasses
from pathlib import Path

import torch

from cosod import doctor, models
from cosod.errors import InputError
from cosod.models.checkpoints.safetensors_file import describe
from cosod.models.gconet_plus_mobile import GCoNetPlusMobile


def averaged(paths: list[Path], keep: tuple[str, ...], confidence: float | None) -> GCoNetPlusMobile:
    """The mean of networks that differ in nothing but their weights; what begins with ``keep`` is the last one's."""
    networks = [models.load(path) for path in paths]
    configs = {dataclasses.replace(network.config, confidence=0.0) for network in networks}
    if len(configs) > 1:
        raise InputError(f"{', '.join(map(str, paths))} are not of one configuration and cannot be averaged")
    states = [network.state_dict() for network in networks]
    mean = {k: torch.stack([s[k].float() for s in states]).mean(0).to(v.dtype) for k, v in states[-1].items()}
    mean |= {k: v for k, v in states[-1].items() if k.startswith(keep)}
    config = networks[-1].config
    network = GCoNetPlusMobile(dataclasses.replace(config, confidence=confidence or config.confidence))
    network.load_state_dict(mean)
    return network.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--keep", action="append", default=[], help="beginning of names that are not averaged")
    parser.add_argument("--confidence", type=float, help="k of the confidence module from here on")
    args = parser.parse_args()
    network = averaged(args.weights, tuple(args.keep), args.confidence)
    extra = {"made_of": [describe(path).extra for path in args.weights]}
    models.save(network, args.output, extra, torch.float16)
    extra["check"] = doctor.fingerprint(models.load(args.output))
    models.save(network, args.output, extra, torch.float16)


if __name__ == "__main__":
    main()
