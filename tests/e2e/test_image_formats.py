"""Formats of images by the command line: what save and load take, images of all platforms, and artifacts."""

import json
import os
import subprocess

import pytest

from harness.layout import MACHINE, Layout
from harness.tar import layer
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
    subprocess.run([*engine.host.prefix(), "skopeo", "--insecure-policy", "copy", "--all", "--dest-tls-verify=false",
                    f"oci:{many.folder}:many:1", f"docker://{registry.name}/many:1"], check=True, capture_output=True)
    name = f"{registry.name}/many:1"
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
