"""How much it helps to say what an object is not, and the constants of the rule that says it.

For each group and each number of images that its consensus is learned from, the three groups of other things are taken
whose photos are taken for it most. Of each of them one or three photos are negatives; its other photos, and photos of
further groups, show nothing of the object.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from development_photos import Photos
from regression import roc_auc
from torch import Tensor
from torch.nn import functional as F

from cosod.apps.absence import ABSENT
from cosod.inference.negatives import NegativeRule, Negatives
from cosod.inference.presence import Calibration, pooled, similarity, where_like

HARDEST, NEGATIVES, REFERENCES, SEEN = 3, (1, 3), (1, 4), 6
SHARPNESS, MARGINS = (15.0, 30.0, 60.0), (0.0, 0.025, 0.05, 0.075, 0.1)


class Seen(NamedTuple):
    """One image in one situation.

    Attributes:
        kind: ``own`` shows the object, ``taken for it`` what the negatives show, ``others`` anything else.
        negatives: how many photos said what the object is not.
        presence: without negatives.
        own, nearest: cosines of the place most like the object with the prototype and with the nearest negative.
    """

    kind: str
    negatives: int
    presence: float
    own: float
    nearest: float


def fit_rule(
    photos: Photos,
    calibration: Calibration,
    prototype_of: Callable[[Tensor, Tensor | None], Tensor],
    rng: np.random.Generator,
) -> tuple[NegativeRule, list[str]]:
    """The constants that tell present from absent images best, and a table of what they do.

    Args:
        photos: of the development sets.
        calibration: of kept consensuses.
        prototype_of: gives the prototype of images by F and marks.
        rng: chooses photos.
    """
    seen = list(_seen(photos, calibration, prototype_of, rng))
    rules = [NegativeRule(*pair) for pair in itertools.product(SHARPNESS, MARGINS)]
    rule = max(rules, key=lambda r: _balanced(seen, r))
    lines = [
        "| negatives | images without the object | ROC-AUC | present found | absent found |",
        "|---|---|---|---|---|",
    ]
    for count, with_rule in ((0, None), *((count, rule) for count in NEGATIVES)):
        some = [one for one in seen if one.negatives == (count or NEGATIVES[0])]
        kinds, scores = np.array([one.kind for one in some]), _scores(some, with_rule)
        own = scores[kinds == "own"]
        for kind in ("taken for it", "others"):
            other = scores[kinds == kind]
            auc = roc_auc(np.concatenate([own, other]), np.arange(len(own) + len(other)) < len(own))
            found = f"{(own >= ABSENT).mean():.0%} | {(other < ABSENT).mean():.0%}"
            lines.append(f"| {count or 'none'} | {kind} | {auc:.3f} | {found} |")
    return rule, [*lines, ""]


def _seen(photos: Photos, calibration: Calibration, prototype_of, rng: np.random.Generator) -> Iterator[Seen]:
    for number, group in enumerate(photos.groups):
        allowed = [place for source in photos.sources(number) for place in photos.others(number, source, rng)]
        for count in REFERENCES:
            order = rng.permutation(len(group.deep))
            if len(order) <= count:  # a small group
                continue
            known, new = order[:count], order[count:][:SEEN]
            prototype = prototype_of(group.deep[known], group.marks[known] if count == 1 else None)
            alike = dict(zip(allowed, similarity(photos.deep(allowed), prototype).tolist(), strict=True))
            for other in _hardest(alike):
                of = [place for place in allowed if place[0] == other]
                rest = [place for place in allowed if place[0] != other]
                rest = [rest[k] for k in rng.permutation(len(rest))[:SEEN]]
                for many in NEGATIVES:
                    negatives = _negatives(photos, of[:many], prototype)
                    shown = {"own": group.deep[new], "taken for it": photos.deep(of[many:][:SEEN])}
                    for kind, deep in {**shown, "others": photos.deep(rest)}.items():
                        vectors = pooled(deep, where_like(deep, prototype))
                        own = F.cosine_similarity(vectors, prototype)
                        there = calibration.presence(own, float(count))
                        nearest = negatives.nearest(vectors.numpy())
                        for values in zip(there.tolist(), own.tolist(), nearest.tolist(), strict=True):
                            yield Seen(kind, many, *values)


def _hardest(alike: dict[tuple[int, int], float]) -> list[int]:
    """The groups whose photos resemble the object most, of those with enough photos."""
    groups: dict[int, list[float]] = {}
    for (group, _), value in alike.items():
        groups.setdefault(group, []).append(value)
    large = [group for group, values in groups.items() if len(values) > max(NEGATIVES) + 1]
    return sorted(large, key=lambda group: -float(np.mean(groups[group])))[:HARDEST]


def _negatives(photos: Photos, places: list[tuple[int, int]], prototype: Tensor) -> Negatives:
    """As :func:`cosod.inference.kept_rules.negatives_of` makes them."""
    deep = photos.deep(places)
    vectors = [F.normalize(pooled(deep, where_like(deep, prototype)), dim=1)]
    vectors += [photos.groups[group].regions[image] for group, image in places]
    return Negatives(torch.cat(vectors).numpy(), NegativeRule())


def _scores(seen: list[Seen], rule: NegativeRule | None) -> np.ndarray:
    presence, own, nearest = (np.array([getattr(s, name) for s in seen]) for name in ("presence", "own", "nearest"))
    return presence if rule is None else presence * rule.factor(own, nearest)


def _balanced(seen: list[Seen], rule: NegativeRule) -> float:
    """Mean share of images that are told right: with the object, taken for it, and others.

    Images with the object weigh as much as both kinds without it.
    """
    scores, kinds = _scores(seen, rule), np.array([one.kind for one in seen])
    absent = [(scores[kinds == kind] < ABSENT).mean() for kind in ("taken for it", "others")]
    return float((scores[kinds == "own"] >= ABSENT).mean() + np.mean(absent)) / 2
