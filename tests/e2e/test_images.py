"""Images through the engine and the command line: pull, images, tag, save, load, rmi, and what a broken pull leaves."""

import json
import os
import subprocess

import pytest

from harness.engine import BIN, process_name
from harness.fault_proxy import FaultProxy
from harness.tar import image_archive
from harness.wait import wait_until

BUSYBOX = BIN.parent / "share/estiba/images/busybox.tar"


def stored(engine):
    """What is on disk of images."""
    root = engine.data_root
    folders = ("content/sha256", "content/ingest", "snapshots/layers", "snapshots/tmp")
    return {folder: set(os.listdir(root / folder)) for folder in folders if (root / folder).exists()}


def test_pull_run_and_remove(engine, registry):
    before = stored(engine)
    name = registry.push(BUSYBOX, "app:1")
    text = engine.out("pull", name)
    assert "Pulling from app" in text and "Pull complete" in text and "Digest: sha256:" in text
    assert f"Status: Downloaded newer image for {name}" in text
    assert f"Status: Image is up to date for {name}" in engine.out("pull", name)
    assert engine.out("run", "--rm", "--network", "none", name, "echo", "ran") == "ran"
    assert "app" in engine.out("images")
    assert "Untagged: " in engine.out("rmi", name)
    assert name not in engine.out("images", "--format", "{{.Repository}}:{{.Tag}}")
    wait_until(lambda: stored(engine) == before, "the blobs and layers of a removed image are gone")


def test_save_and_load(engine, tmp_path):
    engine.out("pull", "estiba/busybox")  # the built-in one: no registry
    engine.out("tag", "estiba/busybox", "localhost/kept:2")
    engine.cli("save", "-o", str(tmp_path / "a.tar"), "localhost/kept:2", "estiba/busybox")
    identity = json.loads(engine.out("inspect", "localhost/kept:2"))[0]["Id"]
    engine.cli("rmi", "localhost/kept:2")
    text = engine.out("load", "-i", str(tmp_path / "a.tar"))
    assert "Loaded image: localhost/kept:2" in text
    assert json.loads(engine.out("inspect", "localhost/kept:2"))[0]["Id"] == identity


def test_every_way_out_has_the_same_bytes(engine, tmp_path):
    """To a file the engine itself writes, through a pipe and HTTP, appended to what is there; and by docker."""
    engine.out("pull", "estiba/busybox")
    engine.cli("save", "-o", str(tmp_path / "a.tar"), "estiba/busybox")
    saved = (tmp_path / "a.tar").read_bytes()
    assert oct((tmp_path / "a.tar").stat().st_mode & 0o777) == "0o600"
    for script, before in [('"$@" > b.tar', b""), ('"$@" | cat > b.tar', b""), ('"$@" >> b.tar', b"before ")]:
        (tmp_path / "b.tar").write_bytes(b"before ")
        subprocess.run(["sh", "-c", script, "sh", *engine.command("save", "estiba/busybox")], cwd=tmp_path,
                       env=engine.environment(), check=True)
        assert (tmp_path / "b.tar").read_bytes() == before + saved, script
    engine.docker("save", "-o", str(tmp_path / "c.tar"), "estiba/busybox")
    assert (tmp_path / "c.tar").read_bytes() == saved


def test_an_image_that_cannot_be_saved_is_an_error(engine, tmp_path):
    engine.out("pull", "estiba/busybox")
    blobs = engine.data_root / "content/sha256"
    layer = max(blobs.iterdir(), key=lambda file: file.stat().st_size)
    layer.unlink()
    failed = engine.cli("save", "-o", str(tmp_path / "a.tar"), "estiba/busybox", check=False)
    assert failed.returncode == 1 and layer.name in failed.stderr
    assert list(tmp_path.glob("*a.tar*")) == []


def test_a_prune_beside_a_load_is_refused_and_takes_nothing_from_it(engine, tmp_path):
    image_archive(tmp_path / "x.tar", "x:1", [[("file", os.urandom(100_000), None)]])
    archive = (tmp_path / "x.tar").read_bytes()
    load = engine.popen("load", stdin=subprocess.PIPE)
    load.stdin.buffer.write(archive[:len(archive) // 2])
    load.stdin.flush()
    wait_until(lambda: any("estiba-transfer" in process_name(pid) for pid in engine.processes()), "it has begun")
    status, answer = engine.api("POST", "/images/prune")
    assert status == 409 and "while images are pulled, loaded or saved" in answer["message"]
    load.stdin.buffer.write(archive[len(archive) // 2:])
    assert "Loaded image: x:1" in load.communicate(timeout=60)[0]
    assert engine.api("POST", "/images/prune")[0] == 200
    assert "x:1" in engine.out("images", "--format", "{{.Repository}}:{{.Tag}}")


@pytest.mark.parametrize("fault, says", [({"corrupt": 1000}, "digest"),
                                         ({"truncate": 1000, "ignore_range": True}, "cut short"),
                                         ({"status": 404}, "not found")])
def test_a_broken_pull_says_why_and_leaves_nothing(engine, registry, tmp_path, fault, says):
    image_archive(tmp_path / "x.tar", "x:1", [[("file", os.urandom(100_000), None)]])
    registry.push(tmp_path / "x.tar", "x:1")
    engine.out("pull", "estiba/busybox")
    before = stored(engine)
    with FaultProxy(registry.port, host=engine.host) as proxy:
        layers = next((tmp_path / "registry/registry").rglob("_layers/sha256"))
        large = max(os.listdir(layers), key=lambda digest: size_of(tmp_path, digest))
        proxy.add(path=f"/blobs/sha256:{large}", **fault)
        result = engine.cli("pull", f"{proxy.name}/x:1", check=False)
    assert result.returncode == 1
    assert says in result.stderr, result.stderr
    wait_until(lambda: stored(engine) == before, "nothing half-made stays")
    assert engine.out("run", "--rm", "--network", "none", "estiba/busybox", "echo", "served") == "served"


def size_of(folder, digest):
    return (folder / "registry/registry/docker/registry/v2/blobs/sha256" / digest[:2] / digest / "data").stat().st_size
