"""Two processes over gloo do what one process does with both pairs."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from cosod.training import loop
from cosod.training.process_group import join
from cosod.training.run import Run
from tests.training.made import make_set, tiny_job

ROOT = Path(__file__).parents[2]
#: Unclipped, so that the gradients can be compared.
CHANGES = {"clip": 0.0, "steps": 3}

CHILD = """
import json, sys
from pathlib import Path
import torch
from cosod.models import gconet_plus_mobile
from cosod.training import loop
from cosod.training.run import Run
from cosod.training.process_group import join, leave
from tests.training.made import tiny_job
folder = Path(sys.argv[2])
folder.mkdir(exist_ok=True, parents=True)
gconet_plus_mobile.MOMENTUM = 0.0
process_group = join("cpu")
run = Run(tiny_job(Path(sys.argv[1]), folder, clip=0.0, steps=3), process_group)
assert (run.pairs, run.local_pairs) == (2, 1)
losses = []
for work in loop._steps(run, 0):
    loop._set_modes_and_rates(run)
    losses.append(loop.one_step(run, work)["total"])
    if run.step == 1:
        torch.save({n: p.grad for n, p in run.network.named_parameters()}, folder / f"gradients{process_group.rank}.pt")
torch.save(run.network.state_dict(), folder / f"state{process_group.rank}.pt")
(folder / f"losses{process_group.rank}.json").write_text(json.dumps(losses))
leave()
"""


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The data, and the folder that two processes wrote."""
    folder = tmp_path_factory.mktemp("process_group")
    data = make_set(folder / "made")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    children = []
    for rank in range(2):
        place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        code = [sys.executable, "-c", CHILD, str(data), str(folder / "two")]
        environment = os.environ | {key: str(value) for key, value in place.items()}
        children.append(subprocess.Popen(code, cwd=ROOT, env=environment, stderr=subprocess.PIPE))
    for child in children:
        _, errors = child.communicate(timeout=120)
        assert child.returncode == 0, errors.decode()
    return data, folder / "two"


def test_two_processes_are_one_with_both_pairs(both, tmp_path, monkeypatch):
    # One process takes in the means of the first pair before it sees the second.
    monkeypatch.setattr("cosod.models.gconet_plus_mobile.MOMENTUM", 0.0)
    data, two = both
    run = Run(tiny_job(data, tmp_path, pairs=2, **CHANGES), join("cpu"))
    losses = []
    for work in loop._steps(run, 0):
        loop._set_modes_and_rates(run)
        losses.append(loop.one_step(run, work)["total"])
        if run.step == 1:
            gradients = {name: p.grad for name, p in run.network.named_parameters()}
            for rank in (0, 1):
                found = torch.load(two / f"gradients{rank}.pt", weights_only=True)
                for name, grad in gradients.items():
                    assert (grad is None) == (found[name] is None), name
                    if grad is not None:
                        torch.testing.assert_close(found[name], grad, atol=1e-6, rtol=1e-3, msg=name)
    parts = [json.loads((two / f"losses{rank}.json").read_text()) for rank in (0, 1)]
    assert parts[0] == parts[1]
    assert parts[0][0] == pytest.approx(losses[0], rel=1e-5)
    # Adam divides by the gradient's size, which magnifies rounding where it is near nothing.
    assert parts[0] == pytest.approx(losses, rel=1e-2)


def test_the_processes_stay_the_same(both):
    states = [torch.load(both[1] / f"state{rank}.pt", weights_only=True) for rank in (0, 1)]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
