"""The sections of a recipe, one frozen dataclass each."""

from dataclasses import dataclass

from cosod.errors import InputError

Range = tuple[float, float]


def check_choice(name: str, value: object, choices: tuple) -> None:
    """Raises ``InputError`` unless ``value`` is one of ``choices``.

    Example:
        >>> check_choice("order", "listed", ("listed", "shuffled"))
    """
    if value not in choices:
        raise InputError(f"{name} cannot be {value!r}; choose one of {', '.join(map(str, choices))}")


def check_at_least(name: str, value: float, least: float) -> None:
    """Raises ``InputError`` if ``value`` is less than ``least``.

    Example:
        >>> check_at_least("images", 16, 2)
    """
    if value < least:
        raise InputError(f"{name} cannot be {value}; give {least} or more")


def check_share(name: str, value: float) -> None:
    """Raises ``InputError`` unless ``value`` is in [0, 1].

    Example:
        >>> check_share("flip", 0.5)
    """
    if not 0 <= value <= 1:
        raise InputError(f"{name} cannot be {value}; give a share between 0 and 1")


@dataclass(frozen=True)
class GroupSampling:
    """Configuration of the choice of groups and images for each step; see :mod:`cosod.training.data.group_sampler`.

    Attributes:
        groups: number of groups in a batch: 2, or more where the network takes more (SSNM takes 4).
        images: maximum number of images of each group.
        fill: whether a group with fewer images is filled up to ``images`` by repeating its images; otherwise the number
            of images of all groups of the batch is that of the smallest group.
        order: order in which the groups are taken as the first group of a batch, once each in an epoch: ``listed``, in
            the order of their names (as in the published code), or ``shuffled``.
        partner: how the other groups of a batch are chosen: ``random``; ``fixed``, at random, but the same in every
            epoch; or ``hardest``, the group whose consensus has the highest cosine similarity, determined before each
            epoch (GCoNet's authors suggest the last two).
        pairs: number of batches in a step, over all processes; their gradients are averaged.
        coarse_labels: share of groups whose images are drawn from all classes of one coarse label
            (:mod:`cosod.training.data.coarse_labels`); a value above 0 also keeps groups of the same coarse label out
            of one batch, if there are others.
        shares: relative frequency with which groups are drawn from each of several training sets, if the groups of a
            batch may come from different sets; if empty, a step takes a batch from every set.
        meetings: number of batches in an epoch if ``shares`` is not empty.
        ungrouped: names of groups whose images share no object. If ``shares`` is not empty, they are not sampled as
            groups, but their images are used in composed groups (``augment.made``) and as distractors.
        cut: share of groups that are split into smaller groups of one or more images; no distractors are added to
            these.
        coco_area: area in pixels that a COCO instance must exceed for its image to be in the group of its category.
        coco_images: minimum number of images of a COCO category; smaller categories are left out.
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
        resize_first: whether an image is resized before it is rotated (GCoNet); otherwise after (GCoNet+).
        crop: minimum share of each side of an image that a random crop keeps; 1 disables crops.
        border: maximum number of pixels by which each side of a center crop is shorter than that of the image (an
            option of the GCoNet+ code, which uses 30); 0 disables this. It has no effect if ``crop`` is less than 1.
        brightness, contrast, color, sharpness: range of the random factor of Pillow's enhancement of that name; [1, 1]
            disables it.
        gray: probability that an image is converted to grayscale.
        pepper: share of the mask's pixels that are set to 0 or 1 at random (an option of the GCoNet+ code, which uses
            0.0015).
        distractor_share: share of images to which distractors, images or objects of other groups, are added
            (:mod:`cosod.training.data.distractor_mixing`).
        all_distractors: share of groups in which distractors are added to every image.
        negatives: share of images that are replaced by an image of another group, with an empty mask.
        made: share of groups that are composed: the object of one image is pasted into other images.
        shapes: share of the pasted objects, of distractors and of composed groups, that are cut out by a random shape
            instead of by their mask, so that they may show anything that photos show.
        distractor_images: number of images that are read as distractors for each group, each from a different group
            outside the batch; if there are images without a group, one of these takes one of the places. 0 takes the
            images of the next group of the batch as distractors.
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
    shapes: float = 0.0
    distractor_images: int = 0

    def __post_init__(self):
        shares = ("flip", "rotation_share", "crop", "gray", "pepper")
        for name in (*shares, "distractor_share", "all_distractors", "negatives", "made", "shapes"):
            check_share(name, getattr(self, name))
        check_at_least("crop", self.crop, 0.1)
        check_at_least("border", self.border, 0)
        check_at_least("distractor_images", self.distractor_images, 0)
        check_choice("resample", self.resample, ("nearest", "bilinear", "bicubic"))

    @property
    def mixes(self) -> bool:
        """Whether images or objects of other groups are added to the images of a group."""
        return bool(self.distractor_share or self.all_distractors or self.negatives)


@dataclass(frozen=True)
class OptimizerSettings:
    """Configuration of the optimizer, and of which parameters are trained; see :mod:`cosod.training.optimizer`.

    Attributes:
        method: ``adam`` or ``adamw``.
        lr: peak learning rate, before the factor of the schedule.
        lr_images: number of images per group for which ``lr`` is meant; if not 0, the learning rate is multiplied by
            ``sampling.images / lr_images``.
        backbone: learning rate of the backbone as a share of that of the rest of the network.
        betas: decay rates of the running means of the gradient and of its square.
        weight_decay: coefficient of the weight decay of the optimizer.
        frozen: prefixes of the names of parameters that are not trained.
        trained: prefixes of the names of parameters that are trained although ``frozen`` matches them.
        freeze_norm: prefixes of the names of batch normalization layers whose scale and shift are not trained.
        freeze_statistics: share of the run after which the running statistics of all batch normalization layers are
            frozen; 1 never freezes them.
        schedule: schedule of the learning rate: ``steps`` (it is multiplied by ``decay`` every ``decay_epochs`` epochs,
            or every ``decay_steps`` steps if that is not 0), ``cosine`` (it rises over the share ``warmup`` of the run,
            then falls to 0), or ``constant``.
        decay: factor of the learning rate at each decay of the schedule ``steps``.
        decay_epochs: number of epochs between two decays of the schedule ``steps``.
        decay_steps: number of steps between two decays of the schedule ``steps``, instead of ``decay_epochs``; 0 uses
            ``decay_epochs``.
        warmup: share of the run in which the schedule ``cosine`` rises from 4 percent of its peak to the peak.
        restart: whether the state of the optimizer is cleared at each decay (SSNM's code creates a new optimizer).
        clip: maximum norm of the gradient; 0 disables clipping.
        precision: ``float32``, or autocast in ``bfloat16`` or ``float16`` (CUDA only); ``auto`` is bfloat16 on devices
            that support it in hardware, and otherwise float32. Losses are always in float32.
        ema: decay of the exponential moving average of the weights, which is then the result of the run; 0 disables it.
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
        check_choice("precision", self.precision, ("auto", "float32", "bfloat16", "float16"))
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

    The settings that the authors of GCoNet+ released use neither of them.

    Attributes:
        adversarial: factor of the adversarial loss, for which a small discriminator of maps is trained (10 in the
            example of the code); 0 disables it.
        discriminator_every: the discriminator is trained in every step whose number is a multiple of this.
        scale: factor of the loss that compares the maps of an image with those of the same image at a quarter of its
            size (0.3 in the code); 0 disables it.
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
    """Configuration of the validation on groups that are held out of training; see :mod:`cosod.training.validation`.

    Attributes:
        held_out: number of groups of the first training set that are held out, chosen at random.
        names: names of the groups of the first training set that are held out; if given, ``held_out`` is ignored.
        images: maximum number of images of each group that are evaluated.
        every: number of steps between two validations; 0 validates at the end of each epoch.
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
