"""kill -9 at random instants while images come and go: what was acknowledged is whole, nothing else is left."""

import contextlib
import fcntl
import json
import os
import sqlite3
import subprocess
import threading

import pytest

from harness.engine import kill_quietly, process_name
from harness.need import need
from harness.registry import Registry
from harness.tar import image_archive
from harness.wait import wait_until

BOX = "estiba/busybox"
NAMES = ["one:1", "two:1", "three:1"]


def layers_of(index):
    """Images that share their lowest layer; the second needs it for a hard link, too."""
    common = [("etc", "dir", None), ("etc/common", os.urandom(700_000), None)]
    if index is None:
        return common
    own = [(f"own{number}", os.urandom(400_000), None) for number in range(3)]
    return [[("etc/linked", "hard", "etc/common"), *own], [(f"top{index}", os.urandom(900_000), None)]]


@pytest.fixture(params=("overlay", "erofs"))
def engine(module_engine_factory, request):
    need(os.geteuid() == 0, "root")
    one = module_engine_factory(extra_config=f'storage_driver = "{request.param}"')
    one.start()
    return one


@pytest.fixture
def rounds(request, full):
    if full:
        return 300
    return 40 if request.node.callspec.params["engine"] == "overlay" else 15


@pytest.fixture
def sources(engine, tmp_path):
    """The same images in a registry and as archives: (name in the registry, archive)."""
    folder = tmp_path / "registry"
    folder.mkdir()
    registry = Registry(folder, engine.host)
    common = layers_of(None)
    made = []
    for index, name in enumerate(NAMES):
        archive = tmp_path / f"{index}.tar"
        image_archive(archive, "loaded-" + name, [common, *layers_of(index)])
        made.append((registry.push(archive, name), archive))
    yield made
    registry.stop()


def recorded(engine):
    """Blobs and layers that the engine's records name."""
    blobs, layers = set(), set()
    with contextlib.closing(sqlite3.connect(engine.data_root / "estiba.db")) as database:
        for (text,) in database.execute("SELECT value FROM doc_images"):
            image = json.loads(text)
            digests = [image["id"], image["manifest"], *(name.split("@")[1] for name in image["repo_digests"]),
                       *(layer["digest"] for layer in image["layers"])]
            blobs |= {digest.removeprefix("sha256:") for digest in digests}
            layers |= {layer["chain_id"].removeprefix("sha256:") for layer in image["layers"]}
    return blobs, layers


def on_disk(engine):
    root = engine.data_root
    layers = {name.removesuffix(".erofs") for name in os.listdir(root / "snapshots/layers")}
    return set(os.listdir(root / "content/sha256")), layers


def clean(engine):
    root = engine.data_root
    unfinished = os.listdir(root / "content/ingest") + os.listdir(root / "snapshots/tmp")
    return not unfinished and recorded(engine) == on_disk(engine)


class Model:
    """What clients were told: names that must be there, and those that must not."""

    def __init__(self):
        self.there = set()
        self.gone = set()

    def told(self, operation, name, succeeded):
        for names in (self.there, self.gone):
            if operation == "prune":
                names.clear()
            names.discard(name)
        if succeeded and operation in ("pull", "load", "commit"):
            self.there.add(name)
        if succeeded and operation == "rmi":
            self.gone.add(name)

    def check(self, engine):
        have = set(engine.out("images", "--format", "{{.Repository}}:{{.Tag}}").split())
        assert self.there <= have, f"acknowledged, but lost: {self.there - have}"
        assert not self.gone & have, f"removed, but there: {self.gone & have}"


@pytest.fixture
def committable(engine):
    """A container with changes, and the name that its commits get."""
    engine.cli("run", "--name", "changed", "--network", "none", BOX, "sh", "-c",
               "dd if=/dev/urandom of=/new bs=100k count=9; rm /etc/group; "
               "rm -r /root; mkdir /root; ln /new /etc/linked")
    return "committed:1"


def pick(rng, sources, committed):
    name, archive = rng.choice(sources)
    loaded = "loaded-" + name.split("/")[1]
    return rng.choice([
        ("commit", committed, ["commit", "changed", committed]),
        ("commit", committed, ["commit", "changed", committed]),
        ("pull", name, ["pull", "-q", name]),
        ("pull", name, ["pull", "-q", name]),
        ("load", loaded, ["load", "-q", "-i", str(archive)]),
        ("rmi", rng.choice([name, loaded, committed]), None),
        ("prune", "", ["image", "prune", "-a", "-f"]),
        ("check", "", ["store", "check", "--repair", "-q"]),
    ])


def kill_something(engine, rng):
    """The engine, the transfer, or both; those that are there."""
    what = rng.choice([("estibad",), ("estibad",), ("estiba-transfer",), ("estibad", "estiba-transfer")])
    for pid in engine.host.processes():
        if process_name(pid).split(" ")[0].split("/")[-1] in what:
            kill_quietly(pid)


def test_killed_at_any_instant_the_store_is_sound(engine, sources, committable, rng, rounds):
    model = Model()
    for _ in range(rounds):
        operation, name, command = pick(rng, sources, committable)
        client = engine.popen(*(command or ["rmi", name]))
        with contextlib.suppress(subprocess.TimeoutExpired):
            client.wait(rng.uniform(0, 0.12))
        kill_something(engine, rng)
        out, err = client.communicate(timeout=60)
        model.told(operation, name, client.returncode == 0)
        engine.kill_all()
        engine.start()
        wait_until(lambda: clean(engine), f"nothing is left of '{operation} {name}' ({out}{err})")
        checked = engine.cli("store", "check", check=False)
        assert checked.returncode == 0, f"after '{operation} {name}': {checked.stdout}{checked.stderr}"
        model.check(engine)
    for name, _ in sources:  # and it goes on working
        engine.cli("pull", name)
    engine.cli("commit", "changed", committable)
    engine.cli("store", "check")


def locked(path):
    with open(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_what_a_late_transfer_leaves_is_cleared(engine):
    """One that outlives its engine may make its files when the next engine has begun."""
    root = engine.data_root
    engine.kill_all()
    late = root / "content/ingest/t1.1-late"
    transfer = os.open(root / "snapshots", os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(transfer, fcntl.LOCK_SH)

    def end():
        wait_until(lambda: locked(root / "engine.lock"), "the next engine begins")
        late.write_bytes(b"x")
        os.close(transfer)

    ending = threading.Thread(target=end)
    ending.start()
    engine.start()
    ending.join()
    assert not late.exists()
