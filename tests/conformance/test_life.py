"""The life of a container by the commands that engines call: create to delete, signals, descriptors passed on."""

import json
import os
import pathlib
import re
import signal
import subprocess

import pytest

from bundle import RUNTIME
from harness.need import need
from harness.wait import wait_until

TRAPPED = ("sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.05; done")


# ---- the life of a container ----

def test_create_start_kill_delete(bundle):
    pid_file = bundle.folder / "pid"
    bundle.create(*TRAPPED, flags=["--pid-file", pid_file])
    state = bundle.state()
    assert state["status"] == "created"
    assert pid_file.read_bytes() == str(state["pid"]).encode()  # no newline
    bundle.start()
    assert bundle.state()["status"] == "running"
    bundle.command("kill", bundle.id, "KILL")
    bundle.wait_status("stopped")
    bundle.command("delete", bundle.id)
    assert "container does not exist" in bundle.command("state", bundle.id, check=False).stderr


def test_the_state_document(bundle):
    bundle.config["annotations"] = {"a.b": "c", "d": ""}
    with bundle.running() as state:
        assert state["ociVersion"] == "1.3.0" and state["id"] == bundle.id
        assert state["bundle"] == str(bundle.path) and state["rootfs"] == str(bundle.rootfs)
        assert state["annotations"] == {"a.b": "c", "d": ""} and state["owner"] == bundle.owner
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", state["created"])
        assert pathlib.Path(f"/proc/{state['pid']}").exists()


def test_a_later_change_of_the_configuration_has_no_effect(bundle):
    bundle.create("echo", "first")
    bundle.process["args"] = ["echo", "second"]
    bundle.save()
    bundle.start()
    bundle.wait_status("stopped")
    assert bundle.output() == "first\n"
    bundle.command("delete", bundle.id)


def test_the_pid_file_is_replaced_whole(bundle):
    pid_file = bundle.folder / "pid"
    pid_file.write_text("an older and longer content")
    before = pid_file.stat().st_ino
    bundle.create("sleep", "1000", flags=["--pid-file", pid_file])
    assert pid_file.read_text() == str(bundle.state()["pid"])
    assert pid_file.stat().st_ino != before
    assert [path.name for path in bundle.folder.iterdir() if "pid" in path.name] == ["pid"]
    bundle.command("delete", "--force", bundle.id)


def test_run_in_the_foreground_ends_as_the_program_ends(bundle):
    assert bundle.run("sh", "-c", "exit 7", check=False).returncode == 7
    assert bundle.containers() == []
    bundle.without_namespace("pid")  # else the first process ignores the signal
    assert bundle.run("sh", "-c", "kill -TERM $$", check=False).returncode == 128 + signal.SIGTERM


def test_run_keep(bundle):
    bundle.run("true", flags=["--keep"])
    assert bundle.state()["status"] == "stopped" and bundle.state()["pid"] == 0
    bundle.command("delete", bundle.id)


def test_run_detached(bundle):
    out = open(bundle.folder / "output", "wb")
    bundle.run("sleep", "1000", flags=["--detach", "--pid-file", bundle.folder / "pid"], capture_output=False,
               stdout=out, stderr=out)
    assert bundle.state()["status"] == "running"
    assert (bundle.folder / "pid").read_text() == str(bundle.state()["pid"])
    bundle.command("delete", "-f", bundle.id)


def test_a_foreground_run_passes_signals_on(bundle):
    bundle.process["args"] = ["sh", "-c", "trap 'exit 9' USR1; echo ready; while :; do sleep 0.05; done"]
    bundle.save()
    process = subprocess.Popen([RUNTIME, "--root", str(bundle.state_root), "run", "--bundle", str(bundle.path),
                                bundle.id], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGUSR1)
    assert process.wait(20) == 9


def test_without_pivot_and_keyring(bundle):
    assert bundle.run("ls", "/bin/true", flags=["--no-pivot", "--no-new-keyring"]).stdout == "/bin/true\n"


# ---- kill ----

