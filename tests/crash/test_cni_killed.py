"""kill -9 of engine, monitor and estiba-cni while CNI plugins work: all that they made is taken back."""

import contextlib
import os
import signal
import time

import pytest

from harness import cni as cni_harness
from harness import network
from harness.engine import process_name, running
from harness.wait import wait_until

IMAGE = "estiba/busybox"


@pytest.fixture
def cni(tmp_path):
    return cni_harness.Cni(tmp_path / "cni")


@pytest.fixture
def engine(cni, tmp_path):
    cni.network("blue", cni.bridge(), cni_harness.PORTMAP, {"type": "tuning", "mtu": 1400})
    with running(cni_harness.engine_with(cni, tmp_path)) as one:
        yield one


def victims(engine, kind):
    """Pids of the programs of that kind, by what they were started as."""
    found = []
    for pid in engine.host.processes():
        words = process_name(pid).split(" ")[0].split("/")[-1]
        if words == kind:
            found.append(pid)
    return found


def kill(pids):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself
            os.kill(pid, signal.SIGKILL)


def settle(engine, cni):
    if engine.process.poll() is not None:
        engine.start()
    engine.cli("rm", "-f", "web", check=False)
    wait_until(lambda: not cni_harness.left(engine, cni), "all is taken back", 60)


def test_kills_at_any_instant_leave_nothing(engine, cni, rng, full):
    kinds = ["estibad", "estiba-monitor", "estiba-cni"]
    for turn in range(120 if full else 15):
        kind = kinds[turn % len(kinds)]
        command = engine.popen("run", "-d", "--name", "web", "--network", "blue", "-p", "8080:80", IMAGE,
                               "sleep", "1000")
        if turn % 2:  # at its end, not at its start
            command.communicate(timeout=60)
            command = engine.popen("rm", "-f", "web")
        wait_until(lambda: victims(engine, kind) or command.poll() is not None, f"a {kind}")
        time.sleep(rng.uniform(0, 0.25))  # the instant is the point
        kill(victims(engine, kind))
        command.communicate(timeout=90)
        if kind == "estibad":
            engine.process.wait(30)
        settle(engine, cni)
    engine.cli("run", "-d", "--name", "web", "--network", "blue", "-p", "8080:80", IMAGE,
               "nc", "-ll", "-p", "80", "-e", "echo", "from", "web")
    wait_until(lambda: network.fetch(engine.host, "127.0.0.1", 8080) == "from web", "an answer")
    settle(engine, cni)


def test_a_plugin_that_outlives_everybody_is_waited_for(engine, cni):
    """Engine, monitor and estiba-cni are killed while a plugin works: what it makes then is taken back, too."""
    gate = cni.bin / "gate"
    cni.pass_on("slow", f'[ "$CNI_COMMAND" = ADD ] && while [ ! -e "{gate}" ]; do sleep 0.05; done')
    cni.network("green", cni.bridge("10.97.0.0/24", "cni-test1"), {"type": "slow"})
    command = engine.popen("run", "-d", "--name", "web", "--network", "green", IMAGE, "sleep", "1000")
    wait_until(lambda: "slow ADD" in cni.said(), "the plugin works")
    for kind in ("estibad", "estiba-monitor", "estiba-cni"):
        kill(victims(engine, kind))
    engine.process.wait(30)
    command.communicate(timeout=60)
    engine.start()
    assert cni_harness.left(engine, cni) != []
    gate.touch()
    wait_until(lambda: not cni_harness.left(engine, cni), "all is taken back", 60)
    assert "slow DEL" in cni.said()
    settle(engine, cni)
