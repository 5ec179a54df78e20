"""Forms of archives, images of several platforms, artifacts, and layers that are had from elsewhere."""

import http.server
import json
import os
import tarfile
import threading
import urllib.request

import pytest

from harness.layout import CONFIG, MACHINE, Layout, digest
from harness.need import need_program
from harness.tar import layer
from peers import blob, skopeo
from transfer import Failed, Stores, item_of, load, pull, push, save

OTHERS = {"amd64": "arm64", "arm64": "amd64"}[MACHINE]


def file_layer(name):
    return layer([(name, name.encode() * 1000, None)])


@pytest.fixture
def many(tmp_path):
    """A layout of an index: an image for this machine, one for another, and an attestation of the first."""
    layout = Layout(tmp_path / "many")
    mine = layout.image([file_layer("base"), file_layer("mine")])
    other = layout.image([file_layer("base"), file_layer("other")], architecture=OTHERS)
    layout.top = layout.index([mine, other, layout.attestation(mine)])
    layout.mine, layout.other = mine, other
    layout.finish({"docker.io/library/many:1": layout.top})
    return layout


@pytest.fixture
def elsewhere(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    return Stores(tmp_path / "elsewhere")


def names_of(path):
    with tarfile.open(path) as tar:
        return [entry.name for entry in tar]


def top_of(path):
    return json.loads((path / "index.json").read_text())["manifests"]


def test_what_each_form_is_made_of(stores, many, tmp_path):
    image = load(stores, many.folder).images()[0]
    for form in ("both", "docker", "oci"):
        save(stores, tmp_path / form, [item_of(image)], form=form)
    documents = {form: [name for name in names_of(tmp_path / form) if "json" in name and "/" not in name]
                 for form in ("both", "docker", "oci")}
    config = image["id"].removeprefix("sha256:") + ".json"
    assert documents == {"both": ["index.json", "manifest.json"], "docker": [config, "manifest.json"],
                         "oci": ["index.json"]}
    assert "oci-layout" in names_of(tmp_path / "both") and "oci-layout" in names_of(tmp_path / "oci")
    (tmp_path / "plain").mkdir()
    save(stores, tmp_path / "plain", [item_of(image)], form="plain")
    blobs = {image["id"], *(one["digest"] for one in image["layers"])}
    assert set(os.listdir(tmp_path / "plain")) == {"version", "manifest.json",
                                                   *(one.removeprefix("sha256:") for one in blobs)}


def test_a_saved_directory_is_its_owners(stores, many, tmp_path):
    image = load(stores, many.folder).images()[0]
    (tmp_path / "out").mkdir()
    os.chown(tmp_path / "out", 1234, 2345)
    save(stores, tmp_path / "out", [item_of(image)], form="oci")
    for path in (tmp_path / "out").rglob("*"):
        status = path.stat()
        assert (status.st_uid, status.st_gid) == (1234, 2345), path
    with pytest.raises(Failed, match="make directory 'blobs': File exists"):
        save(stores, tmp_path / "out", [item_of(image)], form="oci")


def test_several_images_do_not_go_into_a_plain_directory(stores, many, tmp_path):
    image = load(stores, many.folder).images()[0]
    (tmp_path / "out").mkdir()
    with pytest.raises(Failed, match="a docker-dir holds one image, not 2"):
        save(stores, tmp_path / "out", [item_of(image), item_of(image)], form="plain")
    assert os.listdir(tmp_path / "out") == []


@pytest.mark.parametrize("form", ["both", "oci"])
def test_an_index_comes_and_goes_whole(stores, elsewhere, many, tmp_path, form):
    image = load(stores, many.folder).images()[0]
    assert image["indexDigest"] == many.top["digest"]
    mine = {one["digest"] for one in image["layers"]} | {image["id"], image["manifestDigest"]}
    assert set(image["kept"]) | mine | {many.top["digest"]} >= set(
        "sha256:" + name for name in os.listdir(many.folder / "blobs/sha256"))
    save(stores, tmp_path / "saved.tar", [item_of(image)], form=form)
    again = load(elsewhere, tmp_path / "saved.tar").images()[0]
    assert again == image
    assert elsewhere.blobs() == stores.blobs()


def test_one_platform_of_an_index(stores, elsewhere, many, tmp_path):
    image = load(stores, many.folder).images()[0]
    save(stores, tmp_path / "other.tar", [item_of(image)], platform=f"linux/{OTHERS}")
    other = load(elsewhere, tmp_path / "other.tar").images()[0]
    assert other["manifestDigest"] == many.other["digest"] and "indexDigest" not in other
    assert other["names"] == image["names"]
    chosen = load(elsewhere, many.folder, platform=f"linux/{OTHERS}").images()[0]
    assert chosen["manifestDigest"] == many.other["digest"]
    with pytest.raises(Failed, match="linux/s390x"):
        load(elsewhere, many.folder, platform="linux/s390x")
    with pytest.raises(Failed, match=f"it is here for linux/{MACHINE}, not for linux/s390x"):
        save(stores, tmp_path / "none.tar", [item_of(image)], platform="linux/s390x")


def test_an_index_without_an_image_for_this_machine_is_loaded_all_the_same(stores, tmp_path):
    layout = Layout(tmp_path / "layout")
    other = layout.image([file_layer("other")], architecture=OTHERS)
    top = layout.index([other])
    image = load(stores, layout.finish({"x:1": top})).images()[0]
    assert image["manifestDigest"] == other["digest"] and image["indexDigest"] == top["digest"]


def test_indexes_within_indexes(stores, elsewhere, many, tmp_path):
    top = many.index([many.top])
    many.finish({"docker.io/library/deep:1": top})
    # A selector of platforms needs one on the inner index, or that it is the only one.
    image = load(stores, many.folder).images()[0]
    assert image["manifestDigest"] == many.mine["digest"] and image["indexDigest"] == top["digest"]
    (tmp_path / "out").mkdir()
    save(stores, tmp_path / "out", [item_of(image)], form="oci")
    assert [one["digest"] for one in top_of(tmp_path / "out")] == [top["digest"]]
    assert load(elsewhere, tmp_path / "out").images()[0] == image


@pytest.mark.parametrize("rest", [True, False])
def test_all_platforms_are_pulled_and_pushed_by_the_index(stores, many, registry, rest):
    need_program("skopeo")
    name = f"{registry.name}/many-{rest}:1".lower()
    skopeo("copy", "--all", "--dest-tls-verify=false", f"oci:{many.folder}:docker.io/library/many:1",
           f"docker://{name}")
    image = pull(stores, name, allPlatforms=rest).images()[0]
    assert image["repoDigest"] == many.top["digest"] and image["manifestDigest"] == many.mine["digest"]
    assert image.get("indexDigest") == (many.top["digest"] if rest else None)
    target = f"{registry.name}/pushed-{rest}".lower()
    push(stores, target, image)
    raw = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{target}:1").encode()
    assert digest(raw) == (many.top if rest else many.mine)["digest"]
    assert len(stores.layers()) == 2  # of this machine's image alone


def test_quiet_tells_only_what_was_loaded(stores, elsewhere, many):
    loud = load(stores, many.folder).said()
    assert any("Loading layer" in line for line in loud if line)
    assert load(elsewhere, many.folder, quiet=True).said() == ["Loaded image: many:1\n"]


# ---- artifacts

@pytest.fixture
def artifact(tmp_path):
    layout = Layout(tmp_path / "artifact")
    layout.made = layout.artifact("application/vnd.example.chart", [b"chart" * 1000, b"values"],
                                  annotations={"org.opencontainers.image.created": "2026-01-02T03:04:05Z"})
    layout.finish({"docker.io/library/chart:1": layout.made})
    return layout


def test_an_artifact_is_kept_saved_and_pushed_as_it_is(stores, elsewhere, artifact, registry, tmp_path):
    need_program("skopeo")
    skopeo("copy", "--dest-tls-verify=false", f"oci:{artifact.folder}:docker.io/library/chart:1",
           f"docker://{registry.name}/chart:1")
    image = pull(stores, f"{registry.name}/chart:1").images()[0]
    assert image["artifactType"] == "application/vnd.example.chart"
    assert image["id"] == image["manifestDigest"] == image["repoDigest"] == artifact.made["digest"]
    assert image["layers"] == [] and stores.layers() == set() and len(image["kept"]) == 3
    for form in ("both", "oci"):
        save(stores, tmp_path / form, [item_of(image, ["docker.io/library/chart:1"])], form=form)
    again = load(elsewhere, tmp_path / "oci").images()[0]
    assert again["id"] == image["id"] and again["artifactType"] == image["artifactType"]
    assert elsewhere.blobs() == stores.blobs()
    push(elsewhere, f"{registry.name}/again", again)
    raw = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{registry.name}/again:1").encode()
    assert digest(raw) == artifact.made["digest"]
    with pytest.raises(Failed, match="is an artifact of type 'application/vnd.example.chart'"):
        save(stores, tmp_path / "docker", [item_of(image)], form="docker")


# ---- layers that may not be distributed

class Elsewhere(http.server.BaseHTTPRequestHandler):
    def do_GET(self):  # noqa: N802  (the library's name)
        content = self.server.files.get(self.path)
        self.server.asked.append(self.path)
        self.send_response(200 if content is not None else 404)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *words):
        pass


