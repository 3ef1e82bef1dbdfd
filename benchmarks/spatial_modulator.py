"""Cost of SSNM's spatial modulator for a group, by both solvers.

    python benchmarks/spatial_modulator.py
    python benchmarks/spatial_modulator.py --device cuda --images 5 20 100 1000

Features are made up: an object in a third of each image, before a background that all share. Times are the best of
several runs and of all that the modulator does, from the features to the maps. ``eigh`` takes the matrix of all
positions, or where these are more than the channels, two matrices as large as the channels; ``reference`` is the
published code's 200 steps of Adam, without its copies to the CPU. The last column says how far the two agree.
"""

import argparse
import time

import torch

from cosod.models.modules.spatial_modulator import SOLVERS, spatial_map


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, nargs="+", default=[1, 2, 5, 10, 20, 50, 100], help="group sizes")
    parser.add_argument("--channels", type=int, default=512)
    parser.add_argument("--side", type=int, default=7, help="of the coarsest features: 7 for images of 224")
    parser.add_argument("--groups", type=int, default=1, help="groups of one batch; times are for one of them")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, help="of the CPU; all by default")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    threads = "" if options.device.startswith("cuda") else f", {torch.get_num_threads()} thread(s)"
    features = f"{options.channels} channels, {options.side} x {options.side}"
    print(f"{features}, {options.groups} group(s), {options.device}{threads}")
    print("| images | positions | eigh, ms | reference, ms | cosine |\n|---:|---:|---:|---:|---:|")
    for n in options.images:
        deep = _features(options, n)
        maps, times = zip(*(_timed(deep, solver, options.runs) for solver in SOLVERS), strict=True)
        exact, near = (m.flatten(1) for m in maps)
        cosine = torch.cosine_similarity(exact, near, dim=1).abs().mean()
        milliseconds = " | ".join(f"{1000 * t / options.groups:.1f}" for t in times)
        print(f"| {n} | {n * options.side**2} | {milliseconds} | {cosine:.4f} |", flush=True)


def _features(options, n: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(n)
    shape = (options.groups, n, options.channels, options.side, options.side)
    deep = 0.5 * torch.randn(shape, generator=generator)
    kinds = torch.randn(options.groups, 1, options.channels, 2, generator=generator)
    inside = (torch.arange(options.side) < (options.side + 2) // 3).long()
    return (deep + kinds[..., inside.expand(options.side, -1)]).relu().to(options.device)


def _timed(deep: torch.Tensor, solver: str, runs: int) -> tuple[torch.Tensor, float]:
    best = float("inf")
    for _ in range(runs + 1):  # the first one warms up
        start = time.perf_counter()
        maps = spatial_map(deep, solver)
        if deep.is_cuda:
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return maps, best


if __name__ == "__main__":
    main()
