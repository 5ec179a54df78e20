"""What several of these tests stand on."""

import pytest

from harness.registry import Registry


@pytest.fixture
def registry(engine, tmp_path):
    """A registry on the engine's own loopback."""
    folder = tmp_path / "registry"
    folder.mkdir()
    one = Registry(folder, engine.host)
    yield one
    one.stop()
