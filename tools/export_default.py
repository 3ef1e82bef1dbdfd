"""Turn checkpoints of ``train_default.py`` into the weights file of the package.

    python tools/export_default.py runs/2/latest.pth runs/3/latest.pth -o gconet_plus_mobile.safetensors

The moving averages of the runs are averaged once more with equal weights, which pays where one run started from the
other and the batch normalisation was frozen. Stored as float16, with what ``cosod doctor`` compares its maps with.
"""

import argparse
from pathlib import Path

import torch

from cosod import doctor, models
from cosod.models.mobile import GCoNetPlusMobile, MobileConfig


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--confidence", type=float, default=15.0, help="k of the confidence module from here on")
    args = parser.parse_args()
    states = [torch.load(path, weights_only=True) for path in args.checkpoints]
    averages = [state["ema"] for state in states]
    mean = {k: torch.stack([a[k].float() for a in averages]).mean(0).to(v.dtype) for k, v in averages[-1].items()}
    network = GCoNetPlusMobile(MobileConfig(groups=len(mean["classifier.bias"]), confidence=args.confidence))
    network.load_state_dict(mean)
    network.eval()
    extra = {"steps": [state["step"] for state in states]}
    models.save(network, args.output, extra, torch.float16)
    extra["check"] = doctor.fingerprint(models.load(args.output))
    models.save(network, args.output, extra, torch.float16)


if __name__ == "__main__":
    main()
