"""``cosod segment --runner ray`` on a Ray of this machine."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
import torch

from cosod.apps.distributed import ray_runner
from cosod.apps.distributed.manifest import read_manifests
from cosod.apps.distributed.ray_runner import RayRunner, Share, Threads, _Attempts, _MainThreadOnly, _Worker, share_of
from cosod.apps.segment import SegmentJob, run
from cosod.errors import CosodError, InputError, OutputError
from cosod.inference.threads import FIXED
from cosod.io.photo_groups import find_groups
from tests.apps.distributed.made import OPTIONS, Deadly, contents, open_network, open_other, photos
from tests.cli.command_line import cosod
from tests.waiting import eventually


@pytest.mark.parametrize(
    ("nodes", "workers", "device", "share"),
    [
        ([(16, 0)], None, "auto", Share(1, 16, 0.0)),
        ([(16, 0)], 4, "auto", Share(4, 4, 0.0)),
        ([(16, 0), (16, 0), (16, 0)], None, "auto", Share(3, 16, 0.0)),
        ([(16, 0), (16, 0), (16, 0)], 4, "auto", Share(4, 8, 0.0)),
        ([(0, 0), (8, 0)], None, "auto", Share(1, 8, 0.0)),
        ([(16, 2), (16, 2)], None, "auto", Share(4, 8, 1.0)),
        ([(16, 2), (16, 2)], None, "cpu", Share(2, 16, 0.0)),
        ([(16, 1), (64, 0)], 2, "cuda", Share(2, 8, 0.5)),
        ([(3, 0)], 2, "auto", Share(2, 1, 0.0)),
    ],
)
def test_shares(nodes, workers, device, share):
    assert share_of(nodes, workers, device) == share


def test_shares_that_cannot_be():
    with pytest.raises(InputError, match="--workers 3: the cluster has 2 processors and 0 GPUs"):
        share_of([(2, 0)], 3, "auto")
    with pytest.raises(InputError, match="--device cuda: the cluster has no GPU"):
        share_of([(2, 0)], None, "cuda")


def test_attempts_are_counted_until_a_group_is_finished():
    attempts = _Attempts(workers=2, retries=3)
    assert [attempts.begin(7) for _ in range(5)] == [0, 0, 0, 0, 4]
    attempts.end(7)
    assert attempts.begin(7) == 0


def test_starts_are_counted_until_a_worker_comes_to_a_group():
    attempts = _Attempts(workers=2, retries=3)
    assert [attempts.start() for _ in range(6)] == [True] * 5 + [False]
    attempts.begin(7)
    assert [attempts.start() for _ in range(6)] == [True] * 5 + [False]


def test_workers_that_die_in_the_first_group_are_counted_for_it():
    attempts = _Attempts(workers=1, retries=1)
    assert [(attempts.start(), attempts.begin(0)) for _ in range(3)] == [(True, 0), (True, 0), (True, 2)]


def test_standard_output_is_the_main_threads(capsys):
    own = io.StringIO()
    stream = _MainThreadOnly(own)
    thread = threading.Thread(target=lambda: print("noise", file=stream))
    thread.start()
    thread.join()
    print("result", file=stream)
    assert own.getvalue() == "result\n" and capsys.readouterr().err == "noise\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--runner", "spark"], "--runner spark: give one of local, ray"),
        (["--workers", "2"], "need --runner ray"),
        (["--address", "auto"], "need --runner ray"),
    ],
)
def test_wrong_options_are_one_sentence(tmp_path, capsys, options, message):
    photos(tmp_path / "in", a=1)
    assert cosod("segment", tmp_path / "in", "-o", tmp_path / "out", *OPTIONS, *options) == 1
    assert message in capsys.readouterr().err


def test_without_ray(tmp_path, capsys, monkeypatch):
    photos(tmp_path / "in", a=1)
    monkeypatch.setitem(sys.modules, "ray", None)
    assert cosod("segment", tmp_path / "in", "-o", tmp_path / "out", *OPTIONS, "--runner", "ray") == 1
    assert "pip install 'cosod[cluster]'" in capsys.readouterr().err


def test_wrong_workers():
    pytest.importorskip("ray")
    with pytest.raises(InputError, match="--workers 0: give at least 1"):
        RayRunner(open_network, 0)
    with pytest.raises(InputError, match="--device cuda:1: a Ray worker sees only the GPU"):
        RayRunner(open_network, 1, device="cuda:1")


def test_an_address_where_nobody_listens(tmp_path, capsys):
    pytest.importorskip("ray")
    photos(tmp_path / "in", a=1)
    arguments = ["segment", tmp_path / "in", "-o", tmp_path / "out", *OPTIONS, "--runner", "ray"]
    assert cosod(*arguments, "--address", "127.0.0.1:1") == 1
    assert "--address 127.0.0.1:1: no Ray answers there" in capsys.readouterr().err


@pytest.fixture(scope="module")
def ray():
    """A small Ray for all tests of this file, as a program has it that runs the runner within."""
    module = pytest.importorskip("ray")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    module.init("local", num_cpus=2, include_dashboard=False, object_store_memory=100 << 20, log_to_driver=False)
    yield module
    module.shutdown()


@pytest.fixture
def places(tmp_path):
    photos(tmp_path / "in", a=3, b=2, c=1)
    (tmp_path / "in" / "b" / "bad.jpg").write_text("no image")
    return tmp_path


def runner_run(places, opener=open_network, workers=2, out="ray", finished=lambda group, summary: None):
    detector, identity = open_network()
    events = []
    groups = find_groups([places / "in"])
    job = SegmentJob(places / out, ("maps", "masks"))
    summary = RayRunner(opener, workers).run(detector, identity, groups, job, events.append, finished)
    return summary, events


@pytest.mark.slow
def test_ray_does_what_one_machine_does(ray, places):
    detector, identity = open_network()
    events, groups, told = [], find_groups([places / "in"]), []
    summary = run(detector, identity, groups, SegmentJob(places / "local", ("maps", "masks")), events.append)
    found, reported = runner_run(places, finished=lambda group, part: told.append((group.name, part.images)))
    assert contents(places / "ray", hidden=True) == contents(places / "local", hidden=True)

    def facts(part):
        kept = part.as_dict()
        return {key: kept[key] for key in ("groups", "skipped_groups", "images", "failed", "absent")}

    assert facts(found) == facts(summary) and sorted(told) == [("a", 3), ("b", 2), ("c", 1)]
    for name in "abc":  # groups come as they are finished, the events of each in order
        of_group = [e for e in events if e["group"] == name]
        text = json.dumps([e for e in reported if e["group"] == name]).replace("/ray/", "/local/")
        assert json.loads(text) == of_group
    again, reported = runner_run(places, workers=1)
    assert (again.groups, again.skipped_groups, len(again.failed)) == (0, 3, 1)
    assert [e["event"] for e in reported] == ["skipped"] * 3
    assert ray.is_initialized(), "it was not started by the runner"


@pytest.mark.slow
def test_a_worker_that_dies_is_replaced(ray, places):
    (places / "in" / "b" / "deadly.jpg").write_bytes((places / "in" / "a" / "0.jpg").read_bytes())
    summary, _ = runner_run(places, Deadly("deadly.jpg", places / "marker"), workers=1)
    assert (places / "marker").exists() and (summary.groups, summary.images) == (3, 7)
    assert len(contents(places / "ray")) == 14


@pytest.mark.slow
def test_a_group_that_kills_workers_ends_the_run(ray, places, monkeypatch):
    monkeypatch.setattr(ray_runner, "RETRIES", 1)  # each takes a worker's start
    # Ray may hand out the groups in any order, the deadly one first too; here it is the only one.
    for name in "bc":
        shutil.rmtree(places / "in" / name)
    (places / "in" / "a" / "deadly.jpg").write_bytes((places / "in" / "a" / "0.jpg").read_bytes())
    with pytest.raises(CosodError, match=r"^a: a worker died in this group 2 times; if the machine"):
        runner_run(places, Deadly("deadly.jpg"), workers=1)


@pytest.mark.slow
def test_errors_of_workers_end_the_run(ray, places):
    (places / "ray" / "masks").mkdir(parents=True)
    (places / "ray" / "masks" / "b").write_text("a file where a folder should be")
    with pytest.raises(OutputError, match="cannot write"):
        runner_run(places, workers=1)
    # No worker goes on in the Ray of the calling program.
    eventually(lambda: ray.available_resources().get("CPU") == 2, seconds=20)


def test_a_worker_refuses_another_network(places, monkeypatch):
    monkeypatch.setattr(ray_runner, "_asked", lambda method, *arguments: method(*arguments))
    job = SegmentJob(places / "out", ("maps",))
    threads = Threads(torch.get_num_threads(), fixed=True)
    worker = _Worker(open_other, open_network()[1], job, threads, _Attempts(workers=1, retries=0))
    _, events, summary, error = worker.process(0, find_groups([places / "in"])[0])
    assert isinstance(error, InputError) and "is another (0123456789abcdef, not " in str(error)
    assert not events and not summary.images and not (places / "out").exists()


@pytest.mark.parametrize("fixed", [True, False])
def test_a_worker_may_take_fewer_threads_unless_their_number_was_fixed(monkeypatch, fixed, places):
    monkeypatch.setattr(ray_runner, "_asked", lambda method, *arguments: method(*arguments))
    monkeypatch.setenv(FIXED, "7")  # as Ray does in a worker with seven processors
    network, job = open_network(), SegmentJob(places / "out", ("maps",))
    threads = Threads(torch.get_num_threads(), fixed)
    _Worker(lambda: network, network[1], job, threads, _Attempts(workers=1, retries=0))
    assert (FIXED in os.environ) is fixed


@pytest.mark.slow
def test_a_cluster_that_runs_already_goes_on(ray, places):
    address = ray.get_runtime_context().gcs_address
    arguments = ["segment", places / "in", "-o", places / "out", *OPTIONS, "--runner", "ray", "--workers", "1"]
    process = start(*arguments, "--address", address)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 1 and "6 images in 3 groups done" in errors, errors
    assert not left_over(process.pid)
    assert ray.get(ray.remote(lambda: "there").remote(), timeout=120) == "there"


def start(*arguments):
    command = [sys.executable, "-m", "cosod", *map(str, arguments)]
    # A session of its own, whose processes can be told apart. A shell that starts the tests in the background has
    # them ignore SIGINT, and children inherit that.
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def left_over(session, seconds=60):
    """Command lines of processes of a session that are still there; workers that lost their Ray take a while to end."""
    for _ in range(seconds):
        found = subprocess.run(["ps", "-s", str(session), "-o", "args="], capture_output=True, text=True).stdout
        running = [line for line in found.splitlines() if "defunct" not in line]
        if not running:
            break
        time.sleep(1)
    return running


@pytest.mark.slow
def test_the_command_leaves_no_process(places):
    pytest.importorskip("ray")
    arguments = ["segment", places / "in", "-o", places / "out", *OPTIONS, "--runner", "ray", "--workers", "1"]
    process = start(*arguments, "--json", "--shard", "1/1")
    shown, errors = process.communicate(timeout=300)
    assert process.returncode == 1 and "bad.jpg" in errors, errors
    events = [json.loads(line) for line in shown.splitlines()]
    assert len([e for e in events if e["event"] == "image"]) == 6 and events[-1]["event"] == "summary"
    assert read_manifests(places / "out")[0]["state"] == "finished"
    assert not left_over(process.pid)


@pytest.mark.slow
def test_ctrl_c_ends_everything(places):
    pytest.importorskip("ray")
    photos(places / "in", **{f"more{number:02}": 3 for number in range(60)})
    process = start(
        "segment", places / "in", "-o", places / "out", *OPTIONS, "--runner", "ray", "--workers", "1", "--json"
    )
    for line in process.stdout:
        if json.loads(line)["event"] == "group":
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130 and "Interrupted" in errors and "Traceback" not in errors
    assert not left_over(process.pid)
