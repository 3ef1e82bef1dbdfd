"""The order of training, and its files."""

import csv
import dataclasses
import hashlib
from pathlib import Path

import pytest

from cosod.errors import InputError
from cosod.training.config.sections import Augment, GroupSampling
from cosod.training.data.coarse_labels import CoarseLabels
from cosod.training.data.group_sampler import Sampler, zip_plans
from cosod.training.data.keyed_rng import KeyedRNG
from cosod.training.data.published_order import COLUMNS, Replay, write_order
from cosod.training.data.training_set import Item, TrainingSet

PUBLISHED = Path(__file__).parents[4] / "shared" / "data" / "published_order"


def made_set(sizes: dict[str, int], name="made") -> TrainingSet:
    items, groups = [], {}
    for label, (group, n) in enumerate(sizes.items()):
        groups[group] = tuple(range(len(items), len(items) + n))
        items += [Item(Path(f"/x/{group}/{i},b.jpg"), Path(f"/y/{group}/{i},b.png"), group, label) for i in range(n)]
    return TrainingSet(name, tuple(items), groups)


DATA = made_set({str(g): 3 + g % 7 for g in range(30)})
AUGMENT = Augment(flip=0.5, rotation=90.0, rotation_share=0.7)


def sampler(seed=1, data=DATA, **options) -> Sampler:
    return Sampler(data, GroupSampling(**{"images": 6, **options}), AUGMENT, seed)


def test_numbers_are_the_same_on_every_machine():
    rng = KeyedRNG(7, "order", 0)
    assert [round(rng.share(), 12) for _ in range(3)] == [0.063734854347, 0.421792996126, 0.41225525299]


def test_every_group_once_with_one_other_and_the_right_images():
    plan = sampler().plan(3)
    assert [pair.groups[0] for pair in plan] == list(DATA.groups)
    for pair in plan:
        first, second = pair.groups
        n = min(6, len(DATA.groups[first]), len(DATA.groups[second]))
        items = [shot.item for shot in pair.shots]
        assert first != second
        assert len(set(items)) == 2 * n
        assert set(items[:n]) <= set(DATA.groups[first]) and set(items[n:]) <= set(DATA.groups[second])
        assert all(abs(shot.angle) <= 90 for shot in pair.shots)


def test_plans_depend_on_seed_and_epoch_only():
    assert sampler().plan(3) == sampler().plan(3)
    assert sampler().plan(3) != sampler().plan(4)
    assert sampler().plan(3) != sampler(seed=2).plan(3)
    shuffled = [pair.groups[0] for pair in sampler(order="shuffled").plan(0)]
    assert shuffled != list(DATA.groups) and sorted(shuffled) == sorted(DATA.groups)


def test_fixed_partners_stay_and_hardest_are_those_given():
    fixed = sampler(partner="fixed")
    assert [pair.groups for pair in fixed.plan(0)] == [pair.groups for pair in fixed.plan(9)]
    nearest = {group: str((int(group) + 1) % 30) for group in DATA.groups}
    assert [pair.groups for pair in sampler(partner="hardest").plan(0, nearest)] == list(nearest.items())


def test_groups_of_coarse_labels_mix_classes_of_one_name_and_never_meet():
    data = made_set({str(g): 2 for g in [*range(151, 161), 407, 436, 950]})
    names = CoarseLabels(data.groups)
    assert names.of["151"] == "dog" and names.of["407"] == "car" and "950" not in names.of
    coarse = sampler(data=data, coarse_labels=1.0, images=8)
    for epoch in range(5):
        for pair in coarse.plan(epoch):
            first, second = pair.groups
            assert not names.alike(first, second)
            n = len(pair.shots) // 2
            if names.of.get(first) == "dog" and names.of.get(second) == "car":
                assert n == 4
                assert len({data.items[shot.item].group for shot in pair.shots[:n]}) == 4
                assert {data.items[shot.item].group for shot in pair.shots[n:]} == {"407", "436"}


