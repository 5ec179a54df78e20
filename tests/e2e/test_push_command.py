"""Pushes by the command line and by docker's own client, to Debian's docker-registry."""

import json
import os
import subprocess

import pytest

from harness.engine import BIN
from harness.fault_proxy import FaultProxy
from harness.need import need_program
from harness.tar import image_archive
from harness.wait import wait_until

BUSYBOX = BIN.parent / "share/estiba/images/busybox.tar"


@pytest.fixture
def pulled(engine, registry):
    """An image that was pulled, and the digest it has there."""
    reference = registry.push(BUSYBOX, "pulled:1")
    engine.cli("pull", reference)
    return reference, engine.out("inspect", "-f", "{{index .RepoDigests 0}}", reference).partition("@")[2]


def digest_at(registry, reference):
    need_program("skopeo")
    told = subprocess.run(registry.prefix() + ["skopeo", "inspect", "--tls-verify=false", f"docker://{reference}"],
                          check=True, capture_output=True, text=True)
    return json.loads(told.stdout)["Digest"]


def test_a_pulled_image_is_pushed_by_its_digest(engine, registry, pulled):
    reference, digest = pulled
    target = f"{registry.name}/pushed/here:2"
    engine.cli("tag", reference, target)
    done = engine.cli("push", target)
    lines = done.stdout.splitlines()
    assert lines[0] == f"The push refers to repository [{registry.name}/pushed/here]"
    assert lines[-1].startswith(f"2: digest: {digest} size: ")
    assert any(line.endswith("Mounted from pulled") for line in lines)
    assert digest_at(registry, target) == digest
    digests = json.loads(engine.out("inspect", target))[0]["RepoDigests"]
    assert f"{registry.name}/pushed/here@{digest}" in digests
    engine.cli("rmi", "-f", target, reference)
    engine.cli("pull", f"{registry.name}/pushed/here@{digest}")


def test_the_digest_of_a_push_is_kept_when_the_engine_starts_again(engine, registry, pulled):
    reference, digest = pulled
    target = f"{registry.name}/kept:1"
    engine.cli("tag", reference, target)
    engine.cli("push", "-q", target)
    engine.kill()
    engine.start()
    assert f"{registry.name}/kept@{digest}" in json.loads(engine.out("inspect", target))[0]["RepoDigests"]


def manifest_at(registry, reference):
    need_program("skopeo")
    told = subprocess.run(registry.prefix() + ["skopeo", "inspect", "--raw", "--tls-verify=false",
                                               f"docker://{reference}"], check=True, capture_output=True, text=True)
    return json.loads(told.stdout)


def test_layers_of_dockers_archives_are_compressed_once(engine, registry, tmp_path):
    image_archive(tmp_path / "plain.tar", "plain:1", [[("big", b"a line that comes again\n" * 100_000, None)],
                                                      [("small", b"x", None)]])
    engine.cli("load", "-i", tmp_path / "plain.tar")
    identity = engine.inspect("plain:1")["Id"]
    target = f"{registry.name}/plain:1"
    engine.cli("tag", "plain:1", target)
    done = engine.docker("push", target)
    assert done.stdout.count("Pushed") == 2
    manifest = manifest_at(registry, target)
    assert [layer["mediaType"].endswith(".gzip") for layer in manifest["layers"]] == [True, True]
    assert manifest["layers"][0]["size"] < 100_000 and manifest["config"]["digest"] == identity
    digest = digest_at(registry, target)
    shown = engine.inspect("plain:1")
    assert shown["Id"] == identity and shown["RepoDigests"] == [f"{registry.name}/plain@{digest}"]
    # What was sent is what is kept: nothing is sent or compressed again, and the plain layers go.
    again = engine.cli("push", target)
    assert again.stdout.count("Layer already exists") == 2 and digest in again.stdout
    assert "Compressing" not in again.stdout
    kept = {layer["digest"].removeprefix("sha256:") for layer in manifest["layers"]}
    blobs = engine.data_root / "content/sha256"
    engine.cli("image", "prune", "-f")
    wait_until(lambda: len(set(os.listdir(blobs)) & kept) == 2 and
               not any((blobs / name).stat().st_size > 1_000_000 for name in os.listdir(blobs)), "the plain layers go")
    assert engine.cli("store", "check").returncode == 0
    # Others read it, and what they make of it is the same image.
    subprocess.run(registry.prefix() + ["skopeo", "--insecure-policy", "copy", "--src-tls-verify=false",
                                        f"docker://{target}", f"docker-archive:{tmp_path}/back.tar:back:1"],
                   check=True, capture_output=True)
    engine.cli("save", "-o", tmp_path / "saved.tar", "plain:1")
    engine.cli("rmi", "-f", identity)
    for archive, name in (("back.tar", "back:1"), ("saved.tar", "plain:1")):
        engine.cli("load", "-i", tmp_path / archive)
        assert engine.inspect(name)["Id"] == identity
        engine.cli("rmi", "-f", identity)
    engine.cli("pull", target)
    assert engine.inspect(target)["Id"] == identity


