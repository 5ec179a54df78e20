"""Pulls from Debian's docker-registry, directly and through a proxy that does what networks do."""

import hashlib
import json
import os
import subprocess
import threading
import time

import pytest

from harness.fault_proxy import FaultProxy
from harness.tar import image_archive
from transfer import Failed, Stores, Transfer, pull


@pytest.fixture(scope="session")
def name(registry, tmp_path_factory):
    """An image of three layers: a large one that does not compress, and two small ones."""
    archive = tmp_path_factory.mktemp("image") / "image.tar"
    noise = os.urandom(3 << 20)
    image_archive(archive, "app:1", [[("big", noise, None)], [("etc", "dir", None), ("etc/name", b"app\n", None)],
                                     [("etc/.wh.name", b"", None)]])
    registry.push(archive, "app:1")
    return "app:1"


def only(transfer):
    images = transfer.images()
    assert len(images) == 1
    return images[0]


def test_pull_brings_blobs_and_layers(stores, registry, name):
    done = pull(stores, f"{registry.name}/{name}")
    image = only(done)
    assert image["names"] == [f"{registry.name}/app:1"]
    assert len(image["layers"]) == 3
    for layer in image["layers"]:
        assert stores.layer(layer["chainId"]).is_dir()
        content = stores.blob(layer["digest"]).read_bytes()
        assert "sha256:" + hashlib.sha256(content).hexdigest() == layer["digest"]
    top = stores.layer(image["layers"][2]["chainId"])
    assert os.lstat(top / "etc/name").st_rdev == 0
    assert "Status: Downloaded newer image for " + f"{registry.name}/app:1" in done.said()
    assert done.said()[0] == "Pulling from app"
    assert {"Pulling fs layer", "Downloading", "Verifying Checksum", "Download complete", "Extracting",
            "Pull complete"} <= set(done.said())


def test_a_second_pull_brings_nothing(stores, registry, name, proxy):
    first = only(pull(stores, f"{registry.name}/{name}"))
    again = pull(stores, f"{proxy.name}/{name}", knownId=first["id"])
    assert again.said().count("Already exists") == 3
    assert only(again)["upToDate"]
    assert again.said()[-1] == f"Status: Image is up to date for {proxy.name}/app:1"
    assert proxy.seen("/blobs/") == []


@pytest.mark.parametrize("known", [{}, {"knownId": "sha256:" + "a" * 64}])
def test_a_name_that_becomes_another_images_is_news(stores, registry, name, known):
    pull(stores, f"{registry.name}/{name}")
    again = pull(stores, f"{registry.name}/{name}", **known)
    assert again.said().count("Already exists") == 3
    assert again.said()[-1] == f"Status: Downloaded newer image for {registry.name}/app:1"


def test_by_digest(stores, registry, name):
    image = only(pull(stores, f"{registry.name}/{name}"))
    by_digest = only(pull(stores, f"{registry.name}/app@{image['repoDigest']}"))
    assert by_digest["id"] == image["id"]
    assert by_digest["names"] == [f"{registry.name}/app@{image['repoDigest']}"]


def test_layers_shared_with_another_image_are_not_fetched(stores, registry, name, tmp_path):
    first = only(pull(stores, f"{registry.name}/{name}"))
    archive = tmp_path / "other.tar"
    subprocess.run(["skopeo", "--insecure-policy", "copy", "--src-tls-verify=false",
                    f"docker://{registry.name}/{name}", f"docker-archive:{archive}:x:1"],
                   check=True, capture_output=True)
    registry.push(archive, "same:1")
    second = pull(stores, f"{registry.name}/same:1")
    assert [layer["chainId"] for layer in only(second)["layers"]] == [layer["chainId"] for layer in first["layers"]]
    assert second.said().count("Already exists") == 3


def big_blob(stores, registry, name):
    """Path of the large layer's blob on the registry."""
    image = only(pull(stores, f"{registry.name}/{name}"))
    return image["layers"][0]["digest"]


@pytest.fixture
def big(registry, name, tmp_path_factory):
    return big_blob(Stores(tmp_path_factory.mktemp("scratch")), registry, name)


