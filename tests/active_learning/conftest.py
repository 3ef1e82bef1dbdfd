import pytest

from tests.active_learning.made import make_pool


@pytest.fixture(scope="session")
def pool_folder(tmp_path_factory):
    return make_pool(tmp_path_factory.mktemp("pool"))
