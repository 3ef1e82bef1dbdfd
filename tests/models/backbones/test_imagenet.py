"""Backbones from torchvision's files: names, cache, checksum, and errors that say what to do."""

import dataclasses
import hashlib
import re
import socket

import pytest
import torch
from torch import nn

from cosod.errors import InputError, WeightsError
from cosod.models import create
from cosod.models.backbones.imagenet import cache_dir, fetch, init_backbone
from cosod.models.backbones.registry import REGISTRY


class Wrapper(nn.Module):
    """A network that is nothing but a backbone."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone


def torchvision_names(state, kind):
    """Our backbone's entries under torchvision's names, and the entries that only torchvision has."""
    if kind == "mobilenet_v2":
        return state | {"features.18.0.weight": torch.zeros(1), "classifier.1.weight": torch.zeros(1)}
    if kind == "resnet50":

        def rename(name):
            name = re.sub(r"^conv1\.0", "stem", name)
            name = re.sub(r"^conv1\.1", "bn1", name)
            name = re.sub(r"^conv([2-5])", lambda match: f"layer{int(match[1]) - 1}", name)
            return name.replace("stem", "conv1")

        return {rename(name): value for name, value in state.items()} | {"fc.weight": torch.zeros(1)}
    renamed = {re.sub(r"^conv\d", "features", name): value for name, value in state.items()}
    return renamed | {"classifier.0.weight": torch.zeros(1)}


def light():
    """A network on MobileNetV2."""
    return create("ssnm_mobile", channels=8, groups=2)


@pytest.fixture(scope="module")
def mobile():
    torch.manual_seed(0)
    return light().backbone.state_dict()


@pytest.fixture
def file(mobile, tmp_path, monkeypatch):
    """A server's file, named by its checksum; the cache is empty."""
    monkeypatch.setenv("COSOD_CACHE", str(tmp_path / "cache"))
    plain = tmp_path / "plain.pth"
    torch.save(torchvision_names(mobile, "mobilenet_v2"), plain)
    digest = hashlib.sha256(plain.read_bytes()).hexdigest()[:8]
    return plain.rename(tmp_path / f"mobilenet_v2-{digest}.pth")


@pytest.mark.parametrize(
    ("name", "kind"),
    [("gconet", "vgg16"), ("gconet_plus", "vgg16_bn"), ("gconet_plus_resnet50", "resnet50")],
)
def test_entries_find_their_place(name, kind, tmp_path):
    torch.manual_seed(0)
    target = Wrapper(create(name, groups=2).backbone)
    wanted = {key: torch.full_like(value, index) for index, (key, value) in enumerate(target.state_dict().items())}
    wanted = {key.removeprefix("backbone."): value for key, value in wanted.items()}
    torch.save(torchvision_names(wanted, kind), tmp_path / "file.pth")
    init_backbone(target, tmp_path / "file.pth")
    assert all(value.equal(wanted[key]) for key, value in target.backbone.state_dict().items())


def test_only_the_backbone_changes(file, mobile):
    torch.manual_seed(1)
    network = light()
    rest = {key: value.clone() for key, value in network.state_dict().items() if not key.startswith("backbone.")}
    init_backbone(network, file)
    assert all(value.equal(mobile[key]) for key, value in network.backbone.state_dict().items())
    assert rest and all(value.equal(network.state_dict()[key]) for key, value in rest.items())


def test_download_is_cached(file, tmp_path, monkeypatch):
    network = light()
    init_backbone(network, file.as_uri())
    cached = tmp_path / "cache" / file.name
    assert cached.read_bytes() == file.read_bytes()
    assert [path.name for path in cached.parent.iterdir()] == [file.name]
    file.unlink()
    init_backbone(network, file.as_uri())
    monkeypatch.setitem(REGISTRY, "mobilenet_v2", dataclasses.replace(REGISTRY["mobilenet_v2"], file=file.name))
    init_backbone(network)


def test_wrong_checksum(file, tmp_path):
    wrong = file.rename(file.with_name("mobilenet_v2-00000000.pth"))
    with pytest.raises(WeightsError, match=r"checksum of mobilenet_v2-00000000\.pth is .*download .* by hand"):
        fetch("mobilenet_v2", wrong.as_uri())
    assert list((tmp_path / "cache").iterdir()) == []


def test_damaged_cache(file, tmp_path):
    path = fetch("mobilenet_v2", file.as_uri())
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(WeightsError, match=r"delete .* and run again"):
        fetch("mobilenet_v2", file.as_uri())


def test_offline_says_where_to_put_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("COSOD_CACHE", str(tmp_path))
    monkeypatch.setattr("cosod.models.backbones.imagenet.SITE", "http://127.0.0.1:9/")
    with pytest.raises(WeightsError) as caught:
        init_backbone(create("gconet"))
    assert f"put it at {tmp_path / REGISTRY['vgg16'].file}" in str(caught.value)
    assert "http://127.0.0.1:9/vgg16-397923af.pth" in str(caught.value)


def test_a_server_that_stops_answering(tmp_path, monkeypatch):
    monkeypatch.setenv("COSOD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("cosod.models.backbones.imagenet.PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:  # takes connections and says nothing
        url = f"http://127.0.0.1:{server.getsockname()[1]}/mobilenet_v2-00000000.pth"
        with pytest.raises(WeightsError, match=r"cannot download .*timed out.* by hand"):
            fetch("mobilenet_v2", url)
    assert list((tmp_path / "cache").iterdir()) == [] and socket.getdefaulttimeout() is None


def test_file_of_another_backbone(file):
    with pytest.raises(WeightsError, match=r"taken for ImageNet weights of resnet50, does not fit.*missing"):
        init_backbone(create("gconet_plus_resnet50", groups=2), file)


def test_file_that_is_no_state_dict(tmp_path):
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(WeightsError, match="no plain state dict"):
        init_backbone(light(), tmp_path / "list.pth")
    torch.save({"weight": torch.zeros(1)}, tmp_path / "short.pth")
    with pytest.raises(WeightsError, match="not of torchvision's layout"):
        init_backbone(create("gconet"), tmp_path / "short.pth")


def test_unknown_backbones():
    with pytest.raises(InputError, match="no ImageNet weights for 'vgg19'"):
        fetch("vgg19")
    with pytest.raises(InputError, match="a backbone Linear"):
        init_backbone(Wrapper(nn.Linear(1, 1)))


def test_cache_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("COSOD_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_dir() == tmp_path / "cosod"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_dir().parts[-2:] == (".cache", "cosod")
