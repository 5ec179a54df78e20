"""Archives in and out: docker-save's in old and new form, OCI layouts, and damaged ones."""

import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import tarfile

import pytest

from harness.engine import BIN
from harness.need import need_program
from harness.tar import image_archive, layer
from transfer import Failed, Stores, load, save

BUSYBOX = BIN.parent / "share/estiba/images/busybox.tar"


def only(transfer):
    images = transfer.images()
    assert len(images) == 1
    return images[0]


def archive(path, files):
    """A tar of {name: bytes}; a str is a symbolic link."""
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))


def config_of(*layers):
    digests = ["sha256:" + hashlib.sha256(one).hexdigest() for one in layers]
    return json.dumps({"architecture": "amd64", "os": "linux",
                       "rootfs": {"type": "layers", "diff_ids": digests}}).encode()


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def test_the_built_in_image(stores):
    image = only(load(stores, BUSYBOX))
    assert image["names"] == ["docker.io/estiba/busybox:latest"]
    root = stores.layer(image["layers"][0]["chainId"])
    assert os.readlink(root / "bin/sh") == "/bin/busybox"
    assert (root / "tmp").stat().st_mode & 0o7777 == 0o1777
    assert (root / "etc/shadow").stat().st_mode & 0o7777 == 0o600
    assert "root:x:0:0:" in (root / "etc/passwd").read_text()
    assert subprocess.run(["chroot", str(root), "/bin/sh", "-c", "echo $((6*7))"], capture_output=True, text=True,
                          check=True).stdout == "42\n"


def test_the_built_in_image_is_the_same_every_time(tmp_path):
    made = []
    for name in ("a.tar", "b.tar"):
        subprocess.run([str(BIN / "make_image"), "/bin/busybox", str(tmp_path / name)], check=True)
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]


def test_old_docker_save_with_shared_layers_and_several_images(stores, tmp_path):
    base, top = layer([("base", b"b", None)]), layer([("top", b"t", None)])
    one, two = config_of(base), config_of(base, top)
    manifest = [{"Config": "one.json", "RepoTags": ["one:1", "one:latest"], "Layers": ["a/layer.tar"]},
                {"Config": "two.json", "RepoTags": None, "Layers": ["b/layer.tar", "c/layer.tar"]}]
    archive(tmp_path / "x.tar", {"a/layer.tar": base, "a/VERSION": b"1.0", "a/json": b"{}",
                                 "b/layer.tar": "../a/layer.tar", "c/layer.tar": top, "one.json": one, "two.json": two,
                                 "manifest.json": json.dumps(manifest).encode(), "repositories": b"{}"})
    done = load(stores, tmp_path / "x.tar")
    first, second = done.images()
    assert first["names"] == ["docker.io/library/one:1", "docker.io/library/one:latest"]
    assert first["id"] == digest(one) and second["id"] == digest(two)
    assert second["names"] == [] and second["layers"][0] == {**first["layers"][0]}
    assert [line for line in done.said() if line.startswith("Loaded")] == [
        "Loaded image: one:1\n", "Loaded image: one:latest\n", f"Loaded image ID: {digest(two)}\n"]


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive"])
def test_what_skopeo_writes(stores, tmp_path, form):
    need_program("skopeo")
    copy(f"docker-archive:{BUSYBOX}", f"{form}:{tmp_path}/x.tar:name/of:it")
    image = only(load(stores, tmp_path / "x.tar"))
    assert image["names"] == ["docker.io/name/of:it"]


def copy(source, target):
    subprocess.run(["skopeo", "--insecure-policy", "copy", source, target], check=True, capture_output=True)


@pytest.mark.parametrize("packer", ["gzip", "zstd"])
def test_a_compressed_archive(stores, tmp_path, packer):
    need_program(packer)
    with open(tmp_path / "x.tar", "wb") as out:
        subprocess.run([packer, "-c", str(BUSYBOX)], stdout=out, check=True)
    only(load(stores, tmp_path / "x.tar"))


@pytest.mark.parametrize("packer", [["gzip", "-c"], ["zstd", "-c"], ["cat"]])
def test_layers_are_what_they_are_whatever_their_name(stores, tmp_path, packer):
    plain = layer([("file", b"content", None)])
    packed = subprocess.run(packer, input=plain, capture_output=True, check=True).stdout
    manifest = [{"Config": "c.json", "RepoTags": ["x:1"], "Layers": ["l.tar"]}]
    archive(tmp_path / "x.tar", {"manifest.json": json.dumps(manifest).encode(), "c.json": config_of(plain),
                                 "l.tar": packed})
    image = only(load(stores, tmp_path / "x.tar"))
    assert (stores.layer(image["layers"][0]["chainId"]) / "file").read_bytes() == b"content"


