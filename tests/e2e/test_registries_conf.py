"""registries.conf: mirrors, other places, blocked and insecure registries; it is read anew by every pull."""

import base64
import json

import pytest

from harness.engine import BIN
from harness.fault_proxy import FaultProxy
from harness.registry import Registry

BUSYBOX = BIN.parent / "share/estiba/images/busybox.tar"


@pytest.fixture
def engine(module_engine_factory, tmp_path):
    folder = tmp_path / "containers"
    (folder / "registries.conf.d").mkdir(parents=True)
    one = module_engine_factory(extra_config=f'[registries]\nfolders = ["{folder}"]\n')
    one.conf = folder / "registries.conf"
    one.drop_in = folder / "registries.conf.d/50-test.conf"
    one.start()
    return one


@pytest.fixture
def registry(engine, tmp_path):
    folder = tmp_path / "registry"
    folder.mkdir()
    one = Registry(folder, engine.host)
    one.push(BUSYBOX, "mirrored/library/app:1")
    one.push(BUSYBOX, "moved/app:1")
    yield one
    one.stop()


def digest_of(engine, name):
    return json.loads(engine.out("inspect", name))[0]["RepoDigests"][0].partition("@")[2]


def test_a_mirror_serves_a_short_name(engine, registry):
    engine.conf.write_text(f"""[[registry]]
location = "docker.io"
[[registry.mirror]]
location = "127.0.0.1:1/nobody"
[[registry.mirror]]
location = "{registry.name}/mirrored"
""")
    text = engine.out("pull", "app:1")
    assert "Pulling from library/app" in text and "Status: Downloaded newer image for app:1" in text
    image = json.loads(engine.out("inspect", "app:1"))[0]
    assert image["RepoTags"] == ["app:1"] and image["RepoDigests"][0].startswith("app@sha256:")


def test_mirrors_get_no_credentials_and_digests_alone_when_told(engine, registry):
    with FaultProxy(registry.port, host=engine.host) as proxy:
        (engine.folder / ".docker").mkdir()
        login = base64.b64encode(b"u:p").decode()
        (engine.folder / ".docker/config.json").write_text(
            json.dumps({"auths": {registry.name: {"auth": login, "registrytoken": "secret"}}}))
        engine.conf.write_text(f"""[[registry]]
prefix = "{registry.name}/moved"
[[registry.mirror]]
location = "{proxy.name}/moved"
pull-from-mirror = "digest-only"
""")
        engine.cli("pull", f"{registry.name}/moved/app:1")
        assert proxy.seen("/v2/") == []
        digest = digest_of(engine, f"{registry.name}/moved/app:1")
        engine.cli("rmi", f"{registry.name}/moved/app:1")
        engine.cli("pull", f"{registry.name}/moved/app@{digest}")
        assert proxy.seen("/blobs/")
        assert not any("Authorization" in headers for _, _, headers in proxy.requests)


def test_a_name_is_fetched_from_elsewhere_and_kept(engine, registry):
    engine.conf.write_text('[[registry]]\nprefix = "*.example.com"\nblocked = true\n')
    engine.drop_in.write_text(f'[[registry]]\nprefix = "*.example.com"\nlocation = "{registry.name}/moved"\n')
    engine.cli("pull", "apps.example.com/app:1")
    assert "apps.example.com/app:1" in engine.out("images", "--format", "{{.Repository}}:{{.Tag}}")


def test_what_is_blocked_is_refused(engine, registry):
    engine.conf.write_text(f'[[registry]]\nprefix = "{registry.name}/moved"\nblocked = true\n')
    refused = engine.cli("pull", f"{registry.name}/moved/app:1", check=False)
    assert refused.returncode == 1
    assert f"registry '{registry.name}/moved' is blocked in registries.conf" in refused.stderr
    engine.cli("pull", f"{registry.name}/mirrored/library/app:1")


def test_a_broken_file_stops_pulls_by_line(engine, registry):
    engine.conf.write_text('[[registry]]\nlocation = "q.io"\nblocked = "yes"\n')
    refused = engine.cli("pull", f"{registry.name}/moved/app:1", check=False)
    assert refused.returncode == 1 and f"{engine.conf}:3: blocked: expected" in refused.stderr


def test_every_place_that_failed_is_named(engine, registry):
    engine.conf.write_text(f"""[[registry]]
location = "{registry.name}"
[[registry.mirror]]
location = "127.0.0.1:1"
""")
    refused = engine.cli("pull", f"{registry.name}/nosuch:1", check=False)
    assert refused.returncode == 1 and f"manifest for {registry.name}/nosuch:1 not found" in refused.stderr
    assert "mirrors were tried before: connect to registry '127.0.0.1:1'" in refused.stderr
