"""The loop of active learning: query, label, train, and query again. The result of every step is saved to disk."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cosod.active_learning import settings as of_settings
from cosod.active_learning.ensemble import State as Snapshot
from cosod.active_learning.ensemble import snapshot, triangle
from cosod.active_learning.images import load_images, load_masks
from cosod.active_learning.labels import Targets, oracle, superpixels, targets
from cosod.active_learning.points import PointSet, Queries, unanswered
from cosod.active_learning.pool import Pool
from cosod.active_learning.progress import progress
from cosod.active_learning.selection import random_queries, select
from cosod.active_learning.self_training import said_masks
from cosod.active_learning.settings import REGIONS, Settings
from cosod.active_learning.stage import StageReport, train_stage
from cosod.active_learning.state import State
from cosod.errors import InputError
from cosod.inference.device import choose_device
from cosod.inference.precision import training_dtype, warn_of_emulation
from cosod.io.atomic_write import whole, write_text
from cosod.io.wording import plural
from cosod.models.backbones.imagenet import init_backbone
from cosod.models.checkpoints import loading, reading, safetensors_file
from cosod.models.registry import create
from cosod.models.saliency_base import SaliencyNetwork
from cosod.training import checkpoint
from cosod.training.data.keyed_rng import torch_seed


@dataclass
class Material:
    """Images, masks and superpixels of a pool in memory, which are read when they are first used.

    Several runs on the same pool can share them.

    Attributes:
        pool: the images.
        side: side S in pixels of the squares that images and masks are resized to.
        regions_file: file in which the superpixels are cached, because their computation takes long.
    """

    pool: Pool
    side: int
    regions_file: Path

    @cached_property
    def images(self) -> Tensor:
        """Images of the pool, ``(N, S, S, 3)`` uint8."""
        return load_images(self.pool, self.side)

    @cached_property
    def masks(self) -> Tensor:
        """Masks of the pool, ``(N, S, S)`` uint8, 0 to 255."""
        return load_masks(self.pool, self.side)

    @cached_property
    def regions(self) -> np.ndarray:
        """Superpixels of the images, ``(N, S, S)`` int16."""
        key = f"{self.pool.fingerprint}/{self.side}/{REGIONS}"
        if self.regions_file.exists():
            with np.load(self.regions_file, allow_pickle=False) as file:
                if str(file["key"]) == key:
                    return file["regions"]
        regions = np.stack([superpixels(image, REGIONS) for image in self.images.numpy()])
        with whole(self.regions_file) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, key=key, regions=regions)
        return regions


@dataclass
class Loop:
    """Active-learning run; :meth:`open` begins or resumes one.

    Attributes:
        state: folder of the run.
        pool: the images, which must not change during the run.
        settings: settings of the run.
        backbone: file or URL of the ImageNet weights of the backbone; by default they are downloaded. With
            ``Path("none")`` the backbone is initialized at random. The value is saved in the folder of the run.
        device: device of training and queries.
        material: the pool in memory; by default it is read when needed.
        say: called with a message before each long computation.
    """

    state: State
    pool: Pool
    settings: Settings
    backbone: Path | str | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    material: Material = None  # type: ignore[assignment] # __post_init__ replaces None
    say: Callable[[str], None] = lambda line: None

    def __post_init__(self):
        if self.material is None:
            file = self.state.folder / "regions.npz"
            self.material = Material(self.pool, self.settings.training.side, file)
        warn_of_emulation(self.settings.training.precision, self.device)

    @classmethod
    def open(
        cls,
        folder: str | os.PathLike,
        pool: Pool | None = None,
        settings: Settings | None = None,
        device: str = "auto",
        **more: Any,
    ) -> "Loop":
        """Begins a run, or resumes the run in a folder.

        Args:
            folder: folder of the run.
            pool: the images. It is required to begin a run; to resume one, it can be omitted, or must be the same.
            settings: settings of the run. By default these are :class:`Settings` without changes, or those of the run
                that is resumed, from which they must not differ.
            device: device of training and queries, see :func:`cosod.load`.
            more: further attributes of the class.

        Raises:
            InputError: there is no run in the folder, and no pool is given; or pool or settings differ from those of
                the run; or images of the pool have changed. The message names the differences.
            WeightsError: the ImageNet weights of the backbone cannot be loaded. They are checked here, before any
                points are asked for, although they are used only in the first training.
        """
        state = State(Path(folder))
        more["backbone"] = backbone = state.backbone() if more.get("backbone") is None else more["backbone"]
        begun = state.exists()
        if begun:
            found = state.pool()
            if pool is not None and pool.fingerprint != found.fingerprint:
                raise InputError(_other_pool(state, found, pool))
            pool = found
            pool.check_unchanged()
            settings = _same_settings(state, settings)
        elif pool is None:
            raise InputError(state.no_run())
        settings = settings or Settings()
        if not (state.folder / loading.RESULT).exists():
            _check_backbone(settings.training.network, backbone)
        if not begun:
            write_text(state.settings, json.dumps(of_settings.to_table(settings), indent=2) + "\n")
            pool.save(state.pool_file)
        state.save_backbone(backbone)
        return cls(state, pool, settings, device=choose_device(device), **more)

    def asked(self, give_up: bool = False) -> Queries:
        """Returns the pixels without an answer.

        If all pixels of the current round are answered, a network is trained and the pixels of the next round are
        chosen.

        Args:
            give_up: whether the next round begins although some pixels of the current round are not answered; at least
                one pixel must be.

        Returns:
            Pixels by image; empty if all rounds are done.

        Raises:
            TrainingError: the network cannot be trained.
        """
        if self.settings.first == 0:
            return {}
        asked, points = self.state.rounds(), self.state.points(self.pool)
        if asked:
            queries = self.state.queries(asked - 1, self.pool)
            left = unanswered(queries, points)
            if left and not (give_up and sum(map(len, left.values())) < sum(map(len, queries.values()))):
                return left
            if asked > self.settings.rounds:
                return {}
        queries = self._next(asked, points)
        self.state.save_queries(asked, self.pool, queries)
        return queries

    def answer(self, answers: PointSet) -> int:
        """Adds answers to those of the run, and saves them.

        Returns:
            The number of answers that are new.

        Raises:
            InputError: an answer is of another pool, lies outside its image, or contradicts an earlier one; then no
                answer is added.
        """
        self.pool.check_points(answers, "the answers")
        points = self.state.points(self.pool)
        new = sum(points.add(image, clicks) for image, clicks in answers)
        points.save(self.state.points_file)
        return new

    def run(self) -> Path:
        """Runs all rounds with answers from the masks of the pool; returns the weights file of the final network."""
        while queries := self.asked():
            self.answer(oracle(queries, self.pool))
        return self.finish()

    def finish(self) -> Path:
        """Trains the final network from ImageNet weights on all answers, unless its weights file exists already.

        With ``training.self_steps``, one more network is trained on the masks that this network predicts, and becomes
        the final network.

        Returns:
            The file of the final weights.

        Raises:
            InputError: ``training.final_steps`` is 0.
            TrainingError: the network cannot be trained.
        """
        path = self.state.folder / loading.RESULT
        if path.exists():
            return path
        training = self.settings.training
        if not training.final_steps:
            raise InputError("training.final_steps is 0: this run has no final network")
        truth, network = self.truth(), self._new("final")
        # There is no self-training with masks; instead, the network is trained for the total number of steps.
        more = 0 if isinstance(truth, Targets) else training.self_steps
        report = self._train(network, "final", truth, training.final_steps + more)
        if isinstance(truth, Targets) and training.self_steps:
            masks = said_masks(network, self.material.images, truth, training.size, self._dtype, training.self_cut)
            network = self._new("self", classes=1)
            self._train(network, "self", masks, training.self_steps)
        facts = of_settings.to_table(self.settings)
        safetensors_file.save(network, path, {"active": facts, "pool": self.pool.fingerprint, "clicks": report.clicks})
        return path

    @property
    def _dtype(self) -> torch.dtype:
        return training_dtype(self.settings.training.precision, self.device)

    def truth(self, after: int | None = None) -> Targets | Tensor:
        """Returns the ground truth that a network is trained on.

        Args:
            after: number of the last round whose answers are used; by default all answers are.

        Returns:
            Labeled points, or with full supervision the masks, ``(N, S, S)`` uint8.
        """
        if self.settings.labels == "masks":
            return self.material.masks
        needs = self.settings.labels != "points"
        masks = self.material.masks if self.settings.labels == "gt_in_region" else None
        regions = self.material.regions if needs else None
        points = self.state.points(self.pool) if after is None else self.state.points_until(after, self.pool)
        return targets(points, self.pool, self.settings.labels, regions, masks)

    def _next(self, number: int, points: PointSet) -> Queries:
        """Chooses the pixels to ask for in round ``number``; those of round 0 are random."""
        if number == 0:
            return random_queries(self.pool, self.settings.first, self.settings.seed)
        network, snapshots = self._trained(number - 1)
        pixels, images = plural(self.settings.clicks, "pixel"), plural(len(self.pool), "image")
        self.say(f"round {number}: choosing {pixels} in each of {images}")
        with progress(len(self.pool), "image", f"round {number}") as update:
            return select(
                network,
                snapshots,
                self.pool,
                self.material.images,
                points,
                self.settings.clicks,
                self.settings.selection,
                self.settings.attack,
                torch_seed(self.settings.seed, "round", number),
                self.material.regions if self.settings.labels != "points" else None,
                self._dtype,
                update,
            )

    def _trained(self, number: int) -> tuple[SaliencyNetwork, list[Snapshot]]:
        """Returns the network and the snapshots of the training stage of a round; trains them if they are not saved."""
        file = self.state.model_file(number)
        if file.exists():
            network = self._new(number)
            snapshots: list[Snapshot] = reading.read(file)["snapshots"]
        else:
            training, ensemble = self.settings.training, self.settings.ensemble
            network = self._start(number)
            snapshots = []
            moments = ensemble.moments(training.steps)

            def keep(step: int) -> None:
                if step in moments:
                    snapshots.append(snapshot(network))

            self._train(network, number, self.truth(number), training.steps, ensemble.rate, keep)
            checkpoint.write(file, {"snapshots": snapshots})
            if number:
                self.state.model_file(number - 1).unlink(missing_ok=True)  # it is not needed any more
        return network, snapshots

    def _start(self, number: int) -> SaliencyNetwork:
        """Returns the initial network of a stage: a new one, or with ``training.warm`` that of the previous stage."""
        network = self._new(number)
        if number and self.settings.training.warm:
            network.load_state_dict(self._trained(number - 1)[1][-1])
        return network

    def _new(self, stage: int | str, classes: int | None = None) -> SaliencyNetwork:
        """Creates a network with ImageNet weights; by default with one class for masks and two classes for clicks."""
        training = self.settings.training
        torch.manual_seed(torch_seed(self.settings.seed, "weights", stage if not training.warm else "first"))
        network = create(training.network, classes=classes or (1 if self.settings.labels == "masks" else 2))
        assert isinstance(network, SaliencyNetwork)  # Training refuses the names of other networks
        if self.backbone != Path("none"):
            init_backbone(network, self.backbone)
        return network.to(self.device)

    def _train(
        self,
        network: SaliencyNetwork,
        stage: int | str,
        truth: Targets | Tensor,
        steps: int,
        rate: Callable[[int, int], float] = triangle,
        after_step: Callable[[int], None] = lambda step: None,
    ) -> StageReport:
        share = truth.share if isinstance(truth, Targets) else 1.0
        seen = plural(int(truth.clicks.sum()), "click") if isinstance(truth, Targets) else "masks"
        seen = "its own masks" if stage == "self" else seen
        images = plural(len(self.pool), "image")
        self.say(f"stage {stage}: {plural(steps, 'step')} on {seen} of {images} ({_percent(share)} of their pixels)")
        key = (self.settings.seed, "stage", stage)
        with progress(steps, "step", f"stage {stage}") as update:

            def stepped(step: int) -> None:
                after_step(step)
                update(1)

            report = train_stage(
                network,
                self.material.images,
                truth,
                self.settings.training,
                steps,
                lambda step: rate(step, steps),
                key,
                stepped,
            )
        row = report._asdict() | {"stage": stage, "labeled_share": share, "labels": self.settings.labels}
        write_text(self.state.folder / f"stage-{stage}.json", json.dumps(row) + "\n")
        return report


def _percent(share: float) -> str:
    """Returns a share in percent as text, without the value if it is below 0.001 percent (few clicks, large images)."""
    return "less than 0.001 %" if 0 < share < 1e-5 else f"{100 * share:.4g} %"


def _check_backbone(network: str, backbone: Path | str | None) -> None:
    """Raises WeightsError if the weights of the backbone cannot be loaded into the network."""
    if backbone != Path("none"):
        init_backbone(create(network), backbone)


def _same_settings(state: State, wanted: Settings | None) -> Settings:
    try:
        found = of_settings.from_table(json.loads(state.settings.read_text(encoding="utf-8")))
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(f"{state.settings}: cannot be read ({error}); begin another run") from error
    if wanted is not None and (changed := of_settings.differences(found, wanted)):
        raise InputError(
            f"{state.folder} was begun with other settings: {', '.join(changed)}; give the same, or another folder"
        )
    return found


def _other_pool(state: State, found: Pool, given: Pool) -> str:
    gone = [name for name in found.names if given.sizes.get(name) != found.sizes[name]]
    new = [name for name in given.names if name not in found.sizes]
    parts = [
        f"{len(names)} {what}, the first is {names[0]}"
        for names, what in ((gone, "gone or changed"), (new, "new"))
        if names
    ]
    return f"{state.folder} was begun with another pool: {'; '.join(parts)}; give the same images, or another folder"
