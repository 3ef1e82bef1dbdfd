"""Object stores, by the memory file system of fsspec, and URLs of local files."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("upath")

from fsspec.implementations.memory import MemoryFileSystem
from upath import UPath

from cosod.apps.cutout.backgrounds import background
from cosod.errors import ExtraError, ImageError, InputError, OutputError
from cosod.io import storage
from cosod.io.atomic_write import whole, write_bytes, write_text
from cosod.io.images import image_size, read_image
from cosod.io.photo_groups import find_groups
from cosod.io.run_records import file_states, read_record, refuse_foreign
from cosod.io.storage import as_path, entries, is_remote
from tests.apps.distributed.made import OPTIONS, contents, jpeg, photos
from tests.cli.command_line import cosod


@pytest.fixture(autouse=True)
def store(monkeypatch):
    """An empty store, which does not make tests wait when it fails."""
    monkeypatch.setattr(storage, "_PAUSES", (0.0, 0.0))
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]
    yield MemoryFileSystem.store
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


def put(key, data):
    """An object of any name, as others may have put it there."""
    MemoryFileSystem().pipe_file(key, data)


def test_what_is_remote(tmp_path):
    assert as_path("a/b") == Path("a/b") and not is_remote(as_path("C://photos"))
    assert as_path(f"file://{tmp_path}/x") == tmp_path / "x"
    assert as_path(f"local://{tmp_path}/x") == tmp_path / "x"
    remote = as_path("memory://b/x y.jpg")
    assert is_remote(remote) and as_path(remote) is remote and str(remote) == "memory://b/x y.jpg"
    assert not is_remote("memory://b") and not is_remote(np.zeros(1))


def test_urls_that_cannot_be_opened(monkeypatch):
    with pytest.raises(InputError, match=r"nosuch://b: cannot be opened"):
        as_path("nosuch://b")
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(InputError, match=r"s3://b: its kind of store needs one more package \(Install s3fs"):
        as_path("s3://b")
    for package, url in (("s3fs", "s3://b"), ("gcsfs", "gs://b"), ("adlfs", "az://b")):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(InputError, match=f"{url}: .*; install it with: pip install {package}"):
            as_path(url)
    monkeypatch.setitem(sys.modules, "upath", None)
    with pytest.raises(ExtraError, match=r"pip install 'cosod\[cloud\]'"):
        as_path("memory://b")


def run(places, source, output, *more):
    return cosod("segment", source, "-o", output, "--save", "maps,masks,overlays", *OPTIONS, *more)


@pytest.fixture
def places(tmp_path):
    photos(tmp_path / "in", cups=3, balls=2)
    photos(UPath("memory://bucket/in"), cups=3, balls=2)
    assert run(tmp_path, tmp_path / "in", tmp_path / "local") == 0
    return tmp_path


def test_every_mixture_gives_the_same_bytes(places, capsys):
    wanted = contents(places / "local")
    assert len(wanted) == 15
    assert run(places, "memory://bucket/in", places / "here") == 0 and contents(places / "here") == wanted
    for number, source in enumerate([f"file://{places}/in", "memory://bucket/in"]):
        out = f"memory://bucket/out{number}"
        capsys.readouterr()
        assert run(places, source, out, "--json") == 0
        assert contents(UPath(out)) == wanted
        events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert events[0]["maps"] == f"{out}/balls/0.png"
    assert run(places, places / "in", f"file://{places}/there") == 0 and contents(places / "there") == wanted


def test_a_run_in_a_store_is_resumed(places, capsys):
    def summary(*more):
        capsys.readouterr()
        assert run(places, "memory://bucket/in", "memory://bucket/out", "--json", *more) == 0
        last = json.loads(capsys.readouterr().out.splitlines()[-1])
        return last["groups"], last["skipped_groups"]

    assert [summary(), summary(), summary("--overwrite")] == [(2, 0), (0, 2), (2, 0)]
    UPath("memory://bucket/out/masks/cups/1.png").unlink()
    assert summary() == (1, 1), "a result is missing"
    UPath("memory://bucket/in/balls/0.jpg").write_bytes(jpeg(5))
    assert summary() == (1, 1), "a photo is another"


def test_shards_in_a_store(places, capsys):
    for number in (1, 2):
        assert run(places, "memory://bucket/in", "memory://bucket/out", "--shard", f"{number}/2") == 0
    assert cosod("shards", "memory://bucket/out") == 0
    assert "2/2  finished" in capsys.readouterr().out
    results = contents(UPath("memory://bucket/out"))
    assert len(json.loads(results.pop("manifest.json"))["groups"]) == 2
    assert results == contents(places / "local")


def test_one_bad_object_does_not_end_the_run(places, capsys):
    put("/bucket/in/cups/bad.jpg", b"no image")
    assert run(places, "memory://bucket/in", "memory://bucket/out") == 1
    assert "memory://bucket/in/cups/bad.jpg: is a text file" in capsys.readouterr().err
    assert contents(UPath("memory://bucket/out")) == contents(places / "local")


def test_groups_of_a_store():
    for key in ("b.jpg", "a.PNG", "notes.txt", ".hidden.jpg", "x/2.jpg", "x/1.jpg", "x/deep/1.jpg", ".git/1.jpg"):
        put(f"/photos/{key}", b"")
    found = find_groups(["memory://photos"])
    assert [(g.name, [p.name for p in g.images]) for g in found] == [
        ("photos", ["a.PNG", "b.jpg"]),
        ("x", ["1.jpg", "2.jpg"]),
        ("x/deep", ["1.jpg"]),
    ]
    (files,) = find_groups(["memory://photos/x/2.jpg", "memory://photos/x/1.jpg"])
    assert files.name == "x" and [str(p) for p in files.images] == [f"memory://photos/x/{n}.jpg" for n in (1, 2)]
    assert [g.name for g in find_groups(["memory://photos"], exclude=["memory://photos/x"])] == ["photos"]
    assert {g.name for g in find_groups(["memory://"])} == {"photos", "photos/x", "photos/x/deep"}
    with pytest.raises(InputError, match=r"memory://photos/none: no such file or folder"):
        find_groups(["memory://photos/none"])


def test_no_name_of_a_store_leads_out_of_the_output(tmp_path, store):
    put("/in/ok/1.jpg", jpeg())
    inside = ["a\\..\\..\\evil/1.jpg", "ok/..\\..\\evil.jpg", "ok/c:evil.jpg", "ok/new\nline.jpg"]
    outside = ["../evil/1.jpg", "ok/../../evil.jpg", "ok//1.jpg", "/etc/1.jpg", "./1.jpg"]
    for key in [*inside, *outside]:  # put by hand: the memory file system tidies such keys, which real stores keep
        store[f"/in/{key}"] = store["/in/ok/1.jpg"]
    groups = find_groups(["memory://in"])
    assert [g.name for g in groups] == ["a_.._.._evil", "ok"]
    assert groups[1].stems == ("1", "c_evil", "new_line"), "what begins with a dot is hidden"
    out = tmp_path / "deep" / "out"
    cosod("segment", "memory://in", "-o", out, *OPTIONS)
    written = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert len(written) > 3 and all(p.is_relative_to(out) for p in written)


def test_reading_an_image_by_url():
    put("/b/photo.jpg", jpeg())
    whole_image = read_image("memory://b/photo.jpg")
    assert whole_image.shape == (60, 80, 3) and image_size("memory://b/photo.jpg") == (60, 80)
    assert (read_image(UPath("memory://b/photo.jpg")) == whole_image).all()
    with pytest.raises(ImageError, match=r"memory://b/none.jpg: no such file"):
        read_image("memory://b/none.jpg")


def test_sixteen_bit_tiff_by_url(tmp_path):
    import cv2

    array = np.random.default_rng(0).integers(0, 65536, (20, 30, 3), dtype=np.uint16)
    cv2.imwrite(str(tmp_path / "a.tif"), array)
    put("/b/a.tif", (tmp_path / "a.tif").read_bytes())
    assert (read_image("memory://b/a.tif") == read_image(tmp_path / "a.tif")).all()


class Failing:
    """A call that fails some times before it works."""

    def __init__(self, inner, times):
        self.inner, self.times, self.calls = inner, times, 0

    def __call__(self, *arguments, **options):
        self.calls += 1
        if self.calls <= self.times:
            raise ConnectionResetError("connection reset")
        return self.inner(*arguments, **options)


def test_a_store_that_stumbles_is_asked_again(monkeypatch):
    put("/b/photo.jpg", jpeg())
    fs = MemoryFileSystem()
    monkeypatch.setattr(fs, "cat_file", Failing(fs.cat_file, 2))
    assert read_image("memory://b/photo.jpg").shape == (60, 80, 3)
    monkeypatch.setattr(fs, "cat_file", Failing(fs.cat_file, 99))
    with pytest.raises(InputError, match=r"cannot be fetched \(connection reset\); check connection") as caught:
        read_image("memory://b/photo.jpg")
    assert not isinstance(caught.value, ImageError), "the run ends; the photo is not noted as damaged"
    monkeypatch.setattr(fs, "ls", Failing(fs.ls, 2))
    assert [e.name for e in entries(UPath("memory://b"))] == ["photo.jpg"]
    monkeypatch.setattr(fs, "ls", Failing(fs.ls, 99))
    with pytest.raises(InputError, match=r"memory://b: cannot be listed \(connection reset\)"):
        find_groups(["memory://b"])


def test_objects_are_written_whole_or_not_at_all(monkeypatch):
    write_text("memory://b/x.txt", "before")
    with pytest.raises(ValueError, match="broken"), whole("memory://b/x.txt") as temporary:
        temporary.write_text("half")
        raise ValueError("broken")
    assert UPath("memory://b/x.txt").read_text() == "before"
    fs = MemoryFileSystem()
    monkeypatch.setattr(fs, "put_file", Failing(fs.put_file, 2))
    write_bytes(UPath("memory://b/x.txt"), b"after")
    assert UPath("memory://b/x.txt").read_text() == "after"
    monkeypatch.setattr(fs, "put_file", Failing(fs.put_file, 99))
    with pytest.raises(OutputError, match=r"cannot write memory://b/x.txt: .*check its name and your credentials"):
        write_bytes("memory://b/x.txt", b"never")


def test_an_output_that_cannot_be_written_ends_the_run(places, monkeypatch, capsys):
    fs = MemoryFileSystem()
    monkeypatch.setattr(fs, "put_file", Failing(fs.put_file, 99))
    assert run(places, places / "in", "memory://bucket/out") == 1
    assert "Error: cannot write memory://bucket/out" in capsys.readouterr().err


def test_records_of_a_store():
    path = as_path("memory://b/.cosod/cups.json")
    assert read_record(path) == {}
    write_text(path, '{"verb": "cutout"}')
    assert read_record(path) == {"verb": "cutout"}
    with pytest.raises(InputError, match="holds results of cosod cutout"):
        refuse_foreign(as_path("memory://b"), "cups", "segment")
    photo = as_path("memory://b/1.jpg")
    (missing,) = file_states([photo])
    put("/b/1.jpg", b"1")
    (one,) = file_states([photo])
    put("/b/1.jpg", b"2")
    (two,) = file_states([photo])
    assert missing == ("1.jpg", None, None) and one[:2] == ("1.jpg", 1) and len({missing, one, two}) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["memory://b/clip.mp4", "-o", "{at}/out"], "videos are read and written on local disks only"),
        (["{at}/clip.mp4", "-o", "memory://b/out"], "videos are read and written on local disks only"),
        (["memory://b/in", "-o", "memory://b/out", "--sheet", "{at}/s.png"], "--sheet reads and writes local files"),
        (["memory://b/in", "-o", "{at}/out", "--sheet", "memory://b/s.png"], "--sheet reads and writes local files"),
        (["memory://b/in", "-o", "memory://b/in"], "is an input too"),
        (["memory://b/none", "-o", "{at}/out"], "no such file or folder"),
    ],
)
def test_what_a_store_cannot_do_is_one_sentence(tmp_path, capsys, arguments, message):
    put("/b/in/1.jpg", jpeg())
    put("/b/clip.mp4", b"")
    (tmp_path / "clip.mp4").write_bytes(b"")
    assert cosod("segment", *(a.format(at=tmp_path) for a in arguments)) == 1
    shown = capsys.readouterr().err.strip()
    assert shown.startswith("Error: ") and message in shown and "\n" not in shown


def test_a_sheet_of_remote_photos(places):
    assert run(places, "memory://bucket/in", places / "out", "--sheet", places / "sheet.png") == 0
    with Image.open(places / "sheet.png") as sheet:
        assert sheet.width > 600


def test_apply_in_a_store(places, capsys):
    assert cosod("learn", places / "in" / "cups", "-o", places / "cups.consensus", "--size", 64) == 0
    apply = ["apply", places / "cups.consensus"]
    assert cosod(*apply, places / "in", "-o", places / "applied") == 0
    assert cosod(*apply, "memory://bucket/in", "-o", "memory://bucket/applied") == 0
    assert contents(UPath("memory://bucket/applied")) == contents(places / "applied")
    put("/bucket/cups.consensus", b"")
    assert cosod("apply", "memory://bucket/cups.consensus", places / "in", "-o", places / "x") == 1
    assert "a consensus is read from a local disk only" in capsys.readouterr().err


def test_a_background_in_a_store(places, store):
    """It is read by ``cosod cutout`` as a photo is, and its state is in the record."""
    behind = UPath("memory://bucket/behind.png")
    pixels = np.full((20, 30, 3), (10, 200, 30), np.uint8)
    behind.write_bytes(cv2.imencode(".png", pixels[..., ::-1])[1].tobytes())
    assert background("memory://bucket/behind.png").image.tolist() == pixels.tolist()
    arguments = ("cutout", places / "in", "-o", places / "cut", *OPTIONS, "--background", behind)
    assert cosod(*arguments) == 0
    (cut, *_) = sorted((places / "cut").rglob("*.png"))
    assert (cv2.imread(str(cut))[0, 0] == (30, 200, 10)).all()
    with pytest.raises(ImageError, match=r"memory://bucket/none\.png"):
        background("memory://bucket/none.png")
