"""kill -9 at random instants of what the network of a user's containers is made of: what was acknowledged stays
reachable, and nothing is left."""

import os
import signal
import time

import pytest

from harness.engine import running
from harness.need import need, need_program
from harness.rootless import OpenTun, RootlessEngine, User
from harness.user_network import ask, listens, outside, processes, reaches_outside, serving
from harness.wait import wait_until

KINDS = ("uplink", "keeper", "way out", "netd", "engine")


@pytest.fixture
def engine():
    need(os.geteuid() == 0, "root")
    need_program("pasta")
    tun = OpenTun()
    user = User()
    try:
        with running(RootlessEngine(user)) as one:
            yield one
    finally:
        user.remove()
        tun.close()


def kill_some(engine, rng):
    """One to three of them at once; an engine that was killed is started again."""
    victims = rng.sample(KINDS, rng.randint(1, 3))
    pids = [pid for kind in victims if kind != "engine" for pid in processes(engine, kind)]
    if "engine" in victims:
        engine.kill()
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    if "engine" in victims:
        engine.start()


def answers(engine):
    wait_until(lambda: ask(engine.host, "127.0.0.1", 8080) == "inside\n", "the published port answers")
    wait_until(lambda: engine.cli("exec", "two", "nc", "-w", "2", "one", "80", check=False).stdout == "inside\n",
               "one container reaches the other by name")
    wait_until(lambda: reaches_outside(engine, "two") == "outside\n", "the way out is there")


def test_random_kills_lose_nothing(engine, rng, full):
    with outside(engine) as other, serving(other, "socat", "TCP-LISTEN:80,reuseaddr,fork", "SYSTEM:echo outside"):
        wait_until(lambda: listens(other, 80), "the server listens")
        engine.cli("network", "create", "blue")
        engine.cli("run", "-d", "--name", "one", "--network", "blue", "-p", "8080:80", "estiba/busybox",
                   "nc", "-ll", "-p", "80", "-e", "echo", "inside")
        engine.cli("run", "-d", "--name", "two", "--network", "blue", "estiba/busybox", "sleep", "1d")
        answers(engine)
        for _ in range(60 if full else 4):
            for _ in range(rng.randint(1, 3)):
                time.sleep(rng.random() / 10)  # the instant, not a wait
                kill_some(engine, rng)
            answers(engine)
        engine.cli("rm", "-f", "one", "two")
        engine.cli("network", "rm", "blue")
        gone(engine)


def gone(engine):
    wait_until(lambda: not any(processes(engine, kind) for kind in ("uplink", "keeper", "way out", "netd")),
               "nothing is left of the network")
    assert not listens(engine.host, 8080)


def test_a_killed_monitor_gives_its_port_back(engine, rng, full):
    for _ in range(20 if full else 3):
        engine.cli("run", "-d", "--name", "one", "-p", "8080:80", "estiba/busybox",
                   "nc", "-ll", "-p", "80", "-e", "echo", "inside")
        time.sleep(rng.random() / 20)  # the instant, not a wait
        os.kill(engine.monitors()[0], signal.SIGKILL)
        wait_until(lambda: engine.state("one")["Status"] == "exited", "the loss is recorded")
        engine.cli("start", "one")
        wait_until(lambda: ask(engine.host, "127.0.0.1", 8080) == "inside\n", "the port answers")
        engine.cli("rm", "-f", "one")
    gone(engine)
