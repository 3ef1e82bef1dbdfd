"""The steps of networks by other runtimes."""

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from cosod.errors import ExtraError, InputError
from cosod.inference.backends import converted_steps as steps_module
from cosod.inference.backends import open_steps
from cosod.inference.detector import Detector
from cosod.models.base import Consensus
from tests.inference.backends.made import SMALL, group, network

SIZE = 64
RUNTIMES = ["openvino", "onnxruntime"]
#: Networks and runtimes. OpenVINO reads the same conversions, but needs seconds to compile them.
OTHERS = [
    *((name, "onnxruntime") for name in SMALL),
    ("gconet_plus_released", "openvino"),
    ("ssnm_reference", "openvino"),
]
PHOTOS = Path(__file__).parents[3] / "examples" / "photos" / "apples"


@torch.no_grad()
def check_parity(name, backend, *numbers, size=SIZE):
    """Features, maps and branches as torch's own, with groups of each number encoded and decoded in batches of two."""
    pytest.importorskip(backend)
    own = network(name)
    other = open_steps(backend, own, size)
    for number in numbers:
        drawn = group(own, number, size)
        features = own.encode(drawn)
        consensus = own.consensus(features)
        wanted = own.decode(features, consensus)
        for start in range(0, number, 2):
            part = slice(start, start + 2)
            found = other.encode(drawn[part])
            assert found.size == (size, size)
            for one, two in zip((*found.skips, found.deep), (*features.skips, features.deep), strict=True):
                torch.testing.assert_close(one, two[part], atol=1e-3, rtol=1e-3)
            output = other.decode(found, consensus.part(part))
            for field in ("probability", "threshold") if own.whole_group_maps else ("maps", "probability", "threshold"):
                if getattr(wanted, field) is None:
                    assert getattr(output, field) is None
                else:
                    torch.testing.assert_close(getattr(output, field), getattr(wanted, field)[part], atol=1e-3, rtol=0)
        assert wanted.maps.std() > 0.002  # not the same number everywhere


def archives(folder, backend):
    """Those of the default network for a backend."""
    first = "encoder.onnx" if backend == "onnxruntime" else "encoder.xml"
    paths = folder.glob("backends/gconet_plus_mobile-*.zip")
    return [path for path in paths if first in zipfile.ZipFile(path).namelist()]


def check_detectors(name, backend, learn=False):
    """Maps of the examples, and with ``learn`` those by a saved consensus, as torch's own."""
    photos = sorted(PHOTOS.iterdir())[:3]
    own = Detector(network(name), "cpu", SIZE)
    other = Detector(network(name), size=SIZE, batch=2, backend=backend)
    assert str(other.device) == "cpu"
    for one, two in zip(own.segment(photos), other.segment(photos), strict=True):
        assert one.shape == two.shape
        assert np.abs(one - two).max() < 1e-3
    if not learn:
        return
    learned = own.learn(photos)
    pairs = zip(own.apply(learned, photos), other.apply(other.learn(photos), photos), strict=True)
    for (_, one), (_, two) in pairs:
        assert np.abs(one - two).max() < 1e-3
    other.check(learned)  # what one has learned, the other may apply


@pytest.mark.parametrize("backend", RUNTIMES)
def test_default_network(backend, cache):
    """In one test, because the workers would convert the network at the same time in several."""
    check_parity("default", backend, 1, 3, 5)
    for size in (160, 384):
        check_parity("default", backend, 2, size=size)
    (archive,) = archives(cache, backend)  # one graph for all sizes of a network that keeps proportions
    with zipfile.ZipFile(archive) as files:
        for name in files.namelist():
            if not name.endswith(".bin"):
                assert b"Conv" in files.read(name)
                assert b"BatchNorm" not in files.read(name)
    check_detectors("default", backend, learn=True)


@pytest.mark.parametrize(("name", "backend"), OTHERS)
def test_every_network(name, backend):
    check_parity(name, backend, 1, 5)
    check_detectors(name, backend)


@torch.no_grad()
def test_kept_consensus_without_spatial_modulator():
    pytest.importorskip("openvino")
    own = network("ssnm_reference")
    other = open_steps("openvino", own, SIZE)
    drawn = group(own, 2, SIZE)
    features = own.encode(drawn)
    consensus = Consensus(own.consensus(features).vector[:1])
    found = other.decode(other.encode(drawn), consensus).maps
    torch.testing.assert_close(found, own.decode(features, consensus).maps, atol=1e-3, rtol=0)


def test_unknown_backend():
    with pytest.raises(InputError, match="no backend 'tensorrt'; choose one of torch, onnxruntime, openvino"):
        Detector(network("default"), backend="tensorrt")


@pytest.mark.parametrize(
    "options, message", [({"device": "cuda"}, "on the CPU only"), ({"precision": "bfloat16"}, "in float32 only")]
)
def test_backend_does_not_do_that(options, message):
    with pytest.raises(InputError, match=message):
        Detector(network("default"), backend="openvino", **options)


