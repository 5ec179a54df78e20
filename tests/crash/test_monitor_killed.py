"""kill -9 of a monitor: its container's processes end, everything on the host is undone, the exit is recorded."""

import os
import signal

import pytest

from harness import leaks
from harness.faults import inject
from harness.wait import wait_until


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rsplit(")", 1)[1].split()[0] == "Z"


def processes_of(engine, container):
    """Pids in the container's cgroups; none when those are gone."""
    found = set()
    for procs in leaks.CGROUPS.glob(f"*/{engine.cgroup_path}/{container}/cgroup.procs"):
        try:
            found |= {int(pid) for pid in procs.read_text().split()}
        except OSError:
            pass  # it was removed while we looked
    return found


def two_processes_of(engine, name):
    container = engine.inspect(name)["Id"]
    return wait_until(lambda: len(found := processes_of(engine, container)) == 2 and found, "it has two processes")


def exited(engine, name):
    return wait_until(lambda: (s := engine.state(name))["Status"] == "exited" and s, "the exit is recorded")


CHANGED_UID = ["-u", "1000:1000"]


@pytest.mark.parametrize("options", [[], CHANGED_UID], ids=["root", "changed-uid"])
def test_with_an_engine_running(engine, options):
    engine.cli("run", "-d", "--name", "mon", "-p", "8080:80", *options, "estiba/busybox", "sh", "-c",
               "sleep 1000 & sleep 1000")
    monitor = engine.monitor("mon")
    pids = two_processes_of(engine, "mon")
    assert engine.state("mon")["Pid"] in pids
    os.kill(monitor, signal.SIGKILL)
    wait_until(lambda: all(gone(pid) for pid in pids), "its processes are gone", 1.0)
    state = exited(engine, "mon")
    assert state["ExitCode"] == 137
    assert "monitor died" in state["Error"]
    # Undone before anybody removes it: only what a stopped container keeps is there.
    left = [line for line in engine.leaks() if not line.startswith("files: ")]
    assert left == [], left
    engine.cli("rm", "mon")
    engine.assert_no_leaks()


@pytest.mark.parametrize("then", ["rm", "start"])
def test_who_clears_after_it_killed_as_well(module_engine_factory, then):
    """As often as the engine starts one: what is left is taken away before the container is removed or runs again."""
    engine = module_engine_factory()
    engine.start()
    engine.cli("run", "-d", "--name", "mon", "-p", "8080:80", "estiba/busybox", "sleep", "1000")
    identity = engine.inspect("mon")["Id"]
    engine.stop()
    engine.start(inject("unlinkat", delay=0.2))  # of cgroups, too
    os.kill(engine.monitor("mon"), signal.SIGKILL)
    killed = set()

    def exited():
        for pid in set(engine.monitors(identity)) - killed:
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        return engine.api("GET", "/containers/mon/json")[1]["State"]["Status"] == "exited"
    wait_until(exited, "the engine has given up", 60)
    assert len(killed) >= 3 and any("cgroups: " in line for line in engine.leaks())
    if then == "start":
        engine.cli("start", "mon")
        assert engine.state("mon")["Running"]
    engine.cli("rm", "-f", "mon")
    engine.assert_no_leaks()


def test_what_joined_the_container_ends_with_it(engine):
    engine.cli("run", "-d", "--name", "mon", "estiba/busybox", "sleep", "1000")
    engine.cli("exec", "-d", "mon", "sleep", "1000")
    pids = two_processes_of(engine, "mon")
    os.kill(engine.monitor("mon"), signal.SIGKILL)
    # PID 1 waits for its namespace's last zombie, which was the monitor's child and is now the host's init's to reap.
    wait_until(lambda: all(gone(pid) for pid in pids), "its processes are gone")
    assert exited(engine, "mon")["ExitCode"] == 137


@pytest.mark.parametrize("options", [[], CHANGED_UID], ids=["root", "changed-uid"])
def test_with_no_engine_running(engine, options):
    engine.cli("run", "-d", "--name", "mon", "-p", "8080:80", *options, "estiba/busybox", "sh", "-c",
               "sleep 1000 & sleep 1000")
    monitor = engine.monitor("mon")
    pids = two_processes_of(engine, "mon")
    engine.kill()
    os.kill(monitor, signal.SIGKILL)
    engine.start()
    state = exited(engine, "mon")
    assert all(gone(pid) for pid in pids)
    assert state["ExitCode"] == 137 and "monitor died" in state["Error"]
    left = [line for line in engine.leaks() if not line.startswith("files: ")]
    assert left == [], left


@pytest.mark.parametrize("policy", ["always", "unless-stopped", "on-failure:2"])
@pytest.mark.parametrize("with_engine", [True, False], ids=["engine", "no-engine"])
def test_the_restart_policy_applies(engine, policy, with_engine):
    engine.cli("run", "-d", "--name", "mon", "--restart", policy, "estiba/busybox", "sleep", "1000")
    pid, monitor = engine.state("mon")["Pid"], engine.monitor("mon")
    if not with_engine:
        engine.kill()
    os.kill(monitor, signal.SIGKILL)
    if not with_engine:
        engine.start()
    state = wait_until(lambda: (s := engine.state("mon"))["Running"] and s["Pid"] not in (0, pid) and s,
                       "it was started again")
    assert gone(pid) and not gone(state["Pid"])
    assert engine.inspect("mon")["RestartCount"] == 1
    engine.cli("rm", "-f", "mon")


def test_one_that_is_being_stopped_stays_down(engine):
    engine.cli("run", "-d", "--name", "mon", "--restart", "unless-stopped", "estiba/busybox", "sh", "-c",
               "trap 'echo asked' TERM; echo up; while :; do sleep 0.05; done")
    wait_until(lambda: engine.out("logs", "mon") == "up", "it traps the stop signal")
    stop = engine.popen("stop", "-t", "1000", "mon")
    wait_until(lambda: "asked" in engine.out("logs", "mon"), "the stop has reached it")
    os.kill(engine.monitor("mon"), signal.SIGKILL)
    stop.communicate(timeout=30)
    assert exited(engine, "mon")["ExitCode"] == 137
    engine.cli("rm", "mon")  # refused if it ran again


@pytest.mark.parametrize("with_engine", [True, False], ids=["engine", "no-engine"])
def test_rm_applies(engine, with_engine):
    engine.cli("run", "-d", "--rm", "--name", "mon", "estiba/busybox", "sleep", "1000")
    monitor = engine.monitor("mon")
    if not with_engine:
        engine.kill()
    os.kill(monitor, signal.SIGKILL)
    if not with_engine:
        engine.start()
    wait_until(lambda: engine.out("ps", "-aq") == "", "it was removed")


def test_the_oom_flag_is_kept(engine):
    engine.cli("run", "-d", "--name", "mon", "-m", "24m", "--memory-swap", "24m", "estiba/busybox", "sh", "-c",
               "tail /dev/zero; echo survived; exec sleep 1000")
    wait_until(lambda: engine.out("logs", "mon").endswith("survived"), "a child was killed for its memory")
    monitor = engine.monitor("mon")
    engine.kill()
    os.kill(monitor, signal.SIGKILL)
    engine.start()
    assert exited(engine, "mon")["OOMKilled"] is True
