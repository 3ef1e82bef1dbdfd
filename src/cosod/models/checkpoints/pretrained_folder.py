"""A network as a folder with its weights file, and a model card that describes the network and its use."""

import dataclasses
import os
from pathlib import Path

import torch

from cosod.io.atomic_write import write_text
from cosod.models import registry
from cosod.models.base import CoSaliencyNetwork
from cosod.models.checkpoints import safetensors_file
from cosod.models.checkpoints.loading import RESULT

#: File name of the model card, which the Hub shows as the first page of a repository.
CARD = "README.md"

_CARD = """\
---
library_name: cosod
pipeline_tag: image-segmentation
tags:
- co-salient-object-detection
- co-segmentation
---

# {title}

{description} The network finds the object that a group of photos shares, and gives a map of it for each photo. It has
{parameters:.2f} million parameters, and images are resized to about {size} x {size} pixels.

## Use

```sh
pip install 'cosod[hub]'
```

```python
import cosod

network = cosod.models.from_pretrained({repository!r})
detector = cosod.Detector(network)
maps = detector.segment(["mug1.jpg", "mug2.jpg", "mug3.jpg"])
```

## Configuration

`{file}` holds the weights of the network `{name}` and these options:

| option | value |
|---|---|
{options}
"""


def save_pretrained(
    network: CoSaliencyNetwork, folder: str | os.PathLike, dtype: torch.dtype | None = None, title: str | None = None
) -> None:
    """Saves a network to a folder that :func:`~cosod.models.from_pretrained` and ``cosod.load`` take.

    The folder gets two files, each written whole or not at all: ``weights.safetensors``, with the network's
    configuration and its calibrations, and a model card, ``README.md``. An existing card is kept.

    Args:
        network: one of the registered networks.
        folder: the folder, which is created if it is missing; existing weights are replaced.
        dtype: type of the floating-point values in the file, for instance ``torch.float16`` for half the size.
        title: title of the card, best the name of the repository, ``"user/name"``; by default the folder's name.

    Raises:
        OutputError: a file cannot be written.
        InputError: the network is not registered.

    Example:
        >>> network = cosod.models.load("runs/mine/weights.safetensors")  # doctest: +SKIP
        >>> cosod.models.save_pretrained(network, "mugs", dtype=torch.float16)  # doctest: +SKIP
    """
    folder = Path(folder)
    registry.name_of(network)  # raises InputError for a network that no file can describe
    safetensors_file.save(network, folder / RESULT, extra=dict(network.extra), dtype=dtype)
    if not os.path.lexists(folder / CARD):
        write_text(folder / CARD, model_card(network, title or folder.resolve().name))


def model_card(network: CoSaliencyNetwork, title: str) -> str:
    """Returns the text of a network's model card, in Markdown with the Hub's metadata at its top.

    Args:
        network: one of the registered networks.
        title: title of the card, and what its example loads.

    Raises:
        InputError: the network is not registered.

    Example:
        >>> card = model_card(cosod.models.create("gconet_plus_mobile"), "user/name")
        >>> "from_pretrained('user/name')" in card
        True
    """
    name = registry.name_of(network)
    return _CARD.format(
        title=title,
        repository=title,
        description=registry.entry(name).description,
        name=name,
        file=RESULT,
        parameters=sum(parameter.numel() for parameter in network.parameters()) / 1e6,
        size=network.size,
        options="\n".join(f"| `{key}` | `{value}` |" for key, value in dataclasses.asdict(network.config).items()),
    )
