"""Pushes to Debian's docker-registry, through a proxy that does what networks do, and to odd registries."""

import hashlib
import json
import os
import subprocess
import time

import pytest

from harness.certificates import Authority
from harness.connect_proxy import ConnectProxy
from harness.fault_proxy import FaultProxy
from harness.registry import Registry
from harness.scripted_registry import ScriptedRegistry
from harness.tar import image_archive
from transfer import Failed, Stores, Transfer, load, pull, push

BIG = 3 << 20


@pytest.fixture
def image(stores, tmp_path):
    """An image of two layers, in the stores; one does not compress. Every test has other bytes."""
    archive = tmp_path / "image.tar"
    image_archive(archive, "local:1", [[("big", os.urandom(BIG), None)], [("name", os.urandom(9), None)]])
    loaded = load(stores, archive)
    return loaded.images()[0]


def other(tmp_path, name="other"):
    folder = tmp_path / name
    folder.mkdir()
    return Stores(folder)


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def pushed(transfer):
    return [event["pushed"] for event in transfer.events if event["kind"] == "pushed"]


def test_what_is_pushed_comes_back_by_the_same_digests(stores, registry, image, tmp_path):
    done = push(stores, f"{registry.name}/back", image)
    text = stores.blob(image["manifestDigest"]).read_bytes()
    assert pushed(done) == [{"tag": "1", "imageId": image["id"], "size": len(text),
                             "repoDigest": f"{registry.name}/back@{image['manifestDigest']}"}]
    assert done.said()[-1] == f"1: digest: {image['manifestDigest']} size: {len(text)}"
    again = pull(other(tmp_path), f"{registry.name}/back:1").images()[0]
    assert again["manifestDigest"] == image["manifestDigest"] and again["id"] == image["id"]
    told = subprocess.run(["skopeo", "inspect", "--tls-verify=false", f"docker://{registry.name}/back:1"], check=True,
                          capture_output=True, text=True).stdout
    assert json.loads(told)["Digest"] == image["manifestDigest"]


def test_progress_is_in_dockers_words(stores, registry, image):
    done = push(stores, f"{registry.name}/words", image)
    layers = [layer["diffId"].removeprefix("sha256:")[:12] for layer in image["layers"]]
    for layer in layers:
        said = [event["status"] for event in done.events if event.get("id") == layer]
        assert said[0] == "Preparing" and said[-1] == "Pushed" and set(said) == {"Preparing", "Pushing", "Pushed"}
    assert [event["id"] for event in done.events if event.get("status") == "Preparing"] == layers[::-1]
    last = [event for event in done.events if event.get("status") == "Pushing" and event["id"] == layers[0]][-1]
    assert last["current"] == last["total"] >= BIG


def test_what_is_there_is_not_sent(stores, registry, image):
    push(stores, f"{registry.name}/twice", image)
    with FaultProxy(registry.port) as proxy:
        again = push(stores, f"{proxy.name}/twice", image, tag="2")
        assert again.said().count("Layer already exists") == 2
        assert not proxy.seen("", "POST") and not proxy.seen("/blobs/", "PUT")
        assert len(proxy.seen("/manifests/2", "PUT")) == 1


def test_two_tags_at_once_send_a_layer_once(stores, registry, image, proxy):
    item = {"imageId": image["id"], "manifestDigest": image["manifestDigest"]}
    done = push(stores, f"{proxy.name}/tags", image, pushes=[{"tag": tag, **item} for tag in ("a", "b")])
    assert [one["tag"] for one in pushed(done)] == ["a", "b"]
    assert len(proxy.seen("/blobs/uploads/", "PUT")) == 3  # two layers and the config


def test_a_blob_is_mounted_from_where_the_registry_has_it(stores, registry, image, proxy):
    push(stores, f"{registry.name}/base", image)
    big = image["layers"][0]["digest"]
    done = push(stores, f"{proxy.name}/derived", image,
                origins=[{"digest": big, "repositories": ["nosuch", "base"]}])
    assert "Mounted from base" in done.said() and done.said().count("Pushed") == 1
    asked = [path for _, path, _ in proxy.seen("mount=", "POST")]
    assert [path.rpartition("from=")[2] for path in asked] == ["nosuch", "base"]
    assert len(proxy.seen("", "DELETE")) == 1  # of the session that the first one opened
    assert len(proxy.seen("/blobs/uploads/", "PUT")) == 2


