"""The distractor test: a set whose images are each concatenated with an image of another group, the distractor.

The ground truth is only the object of the image's own group. A network that segments all salient objects finds the
object of the distractor, too; a network that uses the group finds only the object that its images share.
"""

import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from cosod.errors import InputError
from cosod.evaluation.reading import read_truth
from cosod.io.atomic_write import whole, write_text
from cosod.io.images import read_image
from cosod.io.write_guard import InputFiles
from cosod.training.data.keyed_rng import KeyedRNG
from cosod.training.data.training_set import Files, read_groups

#: File with the origin of the images, written first; a folder that contains other files, but not this one, is refused.
RECORD = "distractors.json"


@dataclass(frozen=True)
class ConcatenatedPair:
    """One image of the test, which is composed of an image of a group and a distractor.

    Attributes:
        group: name of the group.
        image: file of the group's own image.
        mask: file of its mask.
        distractor: file of an image of another group.
        left: whether the own image is on the left.
    """

    group: str
    image: Path
    mask: Path
    distractor: Path
    left: bool

    def name(self) -> str:
        """Returns the name of the files of the composed image and of its mask."""
        return f"{self.image.stem}.png"


def plan_distractors(groups: Mapping[str, Files], seed: int) -> list[ConcatenatedPair]:
    """Chooses a distractor and a side for every image; each choice depends only on the seed, groups and file names.

    Args:
        groups: pairs of image and mask for each group; at least two groups.
        seed: seed of the choices.

    Example:
        >>> groups = {"cat": [(Path("cat/1.jpg"), Path("cat/1.png"))], "dog": [(Path("dog/1.jpg"), Path("dog/1.png"))]}
        >>> [str(pair.distractor) for pair in plan_distractors(groups, seed=0)]
        ['dog/1.jpg', 'cat/1.jpg']
    """
    names = list(groups)
    plan = []
    for group, pairs in groups.items():
        others = [name for name in names if name != group]
        for image, mask in pairs:
            rng = KeyedRNG(seed, "distractor", group, image.stem)
            distractor, _ = rng.pick(groups[rng.pick(others)])
            plan.append(ConcatenatedPair(group, image, mask, distractor, rng.chance(0.5)))
    return plan


def make_distractors(where: str, output: Path, seed: int) -> Iterator[ConcatenatedPair]:
    """Writes the distractor test of a set: ``images/<group>/<stem>.png`` and ``gts/<group>/<stem>.png``.

    The distractor is resized to the size of the own image, both are concatenated, and the result is resized to this
    size again. Each file is written atomically, and existing files are kept, so that a stopped run can be resumed.

    Args:
        where: a set of groups, see :func:`cosod.training.data.training_set.read_groups`.
        output: folder to write to: new, empty, or of an earlier run with the same set and seed.
        seed: seed of the choice of each distractor and of its side.

    Yields:
        Each image of the test, after it was written.

    Raises:
        InputError: the set cannot be used, or the folder contains other files.
        ImageError: an image cannot be read.
        OutputError: a file cannot be written.

    Example:
        >>> count = sum(1 for _ in make_distractors("sets/MSRC", Path("distractors"), seed=0))  # doctest: +SKIP
    """
    name, groups = read_groups(where)
    plan = plan_distractors(groups, seed)
    inputs = InputFiles(path for pair in plan for path in (pair.image, pair.mask))
    inputs.refuse([output / RECORD, *(path for pair in plan for path in written_files(pair, output))])
    _claim(output, name, seed, plan)

    def make(pair: ConcatenatedPair) -> ConcatenatedPair:
        write_pair(pair, output)
        return pair

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        yield from pool.map(make, plan)


def written_files(pair: ConcatenatedPair, output: Path) -> tuple[Path, Path]:
    """Returns the files to which the mask and the composed image are written, in this order.

    Example:
        >>> pair = ConcatenatedPair("cat", Path("1.jpg"), Path("1.png"), Path("dog.jpg"), left=True)
        >>> [str(path) for path in written_files(pair, Path("out"))]
        ['out/gts/cat/1.png', 'out/images/cat/1.png']
    """
    return output / "gts" / pair.group / pair.name(), output / "images" / pair.group / pair.name()


def write_pair(pair: ConcatenatedPair, output: Path) -> None:
    """Writes one image of the test and its mask; does nothing if both files exist.

    The mask is read as in evaluation. The image is written after the mask, so that every image has a mask.

    Raises:
        ImageError: an image cannot be read.
        OutputError: a file cannot be written.

    Example:
        >>> write_pair(pair, Path("distractors"))  # doctest: +SKIP
    """
    truth_path, image_path = written_files(pair, output)
    if image_path.exists() and truth_path.exists():
        return
    own = Image.fromarray(read_image(pair.image))
    distractor = Image.fromarray(read_image(pair.distractor)).resize(own.size, Image.Resampling.BILINEAR)
    mask = Image.fromarray(read_truth(pair.mask).levels)
    truth = _side_by_side(mask, Image.new("L", own.size), pair.left).point(lambda level: 255 * (level > 127))
    _save(truth, truth_path)
    _save(_side_by_side(own, distractor, pair.left), image_path)


def _side_by_side(own: Image.Image, other: Image.Image, left: bool) -> Image.Image:
    """Concatenates two pictures of the same size horizontally, and resizes the result to this size."""
    first, second = (own, other) if left else (other, own)
    both = np.concatenate([np.asarray(first), np.asarray(second)], axis=1)
    return Image.fromarray(both).resize(own.size, Image.Resampling.BILINEAR)


def _save(picture: Image.Image, path: Path) -> None:
    with whole(path) as temporary:
        picture.save(temporary, format="PNG")


def _claim(output: Path, name: str, seed: int, plan: list[ConcatenatedPair]) -> None:
    """Raises InputError unless the folder is new, empty, or of the same set and seed; then writes its record."""
    record = {"set": name, "seed": seed, "images": [_row(pair) for pair in plan]}
    path = output / RECORD
    if path.exists():
        try:
            same = json.loads(path.read_text(encoding="utf-8")) == record
        except (OSError, ValueError):
            same = False
        if not same:
            raise InputError(f"{output} was made of another set or seed; give another folder, or delete it")
    elif output.exists() and any(output.iterdir()):
        raise InputError(f"{output} holds something else; give a new or empty folder")
    write_text(path, json.dumps(record) + "\n")


def _row(pair: ConcatenatedPair) -> list:
    distractor = f"{pair.distractor.parent.name}/{pair.distractor.name}"
    return [f"{pair.group}/{pair.image.name}", distractor, "left" if pair.left else "right"]
