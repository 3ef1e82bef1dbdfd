"""Notices about input images, which are collected over all images and reported in one sentence for each kind."""

import re
from dataclasses import dataclass, field

#: The sentence of each kind of notice. ``{n}`` is the number of images, ``{share}`` the mean share in percent and
#: ``{names}`` the first few names; ``[a|b]`` is replaced by a for one image, and by b for several.
_SENTENCES = {
    "gray": "{n} ground truth [mask is|masks are] not binary: {share:.2f} % of [its|their] pixels are gray ({names})",
    "zero_one": "{n} ground truth [mask has|masks have] no value above 1, and [was|were] read as 0 and 1 ({names})",
    "faint": "{n} ground truth [mask has|masks have] no value above 1 in a lossy format, and [was|were] read as almost "
    "black; save masks of 0 and 255 as PNG ({names})",
    "labels": "{n} ground truth [mask seems|masks seem] to hold several labels (the highest value is below 32), and "
    "[was|were] read as almost black; save masks of 0 and 255 that mark the object ({names})",
    "empty": "{n} ground truth [mask is|masks are] empty, without any object ({names})",
    "full": "{n} ground truth [mask is|masks are] white everywhere; check that [it is a mask|they are masks] ({names})",
    "alpha": "{n} [image has its mask in its|images have their masks in their] alpha channel, which was read ({names})",
    "alpha_too": "{n} [image has different pictures in its|images have different pictures in their] colors and alpha "
    "channel; the colors were read ({names})",
    "colored": "{n} ground truth [mask is|masks are] black and one color; the color was read as the object ({names})",
    "labels_in_color": "{n} ground truth [mask is|masks are] black and several colors; everything that is not black "
    "was read as the object ({names})",
    "colored_map": "{n} [map is|maps are] black and one color, which was read as white ({names})",
    "constant": "{n} [map is|maps are] constant; protocol 'papers' stretches the values of a map, so that even a white "
    "one scores as black ({names})",
    "zero_one_map": "{n} [map has|maps have] no value above 1, as if a mask of 0 and 1 had been saved without scaling; "
    "multiply the values by 255 ({names})",
    "color_map": "{n} [map is a color image and was|maps are color images and were] converted to gray ({names})",
    "color_truth": "{n} ground truth [mask is a color image and was|masks are color images and were] converted to gray "
    "({names})",
    "depth": "{n} [image has|images have] more than 8 bits and [was|were] rounded to 8 bits ({names})",
    "float": "{n} [image has|images have] floating-point values and [was|were] rounded to 8 bits ({names})",
    "shallow": "{n} [image|images] of more than 8 bits [has|have] no value above 255, and [was|were] read as 8 bits "
    "({names})",
    "resized": "{n} [map differs|maps differ] in size from the ground truth and [was|were] resized ({names})",
    "inverted": "{n} [map is|maps are] dark on the object and bright elsewhere, as if inverted; if so, save 255 minus "
    "each value ({names})",
    "inverted_truth": "{n} ground truth [mask is|masks are] white along the edges of the picture where the maps are "
    "dark, as if the object were black; if so, save 255 minus each value ({names})",
}
#: The number of names that a sentence shows.
_SHOWN = 3


@dataclass
class Notices:
    """The notices of a number of images.

    The sum ``a + b`` holds the notices of both, those of ``a`` first.

    Attributes:
        counts: the number of images of each kind.
        names: the names of the first three images of each kind.
        amounts: the sum of the amounts of each kind, such as the shares of gray pixels.

    Example:
        >>> notices = Notices()
        >>> notices.note("empty", "mug/1")
        >>> notices.sentences()
        ['1 ground truth mask is empty, without any object (mug/1)']
    """

    counts: dict[str, int] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)
    amounts: dict[str, float] = field(default_factory=dict)

    def note(self, kind: str, name: str, amount: float = 0.0) -> None:
        """Adds a notice about one image.

        Args:
            kind: the kind of the notice, a key of the sentences above.
            name: the name of the image.
            amount: an amount whose mean the sentence reports, such as the share of gray pixels in [0, 1].
        """
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
        """Returns one sentence for each kind, in the order in which the kinds were first noted."""
        return [
            _of(n, _SENTENCES[k]).format(n=n, share=100 * self.amounts[k] / n, names=some(self.names[k], n))
            for k, n in self.counts.items()
        ]


def _of(count: int, sentence: str) -> str:
    """Chooses the singular or the plural of each ``[singular|plural]`` in a sentence."""
    return re.sub(r"\[(.*?)\|(.*?)\]", lambda forms: forms[1 if count == 1 else 2], sentence)


def some(names: list[str], total: int | None = None) -> str:
    """Returns the first three of some names as text, followed by ``...`` if there are more.

    Args:
        names: the names, or at least the first three of them.
        total: the number of all names; ``len(names)`` by default.

    Example:
        >>> some(["a", "b"]), some(["a", "b", "c", "d"])
        ('a, b', 'a, b, c, ...')
    """
    total = len(names) if total is None else total
    shown = ", ".join(names[:_SHOWN])
    return f"{shown}, ..." if total > _SHOWN else shown
