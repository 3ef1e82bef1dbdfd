"""Turn a checkpoint of ``train_default.py`` into the weights file of the package.

    python tools/export_default.py runs/default/latest.pth src/cosod/weights/gconet_plus_mobile.safetensors

The averaged weights are stored as float16, with what `cosod doctor` compares its maps with.
"""

import argparse
from pathlib import Path

import torch

from cosod import doctor, models
from cosod.models.mobile import GCoNetPlusMobile, MobileConfig


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("output", type=Path)
    args = parser.parse_args()
    state = torch.load(args.checkpoint, weights_only=True)
    groups = len(state["ema"]["classifier.bias"])
    network = GCoNetPlusMobile(MobileConfig(groups=groups))
    network.load_state_dict(state["ema"])
    network.eval()
    models.save(network, args.output, {"steps": state["step"]}, torch.float16)
    stored = models.load(args.output)
    models.save(network, args.output, {"steps": state["step"], "check": doctor.fingerprint(stored)}, torch.float16)


if __name__ == "__main__":
    main()
