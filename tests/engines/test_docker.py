"""Debian's dockerd with estiba-oci as its default runtime."""

import pytest

from harness import criu
from harness.wait import wait_until

QUIET = ["--network", "none"]


@pytest.fixture
def web(docker):
    """A Debian that sleeps."""
    docker("run", "-d", "--name", "web", *QUIET, docker.image, "sleep", "1000")
    yield docker
    docker("rm", "-f", "web", code=None)


def status(docker):
    return docker("inspect", "-f", "{{.State.Status}}", "web")


def test_it_is_the_runtime(docker):
    assert docker("info", "-f", "{{.DefaultRuntime}}") == "estiba"
    assert "estiba" in docker("info", "-f", "{{range $name, $_ := .Runtimes}}{{$name}} {{end}}")


def test_run(docker):
    assert docker("run", "--rm", *QUIET, docker.image, "cat", "/etc/debian_version").startswith("12")
    docker("run", "--rm", *QUIET, docker.image, "sh", "-c", "exit 7", code=7)
    assert docker("run", "-i", "--rm", *QUIET, docker.image, "cat", input="through stdin") == "through stdin"


def test_programs_that_cannot_run(docker):
    for program, code, text in (("no-such-program", 127, "executable file not found in $PATH"),
                                ("/no/such", 127, "no such file or directory"),
                                ("/etc/passwd", 126, "permission denied"), ("/tmp", 126, "is a directory")):
        done = docker("run", "--rm", *QUIET, docker.image, program, code=None)
        assert done.returncode == code and text in done.stderr, done.stderr


def test_options_of_the_host(docker):
    script = "id -u; id -G; hostname; ulimit -n; cat /proc/self/oom_score_adj; cat /proc/sys/net/ipv4/ip_forward; pwd"
    out = docker("run", "--rm", *QUIET, "--user", "12:34", "--group-add", "56", "--hostname", "box", "--ulimit",
                 "nofile=77:88", "--oom-score-adj", "500", "--sysctl", "net.ipv4.ip_forward=1", "--workdir", "/var",
                 docker.image, "sh", "-c", script)
    assert out.split("\n") == ["12", "34 56", "box", "77", "500", "1", "/var"]


def test_read_only_tmpfs_and_volumes(docker, tmp_path):
    (tmp_path / "file").write_text("from the host")
    out = docker("run", "--rm", *QUIET, "--read-only", "--tmpfs", "/run", "-v", f"{tmp_path}:/in:ro", docker.image,
                 "sh", "-c", "touch /x || touch /in/x || touch /run/x && cat /in/file")
    assert out == "from the host"


def test_capabilities(docker):
    def effective(*flags):
        line = docker("run", "--rm", *QUIET, *flags, docker.image, "grep", "CapEff", "/proc/self/status")
        return int(line.split()[1], 16)
    assert effective("--cap-drop", "ALL") == 0
    assert effective("--cap-add", "SYS_ADMIN") == effective() | 1 << 21


def test_the_hosts_namespaces(docker):
    docker("run", "--rm", "--pid", "host", "--network", "host", "--ipc", "host", docker.image, "true")


def test_the_bridge_network(docker):
    assert "eth0" in docker("run", "--rm", docker.image, "ip", "link")


def test_exec(web):
    assert web("exec", "web", "cat", "/etc/debian_version").startswith("12")
    assert web("exec", "-i", "-e", "A=b", "-w", "/tmp", "-u", "7", "web", "sh", "-c", "cat; echo $A; pwd; id -u",
               input="in ") == "in b\n/tmp\n7"
    web("exec", "web", "sh", "-c", "exit 5", code=5)
    done = web("exec", "web", "no-such-program", code=None)
    assert done.returncode in (126, 127) and "executable file not found" in done.stdout + done.stderr  # 126: docker 20
    web("exec", "-d", "web", "touch", "/tmp/made")
    wait_until(lambda: web("exec", "web", "ls", "/tmp/made", code=None).returncode == 0, "the file is made")


def test_a_terminal(docker):
    out = docker("run", "-t", "--rm", *QUIET, docker.image, "sh", "-c", "tty; stty size")
    assert out.split() == ["/dev/pts/0", "0", "0"]


def test_a_terminal_in_exec(web):
    assert web("exec", "-t", "web", "tty").startswith("/dev/pts/")


def test_pause_and_unpause(web):
    web("pause", "web")
    assert status(web) == "paused"
    assert "paused" in web("exec", "web", "true", code=None).stderr
    web("unpause", "web")
    assert status(web) == "running"
    web("exec", "web", "true")


def test_update(web):
    web("update", "--memory", "64m", "--memory-swap", "128m", "--pids-limit", "99", "--cpu-shares", "512", "web")
    assert web("exec", "web", "true") == ""
    assert web.cgroup("pids.max") == "99"
    web("update", "--memory", "96m", "web")
    assert web("inspect", "-f", "{{.HostConfig.Memory}}", "web") == str(96 << 20)


def test_top_and_stats(web):
    assert "sleep 1000" in web("top", "web")
    assert "web" in web("stats", "--no-stream", "web")


def test_stop_start_kill_remove(web):
    web("stop", "-t", "1", "web")
    assert status(web) == "exited"
    web("start", "web")
    assert status(web) == "running"
    web("restart", "-t", "0", "web")
    web("kill", "-s", "KILL", "web")
    wait_until(lambda: status(web) == "exited", "it ends")
    assert web("inspect", "-f", "{{.State.ExitCode}}", "web") == "137"
    web("rm", "web")


def test_the_oom_killer_is_told(docker):
    docker("run", "--name", "fat", *QUIET, "--memory", "16m", "--memory-swap", "16m", docker.image, "tail",
           "/dev/zero", code=137)
    assert docker("inspect", "-f", "{{.State.OOMKilled}}", "fat") == "true"
    docker("rm", "fat")


COUNTER = "n=0; while :; do n=$((n + 1)); echo $n >> /tmp/count; sleep 0.05; done"


def test_checkpoint_and_start(docker):
    criu.program()  # needed on this kernel
    docker("run", "-d", "--name", "saved", *QUIET, docker.image, "sh", "-c", COUNTER)

    def count():
        return len(docker("exec", "saved", "cat", "/tmp/count").split())

    try:
        wait_until(count, "it counts")
        docker("checkpoint", "create", "saved", "one")
        assert docker("inspect", "-f", "{{.State.Status}}", "saved") == "exited"
        assert "one" in docker("checkpoint", "ls", "saved")
        docker("start", "--checkpoint", "one", "saved")
        before = count()
        wait_until(lambda: count() > before, "it counts on")
        assert docker("exec", "saved", "grep", "-cx", "1", "/tmp/count") == "1", "it did not begin anew"
        docker("checkpoint", "create", "--leave-running", "saved", "two")
        assert docker("inspect", "-f", "{{.State.Status}}", "saved") == "running"
    finally:
        docker("rm", "-f", "saved", code=None)
