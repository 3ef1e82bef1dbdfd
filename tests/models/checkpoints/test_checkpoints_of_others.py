"""Checkpoints as training scripts and downloads leave them: read without running code, or named for what they are."""

import argparse
import collections
import os
import sys
import types
import zipfile

import numpy as np
import pytest
import torch

from cosod.errors import WeightsError
from cosod.models import create, from_published, to_published
from cosod.models.checkpoints import safetensors_file
from cosod.models.checkpoints.loading import load
from cosod.models.checkpoints.reading import read
from cosod.models.checkpoints.unwrapping import state_dict


@pytest.fixture(scope="module")
def plain():
    torch.manual_seed(0)
    state = to_published(create("gconet", groups=3))
    return {name: tensor for name, tensor in state.items() if not name.startswith("backbone.classifier")}


def check(network, plain):
    assert network.state_dict()["classifier.weight"].equal(plain["classifier.weight"])


#: Entries of a network, for what does not depend on which.
FEW = {"conv.weight": torch.arange(6.0).reshape(2, 3), "conv.bias": torch.ones(2), "norm.running_mean": torch.zeros(2)}


def check_few(content, entries=FEW):
    content = read(content) if isinstance(content, os.PathLike) else content
    found = state_dict(content, "the file", lambda state: "conv.weight" in state)
    assert set(found) == set(entries)
    assert all(found[name].equal(entries[name]) for name in entries)


