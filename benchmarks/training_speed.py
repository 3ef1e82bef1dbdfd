"""How fast training is, how long its steps wait for data, and how much faster it is than the plain loop.

    python benchmarks/training_speed.py --data DUTS_class
    python benchmarks/training_speed.py --data DUTS_class --device cuda --workers 4 8 --steps 200

``ours`` is the loop of ``cosod train`` with the recipe's precision, channels last, freed memory kept, and batches
made by so many worker processes; ``plain`` is float32 in contiguous memory by torch's own layers, with reading and
augmentation in the training process. Both see the same images in the same order. Each is a process of its own; they
take turns, best of ``--runs``, and the first steps of each turn, in which workers start and kernels are chosen, do
not count. Weights begin at random. Only what is done for every step counts: no validation, no checkpoints.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from lines import Found, Line, measure
from machine import cores, heading
from results import table, write_section

from cosod.inference import cpu_fusion
from cosod.models.backbones.mobilenet import DepthwiseConv2d
from cosod.training import TrainingJob, load_recipe
from cosod.training.data.loader import Batch, Batches, iterate
from cosod.training.loop import one_step
from cosod.training.optimizer import set_rates
from cosod.training.process_group import ProcessGroup, join
from cosod.training.run import Run

COLUMNS = ("loop", "precision", "workers", "images/s", "ms a step", "waits for data", "times as fast")
#: Steps at the beginning of each turn that do not count.
WARM = 3


@dataclass(frozen=True)
class Case:
    """One line: a recipe with changes, on a set, by our loop with so many workers or, with None, by the plain one."""

    recipe: str
    changes: tuple[tuple[str, object], ...]
    data: str
    workers: int | None
    steps: int
    device: str


class Turn(NamedTuple):
    """Of the steps that count: seconds altogether, seconds in which the step waited for its batch, and images."""

    seconds: float
    waited: float
    images: int


def make_run(case: Case, folder: Path, process_group: ProcessGroup) -> Run:
    """A new run; for the plain loop in float32, contiguous memory, and with torch's own layers alone."""
    changes = {"pretrained": False, "validation.held_out": 0, "validation.names": [], **dict(case.changes)}
    if case.workers is None:
        changes["optimizer.precision"] = "float32"
    run = Run(
        TrainingJob(load_recipe(case.recipe, changes), (case.data,), folder, device=case.device, progress=False),
        process_group,
    )
    if case.workers is None:
        # PyTorch documents memory_format, but its stubs do not know it.
        run.network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        run.network.speed_up_training(lambda backbone: backbone)
        layers: list[torch.nn.Module] = [m for m in run.network.modules() if isinstance(m, DepthwiseConv2d)]
        for layer in layers:
            layer.__class__ = torch.nn.Conv2d
    return run


def plain_step(run: Run, batches: tuple[Batch, ...]) -> None:
    """One step as any tutorial writes it."""
    run.optimizer.zero_grad()
    total, _ = run.objective(tuple(batch.to(run.process_group.device) for batch in batches))
    total.backward()
    clip = run.recipe.optimizer.clip
    if clip:
        torch.nn.utils.clip_grad_norm_([p for g in run.optimizer.param_groups for p in g["params"]], clip)
    run.optimizer.step()
    run.step += 1


def prepare(case: Case) -> Callable[[], Turn]:
    """What to call for one turn of ``case.steps`` steps that count."""
    process_group = join(case.device)
    if case.workers is not None:
        cpu_fusion.prefer_kept_memory()  # as the command line does
    with tempfile.TemporaryDirectory() as folder:  # for the order of the images, which nothing reads
        run = make_run(case, Path(folder), process_group)
        plan = run.plan_epoch()
    batches = Batches(run.sets, plan, run.recipe, 0, (run.network.mean, run.network.std))

    def turn() -> Turn:
        indices = [(run.step + i) % len(plan) for i in range(WARM + case.steps)]
        made = iterate(batches, indices, case.workers or 0, pin=process_group.device.type == "cuda")
        start, waited, images = 0.0, 0.0, 0
        for number in range(WARM + case.steps):
            if number == WARM:
                start, waited, images = _now(process_group), 0.0, 0
            before = time.perf_counter()
            work = next(made)
            waited += time.perf_counter() - before
            images += sum(len(batch.images) for batch in work)
            run.network.train()
            set_rates(run.optimizer, run.recipe.optimizer, 0, run.step / run.total, run.step)
            if case.workers is None:
                plain_step(run, work)
            else:
                one_step(run, [work])
        seconds = _now(process_group) - start
        made.close()
        return Turn(seconds, waited, images)

    return turn


def _now(process_group: ProcessGroup) -> float:
    if process_group.device.type == "cuda":
        torch.cuda.synchronize(process_group.device)
    return time.perf_counter()


def rows_of(cases: list[Case], found: list[Found | None]) -> list[list[str]]:
    """Rows of the table; the first case is the plain loop."""
    rows, plain = [], None
    for case, line in zip(cases, found, strict=True):
        if line is None:
            continue
        best = min(line.rounds, key=lambda turn: turn.seconds / turn.images)
        rate = best.images / best.seconds
        if case.workers is None:
            plain, words = rate, ["plain", "float32", "0"]
        else:
            precision = load_recipe(case.recipe, dict(case.changes)).optimizer.precision
            words = ["ours", precision, str(case.workers)]
        figures = [f"{rate:.1f}", f"{1000 * best.seconds / case.steps:.0f}", f"{best.waited / best.seconds:.1%}"]
        rows.append([*words, *figures, f"{rate / plain:.2f}" if plain else "-"])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="training set, as for cosod train")
    parser.add_argument("--recipe", default="gconet_plus_mobile")
    parser.add_argument("--workers", nargs="+", type=int, default=[0, 1, 2], help="of our loop")
    parser.add_argument("--steps", type=int, default=20, help="of a turn, after its first ones")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, help="of the CPU; all cores by default")
    parser.add_argument("--runs", type=int, default=2, help="the best counts")
    parser.add_argument("-o", "--output", type=Path, help="also put the table into this Markdown file")
    parser.add_argument("--section", help="name of its section there; by default training and the device")
    options = parser.parse_args()
    cases = [Case(options.recipe, (), options.data, w, options.steps, options.device) for w in (None, *options.workers)]
    lines = [Line("plain" if c.workers is None else f"{c.workers} workers", prepare, c) for c in cases]
    rows = rows_of(cases, measure(lines, options.runs, options.threads))
    if not rows:
        raise SystemExit("nothing could be measured; the reasons are above")
    note = (
        f"Recipe {options.recipe}, {options.threads or cores()} threads, {options.steps} steps, best of {options.runs} "
        "turns. Waits for data: share of the time in which the step had no batch yet (without workers: made it)."
    )
    text = "\n\n".join([heading(["python", *sys.argv], options.device), table(COLUMNS, rows, words=2), note])
    print(text)
    if options.output:
        section = options.section or f"training {options.device}"
        write_section(options.output, section, f"Training, {options.device}", text)


if __name__ == "__main__":
    main()
