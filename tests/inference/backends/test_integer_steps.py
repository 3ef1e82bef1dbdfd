"""The encoder in 8-bit integers."""

import json
import pickle
import sys

import numpy as np
import pytest
import torch

import cosod
from cosod import doctor
from cosod.errors import ExtraError, InputError
from cosod.inference import group_consensus, integer_probe
from cosod.inference.backends.conversion import to_onnx
from cosod.inference.backends.graphs import encoder_graph, folded
from cosod.inference.backends.integer_steps import IntegerSteps, graph_file, packaged_graph
from cosod.inference.backends.quantization import facts, filled, integers, simplified
from cosod.inference.integer_probe import ALIKE, integers_pay
from cosod.inference.onnx_session import open_session
from cosod.inference.probe_images import drawn_batch, drawn_group
from cosod.models import registry
from cosod.models.checkpoints import loading
from tests.inference.backends.made import group, network

load_from_string = pytest.importorskip("onnx").load_from_string
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def default():
    return loading.load()


@pytest.fixture(scope="module")
def steps(default):
    return IntegerSteps(default, default.size)


def graph_of(network):
    return packaged_graph(registry.name_of(network), loading.identity(network), network.size)


@pytest.mark.parametrize("name", ["default", "accurate"])
def test_the_graph_in_the_package_belongs_to_the_weights(name):
    """Where this fails, run tools/quantize_default.py."""
    own = loading.load(name)
    found = facts(graph_file(registry.name_of(own)).read_bytes())
    assert (found["cosod_identity"], found["cosod_size"]) == (loading.identity(own), str(own.size))
    assert graph_file(registry.name_of(own)).stat().st_size < 1e6  # the weights are not stored twice


@pytest.mark.parametrize("name", ["default", "accurate"])
def test_the_graph_computes_nothing_that_could_be_known_before(name):
    """As PyTorch writes it, a third of the nodes compute the widths of paddings, which are nodes of their own."""
    nodes = load_from_string(graph_file(registry.name_of(loading.load(name))).read_bytes()).graph.node
    assert not {"Constant", "ConstantOfShape", "Pad", "Cast"} & {node.op_type for node in nodes}


def test_simplified_models_compute_the_same(default):
    drawn = group(default, 2, 64).numpy()
    model = to_onnx(encoder_graph(default, 64))
    simple = simplified(model)
    assert "Pad" in {node.op_type for node in load_from_string(model).graph.node}
    assert "Pad" not in {node.op_type for node in simple.graph.node}
    assert {entry.domain for entry in simple.opset_import} == {""}
    results = [open_session(data, 1).run(None, {"images": drawn}) for data in (model, simple.SerializeToString())]
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_weights_are_those_of_the_folded_network(default, steps):
    graph, identity = graph_of(default), loading.identity(default)
    states = [of.state_dict() for of in (steps._decoder.network, folded(default))]
    assert filled(graph, identity, states[0]) == filled(graph, identity, states[1])


@torch.no_grad()
@pytest.mark.parametrize("name, size", [("default", 288), ("default", 192), ("default", 416), ("accurate", 352)])
def test_features_are_near_and_maps_stay(name, size):
    own = loading.load(name)
    steps = IntegerSteps(own, size)
    drawn = group(own, 3, size)
    exact, found = own.encode(drawn), steps.encode(drawn)
    for one, other in zip((*exact.skips, exact.deep), (*found.skips, found.deep), strict=True):
        assert other.dtype == torch.float32
        # Of drawn pictures, which are further from the photos of the calibration than other photos are (0.996).
        assert torch.cosine_similarity(one.flatten(1), other.flatten(1)).min() > 0.96
    consensus = own.consensus(exact)
    difference = own.decode(exact, consensus).maps - steps.decode(found, own.consensus(found)).maps
    assert difference.abs().mean() < 0.02


def test_a_consensus_learned_in_one_precision_applies_in_the_others(default):
    detectors = {p: cosod.Detector(default, "cpu", precision=p) for p in ("float32", "int8")}
    images = drawn_group()
    for learner, user in (("int8", "float32"), ("float32", "int8")):
        consensus = detectors[learner].learn(images)
        for (_, one), (_, other) in zip(
            detectors[learner].apply(consensus, images), detectors[user].apply(consensus, images), strict=True
        ):
            assert np.abs(one - other).mean() < 0.02


@pytest.mark.parametrize("hardware, expected", [(True, torch.bfloat16), (False, torch.float32)])
def test_descriptors_are_compared_in_what_the_processor_has(hardware, expected, default, monkeypatch):
    asked = []

    def shared(*arguments):
        asked.append(arguments[4])
        return group_consensus.shared(*arguments)

    monkeypatch.setattr("cosod.inference.pipeline.shared", shared)
    monkeypatch.setattr("cosod.inference.pipeline.has_bfloat16", lambda device: hardware)
    images = drawn_group()
    found = cosod.Detector(default, "cpu", precision="int8").segment(images)
    assert asked == [expected]
    cosod.Detector(default, "cpu", precision="float32").segment(images)
    assert asked[1:] == [torch.float32]
    monkeypatch.setattr("cosod.inference.pipeline.has_bfloat16", lambda device: not hardware)
    for one, other in zip(found, cosod.Detector(default, "cpu", precision="int8").segment(images), strict=True):
        assert np.abs(one - other).mean() < 0.002


