"""Debian's containerd: ctr with --runc-binary estiba-oci, through containerd-shim-runc-v2."""

import pytest

from harness import criu
from harness.wait import wait_until


@pytest.fixture
def web(containerd):
    containerd.run("-d", containerd.image, "web", "sleep", "1000")
    yield containerd
    containerd("task", "kill", "-s", "KILL", "web", code=None)
    wait_until(lambda: containerd("task", "delete", "-f", "web", code=None).returncode == 0 or
               "not found" in containerd("task", "delete", "web", code=None).stderr, "the task is gone")
    containerd("container", "rm", "web", code=None)


def status(containerd):
    (line,) = [line for line in containerd("task", "ls").splitlines() if line.startswith("web ")]
    return line.split()[2]


def test_run(containerd):
    assert containerd.run("--rm", containerd.image, "once", "cat", "/etc/debian_version").startswith("12")
    containerd.run("--rm", containerd.image, "once", "sh", "-c", "exit 7", code=7)
    done = containerd.run("--rm", containerd.image, "once", "no-such-program", code=None)
    assert done.returncode != 0 and "executable file not found in $PATH" in done.stderr


def test_exec(web):
    assert web("task", "exec", "--exec-id", "a", "web", "cat", "/etc/debian_version").startswith("12")
    web("task", "exec", "--exec-id", "b", "web", "sh", "-c", "exit 5", code=5)
    done = web("task", "exec", "--exec-id", "c", "web", "no-such-program", code=None)
    assert done.returncode != 0 and "executable file not found in $PATH" in done.stderr


def test_pause_resume_and_processes(web):
    web("task", "pause", "web")
    assert status(web) == "PAUSED"
    web("task", "resume", "web")
    assert status(web) == "RUNNING"
    assert web("task", "ps", "web").splitlines()[0].split()[0] == "PID"
    assert "pids" in web("task", "metrics", "web")


def test_kill_and_delete(web):
    web("task", "kill", "-s", "TERM", "web")  # the first process of a pid namespace ignores it
    assert status(web) == "RUNNING"
    web("task", "kill", "-s", "KILL", "web")
    wait_until(lambda: status(web) == "STOPPED", "it ends")
    done = web("task", "delete", "web", code=None)
    assert "137" in done.stderr or done.returncode == 137
    web("container", "rm", "web")


def test_stop_by_a_signal_that_the_program_handles(containerd):
    containerd.run("-d", containerd.image, "polite", "sh", "-c",
                   "trap 'exit 3' TERM; touch /ready; while :; do sleep 0.05; done")
    wait_until(lambda: containerd("task", "exec", "--exec-id", "r", "polite", "test", "-e", "/ready",
                                  code=None).returncode == 0, "it waits for the signal")
    containerd("task", "kill", "-s", "TERM", "polite")
    wait_until(lambda: "STOPPED" in containerd("task", "ls"), "it ends")
    assert "exit code 3" in containerd("task", "delete", "polite", code=None).stderr
    containerd("container", "rm", "polite")


def test_options_of_the_host(containerd):
    out = containerd.run("--rm", "--cwd", "/var", "--env", "A=b", "--memory-limit", str(64 << 20), containerd.image,
                         "once", "sh", "-c", "pwd; echo $A")
    assert out.split("\n") == ["/var", "b"]


COUNTER = "n=0; while :; do n=$((n + 1)); echo $n >> /tmp/count; sleep 0.05; done"


def test_checkpoint_and_restore(containerd, tmp_path):
    criu.program()  # needed on this kernel
    containerd.run("-d", containerd.image, "saved", "sh", "-c", COUNTER)

    def count():
        return len(containerd("task", "exec", "--exec-id", "c", "saved", "cat", "/tmp/count").split())

    try:
        wait_until(count, "it counts")
        containerd("container", "checkpoint", "--rw", "--image", "--task", "saved", "saved-image")
        count()
        containerd("task", "checkpoint", "--exit", "--image-path", tmp_path / "images", "saved")
        wait_until(lambda: "STOPPED" in containerd("task", "ls"), "it ends")
        assert (tmp_path / "images/core-1.img").exists()
        containerd("task", "delete", "saved", code=None)
        containerd("container", "rm", "saved")
        containerd("container", "restore", "--rw", "--live", "saved", "saved-image")
        before = count()
        wait_until(lambda: count() > before, "it counts on")
    finally:
        containerd("task", "kill", "-s", "KILL", "saved", code=None)
        containerd("task", "delete", "-f", "saved", code=None)
        containerd("container", "rm", "saved", code=None)
