"""Upgrades in place: an engine ends, in order or by kill -9, and another build's begins on the same data, while
containers run and clients are at work. None of them notices."""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess

import pytest

from harness.engine import BIN
from harness.need import need_program
from harness.terminal import Terminal
from harness.wait import wait_until

BOX = "estiba/busybox"


@pytest.fixture
def elsewhere(tmp_path):
    """The programs of another build: other files, in another place, with a state of their own in page cache."""
    folder = tmp_path / "other" / "bin"
    folder.mkdir(parents=True)
    for program in BIN.glob("estiba*"):
        if not program.name.endswith("_tests"):
            shutil.copy(program, folder)
    if (BIN.parent / "share").is_dir():
        shutil.copytree(BIN.parent / "share", folder.parent / "share")
    return folder


def upgrade(engine, how, programs, *clients):
    """The engine ends, as a service manager ends it or not, and the next one begins. The clients are held meanwhile:
    those that ask again would start an engine of their own build."""
    for client in clients:
        client.send_signal(signal.SIGSTOP)
    engine.process.send_signal(how)
    engine.process.wait(30)
    engine.start(programs=programs)
    for client in clients:
        client.send_signal(signal.SIGCONT)


BOTH = pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["ended", "killed"])


@BOTH
@pytest.mark.parametrize("command", ["run", "exec"])
def test_an_open_terminal_goes_on_and_returns_the_code(engine, elsewhere, how, command):
    if command == "run":
        shell = Terminal(engine.command("run", "-it", "--name", "term", BOX, "sh"), engine.environment())
    else:
        engine.cli("run", "-d", "--name", "term", BOX, "sleep", "1000")
        shell = Terminal(engine.command("exec", "-it", "term", "sh"), engine.environment())
    try:
        shell.type("echo rea''dy\n")
        shell.expect("ready")
        upgrade(engine, how, elsewhere, shell.process)
        shell.type("echo sti''ll\n")
        shell.expect("still")
        shell.resize(40, 100)  # by way of the new one
        shell.type("while ! stty size | grep -q '40 100'; do :; done; echo lar''ger\n")
        shell.expect("larger")
        shell.type("exit 9\n")
        assert shell.wait() == 9
    finally:
        shell.close()


@BOTH
def test_logs_wait_and_an_attached_run_go_on_to_the_end(engine, elsewhere, how):
    engine.cli("run", "-d", "--name", "talker", BOX, "sh", "-c",
               "echo one; while [ ! -e /go ]; do sleep 0.02; done; echo two; exit 21")
    runner = engine.popen("run", "-i", "--rm", BOX, "sh", "-c", "echo up; read x; echo $x; exit 6", stdin=-1)
    assert runner.stdout.readline() == "up\n", runner.stderr.read()
    follower = engine.popen("logs", "-f", "talker")
    waiter = engine.popen("wait", "talker")
    assert follower.stdout.readline() == "one\n"
    wait_until(lambda: waiting(waiter), "the command waits")
    upgrade(engine, how, elsewhere, runner, follower, waiter)
    engine.cli("exec", "talker", "touch", "/go")
    assert (follower.stdout.read(), follower.wait(30)) == ("two\n", 0)
    assert waiter.communicate(timeout=30) == ("21\n", "") and waiter.returncode == 0
    assert runner.communicate("word\n", timeout=30)[0] == "word\n" and runner.returncode == 6


def waiting(process):
    """It has asked something, and the answer has not come."""
    with open(f"/proc/{process.pid}/syscall", encoding="ascii") as file:
        return file.read().split()[0] in ("0", "7", "45", "271")  # read, poll, recvfrom, ppoll


def docker(engine, *arguments):
    return subprocess.Popen([*engine.host.prefix(), "docker", "-H", f"unix://{engine.socket}", *arguments], text=True,
                            env=engine.environment(), stdin=-1, stdout=-1, stderr=-1)


def test_docker_goes_on_too_but_for_the_code_of_run(engine, elsewhere):
    """Its program waits on a request of its own, and does not ask again."""
    need_program("docker")
    script = "echo up; read x; echo $x; exit 6"
    engine.cli("run", "-d", "--name", "box", BOX, "sleep", "1000")
    execution = docker(engine, "exec", "-i", "box", "sh", "-c", script)
    runner = docker(engine, "run", "-i", "--name", "ran", BOX, "sh", "-c", script)
    assert [client.stdout.readline() for client in (execution, runner)] == ["up\n", "up\n"]
    upgrade(engine, signal.SIGTERM, elsewhere)
    assert execution.communicate("word\n", timeout=30)[0] == "word\n" and execution.returncode == 6
    assert runner.communicate("word\n", timeout=30)[0] == "word\n" and runner.returncode == 125
    assert engine.out("wait", "ran") == "6"


