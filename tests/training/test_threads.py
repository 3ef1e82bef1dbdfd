import os

import pytest
import torch

from cosod.errors import InputError
from cosod.training import threads
from tests.torch_threads import torch_threads


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """Eight idle cores without a limit; the number of threads is put back afterwards."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.2, 0.0, 0.0), raising=False)
    monkeypatch.setattr(threads, "QUOTA", tmp_path / "cpu.max")
    with torch_threads(8):
        yield


@pytest.mark.parametrize(("load", "expected"), [(0.2, 8), (1.1, 7), (7.0, 1), (40.0, 1)])
def test_busy_cores_are_left_to_others(monkeypatch, load, expected):
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    assert threads.set_threads() == torch.get_num_threads() == expected


@pytest.mark.parametrize(
    ("quota", "expected"), [("200000 100000", 2), ("50000 100000", 1), ("max 100000", 8), ("?", 8)]
)
def test_the_limit_of_a_container_is_kept(quota, expected):
    threads.QUOTA.write_text(quota)
    assert threads.free_threads() == expected


def test_what_was_asked_for_is_taken(monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (40.0, 0.0, 0.0))
    assert threads.set_threads(5) == 5
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert threads.set_threads() == 5
    with pytest.raises(InputError, match="at least 1"):
        threads.set_threads(0)
