"""Scoring of whole folders in chunks, by several processes; memory use hardly grows with the number of images."""

import concurrent.futures
import dataclasses
import itertools
import multiprocessing
import os
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
from PIL import Image
from tqdm import tqdm

from cosod.errors import ImageError, InputError
from cosod.evaluation.inversion import inverted
from cosod.evaluation.metrics.histograms import count_gray
from cosod.evaluation.metrics.totals import Totals
from cosod.evaluation.notices import Notices, some
from cosod.evaluation.pairs import Pair, Pairing, pair_up
from cosod.evaluation.protocols import Coseg, Protocol, get
from cosod.evaluation.reading import read_map, read_truth
from cosod.evaluation.report.report import ImageTable, Report
from cosod.io.wording import plural

#: The number of pairs in a chunk. It is fixed, so that sums do not depend on the number of workers.
_CHUNK = 32
#: The smallest number of chunks per process.
_CHUNKS_A_WORKER = 6


def evaluate(
    pred: str | os.PathLike,
    gt: str | os.PathLike,
    protocol: str | Protocol = "papers",
    *,
    workers: int = 1,
    skip_empty: bool = False,
    progress: bool = False,
    method: str = "",
    set_name: str = "",
) -> Report:
    """Scores a folder of maps against a folder of ground truth masks.

    Args:
        pred: the folder of the maps, which have the names of the masks: ``<group>/<stem>.png``, or ``<stem>.png``
            without groups.
        gt: the folder of the masks. Every mask is scored, and a missing map is scored as a black map.
        protocol: the name of one of :data:`cosod.evaluation.protocols.PROTOCOLS`, or a protocol.
        workers: the maximum number of processes. With 1, or for few images, all work is done in the calling process.
            With more, the calling script needs the usual ``if __name__ == "__main__"`` guard.
        skip_empty: whether to leave out images without an object; only the ``coseg`` protocols support this.
        progress: whether to show a progress bar on standard error if that is a terminal.
        method, set_name: the names of the method and the set for the report.

    Raises:
        InputError: there are no pairs, the protocol or a folder does not exist, two files have the same name, or an
            option does not fit the protocol.
        ImageError: files cannot be read. The message lists the first ten of them.

    Example:
        >>> report = cosod.evaluate("maps", "gts")  # doctest: +SKIP
        >>> report.all["s"]  # doctest: +SKIP
    """
    return evaluate_protocols(
        pred,
        gt,
        [protocol],
        workers=workers,
        skip_empty=skip_empty,
        progress=progress,
        method=method,
        set_name=set_name,
    )[0]


def evaluate_protocols(
    pred: str | os.PathLike,
    gt: str | os.PathLike,
    protocols: Iterable[str | Protocol],
    *,
    workers: int = 1,
    skip_empty: bool = False,
    progress: bool = False,
    method: str = "",
    set_name: str = "",
) -> list[Report]:
    """Scores a folder of maps like :func:`evaluate`, for several protocols at once.

    Each file is read only once.

    Args:
        pred: the folder of the maps.
        gt: the folder of the masks.
        protocols: the names of protocols in :data:`cosod.evaluation.protocols.PROTOCOLS`, or protocols.
        workers, skip_empty, progress, method, set_name: see :func:`evaluate`.

    Returns:
        One report for each protocol, in the order of ``protocols`` without repetitions.

    Raises:
        InputError: see :func:`evaluate`.
        ImageError: files cannot be read. The message lists the first ten of them.

    Example:
        >>> papers, coseg = evaluate_protocols("maps", "gts", ["papers", "coseg"])  # doctest: +SKIP
    """
    chosen = [_chosen(p, skip_empty) for p in dict.fromkeys(protocols)]
    if workers < 1:
        raise InputError(f"workers is {workers}; give 1 or more")
    pairing = pair_up(pred, gt)
    tables = [ImageTable(p.columns, pairing.pairs) for p in chosen]
    groups: list[dict[str, Totals]] = [{} for _ in chosen]
    notices, errors = Notices(), []
    hidden = None if progress else True  # with None, tqdm hides the bar unless stderr is a terminal
    with tqdm(total=len(pairing.pairs), desc=method or "scoring", unit="image", disable=hidden) as bar:
        for part in _results(pairing.pairs, chosen, workers):
            errors += part.errors
            notices += part.notices
            for i, table in enumerate(tables):
                table.rows.extend(part.rows[i])
                for group, totals in part.groups[i].items():
                    groups[i][group] = groups[i][group] + totals if group in groups[i] else totals
            bar.update(part.images)
    if errors:
        raise ImageError(_unreadable(errors))
    warnings = _warnings(pairing, notices)
    return [
        Report(p, method, set_name, table, totals, pairing.missing, warnings)
        for p, table, totals in zip(chosen, tables, groups, strict=True)
    ]


