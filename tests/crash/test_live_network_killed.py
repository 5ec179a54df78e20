"""kill -9 of the engine or of a container's monitor at each of the system calls by which a running container's network
is changed: nothing is left, and what is told afterwards is so."""

import json
import os
import re
import signal
import subprocess
import threading

import pytest

from harness import leaks
from harness.faults import killed_at
from harness.traffic import ECHO
from harness.wait import wait_until

CHANGES = {
    "connect": (["network", "connect", "green", "web"], ["network", "disconnect", "green", "web"]),
    "disconnect": (["network", "disconnect", "green", "web"], ["network", "connect", "green", "web"]),
    "publish": (["port", "add", "web", "8081:7"], ["port", "rm", "web", "8081:7"]),
}
CALLS = ["sendto", "sendmsg", "renameat", "openat", "setns", "close"]
ENGINE_CALLS = ["sendmsg", "renameat", "pwrite64", "openat"]


def told(engine):
    """What the engine says of the container: its networks' interfaces by address, and its ports."""
    view = engine.inspect("web")
    addresses = {one["IPAddress"] for one in view["NetworkSettings"]["Networks"].values()} - {""}
    bound = view["NetworkSettings"]["Ports"]
    ports = {(int(at["HostPort"]), port) for port, places in bound.items() for at in places or []}
    return addresses, ports


def true(engine):
    """The same by what the kernel says."""
    pid = engine.state("web")["Pid"]
    links = json.loads(subprocess.run(["nsenter", f"--net=/proc/{pid}/ns/net", "ip", "-j", "-4", "addr"], check=True,
                                      capture_output=True, text=True).stdout)
    addresses = {address["local"] for link in links for address in link["addr_info"] if link["ifname"] != "lo"}
    ports = {int(port) for element in leaks.nft_elements(engine.host) for port in re.findall(r"\b808[01]\b", element)}
    return addresses, ports


def agrees(engine):
    says, is_so = told(engine), true(engine)
    return says[0] == is_so[0] and {host for host, _ in says[1]} == is_so[1]


def instants(full, rng, call):
    """Calls to be killed at: all of the first forty, or the first and a sample."""
    return range(1, 41) if full else [1, *sorted(rng.sample(range(2, 13 if call != "openat" else 31), 2))]


@pytest.fixture
def web(engine):
    engine.cli("network", "create", "blue")
    engine.cli("network", "create", "green")
    begin(engine)
    yield engine
    engine.remove_everything()
    engine.cli("network", "rm", "blue", "green")


def begin(engine):
    engine.cli("rm", "-f", "web", check=False)
    engine.cli("run", "-d", "--name", "web", "--network", "blue", "-p", "8080:7", *ECHO)


def monitor_answers(engine):
    return engine.api("GET", "/containers/web/top")[0] == 200


@pytest.mark.parametrize("change", CHANGES)
def test_the_monitor_killed(web, change, full, rng):
    do, undo = CHANGES[change]
    kills = 0
    for call in CALLS:
        for when in instants(full, rng, call):
            if change == "disconnect":
                web.cli("network", "connect", "green", "web", check=False)
            with killed_at(web.monitor("web"), call, when, alone=True):
                web.cli(*do, check=False)
            if monitor_answers(web):  # it was done before
                assert agrees(web), (call, when, told(web), true(web))
                web.cli(*undo)
                continue
            kills += 1
            wait_until(lambda: web.state("web")["Status"] == "exited", "the death is recorded")
            assert web.state("web")["ExitCode"] == 137
            left = [line for line in web.leaks() if not line.startswith("files: ")]
            assert left == [], (call, when, left)
            begin(web)
            assert agrees(web)
    firsts = set(CALLS) - ({"setns"} if change != "connect" else set())  # a link is made inside, not deleted there
    assert kills >= len(firsts)


@pytest.mark.parametrize("change", CHANGES)
def test_the_engine_killed(web, change, full, rng):
    do, undo = CHANGES[change]
    if change == "disconnect":
        web.cli("network", "connect", "green", "web")
    kills = 0
    for call in ENGINE_CALLS:
        for when in instants(full, rng, call):
            with killed_at(web.process.pid, call, when):
                web.cli(*do, check=False, timeout=60)
            if not web.survives():
                kills += 1
                web.kill_all()
                web.process.wait(30)
                web.start()
            assert web.state("web")["Running"]
            assert agrees(web), (call, when, told(web), true(web))
            web.cli(*undo, check=False)
            if change == "disconnect":
                web.cli("network", "connect", "green", "web", check=False)
            assert agrees(web), (call, when, told(web), true(web))
    assert kills >= len(ENGINE_CALLS)


def test_both_killed_at_random_instants(web, full, rng):
    for _ in range(100 if full else 6):
        do, _ = CHANGES[rng.choice(sorted(CHANGES))]
        monitor = web.monitor("web")
        timers = [threading.Timer(rng.random() / 10, os.kill, (pid, signal.SIGKILL))
                  for pid in (monitor, web.process.pid)]
        for timer in timers:
            timer.start()
        web.cli(*do, check=False, timeout=30)
        for timer in timers:
            timer.join()
        web.kill_all()
        web.process.wait(30)
        web.start()
        wait_until(lambda: web.state("web")["Status"] == "exited", "the death is recorded")
        left = [line for line in web.leaks() if not line.startswith("files: ")]
        assert left == [], left
        web.cli("start", "web")
        assert agrees(web), (told(web), true(web))
