"""kill -9 of the monitor of a container whose link sits on a link of the host's: the link goes, and with it the
addresses, which the next one has."""

import contextlib
import os
import signal
import subprocess
import time

import pytest

from harness import network
from harness.wait import wait_until

IMAGE = "estiba/busybox"


@pytest.fixture
def lan(engine):
    """The LAN's machine; who connects to its port 80 is not read."""
    with network.lan(engine.host) as other:
        deaf = subprocess.Popen(other.prefix() + ["socat", "TCP-LISTEN:80,reuseaddr,fork", "EXEC:sleep 1000"])
        wait_until(lambda: other.run("sh", "-c", "ss -ltn | grep -q :80", check=False).returncode == 0, "listening")
        # Of one such network a parent carries one link: a second start fails as long as the first one's link is there.
        engine.cli("network", "create", "-d", "macvlan", "-o", "parent=lan0", "-o", "macvlan_mode=passthru",
                   "--subnet", "192.0.2.0/24", "--gateway", "192.0.2.1", "lan")
        yield other
        engine.remove_everything()
        engine.cli("network", "rm", "lan")
        for pid in other.processes():
            os.kill(pid, signal.SIGKILL)
        deaf.wait()


@pytest.mark.parametrize("with_engine", [True, False], ids=["engine", "no-engine"])
def test_a_connection_that_is_left_half_closed_does_not_keep_the_link(engine, lan, with_engine):
    engine.cli("run", "-d", "--name", "web", "--network", "lan", IMAGE, "sh", "-c",
               "cat /dev/zero | nc 192.0.2.1 80")
    wait_until(lambda: "ESTAB" in lan.run("ss", "-tn", "state", "established", "sport", "=", ":80").stdout
               or lan.run("ss", "-Htn", "state", "established", "sport", "=", ":80").stdout.strip(), "it is connected")
    monitor = engine.monitor("web")
    if not with_engine:
        engine.kill()
    os.kill(monitor, signal.SIGKILL)
    if not with_engine:
        engine.start()
    wait_until(lambda: engine.state("web")["Status"] == "exited", "the exit is recorded")
    engine.cli("start", "web")
    assert engine.state("web")["Running"]


def test_kills_while_it_starts_leave_no_link(engine, lan, rng):
    for _ in range(12):
        command = engine.popen("run", "-d", "--name", "web", "--network", "lan", IMAGE, "sleep", "1000")
        monitor = wait_until(lambda: (found := engine.monitors()) and found[0], "a monitor")
        time.sleep(rng.uniform(0, 0.03))  # the instant is the point
        with contextlib.suppress(ProcessLookupError):  # a child of the monitor's, which is called so until it starts
            os.kill(monitor, signal.SIGKILL)
        command.communicate(timeout=60)
        engine.cli("rm", "-f", "web")
    engine.cli("run", "--rm", "--network", "lan", IMAGE, "true")
