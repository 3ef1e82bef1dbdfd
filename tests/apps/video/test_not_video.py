"""Files that are no video: why, as far as it can be told."""

import wave

import pytest

from cosod.apps.video import Clip
from cosod.errors import InputError

SOUND = "it has sound but no pictures"


def box(kind, content):
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def mp4(*handlers):
    tracks = [box(b"trak", box(b"mdia", box(b"hdlr", bytes(8) + handler + bytes(12)))) for handler in handlers]
    return box(b"ftyp", b"isom" + bytes(4)) + box(b"mdat", bytes(100)) + box(b"moov", b"".join(tracks))


def long_box(content):
    return (1).to_bytes(4, "big") + b"mdat" + (16 + len(content)).to_bytes(8, "big") + content


def wav(path):
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(800))
    return path.read_bytes()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (bytes(5000), "it is all zeros at its beginning"),
        ("für alle ü".encode() * 300, "it is a text file"),
        (b"\n <!DOCTYPE html><html>404</html>", "it is a web page"),
        (b"PK\3\4" + b"\4" * 500, "it is a ZIP archive; unpack it first"),
        (b"%PDF-1.7" + b"\4" * 500, "it is a PDF document"),
        (b"ID3" + b"\4" * 500, SOUND),
        (b"OggS" + bytes(24) + b"OpusHead" + bytes(200), SOUND),
        (b"\x1aE\xdf\xa3" + bytes(40) + b"A_OPUS" + bytes(100), SOUND),
        (mp4(b"soun"), SOUND),
        (mp4(b"soun", b"vide"), "it is damaged"),
        (box(b"ftyp", b"isom" + bytes(4)) + long_box(bytes(300)), "its table of frames is missing"),
        (box(b"ftyp", b"isom" + bytes(4)) + (99).to_bytes(4, "big") + b"mdat", "its table of frames is missing"),
        (b"\x1aE\xdf\xa3" + bytes(100), "it is damaged"),
        (bytes(range(128, 256)) * 9, "it is damaged"),
    ],
)
def test_why_a_file_is_no_video(tmp_path, content, why):
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"clip.mp4: cannot be opened as video: {why}"):
        Clip(path)


def test_sound_alone_and_a_clip_that_was_cut_off(tmp_path, clip):
    for name in ("sound.mp4", "sound.avi"):
        wav(tmp_path / name)
        with pytest.raises(InputError, match=SOUND):
            Clip(tmp_path / name)
    (tmp_path / "cut.mp4").write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    with pytest.raises(InputError, match="its table of frames is missing"):
        Clip(tmp_path / "cut.mp4")
