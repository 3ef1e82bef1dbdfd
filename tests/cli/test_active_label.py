"""``cosod active query``, ``label`` and ``import`` from the command line."""

import http.client
import json
import re
import signal
import subprocess
import sys
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import pytest

from cosod.active_learning.points import Point, PointSet, load_queries
from cosod.active_learning.state import State
from cosod.cli import main
from tests.active_learning.asked import make_run
from tests.active_learning.made import TINY, make_pool

TINY_FLAGS = [flag for key, value in TINY.items() for flag in ("--set", f"{key}={value}")]


def cosod(*arguments):
    with pytest.raises(SystemExit) as ended:
        main(["active", *map(str, arguments)])
    return ended.value.code


@contextmanager
def labeling(*arguments):
    """The program in a process of its own, and the address of its page."""
    command = [sys.executable, "-m", "cosod", "active", "label", *map(str, arguments)]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that starts the tests in the background has them ignore SIGINT, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        line = process.stderr.readline()
        address = re.search(r"http://[\d.:]+", line)
        assert address, line
        yield process, urlsplit(address[0]).netloc, line
    finally:
        process.kill()
        process.communicate()


def fetch(host, path, body=None):
    with closing(http.client.HTTPConnection(host, timeout=30)) as connection:
        headers = {"Origin": f"http://{host}"}
        connection.request("GET" if body is None else "POST", path, body and json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def give(host, point, answer):
    session = fetch(host, "/api/state")[1]["session"]
    return fetch(host, "/api/answer", {"session": session, "point": point, "answer": answer, "was": None})


def test_label_a_run_survives_a_kill_and_ends_on_ctrl_c(tmp_path):
    state, pool = make_run(tmp_path)
    with labeling(state.folder, "--port", 0) as (process, host, line):
        assert line.startswith("0 of 5 points are answered")
        assert give(host, 0, 1)[0] == 200 and give(host, 1, 0)[0] == 200
        process.kill()
    assert state.points(pool).points("a/one.png") == [Point(0, 0, 1), Point(47, 31, 0)]
    with labeling(state.folder, "--port", 0) as (process, host, line):
        assert line.startswith("2 of 5 points are answered")
        assert fetch(host, "/api/state")[1]["answers"] == [1, 0, None, None, None]
        process.send_signal(signal.SIGINT)
        _, shown = process.communicate(timeout=60)
        assert process.returncode == 0 and f"cosod active query {state.folder} --give-up" in shown
        assert f"2 of 5 points are answered, and saved in {state.points_file}" in shown
        assert f"Answer the others with: cosod active label {state.folder}; without" in shown
    with labeling(state.folder, "--port", 0) as (process, host, line):
        assert [give(host, point, 1)[0] for point in (2, 3, 4)] == [200] * 3
        process.send_signal(signal.SIGINT)
        _, shown = process.communicate(timeout=60)
        assert f"Go on with: cosod active query {state.folder}\n" in shown
    with labeling(state.folder, "--port", 0) as (process, host, line):
        assert line.startswith("5 of 5 points are answered. See or correct the answers at http")


def test_label_a_file_of_queries_and_import_the_answers(tmp_path, capsys):
    state, pool = make_run(tmp_path)
    pool.save(tmp_path / "out" / "pool.json")
    queries = tmp_path / "out" / "queries.json"
    queries.write_bytes(state.queries_file(0).read_bytes())
    with labeling(queries, "--port", 0) as (_, host, _):
        for point in range(4):
            give(host, point, point % 2)
    assert not state.points_file.exists()
    assert cosod("import", state.folder, tmp_path / "out" / "answers.json") == 0
    assert "added: 4, known already: 0" in capsys.readouterr().err
    assert cosod("import", state.folder, tmp_path / "out" / "answers.json") == 0
    assert "added: 0, known already: 4" in capsys.readouterr().err
    assert len(state.points(pool)) == 4


def test_import_adds_nothing_where_something_does_not_fit(tmp_path, capsys):
    state, pool = make_run(tmp_path)
    answers = tmp_path / "answers.json"
    rows = {"a/one.png": [[0, 0, 1], [0, 0, 0], [90, 0, 1]], "c.png": [[12, 39, 1]], "d.png": [[1, 1, 1]]}
    answers.write_text(json.dumps({"format": 1, "pool": pool.fingerprint, "points": rows}))
    assert cosod("import", state.folder, answers) == 1
    shown = capsys.readouterr().err
    for part in ("contradictory answers", "outside the image", "d.png: is not in the pool", "3 answers do not fit"):
        assert part in shown
    assert not state.points_file.exists()
    assert cosod("import", state.folder, answers, "--leave-out") == 1
    assert "added: 1" in capsys.readouterr().err
    assert list(state.points(pool)) == [("c.png", [Point(12, 39, 1)])]


def test_what_cannot_be_imported_or_labeled_is_one_sentence(tmp_path, capsys):
    state, _ = make_run(tmp_path)
    other = tmp_path / "other.json"
    points = PointSet("0123456789abcdef")
    points.add("a.png", [Point(1, 2, 1)])
    points.save(other)
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments, message in (
        (["import", state.folder, other], "belongs to another pool (0123456789abcdef)"),
        (["import", state.folder, tmp_path / "none.json"], "no such file"),
        (["import", empty, other], "no active-learning run"),
        (["label", empty], "no active-learning run"),
        (["label", tmp_path / "none.json"], "no such file"),
        (["label", other], "not 2 whole numbers"),
        (["label", state.queries_file(0)], "pool.json"),
        (["label", state.folder, "--images", empty], "--images"),
        (["query", empty], "--data"),
        (["query", state.folder, "-o", empty, "--format", "coco"], "--format coco"),
    ):
        assert cosod(*arguments) == 1, arguments
        shown = capsys.readouterr().err
        assert message in shown and shown.startswith("Error: ") and "Traceback" not in shown, arguments


@pytest.mark.parametrize(("flags", "message"), [(["--format", "cvat"], "-o"), (["--seed", "1"], "--data")])
def test_flags_of_query_that_need_another(tmp_path, capsys, flags, message):
    state, _ = make_run(tmp_path)
    assert cosod("query", state.folder, *flags) == 2
    assert message in capsys.readouterr().err


def test_a_run_goes_on_with_the_folder_of_its_images_alone(tmp_path, capsys):
    run, pool = tmp_path / "run", make_pool(tmp_path / "pool")
    begin = ["--device", "cpu", "--backbone", "none", "--data", pool]
    assert cosod("query", run, *begin, *TINY_FLAGS, "--set", "first=1") == 0
    assert cosod("query", run, *begin) == 0
    assert "4 points in 4 images wait" in capsys.readouterr().err
    assert cosod("query", run, *begin, "--seed", 5) == 1
    assert "was begun with other settings" in capsys.readouterr().err


@pytest.mark.slow
def test_query_asks_round_after_round_and_trains_the_final_network(tmp_path, capsys):
    run, out = tmp_path / "run", tmp_path / "out"
    begin = ["--data", make_pool(tmp_path / "pool"), *TINY_FLAGS, "--set", "rounds=1", "--set", "first=1"]

    def query(*flags):
        capsys.readouterr()
        assert cosod("query", run, "--device", "cpu", "--backbone", "none", *flags) == 0
        return capsys.readouterr()

    shown = query(*begin, "-o", out, "--format", "json,labelstudio,cvat")
    assert "4 points in 4 images wait" in shown.err and len(shown.out.split()) == 6
    asked = load_queries(out / "queries.json")[1]
    assert "4 points in 4 images wait" in query().err, "nothing is answered yet"

    def answer():
        state = State(run)
        queries = state.queries(state.rounds() - 1, state.pool())
        rows = {image: [[x, y, (x + y) % 2] for x, y in points] for image, points in queries.items()}
        content = {"format": 1, "pool": state.pool().fingerprint, "points": rows}
        (tmp_path / "answers.json").write_text(json.dumps(content))
        assert cosod("import", run, tmp_path / "answers.json") == 0

    answer()
    assert "8 points in 4 images wait" in query("-o", out).err
    again = load_queries(out / "queries.json")[1]
    assert all(not set(map(tuple, again[image])) & set(map(tuple, asked[image])) for image in asked)
    answer()
    assert "Weights in" in query().err and (run / "weights.safetensors").exists()
    assert len(State(run).points(State(run).pool())) == 12
