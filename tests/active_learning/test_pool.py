"""The pool is told by names and sizes; a change of it is named."""

import cv2
import numpy as np
import pytest

from cosod.active_learning.points import Point, PointSet
from cosod.active_learning.pool import Pool
from cosod.errors import ImageError, InputError
from tests.active_learning.made import make_pool


def test_scan(pool_folder, tmp_path):
    pool = Pool.scan(pool_folder)
    assert pool.names == [f"images/{i}.png" for i in range(4)]
    assert pool.sizes["images/1.png"] == (46, 60)
    assert pool.masks()["images/2.png"] == pool_folder / "gts/2.png"
    pool.save(tmp_path / "pool.json")
    assert Pool.load(tmp_path / "pool.json") == Pool(pool_folder.resolve(), pool.sizes)


def test_subset_is_chosen_by_the_seed(pool_folder):
    one, same, whole = (Pool.scan(pool_folder, n) for n in (2, 2, 9))
    assert len(one) == 2 and one.names == same.names and set(one.names) < set(whole.names)
    assert len({tuple(Pool.scan(pool_folder, 2, seed).names) for seed in range(8)}) > 1


def test_plain_folder_of_images(tmp_path):
    for name in ("b.png", "a.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((8, 9, 3), np.uint8))
    pool = Pool.scan(tmp_path)
    assert pool.names == ["a.png", "b.png"]
    with pytest.raises(InputError, match="2 of 2 images have no mask"):
        pool.masks()


def test_unreadable_image_is_left_out_and_reported(tmp_path):
    folder = make_pool(tmp_path / "pool")
    (folder / "images/0.png").write_bytes(b"nothing")
    failed = []
    assert len(Pool.scan(folder, on_error=failed.append)) == 3
    assert "0.png" in str(failed[0])
    with pytest.raises(ImageError):
        Pool.scan(folder)


def test_changes_are_named(tmp_path):
    folder = make_pool(tmp_path / "pool")
    pool = Pool.scan(folder)
    pool.check_unchanged()
    cv2.imwrite(str(folder / "images/2.png"), np.zeros((5, 6, 3), np.uint8))
    (folder / "images/3.png").unlink()
    with pytest.raises(InputError, match=r"images/2.png \(6 x 5 in place of 56 x 52\), images/3.png \(gone"):
        pool.check_unchanged()
    assert Pool.scan(folder).fingerprint != pool.fingerprint


def test_clicks_outside_and_of_another_pool(pool_folder):
    pool = Pool.scan(pool_folder)
    pool.check("images/0.png", [Point(63, 39, 1)])
    for point in (Point(64, 0, 1), Point(0, 40, 1), Point(-1, 0, 1)):
        with pytest.raises(InputError, match="outside the image of 64 x 40"):
            pool.check("images/0.png", [point])
    with pytest.raises(InputError, match="not in the pool"):
        pool.check("images/9.png", [])
    with pytest.raises(InputError, match="another pool"):
        pool.check_points(PointSet("other"), "answers.json")


@pytest.mark.parametrize("change", [('"images/1.png": [46', '"images/1.png": [47'), ("images/1", "../1"), ("{", "(")])
def test_changed_pool_file(pool_folder, tmp_path, change):
    path = tmp_path / "pool.json"
    Pool.scan(pool_folder).save(path)
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(InputError, match=r"pool\.json"):
        Pool.load(path)