def test_a_mount_that_is_refused_is_an_upload(stores, image):
    with ScriptedRegistry() as odd:
        done = push(stores, f"{odd.name}/app", image,
                    origins=[{"digest": image["layers"][0]["digest"], "repositories": ["elsewhere"]}])
        assert done.said().count("Pushed") == 2
        # The session that the mount's refusal opened is the one that is used.
        assert len(odd.seen("POST")) == 3


def stored_whole(odd, stores, image):
    for digest in [image["id"], *(layer["digest"] for layer in image["layers"])]:
        assert digest_of(odd.blobs[digest]) == digest
    assert odd.manifests["1"][1] == stores.blob(image["manifestDigest"]).read_bytes()
    return True


@pytest.mark.parametrize("way", [{"relative": True}, {"elsewhere": True}, {"stored": 200}, {"stored": 204}])
def test_registries_answer_in_many_ways(stores, image, way):
    with ScriptedRegistry(**way) as odd:
        push(stores, f"{odd.name}/app", image)
        assert stored_whole(odd, stores, image)
        assert odd.seen("PATCH") == []


@pytest.mark.parametrize("way", [{}, {"min_chunk": 100_000}, {"keeps": 1_000_000}, {"final_patch": "all"}])
def test_who_takes_no_whole_blob_gets_chunks(stores, image, way):
    if way.get("final_patch"):
        way = {"final_patch": [image["id"], *(layer["digest"] for layer in image["layers"])]}
    with ScriptedRegistry(monolithic=False, **way) as odd:
        push(stores, f"{odd.name}/app", image)
        assert stored_whole(odd, stores, image)
        ranges = [headers["Content-Range"] for _, _, headers in odd.seen("PATCH")]
        assert all(text.partition("-")[0].isdigit() and " " not in text for text in ranges)
        if way.get("keeps"):
            assert "1000000-" in "".join(ranges)


def test_who_finds_a_request_too_large_gets_smaller_ones(stores, image):
    with ScriptedRegistry(max_body=2 << 20) as odd:
        push(stores, f"{odd.name}/app", image)
        assert stored_whole(odd, stores, image)
        assert max(int(headers["Content-Length"]) for _, _, headers in odd.seen("PATCH")) > 2 << 20  # once


def test_a_broken_upload_goes_on_where_it_broke(stores, image):
    # The small layer goes first and is lost whole, twice; then the large one breaks.
    with ScriptedRegistry(breaks=[1_000_000, 500_000, 10**9, 700_000]) as odd:
        push(stores, f"{odd.name}/app", image, parallel=1)
        assert stored_whole(odd, stores, image)


def test_a_large_upload_resumes_by_the_registrys_own_account(stores, image):
    with ScriptedRegistry() as odd:
        push(stores, f"{odd.name}/app", image)
        small = [digest for digest in odd.blobs if digest != image["layers"][0]["digest"]]
        kept = {digest: odd.blobs[digest] for digest in small}
    with ScriptedRegistry(breaks=[1_000_000, 500_000]) as odd:
        odd.blobs.update(kept)
        push(stores, f"{odd.name}/app", image)
        assert stored_whole(odd, stores, image)
        starts = [int(headers["Content-Range"].partition("-")[0]) for _, _, headers in odd.seen("PATCH")]
        assert starts == [1_000_000, 1_500_000]
        assert len(odd.seen("GET", "/blobs/uploads/")) == 2 and len(odd.seen("POST")) == 1


@pytest.mark.parametrize("at", [0, 1_000_000])
def test_a_push_gives_up_on_a_connection_that_always_breaks(stores, proxy, image, at):
    proxy.add(path="/blobs/uploads/", method="PUT", take=at)
    proxy.add(path="/blobs/uploads/", method="PATCH", take=at)
    with pytest.raises(Failed, match=f"connect to registry '{proxy.name}'"):
        push(stores, f"{proxy.name}/always", image)


def test_an_upload_that_breaks_once_ends_well(stores, registry, proxy, image):
    big = image["layers"][0]["digest"].removeprefix("sha256:")
    proxy.add(path=f"/blobs/uploads/.*{big}", method="PUT", take=1_000_000, times=1)
    push(stores, f"{proxy.name}/once", image)
    assert proxy.seen("/blobs/uploads/", "PATCH")


