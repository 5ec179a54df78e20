"""Layers and archives made to harm, through a real pull and a real load: each is refused by name, and nothing stays."""

import gzip
import json
import os
import subprocess
import tarfile

import pytest

from harness.need import need_program
from harness.tar import image_archive, layer
from test_load_save import archive, blob_path, config_of, digest
from transfer import Failed, load, pull

DEEP = "d/" * 1990
OUTSIDE = "/tmp/estiba-escaped"

# Entries, and what the error names.
LAYERS = {
    "dotdot": ([("../../escaped", b"x", None)], "'../../escaped'"),
    "dotdot-inside": ([("a/../../../tmp/estiba-escaped", b"x", None)], "'a/../../../tmp/estiba-escaped'"),
    "absolute": ([(OUTSIDE, b"x", None)], f"'{OUTSIDE}'"),
    "through-symlink": ([("link", None, "/tmp"), ("link/estiba-escaped", b"x", None)], "'link'"),
    "through-dotdot-symlink": ([("link", None, "../../../../../tmp"), ("link/estiba-escaped", b"x", None)], "'link'"),
    "directory-through-symlink": ([("link", None, "/tmp"), ("link/estiba-escaped", "dir", None)], "'link'"),
    "hardlink-absolute": ([("x", "hard", "/etc/passwd")], "'/etc/passwd'"),
    "hardlink-dotdot": ([("x", "hard", "../../../../etc/passwd")], "'../../../../etc/passwd'"),
    "hardlink-through-symlink": ([("link", None, "/etc"), ("x", "hard", "link/passwd")], "'link/passwd'"),
    "hardlink-to-nothing": ([("x", "hard", "nosuch")], "'nosuch'"),
    "long-name": ([("n" * 256, b"x", None)], "File name too long"),
    "long-path": ([("d/" * 2100 + "x", b"x", None)], "4201 bytes"),
    # Also: what lies deeper than there are descriptors is cleared away.
    "deep": ([(DEEP + "x", b"x", None), ("../x", b"x", None)], "'../x'"),
}


@pytest.fixture(params=["load", "pull"])
def bring(request, stores, tmp_path):
    """Brings the image of a docker-save archive into the stores, one way or the other."""
    if request.param == "load":
        return lambda path: load(stores, path)
    registry = request.getfixturevalue("registry")
    return lambda path: pull(stores, registry.push(path, "hostile:1"))


@pytest.mark.parametrize("kind", LAYERS)
def test_a_hostile_layer_is_refused_by_the_name_of_its_entry(bring, stores, tmp_path, kind):
    entries, named = LAYERS[kind]
    image_archive(tmp_path / "x.tar", "x:1", [[("fine", b"1", None)], entries])
    with pytest.raises(Failed) as failed:
        bring(tmp_path / "x.tar")
    assert named in failed.value.message
    fine = digest(layer([("fine", b"1", None)])).removeprefix("sha256:")
    assert stores.layers() <= {fine}  # others may wait for it
    assert not os.path.exists(OUTSIDE)


def one_layer(path, blob, diff_id=None):
    manifest = [{"Config": "c.json", "RepoTags": ["x:1"], "Layers": ["l.tar"]}]
    config = config_of(blob) if diff_id is None else json.dumps({"rootfs": {"diff_ids": [diff_id]}}).encode()
    archive(path, {"manifest.json": json.dumps(manifest).encode(), "c.json": config, "l.tar": blob})


def test_a_layer_that_ends_in_the_middle_of_a_file_is_refused(bring, stores, tmp_path):
    """Its digests are right: whoever made it meant it to be like this."""
    one_layer(tmp_path / "x.tar", layer([("file", b"content" * 1000, None)])[:2000])
    with pytest.raises(Failed, match="'file'.*[Tt]runcated"):
        bring(tmp_path / "x.tar")
    assert stores.layers() == set()


