"""What several of these tests stand on."""

import os

import pytest

from harness.engine import running
from harness.need import need
from harness.registry import Registry
from harness.rootless import RootlessEngine, User


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
