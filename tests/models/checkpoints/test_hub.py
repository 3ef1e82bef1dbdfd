"""Networks in folders and in repositories of the Hub; a server on this machine stands for the Hub."""

import http.server
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

import cosod
from cosod.errors import ExtraError, InputError, OutputError, WeightsError
from cosod.inference.presence import Calibration
from cosod.models import create, from_pretrained, push_to_hub, save_pretrained
from cosod.models.checkpoints.safetensors_file import describe
from tests.models.filled import images

NAME = "someone/mugs"
FILE = "weights.safetensors"


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    made = create("gconet_plus_mobile", decoder=(16, 16, 8, 8), gate=(16, 12, 8)).eval()
    made.extra = {"presence": Calibration(1.5, -0.5, 0.25).as_dict(), "source": "made up"}
    return made


@pytest.fixture(scope="module")
def saved(network, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "mugs"
    save_pretrained(network, folder)
    return folder


@torch.no_grad()
def assert_same(loaded, network):
    assert not loaded.training
    assert loaded.config == network.config
    assert loaded.extra == network.extra
    group = images(1, 3, 64)
    torch.testing.assert_close(loaded(group).maps, network(group).maps, atol=0, rtol=0)


def test_a_folder_holds_all_of_a_network(network, saved):
    assert sorted(path.name for path in saved.iterdir()) == ["README.md", FILE]
    assert_same(from_pretrained(saved), network)
    assert_same(from_pretrained(str(saved)), network)


def test_a_detector_takes_the_folder(network, saved):
    for detector in (cosod.Detector(from_pretrained(saved), "cpu"), cosod.load(saved, device="cpu")):
        assert detector.network.config == network.config
        assert detector.pipeline.calibration == Calibration.read(network.extra)


def test_a_folder_needs_no_other_package(network, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    save_pretrained(network, tmp_path)
    assert_same(from_pretrained(tmp_path), network)


def test_half_precision(network, saved, tmp_path):
    save_pretrained(network, tmp_path, dtype=torch.float16)
    assert (tmp_path / FILE).stat().st_size < 0.6 * (saved / FILE).stat().st_size
    assert from_pretrained(tmp_path).extra == network.extra


def test_card_says_what_it_is(saved):
    card = (saved / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: cosod\n")
    assert "`gconet_plus_mobile`" in card
    assert "| `decoder` | `(16, 16, 8, 8)` |" in card


def test_card_and_other_files_are_kept(network, tmp_path):
    for name in ("README.md", "config.json"):
        (tmp_path / name).write_text("mine")
    save_pretrained(network, tmp_path)
    assert {(tmp_path / name).read_text() for name in ("README.md", "config.json")} == {"mine"}


def test_folder_that_cannot_be_written(network, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        save_pretrained(network, tmp_path / "file" / "mugs")


def test_wrong_folder(tmp_path):
    with pytest.raises(WeightsError, match=rf"{tmp_path.name}.*no {FILE}"):
        from_pretrained(tmp_path)


def test_a_file_is_no_folder(saved):
    with pytest.raises(InputError, match=r"cosod\.models\.load"):
        from_pretrained(saved / FILE)


def test_damaged_file(saved, tmp_path):
    (tmp_path / FILE).write_bytes((saved / FILE).read_bytes()[:5000])
    with pytest.raises(WeightsError, match=FILE):
        from_pretrained(tmp_path)


class Harm:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return exec, (f"open({str(self.path)!r}, 'w')",)


def test_a_pickle_is_not_run(tmp_path):
    (tmp_path / FILE).write_bytes(pickle.dumps(Harm(tmp_path / "harm")))
    with pytest.raises(WeightsError, match=FILE):
        from_pretrained(tmp_path)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("name", ["mugs", "a/b/c", "/nowhere/mugs", "./mugs", "../mugs", "mugs/", Path("a/b")])
def test_neither_folder_nor_repository(name, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(InputError, match="no such folder"):
        from_pretrained(name)


def test_missing_package(network, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for use in (lambda: from_pretrained(NAME), lambda: push_to_hub(network, NAME)):
        with pytest.raises(ExtraError, match=r"pip install 'cosod\[hub\]'"):
            use()


def test_importing_the_networks_does_not_import_the_package():
    code = "import sys, cosod; cosod.load, cosod.models.from_pretrained; print('huggingface_hub' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


class Hub:
    """Stands for the Hub: what its one repository holds, and what is asked of it."""

    commit = "a" * 40

    def __init__(self):
        self.files = {}
        self.asked = []
        self.size = None
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_HEAD(self):
                if "/resolve/" not in self.path:  # the client asks for more than files
                    return self.answer(404, {})
                hub.asked.append((self.command, self.path))
                owner, name, _, revision, file = self.path.strip("/").split("/", 4)
                if f"{owner}/{name}" != NAME:
                    return self.answer(404, {"X-Error-Code": "RepoNotFound"})
                if revision not in ("main", hub.commit):
                    return self.answer(404, {"X-Error-Code": "RevisionNotFound"})
                if file not in hub.files:
                    return self.answer(404, {"X-Error-Code": "EntryNotFound"})
                data = hub.files[file]
                size = hub.size or len(data)
                self.answer(200, {"ETag": f'"{hash(data):x}"', "Content-Length": str(size)})
                return data

            def do_GET(self):
                data = self.do_HEAD()
                if data is not None:
                    self.wfile.write(data)

            def answer(self, status, headers):
                self.send_response(status)
                for key, value in {"X-Repo-Commit": hub.commit, **headers}.items():
                    self.send_header(key, value)
                if status != 200:
                    self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def hub(saved, tmp_path, monkeypatch):
    constants = pytest.importorskip("huggingface_hub.constants")
    hub = Hub()
    hub.files[FILE] = (saved / FILE).read_bytes()
    here = f"http://127.0.0.1:{hub.server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", here)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", here + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", True)
    monkeypatch.chdir(tmp_path)
    yield hub
    hub.close()


def test_repository(hub, network):
    assert_same(from_pretrained(NAME), network)
    assert {path for _, path in hub.asked} == {f"/{NAME}/resolve/main/{FILE}"}
    assert [method for method, _ in hub.asked].count("GET") == 1


def test_what_was_fetched_is_kept(hub, network):
    from_pretrained(NAME)
    hub.asked.clear()
    assert_same(from_pretrained(NAME, local_files_only=True), network)
    assert hub.asked == []
    from_pretrained(NAME)
    assert "GET" not in [method for method, _ in hub.asked]


def test_a_folder_of_the_name_comes_first(hub, network):
    save_pretrained(network, NAME)
    assert_same(from_pretrained(NAME), network)
    assert hub.asked == []


def test_not_in_the_cache(hub, tmp_path):
    with pytest.raises(WeightsError, match=f"{NAME}.*cache"):
        from_pretrained(NAME, local_files_only=True)


def test_no_connection(hub, monkeypatch):
    hub.close()
    monkeypatch.setattr("time.sleep", lambda _: None)  # between the attempts
    with pytest.raises(WeightsError, match=f"{NAME}.*connection"):
        from_pretrained(NAME)


def test_no_such_repository(hub):
    with pytest.raises(InputError, match=r"someone/cups.*no such repository"):
        from_pretrained("someone/cups")


def test_no_such_revision(hub):
    with pytest.raises(InputError, match=f"{NAME}.*'v9'"):
        from_pretrained(NAME, revision="v9")


def test_repository_of_something_else(hub):
    hub.files = {"model.bin": b"x"}
    with pytest.raises(WeightsError, match=f"{NAME}.*no {FILE}"):
        from_pretrained(NAME)


def test_repository_with_a_damaged_file(hub):
    hub.files[FILE] = hub.files[FILE][:5000]
    with pytest.raises(WeightsError, match=NAME):
        from_pretrained(NAME)


def test_too_large_a_file_is_not_fetched(hub):
    hub.size = 10**13
    with pytest.raises(WeightsError, match=f"{NAME}.*more than"):
        from_pretrained(NAME)
    assert "GET" not in [method for method, _ in hub.asked]


@pytest.mark.parametrize("name", ["some one/mugs", "someone/mu--gs"])
def test_names_that_the_hub_does_not_take(hub, name):
    with pytest.raises(InputError, match=name):
        from_pretrained(name)


@pytest.fixture
def pushed(monkeypatch):
    """What is pushed: the options, and the files with their contents."""
    huggingface_hub = pytest.importorskip("huggingface_hub")
    found = {"card": False}

    def upload(self, *, folder_path, **options):
        found.update(options, files={path.name: path.read_bytes() for path in folder_path.iterdir()})
        return "https://hub/commit"

    class Made:
        repo_id = NAME

    monkeypatch.setattr(huggingface_hub.HfApi, "file_exists", lambda *_, **__: found["card"])
    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", lambda *_, **options: found.update(options) or Made)
    monkeypatch.setattr(huggingface_hub.HfApi, "upload_folder", upload)
    return found


def test_push(pushed, network, tmp_path):
    assert push_to_hub(network, NAME, private=True, dtype=torch.float16) == "https://hub/commit"
    assert pushed["repo_id"] == NAME and pushed["private"] and pushed["ignore_patterns"] is None
    assert sorted(pushed["files"]) == ["README.md", FILE]
    assert f"from_pretrained({NAME!r})" in pushed["files"]["README.md"].decode()
    (tmp_path / FILE).write_bytes(pushed["files"][FILE])
    assert describe(tmp_path / FILE).extra == network.extra


def test_push_keeps_the_card_that_is_there(pushed, network):
    pushed["card"] = True
    push_to_hub(network, NAME)
    assert pushed["ignore_patterns"] == ["README.md"]


def test_push_that_fails(pushed, network, monkeypatch):
    import huggingface_hub

    def refuse(*_, **__):
        raise OSError("403 Forbidden\nmore")

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", refuse)
    with pytest.raises(OutputError, match=rf"{NAME}: 403 Forbidden; .*hf auth login"):
        push_to_hub(network, NAME)


def test_what_is_not_registered(pushed, tmp_path):
    other = torch.nn.Linear(1, 1)
    with pytest.raises(InputError, match="not among the registered"):
        save_pretrained(other, tmp_path)
    with pytest.raises(InputError, match="not among the registered"):
        push_to_hub(other, NAME)
    with pytest.raises(InputError, match="name of a repository"):
        push_to_hub(other, "mugs")
    assert "repo_id" not in pushed and list(tmp_path.iterdir()) == []


def test_the_mix_in_saves_and_makes_its_card(network, tmp_path):
    pytest.importorskip("huggingface_hub")
    from cosod.models.checkpoints.hub_mixin import HubNetwork

    wrapped = HubNetwork(network, title=NAME)
    wrapped.save_pretrained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", FILE]
    assert wrapped.generate_model_card().data.to_dict()["library_name"] == "cosod"
