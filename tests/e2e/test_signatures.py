"""signedBy of policy.json: signatures by OpenPGP keys, as skopeo and podman make them, from where registries.d says."""

import base64
import json
import shutil
import subprocess

import pytest

from harness.engine import BIN, running
from harness.gpg import Gpg
from harness.layout import Layout
from harness.need import need_program
from harness.registry import Registry
from harness.tar import layer
from harness.wait import wait_until
from harness.whose import engine_in

BUSYBOX = BIN.parent / "share/estiba/images/busybox.tar"
NOTHING = "A signature was required, but no signature exists for 127.0.0.1:5000/app:1"


@pytest.fixture
def engine(tmp_path):
    (tmp_path / "containers/registries.d").mkdir(parents=True)
    one = engine_in(tmp_path, f'[registries]\nfolders = ["{tmp_path}/containers"]\n'
                              f'signatures = "{tmp_path}/signatures"\n')
    with running(one):
        yield one


@pytest.fixture
def gpg(tmp_path):
    one = Gpg(tmp_path)
    yield one
    one.destroy()


@pytest.fixture
def app(registry):
    return App(registry)


class App:
    """The image "app:1" of a registry, and its signatures in a folder."""

    def __init__(self, registry):
        self.registry = registry
        self.name = registry.push(BUSYBOX, "app:1")
        self.digest = self.skopeo("inspect", "--tls-verify=false", "--format", "{{.Digest}}",
                                  f"docker://{self.name}").strip()

    def skopeo(self, *arguments, **options):
        need_program("skopeo")
        result = subprocess.run([*self.registry.prefix(), "skopeo", "--insecure-policy", *map(str, arguments)],
                                capture_output=True, text=True, timeout=120, check=False, **options)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def below(self, folder):
        return folder / f"app@{self.digest.replace(':', '=')}"

    def put(self, folder, *signatures):
        """These and no others."""
        shutil.rmtree(self.below(folder), ignore_errors=True)
        self.below(folder).mkdir(parents=True)
        for number, signature in enumerate(signatures, 1):
            (self.below(folder) / f"signature-{number}").write_bytes(signature)

    def sign(self, gpg, key, registries_d):
        """As people do it."""
        self.skopeo("--registries.d", registries_d, "copy", "--src-tls-verify=false", "--dest-tls-verify=false",
                    "--sign-by", key, f"docker://{self.name}", f"docker://{self.name}", env=gpg.environment())

    def payload(self, reference=None, digest=None, kind="atomic container signature", **more):
        return json.dumps({"critical": {"identity": {"docker-reference": reference or self.name},
                                        "image": {"docker-manifest-digest": digest or self.digest}, "type": kind,
                                        **more}, "optional": {}}).encode()


def ask(folder, requirement):
    (folder / "policy.json").write_text(json.dumps({"default": [{"type": "reject"}],
                                                    "transports": {"docker": {"": [requirement]}}}))


def signed_by(keyring, **more):
    return {"type": "signedBy", "keyType": "GPGKeys", "keyPath": str(keyring), **more}


def say(folder, text):
    (folder / "registries.d/one.yaml").write_text(text)


def rejected(engine, name):
    result = engine.cli("pull", name, check=False)
    assert result.returncode == 1 and engine.out("images", "-q") == "", result.stdout
    return result.stderr


def accepted(engine, name):
    engine.cli("pull", name)
    engine.cli("rmi", name)


def test_signed_by_skopeo_into_a_folder(engine, app, gpg, tmp_path):
    key = gpg.key("ours", kind="rsa2048")
    containers = tmp_path / "containers"
    say(containers, f"docker:\n  127.0.0.1:5000:\n    lookaside: file://{tmp_path}/kept\n")
    ask(containers, signed_by(gpg.export(key)))
    message = rejected(engine, app.name)
    assert NOTHING in message
    assert f"looked for 'file://{app.below(tmp_path / 'kept')}/signature-1'" in message
    app.sign(gpg, key, containers / "registries.d")
    assert [path.name for path in app.below(tmp_path / "kept").iterdir()] == ["signature-1"]
    engine.cli("pull", app.name)
    assert engine.out("run", "--rm", "--network", "none", app.name, "echo", "ran") == "ran"


