"""``cosod export``."""

import functools
import importlib
import json
import sys

import numpy as np
import pytest
import torch

from cosod.cli.export import command
from cosod.errors import ExtraError, InputError, OutputError
from cosod.inference.backends import exporting
from cosod.inference.backends.graphs import GroupModel
from cosod.inference.detector import Detector
from cosod.io.tensors import to_batch
from cosod.models import save
from cosod.models.checkpoints import loading
from tests.cli.command_line import run as run_command
from tests.inference.backends.made import group, network

SIZE = 64
NAMES = {"onnx": "model.onnx", "openvino": "model.xml", "torchscript": "model.pt"}
#: Networks and formats: not all pairs, because a conversion takes many seconds.
OTHERS = [
    ("gconet", "torchscript"),
    ("gconet_plus", "torchscript"),
    ("gconet_plus_released", "openvino"),
    ("gconet_plus_released", "torchscript"),
    ("gconet_plus_refined", "onnx"),
    ("gconet_plus_refined", "torchscript"),
]


run = functools.partial(run_command, command)


def need(form):
    for package in {"onnx": ("onnx", "onnxruntime"), "openvino": ("openvino",), "torchscript": ()}[form]:
        pytest.importorskip(package)


def load_onnx(path):
    """The model by onnxruntime alone, and its metadata."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path))
    facts = session.get_modelmeta().custom_metadata_map
    return lambda images: session.run(["maps"], {"images": images.numpy()})[0], facts


def load_openvino(path):
    import openvino

    model = openvino.Core().read_model(path)
    facts = {key: model.get_rt_info(["cosod", key]).astype(str) for key in ("model", "identity", "size", "mean", "std")}
    compiled = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda images: compiled({"images": images.numpy()})["maps"], facts


def load_torchscript(path):
    extra = {"cosod.json": ""}
    module = torch.jit.load(path, _extra_files=extra)
    return lambda images: module(images).numpy(), json.loads(extra["cosod.json"])


LOADERS = {"onnx": load_onnx, "openvino": load_openvino, "torchscript": load_torchscript}


@torch.no_grad()
def check_file(path, form, own):
    """The file gives the network's maps for groups of three sizes, and says what it is."""
    maps, facts = LOADERS[form](path)
    assert facts["model"] == loading.registry.name_of(own)
    assert facts["identity"] == loading.identity(own)
    assert facts["size"] == str(SIZE)
    assert tuple(map(float, facts["mean"].split())) == own.mean
    assert tuple(map(float, facts["std"].split())) == own.std
    for number in (1, 2, 6):
        drawn = group(own, number, SIZE)
        wanted = GroupModel(own, SIZE)(drawn)[0].numpy()
        assert wanted.std() > 0.002  # not the same number everywhere
        np.testing.assert_allclose(maps(drawn), wanted, atol=1e-3)
    assert ("stride" in facts) == (own.keep_aspect and form == "onnx")
    if own.keep_aspect and form != "torchscript":
        wide = torch.nn.functional.interpolate(group(own, 3, SIZE), (SIZE, 2 * SIZE))
        np.testing.assert_allclose(maps(wide), GroupModel(own, None)(wide)[0].numpy(), atol=1e-3)


@torch.no_grad()
def check_printed_use(output, form, own):
    """The line that says how to use the file is right as it stands."""
    (line,) = [line.removeprefix("use") for line in output.splitlines() if line.startswith("use")]
    package = {"onnx": "onnxruntime", "openvino": "openvino", "torchscript": "torch"}[form]
    drawn = group(own, 2, SIZE)
    names = {package: importlib.import_module(package), "images": drawn if form == "torchscript" else drawn.numpy()}
    found = np.asarray(eval(line.strip(), names))
    np.testing.assert_allclose(found, GroupModel(own, SIZE)(drawn)[0].numpy(), atol=1e-3)


