import os

import pytest


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory):
    """A cache of converted networks for all tests of this folder, in whichever worker they run."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "converted"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(autouse=True)
def cache(cache_folder, monkeypatch):
    monkeypatch.setenv("COSOD_CACHE", str(cache_folder))
    return cache_folder
