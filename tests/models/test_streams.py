"""A batch in parts, side by side."""

import threading

import pytest
import torch

from cosod.models import streams
from cosod.models.affinity import _largest, best_match
from cosod.models.fast import FastSteps
from cosod.models.registry import create


@pytest.fixture
def four_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("images", "most", "threads", "sizes"),
    [
        (1, 6, 2, [1]),
        (8, 4, 2, [4, 4]),
        (8, 6, 2, [4, 4]),
        (20, 6, 2, [5, 5, 5, 5]),
        (9, 4, 2, [2, 2, 2, 3]),
        (3, 1, 8, [1, 1, 1]),
        (5, 9, 1, [5]),
        (7, 3, 1, [2, 2, 3]),
    ],
)
def test_parts_are_equal_in_size_and_number_for_every_thread(images, most, threads, sizes):
    cuts = streams.parts(images, most, threads)
    assert [cut.stop - cut.start for cut in cuts] == sizes
    assert [i for cut in cuts for i in range(images)[cut]] == list(range(images))


def test_parts_are_done_by_threads_of_their_own_in_order_and_nothing_else_changes(four_threads):
    seen, here = [], threading.current_thread().name

    def work(cut):
        seen.append((threading.current_thread().name, torch.get_num_threads(), torch.is_inference_mode_enabled()))
        return list(range(8)[cut])

    with torch.inference_mode():
        assert streams.in_parts(work, 8, 2) == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert all(name != here and each == 1 and inference for name, each, inference in seen)
    assert len(seen) == 4 and torch.get_num_threads() == 4
    new = []
    thread = threading.Thread(target=lambda: new.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert new == [4], "threads that begin later must not inherit the parts' number"


def test_two_parts_share_the_threads_and_no_gradient_stays_none(four_threads):
    each = streams.in_parts(lambda cut: (torch.get_num_threads(), torch.is_grad_enabled()), 2, 1)
    assert each == [(2, True), (2, True)]
    with torch.no_grad():
        assert streams.in_parts(lambda cut: torch.is_grad_enabled(), 2, 1) == [False, False]


def test_an_error_in_a_part_comes_out(four_threads):
    def work(cut):
        if cut.start:
            raise ValueError("the second part")
        return cut

    with pytest.raises(ValueError, match="the second part"):
        streams.in_parts(work, 4, 2)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_network_gives_the_same_maps_in_parts(four_threads, monkeypatch, precision):
    torch.manual_seed(0)
    network = create("gconet_plus_mobile").eval()
    steps = FastSteps(network, torch.device("cpu"), precision)
    images = torch.rand(7, 3, 64, 64).contiguous(memory_format=torch.channels_last)

    def maps():
        with torch.inference_mode():
            features = steps.encode(images)
            return steps.decode(features, network.consensus(features))

    whole = maps()
    monkeypatch.setattr(type(network), "part_pixels", 2 * 64 * 64)
    cut = maps()
    for one, other in zip(whole[:1] + whole[3:5], cut[:1] + cut[3:5], strict=True):
        assert one.shape == (7, 1, 64, 64)
        torch.testing.assert_close(one, other, atol=1e-5 if precision == "float32" else 2e-2, rtol=0)


def test_the_largest_by_bits_is_the_largest():
    torch.manual_seed(0)
    scores = torch.randn(50, 3, 7).bfloat16()
    scores[0, 0] = -scores[0, 0].abs()  # nothing above zero
    scores[1, 1] = 0.0
    assert (scores.amax(dim=2) < 0).any()
    assert torch.equal(_largest(scores), scores.amax(dim=2))
    assert torch.equal(_largest(scores.abs()), scores.abs().amax(dim=2))


def test_best_match_in_bfloat16_is_that_of_the_same_numbers(four_threads):
    torch.manual_seed(0)
    query, key = (torch.randn(n, 16, 33).bfloat16() for n in (5, 9))
    exact = best_match(query.float(), key.float())
    torch.testing.assert_close(best_match(query, key, 1 << 10).float(), exact, atol=0.05, rtol=0.01)
