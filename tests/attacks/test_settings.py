"""Values and annotations that mean more than they say, hooks, cgroups, and what lies about on the host."""

import json
import os
import pathlib
import subprocess

import pytest

from bundle import BUSYBOX
from harness.need import need, need_program

CORE_PATTERN = pathlib.Path("/proc/sys/kernel/core_pattern")


@pytest.fixture(autouse=True)
def the_hosts_kernel_is_as_it_was():
    watched = [CORE_PATTERN, pathlib.Path("/proc/sys/kernel/hostname"), pathlib.Path("/proc/sys/net/ipv4/ip_forward")]
    before = [path.read_text() for path in watched]
    yield
    assert [path.read_text() for path in watched] == before


# ---- sysctls ----

@pytest.mark.parametrize("value", ["1+kernel.core_pattern=|/evil", "0\nkernel.core_pattern=|/evil", "1 -w kernel.x=1"])
def test_a_value_with_a_second_setting_in_it(bundle, value):
    """CVE-2022-0811 (CRI-O): '+' joined another sysctl on."""
    bundle.linux["sysctl"] = {"kernel.shm_rmid_forced": value}
    bundle.run("true", check=False)
    assert "evil" not in CORE_PATTERN.read_text()


@pytest.mark.parametrize("key", [
    "kernel.core_pattern", "kernel/core_pattern", "net/../kernel/core_pattern", "net.ipv4/../../kernel/core_pattern",
    "kernel.shm_rmid_forced+kernel.core_pattern", "net.ipv4.ip_forward=1+kernel.core_pattern",
    "kernel.sem/../core_pattern",
    "fs.mqueue.x/../../../kernel/core_pattern", "net/self/../../kernel/core_pattern", "vm.overcommit_memory",
    "kernel.domainname/../core_pattern", "user.max_user_namespaces", "", ".", "net.", "fs.file-max"])
def test_a_sysctl_of_the_host_by_another_name(bundle, key):
    """CVE-2022-0811, CVE-2025-52881."""
    bundle.linux["sysctl"] = {key: "|/evil"}
    assert "linux.sysctl" in bundle.refused()


@pytest.mark.parametrize("kind,key,value", [
    ("network", "net.ipv4.ip_forward", "1"), ("network", "net/ipv4/ip_forward", "1"), ("ipc", "kernel.msgmax", "8192"),
    ("ipc", "fs.mqueue.msg_max", "10"), ("uts", "kernel.hostname", "evil")])
def test_a_sysctl_without_a_namespace_of_its_own(bundle, kind, key, value):
    """CVE-2022-0532 (CRI-O): 'safe' sysctls in the host's namespaces."""
    bundle.without_namespace(kind)
    if kind == "uts":
        del bundle.config["hostname"]
    bundle.linux["sysctl"] = {key: value}
    assert "linux.sysctl" in bundle.refused()


# ---- hooks ----

@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer", "poststart", "poststop"])
def test_a_hook_has_nothing_of_the_images_environment(bundle, kind):
    """CVE-2025-23266 (NVIDIA): LD_PRELOAD of the image in hooks that run with the host's privileges."""
    seen = bundle.folder / "seen"
    bundle.process["env"] += ["LD_PRELOAD=/evil.so", "IMAGE=1"]
    bundle.config["hooks"] = {kind: [{"path": BUSYBOX, "args": ["sh", "-c", f"env > {seen}"]}]}
    bundle.run("true", env=os.environ | {"LD_AUDIT_": "1"})
    text = seen.read_text()
    assert "LD_PRELOAD" not in text and "IMAGE" not in text


def test_a_hook_of_the_host_is_the_hosts_file(bundle):
    """CVE-2025-23266, CVE-2022-1227 (podman): createContainer's path is resolved on the host, not in the image."""
    seen = bundle.folder / "seen"
    hook = bundle.folder / "hook"
    hook.write_text(f"#!{BUSYBOX} sh\necho host > {seen}\n")
    hook.chmod(0o755)
    planted = bundle.rootfs / str(hook)[1:]
    planted.parent.mkdir(parents=True)
    planted.write_text(f"#!/bin/sh\necho image > {seen}\n")
    planted.chmod(0o755)
    bundle.config["hooks"] = {"createContainer": [{"path": str(hook)}]}
    bundle.run("true")
    assert seen.read_text() == "host\n"


