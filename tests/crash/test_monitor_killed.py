"""kill -9 of a monitor: its container's processes end, everything on the host is undone, the exit is recorded."""

import os
import signal

import pytest

from harness.wait import wait_until


def monitor_of(engine, name):
    """The monitor is the parent of the container's PID 1."""
    pid = engine.state(name)["Pid"]
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return int(file.read().rsplit(")", 1)[1].split()[1])


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rsplit(")", 1)[1].split()[0] == "Z"


CHANGED_UID = ["-u", "1000:1000"]


@pytest.mark.parametrize("options", [[], CHANGED_UID], ids=["root", "changed-uid"])
def test_with_an_engine_running(engine, options):
    engine.cli("run", "-d", "--name", "mon", "-p", "8080:80", *options, "estiba/busybox", "sh", "-c",
               "sleep 1000 & sleep 1000")
    pid, monitor = engine.state("mon")["Pid"], monitor_of(engine, "mon")
    os.kill(monitor, signal.SIGKILL)
    wait_until(lambda: gone(pid), "its processes are gone", 1.0)
    state = wait_until(lambda: (s := engine.state("mon"))["Status"] == "exited" and s, "the exit is recorded")
    assert state["ExitCode"] == 137
    assert "monitor died" in state["Error"]
    engine.cli("rm", "mon")
    engine.assert_no_leaks()


def test_with_no_engine_running(engine):
    engine.cli("run", "-d", "--name", "mon", "-u", "1000", "estiba/busybox", "sleep", "1000")
    pid, monitor = engine.state("mon")["Pid"], monitor_of(engine, "mon")
    engine.kill()
    os.kill(monitor, signal.SIGKILL)
    engine.start()
    state = wait_until(lambda: (s := engine.state("mon"))["Status"] == "exited" and s, "the exit is recorded")
    assert gone(pid)
    assert state["ExitCode"] == 137 and "monitor died" in state["Error"]


def test_the_restart_policy_applies(engine):
    engine.cli("run", "-d", "--name", "mon", "--restart", "always", "estiba/busybox", "sleep", "1000")
    pid = engine.state("mon")["Pid"]
    os.kill(monitor_of(engine, "mon"), signal.SIGKILL)
    state = wait_until(lambda: (s := engine.state("mon"))["Running"] and s["Pid"] not in (0, pid) and s,
                       "it was started again")
    assert state["Pid"] != pid
    engine.cli("rm", "-f", "mon")


def test_rm_applies(engine):
    engine.cli("run", "-d", "--rm", "--name", "mon", "estiba/busybox", "sleep", "1000")
    os.kill(monitor_of(engine, "mon"), signal.SIGKILL)
    wait_until(lambda: engine.out("ps", "-aq") == "", "it was removed")
