"""bench/floor, which the speed of estiba-oci is measured against, does to the kernel what estiba-oci does for the same
bundle: no operation less, which would make the bar too high, and none more, which would make it too low."""

import collections
import json
import os
import pathlib
import re
import subprocess

import pytest

from harness.need import need, need_program

from bundle import BIN

FLOOR = BIN.resolve().parent / "bench/floor"
GROUPS = pathlib.Path("/sys/fs/cgroup")
CONTROLLERS = ["cpu", "cpuacct", "cpuset", "memory", "blkio", "pids", "systemd", "unified"]
# What changes something that outlives the call. Reading, opening, closing and waiting is each program's own affair.
CALLS = ["clone3", "unshare", "mount", "umount2", "fsopen", "fsconfig", "fsmount", "move_mount", "open_tree",
         "mount_setattr", "pivot_root", "mkdirat", "mknodat", "symlinkat", "unlinkat", "rmdir", "bpf", "sethostname",
         "ioctl", "keyctl", "setsid", "setgroups", "setresuid", "setresgid", "capset", "prctl", "execve", "write"]
LINE = re.compile(r"(\w+)\((.*)\) += (\d+)$")
PRCTL = re.compile(r"PR_CAPBSET_DROP|PR_SET_NO_NEW_PRIVS|PR_CAP_AMBIENT|PR_SET_KEEPCAPS")


def operation(call, words):
    """What one system call did, without the numbers of descriptors; None: nothing that counts."""
    if call in ("rmdir", "unlinkat"):
        path = re.search(r'"([^"]*)"', words).group(1)
        return ("rmdir", pathlib.PurePath(path).name) if call == "rmdir" or "AT_REMOVEDIR" in words else None
    if call in ("mkdirat", "mknodat"):
        path, rest = re.search(r'"([^"]*)"(.*)', words).groups()
        return call, pathlib.PurePath(path).name, rest
    if call == "clone3":
        return call, *sorted(set(re.search(r"flags=([A-Z_|]+)", words).group(1).split("|")) - {"CLONE_PIDFD"})
    if call == "write":
        return (call,) if "/tasks>" in words else None
    if call == "bpf":
        return (call, words.split(",")[0]) if re.match("BPF_PROG_(LOAD|ATTACH)", words) else None
    if call == "prctl":
        return (call, words) if PRCTL.match(words) else None
    if call == "ioctl":
        return (call, "SIOCSIFFLAGS") if "SIOCSIFFLAGS" in words else None
    if call == "execve":
        return (call, words.split(",")[0]) if "/bin/true" in words else None
    if call in ("move_mount", "open_tree"):
        return call, "AT_RECURSIVE" in words  # by path or by descriptor is all the same
    if call in ("keyctl", "capset", "setgroups", "sethostname"):
        return (call,)
    if call == "symlinkat":
        return call, *re.findall('"([^"]*)"', words)
    return call, re.sub(r"^\d+<[^>]*>, ", "", words)


def operations(folder):
    """How often each was made, in the traces of all processes: those that failed are left out."""
    found = collections.Counter()
    for line in "".join(path.read_text() for path in folder.iterdir()).splitlines():
        match = LINE.match(line)
        one = operation(match.group(1), match.group(2)) if match else None
        if one:
            found[one] += 1
    return found


def traced(folder, *command, cwd):
    folder.mkdir()
    strace = ["strace", "-ff", "-y", "-qq", "-o", str(folder / "trace"), "--trace=" + ",".join(CALLS)]
    subprocess.run([*strace, *map(str, command)], cwd=cwd, check=True, timeout=30, stdin=subprocess.DEVNULL,
                   capture_output=True)
    return operations(folder)


def make_parents():
    """The groups that stay: both make theirs below them."""
    for name in CONTROLLERS:
        parent = GROUPS / name / "estiba-floor"
        parent.mkdir(exist_ok=True)
        for file in ("cpuset.cpus", "cpuset.mems") if name == "cpuset" else ():
            (parent / file).write_text((GROUPS / name / file).read_text())


@pytest.fixture
def user():
    """A plain user's container is made of other operations."""
    return None


def test_the_floor_makes_the_same_operations(bundle):
    need_program("strace")
    need(all((GROUPS / name).is_dir() for name in CONTROLLERS), "a hybrid host with a controller a mount")
    need(FLOOR.exists(), "bench/floor, built")
    make_parents()
    bundle.command("spec")
    config = json.loads((bundle.path / "config.json").read_text())
    config["process"] |= {"terminal": False, "args": ["true"]}
    without = [entry for entry in config["linux"]["namespaces"] if entry["type"] != "cgroup"]
    config["linux"]["namespaces"] = without  # runc spec has it on hosts of v2 only
    config["linux"]["cgroupsPath"] = f"/estiba-floor/{bundle.id}"
    (bundle.path / "config.json").write_text(json.dumps(config))
    try:
        floor = traced(bundle.folder / "floor", FLOOR, bundle.rootfs, bundle.id, cwd=bundle.path)
        ours = traced(bundle.folder / "ours", *bundle.words("run", bundle.id), cwd=bundle.path)
    finally:
        for name in CONTROLLERS:
            os.rmdir(GROUPS / name / "estiba-floor")
    ours[("rmdir", bundle.id)] -= 1  # the folder of the state
    assert ours == floor
