import pytest

from cosod.datasets import lookup
from cosod.errors import InputError
from cosod.evaluation.published.comparable import difference
from cosod.evaluation.published.papers import compare


def groups(count: int, images: int) -> dict[str, int]:
    """So many groups with so many images in all."""
    return {f"g{i}": images // count + (i < images % count) for i in range(count)}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("coca", groups(80, 1295)),
        ("CoSOD3k", groups(160, 3316)),
        ("msrc", dict.fromkeys(lookup("MSRC").classes, 10)),
        ("Internet", {"plane": 100, "Car": 100, "horse": 100}),
        ("icoseg", dict.fromkeys(lookup("iCoseg").classes, 12)),
        ("voc", dict(zip(lookup("PASCAL-VOC").classes, groups(20, 1037).values(), strict=True))),
        ("ECSSD", {".": 1000}),
        ("dut-omron", groups(3, 5168)),
    ],
)
def test_the_tables_own_set(name, found):
    assert difference(name, found) is None


@pytest.mark.parametrize(
    ("name", "found", "words"),
    [
        ("coca", groups(7, 56), "80 groups / 1,295 images (the whole set), these are 7 groups / 56 images"),
        ("coca", groups(79, 1295), "these are 79 groups"),
        ("coca", groups(80, 1294), "these are 80 groups / 1,294 images"),
        ("coca", {".": 1295}, "without groups"),
        ("coca", {".": 1294}, "these are 1,294 images"),
        ("coca", dict.fromkeys(lookup("MSRC").classes, 10), "the groups are those of MSRC"),
        ("msrc", groups(7, 70), "MSRC has no group g0, g1, g2, ..."),
        ("icoseg", groups(38, 643), "8 groups"),
        ("ECSSD", {".": 500}, "these are 500 images"),
    ],
)
def test_an_incomplete_or_other_set(name, found, words):
    assert words in difference(name, found)


def test_an_unknown_set():
    with pytest.raises(InputError, match="no published table"):
        difference("nothing", {"a": 1})


@pytest.mark.parametrize("fmt", ["text", "markdown", "latex"])
def test_a_row_of_another_set_has_and_takes_no_mark(fmt):
    best = {"mae": 0.001, "s": 0.999, "max_e": 0.999, "max_f": 0.999}
    without = compare("CoCA", {"other": {"mae": 0.9}}, fmt)
    table = compare("CoCA", {"mine": best}, fmt, unlike={"mine": "these are 7 groups"})
    row = next(line for line in table.splitlines() if "mine" in line)
    assert not any(mark in row for mark in ("*", "'", "textbf", "<u>", "underline"))
    assert "not comparable" in row
    assert "these are 7 groups" in table.split("mine")[2]
    marked = {"text": "0.738*", "markdown": "**0.738**", "latex": r"\textbf{0.738}"}[fmt]
    assert marked in table and marked in without
