"""Records of finished groups."""

import pytest

from cosod.errors import InputError
from cosod.io.atomic_write import write_text
from cosod.io.run_records import file_states, fingerprint, read_record, record_of, refuse_foreign


def test_a_damaged_record_is_none(tmp_path):
    path = record_of(tmp_path, "cups/red")
    assert path == tmp_path / ".cosod" / "cups" / "red.json"
    assert read_record(path) == {}
    for text in ("{", "[1]", '"text"'):
        write_text(path, text)
        assert read_record(path) == {}
    write_text(path, '{"verb": "segment"}')
    assert read_record(path) == {"verb": "segment"}


def test_results_of_another_command_are_not_overwritten(tmp_path):
    refuse_foreign(tmp_path, "cups", "segment")
    write_text(record_of(tmp_path, "cups"), '{"verb": "cutout"}')
    refuse_foreign(tmp_path, "cups", "cutout")
    with pytest.raises(InputError, match="holds results of cosod cutout; give another folder"):
        refuse_foreign(tmp_path, "cups", "segment")


def test_fingerprints_change_with_files(tmp_path):
    path = tmp_path / "a.png"
    missing = fingerprint(file_states([path]))
    path.write_bytes(b"1")
    there = fingerprint(file_states([path]))
    path.write_bytes(b"22")
    assert len({missing, there, fingerprint(file_states([path]))}) == 3