def test_a_place_on_the_web(engine, app, gpg, tmp_path):
    key = gpg.key("ours")
    web = tmp_path / "web"
    app.put(web / "sigs", gpg.sign(gpg.key("other"), app.payload()), gpg.sign(key, app.payload()))
    server = subprocess.Popen([*engine.host.prefix(), "python3", "-m", "http.server", "8099", "--bind", "127.0.0.1",
                               "--directory", str(web)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: engine.host.run("curl", "-sf", "http://127.0.0.1:8099/", check=False).returncode == 0,
                   "the web server answers")
        say(tmp_path / "containers", "default-docker: {lookaside: 'http://127.0.0.1:8099/sigs/'}\n")
        ask(tmp_path / "containers", signed_by(gpg.export(key)))
        accepted(engine, app.name)  # by the second
        say(tmp_path / "containers", "default-docker: {lookaside: 'http://127.0.0.1:8099/others'}\n")
        assert "looked for 'http://127.0.0.1:8099/others/app@sha256=" in rejected(engine, app.name)
    finally:
        server.kill()
        server.wait()
    assert "look for signatures in 'http://127.0.0.1:8099/others/app@sha256=" in rejected(engine, app.name)


def test_signatures_that_do_not_count(engine, app, gpg, tmp_path):
    key, other = gpg.key("ours"), gpg.key("other")
    expired = gpg.key("expired", expires="2022-02-01", made="20220101T120000!")
    # By default, where registries.d says nothing.
    place = tmp_path / "signatures"
    ask(tmp_path / "containers", {"type": "signedBy", "keyType": "GPGKeys",
                                  "keyPaths": [str(gpg.export(key)), str(gpg.export(expired))]})
    good = app.payload()
    plain = gpg.sign(key, good, "--compress-algo", "uncompressed")
    for signature, why in [
            (gpg.sign(other, good), "by none of the keys of the policy"),
            (plain.replace(b"app:1", b"app:2"), "it does not fit what was signed"),
            (gpg.sign(expired, good, "--faked-system-time", "20220115T120000!"), "the key it is by has expired"),
            (gpg.sign(key, app.payload(digest="sha256:" + "0" * 64)), "it is of 'sha256:000"),
            (gpg.sign(key, app.payload("127.0.0.1:5000/app:2")), "it was made for '127.0.0.1:5000/app:2'"),
            (gpg.sign(key, app.payload("127.0.0.1:5000/other:1")), "it was made for '127.0.0.1:5000/other:1'"),
            (gpg.sign(key, app.payload(kind="cosign container image signature")), "unknown type 'cosign"),
            (gpg.sign(key, app.payload(more=1)), "critical.more: is not known"),
            (gpg.sign(key, b"["), "read a signature"),
            (gpg.run("--store", input=good), "it is not signed"),
            (gpg.sign(key, good, how="--detach-sign"), "it is a detached signature"),
            (gpg.sign(key, good, how="--clear-sign"), "it is text"),
            (plain + b"\n", "something follows"),
            (b"", "it is cut short")]:
        app.put(place, signature)
        message = rejected(engine, app.name)
        assert why in message and "127.0.0.1:5000/app:1" in message and "policy.json says" in message, message
    app.put(place, b"rubbish", gpg.sign(other, good), plain)  # one good one is enough
    accepted(engine, app.name)


def test_whom_a_signature_names(engine, app, gpg, tmp_path):
    key = gpg.key("ours")
    app.put(tmp_path / "signatures", gpg.sign(key, app.payload("registry.example.com/team/app:1")))
    keyring = {"type": "signedBy", "keyType": "GPGKeys",
               "keyData": base64.b64encode(gpg.export(key, armor=True).read_bytes()).decode()}
    remap = {"type": "remapIdentity", "prefix": "127.0.0.1:5000", "signedPrefix": "registry.example.com/team"}
    for identity in [{"type": "matchExact"}, {"type": "matchRepository"},
                     {"type": "exactReference", "dockerReference": "registry.example.com/team/app:2"},
                     {**remap, "signedPrefix": "registry.example.com"}]:
        ask(tmp_path / "containers", {**keyring, "signedIdentity": identity})
        assert "it was made for 'registry.example.com/team/app:1'" in rejected(engine, app.name)
    for identity in [remap, {"type": "exactReference", "dockerReference": "registry.example.com/team/app:1"},
                     {"type": "exactRepository", "dockerRepository": "registry.example.com/team/app"}]:
        ask(tmp_path / "containers", {**keyring, "signedIdentity": identity})
        accepted(engine, app.name)
    ask(tmp_path / "containers", {**keyring, "signedIdentity": remap})
    engine.cli("pull", f"{app.registry.name}/app@{app.digest}")


def test_a_copy_needs_the_signature_too(engine, app, gpg, tmp_path):
    key = gpg.key("ours")
    ask(tmp_path / "containers", signed_by(gpg.export(key)))
    target = "127.0.0.1:5000/copied:1"
    refused = engine.cli("copy", app.name, target, check=False)
    assert refused.returncode == 1 and NOTHING in refused.stderr
    app.put(tmp_path / "signatures", gpg.sign(key, app.payload()))
    engine.cli("copy", app.name, target)


def test_an_index_or_the_image_chosen_from_it(engine, app, gpg, tmp_path):
    key = gpg.key("ours")
    ask(tmp_path / "containers", signed_by(gpg.export(key)))
    layout = Layout(tmp_path / "many")
    mine = layout.image([layer([("mine", b"1", None)])])
    top = layout.index([mine, layout.image([layer([("other", b"2", None)])], architecture="s390x")])
    layout.finish({"many:1": top})
    name = f"{app.registry.name}/many:1"
    app.skopeo("copy", "--all", "--dest-tls-verify=false", f"oci:{layout.folder}:many:1", f"docker://{name}")

    def sign(digest, reference):
        folder = tmp_path / "signatures" / f"many@{digest.replace(':', '=')}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "signature-1").write_bytes(gpg.sign(key, app.payload(reference, digest)))

    copied = ("copy", name, f"{app.registry.name}/copied:1")
    assert "its index is not signed" in rejected(engine, name)
    sign(mine["digest"], f"{app.registry.name}/many:2")
    assert "it was made for '127.0.0.1:5000/many:2'" in rejected(engine, name)
    assert engine.cli(*copied, check=False).returncode == 1
    sign(mine["digest"], name)
    accepted(engine, name)
    engine.cli(*copied)
    for whole in [("pull", "--all-platforms", name), (*copied, "--all")]:
        refused = engine.cli(*whole, check=False)
        assert refused.returncode == 1 and "no signature exists" in refused.stderr
    sign(top["digest"], name)
    for whole in [("pull", "--all-platforms", name), (*copied, "--all")]:
        engine.cli(*whole)
    engine.cli("rmi", name)
    (tmp_path / "signatures" / f"many@{mine['digest'].replace(':', '=')}/signature-1").unlink()
    accepted(engine, name)


def test_no_signature_comes_from_outside_its_place(engine, app, gpg, tmp_path):
    key = gpg.key("ours")
    ask(tmp_path / "containers", signed_by(gpg.export(key)))
    outside = tmp_path / "outside"
    outside.write_bytes(gpg.sign(key, app.payload()))
    app.put(tmp_path / "signatures")
    link = app.below(tmp_path / "signatures") / "signature-1"
    link.symlink_to(outside)
    assert "look for signatures in 'file://" in rejected(engine, app.name)
    link.unlink()
    (link.parent / "inside").write_bytes(outside.read_bytes())
    link.symlink_to("inside")
    accepted(engine, app.name)


def test_files_that_are_not_understood(engine, app, gpg, tmp_path):
    key = gpg.key("ours")
    app.put(tmp_path / "signatures", gpg.sign(key, app.payload()))
    ask(tmp_path / "containers", signed_by(gpg.export(key)))
    say(tmp_path / "containers", "default-docker:\n  lookasid: file:///x\n")
    assert "registries.d/one.yaml': line 2: 'lookasid' is not known" in rejected(engine, app.name)
    say(tmp_path / "containers", "")
    no_key = tmp_path / "no.key"
    no_key.write_text("none")
    ask(tmp_path / "containers", signed_by(no_key))
    assert "has no OpenPGP public key" in rejected(engine, app.name)
    ask(tmp_path / "containers", {"type": "signedBaseLayer", "baseLayerIdentity": {"type": "matchExact"}})
    assert "asks for type 'signedBaseLayer', which this engine cannot verify" in rejected(engine, app.name)


def test_attachments_can_be_switched_off(engine, app, tmp_path):
    ask(tmp_path / "containers", {"type": "sigstoreSigned", "keyData": "a2V5"})
    assert f"looked for the tag '{app.digest.replace(':', '-')}.sig'" in rejected(engine, app.name)
    say(tmp_path / "containers", "docker:\n  127.0.0.1:5000/app:\n    use-sigstore-attachments: false\n")
    assert "use-sigstore-attachments in registries.d" in rejected(engine, app.name)


def test_a_users_own_files(rootless, gpg, tmp_path):
    registry = Registry(tmp_path, rootless.host)
    try:
        app, key = App(registry), gpg.key("ours")
        containers = rootless.folder / ".config/containers"
        containers.mkdir(parents=True)
        keyring = shutil.copy(gpg.export(key), containers / "ours.gpg")
        ask(containers, signed_by(keyring))
        place = rootless.folder / ".local/share/containers/sigstore"
        assert f"looked for 'file://{app.below(place)}/signature-1'" in rejected(rootless, app.name)
        app.put(place, gpg.sign(key, app.payload()))
        accepted(rootless, app.name)
        (containers / "registries.d").mkdir()
        say(containers, f"default-docker: {{lookaside: 'file://{rootless.folder}/elsewhere'}}\n")
        assert NOTHING in rejected(rootless, app.name)
        place.rename(rootless.folder / "elsewhere")
        accepted(rootless, app.name)
    finally:
        registry.stop()
