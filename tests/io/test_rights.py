"""Files get the rights that new files get: in a shared folder others may read what a user made."""

import os
import stat

import numpy as np
import pytest
import torch

from cosod import models
from cosod.apps.albums.whitening import Whitening
from cosod.inference.consensus_file import GroupConsensus, Provenance
from cosod.io.atomic_write import whole

WRITERS = {
    "weights.safetensors": lambda path: models.save(models.create("gconet_plus_mobile"), path),
    "mug.consensus": lambda path: GroupConsensus(
        torch.zeros(4), torch.ones(4), Provenance("gconet_plus_mobile", "0", 256, 2, 0, 2.0, None, None)
    ).save(path),
    "whitening.safetensors": lambda path: Whitening.of(np.random.default_rng(0).random((9, 4)), 2).save(path),
}


def plain(path):
    with whole(path) as temporary:
        temporary.write_bytes(b"x")


@pytest.mark.skipif(os.name == "nt", reason="rights are of POSIX")
@pytest.mark.parametrize("name", [*WRITERS, "map.png"])
def test_others_may_read_what_the_umask_lets_them(tmp_path, name):
    before = os.umask(0o022)
    try:
        WRITERS.get(name, plain)(tmp_path / name)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [tmp_path / name]