@pytest.mark.parametrize("name", ["TERM", "SIGTERM", "sigterm", "15", None])
def test_signals_by_every_name(bundle, name):
    bundle.create("sh", "-c", "trap 'exit 3' TERM; touch /tmp/ready; while :; do sleep 0.05; done")
    bundle.start()
    wait_until(lambda: (bundle.rootfs / "tmp/ready").exists(), "the trap is set")
    bundle.command("kill", bundle.id, *([name] if name else []))
    bundle.wait_status("stopped")
    bundle.command("delete", bundle.id)


def test_kill_all_reaches_every_process(bundle):
    with bundle.running("sh", "-c", "sleep 2000 & exec sleep 1000"):
        wait_until(lambda: len(json.loads(bundle.command("ps", "-f", "json", bundle.id).stdout)) == 2, "both run")
        bundle.command("kill", "--all", bundle.id, "KILL")
        bundle.wait_status("stopped")


def test_without_a_pid_namespace_nothing_survives_the_kill(bundle):
    bundle.without_namespace("pid")
    bundle.create("sh", "-c", "sleep 2000 & exec sleep 1000")
    bundle.start()
    wait_until(lambda: len(json.loads(bundle.command("ps", "-f", "json", bundle.id).stdout)) == 2, "both run")
    pids = json.loads(bundle.command("ps", "-f", "json", bundle.id).stdout)
    bundle.command("kill", bundle.id, "KILL")

    def gone(pid):
        try:
            return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
        except OSError:
            return True
    wait_until(lambda: all(gone(pid) for pid in pids), "all are gone")
    bundle.command("delete", bundle.id)


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "QUIT"])
def test_a_container_that_waits_for_its_start_ends_by_signals_that_mean_so(bundle, name):
    """Though the first process of a pid namespace is deaf to what it has no handler for."""
    bundle.create("true")
    bundle.command("kill", bundle.id, name)
    bundle.wait_status("stopped")
    bundle.command("delete", bundle.id)


def test_the_callers_cpus_are_not_the_containers(bundle):
    every = os.sched_getaffinity(0)
    need(len(every) > 1, "two CPUs")
    bundle.prefix = ["taskset", "-c", str(min(every)), *bundle.prefix]
    with bundle.running("sh", "-c", "grep Cpus_allowed: /proc/self/status; sleep 1000"):
        wait_until(lambda: "Cpus_allowed" in bundle.output(), "the container has told its CPUs")
        assert int(bundle.output().split()[1].replace(",", ""), 16).bit_count() == len(every)
        inside = bundle.exec("grep", "Cpus_allowed:", "/proc/self/status").stdout
        assert int(inside.split()[1].replace(",", ""), 16).bit_count() == len(every)


def test_kill_of_a_created_container(bundle):
    bundle.create("true")
    bundle.command("kill", bundle.id, "KILL")
    bundle.wait_status("stopped")
    bundle.command("delete", bundle.id)


# ---- descriptors ----

def test_descriptors_that_are_passed_on(bundle):
    read_end, write_end = os.pipe()
    bundle.process["args"] = ["sh", "-c", "echo through >&3"]
    bundle.save()
    subprocess.run([RUNTIME, "--root", str(bundle.state_root), "run", "--preserve-fds", "1", "--bundle",
                    str(bundle.path), bundle.id], pass_fds=[write_end] if write_end == 3 else [], check=True,
                   preexec_fn=(lambda: os.dup2(write_end, 3)), close_fds=False)
    os.close(write_end)
    assert os.read(read_end, 100) == b"through\n"
    os.close(read_end)


def test_sockets_of_an_activating_caller(bundle):
    bundle.process["args"] = ["sh", "-c", "echo $LISTEN_FDS $LISTEN_PID; ls /proc/self/fd"]
    bundle.save()
    command = f"LISTEN_PID=$$ LISTEN_FDS=1 exec {RUNTIME} --root {bundle.state_root} run --bundle {bundle.path} " \
              f"{bundle.id} 3</dev/null"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "1", "0", "1", "2", "3", "4"]  # 4: the folder ls reads
