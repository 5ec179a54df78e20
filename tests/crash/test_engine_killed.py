"""kill -9 of the engine at a moment of our choosing: containers, sessions, exit codes and logs do not notice."""

import signal
import contextlib
import datetime
import json
import sqlite3
import subprocess

import pytest

from harness.faults import inject, killed_at
from harness.terminal import Terminal
from harness.wait import wait_until


def container_id(engine, name):
    """By the engine's own records: for when no engine runs."""
    with contextlib.closing(sqlite3.connect(engine.data_root / "estiba.db")) as database:
        for key, text in database.execute("SELECT key, value FROM doc_containers"):
            if json.loads(text)["name"] == name:
                return key
    raise AssertionError(f"no container {name}")


def mark_removing(engine, name):
    """As an engine does that carries out `rm -f`, before it tells the monitor."""
    key = container_id(engine, name)
    with contextlib.closing(sqlite3.connect(engine.data_root / "estiba.db")) as database, database:
        database.execute("UPDATE doc_containers SET value = json_set(value, '$.removing', json('true')) WHERE key = ?",
                         (key,))


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


def test_a_question_to_a_dying_engine_is_asked_of_the_next(engine, full):
    for _ in range(100 if full else 10):
        dying = engine.process
        asking = engine.popen("ps", "-q")
        dying.send_signal(signal.SIGKILL)
        assert (engine.cli("ps", "-q").stdout, asking.wait(30)) == ("", 0), asking.stderr.read()
        asking.communicate()
        dying.wait()
        engine.kill_all()
        engine.start()


def test_one_started_while_another_dies_takes_over(engine, full):
    """The dying one still has its socket and its lock for a moment; that is not "another engine"."""
    for _ in range(100 if full else 10):
        dying = engine.process
        dying.send_signal(signal.SIGKILL)
        engine.start()
        dying.wait()


def test_an_attached_run_without_a_terminal_goes_on_and_returns_the_code(engine):
    client = engine.popen("run", "-i", "estiba/busybox", "sh", "-c", "echo up; read x; echo $x; exit 6",
                          stdin=subprocess.PIPE)
    assert client.stdout.readline() == "up\n", client.stderr.read()
    engine.kill()
    out, _ = client.communicate("word\n", timeout=60)
    assert (out, client.returncode) == ("word\n", 6)
    engine.kill_all()
    engine.start()


def test_the_monitor_restarts_by_policy_without_an_engine(engine):
    engine.cli("run", "-d", "--name", "again", "--restart", "on-failure:3", "estiba/busybox", "sh", "-c",
               "echo run; sleep 0.3; exit 5")
    engine.kill()
    log = engine.data_root / "containers" / container_id(engine, "again") / "log"
    wait_until(lambda: log.read_text().count("run") == 4, "it ran four times")
    engine.start()
    state = wait_until(lambda: (s := engine.inspect("again"))["State"]["Status"] == "exited" and s, "it has ended")
    assert (state["State"]["ExitCode"], state["RestartCount"]) == (5, 3)


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
    ended = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    engine.start()
    state = wait_until(lambda: (s := engine.state("ends"))["Status"] == "exited" and s, "the exit is known")
    assert state["ExitCode"] == 23
    assert state["StartedAt"] < state["FinishedAt"] <= ended  # the exit's time, not the next engine's


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


def test_a_container_that_was_still_starting_is_met_again(module_engine_factory):
    """Its monitor answers nobody before the container runs; the next engine must not take it for dead."""
    engine = module_engine_factory()
    engine.start()
    engine.cli("run", "--rm", "--network", "none", "estiba/busybox", "true")  # the image is there before the delay is
    engine.stop()
    engine.start(inject("pivot_root", delay=5))
    client = engine.popen("run", "-d", "--name", "slow", "--network", "none", "estiba/busybox", "sleep", "1000")
    wait_until(lambda: list(engine.data_root.glob("containers/*/journal")), "the monitor has the container")
    engine.kill()
    client.wait(60)
    engine.kill_all()
    engine.start()
    wait_until(lambda: engine.state("slow")["Running"], "it runs and is known to")
    assert engine.out("exec", "slow", "echo", "in") == "in"
    engine.cli("rm", "-f", "slow")
    engine.assert_no_leaks()


def test_a_removal_that_was_not_told_to_the_monitor_is_carried_out(engine):
    """rm -f, and the engine is killed between recording that and the signal to the container."""
    engine.cli("run", "-d", "--name", "doomed", "estiba/busybox", "sleep", "1000")
    engine.kill()
    mark_removing(engine, "doomed")
    engine.start()
    wait_until(lambda: engine.out("ps", "-aq") == "", "it was removed")


