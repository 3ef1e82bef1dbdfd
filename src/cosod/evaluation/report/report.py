"""What an evaluation found: figures over all images, by group and by image."""

from array import array
from collections.abc import Iterator, Mapping
from functools import cached_property

import numpy as np

from cosod.evaluation.metrics.totals import Totals
from cosod.evaluation.pairs import Pair
from cosod.evaluation.protocols import Protocol


class ImageTable(Mapping):
    """``"group/stem"`` -> measures of that image, in one flat array: 100,000 images take some 10 MB.

    Attributes:
        columns: the measures.
        pairs: the images, in order.
        rows: their values, row after row.
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
        """Returns one measure of all images, float64, (N,), in the order of ``pairs``."""
        return np.frombuffer(self.rows).reshape(-1, len(self.columns))[:, self.columns.index(key)]


class Report:
    """One method on one set under one protocol.

    Attributes:
        definitions: the protocol itself.
        method, set_name: names, "" where none were given.
        images: ``"group/stem"`` -> measures.
        totals: group -> sums that its figures come from.
        missing: images without a prediction, scored as black.
        warnings: what to know about the input, one sentence each.
        intervals: measure -> confidence interval, once :func:`cosod.evaluation.bootstrap.intervals` has been asked.
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
        """The protocol's name."""
        return self.definitions.name

    @property
    def keys(self) -> tuple[str, ...]:
        """The protocol's measures, in the order of tables."""
        return self.definitions.columns

    @cached_property
    def overall(self) -> Totals:
        """Sums over all images."""
        return sum(self.totals.values(), Totals())

    @cached_property
    def all(self) -> dict[str, float]:
        """Figures over all images: the ones that the papers' tables print."""
        return self.definitions.figures(self.overall)

    @cached_property
    def groups(self) -> dict[str, dict[str, float]]:
        """Group -> figures over its images; a flat folder is the one group ``.``."""
        return {name: self.definitions.figures(totals) for name, totals in self.totals.items()}

    @cached_property
    def class_mean(self) -> dict[str, float]:
        """Mean of the groups' figures, every group with the same weight."""
        return {k: float(np.nanmean([figures[k] for figures in self.groups.values()])) for k in self.keys}

    @cached_property
    def curves(self) -> dict[str, np.ndarray]:
        """Curves averaged over all images, by rising threshold: ``precision recall fpr f`` and ``e``, (K,) each."""
        return self.definitions.finished(self.overall.mean_curves())

    def __repr__(self) -> str:
        figures = " ".join(f"{k}={v:.4f}" for k, v in self.all.items())
        return f"<Report {self.method or 'maps'}, protocol {self.protocol}, {len(self.images)} images: {figures}>"
