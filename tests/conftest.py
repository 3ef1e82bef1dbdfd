"""How tests are distributed."""

import os


def pytest_xdist_auto_num_workers(config):
    """Half as many workers more than cores: browsers, clusters and servers are waited for in many tests."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return (3 * cores + 1) // 2
