"""What we unpack of an image is what docker and umoci do, entry by entry: kinds, modes, owners, times, attributes,
links, content. Where they differ is listed, entry by entry, with the reason."""

import hashlib
import io
import json
import shutil
import tarfile

import pytest

import odd_layers
import peers
from harness import debian
from harness.layout import CONFIG, LAYER, Layout
from harness.need import need_program
from transfer import Stores, load
from trees import differences, look, merged


def archive(path, name, layers):
    """A docker-save archive of these tars."""
    digests = [hashlib.sha256(one).hexdigest() for one in layers]
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {
        "type": "layers", "diff_ids": ["sha256:" + one for one in digests]}}).encode()
    manifest = json.dumps([{"Config": "config.json", "RepoTags": [f"{name}:1"],
                            "Layers": [f"{one}.tar" for one in digests]}]).encode()
    files = {**{f"{one}.tar": layer for one, layer in zip(digests, layers)}, "config.json": config,
             "manifest.json": manifest}
    with tarfile.open(path, "w") as tar:
        for entry, content in files.items():
            info = tarfile.TarInfo(entry)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


class ByDocker:
    def __init__(self):
        self.docker = peers.ByDocker()

    def start(self):
        self.docker.start()

    def destroy(self):
        self.docker.destroy()

    def tree(self, path, name, scratch):
        self.docker.load(path)
        driver = json.loads(self.docker.driver("image", "inspect", name))[0]["GraphDriver"]
        assert driver["Name"] == "overlay2", driver
        lower = driver["Data"].get("LowerDir", "")
        return merged([driver["Data"]["UpperDir"], *lower.split(":")] if lower else [driver["Data"]["UpperDir"]],
                      scratch / "docker")


def as_layout(path, folder):
    """What skopeo would make of a docker-save archive, without its compressing the layers."""
    layout = Layout(folder)
    with tarfile.open(path) as tar:
        image = json.load(tar.extractfile("manifest.json"))[0]
        config = layout.blob(tar.extractfile(image["Config"]).read(), CONFIG)
        layers = []
        for name in image["Layers"]:
            digest = "sha256:" + name.removesuffix(".tar")
            with open(layout.path(digest), "wb") as out:
                shutil.copyfileobj(tar.extractfile(name), out, 1 << 20)
            layers.append({"mediaType": LAYER, "digest": digest, "size": tar.getmember(name).size})
    layout.finish({"1": layout.manifest(config, layers)})


class ByUmoci:
    def start(self):
        pass

    def destroy(self):
        pass

    def tree(self, path, name, scratch):
        as_layout(path, scratch / "layout")
        peers.run("umoci", "raw", "unpack", "--image", f"{scratch}/layout:1", scratch / "umoci")
        return merged([scratch / "umoci"], scratch / "unused")


@pytest.fixture(scope="module", params=["docker", "umoci"])
def peer(request):
    for program in peers.NEEDS[request.param]:
        need_program(program)
    one = {"docker": ByDocker, "umoci": ByUmoci}[request.param]()
    one.kind = request.param
    try:
        one.start()
        yield one
    finally:
        one.destroy()


def ours(stores, path, scratch):
    image = load(stores, path).images()[0]
    layers = [stores.layer(layer["chainId"]) for layer in reversed(image["layers"])]
    return merged(layers, scratch / "ours")


def compare(peer, stores, path, name, tmp_path):
    with ours(stores, path, tmp_path) as root:
        mine = look(root)
    return mine, against(peer, mine, path, name, tmp_path)


def against(peer, mine, path, name, tmp_path):
    with peer.tree(path, name, tmp_path) as root:
        return differences(mine, look(root))


# What a hard link's own header says is applied to the file it is a link to: later than the file's own header.
LINK_HEADER = "docker gives a file the owner and mode of the header of a later hard link to it"
BEFORE_1970 = "docker has no time before 1970 or behind 2262"
EMPTY = "Go takes a pax record without a value for a removal; who writes one for an attribute means an empty one"
# Bugs of docker's that its later versions still have: MkdirAll for the parent, and an unlink instead of an opaque mark.
NEW_PARENT = "docker makes the folder anew, root's and of now, where the layer has entries below it and not itself"
NOT_OPAQUE = "docker lets what was deleted show through the directory that takes its place"
OPAQUE_TIME = "docker marks the directory opaque after it has set its time"
COPIED = ("a layer cannot give a file of one below a further name: ours are names of a copy, umoci's of the one file "
          "of its flat tree")
