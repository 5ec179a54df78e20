"""What several of these tests stand on."""

import os
import pathlib

import pytest

from harness.engine import running
from harness.need import need
from harness.registry import Registry
from harness.rootless import RootlessEngine, User
from harness.whose import ROOTLESS
from not_rootless import KERNEL, MOST, OF_ROOT

FOLDER = pathlib.Path(__file__).parent


def pytest_collection_modifyitems(config, items):
    if not ROOTLESS:
        return
    out = [item for item in items if item.path.parent == FOLDER and names(item) & (KERNEL.keys() | OF_ROOT.keys())]
    files = {item.path.name for item in items}
    stale = {name for name in KERNEL if name.split("::")[0] in files} - {name for item in out for name in names(item)}
    if stale or len(KERNEL) > MOST:
        raise pytest.UsageError(f"not_rootless.py has {len(KERNEL)} exceptions; tests that are not there: {stale}")
    config.hook.pytest_deselected(items=out)
    items[:] = [item for item in items if item not in out]


def names(item):
    function = item.name.split("[")[0]
    return {item.path.name, f"{item.path.name}::{function}"}


@pytest.fixture
def registry(engine, tmp_path):
    """A registry on the engine's own loopback."""
    folder = tmp_path / "registry"
    folder.mkdir()
    one = Registry(folder, engine.host)
    yield one
    one.stop()


@pytest.fixture
def guarded(engine, tmp_path):
    """Another, which asks for `login`."""
    folder = tmp_path / "guarded"
    folder.mkdir()
    one = Registry(folder, engine.host, port=5001, login=("someone", "s3cret"))
    yield one
    one.stop()


@pytest.fixture(scope="module")
def user():
    """An ordinary user of this machine."""
    need(os.geteuid() == 0, "root")
    one = User()
    yield one
    one.remove()


@pytest.fixture
def rootless(user):
    """An ordinary user's own engine."""
    with running(RootlessEngine(user)) as one:
        yield one
