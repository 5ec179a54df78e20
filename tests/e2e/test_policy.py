"""policy.json: pulls that are accepted, rejected, or need a signature by a key, as cosign stores them."""

import base64
import hashlib
import json
import subprocess

import pytest

from harness.engine import BIN, running
from harness.registry import Registry
from harness.whose import engine_in

BUSYBOX = BIN.parent / "share/estiba/images/busybox.tar"
SIGNATURE = "dev.cosignproject.cosign/signature"


class Signer:
    """A key of its own, and signatures by it in the registry."""

    def __init__(self, folder, name, kind):
        self.private, self.public = folder / f"{name}.key", folder / f"{name}.pub"
        kinds = {"ecdsa": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
                 "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "ed25519": ["-algorithm", "ED25519"]}
        self.kind = kind
        self.openssl("genpkey", *kinds[kind], "-out", self.private)
        self.openssl("pkey", "-in", self.private, "-pubout", "-out", self.public)

    @staticmethod
    def openssl(*arguments, **options):
        return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, **options).stdout

    def sign(self, folder, payload):
        message = folder / "payload"
        message.write_bytes(payload)
        if self.kind == "ed25519":
            return self.openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.private, "-in", message)
        return self.openssl("dgst", "-sha256", "-sign", self.private, message)


def payload_for(reference, digest, kind="cosign container image signature"):
    return json.dumps({"critical": {"identity": {"docker-reference": reference},
                                    "image": {"docker-manifest-digest": digest}, "type": kind},
                       "optional": None}).encode()


