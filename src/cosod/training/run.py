"""The configuration and the state of a training run; the state is what checkpoints contain."""

import hashlib
import inspect
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cosod.errors import InputError
from cosod.inference.cpu_fusion import fused_copy
from cosod.inference.precision import can_bfloat16, training_dtype, warn_of_emulation
from cosod.io.atomic_write import write_text
from cosod.models import create, save
from cosod.models.backbones.imagenet import init_backbone
from cosod.models.base import CoSaliencyNetwork
from cosod.models.checkpoints import loading
from cosod.models.checkpoints.published import check
from cosod.models.registry import entry
from cosod.training import checkpoint
from cosod.training.auxiliary_losses import DiscriminatorTrainer
from cosod.training.config.recipe import Recipe, to_table, with_defaults
from cosod.training.data.group_sampler import Meeting, Plan, Sampler, zip_plans
from cosod.training.data.keyed_rng import torch_seed
from cosod.training.data.published_order import Replay, write_order
from cosod.training.data.training_set import TrainingSet, choose_held_out, drawn, mixed, read_set, training_sets
from cosod.training.hard_partners import nearest_groups
from cosod.training.objective import Objective
from cosod.training.optimizer import Average, make_optimizer
from cosod.training.process_group import ProcessGroup
from cosod.training.validation import Validator


@dataclass(frozen=True)
class TrainingJob:
    """Configuration of a training run: a recipe, its data and the machine.

    Attributes:
        recipe: recipe of the training.
        data: training sets, see :func:`cosod.training.data.training_set.read_set`.
        output: folder of the run; if it contains a checkpoint, the run is resumed.
        backbone: file with the ImageNet weights of the backbone; by default the known file is downloaded.
        images: folder with the images of sets that are COCO files; by default it is searched for near these files.
        validate: further sets that are evaluated at each validation, besides the held-out groups.
        init: weights file of this package, or folder of a run, from which all weights of the network are initialized.
        replay: folders of order files whose choices of images are repeated, one for each set; by default the sampler
            chooses the images.
        device: device of the training, see :func:`cosod.inference.device.choose_device`.
        workers: number of processes that prepare batches, see :func:`cosod.training.data.loader.usable_workers`; it
            changes the speed, but not the results.
        checkpoint_every, log_every: number of steps between two checkpoints, and between two lines of the log.
        tensorboard: whether TensorBoard's event files are written too.
        progress: whether a progress bar is shown on a terminal.
    """

    recipe: Recipe
    data: tuple[str, ...]
    output: Path
    backbone: Path | None = None
    images: Path | None = None
    validate: tuple[str, ...] = ()
    init: Path | None = None
    replay: tuple[Path, ...] = ()
    device: str = "auto"
    workers: int | None = None
    checkpoint_every: int = 250
    log_every: int = 25
    tensorboard: bool = False
    progress: bool = True

    @property
    def checkpoint(self) -> Path:
        """File of the run's checkpoint."""
        return self.output / "checkpoint.pt"

    @property
    def weights(self) -> Path:
        """File of the trained weights, which are the result of the run."""
        return self.output / loading.RESULT


#: Files and folders that a run writes in its folder.
FILES = ("recipe.json", "held_out.txt", "log.jsonl", "checkpoint.pt", loading.RESULT)
FOLDERS = ("order", "epochs", "tensorboard")


