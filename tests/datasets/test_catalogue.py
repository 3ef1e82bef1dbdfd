"""The catalogue: its counts, typed again from the papers, and its names."""

import pytest

from cosod.datasets import catalogue, known, lookup
from cosod.errors import InputError


@pytest.mark.parametrize(
    ("name", "groups", "images"),
    [
        ("CoCA", 80, 1295),
        ("CoSOD3k", 160, 3316),
        ("Cosal2015", 50, 2015),
        ("DUTS_class", 291, 8250),
        ("COCO-9k", 65, 9213),
        ("iCoseg", 38, 643),
        ("MSRC", 7, 70),
        ("Internet", 3, 300),
        ("PASCAL-VOC", 20, 1037),
        ("ECSSD", None, 1000),
        ("DUTS-TR", None, 10553),
        ("DUTS-TE", None, 5019),
        ("DUT-OMRON", None, 5168),
        ("HKU-IS", None, 4447),
        ("PASCAL-S", None, 850),
    ],
)
def test_counts(name, groups, images):
    first = lookup(name).counts[0]
    assert (first.groups, first.images) == (groups, images)


def test_entries_are_complete():
    for entry in catalogue():
        assert entry.kind in {"co-saliency", "co-segmentation", "single-image"}
        assert entry.use in {"training", "testing"}
        assert entry.paper and entry.publisher and entry.truth.startswith(".")
        assert all(link.startswith(("http://", "https://")) for link in entry.links)
        assert entry.grouped or all(count.groups is None for count in entry.counts)
    spellings = [known(s).name for e in catalogue() for s in (e.name, *e.aliases)]
    assert spellings == [e.name for e in catalogue() for _ in (e.name, *e.aliases)]  # no alias of two sets


def test_no_count_is_invented_for_coco_seg():
    assert lookup("COCO-SEG").counts == ()


def test_names():
    assert known("cosal2015") is known("CoSal 2015") is known("COSAL_2015")
    assert known("holidays") is None
    with pytest.raises(InputError, match=r"'holidays'.*CoCA, CoSOD3k"):
        lookup("holidays")
