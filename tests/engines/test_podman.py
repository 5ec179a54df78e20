"""Debian's podman with --runtime estiba-oci, through conmon."""

import os

import pytest

from harness import criu
from harness.wait import wait_until

QUIET = ["--network", "none"]


@pytest.fixture
def web(podman):
    podman.run("-d", "--name", "web", *QUIET, podman.image, "sleep", "1000")
    yield podman
    podman("rm", "-f", "-t", "0", "web", code=None)


def status(podman):
    return podman("inspect", "-f", "{{.State.Status}}", "web")


def test_it_is_the_runtime(podman):
    assert podman("info", "--format", "{{.Host.OCIRuntime.Path}}").endswith("/estiba-oci")
    assert "version" in podman("info", "--format", "{{.Host.OCIRuntime.Version}}")


def test_run(podman):
    assert podman.run("--rm", *QUIET, podman.image, "cat", "/etc/debian_version").startswith("12")
    podman.run("--rm", *QUIET, podman.image, "sh", "-c", "exit 7", code=7)
    assert podman.run("-i", "--rm", *QUIET, podman.image, "cat", input="through stdin") == "through stdin"


def test_programs_that_cannot_run(podman):
    for program, code in (("no-such-program", 127), ("/no/such", 127), ("/etc/passwd", 126)):
        done = podman.run("--rm", *QUIET, podman.image, program, code=None)
        assert done.returncode == code, done.stderr


def test_options_of_the_host(podman):
    out = podman.run("--rm", *QUIET, "--user", "12:34", "--hostname", "box", "--sysctl", "net.ipv4.ip_forward=1",
                     "--workdir", "/var", podman.image, "sh", "-c",
                     "id -u; id -g; hostname; cat /proc/sys/net/ipv4/ip_forward; pwd")
    assert out.split("\n") == ["12", "34", "box", "1", "/var"]


def test_a_pod_shares_namespaces(podman):
    outside = podman.run("--rm", "--network", "host", podman.image, "readlink", "/proc/self/ns/net")
    podman.run("-d", "--name", "one", *QUIET, podman.image, "sleep", "1000")
    inside = podman("exec", "one", "readlink", "/proc/self/ns/net")
    assert podman.run("--rm", "--network", "container:one", podman.image, "readlink", "/proc/self/ns/net") == inside
    assert inside != outside
    podman("rm", "-f", "-t", "0", "one")


def test_exec(web):
    assert web("exec", "web", "cat", "/etc/debian_version").startswith("12")
    assert web("exec", "-i", "-e", "A=b", "-w", "/tmp", "-u", "7", "web", "sh", "-c", "cat; echo $A; pwd; id -u",
               input="in ") == "in b\n/tmp\n7"
    web("exec", "web", "sh", "-c", "exit 5", code=5)
    web("exec", "web", "no-such-program", code=127)
    web("exec", "-d", "web", "touch", "/tmp/made")
    wait_until(lambda: web("exec", "web", "ls", "/tmp/made", code=None).returncode == 0, "the file is made")


def test_a_terminal(podman):
    assert podman.run("-t", "--rm", *QUIET, podman.image, "tty").strip() == "/dev/pts/0"


def test_pause_and_unpause(web):
    web("pause", "web")
    assert status(web) == "paused"
    web("unpause", "web")
    assert status(web) == "running"


def test_update(web):
    web("update", "--memory", "64m", "web")
    assert web.cgroup("memory.limit_in_bytes", "memory.max") == str(64 << 20)


def test_top_and_a_refused_checkpoint(web):
    assert "sleep" in web("top", "web")
    done = web("container", "checkpoint", "web", code=None)
    assert done.returncode != 0
    assert status(web) == "running"


COUNTER = "n=0; while :; do n=$((n + 1)); echo $n >> /tmp/count; sleep 0.1; done"


def test_checkpoint_and_restore(podman, monkeypatch):
    monkeypatch.setenv("PATH", f"{criu.program()}:{os.environ['PATH']}")
    podman.run("-d", "--name", "saved", *QUIET, podman.image, "sh", "-c", COUNTER)
    try:
        wait_until(lambda: podman("exec", "saved", "cat", "/tmp/count", code=None).stdout, "it counts")
        podman("container", "checkpoint", "saved")
        assert podman("inspect", "-f", "{{.State.Status}}", "saved") == "exited"
        podman("container", "restore", "saved")
        before = len(podman("exec", "saved", "cat", "/tmp/count").split())
        wait_until(lambda: len(podman("exec", "saved", "cat", "/tmp/count").split()) > before, "it counts on")
        assert podman("exec", "saved", "grep", "-cx", "1", "/tmp/count") == "1", "it did not begin anew"
    finally:
        podman("rm", "-f", "-t", "0", "saved", code=None)


def test_stop_start_kill_remove(web):
    web("stop", "-t", "1", "web")
    assert status(web) == "exited"
    web("start", "web")
    assert status(web) == "running"
    web("kill", "web")
    wait_until(lambda: status(web) == "exited", "it ends")
    assert web("inspect", "-f", "{{.State.ExitCode}}", "web") == "137"
    web("rm", "web")
