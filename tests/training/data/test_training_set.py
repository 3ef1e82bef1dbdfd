"""What is refused before training starts, all at once."""

import shutil

import cv2
import numpy as np
import pytest

from cosod.errors import InputError
from cosod.training.data.training_set import choose_held_out, drawn, mixed, read_groups, training_sets
from cosod.training.validation import Validator
from tests.training.made import make_set, tiny_job


def test_groups_labels_and_natural_order(tmp_path):
    make_set(tmp_path / "a", names=["10", "9", "cat", "2"])
    name, groups = read_groups(str(tmp_path / "a"))
    assert name == "a"
    assert list(groups) == ["2", "9", "10", "cat"]
    one, two = training_sets([("a", groups), ("b", groups)], held_out=["9"])
    assert list(one.groups) == ["2", "10", "cat"]
    assert [one.items[i].label for i in one.groups["cat"]] == [2] * 5
    assert {item.label for item in two.items} == {3, 4, 5, 6}


def test_all_problems_are_listed_at_once(tmp_path):
    folder = make_set(tmp_path / "a")
    (folder / "gts" / "0" / "photo 1.png").unlink()
    (folder / "gts" / "1" / "photo 0.png").rename(folder / "gts" / "1" / "photo 0_gt.png")
    cv2.imwrite(str(folder / "gts" / "2" / "photo 2.png"), np.zeros((9, 7), np.uint8))
    (folder / "gts" / "3" / "photo 3.png").write_bytes(b"no image")
    with pytest.raises(InputError) as caught:
        read_groups(str(folder))
    message = str(caught.value)
    assert "4 problems" in message
    assert "no mask for 'photo 1.png' of group '0'" in message
    assert "rename it 'photo 0.png'" in message
    assert "is 7 x 9, its image 48 x 40" in message
    assert "photo 3.png" in message


def test_groups_of_one_image_are_left_out_with_a_warning(tmp_path):
    make_set(tmp_path / "a", sizes=(3, 1, 2))
    with pytest.warns(UserWarning, match="left out, of fewer than two images: 1"):
        _, groups = read_groups(str(tmp_path / "a"))
    assert list(groups) == ["0", "2"]


def test_one_group_or_none_is_refused(tmp_path):
    make_set(tmp_path / "a", sizes=(3,))
    with pytest.raises(InputError, match="has 1 group of two or more images"):
        read_groups(str(tmp_path / "a"))
    make_set(tmp_path / "b")
    flat = tmp_path / "flat"
    shutil.copytree(tmp_path / "b" / "images" / "0", flat / "images")
    shutil.copytree(tmp_path / "b" / "gts" / "0", flat / "gts")
    with pytest.raises(InputError, match="has no groups"):
        read_groups(str(flat))


def test_held_out_images_that_cannot_be_read_are_not_looked_at(tmp_path):
    _, groups = read_groups(str(make_set(tmp_path / "a", sizes=(3, 3))))
    for path in (groups["0"][1][1], *(image for image, _ in groups["1"])):
        path.write_bytes(path.read_bytes()[:-30])
    recipe = tiny_job(tmp_path, tmp_path).recipe
    with pytest.warns(UserWarning, match=r"photo 1\.png: damaged"):
        validator = Validator({"": drawn(groups, 2)}, recipe)
    assert {name: len(pairs) for name, pairs in validator.sets[""].items()} == {"0": 1}
    with pytest.warns(UserWarning), pytest.raises(InputError, match="none of the held-out images can be read"):
        Validator({"": {"1": groups["1"]}}, recipe)
    with pytest.warns(UserWarning), pytest.raises(InputError, match="none of the other images can be read"):
        Validator({"": drawn(groups, 2), "other": {"1": groups["1"]}}, recipe)


def test_held_out_groups():
    names = [str(i) for i in range(20)]
    chosen = choose_held_out(names, (), 5, seed=1)
    assert chosen == choose_held_out(names, (), 5, seed=1) != choose_held_out(names, (), 5, seed=2)
    assert len(set(chosen)) == 5
    assert choose_held_out(names, ("3", "17"), 5, seed=1) == ["3", "17"]
    with pytest.raises(InputError, match="no group 'x3' to hold out; did you mean '3'"):
        choose_held_out(names, ("x3",), 0, seed=1)
    with pytest.raises(InputError, match="leaves none to pair"):
        choose_held_out(names, (), 19, seed=1)


def photo_of_two(folder, groups=("cat", "dog")):
    """A set in which the first photo of each group is one and the same, with another mask in each."""
    make_set(folder, sizes=(3, 2), names=groups)
    one, other = (folder / "images" / group / "photo 0.png" for group in groups)
    other.unlink()
    other.symlink_to(one)
    return folder


def test_masks_of_the_same_photo_in_other_groups(tmp_path):
    _, groups = read_groups(str(photo_of_two(tmp_path / "a")))
    make_set(tmp_path / "b")
    _, others = read_groups(str(tmp_path / "b"))
    one, two = training_sets([("a", groups), ("b", others)])
    cat, dog = (one.items[one.groups[name][0]] for name in ("cat", "dog"))
    assert cat.others == (dog.mask,) and dog.others == (cat.mask,)
    assert not any(item.others for item in two.items)
    (held,) = training_sets([("a", groups | {"x": groups["cat"], "y": groups["cat"]})], held_out=["dog"])
    assert all(dog.mask not in item.others for item in held.items)  # what is held out is not looked at


def test_several_sets_become_one_with_groups_by_source(tmp_path):
    sets = [(name, read_groups(str(make_set(tmp_path / name, names=["x", "singles", "y", "z"])))[1]) for name in "ab"]
    data = mixed(training_sets(sets), ungrouped=["singles"])
    assert data.name == "a+b"
    assert data.sources == (("a/x", "a/y", "a/z"), ("b/x", "b/y", "b/z"))
    assert list(data.groups) == [*data.sources[0], *data.sources[1]]
    for group, indices in data.groups.items():
        assert {data.items[i].group for i in indices} == {group}
    assert sum(item.group == "a/singles" for item in data.items) == 3  # for what is made of single images
    part = data.part([7, 2])
    assert dict(part.numbered()) == {7: data.items[7], 2: data.items[2]}
    assert list(data.numbered()) == list(enumerate(data.items))
    same = mixed(training_sets([sets[0], sets[0]]))
    assert same.sources[0][0] == "a-0/singles" or same.sources[0][0].startswith("a-0/")
    assert all(group.startswith("a-1/") for group in same.sources[1])
