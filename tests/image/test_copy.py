"""Copies from registry to registry: Debian's docker-registry as the destination, an odd one in memory as the source."""

import base64
import hashlib
import json
import os
import urllib.error
import urllib.request

import pytest

from harness.engine import BIN
from harness.fault_proxy import FaultProxy
from harness.registry import Registry
from harness.scripted_registry import ScriptedRegistry
from transfer import Failed, Stores, copy, pull

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
BIG = 3 << 20


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Source(ScriptedRegistry):
    """Has images that nobody could unpack: what is copied is not looked into."""

    def blob(self, data, kind):
        self.blobs[digest_of(data)] = data
        return {"mediaType": kind, "digest": digest_of(data), "size": len(data)}

    def document(self, value, *tags):
        text = json.dumps(value, indent=1).encode()
        self.manifests[digest_of(text)] = (value["mediaType"], text)
        for tag in tags:
            self.manifests[tag] = (value["mediaType"], text)
        return {"mediaType": value["mediaType"], "digest": digest_of(text), "size": len(text)}

    def image(self, *tags, architecture="amd64", layers=(b"not a tar",), **more):
        config = json.dumps({"architecture": architecture, "os": "linux", "rootfs": {"diff_ids": []}}).encode()
        return self.document({"schemaVersion": 2, "mediaType": MANIFEST,
                              "config": self.blob(config, "application/vnd.oci.image.config.v1+json"),
                              "layers": [self.blob(layer, "application/octet-stream") for layer in layers], **more},
                             *tags)

    def index(self, *tags):
        own = [{**self.image(architecture=name, layers=[os.urandom(9)]),
                "platform": {"os": "linux", "architecture": name}} for name in ("arm64", "amd64")]
        return own, self.document({"schemaVersion": 2, "mediaType": INDEX, "manifests": own}, *tags)


@pytest.fixture
def source():
    with Source() as one:
        yield one


@pytest.fixture(autouse=True)
def untouched(stores):
    yield
    assert not stores.blobs() and not stores.layers()


