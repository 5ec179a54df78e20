"""Options of checkpoint and restore that only mean something to what a program holds. TCP and memory: tests/vm."""

import fcntl
import socket

import pytest

from harness import criu
from harness.terminal import Terminal
from harness.wait import wait_until
from test_checkpoint import Saved


@pytest.fixture
def user():
    """CRIU is root's."""


@pytest.fixture
def saved(bundle):
    return Saved(bundle, criu.program())


def written(saved, name):
    path = saved.bundle.rootfs / "tmp" / name
    return path.read_text() if path.exists() else ""


def refused(saved, reason, *flags):
    done = saved.checkpoint(*flags, check=False)
    assert done.returncode == 1 and reason in done.stderr, done.stderr
    assert saved.bundle.state()["status"] == "running"


def test_an_unlinked_file_with_another_name(saved):
    saved.start("sh", "-c", "exec 3>/tmp/one; ln /tmp/one /tmp/two; rm /tmp/one; echo up > /tmp/up; "
                            "while [ ! -e /tmp/go ]; do sleep 0.02; done; echo still here >&3; sleep 1000")
    wait_until(lambda: written(saved, "up"), "it is unlinked")
    refused(saved, "link-remap")
    saved.checkpoint("--link-remap")
    saved.restore()
    (saved.bundle.rootfs / "tmp/go").touch()
    wait_until(lambda: written(saved, "two") == "still here\n", "it writes to the same file")
    saved.delete()


def with_python(bundle):
    """The host's python3, by binds."""
    for name in ("lib", "lib64"):
        (bundle.rootfs / name).symlink_to(f"usr/{name}")
    bundle.bind("/usr", "/usr", "rbind", "ro")


LOCKS = """
import fcntl, os, time
whole = os.open("/tmp/whole", os.O_RDWR | os.O_CREAT)
records = os.open("/tmp/records", os.O_RDWR | os.O_CREAT)
fcntl.flock(whole, fcntl.LOCK_EX)
fcntl.lockf(records, fcntl.LOCK_EX, 10, 100)
fcntl.lockf(records, fcntl.LOCK_SH, 10, 200)
os.close(os.open("/tmp/up", os.O_WRONLY | os.O_CREAT))
while not os.path.exists("/tmp/go"):
    time.sleep(0.02)
fcntl.flock(whole, fcntl.LOCK_UN)
fcntl.lockf(records, fcntl.LOCK_UN, 10, 100)
os.close(os.open("/tmp/free", os.O_WRONLY | os.O_CREAT))
time.sleep(1000)
"""


def taken(saved):
    """Which locks cannot be had: that of the whole file, that of the first range, those for writing and for reading of
    the second."""
    def refused_to(lock, *where):
        try:
            lock(*where)
        except BlockingIOError:
            return True
        return False
    now = fcntl.LOCK_NB
    with open(saved.bundle.rootfs / "tmp/whole", "r+b") as whole:
        of_whole = refused_to(fcntl.flock, whole, fcntl.LOCK_EX | now)
    with open(saved.bundle.rootfs / "tmp/records", "r+b") as records:
        return [of_whole, *(refused_to(fcntl.lockf, records, kind | now, 10, start) for kind, start in
                            ((fcntl.LOCK_SH, 100), (fcntl.LOCK_EX, 200), (fcntl.LOCK_SH, 200)))]


def test_file_locks(saved):
    with_python(saved.bundle)
    saved.start("/usr/bin/python3", "-c", LOCKS)
    wait_until((saved.bundle.rootfs / "tmp/up").exists, "it has its locks")
    assert taken(saved) == [True, True, True, False]
    refused(saved, "file-locks")
    saved.checkpoint("--file-locks")
    assert taken(saved) == [False] * 4
    saved.restore("--file-locks")
    assert taken(saved) == [True, True, True, False]
    (saved.bundle.rootfs / "tmp/go").touch()
    wait_until((saved.bundle.rootfs / "tmp/free").exists, "it unlocks some")
    assert taken(saved) == [False, False, True, False]
    saved.delete()


SENDER = """
import socket, sys, time
sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sender.connect(sys.argv[1])
count = 0
while True:
    count += 1
    try:
        sender.send(str(count).encode())
    except OSError as error:
        print(error, flush=True)
    time.sleep(0.02)
"""


def test_a_socket_of_somebody_outside(saved):
    """Datagrams to the host's /dev/log, for instance."""
    outside = saved.bundle.folder / "outside"
    outside.mkdir()
    with_python(saved.bundle)
    saved.bundle.without_namespace("network")  # in another one CRIU cannot see who it is connected to
    saved.bundle.bind(outside, str(outside))  # and asks for it by its name outside
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.settimeout(20)
        log.bind(str(outside / "log"))
        saved.start("/usr/bin/python3", "-c", SENDER, str(outside / "log"))
        assert int(log.recv(100)) == 1
        refused(saved, "ext-unix-sk")
        saved.checkpoint("--ext-unix-sk")
        log.setblocking(False)
        last = 0
        while True:
            try:
                last = int(log.recv(100))
            except BlockingIOError:
                break
        log.settimeout(20)
        saved.restore("--ext-unix-sk")
        assert int(log.recv(100)) == last + 1, "the same socket goes on"
        saved.delete()


ECHO = ["sh", "-c", "while read line; do echo heard $line; done"]


@pytest.mark.parametrize("detach", [["--detach"], []], ids=["detached", "foreground"])
def test_a_shells_terminal(saved, detach):
    """What a shell has started on its own terminal comes back on the terminal of another shell."""
    bundle = saved.bundle
    bundle.process["args"] = ECHO
    bundle.save()
    first = Terminal(bundle.words("run", *detach, "--bundle", bundle.path, bundle.id), saved.env)
    wait_until(lambda: bundle.containers() and bundle.state()["status"] == "running", "it runs")
    first.type("one\n")
    first.expect("heard one")
    refused(saved, "shell-job")
    saved.checkpoint("--shell-job")
    first.wait()
    second = Terminal(bundle.words("restore", *detach, "--shell-job", "--bundle", bundle.path, "--image-path",
                                   saved.images, bundle.id), saved.env)
    second.type("two\n")
    second.expect("heard two")
    saved.delete()
    second.wait()
