"""What the host's network looks like before and after: rule set, links, rules, routes and settings, byte for byte, also
when engine, monitors and estiba-netd are killed at random instants amid everything that changes them."""

import contextlib
import os
import random
import signal
import subprocess
import threading
import time

import pytest

from harness.names import netds, run
from harness.network import beyond, difference, fetch, state
from harness.wait import wait_until

FORWARD = "/proc/sys/net/ipv4/ip_forward"


def set_to(host, path, value):
    host.run("sh", "-c", f"echo {value} > {path}")


def get(host, path):
    return host.run("cat", path).stdout.strip()


def stopped(engine):
    """The engine ends in order."""
    engine.stop()
    wait_until(lambda: not netds(engine), "estiba-netd has ended")


def assert_as_before(engine, before):
    last = []

    def same():
        last[:] = difference(before, state(engine.host))
        return not last
    try:
        wait_until(same, "the host is as it was", 30)
    except AssertionError:
        raise AssertionError("changed on the host:\n  " + "\n  ".join(last[:40])) from None


@pytest.fixture
def host(module_engine_factory):
    """An engine that was not started yet, on a host that forwards nothing, its state, and who is beyond its uplink."""
    engine = module_engine_factory()
    set_to(engine.host, FORWARD, 0)
    with beyond(engine.host) as outside:
        set_to(engine.host, "/proc/sys/net/ipv4/conf/up0/forwarding", 1)  # of the administrator's
        set_to(engine.host, "/proc/sys/net/ipv4/conf/all/accept_redirects", 1)
        wait_until(lambda: "tentative" not in engine.host.run("ip", "address").stdout, "addresses have settled")
        yield engine, state(engine.host), outside


def use_everything(engine):
    engine.cli("network", "create", "blue")
    engine.cli("network", "create", "--internal", "dark")
    run(engine, "one", "-p", "8080:80")
    run(engine, "two", network="bridge")
    run(engine, "three", network="dark")
    engine.cli("network", "create", "--ipv6", "six")
    run(engine, "four", network="six")


def test_the_host_is_as_it_was(host):
    engine, before, _ = host
    engine.start()
    assert difference(before, state(engine.host)) == []  # nobody needs anything yet
    use_everything(engine)
    assert get(engine.host, FORWARD) == "1"
    told = engine.out("info", "--format", "{{json .Warnings}}")
    assert "did not forward IPv4 packets" in told and "did not forward IPv6 packets" in told
    engine.cli("rm", "-f", "one", "two", "three", "four")
    engine.cli("network", "rm", "blue", "dark", "six")
    stopped(engine)
    assert_as_before(engine, before)


def test_without_an_engine_the_last_monitor_puts_it_back(host):
    engine, before, _ = host
    engine.start()
    for name in ("one", "two"):
        engine.cli("run", "-d", "--name", name, "-p", "80", "estiba/busybox", "sleep", "1000")
    pids = [engine.state(name)["Pid"] for name in ("one", "two")]
    engine.kill()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    assert_as_before(engine, before)
    engine.start()


def test_an_internal_network_needs_no_forwarding(host):
    engine, _, _ = host
    engine.start()
    engine.cli("network", "create", "--internal", "dark")
    run(engine, "three", network="dark")
    assert get(engine.host, FORWARD) == "0"
    engine.cli("rm", "-f", "three")


def test_what_others_change_meanwhile_stays(host):
    engine, _, _ = host
    engine.start()
    run(engine, "one", network="bridge")
    set_to(engine.host, "/proc/sys/net/ipv4/conf/up0/forwarding", 0)
    set_to(engine.host, "/proc/sys/net/ipv4/conf/all/accept_redirects", 1)
    engine.cli("rm", "-f", "one")
    stopped(engine)
    assert get(engine.host, FORWARD) == "0"
    assert get(engine.host, "/proc/sys/net/ipv4/conf/up0/forwarding") == "0"
    assert get(engine.host, "/proc/sys/net/ipv4/conf/all/accept_redirects") == "1"
    engine.start()
    run(engine, "one", network="bridge")
    set_to(engine.host, FORWARD, 0)  # by somebody who wants it off
    set_to(engine.host, "/proc/sys/net/ipv4/conf/lo/forwarding", 1)
    engine.cli("rm", "-f", "one")
    stopped(engine)
    assert get(engine.host, FORWARD) == "0" and get(engine.host, "/proc/sys/net/ipv4/conf/lo/forwarding") == "1"


