"""Formats of images by the command line: what save and load take, images of all platforms, and artifacts."""

import json
import os
import subprocess

import pytest

from harness.layout import MACHINE, Layout
from harness.tar import busybox_layer, layer
from harness.wait import wait_until

OTHER = {"amd64": "arm64", "arm64": "amd64"}[MACHINE]


@pytest.fixture
def many(tmp_path):
    layout = Layout(tmp_path / "many")
    layout.mine = layout.image([layer([("mine", b"1", None)])], annotations={"org.example.key": "value"})
    layout.other = layout.image([layer([("other", b"2", None)])], architecture=OTHER)
    layout.top = layout.index([layout.mine, layout.other])
    layout.finish({"many:1": layout.top})
    return layout


def test_every_format_comes_back(engine, many, tmp_path):
    assert engine.out("load", "-i", many.folder) == "Loaded image: many:1"
    identity = engine.inspect("many:1")["Id"]
    for form in ("docker-archive", "oci-archive", "oci-dir", "docker-dir", ""):
        path = tmp_path / ("saved-" + form)
        engine.cli("save", *(["--format", form] if form else []), "-o", path, "many:1")
        assert path.is_dir() == form.endswith("-dir")
        engine.cli("rmi", "many:1")
        said = engine.out("load", "-q", "-i", path)
        assert said == (f"Loaded image ID: {identity}" if form == "docker-dir" else "Loaded image: many:1")
        assert engine.inspect(identity)["Id"] == identity
        engine.cli("tag", identity, "many:1")
    assert not [name for name in os.listdir(tmp_path) if name.startswith("saved-") and len(name.split(".")) > 1]


def test_what_cannot_be_saved_leaves_nothing(engine, many, tmp_path):
    engine.cli("load", "-q", "-i", many.folder)
    for words, says in [(["--format", "oci-dir", "-o", tmp_path / "x", "nobody"], "No such image"),
                        (["--format", "tgz", "-o", tmp_path / "x", "many:1"], "'tgz' is not a format"),
                        (["--format", "oci-dir", "many:1"], "this format is a directory"),
                        (["--platform", "linux/s390x", "-o", tmp_path / "x", "many:1"], "not for linux/s390x"),
                        (["--platform", "?", "-o", tmp_path / "x", "many:1"], "is not a platform")]:
        failed = engine.cli("save", *words, check=False)
        assert failed.returncode == 1 and says in failed.stderr
    assert not list(tmp_path.glob("x*"))


