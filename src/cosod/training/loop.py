"""The training loop.

The images of a step are chosen in :mod:`.data.group_sampler` and read in :mod:`.data.loader`; the loss is in
:mod:`.objective`, the optimizer and the learning rate in :mod:`.optimizer`, and the state of a run in :mod:`.run`.
"""

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path

import torch
from torch.nn.parallel import DistributedDataParallel as DDP

from cosod.errors import TrainingError
from cosod.models.modules.layers import keep_statistics, remember_buffers
from cosod.training.checkpoint import make_folder
from cosod.training.data.keyed_rng import torch_seed
from cosod.training.data.loader import Batch, Batches, iterate, usable_workers
from cosod.training.optimizer import MOST_SKIPPED, set_rates
from cosod.training.process_group import join, leave
from cosod.training.run import Run, TrainingJob, write_recipe
from cosod.training.run_log import RunLog

#: Work of one process in a step: a list of the pairs of groups, with one batch per training set for each pair.
Work = list[tuple[Batch, ...]]


def train(job: TrainingJob) -> Path:
    """Trains a network, or resumes the run from the checkpoint in its folder.

    On the CPU, the resulting weights are bit-identical for any number of workers, and whether or not the run was
    interrupted and resumed.

    Args:
        job: recipe, data, output folder and machine of the run.

    Returns:
        The file with the weights of the trained network.

    Raises:
        InputError: the data or the recipe cannot be used, or the checkpoint in the folder belongs to another run.
        WeightsError: the weights of the backbone cannot be loaded.
        TrainingError: fifty consecutive steps had no finite gradient.
        OutputError: a file cannot be written; the last checkpoint remains intact.

    Example:
        >>> job = TrainingJob(load_recipe("gconet_released"), ("sets/CoCo-SEG",), Path("run"))  # doctest: +SKIP
        >>> weights = train(job)  # doctest: +SKIP
    """
    process_group = join(job.device)
    try:
        make_folder(job.output)
        run = Run(job, process_group)
        workers = usable_workers(job.workers)
        run_log = None
        if process_group.leads:
            write_recipe(job, list(run.validator.sets.get("", ())) if run.validator else [])
            run_log = RunLog(job.output, run.step, run.total, job.log_every, job.tensorboard, job.progress)
        in_a_row = 0
        for work in _steps(run, workers):
            factor = _set_modes_and_rates(run)
            terms = one_step(run, work)
            in_a_row = in_a_row + 1 if terms is None else 0
            if in_a_row == MOST_SKIPPED:
                raise TrainingError(
                    f"{MOST_SKIPPED} steps in a row had no finite gradient (step {run.step}); "
                    "lower lr, set clip, or use precision float32"
                )
            if run_log:
                run_log.lost(message for batches in work for batch in batches for message in batch.lost)
                rate = factor * run.optimizer.param_groups[-1]["peak"]
                epoch = (run.step - 1) // run.steps_an_epoch
                run_log.step(run.step, terms or {}, epoch=epoch, lr=rate, skipped=run.skipped)
                _look(run, run_log)
            process_group.wait()
        if run_log:
            run.save(job.weights, run_log.scores)
            if run.skipped:
                run_log.say(f"{run.skipped} of {run.total} steps had no finite gradient and were skipped")
            run_log.close()
        process_group.wait()
        return job.weights
    finally:
        leave()


def _steps(run: Run, workers: int) -> Iterator[Work]:
    """Yields the work of this process for each step, from the current step of the run to the last."""
    norm = (run.network.mean, run.network.std)
    while run.step < run.total:
        plan = run.plan_epoch()
        epoch, done = divmod(run.step, run.steps_an_epoch)
        last = min(run.steps_an_epoch, run.total - epoch * run.steps_an_epoch)
        first = run.process_group.rank * run.local_pairs
        indices = [step * run.pairs + first + number for step in range(done, last) for number in range(run.local_pairs)]
        batches = Batches(run.sets, plan, run.recipe, epoch, norm)
        made = iterate(batches, indices, workers, pin=run.process_group.device.type == "cuda")
        for _ in range(done, last):
            yield [next(made) for _ in range(run.local_pairs)]


def _set_modes_and_rates(run: Run) -> float:
    """Sets the training mode, frozen statistics and learning rates of a step; returns the factor of the schedule."""
    settings = run.recipe.optimizer
    progress = run.step / run.total
    run.network.train()
    if progress >= settings.freeze_statistics:
        keep_statistics(run.network)
    return set_rates(run.optimizer, settings, run.epoch, progress, run.step)


def one_step(run: Run, work: Work) -> dict[str, float] | None:
    """Takes one step of the optimizer, with gradients averaged over all pairs of groups of all processes.

    Args:
        run: state of the run, which is changed.
        work: the pairs of this process, each with one batch per training set.

    Returns:
        The loss terms, averaged over all pairs of all processes. If the gradient is not finite, ``None`` is returned,
        the step counts as skipped, and weights and running statistics are unchanged.

    Example:
        >>> terms = one_step(run, work)  # doctest: +SKIP
    """
    restore_buffers = remember_buffers(run.network)
    run.optimizer.zero_grad(set_to_none=True)
    sums: dict[str, torch.Tensor] = {}
    for number, batches in enumerate(work):
        pair = run.process_group.rank * run.local_pairs + number
        torch.manual_seed(torch_seed(run.recipe.seed, "step", run.step, pair))
        batches = tuple(batch.to(run.process_group.device) for batch in batches)
        # DDP averages the gradients over the processes in the last backward pass of the step only.
        waits = number < len(work) - 1
        with run.module.no_sync() if waits and isinstance(run.module, DDP) else contextlib.nullcontext():
            total, terms = run.module(batches)
            run.scaler.scale(total / len(work)).backward()
        for name, value in terms.items():
            sums[name] = sums.get(name, 0.0) + value / len(work)
    run.scaler.unscale_(run.optimizer)
    trained = [p for group in run.optimizer.param_groups for p in group["params"]]
    norm = torch.nn.utils.clip_grad_norm_(trained, run.recipe.optimizer.clip or math.inf)
    finite = bool(norm.isfinite())
    if finite:
        run.scaler.step(run.optimizer)
        run.process_group.average_statistics(run.network)
    else:
        run.skipped += 1
        restore_buffers()
    run.scaler.update()
    run.step += 1
    if finite and run.average:
        run.average.update(run.network, run.step)
    if finite and run.discriminator:
        for maps, masks in run.objective.seen:
            run.discriminator.learn(run.step, maps, masks)
    return run.process_group.mean(sums) if finite else None


def _look(run: Run, run_log: RunLog) -> None:
    """Validates, saves the weights of the epoch and writes the checkpoint, each if it is due after this step."""
    job, recipe = run.job, run.recipe
    ends_epoch = run.step % run.steps_an_epoch == 0
    ends = run.step == run.total
    due = run.step % recipe.validation.every == 0 if recipe.validation.every else ends_epoch
    if run.validator and (due or ends):
        run_log.validation(run.step, run.validator.scores(run.result))
    if recipe.keep_epochs and ends_epoch and run.total - run.step < recipe.keep_epochs * run.steps_an_epoch:
        run.save(job.output / "epochs" / f"epoch_{run.epoch - 1:04d}.safetensors", run_log.scores)
    if run.step % job.checkpoint_every == 0 or ends_epoch or ends:
        run.write_checkpoint()
