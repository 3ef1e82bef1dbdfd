"""Threads are left to other processes that need them."""

import os
import pickle
import time

import numpy as np
import pytest
import torch

from cosod.errors import InputError
from cosod.inference import threads
from cosod.inference.detector import Detector
from cosod.inference.threads import FreeThreads, set_threads
from cosod.models import create
from tests.torch_threads import torch_threads


class Machine:
    """Eight cores that other processes, this one, and others of lower priority keep busy for so many seconds."""

    def __init__(self, folder):
        self.stat, self.quota = folder / "stat", folder / "cpu.max"
        self.clock = self.own = 0.0
        self.pass_(0)

    def pass_(self, seconds, others=0.0, own=0.0, nice=0.0):
        """Time passes, in which the given numbers of cores are busy."""
        self.clock, self.own = self.clock + seconds, self.own + own * seconds
        self.busy = getattr(self, "busy", 0) + round(100 * seconds * (others + own))
        self.nice = getattr(self, "nice", 0) + round(100 * seconds * nice)
        cores = [f"cpu{n} {self.busy if n == 2 else 0} {self.nice if n == 3 else 0} 0 5 6 0 0 0 0 0" for n in range(9)]
        self.stat.write_text("\n".join([f"cpu  {self.busy} {self.nice} 0 0 0 0 0 0 0 0", *cores, "intr 1 2 3"]))


@pytest.fixture
def machine(monkeypatch, tmp_path):
    made = Machine(tmp_path)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    monkeypatch.setattr(os, "times", lambda: (made.own, 0.0, 0.0, 0.0, made.clock))
    monkeypatch.setattr(time, "monotonic", lambda: made.clock)
    monkeypatch.setattr(time, "sleep", lambda seconds: made.pass_(seconds, others=3.0))
    monkeypatch.setattr(threads, "QUOTA", made.quota)
    monkeypatch.setattr(threads, "STAT", made.stat)
    with torch_threads(8):
        yield made


@pytest.mark.parametrize(("others", "expected"), [(0.2, 8), (1.1, 7), (7.0, 1), (8.0, 1)])
def test_busy_cores_are_left_to_others(machine, others, expected):
    free = FreeThreads()
    machine.pass_(1.0, others=others, own=1.0)
    assert free.adapt() == torch.get_num_threads() == expected


def test_threads_follow_the_load_during_a_run(machine):
    free = FreeThreads()
    found = []
    for others in (0, 2, 2, 0, 8):
        machine.pass_(2.5, others=others, own=4.0)
        found.append(free.adapt())
    assert found == [8, 6, 6, 8, 1]
    machine.pass_(1.0)
    assert free.adapt() == 1, "too early to measure again"
    machine.pass_(1.5)
    assert free.adapt() == 8


def test_the_steps_of_a_detector_follow_the_load_and_can_be_sent(machine):
    network = create("gconet_plus_mobile")
    images = [np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8) for seed in range(3)]
    plain, adapted = (Detector(network, "cpu", 64, free_threads=free) for free in (False, True))
    sent = pickle.loads(pickle.dumps(adapted))
    wanted = plain.segment(images)
    for detector in (adapted, sent):
        machine.pass_(1.0, others=5.0)
        np.testing.assert_allclose(detector.segment(images), wanted, atol=1e-5)
        assert torch.get_num_threads() == 3
        torch.set_num_threads(8)


def test_work_of_lower_priority_yields(machine, monkeypatch):
    free = FreeThreads()
    machine.pass_(1.0, nice=4.0)
    assert free.adapt() == 8
    monkeypatch.setattr(os, "nice", lambda by: 10)  # of this process too
    free = FreeThreads()
    machine.pass_(1.0, nice=4.0)
    assert free.adapt() == 4


@pytest.mark.parametrize(
    ("quota", "expected"), [("200000 100000", 2), ("50000 100000", 1), ("max 100000", 8), ("?", 8)]
)
def test_the_limit_of_a_container_is_kept(machine, quota, expected):
    machine.quota.write_text(quota)
    free = FreeThreads()
    machine.pass_(1.0)
    assert free.adapt() == expected


@pytest.mark.parametrize("content", [None, "", "cpu0 1 2", "cpu0 a b c d e f g h"])
def test_without_a_report_of_the_system_all_threads_are_taken(machine, content):
    if content is None:
        machine.stat.unlink()
    else:
        machine.stat.write_text(content)
    free = FreeThreads()
    machine.clock += 1.0
    assert free.adapt() == 8


def test_what_was_asked_for_is_taken(machine, monkeypatch):
    assert set_threads() == 5  # three are busy while it sleeps
    assert set_threads(6) == torch.get_num_threads() == 6
    monkeypatch.setenv("OMP_NUM_THREADS", "6")
    free = FreeThreads()
    machine.pass_(1.0, others=8.0)
    assert free.adapt() == set_threads() == 6
    with pytest.raises(InputError, match="at least 1"):
        set_threads(0)


def test_this_machine_reports_times_or_none():
    before = threads._times()
    after = threads._times()
    assert after.busy >= before.busy >= 0 and after.own >= before.own
