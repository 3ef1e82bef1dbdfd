"""``cosod segment`` as a person uses it: results, resuming, bad input, interruption."""

import json
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.command_line import cosod, files

FAST = ["--size", "64"]


def photo(path, seed=0, size=(60, 80)):
    path.parent.mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[: size[0], : size[1]]
    image = np.random.default_rng(seed).integers(90, 120, (*size, 3), dtype=np.uint8)
    image[(y - 30) ** 2 + (x - 40 - 5 * (seed % 3)) ** 2 < 200] = (220, 40, 30)
    Image.fromarray(image).save(path)


@pytest.fixture
def photos(tmp_path):
    for group in ("red balls", 'it\'s "ü"'):
        for i in range(3):
            photo(tmp_path / "photos" / group / f"{i}.jpg", i)
    return tmp_path / "photos"


def test_maps_are_8_bit_and_as_large_as_the_photos(photos, tmp_path):
    assert cosod("segment", photos, "-o", tmp_path / "out", *FAST) == 0
    assert files(tmp_path / "out") == sorted(f"{g}/{i}.png" for g in ("red balls", 'it\'s "ü"') for i in range(3))
    with Image.open(tmp_path / "out" / "red balls" / "0.png") as stored:
        assert stored.mode == "L" and stored.size == (80, 60)


def test_masks_overlays_and_sheet(photos, tmp_path):
    out = tmp_path / "out"
    options = ["--save", "maps,masks,overlays", "--sheet", tmp_path / "sheet.png", "--threshold", "adaptive"]
    assert cosod("segment", photos / "red balls", "-o", out, *options, *FAST) == 0
    assert files(out) == sorted(
        f"{kind}red balls/{i}.{ending}"
        for kind, ending in (("", "png"), ("masks/", "png"), ("overlays/", "jpg"))
        for i in range(3)
    )
    with Image.open(out / "masks" / "red balls" / "1.png") as mask:
        assert mask.mode == "1" and set(np.unique(np.asarray(mask))) <= {False, True}
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 600 and len(set(np.asarray(sheet).ravel()[::97].tolist())) > 20


def test_outlines_of_masks_move_to_where_colors_change(photos, tmp_path, capsys):
    def masks(outline):
        found = tmp_path / outline
        save = ["--save", "masks,overlays", "--outline", outline]
        assert cosod("segment", photos, "-o", found, "--size", "160", *save) == 0
        assert len(list(found.rglob("overlays/*/*.jpg"))) == 6
        return [np.asarray(Image.open(path)) > 0 for path in sorted(found.rglob("masks/*/*.png"))]

    y, x = np.mgrid[:60, :80]
    discs = [(y - 30) ** 2 + (x - 40 - 5 * (i % 3)) ** 2 < 200 for i in range(3)] * 2

    def wrong(found):
        return sum((mask != disc).sum() for mask, disc in zip(found, discs, strict=True))

    plain, cut = masks("map"), masks("grabcut")
    assert all(mask.shape == (60, 80) for mask in cut)
    assert wrong(cut) < wrong(plain)
    assert cosod("segment", photos, "-o", tmp_path / "map", *FAST, "--save", "masks", "--outline", "pen") == 1
    assert "map, grabcut" in capsys.readouterr().err


def test_finished_groups_are_skipped_until_something_changes(photos, tmp_path, capsys):
    run = ["segment", photos, "-o", tmp_path / "out", "--json", *FAST]

    def summary(*more):
        capsys.readouterr()
        code = cosod(*run, *more)
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert code == 0 and lines[-1]["event"] == "summary"
        return lines[-1]["groups"], lines[-1]["skipped_groups"]

    assert summary() == (2, 0)
    assert summary() == (0, 2)
    assert summary("--overwrite") == (2, 0)
    (tmp_path / "out" / "red balls" / "1.png").unlink()
    assert summary() == (1, 1), "a result is missing"
    photo(photos / "red balls" / "new.jpg", 9)
    assert summary() == (1, 1), "a photo came in"
    assert summary("--save", "maps,masks") == (2, 0), "another result is wanted"
    assert summary("--size", "96") == (2, 0), "another size"


def test_json_has_a_line_for_each_image(photos, tmp_path, capsys):
    cosod("segment", photos / "red balls", "-o", tmp_path / "out", "--json", *FAST)
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [e["event"] for e in events] == ["image"] * 3 + ["group", "summary"]
    assert Path(events[0]["maps"]).exists() and events[-1]["images"] == 3 and events[-1]["failed"] == []