def get(registry, path):
    request = urllib.request.Request(f"http://{registry.name}/v2/{path}", headers={"Accept": f"{MANIFEST}, {INDEX}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


def has(registry, path):
    try:
        get(registry, path)
    except urllib.error.HTTPError as error:
        assert error.code == 404
        return False
    return True


def pushed(transfer):
    return [event["pushed"] for event in transfer.events if event["kind"] == "pushed"]


def test_an_image_goes_byte_for_byte(stores, source, registry):
    layer = os.urandom(BIG)
    image = source.image("1", layers=[layer, b"small"])
    done = copy(stores, f"{source.name}/app:1", f"{registry.name}/copied:2")
    assert pushed(done) == [{"tag": "2", "imageId": "", "size": image["size"],
                             "repoDigest": f"{registry.name}/copied@{image['digest']}"}]
    assert done.said()[-1] == f"2: digest: {image['digest']} size: {image['size']}"
    assert digest_of(get(registry, "copied/manifests/2")) == image["digest"]
    assert get(registry, f"copied/blobs/{digest_of(layer)}") == layer
    assert done.said().count("Copied") == 3 and "Copying" in done.said()
    with FaultProxy(registry.port) as proxy:
        again = copy(stores, f"{source.name}/app:1", f"{proxy.name}/copied:3")
        assert again.said().count("Layer already exists") == 3
        assert not proxy.seen("", "POST") and len(proxy.seen("", "PUT")) == 1


def test_of_an_index_one_image_goes_or_all(stores, source, registry):
    (arm, amd), index = source.index("1")
    done = copy(stores, f"{source.name}/app:1", f"{registry.name}/one:1", platform="linux/arm64")
    assert "Copying the image for linux/arm64 of an index; --all copies the index" in done.said()
    assert digest_of(get(registry, "one/manifests/1")) == arm["digest"]
    assert not has(registry, f"one/manifests/{amd['digest']}")
    copy(stores, f"{source.name}/app:1", f"{registry.name}/all:1", {"all": True})
    assert digest_of(get(registry, "all/manifests/1")) == index["digest"]
    for child in (arm, amd):
        assert has(registry, f"all/manifests/{child['digest']}")
    with pytest.raises(Failed, match="linux/s390x"):
        copy(stores, f"{source.name}/app:1", f"{registry.name}/one:2", platform="linux/s390x")
    source.image("2")
    with pytest.raises(Failed, match="does not match the specified platform .linux/arm64"):
        copy(stores, f"{source.name}/app:2", f"{registry.name}/one:2", platform="linux/arm64")
    assert not has(registry, "one/manifests/2")


def test_within_a_registry_blobs_are_mounted(stores, source, registry):
    source.image("1", layers=[b"one", b"two"])
    copy(stores, f"{source.name}/app:1", f"{registry.name}/here:1")
    with FaultProxy(registry.port) as proxy:
        done = copy(stores, f"{proxy.name}/here:1", f"{proxy.name}/there:1")
        assert done.said().count("Mounted from here") == 3
        assert not proxy.seen("/blobs/", "GET") and not proxy.seen("/blobs/", "PUT")
        copy(stores, f"{proxy.name}/here:1", f"{proxy.name}/here:again")
        assert len(proxy.seen("/blobs/", "POST")) == 3


def test_a_digest_at_the_destination_has_to_be_the_sources(stores, source, registry):
    image = source.image("1")
    name = f"{registry.name}/digest"
    with pytest.raises(Failed, match="the destination is to be 'sha256:000"):
        copy(stores, f"{source.name}/app:1", f"{name}@sha256:{'0' * 64}")
    copy(stores, f"{source.name}/app@{image['digest']}", f"{name}@{image['digest']}")
    assert has(registry, f"digest/manifests/{image['digest']}")


def test_wrong_bytes_are_not_completed(stores, source, registry):
    layer = os.urandom(BIG)
    image = source.image("1", layers=[layer])
    source.blobs[digest_of(layer)] = layer[:-1] + b"!"
    with FaultProxy(registry.port) as proxy:
        with pytest.raises(Failed, match=f"read from '{source.name}/app': blob '.*' comes with digest"):
            copy(stores, f"{source.name}/app:1", f"{proxy.name}/wrong:1")
        assert not proxy.seen("/manifests/", "PUT")
    assert not has(registry, f"wrong/blobs/{digest_of(layer)}") and not has(registry, "wrong/manifests/1")
    source.blobs[digest_of(layer)] = layer[:-9]
    with pytest.raises(Failed, match="read from '.*cut short"):
        copy(stores, f"{source.name}/app:1", f"{registry.name}/wrong:1")
    assert image["digest"] in source.manifests


@pytest.mark.parametrize("fault", ["cut", "reset"])
def test_a_source_that_breaks_is_resumed(stores, registry, source, fault):
    layer = os.urandom(BIG)
    source.image("1", layers=[layer])
    copy(stores, f"{source.name}/app:1", f"{registry.name}/{fault}:1")
    with FaultProxy(registry.port) as proxy, ScriptedRegistry() as to:
        proxy.add(path=f"/blobs/{digest_of(layer)}", times=1, **{fault: 1_000_000})
        copy(stores, f"{proxy.name}/{fault}:1", f"{to.name}/app:1")
        assert to.blobs[digest_of(layer)] == layer
        assert proxy.seen(f"/blobs/{digest_of(layer)}")[1][2]["Range"].startswith("bytes=")


def test_a_destination_that_breaks_gets_the_rest(stores, registry, source):
    layer = os.urandom(BIG)
    source.image("1", layers=[layer])
    copy(stores, f"{source.name}/app:1", f"{registry.name}/rest:1")
    with FaultProxy(registry.port) as proxy, ScriptedRegistry(breaks=[2_000_000]) as to:
        config = json.loads(get(registry, "rest/manifests/1"))["config"]
        to.blobs[config["digest"]] = b"there"
        copy(stores, f"{proxy.name}/rest:1", f"{to.name}/app:1")
        assert to.blobs[digest_of(layer)] == layer
        asked = [headers.get("Range") for _, _, headers in proxy.seen(f"/blobs/{digest_of(layer)}")]
        assert asked == [None, "bytes=2000000-"]


def test_ranges_of_a_large_blob_at_once(stores, registry, source):
    layer = os.urandom(9 << 20)
    source.image("1", layers=[layer])
    copy(stores, f"{source.name}/app:1", f"{registry.name}/ranges:1")
    with FaultProxy(registry.port) as proxy, ScriptedRegistry() as to:
        copy(stores, f"{proxy.name}/ranges:1", f"{to.name}/app:1", parallelRanges=4)
        assert to.blobs[digest_of(layer)] == layer
        assert len(proxy.seen(f"/blobs/{digest_of(layer)}")) == 3


def test_the_side_that_fails_is_named(stores, source, registry, proxy):
    source.image("1")
    nobody = "127.0.0.1:1"
    with pytest.raises(Failed, match=f"copy '.*' to '{nobody}/a:1': write to '{nobody}/a': connect to registry"):
        copy(stores, f"{source.name}/app:1", f"{nobody}/a:1")
    with pytest.raises(Failed, match=f"read from '{nobody}/a': connect to registry '{nobody}'"):
        copy(stores, f"{nobody}/a:1", f"{registry.name}/a:1")
    with pytest.raises(Failed, match=f"read from '{source.name}/app': manifest for .*:2 not found"):
        copy(stores, f"{source.name}/app:2", f"{registry.name}/a:1")
    denied = b'{"errors":[{"code":"DENIED","message":"not yours"}]}'
    proxy.add(path="/blobs/uploads/", method="POST", status=403, body=denied)
    with pytest.raises(Failed, match=f"write to '{proxy.name}/a': push access denied for a, .*not yours"):
        copy(stores, f"{source.name}/app:1", f"{proxy.name}/a:1")


def test_each_side_gets_its_own_credentials(stores, source, registry):
    source.image("1")
    copy(stores, f"{source.name}/app:1", f"{registry.name}/two:1")
    with FaultProxy(registry.port, token="from") as one, FaultProxy(registry.port, token="to") as other:
        copy(stores, f"{one.name}/two:1", f"{other.name}/three:1",
             {"auth": {"username": "other", "password": "p"}}, auth={"username": "one", "password": "p"})
        for proxy, name in ((one, "one"), (other, "other")):
            sent = {headers["Authorization"] for _, _, headers in proxy.seen("/token")}
            assert sent == {"Basic " + base64.b64encode(f"{name}:p".encode()).decode()}


def test_foreign_layers_stay_where_they_are(stores, source, registry):
    foreign = {"mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "size": 3,
               "digest": "sha256:" + "f" * 64, "urls": ["https://example.com/layer"]}
    config = source.blob(b"{}", "application/vnd.oci.image.config.v1+json")
    source.document({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [foreign]}, "1")
    with ScriptedRegistry() as to:
        done = copy(stores, f"{source.name}/app:1", f"{to.name}/app:1")
        assert "Skipped foreign layer" in done.said() and list(to.blobs) == [config["digest"]]


def referring(source, subject, kind, *tags):
    return source.image(*tags, layers=[os.urandom(9)], subject=subject, artifactType=kind, annotations={"k": kind})


def test_what_refers_to_it_goes_along(stores, source, registry):
    image = source.image("1")
    bill = referring(source, image, "application/example.bill")
    on_bill = referring(source, bill, "application/example.signature")
    listed = {image["digest"]: [bill], bill["digest"]: [on_bill], on_bill["digest"]: []}
    for digest, referrers in listed.items():
        source.document({"schemaVersion": 2, "mediaType": INDEX, "manifests": referrers}, digest.replace(":", "-"))
    cosign = source.image(image["digest"].replace(":", "-") + ".sig", layers=[b"a signature"])
    copy(stores, f"{source.name}/app:1", f"{registry.name}/alone:1")
    assert not has(registry, f"alone/manifests/{bill['digest']}")
    copy(stores, f"{source.name}/app:1", f"{registry.name}/along:1", {"referrers": True})
    for one in (image, bill, on_bill, cosign):
        assert has(registry, f"along/manifests/{one['digest']}")
    assert has(registry, "along/manifests/" + image["digest"].replace(":", "-") + ".sig")
    # This registry keeps no list: it is in the tag that clients keep.
    kept = json.loads(get(registry, "along/manifests/" + image["digest"].replace(":", "-")))
    assert kept["mediaType"] == INDEX and kept["manifests"] == [
        {**bill, "artifactType": "application/example.bill", "annotations": {"k": "application/example.bill"}}]


@pytest.mark.parametrize("way", [{}, {"subjects": True}, {"subjects": True, "referrers": []}])
def test_who_keeps_the_list_of_referrers(stores, source, way):
    image = source.image("1")
    referring(source, image, "a/first", "first")
    referring(source, image, "a/second", "second")
    tag = image["digest"].replace(":", "-")
    with ScriptedRegistry(**way) as to:
        for name in ("first", "second", "first"):
            copy(stores, f"{source.name}/app:{name}", f"{to.name}/app:{name}")
        if "referrers" in way:
            assert tag not in to.manifests
        else:
            kept = json.loads(to.manifests[tag][1])
            assert [one["artifactType"] for one in kept["manifests"]] == ["a/first", "a/second"]


def test_a_digest_that_nobody_could_check_is_refused(stores, source, registry):
    odd = {"mediaType": MANIFEST, "digest": "sha512:" + "a" * 128, "size": 3}
    source.document({"schemaVersion": 2, "mediaType": INDEX, "manifests": [odd]}, "1")
    with pytest.raises(Failed, match="sha512"):
        copy(stores, f"{source.name}/app:1", f"{registry.name}/odd:1", {"all": True})


def test_a_copy_can_be_pulled(stores, registry, tmp_path):
    reference = registry.push(BIN.parent / "share/estiba/images/busybox.tar", "whole:1")
    folder = tmp_path / "second"
    folder.mkdir()
    second = Registry(folder)
    try:
        copy(stores, reference, f"{second.name}/moved/whole:1")
        (tmp_path / "other").mkdir()
        other = Stores(tmp_path / "other")
        assert pull(other, f"{second.name}/moved/whole:1").images()[0]["layers"]
    finally:
        second.stop()
