"""Writing in threads: order, bounds and errors."""

import threading
import time

import pytest
import torch

from cosod.io.atomic_write import write_text
from cosod.io.background_writer import WAITING, Writer
from tests.torch_threads import torch_threads


def test_callbacks_come_in_order_whatever_takes_longest():
    told, thread = [], []
    with Writer(threads=4) as writer:
        for number in range(12):
            seconds = 0.03 if number % 3 == 0 else 0

            def work(number=number, seconds=seconds):
                time.sleep(seconds)
                return number

            writer.put(work, lambda n: (told.append(n), thread.append(threading.get_ident())))
            writer.then(lambda number=number: told.append(f"after {number}"))
    assert told == [x for number in range(12) for x in (number, f"after {number}")]
    assert set(thread) == {threading.get_ident()}


def test_what_waits_is_bounded():
    gate, most = threading.Event(), []

    def work():
        gate.wait(5)

    with Writer(threads=2, most=100) as writer:
        for _ in range(3):
            writer.put(work, lambda _: None, size=30)
        assert writer._open == 3
        threading.Timer(0.05, gate.set).start()
        writer.put(work, lambda _: most.append(writer._bytes), size=30)  # 120 bytes: the first has to be done
        assert writer._bytes <= 100
        writer.put(work, lambda _: None, size=1000)  # waits alone
        assert writer._open <= 1
    assert most and writer._bytes == 0
    with Writer(threads=1) as writer:
        for _ in range(5 * WAITING):
            writer.put(lambda: None, lambda _: None)
            assert writer._open <= WAITING


def test_an_error_comes_out_and_nothing_more_is_begun():
    begun, told = [], []

    def work(number):
        begun.append(number)
        if number == 1:
            raise OSError("full")
        time.sleep(0.01)

    def everything():
        with Writer(threads=1) as writer:
            for number in range(50):
                writer.put(lambda number=number: work(number), told.append)

    with pytest.raises(OSError, match="full"):
        everything()
    assert told == [None] and len(begun) < 10


def test_an_error_of_the_caller_ends_what_waits(tmp_path):
    def interrupted():
        with Writer(threads=1) as writer:
            for number in range(4):
                path = tmp_path / f"{number}.txt"
                writer.put(lambda path=path: (time.sleep(0.02), write_text(path, "all of it")), lambda _: None)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    written = list(tmp_path.iterdir())
    assert len(written) < 4 and all(path.read_text() == "all of it" for path in written)


def test_torch_works_in_one_thread_there_and_in_all_elsewhere():
    seen = []
    with torch_threads(3):
        with Writer(threads=2) as writer:
            writer.put(torch.get_num_threads, seen.append)
        later = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        later.start()
        later.join()
        assert seen == [1, 3] and torch.get_num_threads() == 3