@pytest.mark.parametrize("status", [503, 429])
@pytest.mark.parametrize("method, path", [("POST", "/blobs/uploads/"), ("PUT", "/blobs/uploads/"),
                                          ("PUT", "/manifests/"), ("HEAD", "/blobs/")])
def test_passing_errors_are_tried_again(stores, proxy, image, status, method, path):
    proxy.add(path=path, method=method, status=status, times=1)
    push(stores, f"{proxy.name}/passing", image)


def test_retry_after_is_kept(stores, proxy, image):
    proxy.add(path="/blobs/uploads/", method="POST", status=429, retry_after="2", times=1)
    started = time.monotonic()
    push(stores, f"{proxy.name}/later", image)
    assert time.monotonic() - started >= 2


def test_bytes_lost_on_the_way_are_noticed(stores, proxy, image):
    proxy.add(path="/blobs/uploads/", method="PUT", pass_on=1000)
    with pytest.raises(Failed, match="blob 'sha256:.*digest invalid"):
        push(stores, f"{proxy.name}/lost", image)


def test_another_digest_than_ours_is_refused(stores, image):
    with ScriptedRegistry(says="sha256:" + "0" * 64) as odd:
        with pytest.raises(Failed, match="says that what it got is 'sha256:000"):
            push(stores, f"{odd.name}/app", image)
        assert odd.manifests == {}
    with ScriptedRegistry() as odd:
        push(stores, f"{odd.name}/app", image)
        odd.says = "sha256:" + "1" * 64
        with pytest.raises(Failed, match="manifest '1': registry .* says that 'sha256:.*' is 'sha256:111"):
            push(stores, f"{odd.name}/app", image)


def test_a_token_for_pushing_is_fetched_and_used(stores, registry, image):
    with FaultProxy(registry.port, token="t0k3n") as proxy:
        push(stores, f"{proxy.name}/guarded", image, auth={"username": "u", "password": "p"}, parallel=1,
             origins=[{"digest": image["layers"][0]["digest"], "repositories": ["a/b"]}])
        asked = [path for _, path, _ in proxy.seen("/token")]
        assert len(asked) == 1
        assert "scope=repository%3Aguarded%3Apull%2Cpush" in asked[0] and "scope=repository%3Aa%2Fb%3Apull" in asked[0]


def test_a_refused_push_says_so(stores, registry, proxy, image):
    denied = b'{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}'
    proxy.add(path="/blobs/", method="HEAD", status=403)
    proxy.add(path="/blobs/uploads/", method="POST", status=403, body=denied)
    with pytest.raises(Failed, match="push access denied for app, .*denied: requested access to the resource is"):
        push(stores, f"{proxy.name}/app", image)
    with FaultProxy(registry.port, token="t0k3n") as guarded:
        guarded.add(path="/token", status=401)
        guarded.token = None
        guarded.add(path="", method="HEAD", status=401,
                    set_headers={"WWW-Authenticate": f'Bearer realm="http://{guarded.name}/token",service="s"'})
        with pytest.raises(Failed, match="get a token for .*the token service answered"):
            push(stores, f"{guarded.name}/app", image)


def test_an_upload_at_another_host_carries_no_token(stores, registry, image):
    with FaultProxy(registry.port, token="t0k3n") as proxy, FaultProxy(registry.port) as elsewhere:
        def moved(location):
            return location.replace(proxy.name, elsewhere.name)
        proxy.add(path="/blobs/uploads/", method="POST", set_headers={"Location": moved})
        push(stores, f"{proxy.name}/moved", image)
        sent = elsewhere.seen("/blobs/uploads/", "PUT")
        assert len(sent) == 3 and not any("Authorization" in headers for _, _, headers in sent)
        assert not proxy.seen("/blobs/uploads/", "PUT")


def test_a_redirected_upload_is_followed_without_a_token(stores, registry, image):
    push(stores, f"{registry.name}/redirected", image)
    with FaultProxy(registry.port, token="t0k3n") as proxy, ScriptedRegistry() as elsewhere:
        big = image["layers"][0]["digest"]
        elsewhere.uploads["x"] = b""
        proxy.add(path=f"/blobs/{big}", method="HEAD", status=404, times=2)  # the first has no token yet
        proxy.add(path="/blobs/uploads/", method="PUT", status=307,
                  set_headers={"Location": f"http://{elsewhere.name}/v2/app/blobs/uploads/x?digest={big}"})
        push(stores, f"{proxy.name}/redirected", image)
        assert digest_of(elsewhere.blobs[big]) == big
        assert "Authorization" not in elsewhere.seen("PUT")[0][2]