def _chosen(protocol: str | Protocol, skip_empty: bool) -> Protocol:
    protocol = get(protocol) if isinstance(protocol, str) else protocol
    if not skip_empty:
        return protocol
    if not isinstance(protocol, Coseg):
        raise InputError(f"protocol {protocol.name!r} scores empty masks too; skip them with a coseg protocol only")
    return dataclasses.replace(protocol, name=f"{protocol.name}-skip-empty", skip_empty=True)


@dataclass
class _Part:
    """The results of one chunk, which are small enough to be sent between processes."""

    images: int = 0
    rows: list[array] = field(default_factory=list)
    groups: list[dict[str, Totals]] = field(default_factory=list)
    notices: Notices = field(default_factory=Notices)
    errors: list[str] = field(default_factory=list)


def _results(pairs: list[Pair], chosen: list[Protocol], workers: int) -> Iterator[_Part]:
    chunks = (pairs[i : i + _CHUNK] for i in range(0, len(pairs), _CHUNK))
    workers = min(workers, len(pairs) // (_CHUNK * _CHUNKS_A_WORKER))
    if workers <= 1:
        for chunk in chunks:
            yield _score_chunk(chunk, chosen)
        return
    # Processes are spawned, because a fork of a process that has run PyTorch or OpenCV threads can hang.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(workers, context, _single_threaded) as pool:
        try:
            waiting = [pool.submit(_score_chunk, c, chosen) for c in itertools.islice(chunks, 2 * workers)]
            while waiting:
                done = waiting.pop(0).result()
                waiting += [pool.submit(_score_chunk, c, chosen) for c in itertools.islice(chunks, 1)]
                yield done
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _single_threaded() -> None:
    cv2.setNumThreads(1)


def _score_chunk(pairs: list[Pair], chosen: list[Protocol]) -> _Part:
    part = _Part(len(pairs), [array("d") for _ in chosen], [{} for _ in chosen])
    for pair in pairs:
        try:
            pred, truth = _load(pair, part.notices)
        except ImageError as error:
            part.errors.append(str(error))
            continue
        fitted: dict[Image.Resampling, np.ndarray] = {}
        for protocol, rows, groups in zip(chosen, part.rows, part.groups, strict=True):
            if protocol.resample not in fitted:
                fitted[protocol.resample] = fit(pred, truth.shape, protocol.resample)
            scores = protocol.measure(fitted[protocol.resample], truth)
            groups.setdefault(pair.group, Totals()).add(scores)
            values = protocol.values(scores)
            rows.extend(values[k] for k in protocol.columns)
    return part


def fit(pred: np.ndarray, shape: tuple[int, int], resample: Image.Resampling) -> np.ndarray:
    """Resizes a map to the size of its truth with Pillow, in 8 bits as the toolboxes do.

    Args:
        pred: the map, uint8, ``(h, w)``.
        shape: the height and width of the truth in pixels.
        resample: the Pillow filter.

    Returns:
        uint8, ``(H, W)``; the map itself if it has the size already.

    Example:
        >>> fit(np.zeros((4, 4), np.uint8), (8, 16), Image.Resampling.BILINEAR).shape
        (8, 16)
    """
    if pred.shape == shape:
        return pred
    return np.asarray(Image.fromarray(pred).resize(shape[::-1], resample))


def _load(pair: Pair, notices: Notices) -> tuple[np.ndarray, np.ndarray]:
    truth, kinds = read_truth(pair.truth)
    for kind in kinds:
        notices.note(kind, pair.key)
    if not {"empty", "faint", "labels"} & set(kinds):
        gray = count_gray(truth)
        if gray:
            notices.note("gray", pair.key, gray / truth.size)
    if pair.prediction is None:
        return np.zeros_like(truth), truth
    pred, kinds = read_map(pair.prediction)
    for kind in kinds:
        notices.note(kind, pair.key)
    if pred.shape != truth.shape:
        notices.note("resized", pair.key)
    if pred.min() == pred.max():
        notices.note("constant", pair.key)
    elif dark_objects := inverted(pred, truth):
        notices.note(dark_objects, pair.key)
    return pred, truth


def _unreadable(errors: list[str]) -> str:
    if len(errors) == 1:
        return errors[0]
    return f"{len(errors)} files cannot be read: " + " | ".join(errors[:10]) + (" | ..." if len(errors) > 10 else "")


def _warnings(pairing: Pairing, notices: Notices) -> list[str]:
    missing, total = pairing.missing, len(pairing.pairs)
    out = []
    if missing:
        are = "is" if len(missing) == 1 else "are"
        out.append(f"{len(missing)} of {plural(total, 'map')} {are} missing, which counts as black: {some(missing)}")
    if pairing.extra:
        maps = plural(len(pairing.extra), "map has no ground truth and is", "maps have no ground truth and are")
        out.append(f"{maps} left out: {some(pairing.extra)}")
    if pairing.alike:
        pairs = [f"'{prediction}' for '{truth}'" for truth, prediction in pairing.alike]
        out.append(f"{plural(len(pairs), 'map')} may only be named differently: {some(pairs)}; rename the files")
    return out + notices.sentences()
