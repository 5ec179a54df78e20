import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from harness.fault_proxy import FaultProxy  # noqa: E402
from harness.need import need  # noqa: E402
from harness.registry import Registry  # noqa: E402
from transfer import Stores  # noqa: E402


@pytest.fixture
def stores(tmp_path):
    need(os.geteuid() == 0, "root")
    folder = tmp_path / "stores"
    folder.mkdir()
    one = Stores(folder)
    yield one
    assert one.unfinished() == set(), "something half-made stayed"


@pytest.fixture(scope="session")
def registry(tmp_path_factory):
    one = Registry(tmp_path_factory.mktemp("registry"))
    yield one
    one.stop()


@pytest.fixture
def proxy(registry):
    with FaultProxy(registry.port) as one:
        yield one