def test_a_registry_is_reached_through_a_proxy(stores, image, tmp_path):
    """By CONNECT; whom the registry's certificate is for stays the registry."""
    authority = Authority(tmp_path / "authority")
    folder = tmp_path / "registry"
    folder.mkdir()
    behind = Registry(folder, tls=authority.issue("server", "DNS:registry.invalid"))
    with ConnectProxy(behind.port) as proxy:
        item = {"tag": "1", "imageId": image["id"], "manifestDigest": image["manifestDigest"]}
        source = {"host": "registry.invalid", "path": "app", "ca": authority.cert.read_text()}
        for environment in ({"https_proxy": f"http://{proxy.name}"}, {"HTTPS_PROXY": f"http://{proxy.name}"}):
            Transfer(stores, {"kind": "push", "reference": "registry.invalid/app", "pushes": [item],
                              "sources": [source]}, env=environment).finish()
        assert set(proxy.asked) == {"CONNECT registry.invalid:443 HTTP/1.1"}
    behind.stop()


def test_a_blob_that_is_gone_is_named(stores, registry, image):
    stores.blob(image["layers"][0]["digest"]).unlink()
    with pytest.raises(Failed, match=f"blob '{image['layers'][0]['digest']}' of the image is not kept"):
        push(stores, f"{registry.name}/gone", image)


def test_what_is_not_kept_may_be_there_already(stores, registry, image):
    push(stores, f"{registry.name}/dropped", image)
    stores.blob(image["layers"][0]["digest"]).unlink()
    push(stores, f"{registry.name}/dropped", image, tag="2")
    done = push(stores, f"{registry.name}/dropped-too", image,
                origins=[{"digest": image["layers"][0]["digest"], "repositories": ["dropped"]}])
    assert "Mounted from dropped" in done.said()


def test_foreign_layers_stay_where_they_are(stores, registry, image):
    text = json.loads(stores.blob(image["manifestDigest"]).read_bytes())
    text["layers"][0].update(mediaType="application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
                             urls=["https://example.com/layer"])
    bytes_ = json.dumps(text).encode()
    stores.blob(digest_of(bytes_)).write_bytes(bytes_)
    stores.blob(image["layers"][0]["digest"]).unlink()
    with ScriptedRegistry() as odd:
        done = push(stores, f"{odd.name}/app", {**image, "manifestDigest": digest_of(bytes_)})
        assert "Skipped foreign layer" in done.said()
        assert image["layers"][0]["digest"] not in odd.blobs and odd.manifests["1"][1] == bytes_


def index_of(stores, image, *more):
    text = stores.blob(image["manifestDigest"]).read_bytes()
    manifests = [{"mediaType": json.loads(text)["mediaType"], "digest": image["manifestDigest"], "size": len(text),
                  "platform": {"os": "linux", "architecture": "amd64"}}, *more]
    index = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                        "manifests": manifests}).encode()
    stores.blob(digest_of(index)).write_bytes(index)
    return digest_of(index)


def test_an_index_that_is_whole_is_pushed_as_it_is(stores, image):
    index = index_of(stores, image)
    half = index_of(stores, image, {"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 9,
                                    "digest": "sha256:" + "a" * 64})
    item = {"tag": "1", "imageId": image["id"], "manifestDigest": image["manifestDigest"]}
    with ScriptedRegistry() as odd:
        done = push(stores, f"{odd.name}/app", image, pushes=[{**item, "indexDigests": [half, index]}])
        assert pushed(done)[0]["repoDigest"].endswith("@" + index)
        order = [path.rpartition("/")[2] for _, path, _ in odd.seen("PUT", "/manifests/")]
        assert order == [image["manifestDigest"], "1"]
        assert digest_of(odd.manifests["1"][1]) == index
    with ScriptedRegistry() as odd:
        push(stores, f"{odd.name}/app", image, pushes=[{**item, "indexDigests": [half]}])
        assert stored_whole(odd, stores, image)
        push(stores, f"{odd.name}/app", image, pushes=[{**item, "indexDigests": [index]}], platform="linux/amd64")
        assert stored_whole(odd, stores, image)
        with pytest.raises(Failed, match="does not match the specified platform .linux/s390x"):
            push(stores, f"{odd.name}/app", image, platform="linux/s390x")
