"""config.json, `linux.namespaces`, mappings, time offsets: new ones, the runtime's, and those at a path."""

import contextlib
import os
import subprocess

import pytest

from bundle import kill
from harness.need import need
from harness.wait import wait_until

FILES = {"pid": "pid", "network": "net", "ipc": "ipc", "uts": "uts", "mount": "mnt", "cgroup": "cgroup", "user": "user",
         "time": "time"}


def namespace_of(pid, kind):
    return os.readlink(f"/proc/{pid}/ns/{FILES[kind]}")


@contextlib.contextmanager
def somebody(*flags, ready="uts"):
    """A process in namespaces of its own (unshare's flags); its pid."""
    helper = subprocess.Popen(["unshare", *flags, "sleep", "1000"])
    try:
        wait_until(lambda: namespace_of(helper.pid, ready) != namespace_of(os.getpid(), ready) or children(helper.pid),
                   "unshared")
        yield helper.pid
    finally:
        for child in children(helper.pid):
            kill(child)
        helper.kill()
        helper.wait()


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


@pytest.mark.parametrize("kind", FILES)
def test_a_new_namespace(bundle, kind):
    if kind == "user":
        bundle.map_ids()
    else:
        bundle.namespace(kind)
    with bundle.running() as state:
        assert namespace_of(state["pid"], kind) != namespace_of(os.getpid(), kind)


@pytest.mark.parametrize("kind", ["pid", "network", "ipc", "uts", "cgroup"])
def test_the_runtimes_when_none_is_asked_for(bundle, kind):
    bundle.without_namespace(kind)
    if kind == "uts":
        del bundle.config["hostname"]
    with bundle.running() as state:
        assert namespace_of(state["pid"], kind) == namespace_of(os.getpid(), kind)


@pytest.mark.parametrize("kind,flag", [("network", "--net"), ("ipc", "--ipc"), ("uts", "--uts"),
                                       ("cgroup", "--cgroup"), ("time", "--time"), ("mount", "--mount")])
def test_the_one_at_a_path(bundle, kind, flag):
    with somebody("--fork", flag) if kind == "time" else somebody(flag, ready=kind) as pid:
        owner = children(pid)[0] if kind == "time" else pid
        bundle.namespace(kind, f"/proc/{owner}/ns/{FILES[kind]}")
        with bundle.running() as state:
            assert namespace_of(state["pid"], kind) == namespace_of(owner, kind)


def test_the_pid_namespace_at_a_path(bundle, another_bundle):
    with another_bundle.running() as other:
        bundle.namespace("pid", f"/proc/{other['pid']}/ns/pid")
        with bundle.running() as state:
            assert namespace_of(state["pid"], "pid") == namespace_of(other["pid"], "pid")
            assert "sleep 1000" in another_bundle.exec("ps", "-o", "args").stdout.split("\n", 2)[2]


def test_the_user_namespace_at_a_path(bundle, another_bundle):
    """As a pod's further containers join its first one's: everything new belongs to the joined user namespace."""
    another_bundle.map_ids()
    bundle.map_ids()
    del bundle.linux["uidMappings"], bundle.linux["gidMappings"]
    with another_bundle.running() as other:
        for kind in ("user", "network", "ipc", "uts"):
            bundle.namespace(kind, f"/proc/{other['pid']}/ns/{FILES[kind]}")
        del bundle.config["hostname"]
        with bundle.running() as state:
            for kind in ("user", "network", "ipc", "uts"):
                assert namespace_of(state["pid"], kind) == namespace_of(other["pid"], kind)
            assert namespace_of(state["pid"], "pid") != namespace_of(other["pid"], "pid")
            assert bundle.exec("sh", "-c", "id -u; hostname; touch /made && stat -c %u /made").stdout == "0\nbox\n0\n"
    assert os.stat(bundle.rootfs / "made").st_uid == 100000


def test_a_new_user_namespace_beside_the_hosts_at_a_path(bundle):
    """A pod's network is often made by the host's root before the user namespace is."""
    with somebody("--net", "--ipc", ready="ipc") as pid:
        bundle.map_ids()
        for kind in ("network", "ipc"):
            bundle.namespace(kind, f"/proc/{pid}/ns/{FILES[kind]}")
        bundle.config["mounts"] = [mount for mount in bundle.config["mounts"] if mount["destination"] != "/dev/mqueue"]
        with bundle.running() as state:
            for kind in ("network", "ipc"):
                assert namespace_of(state["pid"], kind) == namespace_of(pid, kind)
            assert bundle.exec("id", "-u").stdout == "0\n"


def test_id_mappings(bundle):
    bundle.map_ids(200000, 1000)
    maps = bundle.sh("cat /proc/self/uid_map /proc/self/gid_map").split()
    assert maps == ["0", "200000", "1000"] * 2


def test_several_ranges(bundle):
    bundle.map_ids()
    ranges = [{"containerID": 0, "hostID": 100000, "size": 1000}, {"containerID": 5000, "hostID": 200000, "size": 10}]
    bundle.linux["uidMappings"] = bundle.linux["gidMappings"] = ranges
    assert bundle.sh("cat /proc/self/uid_map").split() == ["0", "100000", "1000", "5000", "200000", "10"]


