"""Turn the result of a training run into a weights file of the package.

    python tools/export_default.py runs/default/weights.safetensors -o src/cosod/weights/gconet_plus_mobile.safetensors

Several files are averaged with equal weights, which pays where one run started from the other and the statistics of
its batch normalization were frozen. Options of the network that no training changes (``DECODE_OPTIONS``) are those of
today's code. The weights are stored as float16, with what ``cosod doctor`` compares its maps with and the record of
each run. ``tools/calibrate_presence.py``, ``tools/calibrate_regions.py`` and ``tools/measure_albums.py --calibrate``
have to follow: their constants belong to the weights.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from cosod import doctor, models
from cosod.errors import InputError
from cosod.models.base import CoSaliencyNetwork
from cosod.models.checkpoints.safetensors_file import describe
from cosod.models.gconet_plus_mobile import DECODE_OPTIONS, MobileConfig


def averaged(paths: list[Path], size: int | None = None) -> CoSaliencyNetwork:
    """The mean of networks that differ in nothing but their weights."""
    networks = [models.load(path) for path in paths]
    if len({network.config for network in networks}) > 1:
        raise InputError(f"{', '.join(map(str, paths))} are not of one configuration and cannot be averaged")
    states = [network.state_dict() for network in networks]
    mean = {k: torch.stack([s[k].float() for s in states]).mean(0).to(v.dtype) for k, v in states[-1].items()}
    config = networks[-1].config
    if isinstance(config, MobileConfig):
        today = {option: getattr(MobileConfig(), option) for option in DECODE_OPTIONS}
        config = replace(config, size=size or config.size, **today)
    network = type(networks[-1])(config)
    network.load_state_dict(mean)
    return network.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--size", type=int, help="side that images are resized to; by default as in training")
    args = parser.parse_args()
    network = averaged(args.weights, args.size)
    extra = {"made_of": [describe(path).extra for path in args.weights]}
    models.save(network, args.output, extra, torch.float16)
    extra["check"] = doctor.fingerprint(models.load(args.output))
    models.save(network, args.output, extra, torch.float16)


if __name__ == "__main__":
    main()
