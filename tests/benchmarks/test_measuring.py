"""Processes that take turns, tables and their sections."""

import dataclasses

import pytest
import speed
import torch
from lines import Found, Line, measure
from machine import heading, peak_memory
from results import table, write_section

from cosod.inference.detector import Detector
from cosod.inference.reference_sampling import ReferenceSampling
from cosod.models import create
from tests.benchmarks.chores import refused, remember
from tests.models.filled import images


def test_lines_take_turns_and_failed_ones_are_left_out(tmp_path, capsys):
    log = tmp_path / "log"
    names = ["small", "refused", "large", "dies"]
    lines = [Line(name, remember, f"{name}={log}") for name in names]
    small, refused, large, dead = measure(lines, rounds=2, threads=1)
    assert log.read_text() == "slsl"
    assert refused is None
    assert dead is None
    assert len(small.rounds) == len(large.rounds) == 2
    assert large.memory - small.memory > 32 << 20
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "left out: refused: cannot be had here; take another"
    assert "exit code 3" in told[1]


def test_a_line_whose_work_raises_is_no_line_that_cannot_be_had(tmp_path):
    with pytest.raises(RuntimeError, match="broken failed"):
        measure([Line("broken", remember, f"breaks={tmp_path / 'log'}")], rounds=1, threads=1)


def test_peak_memory_grows_and_stays():
    before = peak_memory()
    block = bytearray(before + (16 << 20))
    during = peak_memory()
    del block
    assert during > before
    assert peak_memory() > during - (4 << 20)  # the system counts in steps


def test_heading_says_command_machine_versions_and_date():
    text = heading(["python", "benchmarks/speed.py", "--groups", "5"])
    assert text.startswith("`python benchmarks/speed.py --groups 5`")
    for word in ("cores", "memory", "Python 3", f"torch {torch.__version__.split('+')[0]}", ". 20"):
        assert word in text


def test_section_is_put_in_its_place(tmp_path):
    file = tmp_path / "RESULTS.md"
    write_section(file, "one", "One", "first")
    write_section(file, "two", "Two", "second")
    file.write_text(file.read_text() + "\nby hand\n")
    write_section(file, "one", "One", "third")
    text = file.read_text()
    assert "first" not in text
    assert [text.count(word) for word in ("third", "second", "by hand", "## One", "## Two")] == [1] * 5
    assert text.index("third") < text.index("second") < text.index("by hand")
    write_section(file, "one", "One", "third")
    assert file.read_text() == text


def test_table():
    assert table(("a", "b"), [("x", "1")]) == "| a | b |\n| --- | ---: |\n| x | 1 |"


@pytest.mark.parametrize("feature_bytes", [1 << 30, 1])
def test_the_pass_that_is_measured_gives_the_networks_maps(feature_bytes):
    torch.manual_seed(0)
    network = create("gconet_plus_mobile").eval()
    detector = Detector(network, "cpu", 64, batch=2, feature_bytes=feature_bytes)
    group = images(5, 5, 64)
    with torch.inference_mode():
        expected = network(group).maps
    maps = torch.cat(list(speed.group_maps(detector, speed.Ready(group, 5))))
    torch.testing.assert_close(maps, expected, atol=1e-5, rtol=0)


def test_the_pass_that_is_measured_takes_groups_that_are_compared_with_references():
    detector = Detector(create("gconet_plus_mobile").eval(), "cpu", 64, sampling=ReferenceSampling(2, exact_up_to=3))
    assert torch.cat(list(speed.group_maps(detector, speed.Ready(images(5, 5, 64), 7)))).shape == (7, 1, 64, 64)


def test_the_eager_line_is_the_network_as_it_is():
    case = speed.Case("gconet_plus_mobile", speed.EAGER, "bfloat16", 3, 64, "cpu", True)
    seconds, memory = speed.prepare(case)()
    assert seconds > 0 and memory is None
    network, group = speed.make_network("gconet_plus_mobile"), images(5, 3, 64)
    with torch.inference_mode():
        expected = network(group).maps
    assert speed.called(network, group, "float32").equal(expected)
    assert speed.called(network, group, "bfloat16").dtype == torch.float32
    assert len(speed.called(network, group[:0], "bfloat16")) == 0


def test_rows_compare_with_the_straightforward_version():
    plain = speed.Case("gconet_plus_mobile", speed.PLAIN, "float32", 20, 256, "cpu", True)
    cases = [plain, *(dataclasses.replace(plain, backend="torch", precision=p) for p in speed.PRECISIONS)]
    gb = 10**9
    found = [Found([(4.0, None), (3.0, None)], 2 * gb), Found([(1.0, None), (1.5, None)], gb), None]
    rows = speed.rows_of(cases, found)
    assert rows[0][1:] == ["straightforward", "float32", "20", "6.7", "150.00", "2.00 GB", "1.00"]
    assert rows[1][1:] == ["torch", "float32", "20", "20.0", "50.00", "1.00 GB", "3.00"]
    assert len(rows) == 2
    # On a GPU what PyTorch took there counts; without a straightforward version there is nothing to compare with.
    rows = speed.rows_of(cases, [None, Found([(1.0, gb), (1.0, 3 * gb)], gb), None])
    assert rows == [["gconet_plus_mobile", "torch", "float32", "20", "20.0", "50.00", "3.00 GB", "-"]]


def test_cases_that_cannot_be_had_are_left_out(monkeypatch):
    monkeypatch.setattr(speed, "prepare", refused)
    plain = speed.Case("gconet_plus_mobile", speed.PLAIN, "float32", 0, 64, "cpu", True)
    cases = [plain, dataclasses.replace(plain, precision="float64")]
    assert speed.usable(cases, threads=1) == [plain]
