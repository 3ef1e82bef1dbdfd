"""Things to know about the input, gathered from every image and told once a kind."""

from dataclasses import dataclass, field

#: Kind -> the sentence; {n} images, {share} mean share in per cent, {names} the first few.
_SENTENCES = {
    "grey": "{n} truth(s) are not binary: {share:.2f} % of their pixels are grey ({names})",
    "zero_one": "{n} truth(s) hold no level above 1, as if 0/1 masks had been saved unscaled; "
    "multiply them by 255 ({names})",
    "empty": "{n} truth(s) are empty, without any object ({names})",
    "constant": "{n} map(s) are constant; stretched under 'papers', even a white one scores as black ({names})",
    "colour_map": "{n} map(s) are colour images and were turned to grey ({names})",
    "colour_truth": "{n} truth(s) are colour images and were turned to grey ({names})",
    "depth": "{n} image(s) have more than 8 bits and were rounded to 8 ({names})",
    "resized": "{n} map(s) have another size than their truth and were resized ({names})",
}
_SHOWN = 3


@dataclass
class Notices:
    """Counts by kind, the first few names of each, and a sum (of shares); ``a + b`` merges in order."""

    counts: dict[str, int] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)
    amounts: dict[str, float] = field(default_factory=dict)

    def note(self, kind: str, name: str, amount: float = 0.0) -> None:
        """One more image of a kind."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.amounts[kind] = self.amounts.get(kind, 0.0) + amount
        names = self.names.setdefault(kind, [])
        if len(names) < _SHOWN:
            names.append(name)

    def __add__(self, other: "Notices") -> "Notices":
        kinds = [*self.counts, *(k for k in other.counts if k not in self.counts)]
        return Notices(
            {k: self.counts.get(k, 0) + other.counts.get(k, 0) for k in kinds},
            {k: (self.names.get(k, []) + other.names.get(k, []))[:_SHOWN] for k in kinds},
            {k: self.amounts.get(k, 0.0) + other.amounts.get(k, 0.0) for k in kinds},
        )

    def sentences(self) -> list[str]:
        """One sentence a kind."""
        return [
            _SENTENCES[k].format(n=n, share=100 * self.amounts[k] / n, names=some(self.names[k], n))
            for k, n in self.counts.items()
        ]


def some(names: list[str], total: int | None = None) -> str:
    """The first few of ``names``, and whether there are more of the ``total``."""
    total = len(names) if total is None else total
    shown = ", ".join(names[:_SHOWN])
    return f"{shown}, ..." if total > _SHOWN else shown
