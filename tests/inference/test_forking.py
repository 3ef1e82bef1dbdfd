"""A detector in a forked process: it works, or says that processes are to be started in another way."""

import multiprocessing
import os

import numpy as np
import pytest
import torch

from cosod.errors import DeviceError
from cosod.inference.detector import Detector
from cosod.inference.forking import check_process
from cosod.inference.functions import load
from tests.torch_threads import torch_threads

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


@pytest.fixture
def two_threads():
    with torch_threads(2):
        yield


def pictures():
    return list(np.random.default_rng(0).integers(0, 256, (3, 200, 300, 3), dtype=np.uint8))


def _segment(detector, queue):
    queue.put(detector.segment(pictures()))


def test_a_forked_process_finds_the_same(two_threads):
    detector = Detector(load(device="cpu").network, size=128, closer=True)
    expected = detector.segment(pictures())  # the threads are there now
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=_segment, args=(detector, queue))
    process.start()
    try:
        for one, other in zip(expected, queue.get(timeout=60), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-4)
    finally:
        process.kill()


def test_what_stays_behind_is_named():
    check_process(os.getpid(), "openvino", torch.device("cuda"))
    check_process(0, "torch", torch.device("cpu"))
    for backend, device in (("onnxruntime", "cpu"), ("torch", "cuda")):
        with pytest.raises(DeviceError, match="spawn"):
            check_process(0, backend, torch.device(device))
