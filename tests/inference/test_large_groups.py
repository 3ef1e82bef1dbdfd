"""Memory of large groups: compared exactly they keep little of each image, with references no more than few take."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

CHILD = textwrap.dedent(
    """
    import json, sys
    from pathlib import Path
    import numpy as np
    import cosod
    from cosod.inference.reference_sampling import ReferenceSampling
    for number, (paths, options) in enumerate(json.loads(sys.argv[1])):
        sampling = ReferenceSampling(**options.pop("sampling", {}))
        detector = cosod.load(device="cpu", sampling=sampling, **options)
        kept = [m for i, m in detector.stream(paths) if i in (0, 39)]
        np.save(f"{sys.argv[2]}/{number}.npy", np.stack(kept))
        # Not getrusage's figure, which includes the process that started this one: a worker that ran many tests.
        status = Path("/proc/self/status").read_text().splitlines()
        print(int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 2**20)
    """
)


def run(folder, *groups):
    """Segments groups, given by paths and options, one after the other in a process of its own.

    Returns:
        The peak memory in GiB up to the end of the first, and the first and fortieth map of each.
    """
    given = json.dumps([([str(path) for path in paths], options) for paths, options in groups])
    # Blocks from 128 KiB on go back to the system at once. By default the allocator raises that bound as it goes, and
    # what it holds back differs by 25 MiB from run to run, which hides what a group keeps.
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_ARENA_MAX": "2"}
    ended = subprocess.run(
        [sys.executable, "-c", CHILD, given, folder], capture_output=True, text=True, check=True, env=environment
    )
    return float(ended.stdout.split()[0]), [np.load(folder / f"{i}.npy") for i in range(len(groups))]


pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:300, :400]
    paths = []
    for i in range(40):
        image = rng.integers(60, 120, (300, 400, 3), dtype=np.uint8)
        cy, cx, r = rng.integers(80, 220), rng.integers(80, 320), rng.integers(30, 70)
        image[(y - cy) ** 2 + (x - cx) ** 2 < r * r] = (220, 60 + i, 40)
        paths.append(folder / f"{i}.jpg")
        Image.fromarray(image).save(paths[-1])
    return paths


@pytest.mark.slow
def test_many_images_compared_exactly(photos, tmp_path):
    """In .7 GiB; the affinity of all 12,960 positions alone would take .6 more."""
    # Maps as they are, because those of a group are changed by a sample of its maps, and the samples differ.
    options = {"keep_regions": True, "sampling": {"references": 0}}
    peak, (maps, few) = run(tmp_path, (photos * 4, options), (photos, {"keep_regions": True, "batch": 40}))
    assert peak < 1.0, f"{peak:.2f} GiB"
    # Every photo stands four times in the group, so that the group of 40 has the same consensus.
    np.testing.assert_allclose(maps, few, atol=1e-3)


@pytest.mark.slow
def test_compared_exactly_a_group_needs_only_its_deepest_features(photos, tmp_path):
    """Beyond the bound on kept features, that is: 6 MiB for 40 images more, while all features take 54."""
    options = {"feature_bytes": 0, "sampling": {"references": 0}}
    small, _ = run(tmp_path, (photos, options))
    large, _ = run(tmp_path, (photos * 2, options))
    assert 1024 * (large - small) < 24, f"{small:.2f} GiB -> {large:.2f} GiB"


@pytest.mark.slow
def test_with_references_memory_does_not_grow_with_the_group(photos, tmp_path):
    """Each image adds a vector of 1,728 bytes, its presence and size; its deepest features alone are 27 KiB."""
    options = {"feature_bytes": 0, "size": 128, "sampling": {"references": 16, "exact_up_to": 100}}
    small, _ = run(tmp_path, (photos * 3, options))
    large, (maps, few) = run(tmp_path, (photos * 15, options), (photos, {"size": 128}))
    assert 1024 * (large - small) < 6, f"{small:.3f} GiB -> {large:.3f} GiB"
    # Every photo stands 15 times in the group, so that the group of 40 has the same consensus.
    np.testing.assert_allclose(maps, few, atol=0.1)