def test_any_number_of_groups_meet():
    for meeting in sampler(groups=4, images=3).plan(2):
        assert len(set(meeting.groups)) == 4
        for group, shots in zip(meeting.groups, meeting.parts(), strict=True):
            assert len({shot.item for shot in shots} & set(DATA.groups[group])) == 3
    few = made_set({"a": 3, "b": 3, "c": 3})
    assert all(len(meeting.groups) == 3 for meeting in sampler(data=few, groups=4).plan(0))
    assert all(len(meeting.groups) == 1 for meeting in sampler(groups=1).plan(0))
    with pytest.raises(InputError, match="partner hardest is for pairs, not for 4 groups"):
        sampler(groups=4, partner="hardest")


def test_small_groups_are_filled_up_by_repeating():
    data = made_set({"small": 2, "a": 9, "b": 9})
    for meeting in sampler(data=data, groups=3, images=5, fill=True).plan(0):
        parts = dict(zip(meeting.groups, meeting.parts(), strict=True))
        assert all(len(part) == 5 for part in parts.values())
        assert parts["small"] == (parts["small"][:2] * 3)[:5]
        assert len({shot.item for shot in parts["small"]}) == 2 and len({shot.item for shot in parts["a"]}) == 5


@pytest.mark.parametrize(
    ("sizes", "options", "epoch", "digest"),
    [
        (None, {}, 3, "596b6ec7bbca74b0"),
        (None, {"order": "shuffled", "partner": "fixed", "images": 4}, 1, "8f5ff1cc43d1ae22"),
        ((*range(151, 161), 407, 436, 950), {"coarse_labels": 0.5, "images": 8}, 2, "4c7c2acecfbbbe89"),
    ],
)
def test_plans_of_pairs_never_change(sizes, options, epoch, digest):
    data = made_set({str(g): 2 + g % 5 for g in sizes}) if sizes else DATA
    plan = sampler(data=data, **options).plan(epoch)
    rows = [(*pair.groups, *((shot.item, shot.flip, shot.angle) for shot in pair.shots)) for pair in plan]
    assert hashlib.sha256(repr(rows).encode()).hexdigest().startswith(digest)


def test_joint_plans_begin_again():
    one, two = sampler().plan(0), sampler(data=made_set({"a": 3, "b": 4})).plan(0)
    both = zip_plans([one, two], pairs=4)
    assert len(both) == 32
    assert both[0] == (one[0], two[0]) and both[3] == (one[3], two[1])
    assert both[30] == (one[0], two[0])


def test_own_order_files_are_replayed(tmp_path):
    plan = sampler().plan(5)
    write_order(tmp_path, 5, plan, DATA)
    assert Replay(tmp_path, DATA).plan(5) == plan
    more = sampler(groups=4, images=4, fill=True).plan(1)
    write_order(tmp_path, 1, more, DATA)
    assert Replay(tmp_path, DATA).plan(1) == more
    line = (tmp_path / "group_5.txt").read_text().splitlines()[0]
    assert line.startswith("5:1:0,") and line.endswith(".jpg,")
    with pytest.raises(InputError, match=r"cannot read the order file .*df_group_6\.csv"):
        Replay(tmp_path, DATA).plan(6)


def test_images_that_the_set_lacks_are_all_listed(tmp_path):
    plan = sampler().plan(0)
    write_order(tmp_path, 0, plan, DATA)
    fewer = TrainingSet("fewer", DATA.items[:-5], DATA.groups)
    with pytest.raises(InputError, match="images that fewer lacks") as caught:
        Replay(tmp_path, fewer).plan(0)
    used = {shot.item for pair in plan for shot in pair.shots}
    assert str(caught.value).count("./data/images/made/") == len(used & set(range(len(DATA.items))[-5:]))


def test_order_files_of_other_groups_are_refused(tmp_path):
    write_order(tmp_path, 0, sampler().plan(0)[:-1], DATA)
    with pytest.raises(InputError, match="has 29 steps, and made 30 groups to train on"):
        Replay(tmp_path, DATA).plan(0)


