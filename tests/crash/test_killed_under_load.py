"""kill -9 of the engine at random instants while many clients do everything at once: what was acknowledged holds, the
next engine's view is the kernel's, and containers and the sessions with them do not notice."""

import contextlib
import random
import subprocess
import time

import pytest

from harness.api import Session
from harness.engine import BIN
from harness.mixed_load import BOX, MixedLoad, start_time
from harness.registry import Registry
from harness.tar import image_archive
from harness.traffic import ECHO, Talk


class Witness:
    """A container that serves on a port and echoes what is attached to it, a second with a session inside and a
    follower of its log: each was opened once, and has to go on."""

    def __init__(self, engine):
        self.engine = engine
        engine.cli("run", "-d", "--name", "server", "-p", "8080:7", *ECHO)
        engine.cli("run", "-d", "-i", "--name", "echo", BOX, "cat")
        self.pids = {name: self.process(name) for name in ("server", "echo")}
        self.talk = Talk(engine.host.prefix(), "127.0.0.1", 8080)
        assert self.talk.opened
        self.attached = Session(engine.socket, "/containers/echo/attach?stream=1&stdin=1&stdout=1&stderr=1")
        made = engine.api("POST", "/containers/server/exec",
                          {"Cmd": ["cat"], "AttachStdin": True, "AttachStdout": True})[1]["Id"]
        self.inside = Session(engine.socket, f"/exec/{made}/start", {})
        self.follower = engine.popen("logs", "-f", "echo")
        self.count = 0

    def process(self, name):
        pid = self.engine.state(name)["Pid"]
        return pid, start_time(pid)

    def check(self):
        word = f"word{self.count}"
        self.count += 1
        assert self.talk.says(word) == word
        assert self.attached.says(word.encode()) == word.encode()
        assert self.inside.says(word.encode()) == word.encode()
        assert self.follower.stdout.readline() == word + "\n"
        assert {name: self.process(name) for name in self.pids} == self.pids

    def end(self):
        """When the container ends everything does, in order."""
        self.engine.cli("stop", "-t", "0", "echo")
        assert self.attached.rest() == b""
        assert (self.follower.stdout.read(), self.follower.wait(30)) == ("", 0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.talk.end()
        self.inside.close()
        self.attached.close()
        self.follower.kill()
        self.follower.communicate()


@pytest.fixture
def images(engine, tmp_path, rng):
    """Names of images in a registry that share their lowest layer."""
    folder = tmp_path / "registry"
    folder.mkdir()
    registry = Registry(folder, engine.host)
    common = [("common", rng.randbytes(500_000), None)]
    names = []
    for index in range(3):
        archive = tmp_path / "image.tar"
        image_archive(archive, "x:1", [common, [(f"own{index}", rng.randbytes(800_000), None)]])
        names.append(registry.push(archive, f"image{index}:1"))
        archive.unlink()
    yield names
    registry.stop()


def restart(engine, rng):
    """The next engine; one time in four it is killed on its way, too."""
    if rng.random() < 0.25:
        command = [*engine.host.prefix(), str(BIN / "estibad"), "--config", str(engine.config)]
        early = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=engine.log, stderr=engine.log)
        with contextlib.suppress(subprocess.TimeoutExpired):
            early.wait(rng.uniform(0, 0.15))
        early.kill()
        early.wait()
    engine.start()


def test_killed_at_random_instants_under_load(engine, images, rng, full):
    rounds = 300 if full else 30
    with Witness(engine) as witness, MixedLoad(engine, random.Random(rng.random()), images) as load:
        for number in range(rounds):
            load.go()
            time.sleep(rng.uniform(0, 0.4))  # the instant, not a wait
            engine.kill()
            load.rest()
            restart(engine, rng)
            load.check()
            witness.check()
            if number % 10 == 9:
                engine.cli("store", "check")
        kinds = {"create", "start", "execute", "stop", "remove", "read_logs", "pull", "rmi"}
        assert kinds <= load.done.keys(), load.done
        witness.end()
    print(load.done)
    for name in images:
        engine.cli("rmi", "-f", name, check=False)