@pytest.fixture
def vendor():
    """Whoever may distribute the layer."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    server.files, server.asked = {}, []
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("media_type", ["application/vnd.oci.image.layer.nondistributable.v1.tar",
                                        "application/vnd.docker.image.rootfs.foreign.diff.tar"])
def test_a_foreign_layer_is_fetched_from_its_places_and_not_pushed(stores, elsewhere, vendor, registry, tmp_path,
                                                                   media_type):
    layout = Layout(tmp_path / "layout")
    foreign, own = file_layer("foreign"), file_layer("own")
    vendor.files["/layer"] = foreign
    described = {"mediaType": media_type, "digest": digest(foreign), "size": len(foreign),
                 "urls": [vendor.url + "/gone", vendor.url + "/layer"]}
    config = layout.blob({"architecture": MACHINE, "os": "linux", "rootfs": {
        "type": "layers", "diff_ids": [digest(foreign), digest(own)]}}, CONFIG)
    made = layout.manifest(config, [described, layout.blob(own, "application/vnd.oci.image.layer.v1.tar")])
    name = f"foreign{len(media_type)}"
    put(registry, layout, name, made, skip=digest(foreign))
    image = pull(stores, f"{registry.name}/{name}:1").images()[0]
    assert vendor.asked == ["/gone", "/layer"]
    assert (stores.layer(image["layers"][0]["chainId"]) / "foreign").exists()
    save(stores, tmp_path / "saved.tar", [item_of(image)])
    again = load(elsewhere, tmp_path / "saved.tar").images()[0]
    assert again["manifestDigest"] == made["digest"] and digest(foreign).removeprefix("sha256:") in elsewhere.blobs()
    pushed = push(elsewhere, f"{registry.name}/pushed{name}", again)
    assert "Skipped foreign layer" in pushed.said()
    assert not (registry.folder / f"registry/docker/registry/v2/repositories/pushed{name}/_layers/sha256"
                / digest(foreign).removeprefix("sha256:")).exists()


def put(registry, layout, name, manifest, skip):
    """By hand: no client pushes a manifest whose blobs it does not have."""
    base = f"http://{registry.name}/v2/{name}"
    content = json.loads(blob(layout.folder, manifest["digest"]))
    for one in [content["config"], *content["layers"]]:
        if one["digest"] == skip:
            continue
        with urllib.request.urlopen(urllib.request.Request(f"{base}/blobs/uploads/", method="POST")) as answer:
            place = answer.headers["Location"]
        urllib.request.urlopen(urllib.request.Request(f"{place}&digest={one['digest']}", method="PUT", headers={
            "Content-Type": "application/octet-stream"}, data=blob(layout.folder, one["digest"]))).close()
    urllib.request.urlopen(urllib.request.Request(f"{base}/manifests/1", method="PUT", data=blob(
        layout.folder, manifest["digest"]), headers={"Content-Type": manifest["mediaType"]})).close()
