"""Interactive terminals: resize, detach keys, signals, Ctrl-C, and the client's own terminal left as it was."""

import hashlib
import os
import select
import shlex
import signal
import subprocess

import pytest

from harness.terminal import Terminal
from harness.wait import wait_until


@pytest.fixture
def terminal(engine):
    made = []

    def make(*arguments):
        made.append(Terminal(engine.command(*arguments), engine.environment()))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_run_it_is_a_terminal_and_returns_the_code(engine, terminal):
    shell = terminal("run", "-it", "--rm", "estiba/busybox", "sh")
    shell.type("tty; stty size\n")
    shell.expect("/dev/pts/0")
    shell.expect("24 80")
    shell.type("exit 7\n")
    assert shell.wait() == 7


def test_resize_reaches_the_container(engine, terminal):
    shell = terminal("run", "-it", "--rm", "estiba/busybox", "sh")
    shell.type("echo rea''dy\n")
    shell.expect("ready")
    shell.resize(50, 132)
    shell.process.send_signal(signal.SIGWINCH)

    def resized():
        shell.type("stty size\n")
        try:
            return shell.expect("50 132", 1)
        except AssertionError:
            return False

    wait_until(resized, "the container's terminal has 50 rows")
    shell.type("exit\n")
    assert shell.wait() == 0


def test_control_c_ends_the_foreground_program_only(engine, terminal):
    shell = terminal("run", "-it", "--rm", "estiba/busybox", "sh")
    shell.type("echo rea''dy; sleep 1000\n")
    shell.expect("ready")

    def alive():
        # Typed before the shell has made `sleep` its foreground program, Ctrl-C would find only the shell, which waits.
        shell.type("\x03")
        shell.type("echo ali''ve\n")
        try:
            return shell.expect("alive", 1)
        except AssertionError:
            return False

    wait_until(alive, "the shell goes on after Ctrl-C")
    shell.type("exit\n")
    assert shell.wait() in (0, 130)


def test_detach_and_attach_again(engine, terminal):
    shell = terminal("run", "-it", "--name", "detached", "estiba/busybox", "sh")
    shell.type("echo rea''dy\n")
    shell.expect("ready")
    shell.type("\x10\x11")
    assert shell.wait() == 0
    assert engine.state("detached")["Running"]
    again = terminal("attach", "detached")
    again.type("echo ba''ck\n")
    again.expect("back")
    again.type("exit 3\n")
    assert again.wait() == 3


@pytest.mark.parametrize("arguments,running", [
    (["run", "-it", "--name", "fresh", "estiba/busybox", "sh"], "fresh"),
    (["exec", "-it", "box", "sh"], "box"),
    (["attach", "box"], "box"),
    (["start", "-ai", "idle"], "idle"),
])
def test_detach_keys_of_ones_own(engine, terminal, arguments, running):
    engine.cli("run", "-dit", "--name", "box", "estiba/busybox", "sh")
    engine.cli("create", "-it", "--name", "idle", "estiba/busybox", "sh")
    shell = terminal(arguments[0], "--detach-keys", "ctrl-a,d", *arguments[1:])
    shell.type("\x10\x11echo rea''dy\n")  # the default keys are keys like any other
    shell.expect("ready")
    shell.type("\x01d")
    assert shell.wait() == 0 and shell.is_restored()
    assert engine.state(running)["Running"]


def test_detach_keys_that_are_none_start_nothing(engine):
    engine.cli("run", "-d", "--name", "box", "estiba/busybox", "sleep", "1000")
    for arguments in (["run", "--name", "fresh"], ["exec"], ["attach"]):
        result = engine.cli(*arguments, "--detach-keys", "ctrl-", "box", "true", check=False)
        assert result.returncode != 0
    assert engine.out("ps", "-a", "--format", "{{.Names}}") == "box"


def test_exec_starts_with_the_terminals_size_and_follows_it(engine, terminal):
    engine.cli("run", "-d", "--name", "box", "estiba/busybox", "sleep", "1000")
    shell = terminal("exec", "-it", "box", "sh", "-c",
                     "trap 'stty size; exit' WINCH; stty size; while :; do sleep 0.05; done")
    shell.expect("24 80")
    shell.resize(40, 100)  # the kernel tells the foreground program, which is the client
    shell.expect("40 100")
    assert shell.wait() == 0


def test_control_c_on_a_terminal_is_passed_on_without_one_inside(engine, terminal):
    client = terminal("run", "--rm", "estiba/busybox", "sh", "-c",
                      "trap 'echo caught; exit 4' INT; echo ready; while :; do sleep 0.05; done")
    client.expect("ready")
    client.type("\x03")
    client.expect("caught")
    assert client.wait() == 4


def test_exec_it(engine, terminal):
    engine.cli("run", "-d", "--name", "exec", "estiba/busybox", "sleep", "1000")
    shell = terminal("exec", "-it", "exec", "sh")
    shell.type("tty\n")
    shell.expect("/dev/pts/")
    shell.type("exit 5\n")
    assert shell.wait() == 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("arguments", [["exec", "-it", "box", "sh"], ["attach", "box"]])
