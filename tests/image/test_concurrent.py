"""Pulls of overlapping images at the same time, each a process of its own: what one brings, the others wait for."""

import collections
import json
import os
import re
import signal
import subprocess
import tempfile

import pytest

from harness.need import need_program
from harness.tar import image_archive
from harness.wait import wait_until
from transfer import Failed, Stores, Transfer, pull

MEMBERS = 20


@pytest.fixture(scope="session")
def family(registry, tmp_path_factory):
    """Twenty images: two layers that all have, one that half of them have, and one of their own each."""
    folder = tmp_path_factory.mktemp("family")
    base, shared = os.urandom(2 << 20), os.urandom(1 << 20)
    names = []
    for number in range(MEMBERS):
        layers = [[("base", base, None)], [("etc", "dir", None), ("etc/name", b"base", None)]]
        layers += [[("etc/shared", shared, None)]] if number % 2 else []
        layers += [[(f"own{number}", os.urandom(100_000), None)]]
        archive = folder / "image.tar"
        image_archive(archive, f"m{number}:1", layers, config={"Env": [f"N={number}"]})
        registry.push(archive, f"m{number}:1")
        names.append(f"m{number}:1")
    return names


def gets_of_blobs(proxy):
    return collections.Counter(re.search(r"sha256:[0-9a-f]{64}", request[1])[0] for request in proxy.seen("/blobs/"))


def start(stores, proxy, names, **job):
    return [Transfer(stores, {"kind": "pull", "reference": f"{proxy.name}/{name}", "lease": f"t{number}", **job})
            for number, name in enumerate(names)]


def check_layers(stores, pulls):
    for one in pulls:
        image = one.images()[0]
        base = stores.layer(image["layers"][0]["chainId"])
        assert (base / "base").stat().st_size == 2 << 20
        for layer in image["layers"]:
            assert stores.layer(layer["chainId"]).is_dir() and stores.blob(layer["digest"]).exists()


def test_twenty_pulls_of_overlapping_images_bring_each_blob_once(stores, proxy, family):
    pulls = start(stores, proxy, family)
    for one in pulls:
        one.finish()
    seen = gets_of_blobs(proxy)
    # Configs are blobs too: twenty of them, three layers that are shared and twenty that are not.
    assert len(seen) == MEMBERS + 3 + MEMBERS
    assert set(seen.values()) == {1}, seen
    check_layers(stores, pulls)


def test_the_same_image_many_times_is_unpacked_once(stores, proxy, family, tmp_path):
    need_program("strace")
    strace = ["strace", "-f", "-qq", "-e", "trace=renameat2", "-o"]
    pulls = [Transfer(stores, {"kind": "pull", "reference": f"{proxy.name}/{family[1]}", "lease": f"t{number}"},
                      wrap=[*strace, str(tmp_path / f"trace{number}")]) for number in range(6)]
    for one in pulls:
        one.finish()
    assert set(gets_of_blobs(proxy).values()) == {1}
    check_layers(stores, pulls)
    placed = [line for number in range(6) for line in (tmp_path / f"trace{number}").read_text().splitlines()
              if "RENAME_NOREPLACE" in line]
    image = pulls[0].images()[0]
    blobs = {layer["digest"] for layer in image["layers"]} | {image["id"]}
    manifests = 6  # every pull asks what the name means now
    assert len(placed) == len(image["layers"]) + len(blobs) + manifests, placed
    assert any("Waiting" in one.said() for one in pulls)


def test_when_the_first_is_killed_the_next_goes_on(stores, proxy, registry, family):
    image = pull_elsewhere(registry, family[1])
    big = image["layers"][0]["digest"]
    proxy.add(path=f"/blobs/{big}", delay=30, times=1)
    first = start(stores, proxy, family[1:2])[0]
    wait_until(lambda: proxy.seen(f"/blobs/{big}"), "the first pull asks for the blob")
    rest = [Transfer(stores, {"kind": "pull", "reference": f"{proxy.name}/{name}", "lease": f"r{number}"})
            for number, name in enumerate(family[:6])]
    wait_until(lambda: len(proxy.seen("/manifests/")) == 7, "the others have begun")
    assert len(proxy.seen(f"/blobs/{big}")) == 1
    first.process.send_signal(signal.SIGKILL)
    first.process.wait(10)
    first.process.stdout.close()
    for one in rest:
        one.finish()
    seen = gets_of_blobs(proxy)
    assert seen.pop(big) == 2
    check_layers(stores, rest)
    clear(stores, "t0-")


def test_when_the_first_fails_the_next_tries(stores, proxy, registry, family):
    big = pull_elsewhere(registry, family[0])["layers"][0]["digest"]
    proxy.add(path=f"/blobs/{big}", corrupt=1_000_000, delay=1, times=1)
    pulls = start(stores, proxy, family[:4])
    failed = 0
    for one in pulls:
        try:
            one.finish()
        except Failed as error:
            failed += 1
            assert "digest" in error.message
    assert failed == 1
    assert gets_of_blobs(proxy)[big] == 2
    check_layers(stores, [one for one in pulls if one.images()])


def test_one_that_waits_ends_when_its_engine_does(stores, proxy, registry, family):
    big = pull_elsewhere(registry, family[0])["layers"][0]["digest"]
    proxy.add(path=f"/blobs/{big}", delay=30, times=1)
    first = start(stores, proxy, family[:1])[0]
    wait_until(lambda: proxy.seen(f"/blobs/{big}"), "the first pull asks for the blob")
    second = Transfer(stores, {"kind": "pull", "reference": f"{proxy.name}/{family[0]}", "lease": "s"})
    while json.loads(second.process.stdout.readline()).get("status") != "Waiting":
        pass
    second.process.stdout.close()
    assert second.process.wait(5) != 0
    first.process.kill()
    first.process.wait(10)
    first.process.stdout.close()
    clear(stores, "t0-", "s-")


def pull_elsewhere(registry, name):
    with tempfile.TemporaryDirectory() as folder:
        return pull(Stores(folder), f"{registry.name}/{name}").images()[0]


def clear(stores, *leases):
    """As the engine does for a transfer that ended."""
    for folder in (stores.content / "ingest", stores.snapshots / "tmp"):
        for left in os.listdir(folder):
            assert left.startswith(leases), left
            subprocess.run(["rm", "-rf", str(folder / left)], check=True)
