"""Waiting for what another thread or process does."""

import time


def eventually(true, seconds=10.0):
    """Waits until ``true()`` is."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)
