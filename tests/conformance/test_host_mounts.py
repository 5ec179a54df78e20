"""A container without a mount namespace: it lives in the host's, below its root. Engines do not ask for that."""

import os
import subprocess

import pytest


@pytest.fixture
def shared(bundle):
    bundle.without_namespace("mount")
    bundle.linux["maskedPaths"] = bundle.linux["readonlyPaths"] = []
    yield bundle
    bundle.command("delete", "--force", bundle.id, check=False)
    # As runc and crun leave them: they are the caller's.
    subprocess.run(["umount", "--recursive", "--lazy", bundle.rootfs], check=False, capture_output=True)


def test_it_sees_its_root_and_its_mounts(shared):
    assert shared.sh("ls /; test -e /proc/1/status && echo proc").split()[-1] == "proc"
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        assert f" {shared.rootfs}/proc " in mounts.read()


def test_the_host_keeps_its_mounts_as_they_are(shared):
    with open("/proc/self/mountinfo", encoding="utf-8") as before:
        lines = before.read().splitlines()
    shared.run("true")
    with open("/proc/self/mountinfo", encoding="utf-8") as after:
        now = after.read().splitlines()
    assert set(lines) <= set(now)
    assert all(f" {shared.rootfs}" in line for line in now if line not in lines)


def test_the_namespace_is_the_callers(shared):
    with shared.running() as state:
        assert os.readlink(f"/proc/{state['pid']}/ns/mnt") == os.readlink("/proc/self/ns/mnt")


def test_exec_is_in_the_containers_root_too(shared):
    (shared.rootfs / "mark").write_text("inside\n")
    with shared.running():
        assert shared.exec("cat", "/mark").stdout == "inside\n"
        assert shared.exec("pwd").stdout == "/\n"


def test_what_would_hide_parts_of_the_hosts_proc_is_refused(shared):
    shared.linux["maskedPaths"] = ["/proc/kcore"]
    assert "unable to restrict sys entries without a private MNT namespace" in shared.refused("true")


def test_a_user_namespace_needs_a_mount_namespace(shared):
    shared.map_ids()
    assert "linux.namespaces" in shared.refused("true")


@pytest.mark.skipif("ESTIBA_RUNTIME" in os.environ, reason="crun mounts on the host")
def test_nothing_can_be_mounted_later(shared):
    with shared.running():
        done = shared.command("mounts", "add", shared.id, "-", check=False, stdin=None,
                              input='[{"destination": "/later", "type": "tmpfs", "source": "tmpfs"}]')
        assert done.returncode == 1 and "no mount namespace" in done.stderr
        assert not os.path.ismount("/later")
