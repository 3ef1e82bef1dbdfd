"""Things to know about the input, gathered from every image and told once a kind."""

from dataclasses import dataclass, field

#: Kind -> the sentence; {n} images, {share} mean share in per cent, {names} the first few.
_SENTENCES = {
    "gray": "{n} truth(s) are not binary: {share:.2f} % of their pixels are gray ({names})",
    "zero_one": "{n} truth(s) hold no level above 1 and were read as masks of 0 and 1 ({names})",
    "faint": "{n} truth(s) hold no level above 1 in a lossy format and were read as almost black; save masks of 0 and "
    "255 as PNG ({names})",
    "labels": "{n} truth(s) look like labels of several kinds (their highest level is below 32) and were read as "
    "almost black; save masks of 0 and 255 that mark the object ({names})",
    "empty": "{n} truth(s) are empty, without any object ({names})",
    "full": "{n} truth(s) are white all over; check that they are masks ({names})",
    "alpha": "{n} image(s) hold their mask in the transparency and were read from there ({names})",
    "alpha_too": "{n} image(s) hold one picture in their colors and another in their transparency; the colors were "
    "read ({names})",
    "colored": "{n} truth(s) are black and one color; the color was read as the object ({names})",
    "labels_in_color": "{n} truth(s) are black and several colors; whatever is not black was read as the object "
    "({names})",
    "colored_map": "{n} map(s) are black and one color, which was read as white ({names})",
    "constant": "{n} map(s) are constant; stretched under 'papers', even a white one scores as black ({names})",
    "zero_one_map": "{n} map(s) hold no level above 1, as if 0/1 masks had been saved unscaled; multiply them by 255 "
    "({names})",
    "color_map": "{n} map(s) are color images and were turned to gray ({names})",
    "color_truth": "{n} truth(s) are color images and were turned to gray ({names})",
    "depth": "{n} image(s) have more than 8 bits and were rounded to 8 ({names})",
    "float": "{n} image(s) hold floating-point numbers and were rounded to 8 bits ({names})",
    "shallow": "{n} image(s) of more than 8 bits hold no level above 255 and were read as images of 8 bits ({names})",
    "resized": "{n} map(s) have another size than their truth and were resized ({names})",
    "inverted": "{n} map(s) are dark on the object and bright elsewhere, as if inverted; if they are, save 255 minus "
    "each level ({names})",
    "inverted_truth": "{n} truth(s) are white along the picture's edges where the maps are dark, as if the object were "
    "black in them; if it is, save 255 minus each level ({names})",
}
_SHOWN = 3


@dataclass
class Notices:
    """Counts by kind, the first few names of each, and a sum (of shares); ``a + b`` merges in order."""

    counts: dict[str, int] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)
    amounts: dict[str, float] = field(default_factory=dict)

    def note(self, kind: str, name: str, amount: float = 0.0) -> None:
        """Counts one more image of a kind."""
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
        """Returns one sentence a kind."""
        return [
            _SENTENCES[k].format(n=n, share=100 * self.amounts[k] / n, names=some(self.names[k], n))
            for k, n in self.counts.items()
        ]


def some(names: list[str], total: int | None = None) -> str:
    """Returns the first few of ``names``, and whether there are more of the ``total``."""
    total = len(names) if total is None else total
    shown = ", ".join(names[:_SHOWN])
    return f"{shown}, ..." if total > _SHOWN else shown