BESIDE = {
    "numpy numbers": {"best": np.float64(0.7), "mae": np.float32(0.1), "epoch": np.int64(3), "done": np.bool_(True)},
    "numpy arrays": {"history": np.arange(6.0).reshape(2, 3), "names": np.array(["a", "b"])},
    "arguments": {"args": argparse.Namespace(lr=0.1, model="GCoNet")},
    "counters": {"counts": collections.defaultdict(list, {"a": [1]}), "order": collections.OrderedDict(a=1)},
    "an optimizer": {"optimizer": {"state": {0: {"exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 1e-4}]}},
    "settings": {"size": (224, 224), "name": "run", "none": None, "rng": torch.get_rng_state()},
}


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("beside", BESIDE)
def test_what_is_kept_beside_the_weights_is_passed_over(tmp_path, beside, legacy):
    saved = {"state_dict": FEW, **BESIDE[beside]}
    torch.save(saved, tmp_path / "a.pth", _use_new_zipfile_serialization=not legacy)
    check_few(tmp_path / "a.pth")


def test_numbers_among_the_tensors(tmp_path, plain):
    torch.save({**plain, "epoch": 3, "best": np.float64(0.7)}, tmp_path / "a.pth")
    check(from_published(tmp_path / "a.pth"), plain)
    torch.save({name: tensor.numpy() for name, tensor in FEW.items()}, tmp_path / "b.pth")
    check_few(tmp_path / "b.pth")


@pytest.mark.parametrize("key", ["state_dict", "model", "net", "model_state_dict", "network", "my_own_key"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "model."])
def test_wrappers_and_prefixes(key, prefix):
    state = {prefix + name: tensor for name, tensor in FEW.items()}
    check_few({"epoch": 3, key: state, "optimizer": {"state": {0: {"exp_avg": torch.zeros(2)}}}})


def test_wrappers_in_wrappers_and_the_network_among_several(plain):
    other = {"layer.weight": torch.zeros(2)}
    check_few({"checkpoint": {"model": {"state_dict": FEW}}})
    check_few({"model": other, "generator": FEW})
    check_few({"n_averaged": torch.tensor(3), **{f"module.{k}": v for k, v in FEW.items()}})
    check_few({name.replace("conv.", "conv._orig_mod."): tensor for name, tensor in FEW.items()})
    check(from_published({"model": other, "net": {f"module.{k}": v for k, v in plain.items()}}), plain)


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """modules(legacy): files of a whole module, alone and wrapped, whose classes are gone when they are read."""
    source, ran = types.ModuleType("their_models"), []

    class Net(torch.nn.Module):
        def __setstate__(self, state):
            ran.append(1)
            super().__setstate__(state)

    Net.__module__, Net.__qualname__ = "their_models", "Net"
    source.Net = Net
    network = Net()
    network.conv, network.norm = torch.nn.Conv1d(3, 2, 1), torch.nn.Module()
    network.conv.weight = torch.nn.Parameter(FEW["conv.weight"])
    network.conv.bias = torch.nn.Parameter(FEW["conv.bias"])
    network.norm.register_buffer("running_mean", FEW["norm.running_mean"])
    network.norm.register_buffer("passing", torch.zeros(1), persistent=False)

    def save(legacy: bool) -> list:
        monkeypatch.setitem(sys.modules, "their_models", source)
        saved = (network, {"model": network, "epoch": 3}, torch.nn.DataParallel(network))
        paths = [tmp_path / f"{number}.pth" for number in range(3)]
        for content, path in zip(saved, paths, strict=True):
            torch.save(content, path, _use_new_zipfile_serialization=not legacy)
        monkeypatch.delitem(sys.modules, "their_models")
        return paths

    yield save
    assert not ran


def test_a_whole_module_is_read_without_its_code(modules):
    for path in modules(legacy=False):
        check_few(path)


@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
def test_a_whole_module_of_the_old_format_is_named(modules):
    for path in modules(legacy=True):
        with pytest.raises(WeightsError, match="it is a whole module in the format of PyTorch before"):
            from_published(path)


def test_a_module_in_memory():
    network = torch.nn.Sequential(collections.OrderedDict(conv=torch.nn.Linear(3, 2)))
    check_few(network, dict(network.state_dict()))


class Evil:
    def __reduce__(self):
        return os.system, ("touch evil",)


class Subtle:
    def __reduce__(self):
        return eval, ("open('evil', 'w')",)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("thing", [Evil(), Subtle()])
def test_code_is_refused_and_not_run(tmp_path, monkeypatch, thing, legacy):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": FEW, "more": thing}, "a.pth", _use_new_zipfile_serialization=not legacy)
    with pytest.raises(WeightsError, match=r"cannot read the weights in a\.pth: ") as refused:
        from_published("a.pth")
    assert "weights_only" not in str(refused.value) and "add_safe_globals" not in str(refused.value)
    assert not (tmp_path / "evil").exists()


PAGE = b"<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head></html>"
OTHERS = {
    "web page": (PAGE, "it is a web page"),
    "web page with a start": (b"\xef\xbb\xbf\n  <HTML lang=en>", "it is a web page"),
    "message": (b'{"error": "Repository not found"}', "it is a message of the server"),
    "message of a store": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "message of the server"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    "empty": (b"", "it is empty"),
    "gzip": (b"\x1f\x8b\x08" + bytes(90), "unpack it first"),
    "tar": (bytes(257) + b"ustar" + bytes(250), "unpack it first"),
    "image": (b"\x89PNG\r\n\x1a\n" + bytes(90), "it is an image"),
    "noise": (bytes(range(7, 200)) * 3, "download or copy the file again"),
}


@pytest.mark.parametrize("suffix", ["pth", "safetensors", "bin"])
@pytest.mark.parametrize("kind", OTHERS)
def test_other_files_are_named(tmp_path, kind, suffix):
    content, words = OTHERS[kind]
    path = tmp_path / f"weights.{suffix}"
    path.write_bytes(content)
    for reader in (from_published, load):
        with pytest.raises(WeightsError, match=r"cannot read the weights in .*weights\.") as refused:
            reader(path)
        assert words in str(refused.value)
        assert "weights_only" not in str(refused.value)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_archives(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pth", "w") as archive:
        archive.writestr("weights/final.pth", b"0" * 99)
    with pytest.raises(WeightsError, match="it is a ZIP archive without a checkpoint"):
        from_published(tmp_path / "a.pth")
    program = torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2))
    torch.jit.save(program, tmp_path / "b.pth")
    with pytest.raises(WeightsError, match="it is a TorchScript program"):
        from_published(tmp_path / "b.pth")


def test_the_content_says_what_a_file_is(tmp_path, plain):
    torch.save(FEW, tmp_path / "a.safetensors")
    check_few(tmp_path / "a.safetensors")
    torch.save(plain, tmp_path / "a.weights")
    check(load(tmp_path / "a.weights"), plain)
    safetensors_file.save(create("gconet", groups=3), tmp_path / "b.pth")
    assert "classifier.weight" in read(tmp_path / "b.pth")
    assert type(load(tmp_path / "b.pth")).__name__ == "GCoNet"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_not_finite_are_refused(tmp_path, plain, value):
    broken = plain | {"classifier.bias": torch.tensor([0.0, value, 0.0])}
    torch.save(broken, tmp_path / "a.pth")
    with pytest.raises(WeightsError, match=r"NaN or infinite, in 1 of \d+ entries \(classifier\.bias\)"):
        from_published(tmp_path / "a.pth")
    network = create("gconet", groups=3)
    network.classifier.bias.data[1] = value
    safetensors_file.save(network, tmp_path / "a.safetensors")
    with pytest.raises(WeightsError, match="NaN or infinite"):
        load(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"hello world\n" * 20, "it is a text file"), (b"PK\x03\x04" + b"a" * 200, "it is cut off, or damaged")],
)
def test_files_that_no_reader_takes_are_told_by_their_content(tmp_path, content, why):
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(WeightsError, match=f"a.pth: {why}; download or copy the file again"):
        read(tmp_path / "a.pth")