@pytest.mark.parametrize("fault", [{"cut": 1_000_000}, {"reset": 1_000_000}, {"cut": 0}, {"reset": 0},
                                   {"cut": 2_000_000, "ignore_range": True}])
def test_a_broken_connection_is_resumed(stores, proxy, name, big, fault):
    proxy.add(path=f"/blobs/{big}", times=1, **fault)
    if fault.get("ignore_range"):
        proxy.add(path=f"/blobs/{big}", ignore_range=True)
    image = only(pull(stores, f"{proxy.name}/{name}"))
    assert stores.layer(image["layers"][0]["chainId"]).is_dir()
    requests = proxy.seen(f"/blobs/{big}")
    assert len(requests) == 2
    at = fault.get("cut", fault.get("reset"))
    if at:
        # What arrived before a reset may be less than what was sent.
        start = int(requests[1][2]["Range"].removeprefix("bytes=").removesuffix("-"))
        assert 0 < start <= at


def test_it_gives_up_on_a_connection_that_always_breaks(stores, proxy, name, big):
    proxy.add(path=f"/blobs/{big}", reset=0)
    with pytest.raises(Failed, match=f"connect to registry '{proxy.name}'"):
        # One layer at a time: with several, it is chance whose kept connection an attempt gets.
        pull(stores, f"{proxy.name}/{name}", parallel=1)
    # Five attempts. The first goes over the connection that the config came by; when a connection that was kept breaks
    # before it brought a byte, libcurl asks once more over a new one.
    assert len(proxy.seen(f"/blobs/{big}")) == 6
    assert stores.layers() == set()


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_passing_errors_are_tried_again(stores, proxy, name, big, status):
    proxy.add(path=f"/blobs/{big}", status=status, times=1)
    proxy.add(path="/manifests/", status=status, times=1)
    pull(stores, f"{proxy.name}/{name}")


def test_retry_after_is_kept(stores, proxy, name, big):
    proxy.add(path=f"/blobs/{big}", status=429, retry_after="2", times=1)
    started = time.monotonic()
    pull(stores, f"{proxy.name}/{name}")
    assert time.monotonic() - started >= 2


def test_wrong_bytes_are_refused(stores, proxy, name, big):
    proxy.add(path=f"/blobs/{big}", corrupt=1_500_000)
    with pytest.raises(Failed) as failed:
        pull(stores, f"{proxy.name}/{name}")
    assert big in failed.value.message
    assert big.removeprefix("sha256:") not in stores.blobs()
    assert stores.layers() == set()


def test_a_truncated_layer_is_refused(stores, proxy, name, big):
    proxy.add(path=f"/blobs/{big}", truncate=1_000_000, ignore_range=True)
    with pytest.raises(Failed, match="cut short: 1000000 of"):
        pull(stores, f"{proxy.name}/{name}")
    assert stores.layers() == set()


def test_a_layer_larger_than_promised_is_refused(stores, proxy, name, big):
    proxy.add(path=f"/blobs/{big}", body=b"x" * (5 << 20))
    with pytest.raises(Failed):
        pull(stores, f"{proxy.name}/{name}")
    assert stores.layers() == set()


def test_a_manifest_with_another_digest_is_refused(stores, registry, name, proxy):
    digest = only(pull(stores, f"{registry.name}/{name}"))["repoDigest"]
    proxy.add(path="/manifests/", body=b'{"schemaVersion":2}')
    with pytest.raises(Failed, match="sent bytes with digest"):
        pull(stores, f"{proxy.name}/app@{digest}")


@pytest.mark.parametrize("body, says", [
    (b"not json", "parse manifest"),
    (b"{}", "neither an image manifest nor an index"),
    (b'{"schemaVersion":1,"fsLayers":[]}', "schema 1"),
    (b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[]}', "config"),
    (b'{"schemaVersion":2,"manifests":[{"digest":"sha256:../../x","platform":{"os":"linux","architecture":"amd64"}}]}',
     "sha256:../../x"),
])
def test_nonsense_for_a_manifest_is_refused(stores, proxy, name, body, says):
    proxy.add(path="/manifests/", body=body, set_headers={"Content-Type": "application/json"})
    with pytest.raises(Failed, match=says):
        pull(stores, f"{proxy.name}/{name}")


