"""kill -9 of the engine at a moment of our choosing: containers, sessions, exit codes and logs do not notice."""

import signal
import subprocess

import pytest

from harness.terminal import Terminal
from harness.wait import wait_until


def test_containers_keep_running_and_logging_and_the_next_engine_knows_them(engine):
    engine.cli("run", "-d", "--name", "ticker", "estiba/busybox", "sh", "-c",
               "i=0; while :; do echo line $i; i=$((i+1)); sleep 0.02; done")
    pid = engine.state("ticker")["Pid"]
    wait_until(lambda: "line 3" in engine.cli("logs", "ticker").stdout, "the first lines")
    engine.kill()
    engine.start()
    state = engine.state("ticker")
    assert state["Running"] and state["Pid"] == pid
    count = len(engine.cli("logs", "ticker").stdout.splitlines())
    wait_until(lambda: len(engine.cli("logs", "ticker").stdout.splitlines()) > count + 5, "it goes on logging")
    numbers = [int(line.split()[1]) for line in engine.cli("logs", "ticker").stdout.splitlines()]
    assert numbers == list(range(len(numbers)))
    assert engine.out("exec", "ticker", "echo", "in") == "in"
    engine.cli("stop", "-t", "0", "ticker")


def test_the_next_command_starts_an_engine(engine):
    """The command line finds the socket silent and spawns an engine, which ends when told to."""
    engine.cli("run", "-d", "--name", "kept", "estiba/busybox", "sleep", "1000")
    engine.kill()
    assert engine.out("ps", "--format", "{{.Names}}") == "kept"
    spawned = engine.out("info", "--format", "{{json .}}")
    assert '"ServerVersion"' in spawned
    engine.kill_all()
    engine.start()


def test_one_started_while_another_dies_takes_over(engine, full):
    """The dying one still has its socket and its lock for a moment; that is not "another engine"."""
    for _ in range(100 if full else 10):
        dying = engine.process
        dying.send_signal(signal.SIGKILL)
        engine.start()
        dying.wait()


@pytest.mark.parametrize("command", ["run", "exec"])
def test_an_open_terminal_goes_on_and_returns_the_code(engine, command):
    if command == "run":
        shell = Terminal(engine.command("run", "-it", "--name", "term", "estiba/busybox", "sh"), engine.environment())
    else:
        engine.cli("run", "-d", "--name", "term", "estiba/busybox", "sleep", "1000")
        shell = Terminal(engine.command("exec", "-it", "term", "sh"), engine.environment())
    try:
        shell.type("echo rea''dy\n")
        shell.expect("ready")
        engine.kill()
        shell.type("echo sti''ll\n")
        shell.expect("still")
        shell.type("exit 9\n")
        assert shell.wait() == 9
    finally:
        shell.close()
        engine.kill_all()
        engine.start()


def test_logs_f_goes_on_to_the_end(engine):
    engine.cli("run", "-d", "--name", "talker", "estiba/busybox", "sh", "-c",
               "echo one; while [ ! -e /go ]; do sleep 0.02; done; echo two")
    follower = engine.popen("logs", "-f", "talker")
    assert follower.stdout.readline() == "one\n"
    engine.kill()
    engine.start()
    engine.cli("exec", "talker", "touch", "/go")
    assert follower.stdout.read() == "two\n"
    assert follower.wait(30) == 0


def test_an_exit_without_an_engine_keeps_its_code_and_time(engine):
    engine.cli("run", "-d", "--name", "ends", "estiba/busybox", "sh", "-c", "sleep 0.5; exit 23")
    pid = engine.state("ends")["Pid"]
    engine.kill()
    wait_until(lambda: subprocess.run(["kill", "-0", str(pid)], check=False, capture_output=True).returncode != 0,
               "it ended")
    engine.start()
    state = wait_until(lambda: (s := engine.state("ends"))["Status"] == "exited" and s, "the exit is known")
    assert state["ExitCode"] == 23
    assert state["FinishedAt"] > state["StartedAt"]


def test_an_oom_without_an_engine_keeps_its_flag(engine):
    engine.cli("run", "-d", "--name", "hog", "-m", "16m", "--memory-swap", "16m", "estiba/busybox", "sh", "-c",
               "sleep 0.5; tail /dev/zero")
    pid = engine.state("hog")["Pid"]
    engine.kill()
    wait_until(lambda: subprocess.run(["kill", "-0", str(pid)], check=False, capture_output=True).returncode != 0,
               "it ended")
    engine.start()
    state = wait_until(lambda: (s := engine.state("hog"))["Status"] == "exited" and s, "the exit is known")
    assert state["OOMKilled"] is True


def test_rm_is_carried_out_when_the_engine_returns(engine):
    engine.cli("run", "-d", "--rm", "--name", "gone", "estiba/busybox", "sleep", "0.5")
    pid = engine.state("gone")["Pid"]
    engine.kill()
    wait_until(lambda: subprocess.run(["kill", "-0", str(pid)], check=False, capture_output=True).returncode != 0,
               "it ended")
    engine.start()
    wait_until(lambda: engine.out("ps", "-aq") == "", "it was removed")


def test_killed_again_and_again_while_working(engine, rng, full):
    """What was acknowledged is there; what was not is whole or absent; nothing leaks (the fixture's check)."""
    acknowledged = []
    for number in range(100 if full else 10):
        name = f"c{number}"
        client = engine.popen("run", "-d", "--name", name, "estiba/busybox", "sleep", "1000")
        try:
            client.wait(rng.uniform(0.0, 0.08))
        except subprocess.TimeoutExpired:
            pass
        engine.kill()
        out, _ = client.communicate(timeout=60)
        if client.returncode == 0 and out.strip():
            acknowledged.append(name)
        engine.kill_all()
        engine.start()
        names = engine.out("ps", "-a", "--format", "{{.Names}}").split()
        assert set(acknowledged) <= set(names)
        for one in acknowledged:
            assert engine.state(one)["Running"], one
