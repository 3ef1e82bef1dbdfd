"""The Triton kernel gives the blockwise answer; without a GPU by Triton's own interpreter, where Triton is there."""

import os
import subprocess
import sys

import pytest
import torch

pytest.importorskip("triton")

CHILD = """
import torch
from cosod.models.modules.group_affinity import best_match
from cosod.models.modules.affinity_kernel import fused_best_match, works
device = "cuda" if torch.cuda.is_available() else "cpu"
assert works(torch.device(device))
torch.manual_seed(0)
for n, m, c, p, keys in ((2, 3, 64, 100, 81), (5, 5, 33, 16, 16), (1, 7, 8, 130, 64)):
    query, key = torch.randn(n, c, p), torch.randn(m, c, keys)
    print(float((fused_best_match(query.to(device), key.to(device)).cpu() - best_match(query, key)).abs().max()))
"""


def test_kernel_gives_the_blockwise_answer():
    mode = {} if torch.cuda.is_available() else {"TRITON_INTERPRET": "1"}
    ended = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, env=os.environ | mode)
    assert ended.returncode == 0, ended.stderr
    differences = [float(line) for line in ended.stdout.split()]
    assert len(differences) == 3
    assert max(differences) < 1e-3
