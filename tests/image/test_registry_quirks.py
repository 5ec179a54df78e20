"""What single registries do differently from the specification, each played by a proxy in front of a real one.

Others are where their subject is: lists of tags with null (Nexus), with digests (Artifactory) and by no more than 1000
(ECR) in test_ask.py; registries without a list of referrers (distribution) or that only claim one (Docker Hub) in
test_copy.py; relative and foreign upload addresses, uploads answered 200 and 204, chunks answered 201 (ECR) in
test_push.py; redirects of blobs to a store that takes no token in test_pull.py.
"""

import json
import os

import pytest

from harness.fault_proxy import FaultProxy
from harness.tar import image_archive
from transfer import Failed, Stores, load, pull, push

PASSWORD = {"username": "u", "password": "p"}


@pytest.fixture
def image(stores, tmp_path):
    image_archive(tmp_path / "image.tar", "local:1", [[("noise", os.urandom(9000), None)]])
    return load(stores, tmp_path / "image.tar").images()[0]


@pytest.fixture
def guarded(registry, image, stores):
    """A registry that wants a token, with the image in it as app:1."""
    push(stores, f"{registry.name}/app", image)
    with FaultProxy(registry.port, token="t0k3n") as proxy:
        yield proxy


@pytest.fixture
def other(tmp_path):
    (tmp_path / "other").mkdir()
    return Stores(tmp_path / "other")


@pytest.mark.parametrize("status", [400, 401, 404, 405])
def test_a_password_is_not_posted_to_the_token_service(other, guarded, status):
    """ACR, Artifactory and GCR refuse that form."""
    guarded.add(path="/token", method="POST", status=status)
    pull(other, f"{guarded.name}/app:1", auth=PASSWORD)
    assert not guarded.seen("/token", "POST")
    assert guarded.seen("/token")[0][2]["Authorization"].startswith("Basic ")


def test_who_says_how_to_log_in_at_its_root_alone(other, guarded, registry):
    """GCR: 401 without a challenge."""
    challenge = {"WWW-Authenticate": f'Bearer realm="http://{guarded.name}/token",service="s"'}
    with FaultProxy(registry.port) as silent:
        silent.add(path="/v2/$", status=401, set_headers=challenge)
        silent.add(path="/manifests/", status=401, times=1)
        pull(other, f"{silent.name}/app:1")
        assert len(silent.seen("/v2/$")) == 1
        assert silent.seen("/manifests/")[1][2]["Authorization"] == "Bearer t0k3n"


def test_scopes_are_pull_and_push_alone(stores, guarded, image):
    """Quay refuses a token whose scope names what it does not know."""
    push(stores, f"{guarded.name}/app", image, auth=PASSWORD)
    asked = [path for _, path, _ in guarded.seen("/token")]
    assert asked and all(part.partition("=")[2] in ("repository%3Aapp%3Apull", "repository%3Aapp%3Apull%2Cpush")
                         for path in asked for part in path.partition("?")[2].split("&") if part.startswith("scope="))


def test_a_mount_always_says_from_where(stores, registry, image):
    """Quay fails one that does not."""
    with FaultProxy(registry.port) as proxy:
        push(stores, f"{proxy.name}/new", image, origins=[{"digest": image["layers"][0]["digest"],
                                                          "repositories": ["nosuch"]}])
        assert all("from=" in path for _, path, _ in proxy.seen("mount=", "POST"))
        assert proxy.seen("mount=", "POST") and proxy.seen("uploads/$", "POST")


@pytest.mark.parametrize("status", [400, 403, 405, 501])
def test_who_answers_no_head_is_sent_the_blobs(stores, registry, image, status):
    with FaultProxy(registry.port) as proxy:
        proxy.add(path="/blobs/", method="HEAD", status=status)
        push(stores, f"{proxy.name}/headless", image)
        assert len(proxy.seen("/blobs/", "HEAD")) == 2
    with FaultProxy(registry.port) as proxy:
        push(stores, f"{proxy.name}/headless", image)
        assert not proxy.seen("/blobs/uploads/", "POST")


def test_a_refusal_without_a_word_is_explained_by_the_next_request(stores, registry, image):
    denied = b'{"errors":[{"code":"DENIED","message":"the plan has ended"}]}'
    with FaultProxy(registry.port) as proxy:
        proxy.add(path="/blobs/", method="HEAD", status=403, body=b"")
        proxy.add(path="/blobs/uploads/", method="POST", status=403, body=denied)
        with pytest.raises(Failed, match="push access denied for app, .*denied: the plan has ended"):
            push(stores, f"{proxy.name}/app", image)


def test_who_names_no_digests(stores, other, registry, image):
    with FaultProxy(registry.port) as proxy:
        for method in ("GET", "PUT", "HEAD"):
            proxy.add(path="/", method=method, drop_headers=("Docker-Content-Digest",))
        push(stores, f"{proxy.name}/nameless", image)
        assert pull(other, f"{proxy.name}/nameless:1").images()[0]["manifestDigest"] == image["manifestDigest"]


def test_unknown_by_another_word(other, registry):
    """Harbor and registry.redhat.io."""
    with FaultProxy(registry.port) as proxy:
        proxy.add(path="/manifests/", status=404,
                  body=b'{"errors":[{"code":"UNKNOWN","message":"artifact app:1 not found"}]}')
        with pytest.raises(Failed, match=f"manifest for {proxy.name}/app:1 not found: unknown: artifact app:1 not"):
            pull(other, f"{proxy.name}/app:1")


def test_a_kind_of_manifest_that_is_not_taken_is_named(stores, registry, image):
    """OpenShift, with schema 2 disabled."""
    with FaultProxy(registry.port) as proxy:
        proxy.add(path="/manifests/", method="PUT", status=400,
                  body=b'{"errors":[{"code":"MANIFEST_INVALID","message":"manifest invalid"}]}')
        with pytest.raises(Failed, match="answered 400 for manifest '1': manifest invalid"):
            push(stores, f"{proxy.name}/app", image)


def test_manifests_of_ours_say_what_they_are(stores, image):
    """ECR calls one that does not "Invalid JSON syntax"."""
    assert "mediaType" in json.loads(stores.blob(image["manifestDigest"]).read_bytes())


def test_a_refusal_without_json(other, registry):
    """What stands before a registry answers in HTML."""
    with FaultProxy(registry.port) as proxy:
        proxy.add(path="/manifests/", status=404, body=b"<html>\x1b[2Jnothing here</html>")
        with pytest.raises(Failed, match="not found: status 404$"):
            pull(other, f"{proxy.name}/app:1")
