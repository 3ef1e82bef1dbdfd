"""Other runtimes for the two steps of a network that cost time, and models for other programs.

The encoder and the decoder are converted once for a network (where it takes squares, once for each size), with a
dynamic number of images, and kept in the cache (see :func:`cosod.models.backbones.imagenet.cache_dir`); the consensus
between them stays with the network, so that groups may have any size.
"""

from cosod.inference.backends.converted_steps import open_steps

__all__ = ["open_steps"]
