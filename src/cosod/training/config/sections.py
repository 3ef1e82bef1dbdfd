"""The parts of a recipe: frozen dataclasses, one for each side of training."""

from dataclasses import dataclass

from cosod.errors import InputError

Range = tuple[float, float]


def check_choice(name: str, value: object, choices: tuple) -> None:
    """Raise ``InputError`` unless ``value`` is one of ``choices``.

    Example:
        >>> check_choice("order", "listed", ("listed", "shuffled"))
    """
    if value not in choices:
        raise InputError(f"{name} cannot be {value!r}; choose one of {', '.join(map(str, choices))}")


def check_at_least(name: str, value: float, least: float) -> None:
    """Raise ``InputError`` where ``value`` is below ``least``.

    Example:
        >>> check_at_least("images", 16, 2)
    """
    if value < least:
        raise InputError(f"{name} cannot be {value}; give {least} or more")


def check_share(name: str, value: float) -> None:
    """Raise ``InputError`` unless ``value`` is in [0, 1].

    Example:
        >>> check_share("flip", 0.5)
    """
    if not 0 <= value <= 1:
        raise InputError(f"{name} cannot be {value}; give a share between 0 and 1")


@dataclass(frozen=True)
class GroupSampling:
    """Configuration of which images a step sees; see :mod:`cosod.training.data.group_sampler`.

    Attributes:
        groups: number of groups in a batch: 2, or more where the network takes more (SSNM takes 4).
        images: maximum number of images of each group.
        fill: whether a smaller group is filled up by repeating its images; otherwise all groups of the batch are cut
            to the size of the smallest.
        order: order in which an epoch takes every group once as the first of a batch: ``listed``, in the order of
            their names (as the published code does), or ``shuffled``.
        partner: how the other groups of a batch are chosen: ``random``; ``fixed``, the same in every epoch; or
            ``hardest``, the one whose consensus is nearest, searched anew before each epoch (GCoNet's authors
            suggest both of these).
        pairs: number of batches in a step, over all processes; their gradients are averaged.
        coarse_labels: share of groups that are drawn from all classes of one coarse label
            (:mod:`cosod.training.data.coarse_labels`); a value above 0 also keeps groups of one label from meeting.
        shares: share of groups that is drawn from each of several training sets, for steps whose two groups may come
            from any of them; if empty, a step has groups of every set.
        meetings: number of batches in an epoch where ``shares`` is given.
        ungrouped: names of groups whose images share no object; groups are made of them, and one of their images is
            among the distractors of each group.
        cut: share of groups that are split into smaller ones, of one image or more, into which no distractors come.
        coco_area: minimum area in pixels of a COCO instance that puts its image into the group of its category.
        coco_images: minimum number of images of a COCO category that is trained on.
    """

    groups: int = 2
    images: int = 16
    fill: bool = False
    order: str = "listed"
    partner: str = "random"
    pairs: int = 1
    coarse_labels: float = 0.0
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
        check_share("coarse_labels", self.coarse_labels)
        check_share("cut", self.cut)
        if any(share <= 0 for share in self.shares):
            raise InputError(f"shares cannot be {self.shares}; give a number above 0 for each training set")
        check_choice("order", self.order, ("listed", "shuffled"))
        check_choice("partner", self.partner, ("random", "fixed", "hardest"))
        if self.partner == "hardest" and self.groups != 2:
            raise InputError(f"partner hardest is for pairs, not for {self.groups} groups; use random or fixed")


