"""certs.d: whom pulls, pushes and logins trust, who they are, and where else images are had; read anew each time."""

import subprocess

import pytest

from harness.certificates import Authority
from harness.engine import BIN
from harness.fault_proxy import FaultProxy
from harness.registry import Registry

BUSYBOX = BIN.parent / "share/estiba/images/busybox.tar"
ADDRESS = "10.77.0.1"  # no loopback address: those need no certificates


@pytest.fixture
def engine(module_engine_factory, tmp_path):
    one = module_engine_factory(
        extra_config=f'[registries]\nfolders = ["{tmp_path}/none"]\ncerts = ["{tmp_path}/one", "{tmp_path}/two"]\n')
    one.certs = tmp_path / "one"
    one.more_certs = tmp_path / "two"
    one.start()
    return one


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "authority")


def start(engine, authority, tmp_path, **options):
    subprocess.run(engine.host.prefix() + ["ip", "addr", "add", f"{ADDRESS}/32", "dev", "lo"], check=True)
    folder = tmp_path / "registry"
    folder.mkdir()
    return Registry(folder, engine.host, address=ADDRESS, tls=authority.issue("server", f"IP:{ADDRESS}"), **options)


@pytest.fixture
def registry(engine, authority, tmp_path):
    one = start(engine, authority, tmp_path)
    yield one
    one.stop()


@pytest.fixture
def choosy(engine, authority, tmp_path):
    """A registry that asks who is there."""
    one = start(engine, authority, tmp_path, clients=authority.cert)
    yield one
    one.stop()


def keep(folder, registry, **files):
    place = folder / registry
    place.mkdir(parents=True, exist_ok=True)
    for name, source in files.items():
        (place / name.replace("_", ".")).write_text(source if isinstance(source, str) else source.read_text())


def test_an_unknown_authority_is_refused_and_its_place_told(engine, registry, authority):
    engine.cli("pull", "estiba/busybox")
    engine.cli("tag", "estiba/busybox", f"{registry.name}/app:1")
    refused = engine.cli("push", f"{registry.name}/app:1", check=False)
    assert refused.returncode == 1 and f"connect to registry '{registry.name}': SSL certificate" in refused.stderr
    assert f"into /etc/containers/certs.d/{registry.name}/ca.crt" in refused.stderr
    keep(engine.more_certs, registry.name, ca_crt=authority.cert)
    engine.cli("push", f"{registry.name}/app:1")
    engine.cli("rmi", f"{registry.name}/app:1")
    engine.cli("pull", f"{registry.name}/app:1")
    assert "Login Succeeded" in engine.cli("login", "-u", "u", "-p", "p", registry.name).stdout
    (engine.more_certs / registry.name / "ca.crt").unlink()
    assert engine.cli("pull", f"{registry.name}/app:1", check=False).returncode == 1


def test_a_registry_is_told_who_we_are(engine, choosy, authority):
    engine.cli("pull", "estiba/busybox")
    target = f"{choosy.name}/app:1"
    engine.cli("tag", "estiba/busybox", target)
    keep(engine.certs, choosy.name, ca_crt=authority.cert)
    assert engine.cli("push", target, check=False).returncode == 1
    cert, key = authority.issue("client")
    keep(engine.certs, choosy.name, client_cert=cert)
    half = engine.cli("push", target, check=False)
    assert half.returncode == 1
    assert "missing key client.key for client certificate client.cert" in half.stderr
    assert "CA certificates must use the extension .crt" in half.stderr
    keep(engine.certs, choosy.name, client_key=key)
    engine.cli("push", target)


def test_hosts_toml_tells_how_a_registry_is_reached(engine, choosy, authority):
    engine.cli("pull", "estiba/busybox")
    engine.cli("tag", "estiba/busybox", "registry.test/app:1")
    cert, key = authority.issue("client")
    keep(engine.certs, "registry.test", hosts_toml=f'server = "https://{choosy.name}"\nca = "{authority.cert}"\n'
                                                   f'client = [["{cert}", "{key}"]]\n')
    engine.cli("push", "registry.test/app:1")
    engine.cli("rmi", "registry.test/app:1")
    engine.cli("pull", "registry.test/app:1")
    keep(engine.certs, "registry.test", hosts_toml=f'server = "https://{choosy.name}"\nskip_verify = true\n'
                                                   f'client = [["{cert}", "{key}"]]\n')
    engine.cli("pull", "registry.test/app:1")


def test_mirrors_of_hosts_toml(engine, registry, authority, tmp_path):
    (tmp_path / "plain").mkdir()
    plain = Registry(tmp_path / "plain", engine.host)
    plain.push(BUSYBOX, "app:1")
    with FaultProxy(plain.port, host=engine.host) as proxy:
        rules = f"""[host."http://127.0.0.1:1"]
capabilities = ["pull", "resolve"]
[host."http://{proxy.name}"]
capabilities = ["pull", "resolve"]
[host."http://{proxy.name}".header]
x-team = "blue"
"""
        keep(engine.certs, "_default", hosts_toml=rules)
        engine.cli("pull", "far.test/app:1")
        asked = proxy.seen("/v2/app/")
        assert asked and all("ns=far.test" in path and headers["x-team"] == "blue" for _, path, headers in asked)
        assert "far.test/app:1" in engine.out("images", "--format", "{{.Repository}}:{{.Tag}}")
    plain.stop()


def test_a_mirror_that_may_not_resolve_is_asked_for_digests(engine, tmp_path):
    (tmp_path / "plain").mkdir()
    plain = Registry(tmp_path / "plain", engine.host)
    plain.push(BUSYBOX, "app:1")
    with FaultProxy(plain.port, host=engine.host) as mirror, FaultProxy(plain.port, host=engine.host) as own:
        keep(engine.certs, "far.test", hosts_toml=f'server = "http://{own.name}"\n[host."http://{mirror.name}"]\n'
                                                  'capabilities = ["pull"]\n')
        engine.cli("pull", "far.test/app:1")
        assert [path for _, path, _ in own.seen("")] == ["/v2/app/manifests/1"]
        assert mirror.seen("/blobs/") and not mirror.seen("/manifests/1")
    plain.stop()


def test_a_file_that_is_not_understood_is_named(engine):
    keep(engine.certs, "far.test", hosts_toml="server = 1\n")
    refused = engine.cli("pull", "far.test/app:1", check=False)
    assert refused.returncode == 1
    assert f"{engine.certs}/far.test/hosts.toml:1: server: expected string" in refused.stderr
