"""What a registry has under a name: docker's GET /distribution/NAME/json, and `estiba manifest inspect` with docker's
own beside it."""

import base64
import json
import subprocess

import pytest

from harness.certificates import Authority
from harness.layout import MACHINE, Layout
from harness.need import need_program
from harness.registry import Registry

LAYER = b"\0" * 10240
OTHER = "arm64" if MACHINE == "amd64" else "amd64"
OCI = "application/vnd.oci.image.%s.v1+json"
DOCKER = "application/vnd.docker.distribution.manifest.%sv2+json"


def send(registry, layout, name, to, *options):
    need_program("skopeo")
    subprocess.run(registry.prefix() + ["skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false", *options,
                                        *registry.creds("--dest-creds"), f"oci:{layout.folder}:{name}",
                                        f"docker://{registry.name}/{to}"], check=True, capture_output=True, timeout=120)


@pytest.fixture
def layout(tmp_path):
    """An "image", an "index" of it and of another architecture's, and a "thing" that is no image."""
    made = Layout(tmp_path / "layout")
    made.one = made.image([LAYER])
    made.two = made.image([LAYER], architecture=OTHER)
    made.top = made.index([made.one, made.two])
    made.thing = made.artifact("application/x-things", [b"1"])
    named = {"image": made.one, "index": made.top, "thing": made.thing}
    manifests = [{**one, "annotations": {"org.opencontainers.image.ref.name": name}} for name, one in named.items()]
    (made.folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": manifests}))
    return made


@pytest.fixture
def pushed(registry, layout):
    send(registry, layout, "image", "image:1")
    send(registry, layout, "index", "index:1", "--all")
    send(registry, layout, "thing", "thing:1")
    send(registry, layout, "image", "docker:1", "--format", "v2s2")
    send(registry, layout, "index", "list:1", "--all", "--format", "v2s2")
    return registry


def header(user, password):
    auth = json.dumps({"username": user, "password": password}).encode()
    return "X-Registry-Auth: " + base64.urlsafe_b64encode(auth).decode()


def distribution(engine, name, *headers):
    words = ["curl", "-sS", "--unix-socket", str(engine.socket), "-w", "\n%{http_code}",
             f"http://localhost/v1.41/distribution/{name}/json"]
    for one in headers:
        words += ["-H", one]
    text, _, status = subprocess.run(words, check=True, capture_output=True, text=True).stdout.rpartition("\n")
    return int(status), json.loads(text)


def docker_inspect(engine, *words):
    return engine.docker("manifest", "inspect", "--insecure", *words).stdout


def platforms(*architectures):
    return [{"architecture": one, "os": "linux"} for one in architectures]


def described(blob, kind=None):
    return {"mediaType": kind or blob["mediaType"], "digest": blob["digest"], "size": blob["size"]}


def test_a_distribution_is_told_as_docker_does(engine, pushed, layout):
    assert distribution(engine, f"{pushed.name}/index:1") == (
        200, {"Descriptor": described(layout.top), "Platforms": platforms(MACHINE, OTHER)})
    assert distribution(engine, f"{pushed.name}/index@{layout.top['digest']}")[1]["Descriptor"] == described(layout.top)
    assert distribution(engine, f"{pushed.name}/image:1") == (
        200, {"Descriptor": described(layout.one), "Platforms": platforms(MACHINE)})
    status, told = distribution(engine, f"{pushed.name}/docker:1")
    assert status == 200 and told["Descriptor"]["mediaType"] == DOCKER % ""
    assert told["Platforms"] == platforms(MACHINE)
    status, told = distribution(engine, f"{pushed.name}/list:1")
    assert status == 200 and told["Descriptor"]["mediaType"] == DOCKER % "list."
    assert told["Platforms"] == platforms(MACHINE, OTHER)
    assert distribution(engine, f"{pushed.name}/thing:1") == (
        200, {"Descriptor": described(layout.thing), "Platforms": None})
    assert engine.out("images", "-q", f"{pushed.name}/*") == ""


@pytest.mark.parametrize("name, status, says", [
    ("{registry}/image:nosuch", 404, "manifest unknown: manifest unknown"),
    ("{registry}/nosuch:1", 404, "manifest unknown: manifest unknown"),
    ("{registry}/image@sha256:" + "1" * 64, 404, "manifest unknown: manifest unknown"),
    ("{registry}/UPPER", 400, "invalid reference format: repository name (UPPER) must be lowercase"),
    ("a" * 64, 500, "no manifest found for full image ID"),
    ("sha256:" + "a" * 64, 500, "no manifest found for full image ID"),
    ("127.0.0.1:9/x:1", 503, "connect to registry '127.0.0.1:9'")])
def test_what_docker_refuses_is_refused(engine, pushed, name, status, says):
    code, told = distribution(engine, name.format(registry=pushed.name))
    assert code == status and says in told["message"]


def test_a_login_goes_along(engine, guarded, layout):
    send(guarded, layout, "image", "image:1")
    for headers in ([], [header("someone", "wrong")]):
        status, told = distribution(engine, f"{guarded.name}/image:1", *headers)
        assert status == 401 and "unauthorized: authentication required" in told["message"]
    status, told = distribution(engine, f"{guarded.name}/image:1", header(*guarded.login))
    assert status == 200 and told["Platforms"] == platforms(MACHINE)
    refused = engine.cli("manifest", "inspect", f"{guarded.name}/image:1", check=False)
    assert refused.returncode == 1 and "unauthorized: authentication required" in refused.stderr
    engine.cli("login", "-u", guarded.login[0], "--password-stdin", guarded.name, input=guarded.login[1])
    shown = engine.out("manifest", "inspect", f"{guarded.name}/image:1")
    assert json.loads(shown) == json.loads(layout.path(layout.one["digest"]).read_text())


def test_a_manifest_is_shown_as_docker_does(engine, pushed, layout):
    assert engine.cli("manifest", "inspect", f"{pushed.name}/docker:1").stdout == docker_inspect(
        engine, f"{pushed.name}/docker:1")
    own = engine.cli("manifest", "inspect", f"{pushed.name}/image:1").stdout
    assert own == json.dumps(json.loads(layout.path(layout.one["digest"]).read_text()), indent="\t") + "\n"
    assert json.loads(engine.out("manifest", "inspect", f"{pushed.name}/thing:1"))["artifactType"] == (
        "application/x-things")


def test_an_index_is_shown_as_docker_does(engine, pushed, layout):
    assert engine.cli("manifest", "inspect", f"{pushed.name}/list:1").stdout == docker_inspect(
        engine, f"{pushed.name}/list:1")
    own = engine.cli("manifest", "inspect", f"{pushed.name}/index@{layout.top['digest']}").stdout
    assert own == json.dumps(json.loads(layout.path(layout.top["digest"]).read_text()), indent=3) + "\n"


@pytest.mark.parametrize("name", ["docker:1", "list:1"])
def test_the_verbose_form_is_dockers(engine, pushed, name):
    """Newer dockers have "Raw", too."""
    own = json.loads(engine.out("manifest", "inspect", "-v", f"{pushed.name}/{name}"))
    theirs = json.loads(docker_inspect(engine, "-v", f"{pushed.name}/{name}"))
    for one, other in zip(*[every if isinstance(every, list) else [every] for every in (own, theirs)], strict=True):
        raw = one.pop("Raw")
        other.pop("Raw", None)
        assert json.loads(base64.b64decode(raw)) == one["SchemaV2Manifest"]
        assert list(one) == list(other)
        assert one == other


def test_the_verbose_form_of_oci(engine, pushed, layout):
    text = engine.cli("manifest", "inspect", "--verbose", f"{pushed.name}/index:1").stdout
    assert text.startswith('[\n\t{\n\t\t"Ref": "' + pushed.name + "/index:1@" + layout.one["digest"] + '",\n')
    for one, blob in zip(json.loads(text), (layout.one, layout.two), strict=True):
        manifest = layout.path(blob["digest"]).read_bytes()
        assert one == {"Ref": f"{pushed.name}/index:1@{blob['digest']}", "Descriptor": blob,
                       "Raw": base64.b64encode(manifest).decode(), "OCIManifest": json.loads(manifest)}
    alone = json.loads(engine.out("manifest", "inspect", "-v", f"{pushed.name}/image:1"))
    assert alone["Ref"] == f"{pushed.name}/image:1"
    assert alone["Descriptor"] == layout.one and alone["OCIManifest"]["layers"]


def test_what_is_not_there_is_named(engine, pushed):
    refused = engine.cli("manifest", "inspect", f"{pushed.name}/nosuch:1", check=False)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"no such manifest: {pushed.name}/nosuch:1\n")
    unmade = engine.cli("manifest", "create", "a", "b", check=False)
    assert unmade.returncode == 1 and "unknown command: estiba manifest create" in unmade.stderr
    assert "'inspect' is all there is: indexes cannot be created" in unmade.stderr


def test_an_insecure_registry_has_to_be_asked_for(engine, tmp_path, layout):
    # Not a loopback address: those need no word.
    address = "10.99.0.1"
    engine.host.run("ip", "address", "add", f"{address}/32", "dev", "lo")
    authority = Authority(tmp_path / "ca")
    registry = Registry(tmp_path, engine.host, address=address, tls=authority.issue("server"))
    try:
        send(registry, layout, "image", "image:1")
        name = f"{registry.name}/image:1"
        refused = engine.cli("manifest", "inspect", name, check=False)
        assert refused.returncode == 1 and f"connect to registry '{registry.name}'" in refused.stderr
        shown = engine.out("manifest", "inspect", "--insecure", name)
        assert json.loads(shown) == json.loads(layout.path(layout.one["digest"]).read_text())
    finally:
        registry.stop()