def test_an_index_without_this_platform_names_those_there_are(stores, proxy, name):
    index = {"schemaVersion": 2, "manifests": [
        {"digest": "sha256:" + "a" * 64, "size": 1, "platform": {"os": "windows", "architecture": "amd64"}}]}
    proxy.add(path="/manifests/", body=json.dumps(index).encode())
    with pytest.raises(Failed, match="no matching manifest for linux/.*there are windows/amd64"):
        pull(stores, f"{proxy.name}/{name}")


def test_unknown_names_and_hosts_are_named(stores, registry):
    with pytest.raises(Failed, match="manifest for .*/nosuch:1 not found: .*unknown") as unknown:
        pull(stores, f"{registry.name}/nosuch:1")
    assert unknown.value.code == 2
    with pytest.raises(Failed, match="connect to registry '127.0.0.1:1'"):
        pull(stores, "127.0.0.1:1/app:1")
    with pytest.raises(Failed, match="invalid reference format"):
        pull(stores, "UPPER/app:")


def test_a_token_is_fetched_and_used(stores, registry, name):
    with FaultProxy(registry.port, token="t0k3n") as proxy:
        pull(stores, f"{proxy.name}/{name}")
        assert len(proxy.seen("/token")) == 1


def challenge_of(proxy):
    return {"WWW-Authenticate": f'Bearer realm="http://{proxy.name}/token",service="s",scope="repository:app:pull"'}


def test_a_token_that_expires_is_fetched_anew_where_the_pull_stands(stores, registry, name, big):
    with FaultProxy(registry.port, token="t0k3n") as proxy:
        proxy.add(path=f"/blobs/{big}", cut=1_000_000, times=1)
        proxy.add(path=f"/blobs/{big}", status=401, set_headers=challenge_of(proxy), times=1)
        pull(stores, f"{proxy.name}/{name}")
        assert len(proxy.seen("/token")) == 2
        asked = [request[2].get("Range") for request in proxy.seen(f"/blobs/{big}")]
        assert len(asked) == 3 and asked[0] is None
        assert asked[1] == asked[2] and asked[1].startswith("bytes=")


def test_a_redirect_to_another_host_carries_no_token(stores, registry, name, big):
    with FaultProxy(registry.port, token="t0k3n") as proxy, FaultProxy(registry.port) as elsewhere:
        proxy.add(path=f"/blobs/{big}", status=307,
                  set_headers={"Location": f"http://{elsewhere.name}/v2/app/blobs/{big}"})
        pull(stores, f"{proxy.name}/{name}")
        sent = proxy.seen(f"/blobs/{big}")[-1][2]
        assert sent["Authorization"] == "Bearer t0k3n"
        followed = elsewhere.seen(f"/blobs/{big}")
        assert len(followed) == 1 and "Authorization" not in followed[0][2]


def test_a_password_goes_to_the_token_service_and_not_along_its_redirect(stores, registry, name):
    with FaultProxy(registry.port, token="t0k3n") as proxy, FaultProxy(registry.port, token="t0k3n") as elsewhere:
        manifests = {"path": "/manifests/", "status": 401, "times": 1}
        proxy.add(**manifests, set_headers={
            "WWW-Authenticate": f'Bearer realm="http://{proxy.name}/service",service="s",scope="repository:app:pull"'})
        proxy.add(path="/service", status=307, set_headers={"Location": f"http://{elsewhere.name}/token"})
        # The proxy lets only what has a token through to its rules.
        proxy.token = None
        pull(stores, f"{proxy.name}/{name}", auth={"username": "u", "password": "p"})
        assert proxy.seen("/service")[0][2]["Authorization"].startswith("Basic ")
        followed = elsewhere.seen("/token")
        assert len(followed) == 1 and "Authorization" not in followed[0][2]


def test_a_refresh_token_does_not_go_along_a_redirect(stores, registry, name):
    with FaultProxy(registry.port, token="t0k3n") as proxy, FaultProxy(registry.port, token="t0k3n") as elsewhere:
        proxy.add(path="/token", method="POST", status=307,
                  set_headers={"Location": f"http://{elsewhere.name}/token"})
        with pytest.raises(Failed, match="the token service answered: scripted: as told"):
            pull(stores, f"{proxy.name}/{name}", auth={"identityToken": "refresh-t0k3n"})
        assert proxy.seen("refresh_token=refresh-t0k3n", "POST")
        assert elsewhere.requests == []