def test_an_images_manifest_is_shown(engine, many):
    engine.cli("load", "-q", "-i", many.folder)
    descriptor = engine.inspect("many:1")["Descriptor"]
    assert descriptor["digest"] == many.mine["digest"] and descriptor["size"] == many.mine["size"]
    assert descriptor["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert descriptor["annotations"] == {"org.example.key": "value"}


def test_platforms_of_an_index(engine, registry, many, tmp_path):
    name = push_all(engine, registry, many, "many:1")
    failed = engine.cli("pull", "--all-platforms", "--platform", f"linux/{OTHER}", name, check=False)
    assert failed.returncode == 1 and "exclude each other" in failed.stderr
    engine.cli("pull", "--all-platforms", name)
    assert engine.inspect(name)["RepoDigests"] == [f"{registry.name}/many@{many.top['digest']}"]
    # What is kept for the index survives whatever clears blobs that nobody needs.
    engine.cli("image", "prune", "-f")
    engine.kill()
    engine.start()
    engine.cli("tag", name, f"{registry.name}/again:1")
    assert many.top["digest"] in engine.out("push", f"{registry.name}/again:1")
    engine.cli("save", "--format", "oci-dir", "-o", tmp_path / "all", name)
    assert json.loads((tmp_path / "all/index.json").read_text())["manifests"][0]["digest"] == many.top["digest"]
    engine.cli("save", "--format", "oci-dir", "--platform", f"linux/{OTHER}", "-o", tmp_path / "one", name)
    assert json.loads((tmp_path / "one/index.json").read_text())["manifests"][0]["digest"] == many.other["digest"]
    engine.cli("rmi", name, f"{registry.name}/again:1")
    engine.cli("load", "-q", "--platform", f"linux/{OTHER}", "-i", tmp_path / "all")
    assert engine.inspect(name)["Architecture"] == OTHER
    assert engine.cli("store", "check").returncode == 0


@pytest.fixture
def runnable(tmp_path):
    """An index of two images that run here, whatever they say of themselves."""
    layout = Layout(tmp_path / "runnable")
    for name, architecture in (("mine", MACHINE), ("other", OTHER)):
        image = layout.image([busybox_layer(), layer([("which", name.encode(), None)])], architecture=architecture)
        setattr(layout, name, image)
    layout.top = layout.index([layout.mine, layout.other])
    layout.finish({"runs:1": layout.top})
    return layout


def push_all(engine, registry, layout, name):
    subprocess.run([*engine.host.prefix(), "skopeo", "--insecure-policy", "copy", "--all", "--dest-tls-verify=false",
                    f"oci:{layout.folder}:{name}", f"docker://{registry.name}/{name}"], check=True, capture_output=True)
    return f"{registry.name}/{name}"


def which(engine, name, *options):
    return engine.out("run", "--rm", "--network", "none", *options, name, "cat", "/which")


def layers_of(layout, image):
    manifest = json.loads(layout.path(image["digest"]).read_text())
    return [blob["digest"].removeprefix("sha256:") for blob in manifest["layers"]]


def test_another_platform_that_is_kept_runs_without_a_registry(engine, registry, runnable):
    name = push_all(engine, registry, runnable, "runs:1")
    engine.cli("pull", "--all-platforms", name)
    registry.stop()
    layers = engine.data_root / "snapshots/layers"
    mine = set(os.listdir(layers))
    assert which(engine, name) == "mine" and which(engine, name, "--platform", f"linux/{MACHINE}") == "mine"
    assert set(os.listdir(layers)) == mine  # nothing of the other is unpacked before it is asked for
    assert which(engine, name, "--platform", f"linux/{OTHER}") == "other"
    assert which(engine, name) == "mine"  # the name names what it named
    ran = engine.docker("run", "--rm", "--network", "none", "--platform", f"linux/{OTHER}", name, "cat", "/which")
    assert ran.stdout == "other"
    assert len(set(os.listdir(layers)) - mine) == 1  # the other's own; what is below they share
    missing = engine.cli("run", "--rm", "--network", "none", "--platform", "linux/s390x", name, "true", check=False)
    assert missing.returncode == 125 and name in missing.stderr  # what is not there would have to be pulled
    assert engine.cli("store", "check").returncode == 0
    # One that a container stands on stays, whatever becomes of the index.
    container = engine.out("create", "--network", "none", "--platform", f"linux/{OTHER}", name, "cat", "/which")
    engine.cli("rmi", name)
    engine.cli("image", "prune", "-f")
    assert engine.out("start", "-a", container) == "other"
    engine.cli("rm", container)
    engine.cli("image", "prune", "-f")
    wait_until(lambda: not mine & set(os.listdir(layers)), "the layers go")
    blobs = engine.data_root / "content/sha256"
    wait_until(lambda: not set(layers_of(runnable, runnable.other)) & set(os.listdir(blobs)), "the blobs go")


def test_blobs_of_other_platforms_are_checked_and_fetched_again(engine, registry, runnable, tmp_path):
    name = push_all(engine, registry, runnable, "runs:1")
    engine.cli("pull", "--all-platforms", name)
    blobs = engine.data_root / "content/sha256"
    own = next(one for one in layers_of(runnable, runnable.other) if one not in layers_of(runnable, runnable.mine))
    lost = [own, runnable.other["digest"].removeprefix("sha256:")]
    for digest in lost:
        (blobs / digest).unlink()
    found = engine.cli("store", "check", check=False)
    assert found.returncode == 1 and all(f"'sha256:{digest}' is missing" in found.stdout for digest in lost)
    assert "2 problems found and repaired" in engine.out("store", "check", "--repair")
    assert engine.cli("store", "check").returncode == 0
    (blobs / own).write_bytes(b"other bytes")
    found = engine.cli("store", "check", check=False)
    assert found.returncode == 1 and f"'sha256:{own}' has other content" in found.stdout
    engine.cli("store", "check", "--repair")
    assert which(engine, name, "--platform", f"linux/{OTHER}") == "other"
    engine.cli("rmi", name)
    engine.cli("image", "prune", "-f")


def test_what_no_registry_has_of_an_index_is_told(engine, runnable):
    engine.cli("load", "-q", "-i", runnable.folder)
    own = next(one for one in layers_of(runnable, runnable.other) if one not in layers_of(runnable, runnable.mine))
    assert which(engine, "runs:1", "--platform", f"linux/{OTHER}") == "other"
    engine.cli("image", "prune", "-f")
    (engine.data_root / "content/sha256" / own).unlink()
    failed = engine.cli("store", "check", "--repair", check=False)
    assert failed.returncode == 1 and "what is kept for its index is lost" in failed.stdout
    missing = engine.cli("create", "--network", "none", "--pull", "never", "--platform", f"linux/{OTHER}", "runs:1",
                         check=False)
    assert missing.returncode == 1 and "does not match the specified platform" in missing.stderr
    engine.cli("rmi", "runs:1")


def test_an_artifact_is_listed_and_never_run(engine, tmp_path):
    layout = Layout(tmp_path / "artifact")
    made = layout.artifact("application/vnd.example.chart", [b"chart" * 1000])
    layout.finish({"chart:1": made})
    assert engine.out("load", "-i", layout.folder) == "Loaded image: chart:1"
    assert engine.out("images", "--no-trunc", "--format", "{{.Repository}} {{.ID}}") == f"chart {made['digest']}"
    assert "chart" in engine.docker("images").stdout
    shown = engine.inspect("chart:1")
    assert shown["Descriptor"]["artifactType"] == "application/vnd.example.chart" and shown["Os"] == ""
    assert shown["Size"] >= 5000
    assert engine.cli("history", "chart:1").returncode == 0
    for words in (["run", "--rm", "chart:1"], ["create", "chart:1"],
                  ["run", "--rm", "--mount", "type=image,source=chart:1,target=/x", "estiba/busybox", "true"]):
        failed = engine.cli(*words, check=False)
        assert failed.returncode != 0
        assert "no image but an artifact of type 'application/vnd.example.chart'" in failed.stderr
    assert engine.cli("store", "check").returncode == 0
    engine.cli("rmi", "chart:1")
    blobs = engine.data_root / "content/sha256"
    wait_until(lambda: made["digest"].removeprefix("sha256:") not in os.listdir(blobs), "its blobs go")