def test_forwarding_that_was_on_stays_on(host):
    engine, _, _ = host
    set_to(engine.host, FORWARD, 1)
    before = state(engine.host)
    engine.start()
    run(engine, "one", network="bridge")
    engine.cli("rm", "-f", "one")
    stopped(engine)
    assert_as_before(engine, before)


def test_a_bridge_of_the_administrators_stays(host):
    engine, _, _ = host
    engine.host.run("ip", "link", "add", "estiba0", "type", "bridge")
    engine.start()
    run(engine, "one", network="bridge")
    engine.cli("rm", "-f", "one")
    stopped(engine)
    assert "estiba0" in engine.host.run("ip", "link").stdout


# ---- killed at random instants ----

class Chaos:
    """Commands and events in one thread, kills in another; no command need succeed."""

    def __init__(self, engine, outside, rng):
        self.engine, self.outside, self.rng = engine, outside, rng
        self.kills = {"engine": 0, "monitor": 0, "netd": 0}
        self.names = [f"c{i}" for i in range(4)]

    def act(self):
        rng, engine = self.rng, self.engine
        name, network = rng.choice(self.names), rng.choice(["bridge", "blue", "red", "dark"])
        what = rng.choice(["run", "run", "run", "rm", "restart", "stop", "create", "drop", "flush", "flush", "firewall",
                           "fetch"])
        if what == "run":
            self.cli("run", "-d", "--name", name, "--network", network, *rng.choice([(), ("-p", "8080:80")]),
                     "--restart", rng.choice(["no", "always"]), "estiba/busybox", "sleep", "1000")
        elif what == "rm":
            self.cli("rm", "-f", name)
        elif what in ("restart", "stop"):
            self.cli(what, "-t", "0", name)
        elif what == "create":
            self.cli("network", "create", *(["--internal"] if network == "dark" else []), network)
        elif what == "drop":
            self.cli("network", "rm", network)
        elif what == "flush":
            engine.host.run("nft", "flush ruleset", check=False)
        elif what == "firewall":
            engine.host.run("nft", "flush ruleset; table ip other { chain input "
                                   "{ type filter hook input priority 0; } }", check=False)
        else:
            fetch(self.outside, "192.0.2.1", 8080)

    def cli(self, *arguments):
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.engine.cli(*arguments, check=False, timeout=60)

    def victims(self, what):
        if what == "engine":
            return self.engine.engines()
        if what == "netd":
            return netds(self.engine)
        return self.engine.monitors()

    def kill(self, rng):
        what = rng.choice(list(self.kills))
        victims = self.victims(what)
        if not victims:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(rng.choice(victims), signal.SIGKILL)
            self.kills[what] += 1


def test_killed_at_random_instants(host, rng, full):
    engine, before, outside = host
    wanted = 300 if full else 36
    engine.start()
    chaos = Chaos(engine, outside, random.Random(rng.random()))
    over = threading.Event()

    def act():
        while not over.is_set():
            chaos.act()
    actor = threading.Thread(target=act)
    actor.start()
    try:
        while sum(chaos.kills.values()) < wanted and actor.is_alive():
            time.sleep(rng.random() / 4)  # the instant, not a wait
            chaos.kill(rng)
    finally:
        over.set()
        actor.join()
    assert sum(chaos.kills.values()) >= wanted and all(chaos.kills.values()), chaos.kills
    engine.kill_all()
    engine.host.run("nft", "flush ruleset")
    engine.start()
    engine.remove_everything()
    for name in engine.out("network", "ls", "--filter", "type=custom", "--format", "{{.Name}}").split():
        engine.cli("network", "rm", name)
    stopped(engine)
    assert_as_before(engine, before)