def test_a_registry_on_loopback_is_reached_past_the_proxy(stores, registry, name):
    nobody = "http://127.0.0.1:1"
    environment = {"HTTPS_PROXY": nobody, "http_proxy": nobody}
    Transfer(stores, {"kind": "pull", "reference": f"{registry.name}/{name}"}, env=environment).finish()
    with FaultProxy(registry.port, token="t0k3n") as guarded:  # and its token service
        Transfer(stores, {"kind": "pull", "reference": f"{guarded.name}/{name}"}, env=environment).finish()
    with pytest.raises(Failed, match="connect to registry 'registry.invalid'.* 127.0.0.1 port 1 "):
        Transfer(stores, {"kind": "pull", "reference": "registry.invalid/app:1"}, env=environment).finish()
    environment["NO_PROXY"] = "registry.invalid"
    with pytest.raises(Failed, match="connect to registry 'registry.invalid'.*Could not resolve host"):
        Transfer(stores, {"kind": "pull", "reference": "registry.invalid/app:1"}, env=environment).finish()


def test_a_slow_registry_is_waited_for(stores, proxy, name, big):
    proxy.add(path=f"/blobs/{big}", delay=1.5)
    pull(stores, f"{proxy.name}/{name}")


def test_two_pulls_at_once_end_well(stores, registry, name):
    reference = f"{registry.name}/{name}"
    pulls = [Transfer(stores, {"kind": "pull", "reference": reference, "lease": f"t{i}"}) for i in range(4)]
    assert len({only(one.finish())["id"] for one in pulls}) == 1


def test_it_ends_when_the_engine_does(stores, proxy, name, big):
    """The reader of its events goes: within a moment so does it."""
    proxy.add(path=f"/blobs/{big}", delay=20)
    transfer = Transfer(stores, {"kind": "pull", "reference": f"{proxy.name}/{name}"})
    assert transfer.process.stdout.readline()
    transfer.process.stdout.close()
    assert transfer.process.wait(5) != 0
    for folder in (stores.content / "ingest", stores.snapshots / "tmp"):  # as the engine does, by the lease
        for left in os.listdir(folder):
            assert left.startswith("test-")
            subprocess.run(["rm", "-rf", str(folder / left)], check=True)


def test_it_is_confined_while_it_works(stores, proxy, name, big):
    proxy.add(path=f"/blobs/{big}", delay=3)
    transfer = Transfer(stores, {"kind": "pull", "reference": f"{proxy.name}/{name}"})
    while json.loads(transfer.process.stdout.readline()).get("status") != "Pulling fs layer":
        pass
    status = dict(line.split(":\t", 1) for line in open(f"/proc/{transfer.process.pid}/status", encoding="ascii"))
    assert status["NoNewPrivs"].strip() == "1"
    assert status["Seccomp"].strip() == "2"
    kept = int(status["CapEff"], 16)
    sys_admin, net_admin, sys_module = 1 << 21, 1 << 12, 1 << 16
    assert kept & sys_admin and not kept & (net_admin | sys_module), hex(kept)
    transfer.finish()


def test_memory_stays_small(stores, registry, tmp_path):
    """Three large layers at once, of bytes that do not compress."""
    archive = tmp_path / "large.tar"
    image_archive(archive, "large:1", [[(f"f{i}", os.urandom(24 << 20), None)] for i in range(3)])
    registry.push(archive, "large:1")
    transfer = Transfer(stores, {"kind": "pull", "reference": f"{registry.name}/large:1"})
    peak = []
    watcher = threading.Thread(target=watch_memory, args=(transfer.process.pid, peak))
    watcher.start()
    transfer.finish()
    watcher.join()
    assert peak and max(peak) < 100_000, f"{max(peak)} kB"


def watch_memory(pid, peak):
    try:
        while True:
            with open(f"/proc/{pid}/status", encoding="ascii") as file:
                lines = [line for line in file if line.startswith("VmHWM")]
            if not lines:
                return
            peak.append(int(lines[0].split()[1]))
            threading.Event().wait(0.01)
    except (FileNotFoundError, ProcessLookupError):
        pass
