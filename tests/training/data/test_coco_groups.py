"""Groups of COCO's categories: what they share, and runs on them."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from cosod.errors import ImageError, InputError
from cosod.training import train
from cosod.training.config.sections import GroupSampling
from cosod.training.data.augment import read_mask
from cosod.training.data.group_sampler import Sampler, zip_plans
from cosod.training.data.loader import Batches
from cosod.training.data.training_set import in_common, read_set, training_sets
from tests.training.made import losses, tiny_job

SIDE = 40
SAMPLING = GroupSampling(groups=3, images=3, fill=True, coco_area=90, coco_images=3)
NORM = ((0.0,) * 3, (1.0,) * 3)
#: Place of each category's square, and whether its instances are large.
PLACES = {"cat": (2, 2), "dog": (22, 2), "cup": (2, 22), "ant": (22, 22)}
#: Changes to a tiny run.
RUN = {
    "options": {"channels": 8},
    "steps": 3,
    "sampling__groups": 3,
    "sampling__coco_area": 90,
    "sampling__coco_images": 3,
}


def square(x: int, y: int, side: int) -> list[list[int]]:
    return [[x, y, x + side, y, x + side, y + side, x, y + side]]


def make_coco(folder: Path) -> Path:
    """Twelve photos with a cat, six of them with a dog too, four with a cup; all with an ant, which is small."""
    table = {
        "images": [],
        "annotations": [],
        "categories": [{"id": 9 - i, "name": name} for i, name in enumerate(PLACES)],
    }
    (folder / "train").mkdir(parents=True)
    (folder / "annotations").mkdir()
    rng = np.random.default_rng(0)
    for i in range(12):
        table["images"].append({"id": i, "file_name": f"{i}.png", "height": SIDE, "width": SIDE + 8})
        present = ["cat", "ant"] + ["dog"] * (i % 2 == 0) + ["cup"] * (i % 3 == 0)
        photo = rng.integers(90, 130, (SIDE, SIDE + 8, 3), dtype=np.uint8)
        for name in present:
            side = 4 if name == "ant" else 14
            x, y = PLACES[name]
            photo[y : y + side, x : x + side] = 200
            table["annotations"].append(
                {
                    "image_id": i,
                    "category_id": 9 - list(PLACES).index(name),
                    "segmentation": square(x, y, side),
                    "area": side * side,
                    "iscrowd": 0,
                }
            )
        cv2.imwrite(str(folder / "train" / f"{i}.png"), photo)
    path = folder / "annotations" / "instances_train.json"
    path.write_text(json.dumps(table))
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return make_coco(tmp_path_factory.mktemp("coco"))


def test_groups_by_the_ids_of_categories_with_large_instances(path):
    name, groups = read_set(f"small={path}", SAMPLING)
    assert name == "small" and {group: len(pairs) for group, pairs in groups.items()} == {"cup": 4, "dog": 6, "cat": 12}
    assert list(groups) == ["cup", "dog", "cat"]
    assert list(read_set(str(path), GroupSampling(coco_area=90, coco_images=5))[1]) == ["dog", "cat"]
    assert "ant" in read_set(str(path), GroupSampling(coco_area=15, coco_images=5))[1]
    with pytest.raises(InputError, match="has 0 categories with 100 or more images"):
        read_set(str(path), GroupSampling())


def test_images_that_are_missing_are_left_out(path, tmp_path):
    copy = tmp_path / "instances.json"
    copy.write_text(path.read_text())
    (tmp_path / "photos").mkdir()
    for i in range(8):
        (tmp_path / "photos" / f"{i}.png").write_bytes((path.parents[1] / "train" / f"{i}.png").read_bytes())
    with pytest.raises(InputError, match="give their folder with --images"):
        read_set(str(copy), SAMPLING)
    with pytest.warns(UserWarning, match="4 images are not in"):
        _, groups = read_set(str(copy), SAMPLING, tmp_path / "photos")
    assert len(groups["cat"]) == 8


def test_what_a_group_shares_and_its_masks(path):
    (data,) = training_sets([read_set(str(path), SAMPLING)])
    labels = {"cup": 0, "dog": 1, "cat": 2}
    cats = {int(data.items[i].image.stem): data.items[i] for i in data.groups["cat"]}
    assert in_common([cats[0], cats[6]]) == [labels, labels]
    assert in_common([cats[0], cats[4]]) == [{"dog": 1, "cat": 2}] * 2
    assert in_common([cats[0], cats[1]]) == [{"cat": 2}] * 2
    opened = cats[0].opened(["dog", "cat"])
    mask = cv2.imdecode(np.frombuffer(opened.mask.getvalue(), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert (mask > 0).sum() == 2 * 14 * 14 and mask[23, 3] == 0 and mask[3, 23] > 0
    own = np.asarray(read_mask(cats[0]))  # a mask that is not drawn yet is drawn for the item's own group
    assert own[23, 3] == own[3, 23] == 0 and 0 < (own > 0).sum() < 2 * 14 * 14
    (held,) = training_sets([read_set(str(path), SAMPLING)], held_out=["dog"])
    assert all(set(item.labels) <= {"cup", "cat"} for item in held.items)


def test_batches_have_all_labels_that_groups_share(path):
    sets = training_sets([read_set(str(path), SAMPLING)])
    still = {"augment__rotation": 0.0, "augment__crop": 1.0}
    job = tiny_job(path, path.parent, recipe="ssnm_paper_mobile", **RUN, **still)
    plan = zip_plans([Sampler(sets[0], SAMPLING, job.recipe.augment, 0).plan(0)], 1)
    batches = Batches(sets, plan, job.recipe, 0, NORM)
    for index, (meeting,) in enumerate(plan):
        (batch,) = batches[index]
        assert batch.images.shape == (9, 3, 64, 64) and batch.groups == 3 and not batch.lost
        assert batch.classes.tolist() == [sets[0].items[shot.item].label for shot in meeting.shots]
        assert batch.shared[torch.arange(9), batch.classes].all()
        for number, part in enumerate(meeting.parts()):
            common = set.intersection(*(set(sets[0].items[shot.item].labels.values()) for shot in part))
            rows = batch.shared[3 * number : 3 * number + 3]
            assert all(set(row.nonzero().flatten().tolist()) == common for row in rows)
            covered = batch.masks[3 * number : 3 * number + 3].mean(dim=(1, 2, 3)) * SIDE * (SIDE + 8) / 14**2
            torch.testing.assert_close(covered, torch.full((3,), float(len(common))), atol=0.3, rtol=0)


def test_an_image_of_another_size_than_annotated_is_replaced(path, tmp_path):
    copy = make_coco(tmp_path / "copy")
    cv2.imwrite(str(copy.parents[1] / "train" / "0.png"), np.zeros((20, 20, 3), np.uint8))
    sets = training_sets([read_set(str(copy), SAMPLING)])
    item = sets[0].items[sets[0].groups["cat"][0]]
    with pytest.raises(ImageError, match=r"0\.png is 20 x 20, in the annotations 48 x 40"):
        item.opened(["cat"])
    plan = zip_plans([Sampler(sets[0], SAMPLING, tiny_job(path, tmp_path).recipe.augment, 0).plan(0)], 1)
    batches = Batches(sets, plan, tiny_job(copy, tmp_path, recipe="ssnm_paper_mobile", **RUN).recipe, 0, NORM)
    lost = [message for index in range(len(plan)) for message in batches[index][0].lost]
    assert lost and all("0.png is 20 x 20" in message for message in lost)


@pytest.mark.parametrize("recipe", ["ssnm_paper_mobile", "ssnm_reference_mobile"])
def test_runs_on_annotations(path, tmp_path, recipe):
    options = {"channels": 8, "form": recipe.split("_")[1]}
    changes = RUN | {"options": options, "validation__held_out": 1, "size": 64}
    weights = train(tiny_job(path, tmp_path / "run", recipe=recipe, workers=1, **changes))
    assert weights.exists() and len(losses(tmp_path / "run")) == 3
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert {"bce", "smooth", "classification"} <= rows[0].keys()
    assert "plain" in rows[-1]["validation"]
