from cosod.evaluation.notices import Notices, some


def test_merging_keeps_counts_and_the_first_names():
    parts = [Notices() for _ in range(3)]
    for i in range(5):
        parts[i // 2].note("gray", f"g/{i}", 0.1 * i)
    parts[1].note("empty", "e/1")
    sentences = (parts[0] + parts[1] + parts[2]).sentences()
    assert sentences[0] == "5 ground truth masks are not binary: 20.00 % of their pixels are gray (g/0, g/1, g/2, ...)"
    assert sentences[1] == "1 ground truth mask is empty, without any object (e/1)"


def test_some():
    assert some(["a", "b"]) == "a, b"
    assert some(["a", "b", "c", "d"]) == "a, b, c, ..."
