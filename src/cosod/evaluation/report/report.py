"""The report of an evaluation, with figures over all images, by group and by image."""

from array import array
from collections.abc import Iterator, Mapping
from functools import cached_property

import numpy as np

from cosod.evaluation.metrics.totals import Totals
from cosod.evaluation.pairs import Pair
from cosod.evaluation.protocols import Protocol


class ImageTable(Mapping):
    """A mapping from the name of each image, ``group/stem``, to its measures.

    The values are stored in one flat array, so that 100,000 images take about 10 MB.

    Attributes:
        columns: the keys of the measures.
        pairs: the images in the order of the rows.
        rows: the values of all measures of the first image, then those of the second image, and so on.
    """

    def __init__(self, columns: tuple[str, ...], pairs: list[Pair]):
        self.columns = columns
        self.pairs = pairs
        self.rows = array("d")

    @cached_property
    def _places(self) -> dict[str, int]:
        return {pair.key: i for i, pair in enumerate(self.pairs)}

    def __getitem__(self, key: str) -> dict[str, float]:
        start = self._places[key] * len(self.columns)
        return dict(zip(self.columns, self.rows[start : start + len(self.columns)], strict=True))

    def __iter__(self) -> Iterator[str]:
        return (pair.key for pair in self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def column(self, key: str) -> np.ndarray:
        """Returns the values of one measure for all N images, float64, ``(N,)``, in the order of ``pairs``."""
        return np.frombuffer(self.rows).reshape(-1, len(self.columns))[:, self.columns.index(key)]


class Report:
    """The results of one method on one set under one protocol.

    Attributes:
        definitions: the protocol.
        method, set_name: the names of the method and the set; "" if they were not given.
        images: the measures of each image, by ``group/stem``.
        totals: the sums of each group from which the figures are computed.
        missing: the names of the images without a prediction, which are scored as black maps.
        warnings: sentences about problems of the input.
        intervals: the confidence interval of each measure, empty unless the caller stores the result of
            :func:`cosod.evaluation.bootstrap.intervals` here.
    """

    def __init__(
        self,
        definitions: Protocol,
        method: str,
        set_name: str,
        images: ImageTable,
        totals: dict[str, Totals],
        missing: list[str],
        warnings: list[str],
    ):
        self.definitions = definitions
        self.method = method
        self.set_name = set_name
        self.images = images
        self.totals = totals
        self.missing = missing
        self.warnings = warnings
        self.intervals: dict[str, tuple[float, float]] = {}

    @property
    def protocol(self) -> str:
        """The name of the protocol."""
        return self.definitions.name

    @property
    def keys(self) -> tuple[str, ...]:
        """The measures of the protocol, in the order of tables."""
        return self.definitions.columns

    @cached_property
    def overall(self) -> Totals:
        """The sums over all images."""
        return sum(self.totals.values(), Totals())

    @cached_property
    def all(self) -> dict[str, float]:
        """The figure of each measure over all images, as in the papers' tables."""
        return self.definitions.figures(self.overall)

    @cached_property
    def groups(self) -> dict[str, dict[str, float]]:
        """The figures over the images of each group; a flat folder is one group named ``.``."""
        return {name: self.definitions.figures(totals) for name, totals in self.totals.items()}

    @cached_property
    def class_mean(self) -> dict[str, float]:
        """The mean of each figure over the groups, where every group has the same weight."""
        return {k: float(np.nanmean([figures[k] for figures in self.groups.values()])) for k in self.keys}

    @cached_property
    def curves(self) -> dict[str, np.ndarray]:
        """The curves averaged over all images, by rising threshold, ``(K,)`` each.

        They are ``precision``, ``recall``, ``fpr``, ``f`` and ``e``, as far as the protocol has them.
        """
        return self.definitions.finished(self.overall.mean_curves())

    def __repr__(self) -> str:
        figures = " ".join(f"{k}={v:.4f}" for k, v in self.all.items())
        return f"<Report {self.method or 'maps'}, protocol {self.protocol}, {len(self.images)} images: {figures}>"
