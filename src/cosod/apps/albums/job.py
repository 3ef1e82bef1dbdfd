"""Sorting a folder of photos into a folder of albums: cached descriptors, links or copies, a sheet and a record."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from cosod.apps.albums.clustering import Grouping
from cosod.apps.albums.descriptors import FORM, describe
from cosod.apps.albums.grouping import Albums, sort
from cosod.apps.albums.placing import place, remove
from cosod.apps.albums.sheet import album_sheet
from cosod.errors import ImageError, InputError
from cosod.inference.detector import Detector
from cosod.io.atomic_write import whole, write_text
from cosod.io.file_names import LONGEST, shortened
from cosod.io.image_formats import LeftOut
from cosod.io.passed_over import is_sheet
from cosod.io.photo_groups import Group, find_groups, unique_names
from cosod.io.prefetch import batched
from cosod.io.run_records import fingerprint
from cosod.io.write_guard import InputFiles

RECORD = "albums.json"
SHEET = "albums.jpg"
LEFTOVERS = "leftovers"
#: Name of the folder in the output folder to which the results of a segmentation of the albums are written.
RESULTS = "results"
#: Path, in the output folder, of the folder of descriptors, which are kept so that a stopped run can be resumed.
DESCRIPTORS = Path(".cosod") / "descriptors"
#: Number of photos whose descriptors are written to one file.
PART = 256
#: Indices of the photos that have descriptors, their descriptors ``(N, C)``, and index -> error of unreadable photos.
Described = tuple[list[int], np.ndarray, dict[int, str]]


@dataclass(frozen=True)
class AlbumJob:
    """The options of sorting photos into albums.

    Attributes:
        output: folder of the albums: ``<output>/album-001/<photo>``..., ``<output>/leftovers/<photo>``.
        copy: whether the photos are copied; by default, links to them are created.
        again: whether the photos are sorted again if the folder holds albums of other photos or options.
        smallest: minimum number of photos in an album.

    Raises:
        InputError: ``smallest`` is below 2.

    Example:
        >>> AlbumJob(Path("albums"), smallest=3).copy
        False
    """

    output: Path
    copy: bool = False
    again: bool = False
    smallest: int = 2

    def __post_init__(self):
        Grouping(self.smallest)  # raises an error for an invalid value


@dataclass(frozen=True)
class Sorted:
    """The result of :func:`sort_photos`.

    Attributes:
        albums: the albums as groups, named ``album-001``..., the largest one first.
        leftovers: photos that share no object with any other photo, or have a single color.
        failed: for each photo that could not be read, a dictionary with ``image`` and ``error``.
        earlier: whether an earlier run had sorted the same photos, so that nothing had to be computed.
    """

    albums: tuple[Group, ...]
    leftovers: tuple[Path, ...]
    failed: tuple[dict[str, str], ...]
    earlier: bool


def find_photos(
    paths: Sequence[Path],
    output: Path,
    on_results: Callable[[Path, tuple[str, ...]], None] = lambda folder, verbs: None,
    on_left_out: Callable[[LeftOut], None] = lambda file: None,
) -> tuple[Path, ...]:
    """Finds all images under ``paths``, at any depth and outside ``output``, each of them once.

    Args:
        paths: folders and image files.
        output: folder of the albums, which is not searched.
        on_results, on_left_out: as for :func:`cosod.io.find_groups`.

    Raises:
        InputError: a path does not exist or cannot be read, or there are no images.

    Example:
        >>> photos = find_photos([Path("photos")], Path("albums"))  # doctest: +SKIP
    """
    groups = find_groups(paths, exclude=[output], on_results=on_results, on_left_out=on_left_out)
    return tuple(dict.fromkeys(photo for group in groups for photo in group.images))


def check_albums(job: AlbumJob, read: Sequence[Path]) -> InputFiles:
    """Refuses an output folder in which albums would replace inputs.

    Args:
        job: options of the albums.
        read: the photos, and other files that are read.

    Returns:
        The inputs.

    Raises:
        InputError: an input is one of the files that are written, or lies in a folder of albums or of their results,
            where links and copies are replaced when photos are sorted again; or the contact sheet would replace a file
            that is not a contact sheet.

    Example:
        >>> inputs = check_albums(AlbumJob(Path("albums")), photos)  # doctest: +SKIP
    """
    inputs = InputFiles(read)
    sheet = job.output / SHEET
    inputs.refuse([job.output / RECORD, sheet])
    albums = sorted(job.output.glob("album-*")) if job.output.is_dir() else []
    inputs.refuse_inside([*albums, job.output / LEFTOVERS, job.output / RESULTS, job.output / DESCRIPTORS.parent])
    if sheet.exists() and not is_sheet(sheet) and not (job.output / RECORD).exists():
        raise InputError(f"{sheet} exists and is no sheet of albums; move it away or give another folder")
    return inputs


def sort_photos(
    detector: Detector,
    model: str,
    photos: Sequence[Path],
    job: AlbumJob,
    report: Callable[[int], None] = lambda done: None,
) -> Sorted:
    """Sorts photos into albums, and writes links or copies of the photos, a contact sheet and a record.

    A stopped run is resumed, and a finished one is not repeated. Apart from its own record and contact sheet, the
    function deletes and replaces only links and unchanged copies that an earlier run recorded as its own.

    Args:
        detector: the detector that computes the descriptors of the photos.
        model: identity of its network and weights.
        photos: from :func:`find_photos`.
        job: options of the albums.
        report: called after each part of the photos with the number of photos in the part.

    Returns:
        The albums, the leftovers and the photos that could not be read.

    Raises:
        InputError: the folder holds albums of other photos or options, and ``job.again`` is not set; or
            :func:`check_albums` refuses the folder.
        ImageError: none of the photos can be read.
        OutputError: a file cannot be written, or another file has the name of a link or copy.
        ExtraError: scikit-learn is not installed.

    Example:
        >>> found = sort_photos(detector, model, photos, AlbumJob(Path("albums")))  # doctest: +SKIP
    """
    check_albums(job, photos)
    print_ = fingerprint(model, FORM, detector.size, job.smallest, [_state(photo) for photo in photos])
    stems = unique_names([shortened(photo.stem, LONGEST - len(photo.suffix)) for photo in photos])
    record = _read_record(job.output / RECORD)
    earlier = record is not None and record["fingerprint"] == print_
    if record is not None and not earlier and not job.again:
        raise InputError(
            f"{job.output} holds albums of other photos or options; give another folder, or --overwrite to sort again"
        )
    if record is not None and earlier:
        found, failed = (
            Albums(*(_tuples(record[key]) for key in ("albums", "leftovers", "unreadable"))),
            record["failed"],
        )
    else:
        indices, descriptors, failed = _describe(detector, model, photos, job.output, report)
        lost = {entry["image"] for entry in failed}
        unreadable = [number for number, photo in enumerate(photos) if str(photo) in lost]
        found = sort(indices, descriptors, detector, len(photos), job.smallest, unreadable)
    if record is not None and not earlier:
        remove(job.output, record["written"])
    albums = tuple(
        Group(f"album-{number:03d}", tuple(photos[i] for i in album), tuple(stems[i] for i in album))
        for number, album in enumerate(found.albums, start=1)
    )
    leftovers = Group(LEFTOVERS, tuple(photos[i] for i in found.leftovers), tuple(stems[i] for i in found.leftovers))
    placed = {
        f"{group.name}/{stem}{photo.suffix}": photo
        for group in (*albums, leftovers)
        for photo, stem in zip(group.images, group.stems, strict=True)
    }
    facts = {
        "fingerprint": print_,
        "detector": detector.options.plain(),
        **asdict(found),
        "failed": failed,
        "written": {k: str(v) for k, v in placed.items()},
    }
    facts["names"] = {group.name: [str(photo) for photo in group.images] for group in (*albums, leftovers)}
    write_text(job.output / RECORD, json.dumps(facts, indent=1, ensure_ascii=False))
    for name, photo in placed.items():
        try:
            place(photo, job.output / name, job.copy)
        except ImageError as error:
            failed.append({"image": str(photo), "error": str(error)})
    if not earlier or not (job.output / SHEET).exists():
        album_sheet([*albums, leftovers], job.output / SHEET, detector.max_pixels)
    return Sorted(albums, leftovers.images, tuple(failed), earlier)


def _describe(
    detector: Detector, model: str, photos: Sequence[Path], output: Path, report: Callable[[int], None]
) -> tuple[list[int], np.ndarray, list[dict[str, str]]]:
    """Returns the indices and descriptors of the photos, and the failures.

    The descriptors of each part of the photos are saved; those that a stopped run has saved are read instead of
    computed.
    """
    indices: list[int] = []
    descriptors: list[np.ndarray] = []
    failed: list[dict[str, str]] = []
    for part in batched(range(len(photos)), PART):
        name = fingerprint(model, FORM, detector.size, [_state(photos[i]) for i in part])
        kept = output / DESCRIPTORS / f"{name}.npz"
        rows, found, errors = _read_part(kept) or _describe_part(detector, [photos[i] for i in part], kept)
        indices += [part[row] for row in rows]
        descriptors.append(found)
        failed += [{"image": str(photos[part[row]]), "error": error} for row, error in errors.items()]
        report(len(part))
    if len(failed) == len(photos):
        raise ImageError(f"none of the {len(photos)} photos could be read; the first: {failed[0]['error']}")
    described = [found for found in descriptors if len(found)]
    return indices, np.concatenate(described) if described else np.zeros((0, 0), np.float32), failed


def _describe_part(detector: Detector, photos: list[Path], kept: Path) -> Described:
    errors: dict[int, str] = {}
    rows, found = describe(detector, photos, lambda row, error: errors.__setitem__(row, str(error)))
    with whole(kept) as temporary, temporary.open("wb") as file:
        np.savez(file, rows=np.array(rows, int), found=found, errors=np.array(json.dumps(errors)))
    return rows, found, errors


def _read_part(kept: Path) -> Described | None:
    try:
        with np.load(kept, allow_pickle=False) as stored:
            errors = {int(row): text for row, text in json.loads(str(stored["errors"])).items()}
            return stored["rows"].tolist(), stored["found"], errors
    except (OSError, ValueError, KeyError, EOFError):
        return None


def _read_record(path: Path) -> dict | None:
    """Reads the record of an earlier run; None if there is none.

    Raises:
        InputError: the file is not a record of albums.
    """
    if not path.exists():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        texts = [record["fingerprint"], *record["written"], *record["written"].values()]
        numbers = [i for album in record["albums"] for i in album] + record["leftovers"] + record["unreadable"]
        whole_ = all(isinstance(t, str) for t in texts) and all(isinstance(i, int) for i in numbers)
        if not whole_ or not all(set(entry) == {"image", "error"} for entry in record["failed"]):
            raise ValueError("values of the wrong kind")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: no record of albums ({error}); move it away or give another folder") from error
    return record


def _tuples(values: list) -> tuple:
    return tuple(tuple(value) if isinstance(value, list) else value for value in values)


def _state(photo: Path) -> tuple:
    try:
        state = photo.stat()
        return str(photo.resolve()), state.st_size, state.st_mtime_ns
    except OSError:
        return str(photo), None, None
