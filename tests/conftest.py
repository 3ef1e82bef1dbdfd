"""How tests are distributed, and how their workers collect garbage."""

import gc
import os


def pytest_xdist_auto_num_workers(config):
    """Half as many workers more than cores: browsers, clusters and servers are waited for in many tests."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return (3 * cores + 1) // 2


def pytest_collection_finish(session):
    """Leaves packages and tests out of the collection of garbage, which took three per cent of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