def test_ps_runs_no_program_of_the_container(bundle):
    """CVE-2022-1227 (podman top): the host's ps lists, whatever the image has under that name."""
    need_program("ps")
    planted = bundle.rootfs / "bin/ps"
    planted.unlink()
    planted.write_text("#!/bin/sh\necho owned\ntouch /owned\n")
    planted.chmod(0o755)
    with bundle.running():
        assert "owned" not in bundle.command("ps", bundle.id).stdout
    assert not (bundle.rootfs / "owned").exists()


# ---- cgroups ----

@pytest.fixture
def delegated(bundle):
    """A cgroup of the host that the container's root, uid 100000 outside, may write."""
    path = pathlib.Path("/sys/fs/cgroup/pids")
    if not path.is_dir():
        path = pathlib.Path("/sys/fs/cgroup")
    group = path / bundle.id
    group.mkdir()
    os.chown(group, 100000, 100000)
    yield group
    for child in group.iterdir():
        if child.is_dir():
            child.rmdir()
    group.rmdir()


WRITE = "mkdir {0}/owned 2>/dev/null && echo owned; rmdir {0}/owned 2>/dev/null; true"


@pytest.mark.parametrize("sys", ["rbind", "sysfs"])
def test_read_only_cgroups_without_a_cgroup_namespace(bundle, delegated, sys):
    """CVE-2023-25809 (runc): /sys/fs/cgroup, asked for read-only, was writable in a user namespace."""
    bundle.map_ids()
    bundle.without_namespace("cgroup")
    bundle.without_namespace("network")
    bundle.without_mount("/sys")
    quiet = ["nosuid", "noexec", "nodev", "ro"]
    if sys == "rbind":
        bundle.mount("/sys", "none", "/sys", "rbind", *quiet)
    else:
        bundle.mount("/sys", "sysfs", "sysfs", *quiet)
    bundle.mount("/sys/fs/cgroup", "cgroup", "cgroup", *quiet)
    del bundle.linux["cgroupsPath"]
    assert bundle.sh(WRITE.format(delegated)) == ""


def test_the_generated_rootless_configuration(bundle, delegated):
    """CVE-2023-25809, its second case: `spec --rootless` binds /sys read-only, with the cgroups below it."""
    folder = bundle.folder / "spec"
    folder.mkdir()
    bundle.command("spec", "--rootless", "--bundle", folder)
    made = json.loads((folder / "config.json").read_text())
    bundle.map_ids()
    bundle.without_namespace("network")
    bundle.without_namespace("cgroup")
    bundle.config["mounts"] = made["mounts"]
    assert bundle.sh(WRITE.format(delegated)) == ""


@pytest.mark.parametrize("path", ["/../../../../{0}", "../../../{0}", "/a/../../../../{0}"])
def test_a_cgroup_outside_of_the_hierarchy(bundle, outside, path):
    """CVE-2023-25809's neighbour: linux.cgroupsPath that climbs makes no folder elsewhere."""
    bundle.linux["cgroupsPath"] = path.format(str(outside.path)[1:] + "/made")
    bundle.run("true", check=False)
    outside.assert_untouched()


# ---- what is on the host ----

def test_state_is_closed_to_others(bundle):
    """CVE-2024-25621, CVE-2021-41103 (containerd): folders of containers that any user of the host could enter."""
    need(os.geteuid() == 0, "root")
    with bundle.running():
        for top in (bundle.state_root, bundle.state_root / bundle.id):
            assert top.stat().st_mode & 0o066 == 0
        found = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "cat",
                                *[str(path) for path in (bundle.state_root / bundle.id).rglob("*") if path.is_file()]],
                               capture_output=True, check=False)
        assert found.stdout == b""


@pytest.mark.parametrize("name", ["../escape", "..", ".", "a/b", "/abs", "", "a\nb", "a b", "a\0b"])
def test_a_name_that_leaves_the_state(bundle, name):
    """A container's id is a folder of the state: path traversal as in CVE-2022-23648's class."""
    bundle.save()
    if "\0" in name:
        return
    for words in (["create", "--bundle", bundle.path, name], ["delete", "--force", name], ["state", name]):
        assert bundle.command(*words, check=False).returncode != 0
    assert not (bundle.folder / "escape").exists() and not bundle.containers()
