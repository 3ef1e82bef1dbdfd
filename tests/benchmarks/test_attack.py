"""The program that tells where the attack turns answers."""

import sys

import attack
import numpy as np
import torch

from cosod import models
from tests.active_learning.made import make_pool


def test_near_outline():
    mask = np.zeros((9, 9), bool)
    mask[3:, 3:] = True
    near = attack.near_outline(mask)
    assert near[3, 3:].all() and near[2, 3:].all() and near[3:, 3].all()
    assert not near[5:, 5:].any() and not near[0].any()


def test_table(tmp_path, monkeypatch, capsys):
    torch.manual_seed(0)
    models.save(models.create("saliency_mobile"), tmp_path / "w.safetensors", {})
    pool = make_pool(tmp_path / "pool")
    arguments = [tmp_path / "w.safetensors", "--data", pool, "--side", "32", "--images", "3"]
    monkeypatch.setattr(sys, "argv", ["attack.py", *map(str, arguments)])
    attack.main()
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[0] for row in rows] == [f"| {alpha:g}" for alpha in attack.STEPS]
    assert rows[0][1:3] == ["0.0%", "0.0%"]
    assert all(0 <= float(cell.strip(" |%")) <= 100 for row in rows for cell in row[1:])
