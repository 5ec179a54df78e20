"""Under a service manager: readiness through NOTIFY_SOCKET, and the system's own logs."""

import fcntl
import os
import socket
import struct
import subprocess
import threading

import pytest

from harness.need import need_program
from harness.wait import wait_until


@pytest.fixture
def user():
    """Whoever the manager runs us as: as root."""


class Manager:
    """systemd's side of sd_notify(3), on a socket of its own."""

    def __init__(self, address):
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0", 1) if address.startswith("@") else address)
        self.heard = []
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()

    def listen(self):
        while True:
            message, fds, _, _ = socket.recv_fds(self.socket, 4096, 4)
            if not message:
                return
            self.heard.append(message.decode())
            for fd in fds:  # of BARRIER=1: whoever sent it waits for this
                os.close(fd)

    def close(self):
        """Not before the listener has ended: the number of its descriptor would be the next manager's."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.listener.join()
        self.socket.close()


SCRIPT = """
import os, socket, time
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.connect(os.environ["NOTIFY_SOCKET"])
manager.send(b"STATUS=starting")
manager.send(b"READY=1")
time.sleep(1000)
"""


def says_ready(bundle):
    """The host's python in the container: it says what it does, that it is ready, and stays."""
    for folder in ("/usr", "/lib", "/lib64"):
        bundle.bind(os.path.realpath(folder), folder, "rbind", "ro")
    bundle.process["args"] = ["/usr/bin/python3", "-c", SCRIPT]
    bundle.save()


@pytest.fixture(params=["path", "abstract"])
def manager(request, bundle):
    one = Manager(str(bundle.folder / "manager") if request.param == "path" else f"@estiba-{bundle.id}")
    yield one
    one.close()


def call(bundle, manager, *words):
    return subprocess.run(bundle.words(*words), env=dict(os.environ, NOTIFY_SOCKET=manager.address), cwd=bundle.path,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20,
                          check=True)


def test_a_detached_run_returns_when_the_container_is_ready(bundle, manager):
    says_ready(bundle)
    call(bundle, manager, "run", "--detach", bundle.id)
    pid = bundle.state()["pid"]
    assert manager.heard == ["READY=1\n", f"MAINPID={pid}\n", "BARRIER=1"]
    bundle.command("delete", "--force", bundle.id)


def test_start_waits_as_run_does(bundle, manager):
    says_ready(bundle)
    call(bundle, manager, "create", bundle.id)
    assert manager.heard == []
    call(bundle, manager, "start", bundle.id)
    assert manager.heard[:2] == ["READY=1\n", f"MAINPID={bundle.state()['pid']}\n"]
    bundle.command("delete", "--force", bundle.id)


def test_a_run_in_the_foreground_is_itself_what_to_watch(bundle, manager):
    says_ready(bundle)
    run = subprocess.Popen(bundle.words("run", bundle.id), cwd=bundle.path, stdin=subprocess.DEVNULL,
                           env=dict(os.environ, NOTIFY_SOCKET=manager.address))
    wait_until(lambda: len(manager.heard) == 3, "the manager has heard it")
    assert manager.heard[:2] == ["READY=1\n", f"MAINPID={run.pid}\n"]
    bundle.command("kill", bundle.id, "KILL")
    assert run.wait(20) == 137


def test_a_container_that_ends_without_a_word_is_not_waited_for(bundle, manager):
    bundle.process["args"] = ["sh", "-c", "test -S $NOTIFY_SOCKET && test ! -w /run/notify"]
    bundle.process["capabilities"] = {}
    bundle.save()
    call(bundle, manager, "run", "--detach", bundle.id)
    assert manager.heard == []
    bundle.wait_status("stopped")
    bundle.command("delete", bundle.id)


# ---- --log journald:, syslog: ----

def logged(bundle, socket_path, *flags):
    """(exit code, message) of a command that fails, with a logger at `socket_path` in a mount namespace of its own."""
    need_program("unshare")
    folder = bundle.folder / "run"
    folder.mkdir()
    logger = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    logger.bind(str(folder / os.path.basename(socket_path)))
    logger.settimeout(20)
    where = os.path.dirname(socket_path)
    mount = f"mount -t tmpfs none /run && mkdir -p {where} && " if where != "/dev" else ""
    script = f'{mount}mount --bind {folder} {where} && exec "$@"'
    words = [bundle.words()[0], "--root", str(bundle.state_root), *flags, "start", "nothing"]
    done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", *words], capture_output=True, text=True,
                          timeout=20, check=False)
    assert done.returncode == 1 and "container does not exist" in done.stderr, done.stderr
    with logger:
        return logger.recv(4096)


def test_the_journal_gets_fields(bundle):
    text = "container does not exist"
    message = logged(bundle, "/run/systemd/journal/socket", "--log", "journald:web")
    assert message == (b"PRIORITY=3\nSYSLOG_IDENTIFIER=web\nMESSAGE\n" + struct.pack("<Q", len(text)) + text.encode() +
                       b"\n")


def test_syslog_gets_a_line(bundle):
    message = logged(bundle, "/dev/log", "--log", "syslog:").decode()
    assert message.startswith("<11>estiba-oci[") and message.endswith("]: container does not exist")


def test_a_log_that_is_not_there_is_an_error(bundle):
    if os.path.exists("/run/systemd/journal/socket"):
        pytest.skip("needs a host without journald")
    done = bundle.command("--log", "journald:", "list", check=False)
    assert done.returncode == 1 and "open log: connect to '/run/systemd/journal/socket'" in done.stderr


def test_a_file_can_be_called_one(bundle):
    log = bundle.folder / "log"
    bundle.command("--log", f"file:{log}", "start", "nothing", check=False)
    assert "container does not exist" in log.read_text()


# ---- several commands at once ----

def test_a_command_waits_for_another_but_not_for_ever(bundle):
    with bundle.running():
        folder = os.open(bundle.state_root / bundle.id, os.O_RDONLY)
        fcntl.flock(folder, fcntl.LOCK_EX)
        done = bundle.command("delete", "--force", bundle.id, check=False)
        assert done.returncode == 1 and "another command is at work on it" in done.stderr
        waiting = subprocess.Popen(bundle.words("delete", "--force", bundle.id), stderr=subprocess.PIPE)
        os.close(folder)
        assert waiting.wait(20) == 0
        waiting.stderr.close()
        assert bundle.containers() == []