def test_a_signal_ends_the_client_and_restores_its_terminal(engine, terminal, arguments, number):
    engine.cli("run", "-dit", "--name", "box", "estiba/busybox", "sh")
    shell = terminal(*arguments)
    shell.type("echo rea''dy\n")
    shell.expect("ready")
    assert shell.is_raw()
    shell.process.send_signal(number)
    assert shell.wait() == -number
    assert shell.is_restored()
    assert engine.state("box")["Running"]


def test_the_terminal_is_restored_at_the_end_and_when_signals_do_not_help(engine, terminal):
    shell = terminal("run", "-it", "--rm", "estiba/busybox", "sh")
    shell.type("echo rea''dy\n")
    shell.expect("ready")
    assert shell.is_raw()
    shell.type("exit\n")
    assert shell.wait() == 0 and shell.is_restored()
    deaf = terminal("run", "-it", "--name", "deaf", "estiba/busybox", "sh", "-c", "trap '' TERM; echo rea''dy; cat")
    deaf.expect("ready")
    for _ in range(3):
        deaf.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not pending(deaf.process.pid, signal.SIGTERM), "the client has taken the signal")
    deaf.expect("forcefully exiting")
    assert deaf.wait() != 0 and deaf.is_restored()
    assert engine.state("deaf")["Running"]


def test_the_terminal_is_restored_when_the_connection_is_lost(engine, terminal):
    shell = terminal("run", "-it", "--name", "lost", "estiba/busybox", "sh")
    shell.type("echo rea''dy\n")
    shell.expect("ready")
    [monitor] = engine.monitors()
    os.kill(monitor, signal.SIGKILL)
    assert shell.wait() == 137, shell.seen
    assert shell.is_restored()


def pending(pid, number):
    """Whether the signal has been sent to the process and not yet been taken."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        masks = [int(line.split()[1], 16) for line in status if line.startswith(("SigPnd", "ShdPnd"))]
    return any(mask >> (number - 1) & 1 for mask in masks)


def test_signals_to_the_client_reach_the_container(engine):
    client = engine.popen("run", "--name", "signalled", "estiba/busybox", "sh", "-c",
                          "trap 'exit 42' TERM; echo up; while :; do sleep 0.05; done")
    assert client.stdout.readline() == "up\n"
    client.terminate()
    assert client.wait(30) == 42


def test_piped_input_ends_and_arrives_whole(engine, tmp_path, rng):
    assert engine.out("run", "-i", "--rm", "estiba/busybox", "cat", input="hi\n") == "hi"
    big = tmp_path / "big"
    digest = hashlib.md5()
    with open(big, "wb") as file:
        for _ in range(100):
            chunk = rng.randbytes(1 << 20)
            digest.update(chunk)
            file.write(chunk)
    engine.cli("run", "-d", "--name", "box", "estiba/busybox", "sleep", "1000")
    for arguments in (["run", "-i", "--rm", "estiba/busybox"], ["exec", "-i", "box"]):
        with open(big, "rb") as file:
            assert engine.out(*arguments, "md5sum", stdin=file).split()[0] == digest.hexdigest()
    with open(big, "rb") as file:  # through and back
        client = subprocess.Popen(engine.command("run", "-i", "--rm", "estiba/busybox", "cat"), stdin=file,
                                  stdout=subprocess.PIPE, env=engine.environment())
        returned = hashlib.md5()
        while chunk := client.stdout.read(1 << 20):
            returned.update(chunk)
        assert client.wait(30) == 0 and returned.hexdigest() == digest.hexdigest()


def test_a_reader_that_stands_still_holds_up_no_signal(engine):
    client = engine.popen("run", "--name", "full", "estiba/busybox", "sh", "-c",
                          "trap 'exit 3' TERM; yes & wait", bufsize=0)
    # Only a write end tells: the bytes of a full pipe depend on how they came.
    with open(f"/proc/self/fd/{client.stdout.fileno()}", "wb", buffering=0) as pipe:
        wait_until(lambda: not select.select([], [pipe], [], 0)[1], "the pipe is full")
    client.terminate()
    wait_until(lambda: engine.state("full")["ExitCode"] == 3, "the container has had the signal")
    output = client.communicate(timeout=30)[0]
    assert client.returncode == 3
    assert set(output.split()) == {"y"}


def test_a_reader_that_goes_away_ends_the_client_silently(engine):
    command = shlex.join(engine.command("run", "--name", "endless", "estiba/busybox", "yes")) + " | head -1"
    result = subprocess.run(["bash", "-c", f"{command}; echo ${{PIPESTATUS[0]}}"], capture_output=True, text=True,
                            env=engine.environment(), check=False)
    assert (result.stdout, result.stderr) == ("y\n141\n", "")


def test_stdout_and_stderr_stay_apart(engine):
    result = engine.cli("run", "--rm", "estiba/busybox", "sh", "-c", "echo out; echo err >&2")
    assert (result.stdout, result.stderr) == ("out\n", "err\n")
