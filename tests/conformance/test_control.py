"""pause, resume, ps, update, events: a running container watched and changed."""

import contextlib
import json
import os
import pathlib
import select
import subprocess

import pytest

from bundle import RUNTIME
from container_cgroups import groups, read
from harness.need import need_program
from harness.wait import wait_until


# ---- pause, ps, update, events ----

def test_pause_and_resume(bundle):
    with bundle.running():
        assert "container not paused" in bundle.command("resume", bundle.id, check=False).stderr
        bundle.command("pause", bundle.id)
        assert bundle.state()["status"] == "paused"
        assert "container not running or created: paused" in bundle.command("pause", bundle.id, check=False).stderr
        done = bundle.exec("true", check=False)
        assert done.returncode == 255
        assert "cannot exec in a paused container (use --ignore-paused to override)" in done.stderr
        bundle.command("resume", bundle.id)
        assert bundle.state()["status"] == "running"
        bundle.exec("true")


def test_a_paused_container_can_be_killed(bundle):
    with bundle.running():
        bundle.command("pause", bundle.id)
        bundle.command("kill", bundle.id, "KILL")
        bundle.wait_status("stopped")


def test_a_paused_container_can_be_deleted_by_force(bundle):
    with bundle.running():
        bundle.command("pause", bundle.id)
        bundle.command("delete", "--force", bundle.id)


def test_exec_that_ignores_the_pause_runs_when_it_is_over(bundle):
    with bundle.running():
        bundle.command("pause", bundle.id)
        process = subprocess.Popen([RUNTIME, "--root", str(bundle.state_root), "exec", "--ignore-paused", bundle.id,
                                    "true"], stdin=subprocess.DEVNULL)
        wait_until(lambda: len(json.loads(bundle.command("ps", "-f", "json", bundle.id).stdout)) == 2
                   or process.poll() is not None, "it is there")
        bundle.command("resume", bundle.id)
        assert process.wait(20) == 0


def test_ps(bundle):
    need_program("ps")
    with bundle.running() as state:
        assert json.loads(bundle.command("ps", "--format", "json", bundle.id).stdout) == [state["pid"]]
        heading, row = bundle.command("ps", bundle.id).stdout.splitlines()
        assert "PID" in heading.split() and str(state["pid"]) in row.split() and "sleep" in row
        heading, row = bundle.command("ps", bundle.id, "-o", "pid,comm").stdout.splitlines()
        assert heading.split() == ["PID", "COMMAND"] and row.split() == [str(state["pid"]), "sleep"]
        assert "PID field" in bundle.command("ps", bundle.id, "-o", "comm", check=False).stderr


UPDATES = {
    "--pids-limit": (["--pids-limit", "19"], ("pids.max",), "19"),
    "--pids-limit -1": (["--pids-limit", "-1"], ("pids.max",), "max"),
    "--memory": (["--memory", "32M"], ("memory.limit_in_bytes", "memory.max"), "33554432"),
    "--memory-reservation": (["--memory-reservation", "16777216"], ("memory.soft_limit_in_bytes", "memory.low"),
                             "16777216"),
    "--cpu-share": (["--cpu-share", "512"], ("cpu.shares",), "512"),
    "--cpuset-cpus": (["--cpuset-cpus", "0"], ("cpuset.cpus",), "0"),
    "--cpuset-mems": (["--cpuset-mems", "0"], ("cpuset.mems",), "0"),
    "--cpu-quota and --cpu-period": (["--cpu-quota", "20000", "--cpu-period", "50000"], ("cpu.cfs_quota_us",), "20000"),
}


@pytest.mark.parametrize("row", UPDATES)
def test_update(bundle, row):
    flags, files, expected = UPDATES[row]
    with bundle.running():
        bundle.command("update", *flags, bundle.id)
        assert read(bundle, *files) == expected


@pytest.mark.parametrize("where", ["file", "-"])
def test_update_from_a_document(bundle, where):
    document = json.dumps({"pids": {"limit": 17}, "memory": {"limit": 33554432}, "cpu": {"shares": 256}})
    file = bundle.folder / "resources.json"
    file.write_text(document)
    with bundle.running():
        with open(file, encoding="ascii") as stdin:
            bundle.command("update", "--resources", "-" if where == "-" else file, bundle.id, stdin=stdin)
        assert read(bundle, "pids.max") == "17"
        assert read(bundle, "memory.limit_in_bytes", "memory.max") == "33554432"


def test_updates_build_on_each_other(bundle):
    with bundle.running():
        bundle.command("update", "--memory", "32M", bundle.id)
        bundle.command("update", "--pids-limit", "21", bundle.id)
        assert read(bundle, "memory.limit_in_bytes", "memory.max") == "33554432"
        if any(groups(bundle, "memory.memsw.limit_in_bytes")) or any(groups(bundle, "memory.swap.max")):
            bundle.command("update", "--memory-swap", "64M", bundle.id)  # means nothing without the limit of before
            assert read(bundle, "memory.memsw.limit_in_bytes", "memory.swap.max") in ("67108864", "33554432")