def test_damaged_order_files_are_named_with_their_line(tmp_path):
    write_order(tmp_path, 0, sampler().plan(0), DATA)
    path = tmp_path / "group_0.txt"
    path.write_text(path.read_text() + "0:31:what\n")
    with pytest.raises(InputError, match=r"group_0\.txt, line 31"):
        Replay(tmp_path, DATA).plan(0)


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="needs the published order files")
def test_published_order_is_replayed(tmp_path):
    with (PUBLISHED / "df_group_0.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    named = sorted({tuple(row["img_path"].split("/")[-2:]) for row in rows})
    groups, items = {}, []
    for group, name in named:
        groups[group] = (*groups.get(group, ()), len(items))
        items.append(Item(Path(name), Path(name).with_suffix(".png"), group, len(groups) - 1))
    data = TrainingSet("DUTS_class", tuple(items), groups)
    plan = Replay(PUBLISHED, data).plan(0)
    assert len(plan) == 291
    assert sum(len(pair.shots) for pair in plan) == 8064
    first = plan[0]
    assert (first.groups, len(first.shots)) == (("934", "186"), 20)
    assert items[first.shots[0].item].image.name == "n07697537_5561.jpg"
    assert first.shots[0].angle == 64.36017866181726 and first.shots[0].flip is False
    assert {items[shot.item].group for shot in first.shots[:10]} == {"934"}
    write_order(tmp_path, 0, plan, data)
    assert Replay(tmp_path, data).plan(0) == plan


SHARED = dataclasses.replace(
    made_set({f"{source}/{n}": 4 for source in "ab" for n in range(6)}),
    sources=tuple(tuple(f"{source}/{n}" for n in range(6)) for source in "ab"),
)


def test_groups_are_drawn_by_the_shares_of_their_sources():
    of = sampler(data=SHARED, shares=(3.0, 1.0), meetings=600)
    assert of.length == 600
    plan = of.plan(0)
    assert len(plan) == 600 and all(len(set(meeting.groups)) == 2 for meeting in plan)
    drawn = [meeting.groups[0] for meeting in plan]
    assert sum(name.startswith("a/") for name in drawn) / 600 == pytest.approx(0.75, abs=0.05)
    assert len(set(drawn)) == 12
    assert any(one[0] != other[0] for one, other in (meeting.groups for meeting in plan))  # any source meets any


def test_drawn_plans_depend_on_seed_and_epoch_only():
    options = {"data": SHARED, "shares": (1.0, 1.0), "meetings": 40}
    assert sampler(**options).plan(2) == sampler(**options).plan(2)
    assert sampler(**options).plan(2) != sampler(**options).plan(3)
    assert sampler(**options).plan(2) != sampler(seed=2, **options).plan(2)
    plan = sampler(**options).plan(0)
    by_group = {}
    for meeting in plan:
        by_group.setdefault(meeting.groups[0], set()).add(meeting.shots)
    assert any(len(shots) > 1 for shots in by_group.values())  # a group that comes again shows other images


def test_groups_that_differ_in_a_number_alone_never_meet():
    """Photos of persons in two groups: each would be told that the other's object is something else."""
    names = ("horse_01", "horse_02", "horse_03", "cow_01")
    data = made_set({f"a/{name}": 4 for name in names})
    drawn = dataclasses.replace(data, sources=(tuple(data.groups),))
    for found in (sampler(data=data), sampler(data=drawn, shares=(1.0,), meetings=40)):
        for meeting in found.plan(0):
            if "a/cow_01" not in meeting.groups:
                pytest.fail(f"{meeting.groups} met")
    alike = CoarseLabels(()).alike
    assert alike("horse_01", "horse_02") and not alike("horse_01", "cow_01") and not alike("1", "2")


def test_of_a_single_set_everything_is_drawn():
    single = dataclasses.replace(DATA, sources=(tuple(DATA.groups),))
    plan = sampler(data=single, shares=(0.5, 0.3, 0.2), meetings=40).plan(0)
    assert len(plan) == 40 and len({meeting.groups[0] for meeting in plan}) > 20