def test_saved_images_come_back_the_same(stores, tmp_path):
    image = only(load(stores, BUSYBOX))
    names = ["docker.io/estiba/busybox:latest", "localhost:5000/other:2"]
    item = {"manifestDigest": image["manifestDigest"], "names": names}
    save(stores, tmp_path / "a.tar", [item])
    save(stores, tmp_path / "b.tar", [item])
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    (tmp_path / "other").mkdir()
    again = only(load(Stores(tmp_path / "other"), tmp_path / "a.tar"))
    assert again["id"] == image["id"] and again["manifestDigest"] == image["manifestDigest"]
    assert sorted(again["names"]) == sorted(names)


def test_an_image_with_a_missing_blob_is_not_begun(stores, tmp_path):
    image = only(load(stores, BUSYBOX))
    stores.blob(image["layers"][0]["digest"]).unlink()
    with pytest.raises(Failed, match=f"save image .*{image['layers'][0]['digest']}"):
        save(stores, tmp_path / "a.tar", [{"manifestDigest": image["manifestDigest"], "names": image["names"]}])
    assert (tmp_path / "a.tar").stat().st_size == 0


def test_others_read_what_we_save(stores, tmp_path):
    need_program("skopeo")
    image = only(load(stores, BUSYBOX))
    save(stores, tmp_path / "a.tar", [{"manifestDigest": image["manifestDigest"], "names": image["names"]}])
    copy(f"docker-archive:{tmp_path}/a.tar:estiba/busybox:latest", f"dir:{tmp_path}/from-docker")
    copy(f"oci-archive:{tmp_path}/a.tar:latest", f"dir:{tmp_path}/from-oci")


def test_an_image_in_dockers_form_is_saved_for_both_kinds_of_reader(stores, tmp_path):
    need_program("skopeo")
    image_archive(tmp_path / "in.tar", "x:1", [[("file", b"1", None)]])
    image = only(load(stores, tmp_path / "in.tar"))
    assert image["manifestMediaType"] == "application/vnd.docker.distribution.manifest.v2+json"
    save(stores, tmp_path / "out.tar", [{"manifestDigest": image["manifestDigest"], "names": image["names"]}])
    copy(f"docker-archive:{tmp_path}/out.tar:x:1", f"dir:{tmp_path}/from-docker")
    copy(f"oci-archive:{tmp_path}/out.tar:1", f"dir:{tmp_path}/from-oci")
    (tmp_path / "other").mkdir()
    assert only(load(Stores(tmp_path / "other"), tmp_path / "out.tar"))["id"] == image["id"]


def blob_path(digest_of):
    return "blobs/sha256/" + digest_of.removeprefix("sha256:")


@pytest.mark.parametrize("damage, says", [
    ("empty", "neither"), ("text", "load: "), ("cut", "load: "), ("cut-gzip", "cut short"),
    ("no-layer", "has no 'l.tar'"),
    ("wrong-blob", "blobs/sha256/aaaa"), ("wrong-diff-id", "has digest"), ("layer-count", "its config names"),
    ("no-manifest", "neither"), ("broken-json", "manifest.json"), ("bzip2", "bzip2")])
def test_damaged_archives_are_refused(stores, tmp_path, damage, says):
    one = layer([("file", b"content" * 1000, None)])
    manifest = [{"Config": "c.json", "RepoTags": ["x:1"], "Layers": ["l.tar"]}]
    files = {"l.tar": one, "c.json": config_of(one), "manifest.json": json.dumps(manifest).encode()}
    if damage == "no-layer":
        del files["l.tar"]
    elif damage == "wrong-blob":
        files["blobs/sha256/" + "a" * 64] = b"something else"
    elif damage == "wrong-diff-id":
        files["c.json"] = config_of(b"another layer")
    elif damage == "layer-count":
        files["c.json"] = config_of(one, one)
    elif damage == "no-manifest":
        del files["manifest.json"]
    elif damage == "broken-json":
        files["manifest.json"] = b"[{]"
    path = tmp_path / "x.tar"
    archive(path, files)
    content = path.read_bytes()
    content = {"empty": b"", "text": b"not an archive\n" * 1000, "cut": content[:len(content) // 2],
               "cut-gzip": gzip.compress(content)[:-100], "bzip2": b"BZh91AY&SY" + bytes(100)}.get(damage, content)
    path.write_bytes(content)
    with pytest.raises(Failed, match=says):
        load(stores, path)
    assert stores.layers() == set()


def test_an_index_of_platforms_gives_the_one_that_runs_here(stores, tmp_path):
    one = layer([("file", b"1", None)])
    config = config_of(one)
    manifest = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                           "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(config),
                                      "size": len(config)},
                           "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest(one),
                                       "size": len(one)}]}).encode()
    machine = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
    inner = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
        {"mediaType": "x", "digest": "sha256:" + "b" * 64, "size": 1,
         "platform": {"os": "linux", "architecture": "s390x"}},
        {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest(manifest), "size": len(manifest),
         "platform": {"os": "linux", "architecture": machine}}]}).encode()
    top = json.dumps({"schemaVersion": 2, "manifests": [
        {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest(inner), "size": len(inner),
         "annotations": {"org.opencontainers.image.ref.name": "multi:1"}}]}).encode()
    archive(tmp_path / "x.tar", {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": top,
                                 **{blob_path(digest(blob)): blob for blob in (one, config, manifest, inner)}})
    image = only(load(stores, tmp_path / "x.tar"))
    assert image["id"] == digest(config)
    assert image["names"] == ["docker.io/library/multi:1"]


