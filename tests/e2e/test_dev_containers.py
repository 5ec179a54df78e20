"""A dev container by its own command line, which VS Code uses too: made, entered, found again, made anew."""

import json
import subprocess

import pytest

from harness import dev_containers, newer
from harness.engine import BIN
from harness.need import need_program

SETTINGS = {
    "image": "estiba/busybox",
    "postCreateCommand": "echo created > /created",
    "containerEnv": {"COLOUR": "blue"},
    "remoteEnv": {"WHERE": "${containerWorkspaceFolder}"},
    "mounts": ["source=cache,target=/cache,type=volume"],
    "runArgs": ["--cap-add=SYS_PTRACE", "--security-opt", "seccomp=unconfined", "--init", "--network", "none"],
}
COMPOSED = {"dockerComposeFile": "compose.yml", "service": "work", "workspaceFolder": "/project",
            "postCreateCommand": "echo created > /created"}
PROJECT = """
services:
  work:
    image: estiba/busybox
    command: sleep 1d
    init: true
    volumes: ["..:/project"]
    environment: {COLOUR: blue}
"""


class Workspace:
    def __init__(self, engine, folder, *options):
        self.engine, self.folder, self.options = engine, folder / "project", options
        (self.folder / ".devcontainer").mkdir(parents=True)
        (self.folder / "file.txt").write_text("of the workspace\n")
        engine.cli("run", "--rm", "--network", "none", "estiba/busybox", "true")  # the built-in image is there

    def configure(self, settings):
        (self.folder / ".devcontainer/devcontainer.json").write_text(json.dumps(settings))

    def __call__(self, command, *arguments):
        environment = dict(self.engine.environment(), DOCKER_HOST=f"unix://{self.engine.socket}")
        done = subprocess.run([*self.engine.host.prefix(), "node", dev_containers.program(), command, *self.options,
                               "--workspace-folder", self.folder, *arguments],
                              env=environment, check=False, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def up(self, *arguments):
        told = json.loads(self("up", *arguments).splitlines()[-1])
        assert told["outcome"] == "success" and told["remoteUser"] == "root"
        return told["containerId"]


@pytest.fixture(params=["Debian 12's docker", "Debian 13's docker", "estiba"])
def docker(request):
    need_program("docker")
    return {"estiba": str(BIN / "estiba"), "Debian 12's docker": "/usr/bin/docker"}.get(request.param) or newer.docker()


def test_a_dev_container(engine, docker, tmp_path):
    workspace = Workspace(engine, tmp_path, "--docker-path", docker)
    workspace.configure(SETTINGS)
    made = workspace.up()
    told = workspace("exec", "sh", "-c", "cat file.txt /created; echo $COLOUR $WHERE; ls -d /cache; cat /proc/1/comm")
    assert told.splitlines()[:5] == ["of the workspace", "created", "blue /workspaces/project", "/cache", "docker-init"]
    assert workspace.up() == made
    again = workspace.up("--remove-existing-container")
    assert again != made and engine.out("ps", "-q", "--no-trunc") == again


def test_a_dev_container_of_a_compose_project(engine, tmp_path):
    workspace = Workspace(engine, tmp_path, "--docker-path", newer.docker(), "--docker-compose-path", newer.compose())
    workspace.configure(COMPOSED)
    (workspace.folder / ".devcontainer/compose.yml").write_text(PROJECT)
    made = workspace.up()
    told = workspace("exec", "sh", "-c", "cat file.txt /created; echo $COLOUR; pwd")
    assert told.splitlines() == ["of the workspace", "created", "blue", "/project"]
    assert workspace.up() == made
    engine.cli("rm", "-f", made)
    engine.cli("network", "prune", "-f")
