"""What a plain user gets where root gets something else: own ids, the host's devices, no cgroups."""

import os
import stat
import subprocess

import pytest

from bundle import CGROUPS
from not_rootless import NOT_ROOTLESS


@pytest.fixture
def user(plain_user):
    """All of these are a plain user's."""
    return plain_user


def map_own_ids_only(bundle):
    """As `spec --rootless` does."""
    for key, own in (("uidMappings", bundle.user.uid), ("gidMappings", bundle.user.gid)):
        bundle.linux[key] = [{"containerID": 0, "hostID": own, "size": 1}]


def without_mappers(bundle):
    """newuidmap and newgidmap are not to be found."""
    bundle.prefix = ["unshare", "-m", "sh", "-c",
                     "for name in newuidmap newgidmap; do mount --bind /dev/null /usr/bin/$name; done; exec \"$@\"",
                     "sh", *bundle.prefix]


# ---- ids ----

def test_the_own_id_alone_needs_nobodys_help(bundle):
    map_own_ids_only(bundle)
    without_mappers(bundle)
    done = bundle.run("sh", "-c", "cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups; id -u")
    assert done.stdout.split() == ["0", str(bundle.user.uid), "1", "0", str(bundle.user.gid), "1", "deny", "0"]


def test_subordinate_ids_are_mapped_and_groups_can_be_set(bundle):
    bundle.process["user"] = {"uid": 1000, "gid": 1001, "additionalGids": [10, 20]}
    first, count = bundle.user.subuid
    lines = bundle.sh("cat /proc/self/uid_map; id -u; id -G; touch /tmp/mine").splitlines()
    assert [line.split() for line in lines] == [
        ["0", str(bundle.user.uid), "1"], ["1", str(first), str(count)], ["1000"], ["1001", "10", "20"]]
    assert (bundle.rootfs / "tmp/mine").stat().st_uid == first + 999


def test_a_root_made_of_subordinate_ids_only(bundle):
    bundle.map_ids()
    bundle.folder.chmod(0o711)
    assert bundle.sh("id -u; touch /tmp/mine") == "0"
    assert (bundle.rootfs / "tmp/mine").stat().st_uid == bundle.user.subuid[0]


def test_more_ids_need_newuidmap(bundle):
    without_mappers(bundle)
    error = bundle.refused("true")
    assert "linux.uidMappings" in error and "newuidmap: not found" in error and "package uidmap" in error


def test_ids_of_others_are_not_to_be_had(bundle):
    bundle.linux["uidMappings"] = [{"containerID": 0, "hostID": 0, "size": 1}]
    error = bundle.refused("true")
    assert "linux.uidMappings" in error and "newuidmap" in error


def test_additional_groups_need_mapped_ones(bundle):
    map_own_ids_only(bundle)
    bundle.process["user"]["additionalGids"] = [10]
    error = bundle.refused("true")
    assert "process.user.additionalGids: cannot set any additional groups in a rootless container" in error


def test_a_user_namespace_is_needed(bundle):
    bundle.without_namespace("user")
    del bundle.linux["uidMappings"], bundle.linux["gidMappings"]
    assert "rootless container requires user namespaces" in bundle.refused("true")


# ---- mounts and devices ----

def test_the_hosts_sys_in_the_hosts_network(bundle):
    bundle.without_namespace("network")
    assert bundle.sh("touch /sys/x 2>/dev/null || ls -d /sys/kernel") == "/sys/kernel"
    options = bundle.sh("grep ' /sys ' /proc/mounts").split()[3].split(",")
    assert {"ro", "nosuid", "nodev", "noexec"} <= set(options)


def test_a_group_that_is_not_mapped_is_left_out_for_ptys(bundle):
    map_own_ids_only(bundle)
    assert "gid=" not in bundle.sh("grep ' /dev/pts ' /proc/mounts")


@pytest.mark.parametrize("option", ["uid=7", "gid=7"])
def test_owners_of_a_mount_must_be_mapped(bundle, option):
    map_own_ids_only(bundle)
    bundle.mount("/tmp", "tmpfs", "tmpfs", option)
    error = bundle.refused("true")
    assert f"mounts[6]: cannot specify {option[:3]}= mount options for unmapped {option[:3]}" in error


def test_device_nodes_are_the_hosts(bundle):
    bundle.linux["devices"] = [{"path": "/dev/net/tun", "type": "c", "major": 10, "minor": 200}]
    expected = os.stat("/dev/null")
    assert bundle.sh("stat -c '%t:%T %u' /dev/null") == "1:3 65534"
    assert stat.S_ISCHR(expected.st_mode)
    if os.path.exists("/dev/net/tun"):
        assert bundle.sh("stat -c %t:%T /dev/net/tun") == "a:c8"