class Store:
    """The repository "app" of a registry: the image, and what is put beside it."""

    def __init__(self, folder, host):
        self.registry = Registry(folder, host)
        self.folder = folder
        self.name = self.registry.push(BUSYBOX, "app:1")
        head = self.curl("-I", "-H", "Accept: application/vnd.oci.image.manifest.v1+json",
                         "-H", "Accept: application/vnd.docker.distribution.manifest.v2+json", "/v2/app/manifests/1")
        lines = dict(line.split(": ", 1) for line in head.strip().splitlines()[1:] if ": " in line)
        self.digest = {key.lower(): value.strip() for key, value in lines.items()}["docker-content-digest"]

    def curl(self, *arguments):
        *options, path = arguments
        return subprocess.run([*self.registry.prefix(), "curl", "-sSf", *options, f"http://{self.registry.name}{path}"],
                              check=True, capture_output=True, text=True).stdout

    def blob(self, content):
        file = self.folder / "blob"
        file.write_bytes(content)
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        head = self.curl("-i", "-X", "POST", "-d", "", "/v2/app/blobs/uploads/")
        location = next(line.split(": ", 1)[1].strip() for line in head.splitlines() if line[:9].lower() == "location:")
        path = location.removeprefix(f"http://{self.registry.name}")
        self.curl("-X", "PUT", "-H", "Content-Type: application/octet-stream", "--data-binary", f"@{file}",
                  path + ("&" if "?" in path else "?") + f"digest={digest}")
        return {"digest": digest, "size": len(content)}

    def attach(self, signatures):
        """`signatures`: pairs of a payload and what is said to be a signature of it."""
        layers = [{"mediaType": "application/vnd.dev.cosign.simplesigning.v1+json", **self.blob(payload),
                   "annotations": {SIGNATURE: base64.b64encode(signature).decode()}}
                  for payload, signature in signatures]
        config = {"mediaType": "application/vnd.oci.image.config.v1+json", **self.blob(b'{"rootfs":{"diff_ids":[]}}')}
        manifest = self.folder / "manifest"
        kind = "application/vnd.oci.image.manifest.v1+json"
        manifest.write_text(json.dumps({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": layers}))
        self.curl("-X", "PUT", "-H", f"Content-Type: {kind}",
                  "--data-binary", f"@{manifest}", f"/v2/app/manifests/{self.digest.replace(':', '-')}.sig")


@pytest.fixture
def machine(tmp_path):
    folder = tmp_path / "containers"
    folder.mkdir()
    engine = engine_in(tmp_path, extra_config=f'[registries]\nfolders = ["{folder}"]\n')
    with running(engine):
        yield engine


@pytest.fixture
def store(machine, tmp_path):
    folder = tmp_path / "registry"
    folder.mkdir()
    one = Store(folder, machine.host)
    yield one
    one.registry.stop()


def ask(machine, requirement, scope=""):
    policy = {"default": [{"type": "reject"}], "transports": {"docker": {scope: [requirement]}}}
    (machine.folder / "containers/policy.json").write_text(json.dumps(policy))


def rejected(machine, name):
    result = machine.cli("pull", name, check=False)
    assert result.returncode == 1 and machine.out("images", "-q") == "", result.stdout
    return result.stderr


def test_accept_and_reject(machine, store):
    ask(machine, {"type": "insecureAcceptAnything"}, scope="127.0.0.1:5000/app")
    machine.cli("pull", store.name)
    machine.cli("rmi", store.name)
    ask(machine, {"type": "reject"}, scope="127.0.0.1:5000/app")
    assert "is rejected by policy" in rejected(machine, store.name)
    ask(machine, {"type": "insecureAcceptAnything"}, scope="127.0.0.1:5000/other")
    assert "is rejected by policy" in rejected(machine, store.name)  # by the default


def test_a_copy_is_held_against_the_policy_of_its_source(machine, store, tmp_path):
    signer = Signer(tmp_path, "ours", "ecdsa")
    ask(machine, {"type": "sigstoreSigned", "keyPath": str(signer.public)}, scope="127.0.0.1:5000/app")
    target = "127.0.0.1:5000/copied:1"
    refused = machine.cli("copy", store.name, target, check=False)
    assert refused.returncode == 1 and "A signature was required, but no signature exists" in refused.stderr
    payload = payload_for(store.name, store.digest)
    store.attach([(payload, signer.sign(tmp_path, payload))])
    machine.cli("copy", store.name, target)
    again = machine.cli("copy", target, "127.0.0.1:5000/again:1", check=False)
    assert again.returncode == 1 and "is rejected by policy" in again.stderr


@pytest.mark.parametrize("kind", ["ecdsa", "rsa", "ed25519"])
def test_signed_by_the_key(machine, store, tmp_path, kind):
    signer = Signer(tmp_path, "ours", kind)
    ask(machine, {"type": "sigstoreSigned", "keyPath": str(signer.public)})
    assert "A signature was required, but no signature exists" in rejected(machine, store.name)
    payload = payload_for(store.name, store.digest)
    store.attach([(payload, signer.sign(tmp_path, payload))])
    machine.cli("pull", store.name)
    assert machine.out("run", "--rm", "--network", "none", store.name, "echo", "ran") == "ran"


def test_signatures_that_do_not_count(machine, store, tmp_path):
    ours, other = Signer(tmp_path, "ours", "ecdsa"), Signer(tmp_path, "other", "ecdsa")
    ask(machine, {"type": "sigstoreSigned", "keyPath": str(ours.public)})
    good = payload_for(store.name, store.digest)
    forged = ours.sign(tmp_path, good)
    for payload, signature, why in [
            (good, other.sign(tmp_path, good), "by none of the keys"),
            (good, b"", "by none of the keys"),
            (good + b" ", forged, "by none of the keys"),
            (payload_for(store.name, "sha256:" + "0" * 64), None, "it is of 'sha256:000"),
            (payload_for("127.0.0.1:5000/app:2", store.digest), None, "it was made for '127.0.0.1:5000/app:2'"),
            (payload_for(store.name, store.digest, kind="note"), None, "unknown type 'note'"),
            (b"[", None, "read a signature")]:
        store.attach([(payload, ours.sign(tmp_path, payload) if signature is None else signature)])
        assert why in rejected(machine, store.name)
    store.attach([(good, b"rubbish"), (good, forged)])  # one good one is enough
    machine.cli("pull", store.name)


def test_one_of_several_keys(machine, store, tmp_path):
    ours, other = Signer(tmp_path, "ours", "ecdsa"), Signer(tmp_path, "other", "ed25519")
    payload = payload_for(store.name, store.digest)
    store.attach([(payload, ours.sign(tmp_path, payload))])
    datas = [base64.b64encode(signer.public.read_bytes()).decode() for signer in (other, ours)]
    for keys in [{"keyPaths": [str(other.public), str(ours.public)]}, {"keyDatas": datas}]:
        ask(machine, {"type": "sigstoreSigned", **keys})
        machine.cli("pull", store.name)
        machine.cli("rmi", store.name)
    for keys in [{"keyPaths": [str(other.public)]}, {"keyDatas": datas[:1]}]:
        ask(machine, {"type": "sigstoreSigned", **keys})
        assert "by none of the keys" in rejected(machine, store.name)


def test_whom_a_signature_names(machine, store, tmp_path):
    signer = Signer(tmp_path, "ours", "ecdsa")
    payload = payload_for("registry.example.com/team/app", store.digest)
    store.attach([(payload, signer.sign(tmp_path, payload))])
    key = {"type": "sigstoreSigned", "keyData": base64.b64encode(signer.public.read_bytes()).decode()}
    remap = {"type": "remapIdentity", "prefix": "127.0.0.1:5000", "signedPrefix": "registry.example.com/team"}
    for identity in [{"type": "matchRepository"}, {"type": "exactRepository", "dockerRepository": "b.c/app"}, remap]:
        ask(machine, {**key, "signedIdentity": identity})
        assert "it was made for" in rejected(machine, store.name)
    ask(machine, {**key, "signedIdentity": {"type": "exactRepository",
                                            "dockerRepository": "registry.example.com/team/app"}})
    machine.cli("pull", store.name)
    machine.cli("rmi", store.name)
    ask(machine, {**key, "signedIdentity": remap})
    machine.cli("pull", f"{store.registry.name}/app@{store.digest}")


def test_what_cannot_be_verified_is_refused(machine, store):
    for requirement, what in [
            ({"type": "signedBy", "keyType": "X509Certificates", "keyPath": "/k"}, "signedBy with keyType 'X509"),
            ({"type": "sigstoreSigned", "fulcio": {"oidcIssuer": "x"}}, "sigstoreSigned with 'fulcio'"),
            ({"type": "sigstoreSigned", "keyPath": "/k", "rekorPublicKeyPaths": ["/r"]},
             "sigstoreSigned with 'rekorPublicKeyPaths'"),
            ({"type": "sigstoreSigned", "pki": {"caRootsPath": "/k"}}, "sigstoreSigned with 'pki'")]:
        ask(machine, requirement)
        assert f"asks for {what}" in rejected(machine, store.name)
    (machine.folder / "containers/policy.json").write_text('{"default": [{"type": "maybe"}]}')
    assert "'maybe' is no requirement" in rejected(machine, store.name)
