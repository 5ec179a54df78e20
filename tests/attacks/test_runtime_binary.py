"""The runtime's own program, caught by a container while it is executed there."""

import contextlib
import errno
import fcntl
import hashlib
import os
import pathlib
import signal
import subprocess

import pytest

from bundle import RUNTIME
from harness.need import need_program
from harness.wait import wait_until

F_GET_SEALS = 1034
EVERY_SEAL = 0xf  # seal, shrink, grow, write
# Waits for its log, a FIFO that nobody reads, and so stays where it can be looked at.
STAYS = ["--log", "/tmp/fifo", "state", "nobody"]


@pytest.fixture
def strong(bundle):
    """A bundle whose root may do what a runtime's caller could regret."""
    for name in ("bounding", "effective", "permitted"):
        bundle.process["capabilities"][name] += ["CAP_SYS_PTRACE", "CAP_SYS_ADMIN", "CAP_DAC_READ_SEARCH"]
    os.mkfifo(bundle.rootfs / "tmp/fifo")
    return bundle


def content(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


@contextlib.contextmanager
def caught(pid):
    """The program of the process, by its magic link; the installed file may not change meanwhile."""
    before = content(RUNTIME)
    program = os.open(f"/proc/{pid}/exe", os.O_RDONLY)
    try:
        yield program
    finally:
        os.close(program)
    assert content(RUNTIME) == before


def assert_cannot_be_changed(pid):
    """By no one: this test is root on the host, which no container is."""
    with caught(pid) as program:
        installed, running = os.stat(RUNTIME), os.fstat(program)
        assert (installed.st_dev, installed.st_ino) != (running.st_dev, running.st_ino)
        assert fcntl.fcntl(program, F_GET_SEALS) & EVERY_SEAL == EVERY_SEAL
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not executes(pid), "the program is executed no more")
        with pytest.raises(OSError) as refusal:
            os.close(os.open(f"/proc/self/fd/{program}", os.O_WRONLY | os.O_TRUNC))
        assert refusal.value.errno == errno.EPERM
        writable = os.open(f"/proc/self/fd/{program}", os.O_WRONLY)
        try:
            with pytest.raises(PermissionError):
                os.write(writable, b"#!/bin/sh\n")
        finally:
            os.close(writable)


def executes(pid):
    try:
        return "memfd" in os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return False


def test_a_created_container_is_no_way_to_the_installed_program(strong):
    """CVE-2019-5736: while it waits for start it executes the runtime."""
    strong.create("sleep", "1000")
    assert_cannot_be_changed(strong.state()["pid"])
    strong.command("delete", "--force", strong.id)


@pytest.mark.parametrize("script", [False, True])
def test_an_image_whose_program_is_the_runtime(strong, script):
    """CVE-2019-5736: the entry point is /proc/self/exe, or a script for it."""
    (strong.rootfs / "bin/evil").write_text("#!/proc/self/exe --log=/tmp/fifo\n")
    (strong.rootfs / "bin/evil").chmod(0o755)
    strong.create(*(["/bin/evil"] if script else ["/proc/self/exe", *STAYS]))
    strong.start()
    pid = strong.state()["pid"]
    wait_until(lambda: pathlib.Path(f"/proc/{pid}/wchan").read_text() == "wait_for_partner", "it waits for its log")
    assert_cannot_be_changed(pid)
    strong.command("delete", "--force", strong.id)


ATTACK = """
until for p in /proc/[0-9]*; do case $(readlink $p/exe) in *memfd:*) pid=${p#/proc/}; break;; esac; done
      [ -n "$pid" ]; do :; done
exec 9< /proc/$pid/exe
sha256sum < /proc/self/fd/9
(echo owned > /proc/$pid/exe) 2>&- && echo truncated
kill -9 $pid
while [ -e /proc/$pid/exe ]; do :; done
(echo owned > /proc/self/fd/9) 2>&- && echo truncated
(echo owned >> /proc/self/fd/9) 2>&- && echo written
sha256sum < /proc/self/fd/9
"""


def test_exec_of_the_runtime_is_no_way_to_the_installed_program(strong):
    """CVE-2019-5736: `exec` enters a container whose programs are links to /proc/self/exe."""
    before = content(RUNTIME)
    with strong.running():
        victim = subprocess.Popen(strong.words("exec", strong.id, "/proc/self/exe", *STAYS), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        said = strong.exec("sh", "-c", ATTACK).stdout
        victim.wait(20)
    assert said == f"{before}  -\n{before}  -\n"
    assert content(RUNTIME) == before


PRELOADED = r"""
extern "C" int open(const char*, int, ...);
__attribute__((constructor)) static void Owned() { open("owned", 0102, 0644); }  // O_CREAT | O_RDWR
"""


def test_a_library_of_the_image_is_not_loaded_by_the_runtime(bundle):
    """CVE-2019-5736: the variant that replaces a library of the runtime (LD_PRELOAD, the image's loader)."""
    need_program("g++")
    source = bundle.folder / "owned.cc"
    source.write_text(PRELOADED)
    library = bundle.rootfs / "owned.so"
    subprocess.run(["g++", "-shared", "-fPIC", "-o", library, source], check=True)
    victim = subprocess.run(["/bin/ls"], cwd=bundle.folder, env={"LD_PRELOAD": str(library)}, check=True,
                            capture_output=True)
    assert b"owned" in victim.stdout, "the library itself does not work"
    (bundle.folder / "owned").unlink()
    bundle.process["env"] += ["LD_PRELOAD=/owned.so", "LD_LIBRARY_PATH=/"]
    bundle.run("/proc/self/exe", "--version")
    with bundle.running("sleep", "1000"):
        bundle.exec("/proc/self/exe", "--version", flags=["--env", "LD_PRELOAD=/owned.so"])
    assert not (bundle.rootfs / "owned").exists()
    assert not (bundle.path / "owned").exists()
