"""An engine spawned by a command from a hostile shell passes nothing of it to containers or to itself."""

import os
import pathlib
import signal
import subprocess

import pytest

from harness.wait import wait_until

# Closed stdio is the shell's `<&- >&- 2>&-`: the command runs with 0, 1 and 2 not open at all.
HOSTILE = r"""
trap '' HUP INT TERM PIPE QUIT USR1
umask 077
ulimit -n 200
for fd in $(seq 10 110); do eval "exec $fd</etc/passwd"; done
cd /tmp
export SECRET_OF_THE_SHELL=1 LD_BIND_NOW=1
"$@" <&- >&- 2>&-
"""


@pytest.fixture
def spawner(engine):
    """The engine of the fixture is gone; the next command must spawn one."""
    engine.cli("run", "--rm", "estiba/busybox", "true")
    engine.stop()
    group = pathlib.Path("/sys/fs/cgroup/memory/estiba-hostile-shell")
    group.mkdir(exist_ok=True)
    (group / "memory.limit_in_bytes").write_text(str(200 << 20))
    yield group
    engine.kill_all()
    wait_until(lambda: not (group / "cgroup.procs").read_text(), "the shell's cgroup is empty")
    group.rmdir()
    engine.start()


def test_nothing_of_a_hostile_shell_is_passed_on(engine, spawner):
    script = ("ls /proc/self/fd | wc -l; grep -E 'Sig(Ign|Blk)' /proc/self/status; umask; env; ulimit -Sn;"
              "sleep 1000")
    run = engine.command("run", "-d", "--name", "hostile", "estiba/busybox", "sh", "-c", script)
    command = ["bash", "-c", HOSTILE, "bash", *run]
    client = subprocess.Popen(command, env=engine.environment(),
                              preexec_fn=lambda: (spawner / "cgroup.procs").write_text(str(os.getpid())))
    assert client.wait(60) == 0
    (pid,) = engine.engines()
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    assert "Umask:\t0022" in status
    ignored = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigIgn"))
    for name in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGUSR1):
        assert not ignored & (1 << (name - 1)), name
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    descriptors = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    assert "/etc/passwd" not in descriptors
    assert os.getsid(pid) == pid
    assert "estiba-hostile-shell" not in pathlib.Path(f"/proc/{pid}/cgroup").read_text()
    environment = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
    assert b"SECRET_OF_THE_SHELL" not in environment

    inside = engine.state("hostile")["Pid"]
    assert "estiba-hostile-shell" not in pathlib.Path(f"/proc/{inside}/cgroup").read_text()
    text = wait_until(lambda: (t := engine.cli("logs", "hostile").stdout) and "PATH=" in t and t,
                      "its output is logged")
    lines = text.splitlines()
    assert lines[0] == "4"
    assert [line.split()[1] for line in lines[1:3]] == ["0" * 16] * 2
    assert lines[3] == "0022"
    assert "SECRET_OF_THE_SHELL" not in text
    engine.cli("rm", "-f", "hostile")


def test_two_commands_at_once_start_one_engine(engine, spawner):
    clients = [engine.popen("ps", "-q") for _ in range(8)]
    assert [client.wait(60) for client in clients] == [0] * 8
    assert len(engine.engines()) == 1
