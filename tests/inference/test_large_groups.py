"""Memory of large groups: compared exactly they keep little of each image, with references no more than few take."""

import json
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
    paths, options, keep = json.loads(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3])
    sampling = ReferenceSampling(**options.pop("sampling", {}))
    detector = cosod.load(device="cpu", sampling=sampling, **options)
    kept = [m for i, m in detector.stream(paths) if i in keep]
    np.save(sys.argv[4], np.stack(kept))
    # Not getrusage's figure, which includes the process that started this one: a worker that ran many tests.
    status = Path("/proc/self/status").read_text().splitlines()
    print(int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 2**20)
    """
)


def run(paths, output, keep, **options):
    """Peak memory in GiB of segmenting ``paths`` in a process of its own, and the maps of ``keep``."""
    arguments = [json.dumps([str(p) for p in paths]), json.dumps(options), json.dumps(keep), str(output)]
    ended = subprocess.run([sys.executable, "-c", CHILD, *arguments], capture_output=True, text=True, check=True)
    return float(ended.stdout), np.load(output)


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
    peak, maps = run(photos * 4, tmp_path / "maps.npy", [0, 39], sampling={"references": 0})
    assert peak < 1.0, f"{peak:.2f} GiB"
    # Every photo stands four times in the group, so that the group of 40 has the same consensus.
    _, few = run(photos, tmp_path / "few.npy", [0, 39], batch=40)
    np.testing.assert_allclose(maps, few, atol=1e-3)


@pytest.mark.slow
def test_compared_exactly_a_group_needs_only_its_deepest_features(photos, tmp_path):
    """Beyond the bound on kept features, that is: 13 MiB for 40 images more, while all features take 50."""
    exact = {"references": 0}
    small, _ = run(photos, tmp_path / "a.npy", [0], feature_bytes=0, sampling=exact)
    large, _ = run(photos * 2, tmp_path / "b.npy", [0], feature_bytes=0, sampling=exact)
    assert 1024 * (large - small) < 32, f"{small:.2f} GiB -> {large:.2f} GiB"


@pytest.mark.slow
def test_with_references_memory_does_not_grow_with_the_group(photos, tmp_path):
    """Each image adds a vector of 1,728 bytes, its presence and size; its deepest features alone are 27 KiB."""
    options = {"feature_bytes": 0, "size": 128, "sampling": {"references": 16, "exact_up_to": 100}}
    small, _ = run(photos * 3, tmp_path / "a.npy", [0], **options)
    large, maps = run(photos * 15, tmp_path / "b.npy", [0, 39], **options)
    assert 1024 * (large - small) < 8, f"{small:.3f} GiB -> {large:.3f} GiB"
    # Every photo stands 15 times in the group, so that the group of 40 has the same consensus.
    _, few = run(photos, tmp_path / "few.npy", [0, 39], size=128)
    np.testing.assert_allclose(maps, few, atol=0.1)
