"""The pool: the images to be labeled, and the masks that may answer in place of a person."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from cosod.active_learning.points import Point, PointSet
from cosod.errors import ImageError, InputError
from cosod.evaluation.pairs import IMAGE_FOLDERS, TRUTH_FOLDERS, find_images
from cosod.io.atomic_write import write_text
from cosod.io.images import image_size, read_image


@dataclass(frozen=True)
class Pool:
    """Images under one folder, named by their paths from there.

    Attributes:
        root: the folder.
        sizes: height and width of the upright image by name, sorted by name.
    """

    root: Path
    sizes: dict[str, tuple[int, int]]

    @classmethod
    def scan(
        cls,
        root: str | os.PathLike,
        subset: int | None = None,
        seed: int = 0,
        on_error: Callable[[ImageError], None] | None = None,
    ) -> "Pool":
        """Finds the images of a folder: those in its ``images`` folder, or all that lie in no folder of masks.

        Args:
            root: the folder.
            subset: number of images to choose at random; all by default.
            seed: seed of that choice.
            on_error: called for an image that cannot be read, which is left out; by default the error is raised.

        Raises:
            InputError: there is no such folder, or no image in it that can be read.
        """
        names = _photos(Path(root))
        if subset is not None and subset < len(names):
            # By hash, so that the choice depends on nothing but the seed and the names.

            def chance(name: str) -> bytes:
                return hashlib.sha256(f"{seed}/{name}".encode("utf-8", "surrogateescape")).digest()

            names = sorted(sorted(names, key=chance)[:subset])
        sizes = {}
        for name in names:
            try:
                sizes[name] = read_image(Path(root) / name).shape[:2]
            except ImageError as error:
                if on_error is None:
                    raise
                on_error(error)
        if not sizes:
            raise InputError(f"{root}: none of its {len(names)} images could be read")
        return cls(Path(root), sizes)

    @property
    def names(self) -> list[str]:
        """The images, sorted by name."""
        return list(self.sizes)

    def __len__(self) -> int:
        return len(self.sizes)

    def path(self, name: str) -> Path:
        """Returns the file of an image of the pool.

        Raises:
            InputError: no image of the pool has this name.
        """
        if name not in self.sizes:
            raise InputError(f"{name}: is not in the pool of {len(self)} images under {self.root}")
        return self.root / name

    @cached_property
    def fingerprint(self) -> str:
        """A short hash of the names and sizes: another pool, another fingerprint."""
        return hashlib.sha256(json.dumps(list(self.sizes.items())).encode()).hexdigest()[:16]

    def masks(self) -> dict[str, Path]:
        """Finds the mask of every image: in a folder ``gts``, ``masks`` or of a like name, called as its image is.

        Raises:
            InputError: an image without a mask.
        """
        truths = {key_of(name): self.root / name for name in _files(self.root) if _is_truth(name)}
        missing = [name for name in self.names if key_of(name) not in truths]
        if missing:
            raise InputError(
                f"{self.root}: {len(missing)} of {len(self)} images have no mask, the first is {missing[0]}; "
                f"put masks into {self.root / 'gts'}, named as the images, or ask a person: cosod active query"
            )
        return {name: truths[key_of(name)] for name in self.names}

    def check(self, image: str, points: Iterable[Point | tuple[int, int]]) -> None:
        """Whether points may be clicks of an image.

        Raises:
            InputError: the image is not of this pool, or a point lies outside it.
        """
        self.path(image)
        height, width = self.sizes[image]
        for x, y, *_ in points:
            if not (0 <= x < width and 0 <= y < height):
                raise InputError(f"{image}: point ({x}, {y}) lies outside the image of {width} x {height} pixels")

    def check_points(self, points: PointSet, where: str | os.PathLike) -> None:
        """Whether a set of clicks, from the file ``where``, is of this pool.

        Raises:
            InputError: it is of another pool, or has an image or a point that the pool has not.
        """
        if points.pool != self.fingerprint:
            raise InputError(
                f"{where}: belongs to another pool ({points.pool or 'none'}) than that of {self.root} "
                f"({self.fingerprint}); give the answers of this run"
            )
        for image, clicks in points:
            self.check(image, clicks)

    def check_unchanged(self) -> None:
        """Whether the files are still what they were when the pool was made.

        Raises:
            InputError: naming the images that are gone or have another size.
        """
        changed = []
        for name, size in self.sizes.items():
            try:
                found = image_size(self.root / name)
            except ImageError:
                changed.append(f"{name} (gone or unreadable)")
                continue
            if found != size:
                changed.append(f"{name} ({found[1]} x {found[0]} in place of {size[1]} x {size[0]})")
        if changed:
            more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
            raise InputError(
                f"the pool under {self.root} changed since the run began: {', '.join(changed[:3])}{more}; "
                "put the images back as they were, or begin another run"
            )

    def save(self, path: str | os.PathLike) -> None:
        """Write to a JSON file, whole or not at all."""
        lines = ",\n".join(f"{json.dumps(n, ensure_ascii=False)}: {json.dumps(s)}" for n, s in self.sizes.items())
        root = json.dumps(str(self.root.resolve()), ensure_ascii=False)
        write_text(path, f'{{"root": {root}, "fingerprint": "{self.fingerprint}", "sizes": {{\n{lines}\n}}}}\n')

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Pool":
        """Loads the pool of a file that :meth:`save` wrote.

        Raises:
            InputError: the file is missing or damaged.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            sizes = {name: (int(height), int(width)) for name, (height, width) in content["sizes"].items()}
            pool = cls(Path(content["root"]), sizes)
            intact = pool.fingerprint == content["fingerprint"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: cannot be read as a pool ({error}); begin another run") from error
        unsafe = [n for n in sizes if PurePosixPath(n).is_absolute() or ".." in PurePosixPath(n).parts]
        if not intact or unsafe:
            raise InputError(f"{path}: was changed by hand or damaged; begin another run")
        return pool


#: Folders of masks; those of the evaluation, and the plain word.
_MASKS = TRUTH_FOLDERS | {"mask", "masks"}


def _parents(name: str) -> list[str]:
    return [part.lower() for part in PurePosixPath(name).parts[:-1]]


def _is_truth(name: str) -> bool:
    return any(part in _MASKS for part in _parents(name))


def key_of(name: str) -> tuple[str, ...]:
    """Returns what an image and its mask have in common: the folders without the telling ones, and the stem."""
    path = PurePosixPath(name)
    return (*(p for p in path.parts[:-1] if p.lower() not in _MASKS | IMAGE_FOLDERS), path.stem)


def _files(root: Path) -> list[str]:
    return find_images(root, "pool")


def _photos(root: Path) -> list[str]:
    photos = [name for name in _files(root) if not _is_truth(name)]
    inside = [name for name in photos if IMAGE_FOLDERS.intersection(_parents(name))]
    if not photos:
        raise InputError(f"{root}: holds masks only; give a folder with images")
    return inside or photos