@pytest.mark.parametrize(
    "backend, package, extra", [("openvino", "openvino", "openvino"), ("onnxruntime", "onnxruntime", "onnx")]
)
def test_missing_package(backend, package, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ExtraError, match=rf"pip install 'cosod\[{extra}\]'"):
        Detector(network("default"), backend=backend)


def test_missing_converter(monkeypatch, tmp_path):
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("COSOD_CACHE", str(tmp_path))
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ExtraError, match=r"pip install 'cosod\[onnx\]'"):
        open_steps("onnxruntime", network("default"), SIZE)


TWO_MODELS = """
import gc, signal, openvino, torch
from cosod.inference.backends.conversion import to_openvino
from cosod.inference.backends.runtimes import OpenVINO
from cosod.inference.backends.graphs import Graph

graph = Graph(torch.nn.Conv2d(3, 2, 1).eval(), (torch.zeros(1, 3, 4, 4),), ("x",), ("y",))
files = to_openvino(graph)
first, second = OpenVINO(*files), OpenVINO(*files)
del first
gc.collect()
del second
gc.collect()
signal.signal(signal.SIGUSR1, lambda *_: print("alive"))
signal.raise_signal(signal.SIGUSR1)
"""


def test_a_signal_after_models_are_gone_does_not_end_the_process():
    """OpenVINO gives the main thread a stack for signals that must outlive its models."""
    pytest.importorskip("openvino")
    done = subprocess.run([sys.executable, "-c", TWO_MODELS], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr


@pytest.fixture(scope="module")
def results():
    """Outputs of a graph -> its conversion, for the tests of the cache, which all convert the same network."""
    return {}


@pytest.fixture
def conversions(monkeypatch, results):
    """The graphs converted to ONNX, one entry each time; the second time the result is that of the first."""
    made = []
    convert = steps_module.to_onnx

    def counted(graph):
        made.append(graph.outputs)
        if graph.outputs not in results:
            results[graph.outputs] = convert(graph)
        return results[graph.outputs]

    monkeypatch.setattr(steps_module, "to_onnx", counted)
    return made


def test_cache(tmp_path, monkeypatch, conversions):
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("COSOD_CACHE", str(tmp_path))
    open_steps("onnxruntime", network("gconet"), 32)
    assert len(conversions) == 2
    (archive,) = (tmp_path / "backends").iterdir()
    open_steps("onnxruntime", network("gconet"), 32)
    assert len(conversions) == 2
    whole = archive.read_bytes()
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 255
    for damaged in (whole[: len(whole) // 2], bytes(changed), b""):
        conversions.clear()
        archive.write_bytes(damaged)
        open_steps("onnxruntime", network("gconet"), 32)
        assert len(conversions) == 2
        assert zipfile.ZipFile(archive).testzip() is None
    assert [path.name for path in (tmp_path / "backends").iterdir()] == [archive.name]


def test_cache_that_cannot_be_written(tmp_path, monkeypatch, conversions):
    pytest.importorskip("onnxruntime")
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv("COSOD_CACHE", str(tmp_path / "file"))
    open_steps("onnxruntime", network("gconet"), 32)
    assert len(conversions) == 2
    assert (tmp_path / "file").read_text() == "mine"


def test_nothing_is_reported_to_openvino():
    pytest.importorskip("openvino")
    code = (
        "import sys; from cosod.inference.backends.conversion import import_openvino; import_openvino(); "
        "print([name for name in sys.modules if name.startswith(('openvino_telemetry.', 'torchvision'))])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


class OfOneSize:
    """Steps whose features are right for one size alone, as if a side had become a constant in the trace."""

    def __init__(self, own):
        self.own, self.decode = own, own.decode

    def encode(self, images):
        features = self.own.encode(images)
        *finer, saliency = features.skips
        return features._replace(skips=(*finer, saliency * (images.shape[-2] / self.own.size)))


def test_a_network_that_a_conversion_changes_is_refused(tmp_path, monkeypatch):
    """A trace stores Python numbers as constants; the wrong graph must not get into the cache either."""
    pytest.importorskip("openvino")
    monkeypatch.setenv("COSOD_CACHE", str(tmp_path))
    own = network("default")
    monkeypatch.setattr(steps_module, "to_openvino", lambda graph: (b"", b""))
    monkeypatch.setattr(steps_module, "OpenVINO", lambda *files: files)
    monkeypatch.setattr(steps_module, "ConvertedSteps", lambda *parts: OfOneSize(own))
    with pytest.raises(InputError, match=r"gconet_plus_mobile .* images of 352 x 288 pixels; leave --backend out"):
        open_steps("openvino", own, SIZE)
    assert not list(tmp_path.rglob("*.zip"))
