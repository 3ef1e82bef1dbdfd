"""A batch cut into parts that threads work on side by side, on the CPU.

Torch shares the work of every layer among all threads, which then wait for the slowest of them sixty times in a pass;
beside threads that read and write files, one of them is always late. Here each thread takes some of the images through
all layers by itself. What a few images need between two layers also stays in the caches, and below the size from which
the C library asks the system for every piece of memory anew.
"""

import functools
import itertools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")


def parts(images: int, most: int, threads: int) -> list[slice]:
    """How a batch is cut.

    Args:
        images: of the batch, at least 1.
        most: of a part, at least 1.
        threads: there are; every one gets as many parts as the others, where there are enough images.

    Returns:
        The images of each part, in order, their numbers as equal as can be.
    """
    count = -(-images // most)
    count = min(images, -(-count // threads) * threads)
    edges = [images * number // count for number in range(count + 1)]
    return [slice(*pair) for pair in itertools.pairwise(edges)]


def in_parts(work: Callable[[slice], T], images: int, most: int) -> list[T]:
    """What ``work`` makes of each part of a batch, in order; gradients are off or on in it as they are here.

    Args:
        work: thread-safe.
        images, most: see :func:`parts`.
    """
    threads = torch.get_num_threads()
    cuts = parts(images, most, threads)
    if threads == 1 or len(cuts) == 1:
        return [work(cut) for cut in cuts]
    inference, gradients = torch.is_inference_mode_enabled(), torch.is_grad_enabled()

    def one(cut: slice) -> T:
        with torch.inference_mode(inference), torch.set_grad_enabled(gradients):
            return work(cut)

    count = min(threads, len(cuts))
    return list(_crew(os.getpid(), count, threads // count).map(one, cuts))


@functools.cache
def _crew(process: int, count: int, each: int) -> ThreadPoolExecutor:
    """Threads for parts; a forked process needs its own."""
    return crew(count, "cosod-network", each)


def crew(count: int, name: str, each: int = 1) -> ThreadPoolExecutor:
    """Threads in which torch shares its work among ``each`` threads, and not among all there are."""
    before = torch.get_num_threads()

    def begin() -> None:
        torch.get_num_threads()  # takes the number set last by any thread, the first time: not later, then
        torch.set_num_threads(each)

    threads = ThreadPoolExecutor(count, name, begin)
    started = threading.Barrier(count)
    for waiting in [threads.submit(started.wait) for _ in range(count)]:
        waiting.result()
    # What is set holds for the thread that sets it, and for all that begin later.
    torch.set_num_threads(before)
    return threads
