"""Interactive terminals: resize, detach keys, signals, Ctrl-C, and the client's own terminal left as it was."""

import signal
import termios

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


def test_exec_it(engine, terminal):
    engine.cli("run", "-d", "--name", "exec", "estiba/busybox", "sleep", "1000")
    shell = terminal("exec", "-it", "exec", "sh")
    shell.type("tty\n")
    shell.expect("/dev/pts/")
    shell.type("exit 5\n")
    assert shell.wait() == 5


def test_the_clients_terminal_is_restored(engine, terminal):
    shell = terminal("run", "-it", "--rm", "estiba/busybox", "sh")
    before = termios.tcgetattr(shell.master)
    shell.type("echo rea''dy\n")
    shell.expect("ready")
    shell.type("exit\n")
    shell.wait()
    assert termios.tcgetattr(shell.master)[3] & termios.ECHO == termios.ECHO or before[3] & termios.ECHO == 0


def test_signals_to_the_client_reach_the_container(engine):
    client = engine.popen("run", "--name", "signalled", "estiba/busybox", "sh", "-c",
                          "trap 'exit 42' TERM; echo up; while :; do sleep 0.05; done")
    assert client.stdout.readline() == "up\n"
    client.terminate()
    assert client.wait(30) == 42


def test_interactive_without_terminal_ends_at_end_of_input(engine):
    result = engine.cli("run", "-i", "--rm", "estiba/busybox", "wc", "-c", input="x" * 100000)
    assert result.stdout.strip() == "100000"


def test_stdout_and_stderr_stay_apart(engine):
    result = engine.cli("run", "--rm", "estiba/busybox", "sh", "-c", "echo out; echo err >&2")
    assert (result.stdout, result.stderr) == ("out\n", "err\n")