@dataclass(frozen=True)
class Augment:
    """Configuration of how images and masks are augmented; see :mod:`cosod.training.data.augment`.

    Attributes:
        flip: probability of a horizontal flip.
        rotation: maximum angle of a rotation in degrees, in either direction.
        rotation_share: probability of a rotation.
        resample: interpolation of rotations: ``nearest``, ``bilinear`` or ``bicubic``.
        resize_first: whether an image is resized before it is rotated (GCoNet) and not after (GCoNet+).
        crop: minimum share of each side that a random crop keeps; 1 disables crops.
        border: maximum number of pixels by which a center crop is smaller than the image (an option of the GCoNet+
            code, which uses 30).
        brightness, contrast, color, sharpness: range of the factor of Pillow's enhancement of that name; 1 to 1
            disables it.
        gray: probability that an image is converted to grayscale.
        pepper: share of the mask's pixels that are set to 0 or 1 at random (an option of the GCoNet+ code, which uses
            0.0015).
        distractor_share: share of images to which distractors, images or objects of other groups, are added
            (:mod:`cosod.training.data.distractor_mixing`).
        all_distractors: share of groups in which distractors are added to every image.
        negatives: share of images that are replaced by one of another group, with an empty mask.
        made: share of groups that are composed of one object, pasted into several other images.
        distractor_images: number of images that are read as distractors for each group, one from each of as many
            other groups; 0 takes the distractors from the other group of the pair.
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
    color: Range = (1.0, 1.0)
    sharpness: Range = (1.0, 1.0)
    gray: float = 0.0
    pepper: float = 0.0
    distractor_share: float = 0.0
    all_distractors: float = 0.0
    negatives: float = 0.0
    made: float = 0.0
    distractor_images: int = 0

    def __post_init__(self):
        shares = ("flip", "rotation_share", "crop", "gray", "pepper")
        for name in (*shares, "distractor_share", "all_distractors", "negatives", "made"):
            check_share(name, getattr(self, name))
        check_at_least("crop", self.crop, 0.1)
        check_at_least("border", self.border, 0)
        check_at_least("distractor_images", self.distractor_images, 0)
        check_choice("resample", self.resample, ("nearest", "bilinear", "bicubic"))

    @property
    def mixes(self) -> bool:
        """Whether images or objects of other groups are added to a group."""
        return bool(self.distractor_share or self.all_distractors or self.negatives)


@dataclass(frozen=True)
class OptimizerSettings:
    """Configuration of which weights are trained, and how fast; see :mod:`cosod.training.optimizer`.

    Attributes:
        method: ``adam`` or ``adamw``.
        lr: peak learning rate.
        lr_images: number of images a group that ``lr`` is meant for; if not 0, the rate is multiplied by
            ``sampling.images / lr_images``.
        backbone: factor of the backbone's learning rate, relative to the rest of the network.
        betas: decays of the means of the gradient and of its square.
        weight_decay: factor of the weights in the weight decay of the method.
        frozen: prefixes of the names of parameters that are not trained.
        trained: prefixes of the names of parameters that are trained although ``frozen`` matches them.
        freeze_norm: prefixes of the names of batch normalizations whose scale and shift are not trained.
        freeze_statistics: share of the run after which the running statistics of all batch normalizations are kept;
            1 never keeps them.
        schedule: ``steps`` (the rate is multiplied by ``decay`` every ``decay_epochs`` epochs, or every
            ``decay_steps`` steps if that is not 0), ``cosine`` (the rate rises over the share ``warmup`` of the run,
            then falls to 0), or ``constant``.
        decay: factor of the rate at each decay of the schedule ``steps``.
        decay_epochs: number of epochs between two decays of the schedule ``steps``.
        decay_steps: number of steps between two decays, in place of ``decay_epochs``; 0 counts epochs.
        warmup: share of the run in which the rate of the schedule ``cosine`` rises from 0 to its peak.
        restart: whether the optimizer's moments are reset at each decay (SSNM's code creates it anew).
        clip: maximum norm of the gradient; 0 disables clipping.
        precision: ``float32``, or autocast in ``bfloat16`` or ``float16`` (CUDA only); losses are in float32.
        ema: decay of the moving average of the weights, which then is the result; 0 disables it.
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
        check_choice("precision", self.precision, ("float32", "bfloat16", "float16"))
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
class AuxiliaryLosses:
    """Configuration of two further losses of the GCoNet+ code; see :mod:`cosod.training.auxiliary_losses`.

    The settings that its authors released use neither.

    Attributes:
        adversarial: factor of the loss of a small discriminator of maps (10 in the code's example).
        discriminator_every: number of steps between two steps of the discriminator's training.
        scale: factor of the loss between the maps of an image and of the image at a quarter of its size (0.3 in the
            code).
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
    """Configuration of the groups that are held out of the training; see :mod:`cosod.training.validation`.

    Attributes:
        held_out: number of groups of the first set that are held out, chosen by the seed.
        names: names of groups that are held out; if given, ``held_out`` is ignored.
        images: maximum number of images of each held-out group that are evaluated.
        every: number of steps between two validations; 0 validates after each epoch.
        distractors: whether the groups are also evaluated with an image of another group beside each image.
    """

    held_out: int = 0
    names: tuple[str, ...] = ()
    images: int = 24
    every: int = 0
    distractors: bool = False

    def __post_init__(self):
        for name, least in (("held_out", 0), ("images", 1), ("every", 0)):
            check_at_least(name, getattr(self, name), least)
