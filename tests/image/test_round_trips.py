"""Archives and registries between us and others: each reads what we save and push, and we read theirs. What is the
same on both sides: the config's digest (the image's id) and the layers' diff ids; the manifest's digest wherever the
form keeps manifests as they are."""

import json

import pytest

import peers
from harness.need import need_program
from harness.registry import Registry
from harness.tar import image_archive
from transfer import item_of, load, pull, push, save

FORMS = {"both": "both", "docker-archive": "docker", "oci-archive": "oci", "oci-dir": "oci", "docker-dir": "plain"}
KEEP_MANIFESTS = ("oci-archive", "oci-dir")


class Original:
    """An image with two compressed layers, as a layout."""

    def __init__(self, folder):
        archive = folder / "in.tar"
        image_archive(archive, peers.NAME, [[("etc", "dir", None), ("etc/a", b"a" * 5000, None), ("b", b"b", None)],
                                            [("etc/.wh.a", b"", None), ("link", b"", "b")]],
                      config={"Env": ["A=b"], "Cmd": ["/b"], "Labels": {"l": "1"}})
        self.layout = folder / "layout"
        self.source = f"oci:{self.layout}:1"
        peers.skopeo("copy", f"docker-archive:{archive}", self.source)
        self.digest = json.loads((self.layout / "index.json").read_text())["manifests"][0]["digest"]
        self.manifest = json.loads(peers.blob(self.layout, self.digest))
        self.id = self.manifest["config"]["digest"]
        self.diff_ids = json.loads(peers.blob(self.layout, self.id))["rootfs"]["diff_ids"]


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    need_program("skopeo")
    return Original(tmp_path_factory.mktemp("original"))


@pytest.fixture(scope="module")
def peer(request):
    for program in peers.NEEDS[request.param]:
        need_program(program)
    one = peers.ALL[request.param]()
    try:
        one.start()
        yield one
    finally:
        one.destroy()


@pytest.fixture
def registry(peer, tmp_path):
    """In the peer's network."""
    folder = tmp_path / "registry"
    folder.mkdir()
    one = Registry(folder, peer.host)
    yield one
    one.stop()


def loaded(stores, original):
    image = load(stores, original.layout).images()[0]
    assert image["id"] == original.id and image["manifestDigest"] == original.digest
    return image


def forms(which):
    """(peer, form) for every form that a peer reads or writes; pytest wants the parameters beforehand."""
    return [pytest.param(name, form, id=f"{name}-{form}") for name, kind in peers.ALL.items()
            for form in getattr(kind, which)]


@pytest.mark.parametrize("peer, form", forms("reads"), indirect=["peer"])
def test_a_peer_reads_what_we_save(peer, form, stores, original, tmp_path):
    image = loaded(stores, original)
    path = tmp_path / "saved"
    if form.endswith("-dir"):
        path.mkdir()
    save(stores, path, [item_of(image, [f"docker.io/{peers.NAME}"])], form=FORMS[form])
    identity, diff_ids, digest = peer.read(form, path, tmp_path)
    assert identity == original.id and diff_ids == original.diff_ids
    if form in KEEP_MANIFESTS and digest is not None:
        assert digest == original.digest


@pytest.mark.parametrize("peer, form", forms("writes"), indirect=["peer"])
def test_we_read_what_a_peer_saves(peer, form, stores, original, tmp_path):
    path = tmp_path / "theirs"
    peer.write(form, path, original.source)
    image = load(stores, path).images()[0]
    assert image["id"] == original.id
    assert [layer["diffId"] for layer in image["layers"]] == original.diff_ids
    assert form == "docker-dir" or f"docker.io/{peers.NAME}" in image["names"]
    root = stores.layer(image["layers"][0]["chainId"])
    assert (root / "etc/a").read_bytes() == b"a" * 5000


@pytest.mark.parametrize("peer", [name for name in peers.ALL if name != "umoci"], indirect=True)
def test_a_peer_pulls_what_we_push(peer, stores, original, registry):
    image = loaded(stores, original)
    push(stores, f"{registry.name}/ours", image, wrap=peer.host.prefix())
    identity, diff_ids, digest = peer.fetch(f"{registry.name}/ours:1")
    assert (identity, diff_ids, digest) == (original.id, original.diff_ids, original.digest)


@pytest.mark.parametrize("peer", [name for name in peers.ALL if name != "umoci"], indirect=True)
def test_we_pull_what_a_peer_pushes(peer, stores, original, registry):
    reference = f"{registry.name}/theirs:1"
    peer.push(original.source, reference)
    image = pull(stores, reference, wrap=peer.host.prefix()).images()[0]
    assert image["id"] == original.id
    assert [layer["diffId"] for layer in image["layers"]] == original.diff_ids
    assert image["repoDigest"] == peers.Skopeo.look(peer, f"docker://{reference}", "--tls-verify=false")[2]
