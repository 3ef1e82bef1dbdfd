import json
import os

import cv2
import numpy as np
import pytest

from cosod.cli import main


@pytest.fixture
def data(tmp_path):
    """``gt``, ``good``, ``fair`` and ``run/epoch_<n>``: two groups of three small maps each."""
    rng = np.random.default_rng(0)
    qualities = {"good": 0.9, "fair": 0.5, "run/epoch_2": 0.4, "run/epoch_10": 0.8}
    for group in ("cup", "dog"):
        for i in range(3):
            truth = np.zeros((16, 18), np.uint8)
            truth[3 + i : 12, 4:11] = 255
            for name, quality in {"gt": 1.0, **qualities}.items():
                noise = rng.integers(0, 256, truth.shape)
                path = tmp_path / name / group / f"{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), (quality * truth + (1 - quality) * noise).astype(np.uint8))
    return tmp_path


@pytest.fixture
def run(capsys):
    """run(*arguments): exit code, standard output, standard error."""

    def run(*arguments):
        with pytest.raises(SystemExit) as stopped:
            main(["evaluate", "--workers", "1", *map(str, arguments)])
        captured = capsys.readouterr()
        return stopped.value.code, captured.out, captured.err

    return run


def test_prints_a_table(run, data):
    code, out, _ = run("--pred", data / "good", "--gt", data / "gt")
    assert code == 0
    assert "protocol papers" in out
    assert "6 images in 2 groups" in out


def test_a_machine_that_does_not_tell_its_cores(data, monkeypatch):
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: None)
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", "--pred", str(data / "good"), "--gt", str(data / "gt"), "--quiet"])
    assert stopped.value.code == 0


def test_methods_sets_and_protocols(run, data):
    for method in ("good", "fair"):
        for name in ("one", "two"):
            (data / "by_set" / method).mkdir(parents=True, exist_ok=True)
            (data / "by_set" / method / name).symlink_to(data / method)
    sets = ["--gt", f"one={data / 'gt'}", "--gt", f"two={data / 'gt'}"]
    preds = ["--pred", f"ours={data / 'by_set' / 'good'}", "--pred", f"theirs={data / 'by_set' / 'fair'}"]
    code, out, _ = run(*preds, *sets, "--protocol", "all", "--json")
    found = json.loads(out)["reports"]
    assert code == 0
    assert len(found) == 2 * 2 * 4
    assert {(r["set"], r["method"]) for r in found} == {(s, m) for s in ("one", "two") for m in ("ours", "theirs")}
    code, _, err = run("--pred", data / "good", *sets)
    assert code == 1
    assert "has no folder 'one'" in err


def test_writes_everything(run, data):
    pytest.importorskip("matplotlib")
    out_folder = data / "out"
    code, _, err = run(
        "--pred", data / "good", "--gt", data / "gt", "--images", data / "gt", "-o", out_folder, "--bootstrap", 20
    )
    assert code == 0
    assert "report.html" in err
    assert len([path for path in out_folder.iterdir() if path.name != ".cosod"]) == 9  # which marks results
    assert len(list((out_folder / "figures").iterdir())) == 10
    assert json.loads((out_folder / "summary.json").read_text())[0]["intervals"]["s"]


def test_expected_figures(run, data):
    kept = data / "kept.json"
    assert run("--pred", f"m={data / 'good'}", "--gt", data / "gt", "--write-expect", kept)[0] == 0
    code, _, err = run("--pred", f"m={data / 'good'}", "--gt", data / "gt", "--expect", kept)
    assert (code, "as expected" in err) == (0, True)
    code, _, err = run("--pred", f"m={data / 'fair'}", "--gt", data / "gt", "--expect", kept)
    assert (code, "Worse than expected" in err) == (1, True)
    assert run("--pred", f"m={data / 'fair'}", "--gt", data / "gt", "--expect", kept, "--tolerance", 1)[0] == 0


def test_selecting_a_checkpoint(run, data):
    code, out, _ = run("--checkpoints", data / "run", "--select", "max_e", "--gt", f"toys={data / 'gt'}")
    assert code == 0
    assert "epoch_10" in out.split("rank")[1].splitlines()[1]
    assert "Chosen on toys" in out
    # As the shell expands --pred run/epoch_*/.
    folders = sorted((data / "run").iterdir())
    code, again, _ = run("--select", "max_e", "--gt", f"toys={data / 'gt'}", "--pred", *folders)
    assert again == out
    code, out, _ = run("--checkpoints", data / "run", "--select", "s", "--gt", data / "gt", "--json")
    assert json.loads(out)["selection"][0]["last"]["checkpoint"] == "epoch_10"


