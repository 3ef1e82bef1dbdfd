import pytest


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory):
    """A cache of converted networks for all tests of this folder."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def cache(cache_folder, monkeypatch):
    monkeypatch.setenv("COSOD_CACHE", str(cache_folder))
    return cache_folder
