"""One large blob by several ranges at once, through a proxy that makes every answer late."""

import os
import re

import pytest

from harness.tar import image_archive
from transfer import Failed, Stores, pull

SIZE = 21 << 20
PART = 4 << 20


@pytest.fixture(scope="session")
def large(registry, tmp_path_factory):
    """An image of one layer that does not compress, and its blob's digest."""
    folder = tmp_path_factory.mktemp("large")
    image_archive(folder / "x.tar", "large:1", [[("noise", os.urandom(SIZE), None)]])
    registry.push(folder / "x.tar", "large:1")
    image = pull(Stores(folder), f"{registry.name}/large:1").images()[0]
    return image["layers"][0]["digest"]


def ranges(proxy, blob):
    """(first, last) of the ranges asked for; last is None for the rest."""
    out = []
    for _, _, headers in proxy.seen(f"/blobs/{blob}"):
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("Range", "bytes=0-"))
        out.append((int(found[1]), int(found[2]) if found[2] else None))
    return out


def bring(stores, proxy, count=4):
    image = pull(stores, f"{proxy.name}/large:1", parallelRanges=count).images()[0]
    assert (stores.layer(image["layers"][0]["chainId"]) / "noise").stat().st_size == SIZE
    return image


@pytest.mark.parametrize("count", [2, 4, 16])
def test_ranges_cover_the_blob_once(stores, proxy, large, count):
    proxy.add(path=f"/blobs/{large}", delay=0.2)
    size = stores_size(bring(stores, proxy, count))
    asked = sorted(ranges(proxy, large))
    assert len(asked) == -(-size // min(PART, (16 << 20) // count))
    assert asked[0][0] == 0 and asked[-1][1] == size - 1
    assert all(one[1] + 1 == following[0] for one, following in zip(asked, asked[1:]))


def stores_size(image):
    return image["layers"][0]["size"]


def test_several_are_under_way_at_once(stores, proxy, large):
    """The third answer waits for a request that only comes if it is not waited for."""
    proxy.add(path=f"/blobs/{large}", barrier=3, times=3)
    bring(stores, proxy)


def test_by_default_a_blob_is_one_request(stores, proxy, large):
    pull(stores, f"{proxy.name}/large:1")
    assert ranges(proxy, large) == [(0, None)]


@pytest.mark.parametrize("fault", [{"cut": 1_000_000}, {"reset": 1_000_000}, {"truncate": 1_000_000}])
def test_a_short_range_is_resumed(stores, proxy, large, fault):
    proxy.add(path=f"/blobs/{large}", times=2, **fault)
    bring(stores, proxy)
    asked = ranges(proxy, large)
    assert all(last is not None for _, last in asked)
    assert sum(first % PART != 0 for first, _ in asked) == 2


@pytest.mark.parametrize("fault", [
    {"ignore_range": True}, {"status": 416}, {"status": 400}, {"set_headers": {"Content-Range": "bytes 7-9/10"}},
    {"drop_headers": ("Content-Range",)}, {"body": b"x" * (PART + 1)}])
def test_where_ranges_do_not_work_one_request_does(stores, proxy, large, fault):
    """The bytes that came in order stay; the rest is asked for at once."""
    proxy.add(path=f"/blobs/{large}", times=4, **fault)
    bring(stores, proxy)
    assert ranges(proxy, large)[-1][1] is None


def test_a_registry_without_ranges_at_all(stores, proxy, large):
    proxy.add(path=f"/blobs/{large}", ignore_range=True)
    bring(stores, proxy)


def test_a_wrong_byte_in_a_range_is_found(stores, proxy, large):
    proxy.add(path=f"/blobs/{large}", corrupt=1_000_000, times=1)
    with pytest.raises(Failed, match=f"expected '{large}'"):
        bring(stores, proxy)
    assert stores.layers() == set()
