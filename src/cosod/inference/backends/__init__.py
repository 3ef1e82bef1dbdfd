"""Other runtimes for encoding and decoding, and export of models for other programs.

The encoder and the decoder are converted once for a network (or once for each size, if the network takes squares), with
a dynamic number of images, and stored in the cache (see :func:`cosod.models.backbones.imagenet.cache_dir`). The network
itself computes the consensus between them, so that groups may have any size.
"""

from cosod.inference.backends.converted_steps import open_steps

__all__ = ["open_steps"]
