"""Descriptors of the host that a container is handed, and the ways from one to the host's files."""

import os
import stat

import pytest


@pytest.fixture
def leaked(outside):
    """An inheritable descriptor of a folder of the host, as an engine may hold one by mistake."""
    fd = os.open(outside.path, os.O_RDONLY | os.O_DIRECTORY)
    os.set_inheritable(fd, True)
    yield fd
    os.close(fd)


def numbers(leaked, full):
    return [*range(3, 256 if full else 16), leaked]


def test_a_working_directory_that_is_a_descriptor_of_the_runtime(bundle, leaked, full):
    """CVE-2024-21626 (runc), GHSA-xr7r (youki): WORKDIR /proc/self/fd/N."""
    for number in numbers(leaked, full):
        bundle.process["cwd"] = f"/proc/self/fd/{number}"
        assert "cwd" in bundle.refused("cat", "secret", pass_fds=[leaked])


def test_a_link_of_the_image_to_a_descriptor_of_the_runtime(bundle, leaked, full):
    """CVE-2024-21626: the same behind a symbolic link of the image, with something below it."""
    for number in numbers(leaked, full):
        link = bundle.rootfs / "place"
        link.unlink(missing_ok=True)
        link.symlink_to(f"/proc/self/fd/{number}")
        bundle.process["cwd"] = "/place/.."
        assert "cwd" in bundle.refused("cat", "secret", pass_fds=[leaked])


def test_exec_with_such_a_working_directory(bundle, leaked, full):
    """CVE-2024-21626: exec --cwd."""
    with bundle.running():
        for number in numbers(leaked, full):
            done = bundle.exec("cat", "secret", flags=["--cwd", f"/proc/self/fd/{number}"], check=False,
                               pass_fds=[leaked])
            assert done.returncode == 255 and "cwd" in done.stderr and done.stdout == ""


def test_a_program_behind_a_descriptor_of_the_runtime(bundle, leaked, full):
    """CVE-2024-21626: process.args[0] through a descriptor."""
    for number in numbers(leaked, full):
        bundle.refused(f"/proc/self/fd/{number}/../../../../../../bin/busybox", "true", pass_fds=[leaked])


def test_no_descriptor_is_handed_on(bundle, leaked):
    """CVE-2024-21626: what the engine leaked into the runtime ends there; 0, 1, 2 and ls's own are all there is."""
    assert bundle.run("ls", "/proc/self/fd", pass_fds=[leaked]).stdout.split() == ["0", "1", "2", "3"]
    with bundle.running():
        assert bundle.exec("ls", "/proc/self/fd", pass_fds=[leaked]).stdout.split() == ["0", "1", "2", "3"]


def test_a_process_that_waits_for_start_holds_no_folder(bundle, leaked):
    """CVE-2024-21626: others in a shared pid namespace could enter it through /proc/PID/fd."""
    bundle.create("sleep", "1000")
    pid = bundle.state()["pid"]
    for number in os.listdir(f"/proc/{pid}/fd"):
        assert not stat.S_ISDIR(os.stat(f"/proc/{pid}/fd/{number}").st_mode)
    bundle.command("delete", "--force", bundle.id)