def test_a_waiting_client_gets_the_code_of_what_was_removed_before_it_could_ask_again(engine, tmp_path):
    client = engine.popen("run", "--rm", "-v", f"{tmp_path}:/in", "estiba/busybox", "sh", "-c",
                          "echo up; while [ ! -e /in/go ]; do sleep 0.02; done; exit 23")
    assert client.stdout.readline() == "up\n", client.stderr.read()
    identity = engine.out("ps", "-q", "--no-trunc")
    pid = engine.state(identity)["Pid"]
    client.send_signal(signal.SIGSTOP)  # or it would start the next engine at once
    engine.kill()
    (tmp_path / "go").touch()
    wait_until(lambda: subprocess.run(["kill", "-0", str(pid)], check=False, capture_output=True).returncode != 0,
               "it ended")
    engine.start()
    wait_until(lambda: engine.out("ps", "-aq") == "", "it was removed")
    client.send_signal(signal.SIGCONT)
    assert client.wait(30) == 23
    status, answer = engine.api("POST", f"/containers/{identity}/wait")
    assert (status, answer["StatusCode"]) == (200, 23)
    assert engine.api("POST", f"/containers/{identity[:12]}/wait")[0] == 404  # nothing else knows it any more


def volumes(engine):
    return engine.out("volume", "ls", "-q").split()


def killed_at_each(engine, call, prepare, act, check):
    """act(prepare()) with the engine killed at its first `call`, the second, and so on until it survives; `check` with
    the next engine after each."""
    for when in range(1, 100):
        prepared = prepare()
        with killed_at(engine.process.pid, call, when):
            act(prepared)
        survived = engine.survives()  # not before: what nobody waits for may still get it killed
        if not survived:
            engine.kill_all()
            engine.start()
        check()
        if survived:
            assert when > 1, f"{call} was not called at all"
            return
    raise AssertionError(f"{call} was called without end")


@pytest.mark.parametrize("call", ["pwrite64", "unlinkat"])
def test_a_removal_with_volumes_is_finished_by_the_next_engine(engine, call):
    """Killed at each write of its database, and at each file deleted: either nothing has been decided, or all goes."""
    def settled():
        states = engine.out("ps", "-a", "--format", "{{.State}}").split()
        return set(states) <= {"created"} and len(states) == len(volumes(engine))
    killed_at_each(engine, call,
                   lambda: engine.out("create", "-v", "/data", "estiba/busybox", "true"),
                   lambda identity: engine.api("DELETE", f"/containers/{identity}?v=1"),
                   lambda: wait_until(settled, "containers and their volumes are whole or gone"))


@pytest.mark.parametrize("call", ["pwrite64", "unlinkat", "renameat"])
def test_the_end_of_a_run_rm_is_told_and_finished_wherever_the_engine_is_killed(engine, tmp_path, call):
    def run():
        go = tmp_path / "go"
        go.unlink(missing_ok=True)
        client = engine.popen("run", "--rm", "-v", "/data", "-v", f"{tmp_path}:/in", "estiba/busybox", "sh", "-c",
                              "echo up; while [ ! -e /in/go ]; do sleep 0.02; done; exit 23")
        assert client.stdout.readline() == "up\n", client.stderr.read()
        return go, client

    def end(prepared):
        go, client = prepared
        go.touch()
        assert client.wait(60) == 23, client.stderr.read()
    killed_at_each(engine, call, run, end,
                   lambda: wait_until(lambda: engine.out("ps", "-aq") == "" and not volumes(engine), "nothing is left"))


@pytest.mark.parametrize("call", ["pwrite64", "mkdirat"])
def test_a_creation_is_whole_or_was_never_begun(engine, call):
    body = {"Image": "estiba/busybox", "Cmd": ["true"], "Volumes": {"/data": {}}}

    def each_has_its_volume():
        return len(engine.out("ps", "-aq").split()) == len(volumes(engine))

    def check():
        wait_until(each_has_its_volume, "each container has its volume, and there is no other")
        for identity in engine.out("ps", "-aq").split():
            engine.cli("start", identity)
            engine.cli("rm", "-f", "-v", identity)
        assert not volumes(engine)
    engine.cli("run", "--rm", "--network", "none", "estiba/busybox", "true")  # the image is there
    killed_at_each(engine, call, lambda: None, lambda _: engine.api("POST", "/containers/create", body), check)


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
