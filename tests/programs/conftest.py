"""What the tests with real programs stand on."""

import pytest

from harness import debian
from harness.engine import Engine
from harness.registry import Registry


@pytest.fixture(scope="module")
def pulled(tmp_path_factory):
    """(engine, image reference): one engine for the module, its image pulled from the registry."""
    archive = debian.archive()
    engine = Engine(tmp_path_factory.mktemp("engine"))
    registry = Registry(tmp_path_factory.mktemp("registry"), engine.host)
    try:
        engine.start()
        image = registry.push(archive, "debian-programs:12")
        text = engine.cli("pull", image, timeout=300).stdout
        assert "Digest: sha256:" in text and "Status: Downloaded newer image for" in text
        yield engine, image
        registry.stop()
        engine.remove_everything()
        engine.cli("volume", "rm", *engine.out("volume", "ls", "-q").split(), check=False)
        engine.assert_no_leaks()
    finally:
        registry.stop()
        engine.destroy()
