"""The parts of a recipe: frozen dataclasses, one for each side of training."""

from dataclasses import dataclass

from cosod.errors import InputError

Range = tuple[float, float]


def check_choice(name: str, value: object, choices: tuple) -> None:
    """Raise ``InputError`` unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise InputError(f"{name} cannot be {value!r}; choose one of {', '.join(map(str, choices))}")


def check_at_least(name: str, value: float, least: float) -> None:
    """Raise ``InputError`` where ``value`` is below ``least``."""
    if value < least:
        raise InputError(f"{name} cannot be {value}; give {least} or more")


def check_share(name: str, value: float) -> None:
    """Raise ``InputError`` unless ``value`` is in [0, 1]."""
    if not 0 <= value <= 1:
        raise InputError(f"{name} cannot be {value}; give a share between 0 and 1")


@dataclass(frozen=True)
class Sampling:
    """Which images a step sees; see :mod:`cosod.training.data.group_sampler`.

    Attributes:
        groups: groups that meet in a batch: a pair, or more where the network takes more (SSNM: 4).
        images: images of each of these groups, at most.
        fill: a group of fewer images is filled up by repeating them; otherwise all groups of the batch get fewer.
        order: an epoch takes every group once as the first of a batch: ``listed``, in the order of their names
            (the published code), or ``shuffled``.
        partner: the other groups of a batch: ``random``; ``fixed``, the same in every epoch; or ``hardest``, the
            one whose consensus is nearest, found anew before each epoch (GCoNet's authors suggest both).
        pairs: batches in a step (pairs of groups, or of more), over all processes; their gradients are averaged.
        broad: share of groups that are drawn from all classes of one everyday name
            (:mod:`cosod.training.data.coarse_labels`); it also keeps groups of one such name from meeting.
        shares: of several training sets, the share of groups that is drawn from each, for one step of two groups from
            any of them; without shares a step has groups of every set.
        meetings: with shares, batches in an epoch.
        ungrouped: names of groups whose images share nothing; they serve to make groups, and one of them is among the
            distractors of each group.
        cut: share of groups that are cut into smaller ones, of one image and more, in which nothing is mixed.
        coco_area: of COCO annotations, the pixels that an instance needs more of to put its image into the group
            of its category.
        coco_images: of COCO annotations, the fewest images of a category that is trained on.
    """

    groups: int = 2
    images: int = 16
    fill: bool = False
    order: str = "listed"
    partner: str = "random"
    pairs: int = 1
    broad: float = 0.0
    shares: tuple[float, ...] = ()
    meetings: int = 500
    ungrouped: tuple[str, ...] = ()
    cut: float = 0.0
    coco_area: int = 4000
    coco_images: int = 100

    def __post_init__(self):
        check_at_least("groups", self.groups, 1)
        check_at_least("images", self.images, 2)
        check_at_least("coco_area", self.coco_area, 0)
        check_at_least("coco_images", self.coco_images, 2)
        check_at_least("pairs", self.pairs, 1)
        check_at_least("meetings", self.meetings, 1)
        check_share("broad", self.broad)
        check_share("cut", self.cut)
        if any(share <= 0 for share in self.shares):
            raise InputError(f"shares cannot be {self.shares}; give a number above 0 for each training set")
        check_choice("order", self.order, ("listed", "shuffled"))
        check_choice("partner", self.partner, ("random", "fixed", "hardest"))
        if self.partner == "hardest" and self.groups != 2:
            raise InputError(f"partner hardest is for pairs, not for {self.groups} groups; use random or fixed")


@dataclass(frozen=True)
class Augment:
    """How an image and its mask are changed; see :mod:`cosod.training.data.augment`.

    Attributes:
        flip: probability of a mirror image.
        rotation: largest angle in degrees, either way.
        rotation_share: probability of a rotation.
        resample: ``nearest``, ``bilinear`` or ``bicubic`` rotation.
        resize_first: rotate what was resized (GCoNet), and not the image at its own size (GCoNet+).
        crop: smallest share of each side that a random crop keeps; 1 is off.
        border: pixels by which a centred crop may be smaller than the image (GCoNet+ code's option; 30 there).
        brightness, contrast, colour, sharpness: ranges of Pillow's enhancements; 1 to 1 is off.
        grey: share of images without colour.
        pepper: share of the mask's pixels that become 0 or 1 (GCoNet+ code's option; 0.0015 there).
        distractors: share of images that get something of another group into them
            (:mod:`cosod.training.data.distractor_mixing`).
        crowded: share of groups in which every image does.
        absent: share of images replaced by one of another group, with an empty mask.
        made: share of groups that are made of one object, set into several other images.
        strangers: images of as many other groups that are read for each group to be its distractors; with 0 they
            come from the other group of the pair.
    """

    flip: float = 0.5
    rotation: float = 0.0
    rotation_share: float = 1.0
    resample: str = "nearest"
    resize_first: bool = False
    crop: float = 1.0
    border: int = 0
    brightness: Range = (1.0, 1.0)
    contrast: Range = (1.0, 1.0)
    colour: Range = (1.0, 1.0)
    sharpness: Range = (1.0, 1.0)
    grey: float = 0.0
    pepper: float = 0.0
    distractors: float = 0.0
    crowded: float = 0.0
    absent: float = 0.0
    made: float = 0.0
    strangers: int = 0

    def __post_init__(self):
        for name in ("flip", "rotation_share", "crop", "grey", "pepper", "distractors", "crowded", "absent", "made"):
            check_share(name, getattr(self, name))
        check_at_least("crop", self.crop, 0.1)
        check_at_least("border", self.border, 0)
        check_at_least("strangers", self.strangers, 0)
        check_choice("resample", self.resample, ("nearest", "bilinear", "bicubic"))

    @property
    def mixes(self) -> bool:
        """Whether images of other groups come into a group's own."""
        return bool(self.distractors or self.crowded or self.absent)


@dataclass(frozen=True)
class Optimiser:
    """What is learnt, and how fast; see :mod:`cosod.training.optimizer`.

    Attributes:
        method: ``adam`` or ``adamw``.
        lr: rate at its peak.
        lr_images: where not 0, ``lr`` is for so many images a group and grows with ``sampling.images``.
        backbone: the backbone's rate as a share of the rest's.
        betas, weight_decay: of the method.
        frozen: beginnings of names of parameters that do not move ...
        trained: ... except those that begin so.
        freeze_norm: beginnings of names of batch normalisations whose scale and shift do not move.
        freeze_statistics: share of the run after which the statistics of all batch normalisations stay; 1 is off.
        schedule: ``steps`` (x ``decay`` every ``decay_epochs`` epochs, or every ``decay_steps`` steps where that is
            not 0), ``cosine`` (up over the share ``warmup`` of the run, then down to 0), or ``constant``.
        decay, decay_epochs, decay_steps, warmup: see ``schedule``.
        restart: the method forgets its moments at each decay (SSNM's code makes it anew).
        clip: largest norm of the gradient; 0 is off.
        precision: ``float32``, or autocast in ``bf16`` or ``fp16`` (CUDA only); losses are in float32.
        ema: decay of the moving average of the weights, which then is the result; 0 is off.
    """

    method: str = "adam"
    lr: float = 1e-4
    lr_images: int = 0
    backbone: float = 0.01
    betas: Range = (0.9, 0.99)
    weight_decay: float = 0.0
    frozen: tuple[str, ...] = ()
    trained: tuple[str, ...] = ()
    freeze_norm: tuple[str, ...] = ()
    freeze_statistics: float = 1.0
    schedule: str = "constant"
    decay: float = 0.1
    decay_epochs: int = 50
    decay_steps: int = 0
    restart: bool = False
    warmup: float = 0.1
    clip: float = 0.0
    precision: str = "float32"
    ema: float = 0.0

    def __post_init__(self):
        check_choice("method", self.method, ("adam", "adamw"))
        check_choice("schedule", self.schedule, ("steps", "cosine", "constant"))
        check_choice("precision", self.precision, ("float32", "bf16", "fp16"))
        for name in ("freeze_statistics", "warmup", "ema", "backbone"):
            check_share(name, getattr(self, name))
        if self.lr <= 0:
            raise InputError(f"lr cannot be {self.lr}; give a rate above 0")
        check_at_least("clip", self.clip, 0)
        check_at_least("decay_epochs", self.decay_epochs, 1)
        check_at_least("decay_steps", self.decay_steps, 0)
        if self.restart and self.schedule != "steps":
            raise InputError(f"restart is for schedule steps, not for {self.schedule}; leave it out")


@dataclass(frozen=True)
class Extras:
    """Two more losses of the GCoNet+ code, off in its released settings; see :mod:`cosod.training.auxiliary_losses`.

    Attributes:
        adversarial: factor of the loss from a small discriminator of maps (10 in the code's example).
        discriminator_every: the discriminator learns in every so manieth step.
        scale: factor of the agreement with the map of the image at a quarter of its size (0.3 in the code).
    """

    adversarial: float = 0.0
    discriminator_every: int = 5
    scale: float = 0.0

    def __post_init__(self):
        check_at_least("adversarial", self.adversarial, 0)
        check_at_least("scale", self.scale, 0)
        check_at_least("discriminator_every", self.discriminator_every, 1)


@dataclass(frozen=True)
class Validation:
    """Groups that are not trained on, and when they are looked at; see :mod:`cosod.training.validation`.

    Attributes:
        held_out: how many groups of the first set are held out, chosen by the seed.
        names: or which ones; they come before ``held_out``.
        images: images of each held-out group that are looked at, at most.
        every: steps between validations; 0 is after each epoch.
        distractors: also with an image of another group at each image's side.
    """

    held_out: int = 0
    names: tuple[str, ...] = ()
    images: int = 24
    every: int = 0
    distractors: bool = False

    def __post_init__(self):
        for name, least in (("held_out", 0), ("images", 1), ("every", 0)):
            check_at_least(name, getattr(self, name), least)
