"""Clients that were not made for this engine: docker's own command and its Python library."""

import os
import pathlib

import pytest

from harness import newer
from harness.need import need_program

IMAGE = "estiba/busybox"
QUIET = ["--network", "none"]


def docker_programs():
    """Every docker command on the path: its releases differ in what they ask for."""
    found = [pathlib.Path(folder) / "docker" for folder in os.environ["PATH"].split(":")]
    return sorted({str(path.resolve()) for path in found if os.access(path, os.X_OK)}) or ["docker"]


@pytest.fixture(params=[*docker_programs(), "Debian 13's"])
def docker(engine, request):
    need_program("docker")
    program = newer.docker() if request.param == "Debian 13's" else request.param
    engine.cli("run", "--rm", *QUIET, IMAGE, "true")  # the built-in image is there

    def run(*arguments, code=0, **options):
        result = engine.docker(*arguments, program=program, check=False, **options)
        assert result.returncode == code, result.stdout + result.stderr
        return result.stdout.strip()

    def refused(code, says, *arguments):
        result = engine.docker(*arguments, program=program, check=False)
        assert result.returncode == code, result.stdout + result.stderr
        assert says in result.stdout + result.stderr

    run.raw = lambda *arguments: engine.docker(*arguments, program=program, check=False)
    run.refused = refused
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


def test_refusals_are_dockers(docker):
    docker("run", "-d", "--name", "web", *QUIET, "-v", "data:/d", IMAGE, "sleep", "1000")
    refused = docker.refused
    refused(1, 'cannot remove container "/web": container is running: stop the container before removing or force',
            "rm", "web")
    refused(125, 'Conflict. The container name "/web" is already in use by container', "run", "--name", "web", IMAGE)
    refused(1, "Invalid signal: NOPE", "kill", "-s", "NOPE", "web")
    refused(1, "No such container: nobody", "exec", "nobody", "true")
    refused(1, "is not paused", "unpause", "web")
    refused(1, "volume is in use", "volume", "rm", "data")
    refused(1, "bridge is a pre-defined network and cannot be removed", "network", "rm", "bridge")
    refused(1, "must force", "rmi", IMAGE)
    refused(125, "as there are only", "run", "--rm", "--cpus", "1000", IMAGE)
    refused(125, "it needs to be an absolute path", "run", "--rm", "-w", "relative", IMAGE)
    refused(125, "network nonet not found", "run", "--rm", "--network", "nonet", IMAGE)
    refused(125, "Interval in Healthcheck cannot be less than 1ms", "run", "--rm", "--health-cmd", "true",
            "--health-interval", "1us", IMAGE)
    docker("pause", "web")
    refused(1, "is paused, unpause the container before exec", "exec", "web", "true")
    refused(1, "is already paused", "pause", "web")
    docker("stop", "-t", "0", "web")
    docker("stop", "web")  # once more is fine
    refused(1, "is not running", "kill", "web")
    refused(1, "is not running", "exec", "web", "true")
    docker("rm", "web")
    docker("volume", "rm", "data")
    refused(1, "o such volume", "volume", "rm", "data")


def test_logs_are_followed_to_the_end(docker):
    docker("run", "-d", "--name", "log", *QUIET, IMAGE, "sh", "-c",
           "for i in 1 2 3; do echo out$i; echo err$i >&2; sleep 0.1; done")
    result = docker.raw("logs", "-f", "log")
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
    assert "not supported" in docker.raw("plugin", "install", "x").stderr
    assert "not a swarm manager" in docker.raw("service", "ls").stderr


def test_a_client_that_is_too_old_is_told(engine):
    status, answer = engine.api("GET", "/v1.20/info")
    assert status == 400 and answer.startswith("client version 1.20 is too old. Minimum supported API version is 1.24")


def test_the_python_library(engine, full):
    sdk = pytest.importorskip("docker")
    engine.cli("run", "--rm", *QUIET, IMAGE, "true")
    client = sdk.DockerClient(base_url=f"unix://{engine.socket}", timeout=30)
    assert client.containers.run(IMAGE, "echo hi", remove=True, network_mode="none") == b"hi\n"
    with pytest.raises(sdk.errors.ContainerError) as failed:
        client.containers.run(IMAGE, ["sh", "-c", "exit 3"], remove=True, network_mode="none")
    assert failed.value.exit_status == 3
    one = client.containers.run(IMAGE, ["sleep", "1000"], detach=True, name="one", network_mode="none")
    # It reads the answer's head through a buffer and what follows from the bare socket: nothing may come with the head.
    for number in range(200 if full else 30):
        result = one.exec_run(["sh", "-c", f"echo out{number}; echo err >&2; exit {number}"], demux=True)
        assert (result.exit_code, result.output) == (number, (f"out{number}\n".encode(), b"err\n"))
    assert [c.name for c in client.containers.list(filters={"name": "one"})] == ["one"]
    one.stop(timeout=0)
    assert one.wait()["StatusCode"] == 137
    one.remove()
    with pytest.raises(sdk.errors.NotFound):
        client.containers.get("one")