def test_time_offsets_with_a_user_namespace(bundle):
    bundle.map_ids()
    bundle.namespace("time")
    bundle.linux["timeOffsets"] = {"monotonic": {"secs": 7881, "nanosecs": 2718281}}
    assert bundle.sh("cat /proc/self/timens_offsets").splitlines()[0].split() == ["monotonic", "7881", "2718281"]


def test_time_offsets(bundle):
    need(os.path.exists("/proc/self/ns/time"), "time namespaces")
    bundle.namespace("time")
    bundle.linux["timeOffsets"] = {"monotonic": {"secs": 172800, "nanosecs": 5}, "boottime": {"secs": 604800}}
    lines = bundle.sh("cat /proc/self/timens_offsets").splitlines()
    assert [line.split() for line in lines] == [["monotonic", "172800", "5"], ["boottime", "604800", "0"]]


def test_hostname_and_domainname(bundle):
    bundle.config["hostname"], bundle.config["domainname"] = "one", "two"
    assert bundle.sh("hostname; cat /proc/sys/kernel/domainname") == "one\ntwo"


def test_the_loopback_link_of_a_new_network_namespace_is_up(bundle):
    assert "127.0.0.1" in bundle.sh("ip -4 addr show lo")


SYSCTLS = {"net.ipv4.ip_forward": "1", "net/ipv4/conf/lo/rp_filter": "2", "kernel.shmmax": "65536",
           "kernel.msgmax": "4096", "kernel.sem": "100\t200\t30\t40", "fs.mqueue.msg_max": "7"}


def test_sysctls_of_the_containers_namespaces(bundle):
    bundle.linux["sysctl"] = SYSCTLS
    names = [name.replace(".", "/") for name in SYSCTLS]
    assert bundle.sh("cd /proc/sys; cat " + " ".join(names)).splitlines() == list(SYSCTLS.values())


REFUSED = {
    "a namespace twice": (lambda linux, _: linux["namespaces"].append({"type": "pid"}), "linux.namespaces[6]"),
    "an unknown type": (lambda linux, _: linux["namespaces"].append({"type": "foo"}), "linux.namespaces[6].type"),
    "a relative path": (lambda linux, _: linux["namespaces"].append({"type": "time", "path": "x"}),
                        "linux.namespaces[6].path"),
    "a path that is not there": (lambda linux, _: linux["namespaces"].append({"type": "time", "path": "/no/such"}),
                                 "linux.namespaces: time"),
    "a path of another type": (lambda linux, _: linux["namespaces"].append({"type": "time",
                                                                            "path": "/proc/self/ns/uts"}),
                               "is of another type"),
    "a path to no namespace": (lambda linux, _: linux["namespaces"].append({"type": "time", "path": "/etc/passwd"}),
                               "linux.namespaces: time"),
    "a user namespace without maps": (lambda linux, _: linux["namespaces"].append({"type": "user"}),
                                      "linux.uidMappings"),
    "maps without a user namespace": (
        lambda linux, _: linux.update(uidMappings=[{"containerID": 0, "hostID": 1, "size": 1}]), "linux.uidMappings"),
    "time offsets without a time namespace": (lambda linux, _: linux.update(timeOffsets={"boottime": {"secs": 1}}),
                                              "linux.timeOffsets"),
    "a time offset of another type": (lambda linux, _: linux.update(timeOffsets={"boottime": {"secs": "1"}}),
                                      "linux.timeOffsets.boottime.secs"),
    "a hostname without a uts namespace": (
        lambda linux, _: linux.update(namespaces=[ns for ns in linux["namespaces"] if ns["type"] != "uts"]),
        "hostname"),
    "masks without a mount namespace": (
        lambda linux, _: linux.update(namespaces=[ns for ns in linux["namespaces"] if ns["type"] != "mount"]),
        "linux.maskedPaths"),
    "a sysctl of the host": (lambda linux, _: linux.update(sysctl={"kernel.panic": "1"}), "kernel.panic"),
    "a sysctl with a way out": (lambda linux, _: linux.update(sysctl={"net.ipv4/../../kernel/panic": "1"}),
                                "linux.sysctl"),
    "a network sysctl in the host's network": (
        lambda linux, _: linux.update(sysctl={"net.ipv4.ip_forward": "1"},
                                      namespaces=[ns for ns in linux["namespaces"] if ns["type"] != "network"]),
        "net.ipv4.ip_forward"),
    "a sysctl nobody knows": (lambda linux, _: linux.update(sysctl={"net.no.such": "1"}), "linux.sysctl"),
    "a sysctl of another type": (lambda linux, _: linux.update(sysctl={"net.ipv4.ip_forward": 1}),
                                 "linux.sysctl.net.ipv4.ip_forward"),
}


@pytest.mark.parametrize("row", REFUSED)
def test_refused_and_the_field_named(bundle, row):
    change, field = REFUSED[row]
    change(bundle.linux, bundle)
    assert field in bundle.refused("true")
