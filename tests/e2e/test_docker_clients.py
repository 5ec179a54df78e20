"""Clients that were not made for this engine: docker's own command and its Python library."""

import pytest

from harness.need import need_program

IMAGE = "estiba/busybox"
QUIET = ["--network", "none"]


@pytest.fixture
def docker(engine):
    need_program("docker")
    engine.cli("run", "--rm", *QUIET, IMAGE, "true")  # the built-in image is there

    def run(*arguments, code=0, **options):
        result = engine.docker(*arguments, check=False, **options)
        assert result.returncode == code, result.stdout + result.stderr
        return result.stdout.strip()

    run.engine = engine
    return run


def test_run_carries_output_and_exit_codes(docker):
    assert docker("run", "--rm", *QUIET, IMAGE, "echo", "hello") == "hello"
    docker("run", "--rm", *QUIET, IMAGE, "sh", "-c", "exit 7", code=7)
    docker("run", "--rm", *QUIET, IMAGE, "nosuchprogram", code=127)
    docker("run", "--rm", *QUIET, IMAGE, "/etc/passwd", code=126)
    assert docker("run", "-i", "--rm", *QUIET, IMAGE, "cat", input="through stdin") == "through stdin"


def test_the_life_of_a_container(docker):
    docker("run", "-d", "--name", "web", *QUIET, IMAGE, "sleep", "1000")
    assert docker("ps", "--format", "{{.Names}} {{.Image}}") == f"web {IMAGE}"
    assert docker("exec", "web", "echo", "inside") == "inside"
    docker("exec", "web", "sh", "-c", "exit 5", code=5)
    docker("exec", "web", "nosuchprogram", code=127)
    assert "sleep 1000" in docker("top", "web")
    assert "web" in docker("stats", "--no-stream", "web")
    docker("pause", "web")
    assert docker("inspect", "-f", "{{.State.Status}}", "web") == "paused"
    docker("unpause", "web")
    docker("rename", "web", "app")
    docker("update", "-m", "64m", "--memory-swap", "64m", "app")
    assert docker("inspect", "-f", "{{.HostConfig.Memory}}", "app") == str(64 << 20)
    docker("stop", "-t", "0", "app")
    docker("start", "app")
    docker("restart", "-t", "0", "app")
    docker("kill", "app")
    assert docker("wait", "app") == "137"
    docker("rm", "app")
    assert docker("ps", "-aq") == ""


def test_logs_are_followed_to_the_end(docker):
    docker("run", "-d", "--name", "log", *QUIET, IMAGE, "sh", "-c",
           "for i in 1 2 3; do echo out$i; echo err$i >&2; sleep 0.1; done")
    result = docker.engine.docker("logs", "-f", "log")
    assert result.stdout.split() == ["out1", "out2", "out3"]
    assert result.stderr.split() == ["err1", "err2", "err3"]
    assert docker("logs", "--tail", "1", "log") in ("out3", "")


def test_networks_volumes_and_images(docker):
    docker("network", "create", "--label", "a=b", "lan")
    assert docker("network", "ls", "--filter", "label=a=b", "--format", "{{.Name}}") == "lan"
    docker("network", "rm", "lan")
    docker("volume", "create", "data")
    docker("run", "--rm", *QUIET, "-v", "data:/d", IMAGE, "sh", "-c", "echo kept > /d/f")
    assert docker("run", "--rm", *QUIET, "-v", "data:/d", IMAGE, "cat", "/d/f") == "kept"
    docker("volume", "rm", "data")
    docker("tag", IMAGE, "copy:1")
    assert "copy:1" in docker("images", "--format", "{{.Repository}}:{{.Tag}}")
    assert "Untagged: copy:1" in docker("rmi", "copy:1")


def test_what_is_not_served_says_so(docker):
    assert "not supported" in docker.engine.docker("commit", "x", "y", check=False).stderr
    assert "not a swarm manager" in docker.engine.docker("service", "ls", check=False).stderr


def test_a_client_that_is_too_old_is_told(engine):
    status, answer = engine.api("GET", "/v1.20/info")
    assert status == 400 and "Minimum supported API version is 1.24" in answer["message"]


def test_the_python_library(engine):
    sdk = pytest.importorskip("docker")
    engine.cli("run", "--rm", *QUIET, IMAGE, "true")
    client = sdk.DockerClient(base_url=f"unix://{engine.socket}", timeout=30)
    assert client.containers.run(IMAGE, "echo hi", remove=True, network_mode="none") == b"hi\n"
    with pytest.raises(sdk.errors.ContainerError) as failed:
        client.containers.run(IMAGE, ["sh", "-c", "exit 3"], remove=True, network_mode="none")
    assert failed.value.exit_status == 3
    one = client.containers.run(IMAGE, ["sleep", "1000"], detach=True, name="one", network_mode="none")
    for _ in range(10):
        result = one.exec_run(["sh", "-c", "echo out; echo err >&2; exit 2"], demux=True)
        assert (result.exit_code, result.output) == (2, (b"out\n", b"err\n"))
    assert [c.name for c in client.containers.list(filters={"name": "one"})] == ["one"]
    one.stop(timeout=0)
    assert one.wait()["StatusCode"] == 137
    one.remove()
    with pytest.raises(sdk.errors.NotFound):
        client.containers.get("one")
