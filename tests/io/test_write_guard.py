"""Which files are inputs."""

import os

import pytest

from cosod.io.write_guard import InputFiles


@pytest.fixture
def files(tmp_path):
    """An input, a hard link to it, and the inputs after they have been looked for once."""
    one, other = tmp_path / "photo.jpg", tmp_path / "map.png"
    one.write_text("a photo")
    os.link(one, other)
    inputs = InputFiles([one])
    assert inputs.find(tmp_path) is None
    return one, other, inputs


def test_a_hard_link_to_an_input_is_the_input(files):
    one, other, inputs = files
    assert inputs.find(one) == inputs.find(str(one)) == one
    assert inputs.find(other) == str(one)
    one.write_text("a photo that was edited meanwhile")
    assert inputs.find(other) == str(one)


def test_an_input_that_was_moved_is_still_an_input(files):
    one, other, inputs = files
    one.unlink()
    assert inputs.find(other) == str(one)


def test_a_new_file_with_the_inode_of_a_removed_input_is_none(files):
    """File systems give the number of a removed file to the next one."""
    one, other, inputs = files
    one.unlink()
    other.write_text("a map, and no photo")
    assert inputs.find(other) is None
    one.write_text("another photo of that name")
    assert inputs.find(other) is None
