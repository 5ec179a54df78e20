"""`store check`: what is broken on disk is named, and repaired from what is sound or from the registry."""

import json
import os

import pytest

from harness.engine import BIN
from harness.need import need
from harness.tar import image_archive

BUSYBOX = BIN.parent / "share/estiba/images/busybox.tar"


@pytest.fixture
def directories(module_engine_factory):
    """An engine whose layers are directories, for what is broken in one file of them; of layers that are images
    test_storage.py has as much."""
    need(os.geteuid() == 0, "root")
    one = module_engine_factory(extra_config='storage_driver = "overlay"')
    one.start()
    return one


def load(engine, folder):
    """An image that no registry has, whose second layer needs the first: a hard link into it, a directory that it does
    not describe, a file that it deletes and a directory that it makes anew."""
    archive = folder / "image.tar"
    image_archive(archive, "two:1", [[("etc", "dir", None), ("etc/a", b"first", None), ("etc/gone", b"", None),
                                      ("opt", "dir", None), ("opt/gone", b"", None)],
                                     [("etc/b", b"second", None), ("etc/c", "hard", "etc/a"),
                                      ("etc/.wh.gone", b"", None),
                                      ("opt", "dir", None), ("opt/.wh..wh..opq", b"", None)]])
    engine.cli("load", "-i", str(archive))


@pytest.fixture
def loaded(engine, tmp_path):
    load(engine, tmp_path)
    return engine.data_root


def check(engine, *options):
    return engine.cli("store", "check", *options, check=False)


def layers(engine):
    return sorted((engine.data_root / "snapshots/layers").iterdir(), key=lambda folder: folder.name)


def find(engine, name):
    return next(layer / name for layer in layers(engine) if (layer / name).exists())


def flip(path):
    mode = path.stat().st_mode
    os.chmod(path, 0o600)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    os.chmod(path, mode)


def assert_sound(engine):
    result = check(engine)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "every blob has its digest, every layer is what it was made of" in result.stdout


def assert_repaired(engine, found):
    broken = check(engine)
    assert broken.returncode == 1 and found in broken.stdout, broken.stdout + broken.stderr
    assert "store check --repair" in broken.stderr
    repaired = check(engine, "--repair")
    assert repaired.returncode == 0 and "found and repaired" in repaired.stdout, repaired.stdout + repaired.stderr
    assert_sound(engine)


def test_a_sound_store(engine, loaded):
    assert_sound(engine)
    assert engine.out("store", "check", "-q") == ""
    assert not os.listdir(loaded / "snapshots/tmp") and not os.listdir(loaded / "content/ingest")


def test_an_empty_store(engine):
    assert "0 images checked" in engine.out("store", "check")


@pytest.mark.parametrize("damage, found", [
    (lambda file: file.write_bytes(b"other"), "'/etc/b' has another size"),
    (lambda file: os.chmod(file, 0o4755), "'/etc/b' has another mode"),
    (lambda file: os.chown(file, 7, 0), "'/etc/b' has another owner"),
    (lambda file: os.utime(file, (1, 1)), "'/etc/b' has another time"),
    (lambda file: os.setxattr(file, "user.x", b"y"), "'/etc/b' has other attributes"),
    (lambda file: file.unlink(), "'/etc/b' is missing"),
    (lambda file: (file.parent / "more").write_bytes(b""), "more' does not belong to the layer"),
    (lambda file: (file.unlink(), file.symlink_to("a")), "'/etc/b' is of another kind"),
])
def test_a_layer_is_made_again_from_its_blob(directories, tmp_path, damage, found):
    load(directories, tmp_path)
    file = find(directories, "etc/b")
    parent = file.parent.stat()
    damage(file)
    os.utime(file.parent, ns=(parent.st_atime_ns, parent.st_mtime_ns))
    assert_repaired(directories, found)
    assert find(directories, "etc/b").read_bytes() == b"second"


def test_other_bytes_of_the_same_size_and_time(directories, tmp_path):
    load(directories, tmp_path)
    file = find(directories, "etc/b")
    times = file.stat()
    flip(file)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert_repaired(directories, "'/etc/b' has other content")


def test_a_layer_that_is_gone(engine, loaded):
    # The lowest layer's chain id is its diff id.
    lowest = json.loads(engine.out("inspect", "two:1"))[0]["RootFS"]["Layers"][0].removeprefix("sha256:")
    place = next(path for path in (loaded / "snapshots/layers").iterdir() if path.name.startswith(lowest))
    os.rename(place, loaded / "away")
    assert_repaired(engine, "is missing")


def test_a_lost_blob_that_no_registry_has(engine, loaded):
    blob = max((loaded / "content/sha256").iterdir(), key=lambda path: path.stat().st_size)
    flip(blob)
    broken = check(engine)
    assert f"blob 'sha256:{blob.name}' has other content" in broken.stdout
    left = check(engine, "--repair")
    assert left.returncode == 1 and "no registry is known to have it" in left.stdout, left.stdout + left.stderr
    assert "problems left" in left.stderr
    saved = engine.cli("save", "-o", str(engine.data_root / "x.tar"), "two:1", check=False)
    assert saved.returncode == 1 and blob.name in saved.stderr


def test_blobs_come_again_from_the_registry(engine, registry):
    name = registry.push(BUSYBOX, "app:1")
    engine.cli("pull", name)
    blobs = list((engine.data_root / "content/sha256").iterdir())
    assert len(blobs) == 3  # manifest, config, layer
    for blob in blobs:
        flip(blob)
        assert_repaired(engine, f"blob 'sha256:{blob.name}' has other content")
        blob.unlink()
        assert_repaired(engine, f"blob 'sha256:{blob.name}' is missing")
    assert engine.out("run", "--rm", "--network", "none", name, "echo", "ran") == "ran"


def test_a_registry_that_is_gone_is_named(engine, registry):
    name = registry.push(BUSYBOX, "app:1")
    engine.cli("pull", name)
    registry.stop()
    flip(max((engine.data_root / "content/sha256").iterdir(), key=lambda path: path.stat().st_size))
    left = check(engine, "--repair")
    assert left.returncode == 1 and name.split("/", maxsplit=1)[0] in left.stdout


def test_a_layer_that_a_container_runs_on_is_left(directories):
    directories.cli("run", "-d", "--name", "box", "--network", "none", "estiba/busybox", "sleep", "1000")
    os.utime(find(directories, "bin/busybox"), (1, 1))
    left = check(directories, "--repair")
    assert left.returncode == 1 and "is not repaired while container 'box' runs on it" in left.stdout
    directories.cli("rm", "-f", "box")
    assert_repaired(directories, "'/bin/busybox' has another time")
    directories.cli("run", "--rm", "--network", "none", "estiba/busybox", "true")