def test_a_sparse_file_takes_no_room(bring, stores, tmp_path):
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(64 << 30)
    packed = subprocess.run(["tar", "-C", str(tmp_path), "--sparse", "-cf", "-", "sparse"], capture_output=True,
                            check=True).stdout
    one_layer(tmp_path / "x.tar", packed)
    image = bring(tmp_path / "x.tar").images()[0]
    info = (stores.layer(image["layers"][0]["chainId"]) / "sparse").stat()
    assert info.st_size == 64 << 30
    assert info.st_blocks * 512 < 1 << 20


def zeros(packer, head):
    """A compressed stream of `head` and 1.5 GiB of zeros: the same few bytes again and again."""
    if packer == "gzip":
        return gzip.compress(head) + gzip.compress(bytes(1 << 20)) * 1536
    need_program("zstd")
    pack = ["zstd", "-q", "-c", "-19"]
    first, again = (subprocess.run(pack, input=text, capture_output=True, check=True).stdout
                    for text in (head, bytes(1 << 20)))
    return first + again * 1536


def claims(name):
    """The header of a file of 32 GiB."""
    info = tarfile.TarInfo(name)
    info.size = 32 << 30
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("packer", ["gzip", "zstd"])
def test_a_bomb_is_stopped(stores, tmp_path, packer):
    one_layer(tmp_path / "x.tar", zeros(packer, claims("zeros")), "sha256:" + "a" * 64)
    with pytest.raises(Failed, match="inflates to more than"):
        load(stores, tmp_path / "x.tar")
    assert stores.layers() == set()


@pytest.mark.parametrize("packer", ["gzip", "zstd"])
def test_an_archive_that_is_a_bomb_is_stopped(stores, tmp_path, packer):
    (tmp_path / "x").write_bytes(zeros(packer, claims("l.tar")))
    with pytest.raises(Failed, match="the archive inflates to more than"):
        load(stores, tmp_path / "x")
    assert stores.blobs() == set()


def test_an_archive_of_too_many_entries_is_stopped(stores, tmp_path):
    info = tarfile.TarInfo("dir")
    info.type = tarfile.DIRTYPE
    (tmp_path / "x.tar").write_bytes(info.tobuf() * 200_001)
    with pytest.raises(Failed, match="more than 200000 entries"):
        load(stores, tmp_path / "x.tar")


def test_a_manifest_cannot_raise_the_limit_by_a_size_that_is_not_true(stores, tmp_path):
    one = layer([("file", b"1", None)])
    config = config_of(one)
    manifest = json.dumps({"schemaVersion": 2, "config": {"digest": digest(config), "size": len(config)},
                           "layers": [{"digest": digest(one), "size": 1 << 40}]}).encode()
    index = json.dumps({"schemaVersion": 2,
                        "manifests": [{"digest": digest(manifest), "size": len(manifest)}]}).encode()
    archive(tmp_path / "x.tar", {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": index,
                                 **{blob_path(digest(blob)): blob for blob in (one, config, manifest)}})
    with pytest.raises(Failed, match=f"has {len(one)} bytes, its manifest says {1 << 40}"):
        load(stores, tmp_path / "x.tar")
    assert stores.layers() == set()


@pytest.mark.parametrize("name", ["../x.json", "/etc/x.json"])
def test_a_hostile_archive_is_refused(stores, tmp_path, name):
    archive(tmp_path / "x.tar", {name: b"{}", "manifest.json": b"[]"})
    with pytest.raises(Failed, match=name):
        load(stores, tmp_path / "x.tar")


def test_names_that_lead_out_of_the_archive_are_refused(stores, tmp_path):
    manifest = [{"Config": "../../../etc/passwd", "RepoTags": ["x:1"], "Layers": []}]
    archive(tmp_path / "x.tar", {"manifest.json": json.dumps(manifest).encode()})
    with pytest.raises(Failed, match="etc/passwd"):
        load(stores, tmp_path / "x.tar")
