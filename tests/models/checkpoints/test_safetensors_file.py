"""Weights files of this package, and the registry."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from cosod.errors import InputError, OutputError, WeightsError
from cosod.models import create, load, names, save
from cosod.models.checkpoints.safetensors_file import describe
from cosod.models.registry import REGISTRY, name_of, weights_file


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return create("gconet_plus_mobile", decoder=(16, 16, 8, 8), gate=(16, 12, 8)).eval()


@pytest.fixture
def path(network, tmp_path):
    path = tmp_path / "folder" / "weights.safetensors"
    save(network, path, extra={"epochs": 3, "scores": {"CoCA": 0.5}})
    return path


def rewrite(path, change=None, **metadata):
    """The same file with other entries or other metadata."""
    with safe_open(path, framework="pt") as file:
        kept = file.metadata() | metadata
    tensors = load_file(path)
    if change:
        change(tensors)
    save_file(tensors, path, {key: value for key, value in kept.items() if value is not None})


def test_file_tells_what_it_is(path, network):
    description = describe(path)
    assert description.name == "gconet_plus_mobile"
    assert description.config["decoder"] == (16, 16, 8, 8)
    assert description.extra == {"epochs": 3, "scores": {"CoCA": 0.5}}
    loaded = load(path)
    assert loaded.config == network.config
    assert all(value.equal(network.state_dict()[name]) for name, value in loaded.state_dict().items())


def test_half_precision_is_half_the_size_and_loads_as_float32(path, network, tmp_path):
    half = tmp_path / "half.safetensors"
    save(network, half, dtype=torch.float16)
    assert half.stat().st_size < 0.6 * path.stat().st_size
    loaded = load(half)
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    torch.testing.assert_close(loaded.decoder.reduce[0].weight, network.decoder.reduce[0].weight, atol=1e-3, rtol=1e-3)


def test_missing_entries(path):
    rewrite(path, lambda tensors: [tensors.pop(name) for name in list(tensors) if name.startswith("gate.head.")])
    with pytest.raises(WeightsError, match=r"2 missing \(gate\.head\.(weight|bias), gate\.head"):
        load(path)


def test_extra_entries_and_shapes(path):
    rewrite(path, lambda tensors: tensors.update(other=torch.zeros(1)))
    with pytest.raises(WeightsError, match=r"1 unknown \(other\)"):
        load(path)
    rewrite(path, lambda tensors: (tensors.pop("other"), tensors.update({"gate.head.bias": torch.zeros(9)})))
    with pytest.raises(WeightsError, match=r"gate\.head\.bias \(9,\) instead of \(1,\)"):
        load(path)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"cosod_network": "gconet"}, "another version|no option|does not fit|cannot make"),
        ({"cosod_network": "future_net"}, "does not know.*future_net"),
        ({"cosod_network": None}, "was not saved by cosod.*cosod convert"),
        ({"cosod_format": "99"}, "format 99, newer"),
        ({"cosod_config": '{"decoders": 3}'}, "no option 'decoders'; did you mean 'decoder'"),
        ({"cosod_config": "{"}, "cannot read the weights"),
        ({"cosod_config": "[1]"}, "cannot read the weights"),
        ({"cosod_config": "[" * 100_000}, "cannot read the weights"),
        ({"cosod_extra": "[1]"}, "cannot read the weights"),
        ({"cosod_format": "x"}, "cannot read the weights"),
        ({"cosod_config": '{"decoder": [1]}'}, "cannot make"),
        ({"cosod_config": '{"decoder": [-1, 2, 3, 4]}'}, "cannot make"),
        ({"cosod_config": '{"decoder": [1000000000000, 16, 8, 8]}'}, "cannot make"),
    ],
)
def test_other_metadata(path, metadata, message):
    rewrite(path, **metadata)
    with pytest.raises(WeightsError, match=message):
        load(path)


def test_damaged_and_missing_files(path, tmp_path):
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(WeightsError, match=r"cannot read the weights in .*weights\.safetensors"):
        load(path)
    with pytest.raises(WeightsError, match="no weights file"):
        load(tmp_path / "none.safetensors")


def test_the_folder_of_a_run_stands_for_its_weights(path, network):
    from cosod.models.checkpoints import loading

    assert loading.identity(loading.load(path.parent)) == loading.identity(network)
    path.rename(path.with_name("other.safetensors"))
    with pytest.raises(WeightsError, match=r"folder: this folder holds no weights\.safetensors"):
        loading.load(path.parent)


def test_failed_save_leaves_what_was_there(path, network, tmp_path):
    before = path.read_bytes()
    with pytest.raises(InputError, match="must be JSON"):
        save(network, path, extra={"a": object()})
    assert path.read_bytes() == before
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        save(network, tmp_path / "file" / "weights.safetensors")


def test_unregistered_network(tmp_path):
    with pytest.raises(InputError, match="not among the registered"):
        save(torch.nn.Linear(1, 1), tmp_path / "a.safetensors")


def test_names():
    assert set(names()) == {
        "gconet",
        "gconet_plus",
        "gconet_plus_vgg16",
        "gconet_plus_resnet50",
        "gconet_plus_mobile",
        "gconet_plus_accurate",
        "ssnm",
        "ssnm_reference",
        "ssnm_mobile",
        "ssnm_hrnet_w18",
        "ssnm_hrnet_w32",
        "ssnm_hrnet_w48",
        "f3net",
        "saliency_mobile",
    }
    assert all(entry.description.endswith(".") for entry in REGISTRY.values())
    assert weights_file("gconet") is None
    assert weights_file("gconet_plus_mobile").name == "gconet_plus_mobile.safetensors"


def test_unknown_names_and_options():
    with pytest.raises(InputError, match="no network 'gconet_pluss'; did you mean 'gconet_plus'"):
        create("gconet_pluss")
    with pytest.raises(InputError, match="no option 'relatoin'; did you mean 'relation'"):
        create("gconet_plus", relatoin="gam")


def test_name_follows_the_backbone():
    assert name_of(create("gconet_plus", backbone="vgg16")) == "gconet_plus_vgg16"


def test_metadata_is_json(path):
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    assert json.loads(metadata["cosod_config"])["gate"] == [16, 12, 8]
    assert metadata["cosod_format"] == "1"