def test_without_a_tag_it_is_latest_and_quiet_prints_the_name(engine, registry, pulled):
    engine.cli("tag", pulled[0], f"{registry.name}/plain")
    done = engine.cli("push", f"{registry.name}/plain")
    assert done.stdout.startswith("Using default tag: latest\nThe push refers to repository [")
    quiet = engine.cli("image", "push", "--quiet", f"{registry.name}/plain")
    assert quiet.stdout == f"{registry.name}/plain:latest\n"


def test_all_tags(engine, registry, pulled):
    for tag in ("a", "b"):
        engine.cli("tag", pulled[0], f"{registry.name}/many:{tag}")
    done = engine.cli("push", "--all-tags", f"{registry.name}/many")
    assert f"a: digest: {pulled[1]}" in done.stdout and f"b: digest: {pulled[1]}" in done.stdout
    assert done.stdout.count("Layer already exists") == 1
    assert digest_at(registry, f"{registry.name}/many:b") == pulled[1]


@pytest.mark.parametrize("arguments, says", [
    (["h.io/nosuch"], "An image does not exist locally with the tag: h.io/nosuch"),
    (["-a", "h.io/a:1"], "tag can't be used with --all-tags/-a"),
    (["h.io/a@sha256:" + "a" * 64], "cannot push a digest reference"),
    (["UPPER"], "repository name (UPPER) must be lowercase"),
])
def test_what_cannot_be_pushed_is_refused(engine, arguments, says):
    refused = engine.cli("push", *arguments, check=False)
    assert refused.returncode == 1 and says in refused.stderr


def test_a_tag_that_is_not_there_is_named(engine):
    engine.cli("pull", "estiba/busybox")
    engine.cli("tag", "estiba/busybox", "127.0.0.1:1/app:1")
    refused = engine.cli("push", "127.0.0.1:1/app:2", check=False)
    assert refused.returncode == 1 and "tag does not exist: 127.0.0.1:1/app:2" in refused.stderr
    unreachable = engine.cli("push", "127.0.0.1:1/app:1", check=False)
    assert unreachable.returncode == 1 and "connect to registry '127.0.0.1:1'" in unreachable.stderr


def test_a_platform_alone(engine, registry, pulled):
    engine.cli("tag", pulled[0], f"{registry.name}/one:1")
    engine.cli("push", "--platform", "linux/amd64", f"{registry.name}/one:1")
    refused = engine.cli("push", "--platform", "linux/s390x", f"{registry.name}/one:1", check=False)
    assert refused.returncode == 1 and "does not match the specified platform (linux/s390x)" in refused.stderr


def test_an_event_tells_of_it(engine, registry, pulled):
    engine.cli("tag", pulled[0], f"{registry.name}/told:1")
    engine.cli("push", f"{registry.name}/told:1")
    events = engine.out("events", "--since", "10m", "--until", "0s", "--filter", "event=push")
    assert f"image push {registry.name}/told:1" in events


def test_it_sends_what_a_login_kept(engine, guarded):
    target = f"{guarded.name}/app:1"
    engine.cli("pull", "estiba/busybox")
    engine.cli("tag", "estiba/busybox", target)
    denied = engine.cli("push", target, check=False)
    assert denied.returncode == 1 and "push access denied for app" in denied.stderr
    user, password = guarded.login
    engine.cli("login", "-u", user, "--password-stdin", guarded.name, input=password)
    engine.cli("push", target)
    engine.cli("rmi", target)
    engine.cli("pull", target)


def test_dockers_own_client_pushes(engine, registry, pulled):
    need_program("docker")
    reference, digest = pulled
    engine.docker("tag", reference, f"{registry.name}/docker:1")
    done = engine.docker("push", f"{registry.name}/docker:1")
    assert f"The push refers to repository [{registry.name}/docker]" in done.stdout
    assert f"1: digest: {digest} size: " in done.stdout
    assert digest_at(registry, f"{registry.name}/docker:1") == digest
    refused = engine.docker("push", f"{registry.name}/nosuch:1", check=False)
    assert refused.returncode == 1
    assert f"An image does not exist locally with the tag: {registry.name}/nosuch" in refused.stderr


def test_a_push_that_is_broken_off_ends(engine, registry, pulled):
    with FaultProxy(registry.port, host=engine.host) as proxy:
        proxy.add(path="/blobs/", method="HEAD", delay=600)
        engine.cli("tag", pulled[0], f"{proxy.name}/slow:1")
        push = engine.popen("push", f"{proxy.name}/slow:1")
        assert push.stdout.readline()
        push.kill()
        push.communicate()
        wait_until(lambda: engine.cli("image", "prune", "-f", check=False).returncode == 0,
                   "no transfer stands in a prune's way")