def test_comparing_with_the_papers(run, data):
    code, out, _ = run("--pred", f"mine={data / 'good'}", "--gt", data / "gt", "--compare", "coca")
    assert code == 0
    assert "mine" in out.split("CoCA")[1]
    code, out, _ = run("--pred", f"mine={data / 'good'}", "--gt", data / "gt", "--compare", "msrc", "--json")
    found = json.loads(out)
    assert found["reports"][0]["protocol"] == "coseg"
    assert "mine" in found["compare"]
    written = data / "scores"
    _, out, _ = run("--pred", data / "good", "--gt", data / "gt", "--compare", "voc", "-o", written, "--no-figures")
    assert "J dog" in out and "J cup" not in out and "J horse" not in out
    assert "| → good |" in (written / "compare.md").read_text()
    code, _, err = run("--pred", data / "good", "--gt", data / "gt", "--compare", "msrc", "--protocol", "papers")
    assert (code, "add --protocol coseg" in err) == (1, True)
    code, _, err = run("--pred", data / "good", "--gt", data / "gt", "--compare", "nothing")
    assert (code, "CoCA" in err) == (1, True)


def test_another_set_than_the_papers_is_said_everywhere(run, data):
    written = data / "scores"
    code, out, err = run(
        "--pred", f"mine={data / 'good'}", "--gt", data / "gt", "--compare", "coca", "-o", written, "--no-figures"
    )
    words = "the papers score CoCA with 80 groups / 1,295 images (the whole set), these are 2 groups / 6 images"
    assert code == 0
    assert f"Warning: mine: not comparable with the published rows: {words}" in err
    assert words in out
    row = next(line for line in out.splitlines() if line.startswith(">"))
    assert "*" not in row and "'" not in row
    for name in ("report.html", "summary.md", "summary.json", "compare.md"):
        assert words in (written / name).read_text(), name


def test_every_set_of_several_is_checked(run, data):
    for name in ("CoCA", "CoSal2015"):
        (data / "by_set").mkdir(exist_ok=True)
        (data / "by_set" / name).symlink_to(data / "good")
    sets = ["--gt", f"CoCA={data / 'gt'}", "--gt", f"CoSal2015={data / 'gt'}"]
    _, out, err = run("--pred", f"mine={data / 'by_set'}", *sets, "--compare", "coca")
    assert err.count("not comparable") == 2
    assert out.count("not comparable with the other rows") == 2


def test_a_table_by_group(run, data):
    _, out, _ = run("--pred", data / "good", "--gt", data / "gt")
    table = out.split("by group")[1].splitlines()
    assert [line.split()[:2] for line in table[2:4]] == [["cup", "3"], ["dog", "3"]]
    _, out, _ = run("--pred", data / "good", "--pred", data / "fair", "--gt", data / "gt")
    table = out.split("by group")[1].splitlines()
    assert table[1].split() == ["group", "images", "good", "fair"]
    assert float(table[2].split()[2]) > float(table[2].split()[3])


def test_names_that_are_not_utf_8(run, data):
    for root in ("gt", "good"):
        (data / root / "cup").rename(data / root / os.fsdecode(b"caf\xe9"))
    code, _, _ = run("--pred", data / "good", "--gt", data / "gt", "-o", data / "scores", "--no-figures")
    assert code == 0
    assert r"caf\udce9" in (data / "scores" / "groups.csv").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--gt", "gt"], "nothing to score"),
        (["--gt", "gt", "--pred", "none"], "no such folder"),
        (["--gt", "gt", "--pred", "good", "--pred", "good/"], "two folders are named 'good'"),
        (["--gt", "gt", "--checkpoints", "run"], "--select"),
        (["--gt", "gt", "--pred", "good", "--select", "wf"], "none of the protocols"),
        (["--gt", "gt", "--pred", "good", "--skip-empty"], "coseg protocol only"),
        (["--gt", "gt", "--pred", "good", "--expect", "none.json"], "no such file"),
        (["--gt", "gt", "--pred", "good", "-o", "gt/cup/0.png/out"], "cannot make the folder"),
    ],
)
def test_mistakes_are_one_sentence(run, data, monkeypatch, arguments, words):
    monkeypatch.chdir(data)
    code, _, err = run(*arguments)
    assert code == 1
    assert words in err
    assert "Traceback" not in err


def test_warnings_go_to_stderr(run, data):
    (data / "good" / "cup" / "0.png").unlink()
    code, out, err = run("--pred", data / "good", "--gt", data / "gt", "--json")
    assert code == 0
    assert "Warning: good: 1 of 6 maps is missing" in err
    assert json.loads(out)["reports"][0]["missing"] == ["cup/0"]


def test_figures_are_refused_early_without_matplotlib(run, data, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    code, _, err = run("--pred", data / "good", "--gt", data / "gt", "-o", data / "out", "--figures")
    assert (code, "cosod[report]" in err) == (1, True)
    assert not (data / "out").exists()  # before any work
    code, _, err = run("--pred", data / "good", "--gt", data / "gt", "-o", data / "out")
    assert (code, "No figures" in err) == (0, True)