INHERITED = "docker sets a folder's default access list before what comes into it, which inherits it"
IMPLIED = "a folder that is not described is of the time it was made"

# By image and peer: entries and fields that differ, each with the reason.
KNOWN = {
    ("metadata", "docker"): {(b"gnu/before", "mtime"): BEFORE_1970, (b"times/before", "mtime"): BEFORE_1970},
    ("attributes", "docker"): {(b"x/user", "xattrs"): EMPTY,
                               (b"x/default/inside", "xattrs"): INHERITED},
    ("attributes", "umoci"): {(b"x/user", "xattrs"): EMPTY},
    ("kinds", "docker"): {(b"k/fifo", "mode"): LINK_HEADER, (b"k/fifo2", "mode"): LINK_HEADER},
    ("changes", "docker"): {
        **{(b"kept/a", field): LINK_HEADER for field in ("uid", "gid")},
        **{(name, field): NEW_PARENT for name in (b"kept", b"changed") for field in ("uid", "gid", "mtime")},
        (b"opaque", "mtime"): OPAQUE_TIME, (b"re/old", "there"): NOT_OPAQUE},
    ("across", "umoci"): {(name, "same"): COPIED for name in (b"across", b"linked", b"third")},
    ("twice", "umoci"): {(name, "mtime"): IMPLIED for name in (b"implied", b"implied/by")},
}

# What a peer does not unpack at all, and what it says.
REFUSED = {
    ("contiguous", "docker"): "unhandled tar header type 55", ("contiguous", "umoci"): "unknown typeflag",
    ("sparse-gnu", "docker"): "unhandled tar header type 83", ("sparse-gnu", "umoci"): "unknown typeflag",
    ("across", "docker"): "link /linked /across: no such file or directory",
    ("twice", "docker"): "duplicates of file paths not supported",
}


@pytest.mark.parametrize("name", ["names", "metadata", "attributes", "kinds", "contiguous", "sparse-gnu", "sparse-0.0",
                                  "sparse-0.1", "sparse-1.0", "changes", "across", "twice"])
def test_odd_layers(peer, stores, tmp_path, name):
    layers = odd_layers.images(tmp_path)[name]
    path = archive(tmp_path / "in.tar", name, layers)
    if (name, peer.kind) in REFUSED:
        with pytest.raises(AssertionError, match=REFUSED[name, peer.kind]):
            compare(peer, stores, path, f"{name}:1", tmp_path)
        return
    mine, found = compare(peer, stores, path, f"{name}:1", tmp_path)
    assert len(mine) > 5
    known = KNOWN.get((name, peer.kind), {})
    assert {key: pair for key, pair in found.items() if key not in known} == {}
    assert known.keys() <= found.keys(), "listed, but the same"


@pytest.fixture(scope="module")
def debian_of_ours(tmp_path_factory):
    folder = tmp_path_factory.mktemp("debian")
    with ours(Stores(folder), debian.archive(), folder) as root:
        return look(root)


def test_debian(peer, debian_of_ours, tmp_path):
    assert len(debian_of_ours) > 10_000
    assert against(peer, debian_of_ours, debian.archive(), "debian-programs:12", tmp_path) == {}


def test_what_no_peer_unpacks(stores, tmp_path):
    """Of the images that every peer refuses: sparse files in GNU's old form, and contiguous ones."""
    images = odd_layers.images(tmp_path)
    with ours(stores, archive(tmp_path / "sparse.tar", "sparse", images["sparse-gnu"]), tmp_path) as root:
        for name in ("gnu/hole", "gnu/holes"):
            assert (root / name).read_bytes() == (tmp_path / "sparse-gnu" / name).read_bytes()
            assert (root / name).stat().st_blocks * 512 < 1 << 20
    with ours(stores, archive(tmp_path / "contiguous.tar", "c", images["contiguous"]), tmp_path / "c") as root:
        assert [(root / "c" / name).read_bytes() for name in "abcde"] == [name.encode() * 600 for name in "abcde"]