class Run:
    """State of a training run, which is restored if the folder of the run has a checkpoint.

    Args:
        job: configuration of the run.
        process_group: processes of the run.

    Attributes:
        step: number of steps that are done.
        total: number of steps of the whole run.
        skipped: number of steps that were skipped because their gradient was not finite.
        local_pairs: number of pairs of groups that each process takes in a step.
        pairs: number of pairs of groups in a step, over all processes.
        steps_an_epoch: number of steps in an epoch.

    Raises:
        InputError: the data or the recipe cannot be used, or the checkpoint belongs to another run.
        WeightsError: the initial weights cannot be loaded.
    """

    def __init__(self, job: TrainingJob, process_group: ProcessGroup):
        recipe = self.recipe = job.recipe
        self.job, self.process_group = job, process_group
        if recipe.optimizer.precision == "float16" and process_group.device.type != "cuda":
            raise InputError(f"precision float16 needs a GPU, not {process_group.device}; use --set precision=auto")
        warn_of_emulation(recipe.optimizer.precision, process_group.device)
        self.sets, held_out = _read_data(job)
        others = dict(read_set(where, recipe.sampling, job.images) for where in job.validate)
        looked_at = {"": held_out} | {name: drawn(found, recipe.validation.images) for name, found in others.items()}
        looked_at = {name: found for name, found in looked_at.items() if found}
        self.samplers = [Sampler(s, recipe.sampling, recipe.augment, recipe.seed, i) for i, s in enumerate(self.sets)]
        self.validator = Validator(looked_at, recipe) if looked_at else None
        self.local_pairs = process_group.share(recipe.sampling.pairs)
        self.pairs = self.local_pairs * process_group.size
        self.steps_an_epoch = -(-max(sampler.length for sampler in self.samplers) // self.pairs)
        self.total = recipe.steps or recipe.epochs * self.steps_an_epoch
        self.plans = _plans(job, self.sets, self.samplers, -(-self.total // self.steps_an_epoch))
        self.step = self.skipped = 0
        self.nearest: list[dict[str, str]] = []
        found = self._checkpoint()
        self.network = _make_network(job, sum(len(s.groups) for s in self.sets), fresh=found is None)
        # PyTorch's stub of Module.to lacks the argument memory_format.
        self.network.to(process_group.device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        settings = recipe.optimizer
        self.optimizer = make_optimizer(self.network, recipe)
        self.scaler = torch.amp.GradScaler(process_group.device.type, enabled=settings.precision == "float16")
        self.average = Average(self.network, settings.ema) if settings.ema else None
        self.discriminator = None
        if recipe.auxiliary_losses.adversarial:
            every = recipe.auxiliary_losses.discriminator_every
            self.discriminator = DiscriminatorTrainer(recipe.side, settings.lr, every, process_group)
        self.objective = Objective(self.network, recipe, self.discriminator)
        if found:
            self._restore(found)
        dtype = training_dtype(settings.precision, process_group.device)
        if process_group.device.type == "cpu" and (dtype == torch.float32 or can_bfloat16(process_group.device)):
            self.network.speed_up_training(lambda frozen: fused_copy(frozen, dtype))
        self.module: nn.Module = self.objective
        if process_group.size > 1:
            ids = [process_group.device] if process_group.device.type == "cuda" else None
            # Running statistics are averaged over the processes after each step instead of being copied from process 0.
            options: dict[str, Any] = {_sync_option(): False}
            self.module = nn.parallel.DistributedDataParallel(
                self.objective, device_ids=ids, find_unused_parameters=True, **options
            )

    @property
    def epoch(self) -> int:
        """Number of the epoch to which the next step belongs, from 0."""
        return self.step // self.steps_an_epoch

    @property
    def result(self) -> CoSaliencyNetwork:
        """A copy of the network in evaluation mode, with the averaged weights if the recipe averages them."""
        network = _new_network(self.recipe, getattr(self.network.config, "groups", 0))
        network.load_state_dict(self.average.state if self.average else self.network.state_dict())
        return network.to(self.process_group.device).eval()

    def plan_epoch(self) -> list[tuple[Meeting, ...]]:
        """Returns the plan of the current epoch, for all processes; writes order files at the start of the epoch."""
        epoch = self.epoch
        fresh = self.step % self.steps_an_epoch == 0
        if self.recipe.sampling.partner == "hardest" and (fresh or not self.nearest):
            found = [nearest_groups(self.network, s, self.recipe.side) for s in self.samplers]
            self.nearest = self.process_group.agreed(found)
        nearest = self.nearest or [{} for _ in self.sets]
        plans = [plan(epoch, near) for plan, near in zip(self.plans, nearest, strict=True)]
        if fresh and self.process_group.leads:
            for number, (plan, data) in enumerate(zip(plans, self.sets, strict=True)):
                folder = self.job.output / "order"
                write_order(folder / str(number) if len(plans) > 1 else folder, epoch, plan, data)
        return zip_plans(plans, self.pairs)

    def write_checkpoint(self) -> None:
        """Writes the state of the run to the checkpoint.

        The states of random number generators are not needed: every random choice has its own key, and PyTorch's
        generator is seeded for each pair.
        """
        state = {
            "recipe": to_table(self.recipe),
            "data": self._data(),
            "pairs": self.pairs,
            "step": self.step,
            "skipped": self.skipped,
            "nearest": self.nearest,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "average": self.average.state if self.average else {},
            "discriminator": self.discriminator.state() if self.discriminator else {},
        }
        checkpoint.write(self.job.checkpoint, state)

    def save(self, path: Path, scores: dict | None = None) -> None:
        """Writes the current weights to a file, with the recipe and the scores of the last validation as metadata."""
        extra = {
            "recipe": to_table(self.recipe),
            "data": self._data(),
            "steps": self.step,
            "skipped": self.skipped,
            "validation": scores or {},
        }
        save(self.result, path, extra)

    def _checkpoint(self) -> dict | None:
        """Reads the checkpoint in the folder of the run, if there is one; raises InputError if it is of another run."""
        path = self.job.checkpoint
        if not path.exists():
            return None
        found = checkpoint.read(path)
        checkpoint.check_same(path, with_defaults(found["recipe"]), to_table(self.recipe))
        checkpoint.check_data(path, found["data"], self._data())
        if found["pairs"] != self.pairs:
            raise InputError(
                f"{path} is of a run with {found['pairs']} pairs a step over all processes, not {self.pairs}; "
                "start as many processes as then"
            )
        return found

    def _restore(self, found: dict) -> None:
        own = self.network.state_dict()
        expected, given = ({k: tuple(v.shape) for k, v in state.items()} for state in (own, found["network"]))
        check(expected, given, f"{self.job.checkpoint}", optional=())
        self.network.load_state_dict(found["network"])
        self.optimizer.load_state_dict(found["optimizer"])
        self.scaler.load_state_dict(found["scaler"])
        if self.average:
            for key, value in found["average"].items():
                self.average.state[key].copy_(value)
        if self.discriminator:
            self.discriminator.restore(found["discriminator"])
        self.step, self.skipped, self.nearest = found["step"], found["skipped"], found["nearest"]

    def _data(self) -> list:
        """Returns name, number of groups, number of images and a digest of the file names of each training set."""
        rows = []
        for data in self.sets:
            names = json.dumps([(item.group, item.image.name) for _, item in data.numbered()]).encode()
            rows.append([data.name, len(data.groups), len(data.items), hashlib.sha256(names).hexdigest()[:16]])
        return rows


def _read_data(job: TrainingJob) -> tuple[list[TrainingSet], dict]:
    """Reads the training sets, and the held-out groups of the first one."""
    recipe, wanted = job.recipe, job.recipe.validation
    shares = recipe.sampling.shares
    if shares and len(job.data) not in (1, len(shares)):  # with one set, all groups are drawn from it
        raise InputError(
            f"recipe {recipe.name} draws from {len(shares)} sets, not {len(job.data)}; repeat --data in its order, "
            "or set sampling.shares"
        )
    if len(job.data) < recipe.sets:
        raise InputError(f"recipe {recipe.name} trains on {recipe.sets} sets, not {len(job.data)}; repeat --data")
    found = [read_set(where, recipe.sampling, job.images) for where in job.data]
    groups = found[0][1]
    held = []
    if wanted.names or wanted.held_out:
        held = choose_held_out(groups, wanted.names, wanted.held_out, recipe.seed)
    sets = training_sets(found, held)
    if shares:
        sets = [mixed(sets, recipe.sampling.ungrouped)]
    return sets, drawn({name: groups[name] for name in held}, wanted.images)


def _plans(job: TrainingJob, sets: list[TrainingSet], samplers: list[Sampler], epochs: int) -> list[Plan]:
    if not job.replay:
        return [sampler.plan for sampler in samplers]
    if len(job.replay) != len(sets):
        raise InputError(f"{len(job.replay)} folders of order files for {len(sets)} sets; give one for each")
    replays = [Replay(folder, data) for folder, data in zip(job.replay, sets, strict=True)]
    for replay in replays:
        replay.check(epochs)
    return [replay.plan for replay in replays]


def _make_network(job: TrainingJob, groups: int, fresh: bool) -> CoSaliencyNetwork:
    recipe = job.recipe
    torch.manual_seed(torch_seed(recipe.seed, "weights"))
    network = _new_network(recipe, groups)
    if not fresh:
        return network
    if job.init is not None:
        _start_from(network, job.init, recipe.network)
    elif recipe.pretrained:
        init_backbone(network, job.backbone)
    return network


def _sync_option() -> str:
    """Returns the name of the option by which DistributedDataParallel copies buffers at each step; 2.13 renamed it."""
    known = inspect.signature(nn.parallel.DistributedDataParallel).parameters
    return "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"


def _new_network(recipe: Recipe, groups: int) -> CoSaliencyNetwork:
    known = {f.name for f in fields(entry(recipe.network).config)}
    given = {"size": recipe.side, "groups": groups}
    given = {name: value for name, value in given.items() if name in known}
    # TOML has lists where configurations have tuples.
    options = {k: tuple(v) if isinstance(v, list) else v for k, v in recipe.options.items()}
    return create(recipe.network, **options, **given)


def _start_from(network: CoSaliencyNetwork, path: Path, name: str) -> None:
    """Loads all weights of a file, except those of a classifier that is missing or has another number of groups."""
    state = loading.load(path, expected=name).state_dict()
    own = network.state_dict()
    for key in own:
        classifies = key.endswith(("classifier.weight", "classifier.bias"))
        if classifies and (key not in state or state[key].shape != own[key].shape):
            state[key] = own[key]
    expected, found = ({k: tuple(v.shape) for k, v in tensors.items()} for tensors in (own, state))
    check(expected, found, f"{path}", optional=())
    network.load_state_dict(state)


def write_recipe(job: TrainingJob, held_out: list[str]) -> None:
    """Writes ``recipe.json``, and ``held_out.txt`` if groups are held out, to the folder of the run.

    Args:
        job: configuration of the run.
        held_out: names of the held-out groups.

    Raises:
        OutputError: a file cannot be written.

    Example:
        >>> write_recipe(job, held_out=["cat"])  # doctest: +SKIP
    """
    write_text(job.output / "recipe.json", json.dumps(to_table(job.recipe), indent=2) + "\n")
    if held_out:
        write_text(job.output / "held_out.txt", "".join(f"{name}\n" for name in held_out))