def reads_of_blobs(trace):
    """Bytes that were read from the content store's blobs, by name."""
    read = {}
    for line in trace.read_text().splitlines():
        found = re.search(r"\bread\(\d+<[^>]*/sha256/([0-9a-f]{64})>.* = (\d+)$", line)
        if found:
            read[found[1]] = read.get(found[1], 0) + int(found[2])
    return read


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive", "old"])
def test_a_layer_is_not_read_back_from_the_disk(stores, tmp_path, form):
    """Archives tell at their end what their layers are: they are unpacked while they come."""
    need_program("strace")
    old = tmp_path / "old.tar"
    image_archive(old, "x:1", [[("big", os.urandom(3 << 20), None)], [("other", b"o" * (2 << 20), None)]])
    if form == "old":
        path = old
    else:
        need_program("skopeo")
        path = tmp_path / "x.tar"
        copy(f"docker-archive:{old}", f"{form}:{path}:x:1")
    trace = tmp_path / "trace"
    done = load(stores, path, wrap=["strace", "-f", "-y", "-qq", "-e", "trace=read", "-o", str(trace)])
    layers = {one["digest"].removeprefix("sha256:") for one in only(done)["layers"]}
    read = reads_of_blobs(trace)
    assert len(read) > 0 and not layers & set(read), read
    assert (stores.layer(only(done)["layers"][0]["chainId"]) / "big").stat().st_size == 3 << 20


def test_one_layer_at_two_places_of_several_images(stores, tmp_path):
    """Its tree is the first image's; for the others it is unpacked once more."""
    base, top = layer([("base", b"b", None)]), layer([("top", b"t", None)])
    manifest = [{"Config": "a.json", "RepoTags": ["a:1"], "Layers": ["l1", "l2", "l1"]},
                {"Config": "b.json", "RepoTags": ["b:1"], "Layers": ["l2", "l1"]}]
    archive(tmp_path / "x.tar", {"l1": base, "l2": top, "l3": base, "a.json": config_of(base, top, base),
                                 "b.json": config_of(top, base), "manifest.json": json.dumps(manifest).encode()})
    for image in load(stores, tmp_path / "x.tar").images():
        for one in image["layers"]:
            assert os.listdir(stores.layer(one["chainId"])) == (["base"] if one["diffId"] == digest(base) else ["top"])
    assert len(stores.layers()) == 5


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("damage", ["tar", "gzip", "hostile"])
def test_a_damaged_layer_matters_when_an_image_names_it(stores, tmp_path, named, damage):
    good = layer([("good", b"g" * 5000, None)])
    bad = {"tar": layer([("bad", b"b" * 5000, None)])[:3000], "gzip": gzip.compress(good)[:-20],
           "hostile": layer([("../bad", b"b", None)])}[damage]
    files = {"bad": bad, "good": good, "c.json": config_of(*([bad] if named else []), good)}
    manifest = [{"Config": "c.json", "RepoTags": ["x:1"], "Layers": ["bad", "good"] if named else ["good"]}]
    archive(tmp_path / "x.tar", {**files, "manifest.json": json.dumps(manifest).encode()})
    if not named:
        assert len(only(load(stores, tmp_path / "x.tar"))["layers"]) == 1
        return
    says = {"tar": "Truncated tar archive", "gzip": "cut short", "hostile": "'../bad' leads out of the image"}[damage]
    with pytest.raises(Failed, match=says) as failed:
        load(stores, tmp_path / "x.tar")
    assert digest(bad) in failed.value.message
    assert stores.layers() == set()


def test_loading_again_unpacks_nothing(stores, tmp_path):
    need_program("strace")
    need_program("skopeo")
    image_archive(tmp_path / "old.tar", "x:1", [[("file", b"content", None)]])
    copy(f"docker-archive:{tmp_path}/old.tar", f"docker-archive:{tmp_path}/x.tar:x:1")
    first = only(load(stores, tmp_path / "x.tar"))
    trace = tmp_path / "trace"
    wrap = ["strace", "-f", "-qq", "-e", "trace=mkdirat", "-o", str(trace)]
    again = only(load(stores, tmp_path / "x.tar", wrap=wrap))
    assert again["id"] == first["id"]
    assert "test-" not in trace.read_text()  # a tree's temporary name