def test_rounding_keeps_the_sum_of_a_filter():
    weight = torch.randn(8, 2, 5, 5, generator=torch.Generator().manual_seed(0))
    scale = weight.abs().amax(dim=(1, 2, 3)) / 127
    kept = integers(weight, scale).float() * scale.view(-1, 1, 1, 1)
    assert ((kept - weight).sum(dim=(2, 3)).abs() <= 0.51 * scale[:, None]).all()
    assert (kept - weight).abs().max() <= 1.01 * scale.max()


@pytest.mark.parametrize("name", ["default", "accurate"])
def test_no_pair_of_weights_saturates(name):
    """Processors with AVX2 alone add two neighboring products in 16 bits."""
    from onnx import numpy_helper

    own = loading.load(name)
    model = filled(graph_of(own), loading.identity(own), folded(own).state_dict())
    weights = {
        tensor.name: numpy_helper.to_array(tensor).astype(int)
        for tensor in load_from_string(model).graph.initializer
        if tensor.name.endswith(".weight_quantized")
    }
    dense = [weight for weight in weights.values() if weight.shape[1] > 1]
    assert len(dense) > 30
    for weight in dense:
        added = weight.transpose(0, 2, 3, 1).reshape(len(weight), -1)
        pairs = np.pad(added, ((0, 0), (0, added.shape[1] % 2))).reshape(len(weight), -1, 2)
        for sign in (1, -1):
            assert 255 * (sign * pairs).clip(0).sum(axis=2).max() < 2**15
    assert max(np.abs(weight).max() for weight in dense) > 100  # the range is still used


def test_steps_can_be_sent_to_another_process(default, steps):
    drawn = group(default, 1, default.size)
    again = pickle.loads(pickle.dumps(steps))
    assert torch.equal(again.encode(drawn).deep, steps.encode(drawn).deep)


@pytest.mark.parametrize(
    "name, size, message",
    [("gconet", 64, "no integer graph for gconet"), ("default", 64, "is for images of 192 to 432 pixels, not 64")],
)
def test_no_graph_for_that(name, size, message):
    with pytest.raises(InputError, match=message):
        cosod.Detector(network(name), "cpu", size, precision="int8")


def test_other_weights_have_no_graph():
    with pytest.raises(InputError, match="belongs to the weights in the package"):
        graph_of(registry.create("gconet_plus_mobile"))


def test_damaged_graph(default):
    with pytest.raises(InputError, match="damaged"):
        filled(b"no graph", loading.identity(default), default.state_dict())


def test_not_on_other_devices():
    with pytest.raises(InputError, match="on the CPU only"):
        cosod.Detector(network("default"), "cuda", precision="int8")


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_missing_package(package, default, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ExtraError, match=r"pip install 'cosod\[onnx\]'"):
        cosod.Detector(default, "cpu", precision="int8")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert not integers_pay(default, default.size, "float32")


@pytest.mark.parametrize("answer", [True, False])
def test_auto_goes_by_a_probe_that_is_kept(answer, default, monkeypatch, tmp_path):
    monkeypatch.setenv("COSOD_CACHE", str(tmp_path))
    asked = []
    monkeypatch.setattr(integer_probe, "_measured", lambda *facts: asked.append(facts) or answer)
    for _ in range(2):
        assert integers_pay(default, default.size, "float32") is answer
    assert len(asked) == 1
    (kept,) = tmp_path.glob("precision/*.json")
    assert json.loads(kept.read_text()) == {"int8": answer}
    kept.write_text("{")
    assert integers_pay(default, default.size, "float32") is answer
    assert len(asked) == 2
    assert not integers_pay(default, 128, "float32")  # there is no graph for this size


@torch.inference_mode()
@pytest.mark.parametrize("name, sizes", [("default", (192, 288, 416)), ("accurate", (256, 352, 512))])
def test_the_probe_finds_features_near_enough_at_all_sizes_of_the_graph(name, sizes):
    own = loading.load(name)
    steps = IntegerSteps(own, own.size)
    for size in sizes:
        drawn = drawn_batch(own, size)
        pairs = zip(steps.encode(drawn).deep, own.encode(drawn).deep, strict=True)
        found = min(float(torch.cosine_similarity(a.flatten(), b.flatten(), dim=0)) for a, b in pairs)
        assert found > ALIKE + 0.04, size


def test_auto_takes_the_graph_where_it_is_faster(monkeypatch, tmp_path):
    monkeypatch.setenv("COSOD_CACHE", str(tmp_path))
    monkeypatch.setattr(integer_probe, "_seconds", lambda steps, images: 1.0 if type(steps) is IntegerSteps else 2.0)
    assert cosod.Detector(loading.load("accurate"), "cpu", precision="auto").precision == "int8"


def test_doctor_checks_the_graph(default):
    from cosod.models.checkpoints import safetensors_file

    expected = safetensors_file.describe(registry.weights_file("gconet_plus_mobile")).extra["check"]
    assert doctor.integer_deviation(default, expected) <= doctor.INTEGER_TOLERANCE
    assert "no integer graph" in doctor.integer_deviation(network("gconet"), expected)