def test_events_end_with_the_engine_and_say_so(engine):
    listener = engine.popen("events", "--filter", "type=container")
    wait_until(lambda: waiting(listener), "the command listens")
    engine.stop()
    _, said = listener.communicate(timeout=30)
    assert listener.returncode != 0 and said
    engine.start()


def everything(engine):
    """What a user sees, but for what only time changes."""
    def one(name):
        view = engine.inspect(name)
        view["State"].get("Health", {}).pop("Log", None)
        return {key: view[key] for key in ("Id", "State", "Config", "HostConfig", "NetworkSettings", "Mounts", "Image",
                                           "RestartCount")}
    return {name: one(name) for name in engine.out("ps", "-a", "--format", "{{.Names}}").split()}


def use_everything(engine):
    engine.cli("network", "create", "blue")
    engine.cli("run", "-d", "--name", "web", "--network", "blue", "-p", "8080:80", "-v", "data:/data", BOX,
               "sleep", "1000")
    engine.cli("run", "-d", "--name", "paused", BOX, "sleep", "1000")
    engine.cli("pause", "paused")
    engine.cli("run", "-d", "--name", "healthy", "--health-cmd", "true", "--health-interval", "100ms", BOX,
               "sleep", "1000")
    engine.cli("run", "--name", "over", BOX, "sh", "-c", "exit 5", check=False)
    engine.cli("create", "--name", "made", BOX, "true")
    engine.cli("tag", BOX, "other:1")
    engine.cli("exec", "web", "touch", "/data/file")
    wait_until(lambda: engine.state("healthy")["Health"]["Status"] == "healthy", "it was probed")


def assert_works(engine):
    assert engine.out("exec", "web", "ls", "/data") == "file"
    engine.cli("unpause", "paused")
    engine.cli("restart", "-t", "0", "web")
    assert engine.out("start", "-a", "made") == ""
    assert engine.out("run", "--rm", "other:1", "echo", "in") == "in"
    engine.cli("rm", "-f", *engine.out("ps", "-aq").split())
    engine.cli("network", "rm", "blue")
    engine.cli("volume", "rm", "data")
    engine.cli("rmi", "other:1")


@BOTH
def test_the_new_engine_sees_what_the_old_one_saw(engine, elsewhere, how):
    use_everything(engine)
    before, monitors = everything(engine), sorted(engine.monitors())
    upgrade(engine, how, elsewhere)
    assert os.readlink(f"/proc/{engine.engines()[0]}/exe").startswith(str(elsewhere))
    assert everything(engine) == before
    assert sorted(engine.monitors()) == monitors
    assert_works(engine)


@pytest.mark.parametrize("version", [1, 2])
def test_a_database_of_an_earlier_release_is_brought_up_to_date(engine, version):
    """What each release added to it: 2 the codes of removed containers, 3 when images were used."""
    use_everything(engine)
    before = everything(engine)
    engine.stop()
    with contextlib.closing(sqlite3.connect(engine.data_root / "estiba.db")) as database, database:
        newest, = database.execute("PRAGMA user_version").fetchone()
        assert newest == 3  # a newer one: say above what it adds, and take it away here
        for table in ("doc_removed_exits", "doc_image_uses")[version - 1:]:
            database.execute(f"DROP TABLE {table}")
        database.execute(f"PRAGMA user_version = {version}")
    engine.start()
    assert everything(engine) == before
    assert_works(engine)


def test_a_database_of_a_later_release_is_refused_and_left_as_it_is(engine):
    engine.cli("run", "-d", "--name", "kept", BOX, "sleep", "1000")
    pid = engine.state("kept")["Pid"]
    engine.stop()
    with contextlib.closing(sqlite3.connect(engine.data_root / "estiba.db")) as database, database:
        database.execute("PRAGMA user_version = 1000")
    with pytest.raises(AssertionError, match="the database is of version 1000"):
        engine.start()
    with contextlib.closing(sqlite3.connect(engine.data_root / "estiba.db")) as database, database:
        assert database.execute("PRAGMA user_version").fetchone() == (1000,)
        database.execute("PRAGMA user_version = 3")
    engine.start()
    assert engine.state("kept")["Pid"] == pid
