"""``cosod active``: the group, the loop from the command line, and its errors."""

import subprocess
import sys

import pytest

from cosod.cli import main
from cosod.cli.detector_options import use_of
from tests.active_learning.made import TINY, make_pool


@pytest.fixture
def cosod(capsys):
    """Runs a command; returns exit code, standard output, standard error."""

    def run(*arguments):
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return stopped.value.code, out, err

    return run


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    return make_pool(tmp_path_factory.mktemp("pool"))


def options(**more):
    changed = [f"{key}={value}" for key, value in (TINY | more).items()]
    return [part for change in changed for part in ("--set", change)] + ["--backbone", "none", "--device", "cpu"]


def test_help_is_instant():
    code = "import sys; from cosod.cli.active import command; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


def test_subcommands_are_listed(cosod):
    code, out, _ = cosod("active", "--help")
    assert code == 0 and all(name in out for name in ("run", "table", "query", "label", "import"))


def test_presets_are_listed(cosod):
    code, out, _ = cosod("active", "run", "--list")
    assert code == 0 and "paper10" in out and "random10" in out


def test_run_scores_and_goes_on(cosod, pool, tmp_path):
    arguments = ("active", "run", "--data", pool, "-o", tmp_path, "--preset", "random10", "--test", pool, *options())
    code, out, err = cosod(*arguments)
    assert code == 0 and out.startswith("max_f ") and "40 clicks of 4 images" in err
    again = cosod(*arguments)
    assert again[1] == out and "stage" not in again[2]


def test_table(cosod, pool, tmp_path):
    arguments = ("--data", pool, "-o", tmp_path, "--test", pool, "--presets", "random10", "--seeds", "3", *options())
    code, out, _ = cosod("active", "table", *arguments)
    assert code == 0 and "| random10 | 10 |" in out
    assert (tmp_path / "table.md").read_text() == out


def test_bad_image_is_left_out_and_reported(cosod, tmp_path):
    folder = make_pool(tmp_path / "pool")
    (folder / "images/3.png").write_bytes(b"nothing")
    code, _, err = cosod("active", "run", "--data", folder, "-o", tmp_path / "run", "--preset", "random10", *options())
    assert code == 1 and "1 image could not be read" in err and "30 clicks of 3 images" in err
    assert (tmp_path / "run/weights.safetensors").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--preset", "random11"), "did you mean 'random10'"),
        (("--set", "rounds"), "give KEY=VALUE"),
        (("--set", "attack.stepz=1"), "did you mean 'steps'"),
        (("--test", "nowhere"), "nowhere"),
    ],
)
def test_errors(cosod, pool, tmp_path, more, message):
    code, _, err = cosod("active", "run", "--data", pool, "-o", tmp_path, "--preset", "random10", *options(), *more)
    assert code == 1 and message in err


def test_backbone_is_looked_for_before_anything_is_asked(cosod, pool, tmp_path):
    damaged = tmp_path / "damaged.pth"
    damaged.write_bytes(b"no weights")
    begin = ("active", "query", tmp_path / "run", "--data", pool, "--device", "cpu", "--backbone")
    for backbone in (tmp_path / "missing.pth", damaged):
        code, _, err = cosod(*begin, backbone)
        assert code == 1 and str(backbone) in err and err.startswith("Error: ")
        assert not (tmp_path / "run").exists()


def test_the_next_command_can_be_copied_whatever_the_folder_is_called(cosod, pool, tmp_path):
    run = tmp_path / "my run"
    code, _, err = cosod("active", "query", run)
    assert code == 1 and f"cosod active query '{run}' --data IMAGES" in err
    code, _, err = cosod("active", "label", tmp_path)
    assert code == 1 and f"cosod active query {tmp_path} --data IMAGES" in err
    code, _, err = cosod("active", "query", run, "--data", pool, *options())
    assert code == 0 and f"cosod active label '{run}'" in err
    assert (
        use_of(run / "weights.safetensors") == f"cosod segment --weights '{run}/weights.safetensors' PHOTOS -o OUTPUT"
    )


def test_backbone_is_remembered(cosod, pool, tmp_path, monkeypatch):
    def download(*arguments):
        raise AssertionError("nothing is downloaded")

    monkeypatch.setattr("cosod.models.backbones.imagenet.fetch", download)
    run = tmp_path / "run"
    assert cosod("active", "query", run, "--data", pool, *options())[0] == 0
    code, _, err = cosod("active", "query", run, "--device", "cpu")
    assert code == 0 and "wait for an answer" in err
    (run / "backbone.json").write_text('{"file": "/nowhere/weights.pth"}')
    code, _, err = cosod("active", "query", run, "--device", "cpu")
    assert code == 1 and "/nowhere/weights.pth" in err
    (run / "backbone.json").write_text("[]")
    code, _, err = cosod("active", "query", run, "--device", "cpu")
    assert code == 1 and "backbone.json: damaged" in err


def test_progress_is_lines_where_there_is_no_terminal(cosod, pool, tmp_path):
    arguments = ("active", "run", "--data", pool, "-o", tmp_path, "--preset", "random10", "--threads", "1", *options())
    code, _, err = cosod(*arguments)
    lines = [line for line in err.splitlines() if line.startswith("  stage final: ")]
    assert code == 0 and 1 <= len(lines) <= 4
    steps = TINY["training.final_steps"]
    assert f"{steps} of {steps} step" in lines[-1] and "\r" not in err