def test_one_bad_image_does_not_end_the_run(photos, tmp_path, capsys):
    data = (photos / "red balls" / "0.jpg").read_bytes()
    (photos / "red balls" / "cut.jpg").write_bytes(data[: len(data) // 3])
    (photos / "bad").mkdir()
    (photos / "bad" / "text.png").write_text("no image")
    out = tmp_path / "out"
    for run in range(2):
        assert cosod("segment", photos, "-o", out, *FAST) == 1
        shown = capsys.readouterr().err
        assert "2 images could not be read" in shown and "cut.jpg" in shown and "text.png" in shown, run
        assert len(files(out)) == 6
    assert "2 groups were finished already" in shown


def test_two_images_of_one_stem(tmp_path):
    photo(tmp_path / "in" / "a.jpg", 1)
    photo(tmp_path / "in" / "a.png", 2)
    assert cosod("segment", tmp_path / "in", "-o", tmp_path / "out", *FAST) == 0
    assert files(tmp_path / "out") == ["in/a_jpg.png", "in/a_png.png"]


def test_one_image_works_with_a_warning(tmp_path, capsys):
    photo(tmp_path / "in" / "a.jpg")
    assert cosod("segment", tmp_path / "in" / "a.jpg", "-o", tmp_path / "out", *FAST) == 0
    assert "nothing to share" in capsys.readouterr().err
    assert files(tmp_path / "out") == ["in/a.png"]


def test_results_inside_the_input_are_not_taken_for_photos(photos):
    out = photos / "out"
    assert cosod("segment", photos, "-o", out, *FAST) == 0
    first = files(out)
    assert cosod("segment", photos, "-o", out, "--overwrite", *FAST) == 0
    assert files(out) == first


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{photos}", "-o", "{photos}"], "give another folder"),
        (["{empty}", "-o", "{out}"], "no images in"),
        (["{empty}/missing", "-o", "{out}"], "no such file or folder"),
        (["{photos}", "-o", "{out}", "--save", "maps,mask"], "--save maps,mask"),
        (["{photos}", "-o", "{out}", "--threshold", "2"], "threshold"),
        (["{photos}", "-o", "{out}", "--threshold", "otsu"], "threshold"),
        (["{photos}", "-o", "{out}", "--size", "100"], "multiple of 32"),
        (["{photos}", "-o", "{out}", "--batch", "0"], "batch 0"),
        (["{photos}", "-o", "{out}", "--model", "gconet"], "the package has no weights for gconet"),
        (["{photos}", "-o", "{out}", "--model", "gconat"], "no network is called 'gconat'"),
        (["{photos}", "-o", "{out}", "--weights", "{photos}/red balls/0.jpg"], "0.jpg"),
        (["{photos}", "-o", "{out}", "--weights", "{empty}/none.pth"], "none.pth"),
        (["{photos}", "-o", "{out}", "--device", "gpu"], "device 'gpu' is not available"),
        (["{photos}", "-o", "{file}"], "cannot write"),
        (["{photos}", "-o", "{out}", "--sheet", "s.png", "--save", "masks"], "--sheet"),
    ],
)
def test_wrong_arguments_are_one_sentence(photos, tmp_path, capsys, arguments, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    places = {name: str(tmp_path / name) for name in ("photos", "empty", "out", "file")}
    assert cosod("segment", *(a.format(**places) for a in arguments)) == 1
    shown = capsys.readouterr().err.strip().splitlines()
    assert message in shown[-1] and shown[-1].startswith("Error: ") and "Traceback" not in "".join(shown)


def test_max_pixels(photos, tmp_path, capsys):
    assert cosod("segment", photos / "red balls", "-o", tmp_path / "out", "--max-pixels", 1000, *FAST) == 1
    assert "--max-pixels" in capsys.readouterr().err
    assert files(tmp_path / "out") == []


def start(*arguments, **options):
    command = [sys.executable, "-m", "cosod", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def many(root, groups=8, images=4):
    for g in range(groups):
        for i in range(images):
            photo(root / f"g{g}" / f"{i}.jpg", i)
    return root


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_leaves_nothing_half_done_and_resumes(tmp_path, kind):
    source, out = many(tmp_path / "in"), tmp_path / "out"
    arguments = ["segment", source, "-o", out, "--json", "--size", "256", "--batch", "1"]
    # A shell that starts the tests in the background has them ignore SIGINT, and children inherit that.
    process = start(*arguments, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    for line in process.stdout:
        if json.loads(line)["event"] == "group":
            break
    process.send_signal(kind)
    process.communicate(timeout=60)
    assert process.returncode == (130 if kind == signal.SIGINT else -signal.SIGKILL)
    for path in files(out):
        if not path.endswith(".part"):  # SIGKILL may leave a temporary file, never a broken result
            with Image.open(out / path) as stored:
                stored.load()
    if kind == signal.SIGINT:
        assert not [p for p in out.rglob("*.part")]
    process = start(*arguments)
    shown, _ = process.communicate(timeout=120)
    summary = json.loads(shown.splitlines()[-1])
    assert process.returncode == 0 and summary["skipped_groups"] >= 1
    assert summary["groups"] + summary["skipped_groups"] == 8
    assert len([p for p in files(out) if p.endswith(".png")]) == 32


def test_a_disk_that_takes_no_more(photos, tmp_path):
    """A limit on the size of files stands for the full disk: the write fails in the same place."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    process = start("segment", photos, "-o", tmp_path / "out", *FAST, preexec_fn=limit)
    _, shown = process.communicate(timeout=120)
    assert process.returncode == 1 and "Error: cannot write" in shown and "Traceback" not in shown
    assert files(tmp_path / "out") == []


def test_help_is_instant_and_imports_no_torch():
    code = "import sys, cosod.cli\ntry: cosod.cli.main(['segment', '--help'])\nexcept SystemExit: pass\n"
    code += "assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.startswith(b"Usage")


def test_doctor_and_models(capsys):
    assert cosod("doctor") == 0
    assert "as expected" in capsys.readouterr().out
    assert cosod("doctor", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["healthy"] and facts["deviation"]["cpu"] <= 0.01
    assert cosod("models", "--json") == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["gconet_plus_mobile"]["default"] and Path(rows["gconet_plus_mobile"]["weights"]).exists()
    assert rows["gconet"]["weights"] is None
    assert cosod("--help") == 0 and "segment" in capsys.readouterr().out


def test_two_runs_give_the_same_bytes(photos, tmp_path):
    assert cosod("segment", photos / "red balls", "-o", tmp_path / "a", *FAST) == 0
    assert cosod("segment", photos / "red balls", "-o", tmp_path / "b", *FAST) == 0
    for name in files(tmp_path / "a"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
