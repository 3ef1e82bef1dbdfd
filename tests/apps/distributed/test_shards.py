"""Which part does what."""

from pathlib import Path

import numpy as np
import pytest

from cosod.apps.distributed.shards import Shard, assign
from cosod.errors import InputError
from cosod.io.photo_groups import Group


def group(name, count):
    return Group(name, tuple(Path(f"{name}/{i}.jpg") for i in range(count)), tuple(map(str, range(count))))


def groups(sizes):
    return [group(f"g{number:03}", size) for number, size in enumerate(sizes)]


@pytest.mark.parametrize("count", [1, 2, 7, 30])
def test_every_group_is_in_one_part(count):
    found = groups(np.random.default_rng(count).integers(1, 40, 23).tolist())
    parts = [Shard(number, count).of(found) for number in range(1, count + 1)]
    assert sorted(g.name for part in parts for g in part) == [g.name for g in found]
    for part in parts:
        assert [g.name for g in part] == sorted(g.name for g in part), "in the order of the run"


def test_parts_are_balanced_by_images():
    sizes = np.random.default_rng(0).integers(1, 50, 200).tolist()
    found = groups(sizes)
    loads = [sum(len(g.images) for g in Shard(number, 8).of(found)) for number in range(1, 9)]
    assert max(loads) - min(loads) <= 5
    one_giant = groups([1000, *[10] * 30])
    assert [g.name for g in Shard(1, 4).of(one_giant)] == ["g000"]


def test_parts_depend_on_names_and_sizes_alone():
    found = groups([5, 5, 5, 3, 9, 1])
    other = [Group(g.name, tuple(Path("/elsewhere") / p for p in g.images), g.stems) for g in found]
    assert assign(found, 3) == assign(other, 3)
    turned = assign(found[::-1], 3)[::-1]
    assert turned == assign(found, 3), "the order of the list does not matter"
    assert assign(found, 3) == [2, 3, 2, 3, 1, 3]


@pytest.mark.parametrize("text", ["0/8", "9/8", "a/b", "2", "2/", "-1/8", "1/0", "1.5/8", "", "²/8"])
def test_what_is_no_shard(text):
    with pytest.raises(InputError, match="--shard"):
        Shard.parse(text)
    assert Shard.parse("2/8") == (2, 8)
