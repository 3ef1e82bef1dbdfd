"""The detector without PyTorch: it finds what the one with PyTorch finds, and says where it cannot."""

import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import cosod
from cosod.errors import ImageError, InputError, SingleImageWarning, UniformImageWarning
from cosod.inference import onnx_graphs
from cosod.inference.backends.packaged_graphs import packed
from cosod.inference.consensus_file import GroupConsensus
from cosod.inference.onnx_detector import LARGEST, OnnxDetector, pays, supports
from cosod.inference.onnx_graphs import COMPARED, FACTS, SUFFIX, archive_of, best_matches, together
from cosod.inference.options import DetectorOptions
from cosod.io.resizing import shrink, to_own_size
from cosod.models import registry
from cosod.models.checkpoints import loading, safetensors_file
from cosod.models.modules.part_matching import PartMatching

PHOTOS = Path(__file__).parents[2] / "examples" / "photos"


def photos():
    """A group whose photos have grids of three shapes."""
    paths = sorted((PHOTOS / "mugs").iterdir())
    images = [np.asarray(Image.open(path).convert("RGB")) for path in paths[:4]]
    return [images[0], images[1][:, :200], images[2][:160], *images[3:]]


def compared(detector, other, images):
    """The largest differences of the maps and of the presence of two detectors."""
    pairs = list(zip(detector.results(images), other.results(images), strict=True))
    assert [a.index for a, _ in pairs] == [b.index for _, b in pairs]
    maps = max(np.abs(a.map - b.map).max() for a, b in pairs)
    return maps, max(abs(a.presence - b.presence) for a, b in pairs)


@pytest.mark.parametrize("name", ["default", "accurate"])
def test_maps_and_presence_are_those_of_the_network(name):
    network = cosod.load(name, device="cpu")
    detector = OnnxDetector(name)
    assert detector.identity == network.identity
    assert detector.mask_threshold == network.mask_threshold
    assert (detector.size, detector.options.precision, detector.options.device) == (network.size, "float32", "cpu")
    maps, presence = compared(detector, network, photos())
    assert maps < 1e-4 and presence < 1e-4