@pytest.mark.parametrize("form", NAMES)
def test_default_network(form, tmp_path):
    need(form)
    path = tmp_path / "new" / NAMES[form]
    result = run("--format", form, "-o", path, "--size", SIZE)
    assert result.exit_code == 0
    assert f"gconet_plus_mobile (weights {loading.identity(network('default'))}) is in {path}" in result.output
    assert "images, float32 (N, 3, 64, 64)" in result.output
    assert f"mean {' '.join(map(str, network('default').mean))}" in result.output
    check_file(path, form, network("default"))
    check_printed_use(result.output, form, network("default"))
    assert len(list(path.parent.iterdir())) == (2 if form == "openvino" else 1)
    before = path.read_bytes()
    with pytest.raises(OutputError, match=r"exists; .*--overwrite"):
        run("--format", form, "-o", path)
    assert path.read_bytes() == before


@torch.no_grad()
@pytest.mark.parametrize("number", [1, 3])
def test_group_model_is_the_detector(number):
    own = network("default")
    rng = np.random.default_rng(number)
    photos = [rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8) for _ in range(number)]
    found = Detector(own, "cpu", SIZE, keep_regions=True).segment(photos)
    maps = GroupModel(own, SIZE)(to_batch(photos, own.mean, own.std))[0][:, 0].numpy()
    np.testing.assert_allclose(np.stack(found), maps, atol=1e-4)


def test_weights_of_another_network(tmp_path):
    save(network("gconet"), tmp_path / "gconet.safetensors")
    path = tmp_path / "gconet.pt"
    arguments = ("--format", "torchscript", "-o", path, "--weights", tmp_path / "gconet.safetensors", "--size", SIZE)
    path.write_text("an older model")
    assert run(*arguments, "--overwrite").exit_code == 0
    check_file(path, "torchscript", network("gconet"))


@pytest.mark.slow
@pytest.mark.parametrize("name, form", OTHERS)
def test_other_networks(name, form, tmp_path):
    need(form)
    exporting.export(network(name), tmp_path / NAMES[form], form, SIZE)
    check_file(tmp_path / NAMES[form], form, network(name))


@pytest.mark.parametrize("form", NAMES)
def test_ssnm_cannot(form, tmp_path):
    with pytest.raises(InputError, match=r"SSNM cannot be exported: .* eigenvectors"):
        exporting.export(network("ssnm"), tmp_path / NAMES[form], form, SIZE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "form, name, message",
    [
        ("coreml", "model.mlmodel", "--format coreml: give one of onnx, openvino, torchscript"),
        ("onnx", "model.xml", r"give a name that ends in \.onnx"),
    ],
)
def test_bad_format(form, name, message, tmp_path):
    with pytest.raises(InputError, match=message):
        run("--format", form, "-o", tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_bad_size(tmp_path):
    with pytest.raises(InputError, match="size 50: give a multiple of 32"):
        run("--format", "torchscript", "-o", tmp_path / "model.pt", "--size", 50)


@pytest.mark.parametrize("form", NAMES)
def test_folder_that_cannot_be_written(form, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match=r"cannot write .*model"):
        run("--format", form, "-o", tmp_path / "file" / NAMES[form])


@pytest.mark.parametrize("form", ["openvino", "torchscript"])
def test_other_maps_leave_nothing(form, tmp_path, monkeypatch):
    need(form)
    if form == "openvino":  # its conversion takes many seconds
        monkeypatch.setattr(exporting, "to_openvino", lambda graph, facts: (b"", b""))
        monkeypatch.setattr(exporting, "OpenVINO", lambda *files: GroupModel(network("gconet"), 32))
    monkeypatch.setattr(exporting, "TOLERANCE", -1.0)
    with pytest.raises(InputError, match="would give other maps than the network for a group of 3 images"):
        exporting.export(network("gconet"), tmp_path / NAMES[form], form, 32)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("form", ["onnx", "openvino"])
def test_missing_package(form, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, form, None)
    with pytest.raises(ExtraError, match=rf"pip install 'cosod\[{form}\]'"):
        run("--format", form, "-o", tmp_path / NAMES[form])
    assert not list(tmp_path.iterdir())
