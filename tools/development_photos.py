"""Groups of development sets as features, and which photos of any set show nothing of a group."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from measure_default import held_out, read_truth

import cosod
from cosod.inference.consensus_file import marked_attention
from cosod.inference.deep_rows import together
from cosod.inference.region_filter import descriptors
from cosod.io.images import read_image
from cosod.io.tensors import to_array
from cosod.training.data.coarse_labels import CoarseLabels

#: Groups of a set, and photos of a group.
GROUPS, IMAGES = 30, 12
#: Photos that are encoded at once.
BATCH = 4
#: Groups that are called otherwise in another set. What a face is of is a person.
OTHER_NAMES = {"aeroplane": "plane", "face": "person", "pottedplant": "flower"}
#: Its groups are classes of ImageNet, by number.
CLASSES = "DUTS_class"
#: Its photos lie in the group of each thing that they show, so that it is known what is not in them.
EVERYDAY = "everyday"
#: Its groups have no names but those of synsets; many show persons.
UNNAMED = "DUTS_rest"


class Encoded(NamedTuple):
    """F of the images of a group, and their masks as attention with one channel.

    Both are tensors of :class:`cosod.inference.deep_rows.DeepRows`: images may have grids of different shapes.

    Attributes:
        source: name of the set.
        kind: what the group shows, by an everyday name where it has one.
        deep, marks: see above.
        regions: for each image unit vectors ``(R, C)`` of what stands out in it.
        names: of these images.
        photos: of all images of the group.
    """

    source: str
    kind: str
    deep: torch.Tensor
    marks: torch.Tensor
    regions: list[torch.Tensor]
    names: list[str]
    photos: frozenset[str]


class Photos:
    """The groups of several sets, as features.

    Args:
        detector: encodes.
        duts: DUTS_class, of which the 30 groups are taken that training held out (``tools/held_out.txt``).
        sets: of each of the others at most :data:`GROUPS` groups.
    """

    def __init__(self, detector: cosod.Detector, duts: Path, sets: list[Path]):
        self.classes = CoarseLabels(str(number) for number in range(1000))
        self.groups = [self._encode(detector, duts, name) for name in held_out()]
        self.shown: dict[str, set[str]] = {}  # what a photo of the everyday set shows
        for root in sets:
            names = sorted(path.name for path in (root / "images").iterdir() if path.name != "singles")
            if root.name == EVERYDAY:
                for name in names:
                    for path in (root / "images" / name).iterdir():
                        self.shown.setdefault(path.stem, set()).add(_plain(name))
            some = names[:: max(1, len(names) // GROUPS)][:GROUPS]
            self.groups += [self._encode(detector, root, name) for name in some]

    def others(self, number: int, source: str, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
        """Group and image of the photos of a set in which nothing of a group is, in a random order.

        Args:
            number: of the group.
            source: name of the set.
            rng: says the order.
        """
        found = [
            (g, i)
            for g, other in enumerate(self.groups)
            if g != number and other.source == source
            for i, name in enumerate(other.names)
            if self._without(self.groups[number], other, name)
        ]
        return (found[k] for k in rng.permutation(len(found)))

    def sources(self, number: int) -> list[str]:
        """Names of the sets of which it is known what photos show nothing of a group."""
        own = self.groups[number].source
        named = [source for source in dict.fromkeys(group.source for group in self.groups) if source != UNNAMED]
        return [own, *([EVERYDAY] if EVERYDAY in named else [])] if own == UNNAMED else named

    def deep(self, chosen: list[tuple[int, int]]) -> torch.Tensor:
        """F of photos, given by group and image, as :class:`cosod.inference.deep_rows.DeepRows` has them."""
        return together([self.groups[g].deep[i : i + 1] for g, i in chosen])

    def _without(self, group: Encoded, other: Encoded, name: str) -> bool:
        if other.source == EVERYDAY:
            shown = self.shown[name]
            return group.kind not in shown and not (group.source == UNNAMED and "person" in shown)
        return name not in group.photos and other.kind != group.kind

    @torch.inference_mode()
    def _encode(self, detector: cosod.Detector, root: Path, group: str) -> Encoded:
        images: list[np.ndarray] = []
        masks: list[np.ndarray] = []
        names: list[str] = []
        paths = sorted((root / "images" / group).iterdir())
        for path in paths:
            if len(images) == IMAGES:
                break
            mask = read_truth(root, group, path)
            if 0 < mask.mean() < 1:
                images.append(read_image(path))
                masks.append(mask)
                names.append(path.stem)
        deep: dict[int, torch.Tensor] = {}
        marks: dict[int, torch.Tensor] = {}
        regions: dict[int, torch.Tensor] = {}
        for part in detector.inputs(images).batches(BATCH):
            features = detector.forward.encode([pixels for _, pixels in part])
            output = detector.forward.alone(features, detector.network.consensus(features))
            for (row, _), one, f in zip(part, output.saliency, features.deep.split(1), strict=True):
                mask = masks[row]
                deep[row] = f.float().cpu()
                marks[row] = torch.from_numpy(marked_attention(mask, mask.shape, f.shape[-2:], mask.size))[None]
                regions[row] = torch.from_numpy(descriptors(to_array(one), to_array(f)))
        rows = sorted(deep)
        kind = self.classes.of.get(group, group) if root.name == CLASSES else _plain(group)
        photos = frozenset(path.stem for path in paths)
        return Encoded(
            root.name,
            kind,
            together([deep[row] for row in rows]),
            together([marks[row] for row in rows]),
            [regions[row] for row in rows],
            [names[row] for row in rows],
            photos,
        )


def _plain(group: str) -> str:
    """The name of a group without its number, as it is called in all sets."""
    name = re.sub(r"_[0-9]+$", "", group)
    return OTHER_NAMES.get(name, name)