def test_options_change_what_they_change_with_the_network():
    options = DetectorOptions(size=192, batch=2, keep_regions=True)
    maps, presence = compared(OnnxDetector(options=options), cosod.load(options=options), photos())
    assert maps < 1e-4 and presence < 1e-4


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of one network with other weights, and constants that were fitted later than the graphs were made."""
    network = registry.create("gconet_plus_mobile", size=64).eval()
    (tmp_path / f"gconet_plus_mobile{SUFFIX}").write_bytes(packed(network))
    constants = {"slope": 3.0, "offset": -1.0, "few": 0.1, "auc": None}
    path = tmp_path / "gconet_plus_mobile.safetensors"
    regions = {"offset": 2.0, "alike": 20.0, "likeness": 10.0}
    safetensors_file.save(network, path, {"presence": constants, "regions": regions})
    monkeypatch.setattr(onnx_graphs, "packaged_file", lambda name: tmp_path / name)
    return path


def test_graphs_take_weights_and_constants_from_the_weights_file(package):
    network = cosod.load(package, device="cpu")
    detector = OnnxDetector()
    assert detector.size == 64 and detector.identity == network.identity
    maps, presence = compared(detector, network, photos())
    assert maps < 1e-4 and presence < 1e-4


def test_an_archive_names_every_weight_and_contains_none():
    for name in ("default", "accurate"):
        network = loading.load(name)
        with zipfile.ZipFile(archive_of(name)) as archive:
            facts = json.loads(archive.read(FACTS))
            assert sum(entry.file_size for entry in archive.infolist()) < 0.5e6
        named = {own for names in facts["weights"].values() for own in names.values()}
        needed = {key for key in network.state_dict() if not key.endswith("num_batches_tracked")}
        assert named == needed - {key for key in needed if key.startswith(("decoder.coarse", "gate.coarse"))}


@pytest.mark.parametrize("name", ["default", "accurate"])
def test_what_depends_on_nothing_is_not_computed_whenever_a_graph_is_opened(name):
    onnx = pytest.importorskip("onnx")
    with zipfile.ZipFile(archive_of(name)) as archive:
        models = {n: archive.read(f"{n}.onnx") for n in json.loads(archive.read(FACTS))["weights"]}
    assert models.keys() == {"encoder", "match", "consensus", "decoder", "kept"}
    for graph in (onnx.load_from_string(model).graph for model in models.values()):
        given = {tensor.name for tensor in graph.initializer if tensor.data_location != onnx.TensorProto.EXTERNAL}
        assert not [node.name for node in graph.node if given.issuperset(node.input)]


def test_only_networks_of_the_package_have_graphs():
    assert archive_of("gconet") is None
    assert archive_of("../weights/gconet_plus_mobile") is None
    with pytest.raises(InputError, match="gconet"):
        OnnxDetector("gconet")
    with pytest.raises(InputError, match="GCoNet"):
        packed(registry.create("gconet", groups=3))


def test_one_photo_gets_plain_saliency():
    image = photos()[:1]
    with pytest.warns(SingleImageWarning):
        (found,) = OnnxDetector().results(image)
    with pytest.warns(SingleImageWarning):
        (expected,) = cosod.load(device="cpu").results(image)
    assert found.presence is None
    np.testing.assert_allclose(found.map, expected.map, atol=1e-4)


def test_photos_that_show_nothing_or_cannot_be_read_are_told():
    images = [np.zeros((90, 120, 3), np.uint8), *photos()[:2], b"no photo"]
    failed = {}
    with pytest.warns(UniformImageWarning):
        found = list(OnnxDetector().results(images, lambda index, error: failed.update({index: error})))
    assert [result.index for result in found] == [0, 1, 2]
    assert found[0].uniform and found[0].presence == 0 and not found[0].map.any() and found[0].map.shape == (90, 120)
    assert list(failed) == [3]
    with pytest.raises(ImageError):
        list(OnnxDetector().results([b"no photo"], lambda index, error: None))
    with pytest.raises(ImageError):
        list(OnnxDetector().results(images))


@pytest.mark.parametrize("name", ["default", "accurate"])
def test_saved_consensuses_find_what_they_find_with_the_network(name):
    network, detector = cosod.load(name, device="cpu"), OnnxDetector(name)
    mugs, others = photos(), sorted((PHOTOS / "apples").iterdir())[:2]
    plain = network.learn(mugs)
    consensuses = [plain, network.learn(mugs, negatives=others)]
    images = [np.zeros((90, 120, 3), np.uint8), *mugs[:2], *others, b"no photo"]
    failed = []
    with pytest.warns(UniformImageWarning):
        found = [list(d.results(images, lambda n, error: failed.append(n), consensuses)) for d in (network, detector)]
    assert failed == [5, 5]
    for a, b in zip(*found, strict=True):
        assert (a.index, a.consensus, a.uniform, a.size) == (b.index, b.consensus, b.uniform, b.size)
        np.testing.assert_allclose(a.map, b.map, atol=1e-4)
        assert a.presence == pytest.approx(b.presence, abs=1e-4)
    with pytest.raises(ImageError):
        list(detector.results([b"no photo"], lambda index, error: None, consensuses))


@pytest.mark.parametrize("number", [1, 4])
def test_what_is_learned_is_what_the_network_learns(number, tmp_path):
    images = [*photos()[:number], np.zeros((90, 120, 3), np.uint8), b"no photo"]
    failed = []
    with pytest.warns(UniformImageWarning):
        learned, expected = (
            one.learn(images, on_error=lambda index, error: failed.append(index))
            for one in (OnnxDetector(), cosod.load(device="cpu"))
        )
    assert failed == [number + 1] * 2
    np.testing.assert_allclose(learned.vector, expected.vector, atol=1e-4)
    np.testing.assert_allclose(learned.prototype, expected.prototype, atol=1e-4)
    known, wanted = learned.provenance, expected.provenance
    assert (known.model, known.weights, known.size, known.images, known.marked, known.negatives) == (
        (wanted.model, wanted.weights, wanted.size, wanted.images, wanted.marked, wanted.negatives)
    )
    for name in ("references", "presence_mean", "presence_std"):
        assert getattr(known, name) == pytest.approx(getattr(wanted, name), abs=1e-3)
    learned.save(tmp_path / "mug.consensus")
    assert GroupConsensus.load(tmp_path / "mug.consensus").fingerprint == learned.fingerprint


def test_what_cannot_be_learned_is_refused():
    detector, black = OnnxDetector(), np.zeros((90, 120, 3), np.uint8)
    with pytest.raises(ImageError):
        detector.learn([b"no photo"], on_error=lambda index, error: None)
    with pytest.raises(InputError, match="one color"):
        detector.learn([black, black])
    for arguments in ({"masks": [black]}, {"negatives": [black]}):
        with pytest.raises(InputError, match="PyTorch"):
            detector.learn(photos()[:1], **arguments)
    with pytest.raises(InputError, match="PyTorch"):
        detector.learn([black] * (LARGEST + 1))


def test_consensuses_of_other_networks_are_refused():
    accurate = OnnxDetector("accurate")
    consensus = cosod.load(device="cpu").learn(photos()[:2])
    with pytest.raises(InputError, match="gconet_plus_mobile"):
        list(accurate.results(photos(), None, [consensus]))
    with pytest.raises(InputError, match="192"):
        list(OnnxDetector(options=DetectorOptions(size=192)).results(photos(), None, [consensus]))


@pytest.mark.parametrize(
    "changes", [{"flip": True}, {"closer": True}, {"precision": "int8"}, {"device": "cuda"}, {"backend": "openvino"}]
)
def test_what_needs_pytorch_is_refused(changes):
    options = DetectorOptions(**changes)
    assert not supports(options)
    with pytest.raises(InputError, match="PyTorch"):
        OnnxDetector(options=options)


def test_groups_and_sizes_beyond_the_limits_are_refused():
    for size in (16, 100):
        with pytest.raises(InputError, match=str(size)):
            OnnxDetector(options=DetectorOptions(size=size))
    detector = OnnxDetector()
    with pytest.raises(InputError, match="PyTorch"):
        list(detector.results([None] * (LARGEST + 1)))


def test_the_detector_is_preferred_for_few_photos_only():
    plain = DetectorOptions(precision="auto")
    assert pays("default", None, plain, [3]) and pays("accurate", None, plain, [50, 50])
    assert not pays("default", None, plain, [50, 51])
    assert not pays("default", Path("run"), plain, [3])
    assert not pays("gconet", None, plain, [3])
    assert not pays("default", None, DetectorOptions(flip=True), [3])
    assert not pays("default", None, plain, [101], alone=True) and not pays("default", None, plain, None, alone=True)


def test_without_pytorch_it_takes_any_number_of_groups(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert pays("default", None, DetectorOptions(), [LARGEST] * 100)
    assert not pays("default", None, DetectorOptions(), [LARGEST + 1])
    for groups in ([100 * LARGEST], None):
        assert pays("default", None, DetectorOptions(), groups, alone=True)
    assert not pays("default", None, DetectorOptions(), None)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert not pays("default", None, DetectorOptions(), [3])


@torch.inference_mode()
@pytest.mark.parametrize("number", [1, 2, COMPARED, COMPARED + 1, 2 * COMPARED + 3])
def test_best_matches_in_parts_are_those_of_the_whole_group(number):
    deep = torch.randn(number, 10, 2, 3, generator=torch.Generator().manual_seed(0))
    deep *= torch.rand(number, 1, 2, 3, generator=torch.Generator().manual_seed(1)) / deep.norm(dim=1, keepdim=True)
    matching = PartMatching(6, 4)

    def matches(one, other):
        return [part.numpy() for part in matching.matches(torch.from_numpy(one), torch.from_numpy(other))]

    found = best_matches(matches, deep.flatten(2)[:, :, None].numpy())
    # With it, the attentions are those of the module by itself.
    for one, expected in zip(
        matching.attentions(deep, match=torch.from_numpy(found)), matching.attentions(deep), strict=True
    ):
        torch.testing.assert_close(one, expected, atol=1e-6, rtol=1e-5)
    assert number > 1 or not found.any()


def test_padding_shows_no_object():
    generator = np.random.default_rng(0)
    parts = [generator.random((2, 5, 2, 3)), generator.random((1, 5, 4, 2))]
    found = together(parts)
    assert found.shape == (3, 5, 1, 8)
    np.testing.assert_array_equal(found[:2, :, 0, :6], parts[0].reshape(2, 5, 6))
    assert not found[:2, :, 0, 6:].any()


@pytest.mark.parametrize("shape", [(480, 640), (90, 1000), (3000, 100)])
def test_images_and_maps_have_the_same_sizes_and_values_without_pytorch(shape, monkeypatch):
    generator = np.random.default_rng(0)
    image = generator.integers(0, 256, (*shape, 3), dtype=np.uint8)
    saliency = generator.random((1, 64, 96), dtype=np.float32)
    with_torch = shrink(image, (64, 96))
    grown = to_own_size(torch.from_numpy(saliency), shape)
    monkeypatch.setitem(sys.modules, "torch", None)
    without = shrink(image, (64, 96))
    assert without.shape == with_torch.shape and without.dtype == np.uint8
    assert np.abs(without.astype(int) - with_torch).max() <= 1
    found = to_own_size(saliency, shape)
    assert found.dtype == np.float32 and found.flags.c_contiguous
    np.testing.assert_allclose(found, grown, atol=1e-4)