def test_device_rules_can_be_updated(bundle):
    """A device nobody drives: opening it is refused by the rules (EPERM) or by the kernel (ENXIO)."""
    def opened():
        return bundle.exec("cat", "/tmp/node", check=False).stderr
    rules = bundle.linux["resources"]["devices"]
    more = {"allow": True, "type": "c", "major": 1, "minor": 99, "access": "rwm"}
    with bundle.running():
        bundle.exec("mknod", "/tmp/node", "c", "1", "99")
        assert "Operation not permitted" in opened()
        for devices, answer in ((rules, "Operation not permitted"), ([*rules, more], "No such device or address"),
                                (None, "No such device or address"), (rules, "Operation not permitted")):
            document = json.dumps({"devices": devices, "pids": {"limit": 23}})
            bundle.command("update", "-r", "-", bundle.id, stdin=None, input=document)
            assert answer in opened(), devices
            bundle.exec("sh", "-c", "cat </dev/null >/dev/zero")  # the defaults stay


UPDATE_REFUSED = {
    "no number": (["--pids-limit", "many"], "--pids-limit"),
    "no size": (["--memory", "1x"], "--memory"),
    "a negative share": (["--cpu-share", "-1"], "--cpu-share"),
    "CPUs that are not there": (["--cpuset-cpus", "4000"], "linux.resources.cpu.cpus"),
    "swap without memory": (["--memory-swap", "64M"], "linux.resources.memory.swap"),
    "a cache schema": (["--l3-cache-schema", "L3:0=f"], "Intel RDT"),
    "a bandwidth schema": (["--mem-bw-schema", "MB:0=70"], "Intel RDT"),
    "a document that is none": (["--resources", "/etc/hostname"], "invalid JSON"),
}


@pytest.mark.parametrize("row", UPDATE_REFUSED)
def test_update_refuses(bundle, row):
    flags, text = UPDATE_REFUSED[row]
    with bundle.running():
        done = bundle.command("update", *flags, bundle.id, check=False)
        assert done.returncode == 1 and text in done.stderr


def test_events_once(bundle):
    with bundle.running("sh", "-c", "while :; do :; done"):
        wait_until(lambda: json.loads(bundle.command("events", "--stats", bundle.id).stdout)
                   ["data"]["cpu"]["usage"].get("total", 0) > 0, "the CPU was used")
        event = json.loads(bundle.command("events", "--stats", bundle.id).stdout)
        assert event["type"] == "stats" and event["id"] == bundle.id
        data = event["data"]
        assert set(data) >= {"cpu", "cpuset", "memory", "pids", "blkio", "hugetlb", "intel_rdt", "network_interfaces"}
        assert data["pids"]["current"] == 1
        assert data["memory"]["usage"]["usage"] > 0 and data["memory"]["usage"]["limit"] > 0 and data["memory"]["raw"]
        if any(groups(bundle, "cpu.pressure")):
            assert set(data["cpu"]["psi"]["some"]) == {"avg10", "avg60", "avg300", "total"}


@contextlib.contextmanager
def following(bundle, *flags):
    process = subprocess.Popen([RUNTIME, "--root", str(bundle.state_root), "events", *flags, bundle.id],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def next_line(process):
    assert select.select([process.stdout], [], [], 20)[0], "no event came"
    return json.loads(process.stdout.readline())


def test_events_again_and_again_until_the_container_ends(bundle):
    with bundle.running():
        with following(bundle, "--interval=20ms") as process:
            for _ in range(3):
                assert next_line(process)["type"] == "stats"
            bundle.command("kill", bundle.id, "KILL")
            process.stdout.read()
            assert process.wait(20) == 0


def test_events_tell_of_the_oom_killer(bundle):
    bundle.linux["resources"]["memory"] = {"limit": 16 << 20, "swap": 16 << 20}
    if not any(pathlib.Path("/sys/fs/cgroup").glob("memory/memory.memsw.limit_in_bytes")):
        del bundle.linux["resources"]["memory"]["swap"]
    bundle.create("sh", "-c", "sleep 1000")
    bundle.start()
    with following(bundle, "--interval", "1h") as process:
        files = pathlib.Path(f"/proc/{process.pid}/fd")
        wait_until(lambda: any(os.readlink(file).endswith(("[eventfd]", "memory.events"))
                               for file in files.iterdir() if os.path.islink(file)), "it watches")
        bundle.exec("sh", "-c", "tail -c 64m /dev/zero; echo ended $?", check=False)
        event = next_line(process)
        assert event == {"type": "oom", "id": bundle.id}
    bundle.command("delete", "--force", bundle.id)
