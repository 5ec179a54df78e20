"""What registries and networks do to a manifest, a config and a layer: each ends in a clear error or a good image, and
whatever is in the store has its digest."""

import concurrent.futures
import hashlib
import os
import re

import pytest

from harness.fault_proxy import FaultProxy
from harness.need import need
from harness.tar import image_archive
from transfer import Failed, Stores, pull

CHUNKS = 32 << 20  # what sockets and buffers hold beyond what was read


@pytest.fixture(scope="session")
def image(registry, tmp_path_factory):
    """{what: its digest} of a small image."""
    folder = tmp_path_factory.mktemp("faults")
    layers = [[("noise", os.urandom(2 << 20), None)]]
    image_archive(folder / "x.tar", "f:1", layers, config={"Env": ["A=" + "b" * 9000]})
    registry.push(folder / "x.tar", "f:1")
    found = pull(Stores(folder), f"{registry.name}/f:1").images()[0]
    return {"config": found["id"], "blob": found["layers"][0]["digest"], "manifest": found["repoDigest"]}


@pytest.fixture
def stores(stores):
    """Nothing is in the store under a digest that it does not have."""
    yield stores
    check_digests(stores)


def check_digests(stores):
    for name in stores.blobs():
        assert hashlib.sha256(stores.blob(name).read_bytes()).hexdigest() == name


def path_of(what, image):
    return f"/manifests/{image[what]}" if what == "manifest" else f"/blobs/{image[what]}"


def bring(stores, proxy, image, **job):
    return pull(stores, f"{proxy.name}/f@{image['manifest']}", **job)


def check(stores, done):
    layer = done.images()[0]["layers"][0]
    assert (stores.layer(layer["chainId"]) / "noise").stat().st_size == 2 << 20


WHAT = ["manifest", "config", "blob"]


@pytest.mark.parametrize("what", WHAT)
@pytest.mark.parametrize("at", [0, 100, 300])
def test_a_flipped_bit_is_found(stores, proxy, image, what, at):
    proxy.add(path=path_of(what, image), corrupt=at)
    with pytest.raises(Failed, match=image[what]):
        bring(stores, proxy, image)
    assert stores.layers() == set() and image[what].removeprefix("sha256:") not in stores.blobs()


@pytest.mark.parametrize("what", WHAT)
def test_another_body_is_found(stores, proxy, image, what):
    proxy.add(path=path_of(what, image), body=b"{}", ignore_range=True)
    with pytest.raises(Failed, match=image[what]):
        bring(stores, proxy, image)
    assert stores.layers() == set()


@pytest.mark.parametrize("what", WHAT)
@pytest.mark.parametrize("length", [0, 200])
def test_a_body_that_says_it_is_shorter_is_refused(stores, proxy, image, what, length):
    proxy.add(path=path_of(what, image), truncate=length, ignore_range=True)
    with pytest.raises(Failed, match=image[what]):
        bring(stores, proxy, image)
    assert stores.layers() == set()


PASSING = [{"cut": 200}, {"reset": 200}, {"cut": 0}, {"reset": 0}, {"stall": 200}, {"stall": 1}, {"status": 500},
           {"status": 429, "retry_after": "1"}]
STAYING = [{"cut": 0}, {"stall": 0}, {"status": 503}]


class Trial:
    """A pull through a proxy that has one fault, with stores of its own."""

    def __init__(self, registry, image, folder, what, fault):
        self.stores = Stores(folder)
        self.failure = self.done = None
        with FaultProxy(registry.port) as proxy:
            proxy.add(path=path_of(what, image), **fault)
            try:
                self.done = bring(self.stores, proxy, image, stallTimeout=1, parallel=1)
            except Failed as failed:
                self.failure = failed.message
            self.asked = len(proxy.seen(path_of(what, image)))

    def check_store(self):
        assert self.stores.unfinished() == set()
        check_digests(self.stores)


@pytest.fixture(scope="session")
def trials(registry, image, tmp_path_factory):
    """(what, fault, whether it stays) of each: a Trial to come. They mostly wait, so they wait together."""
    need(os.geteuid() == 0, "root")
    faults = [(fault, False) for fault in PASSING] + [(fault, True) for fault in STAYING]
    with concurrent.futures.ThreadPoolExecutor(max_workers=len(WHAT) * len(faults)) as pool:
        yield {(what, str(fault), stays): pool.submit(Trial, registry, image, tmp_path_factory.mktemp("trial"), what,
                                                      fault if stays else {"times": 2, **fault})
               for what in WHAT for fault, stays in faults}


@pytest.mark.parametrize("what", WHAT)
@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_that_passes_is_overcome(trials, what, fault):
    trial = trials[what, str(fault), False].result()
    assert trial.failure is None
    check(trial.stores, trial.done)
    trial.check_store()


@pytest.mark.parametrize("what", WHAT)
@pytest.mark.parametrize("fault", STAYING)
def test_a_fault_that_stays_has_an_end(trials, what, fault):
    trial = trials[what, str(fault), True].result()
    assert re.search("connect to registry|answered 503|has had too many", trial.failure)
    # Five attempts; libcurl adds one where a connection that it had kept turns out to be dead.
    assert 5 <= trial.asked <= 6
    assert trial.stores.layers() == set()
    trial.check_store()


@pytest.mark.parametrize("what", WHAT)
def test_a_body_without_an_end_is_not_read_to_it(stores, proxy, image, what):
    proxy.add(path=path_of(what, image), endless=True,
              set_headers={"Content-Type": "application/vnd.oci.image.manifest.v1+json"})
    # A layer is unpacked as it comes: that this is no archive may be found out first.
    says = {"manifest": "larger than 4 MiB", "config": "is larger than the [0-9]+ bytes its manifest says",
            "blob": "is larger than the [0-9]+ bytes its manifest says|open archive"}
    with pytest.raises(Failed, match=says[what]):
        bring(stores, proxy, image)
    most = 4 << 20 if what == "manifest" else stores_size(what)
    assert proxy.rules[0].sent < most + CHUNKS
    assert stores.layers() == set()


def stores_size(what):
    return {"config": 16 << 10, "blob": 3 << 20}[what]


def test_a_manifest_asked_for_by_name_that_breaks_off_is_asked_for_again(stores, proxy, registry, image):
    proxy.add(path="/manifests/1", cut=200, times=1)
    check(stores, pull(stores, f"{proxy.name}/f:1"))
    assert len(proxy.seen("/manifests/1")) == 2


def test_a_blob_that_is_in_the_store_with_another_size_is_refused(stores, proxy, image):
    """A manifest that promises more than there is would raise what its layer may unpack to."""
    check(stores, bring(stores, proxy, image))
    text = stores.blob(image["manifest"]).read_text()
    size = stores.blob(image["blob"]).stat().st_size
    assert str(size) in text
    proxy.add(path="/manifests/1", body=text.replace(str(size), str(size + 1)).encode(),
              set_headers={"Docker-Content-Digest": "sha256:" + "0" * 64})
    with pytest.raises(Failed, match=f"has {size} bytes, its manifest says {size + 1}"):
        pull(stores, f"{proxy.name}/f:1")
