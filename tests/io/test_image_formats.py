"""One list of endings, kept beside what Pillow reads; and what is said of files that are not read."""

import importlib.util

import numpy as np
import pytest
from PIL import Image

from cosod.errors import ImageError
from cosod.io.image_formats import FORMATS, HEIF_SUFFIXES, KINDS, SUFFIXES, is_image_name, kind_of
from cosod.io.images import read_image

#: What Pillow lists and this package does not read: formats that start other programs, that are drawn on Windows alone,
#: and that are known by name only.
NOT_READ = {"BUFR", "EPS", "GRIB", "HDF5", "IPTC", "MPEG", "WMF"}


def test_the_list_holds_all_that_pillow_reads():
    Image.init()
    endings = {ending for ending, name in Image.registered_extensions().items() if name in Image.OPEN}
    theirs = {e for e in endings if Image.registered_extensions()[e] not in NOT_READ}
    assert theirs - HEIF_SUFFIXES <= SUFFIXES
    assert set(FORMATS) <= set(Image.OPEN)


def test_the_package_has_one_list():
    from cosod.apps.video import clips
    from cosod.datasets import layouts
    from cosod.evaluation import reading
    from cosod.io import image_formats

    assert layouts.IMAGE_SUFFIXES is SUFFIXES and reading.SUFFIXES is SUFFIXES
    assert clips.SUFFIXES is image_formats.VIDEO_SUFFIXES


@pytest.mark.parametrize("ending", ["avif", "jp2", "tga", "ico", "dds", "qoi", "pcx", "sgi", "pfm", "xbm", "heic"])
def test_formats_beyond_the_usual(tmp_path, picture, ending):
    image = Image.fromarray(np.pad(picture, ((0, 16), (0, 0), (0, 0))))  # a square, for icons
    if ending == "heic":
        pytest.importorskip("pillow_heif").from_pillow(image).save(tmp_path / "a.heic", quality=95)
    elif ending == "ico":
        image.save(tmp_path / "a.ico", sizes=[(64, 64)])
    else:
        image.convert({"pfm": "F", "xbm": "1"}.get(ending, "RGB")).save(tmp_path / f"a.{ending}")
    read = read_image(tmp_path / f"a.{ending}")
    assert read.shape == (64, 64, 3) and is_image_name(f"a.{ending}")
    if ending not in ("pfm", "xbm"):
        assert np.abs(read[:48].astype(int) - picture).mean() < 4


def test_files_that_are_not_read_have_a_kind_with_a_way_out():
    kinds = {
        "a.CR2": "camera raw file",
        "a.svg": "drawing",
        "a.mp4": "video",
        "a.jxl": "other picture",
        "a.txt": "other file",
    }
    assert {name: kind_of(name) for name in kinds} == kinds and set(kinds.values()) <= set(KINDS)
    assert kind_of("a.jpg") is None and kind_of("Thumbs.db") is None
    if importlib.util.find_spec("pillow_heif") is None:
        assert kind_of("a.heic") == "HEIC photo"


def test_heic_without_its_package_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    monkeypatch.setattr("cosod.io.image_formats.SUFFIXES", SUFFIXES - HEIF_SUFFIXES)
    monkeypatch.setattr("cosod.io.image_formats.importlib.util.find_spec", lambda name: None)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    with pytest.raises(ImageError, match=r"a\.heic.*pip install 'cosod\[heic\]'"):
        read_image(tmp_path / "a.heic")


@pytest.mark.parametrize(
    "name, head, said",
    [
        ("a.cr2", b"II*\0" + bytes(60), "export"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", "PNG"),
        ("a.jpg", b"%PDF-1.7 and so on", "PNG"),
        ("a.jpg", b"\0\0\0\x18ftypmp42" + bytes(40), "video"),
        ("a.jpg", b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
        ("a.jpg", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        ("a.jpg", b"PK\3\4" + bytes(90), "ZIP archive; unpack it first"),
        ("a.docx", b"PK\3\4" + bytes(90), "drawing, which is not read; export as PNG"),
        ("a.jpg", bytes(5000), "all zeros at its beginning"),
        ("a.jpg", b'{"message": "Not Found"}', "message of the server"),
        ("a.jpg", "Gr\u00fc\u00dfe ".encode() * 400, "text file"),
        ("a.svg", b"<?xml version='1.0'?><svg></svg>", "export as PNG"),
        ("a.png", b"", "empty"),
        ("a.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PNG"),
    ],
)
def test_other_files_are_named_for_what_they_are(tmp_path, name, head, said):
    (tmp_path / name).write_bytes(head)
    with pytest.raises(ImageError, match=rf"{name}.*{said}"):
        read_image(tmp_path / name)
