"""``cosod.group`` on the examples, of which each folder is an album."""

from pathlib import Path

import cosod

EXAMPLES = Path(__file__).parents[3] / "examples" / "photos"


def sorted_examples(network):
    """The albums of the examples, and the folders whose photos are in each."""
    photos = sorted(path for path in EXAMPLES.rglob("*") if path.is_file())
    albums = cosod.group(photos, cosod.load(network))
    return albums, [{photos[i].parent.name for i in album} for album in albums.albums]


def test_the_accurate_network_finds_the_albums_of_the_examples():
    albums, subjects = sorted_examples("accurate")
    assert sorted(map(list, subjects)) == [["apples"], ["mugs"], ["toy_cars"]]
    assert len(albums.leftovers) <= 2 and not albums.unreadable


def test_the_default_network_keeps_the_albums_of_the_examples_whole():
    albums, subjects = sorted_examples("default")
    assert {"toy_cars"} in subjects and len(subjects) >= 2 and len(albums.leftovers) <= 2
