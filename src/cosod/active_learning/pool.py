"""The pool, i.e. the images to be labeled; their masks, if there are any, can give the answers instead of a person."""

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
    """Images to be labeled in a folder; the name of an image is its path relative to the folder.

    Attributes:
        root: the folder.
        sizes: height and width of each image in its upright orientation, by name, in the order of the names.
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
        """Finds the images of a folder and reads their sizes.

        These are the images in subfolders like ``images``, if there are any; otherwise all images outside of folders
        of masks.

        Args:
            root: the folder.
            subset: number of images to choose at random; by default all images.
            seed: seed of this choice.
            on_error: called with the error of each image that cannot be read, which is then left out; by default the
                error is raised.

        Raises:
            InputError: the folder does not exist, or no image in it can be read.
            ImageError: an image cannot be read, and ``on_error`` is not given.
        """
        names = _photos(Path(root))
        if subset is not None and subset < len(names):
            # The images are chosen by a hash, so that the choice depends only on the seed and the names.

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
        """Names of the images, sorted."""
        return list(self.sizes)

    def __len__(self) -> int:
        return len(self.sizes)

    def path(self, name: str) -> Path:
        """Returns the file of an image of the pool.

        Raises:
            InputError: the pool has no image of this name.
        """
        if name not in self.sizes:
            raise InputError(f"{name}: is not in the pool of {len(self)} images under {self.root}")
        return self.root / name

    @cached_property
    def fingerprint(self) -> str:
        """Short hash of the names and sizes of the images, which identifies the pool."""
        return hashlib.sha256(json.dumps(list(self.sizes.items())).encode()).hexdigest()[:16]

    def masks(self) -> dict[str, Path]:
        """Finds the mask of every image: a file of the same stem in a folder of masks (``gts``, ``masks``, etc.).

        Returns:
            The file of the mask by the name of the image.

        Raises:
            InputError: an image has no mask.
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
        """Checks that points lie in an image of the pool.

        Args:
            image: name of the image.
            points: column and row of each point, which further values may follow.

        Raises:
            InputError: the pool has no such image, or a point lies outside the image.
        """
        self.path(image)
        height, width = self.sizes[image]
        for x, y, *_ in points:
            if not (0 <= x < width and 0 <= y < height):
                raise InputError(f"{image}: point ({x}, {y}) lies outside the image of {width} x {height} pixels")

    def check_points(self, points: PointSet, where: str | os.PathLike) -> None:
        """Checks that clicks belong to this pool.

        Args:
            points: the clicks.
            where: file of the clicks, or another name of them in messages.

        Raises:
            InputError: the clicks are of another pool, of an image that the pool does not have, or outside an image.
        """
        if points.pool != self.fingerprint:
            raise InputError(
                f"{where}: belongs to another pool ({points.pool or 'none'}) than that of {self.root} "
                f"({self.fingerprint}); give the answers of this run"
            )
        for image, clicks in points:
            self.check(image, clicks)

    def check_unchanged(self) -> None:
        """Checks that the images exist and have the same sizes as when the pool was made.

        Raises:
            InputError: images are missing, unreadable, or of another size; the message names the first three.
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
        """Writes the pool to a JSON file, atomically.

        Raises:
            OutputError: the file cannot be written.
        """
        lines = ",\n".join(f"{json.dumps(n, ensure_ascii=False)}: {json.dumps(s)}" for n, s in self.sizes.items())
        root = json.dumps(str(self.root.resolve()), ensure_ascii=False)
        write_text(path, f'{{"root": {root}, "fingerprint": "{self.fingerprint}", "sizes": {{\n{lines}\n}}}}\n')

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Pool":
        """Loads a pool from a file that :meth:`save` has written; the images themselves are not read.

        Raises:
            InputError: the file is missing, damaged, or was edited.
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


#: Names of folders of masks, in lower case: those that the evaluation knows, and further ones.
_MASKS = TRUTH_FOLDERS | {"mask", "masks"}


def _parents(name: str) -> list[str]:
    return [part.lower() for part in PurePosixPath(name).parts[:-1]]


def _is_truth(name: str) -> bool:
    return any(part in _MASKS for part in _parents(name))


def key_of(name: str) -> tuple[str, ...]:
    """Returns a key that an image and its mask have in common: the stem, and all folders but ``images``, ``gts``, etc.

    Args:
        name: path of the image or the mask, relative to the pool's folder.

    Example:
        >>> key_of("images/cat/1.jpg"), key_of("gts/cat/1.png")
        (('cat', '1'), ('cat', '1'))
    """
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