def test_a_device_that_the_host_has_not(bundle):
    bundle.linux["devices"] = [{"path": "/dev/none-such", "type": "c", "major": 1, "minor": 3}]
    error = bundle.refused("true")
    assert "linux.devices[0]" in error and "/dev/none-such" in error


def test_an_id_mapped_mount_is_refused(bundle):
    maps = [{"containerID": 0, "hostID": 0, "size": 1}]
    bundle.bind(bundle.path, "/home", "bind", "idmap", uidMappings=maps, gidMappings=maps)
    assert "mounts[6]: id-mapped mounts need CAP_SYS_ADMIN" in bundle.refused("true")


def test_what_only_the_user_may_enter_can_be_mounted(bundle):
    """Sources are opened as the user, whoever is root inside."""
    private = bundle.folder / "private"
    (private / "sub").mkdir(parents=True)
    (private / "sub/file").write_text("found")
    bundle.bind(private / "sub", "/home", "bind")
    bundle.hand_over()
    bundle.map_ids()
    private.chmod(0o700)
    assert bundle.sh("cat /home/file") == "found"


# ---- another container's namespaces ----

def test_namespaces_of_another_of_the_users_containers(bundle, another_bundle):
    kinds = {"user": "user", "network": "net", "ipc": "ipc", "uts": "uts", "pid": "pid"}
    with another_bundle.running() as other:
        for kind, name in kinds.items():
            bundle.namespace(kind, f"/proc/{other['pid']}/ns/{name}")
        for key in ("uidMappings", "gidMappings"):
            del bundle.linux[key]
        del bundle.config["hostname"]
        script = "for name in user net ipc uts pid; do readlink /proc/self/ns/$name; done"
        assert bundle.sh(script) + "\n" == another_bundle.exec("sh", "-c", script).stdout


# ---- the process ----

def test_oom_score_adj_can_be_raised_and_not_lowered(bundle):
    bundle.process["oomScoreAdj"] = 700
    assert bundle.sh("cat /proc/self/oom_score_adj") == "700"
    bundle.process["oomScoreAdj"] = -700
    assert "process.oomScoreAdj" in bundle.refused("true")


def test_a_hard_limit_cannot_be_raised(bundle):
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 64, "hard": 128}]
    assert bundle.sh("ulimit -Sn; ulimit -Hn").split() == ["64", "128"]
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 64, "hard": 1 << 30}]
    assert "process.rlimits" in bundle.refused("true")


# ---- cgroups: the host gives the user none ----

@pytest.mark.parametrize("resources, field", [
    ({"memory": {"limit": 64 << 20}}, "linux.resources.memory"),
    ({"pids": {"limit": 20}}, "linux.resources.pids.limit"),
    ({"cpu": {"shares": 512}}, "linux.resources.cpu")])
def test_a_limit_is_refused_by_name(bundle, resources, field):
    bundle.linux["resources"] |= resources
    error = bundle.refused("true")
    assert field in error and "delegate" in error


@pytest.mark.parametrize("command", [["pause"], ["ps"], ["events", "--stats"], ["update", "--pids-limit", "20"]])
def test_what_works_by_cgroup_says_that_there_is_none(bundle, command):
    with bundle.running():
        done = bundle.command(*command, bundle.id, check=False)
        assert done.returncode == 1 and "has no cgroup of its own" in done.stderr


def test_a_path_that_was_asked_for_is_refused(bundle):
    """Without one the container runs; --cgroup-manager=disabled asks for none."""
    bundle.linux["cgroupsPath"] = f"/{CGROUPS}/{bundle.id}"
    error = bundle.refused("true")
    assert "linux.cgroupsPath" in error and "permission denied" in error.lower()
    bundle.save()
    words = bundle.words("--cgroup-manager=disabled", "run", bundle.id)
    assert subprocess.run(words, cwd=bundle.path, timeout=20, check=False, stdin=subprocess.DEVNULL).returncode == 0


# ---- the state ----

def test_the_state_is_kept_in_the_users_runtime_folder(bundle):
    bundle.save()
    words = [word for word in bundle.words("list", "--quiet") if word not in ("--root", str(bundle.state_root))]
    bundle.state_root = bundle.folder / "estiba-oci"
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([*words[:-2], "create", "--bundle", bundle.path, bundle.id], check=True, timeout=20, **quiet)
    assert stat.S_IMODE(bundle.state_root.stat().st_mode) == 0o1700
    assert bundle.containers() == [bundle.id]
    bundle.command("delete", "--force", bundle.id)


# ---- the list of exceptions ----

def test_every_exception_has_a_reason():
    assert all(NOT_ROOTLESS.values())
