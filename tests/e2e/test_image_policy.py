"""Images that go by themselves ([images] of estibad.toml), and blobs that are not kept."""

import json
import os

import pytest

from harness.engine import BIN
from harness.registry import Registry
from harness.tar import image_archive
from harness.wait import wait_until
from harness.whose import engine_in

BUSYBOX = BIN.parent / "share/estiba/images/busybox.tar"


@pytest.fixture
def start(tmp_path):
    """An engine with these settings for images."""
    made = []

    def make(settings):
        one = engine_in(tmp_path, extra_config=f"[images]\n{settings}\n")
        made.append(one)
        one.start()
        return one

    yield make
    for one in made:
        try:
            one.remove_everything()
            one.assert_no_leaks()
        finally:
            print(one.log_text()[-4000:])
            one.destroy()


def load(engine, tmp_path, name, size=1_000_000):
    archive = tmp_path / "image.tar"
    image_archive(archive, name, [[("data", os.urandom(size), None)]])
    engine.cli("load", "-i", str(archive))


def names(engine):
    return set(engine.out("images", "--format", "{{.Repository}}").split())


def blobs(engine):
    return {path.name: path.stat().st_size for path in (engine.data_root / "content/sha256").iterdir()}


def test_what_was_not_used_longest_goes_first(start, tmp_path):
    engine = start('keep_storage = "7MB"\nminimum_age = "0s"')  # three: each is there packed and unpacked
    load(engine, tmp_path, "first")
    load(engine, tmp_path, "second")
    engine.cli("create", "--name", "keeps", "first", "x")
    load(engine, tmp_path, "third")
    load(engine, tmp_path, "fourth")
    wait_until(lambda: names(engine) == {"first", "third", "fourth"}, "the second image has gone")
    engine.cli("rm", "keeps")
    assert "images.keep_storage" in engine.log_text()
    load(engine, tmp_path, "fifth")
    wait_until(lambda: len(names(engine)) == 3 and "fifth" in names(engine), "another has gone for the fifth")


def test_what_nobody_used_for_long_goes(start, tmp_path):
    engine = start('unused_for = "0.1s"\nminimum_age = "0s"')
    load(engine, tmp_path, "old")
    engine.cli("create", "--name", "box", "estiba/busybox", "x")
    wait_until(lambda: _tidied(engine, tmp_path), "the unused image has gone")
    assert "estiba/busybox" in names(engine)  # a container has it


def _tidied(engine, tmp_path):
    load(engine, tmp_path, "next")
    return "old" not in names(engine)


def test_young_images_are_spared(start, tmp_path):
    engine = start('keep_storage = 1\nunused_for = "1ns"')
    load(engine, tmp_path, "young")
    load(engine, tmp_path, "younger")
    assert names(engine) == {"young", "younger"}


def test_blobs_that_a_registry_has_go_and_come_back(start, tmp_path):
    engine = start("keep_blobs = false")
    folder = tmp_path / "registry"
    folder.mkdir()
    registry = Registry(folder, engine.host)
    try:
        name = registry.push(BUSYBOX, "app:1")
        engine.cli("pull", name)
        layer = json.loads(engine.out("inspect", name))[0]["RootFS"]["Layers"]
        assert len(layer) == 1
        wait_until(lambda: max(blobs(engine).values()) < 10_000, "the layer's blob has gone")
        assert "Image is up to date" in engine.out("pull", name) and max(blobs(engine).values()) < 10_000
        assert engine.out("run", "--rm", "--network", "none", name, "echo", "ran") == "ran"
        assert "Not compared" in engine.out("store", "check")
        # It is fetched again for what needs it.
        engine.cli("save", "-o", str(tmp_path / "saved.tar"), name)
        engine.cli("tag", name, f"{registry.name}/other:1")
        assert "digest: sha256:" in engine.out("push", f"{registry.name}/other:1")
        wait_until(lambda: max(blobs(engine).values()) < 10_000, "the layer's blob has gone again")
        registry.stop()
        refused = engine.cli("save", "-o", str(tmp_path / "again.tar"), name, check=False)
        assert refused.returncode == 1 and "images.keep_blobs is false" in refused.stderr
    finally:
        registry.stop()


def test_blobs_that_nobody_else_has_stay(start, tmp_path):
    engine = start("keep_blobs = false")
    load(engine, tmp_path, "own")
    load(engine, tmp_path, "more")
    engine.cli("save", "-o", str(tmp_path / "saved.tar"), "own", "more")
    assert engine.cli("store", "check").returncode == 0


@pytest.mark.parametrize("settings, complaint", [
    ('unused_for = "a month"', "images.unused_for"),
    ("keep_blobs = 1", "images.keep_blobs"),
    ('keep = "1g"', "images.keep"),
])
def test_a_setting_that_is_none_is_refused(tmp_path, settings, complaint):
    engine = engine_in(tmp_path, extra_config=f"[images]\n{settings}\n")
    try:
        with pytest.raises(AssertionError, match=complaint):
            engine.start()
    finally:
        engine.destroy()
