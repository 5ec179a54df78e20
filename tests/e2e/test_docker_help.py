"""Every command that docker's own help names, Debian 12's and 13's, but for those of ELSEWHERE."""

import re

import pytest

from harness import newer
from harness.need import need_program

IMAGE = "estiba/busybox"
QUIET = ["--network", "none"]
LOOP = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]
# Commands that were called otherwise before they had a kind of thing before them; the others have lost the kind alone.
SHORT = {"container ls": "ps", "image ls": "images", "image rm": "rmi", "image inspect": "inspect",
         "container inspect": "inspect", "system info": "info", "system events": "events"}
LONG_ONLY = {"container prune", "image prune", "system df", "system prune"}
# What is not asked here, and why.
ELSEWHERE = {
    "swarm": {"config", "node", "secret", "service", "stack", "swarm", "volume update"},
    "the builder": {"builder", "build", "image build"},
    "a registry or a notary server is asked, not the engine": {"manifest", "trust"},
}


class Client:
    """docker's command, which takes down what it was asked for. `long`: "container start" rather than "start"."""

    def __init__(self, engine, program, long):
        self.engine, self.program, self.long = engine, program, long
        self.asked = set()

    def words(self, command):
        if not self.long and command.startswith(("container ", "image ", "system ")) and command not in LONG_ONLY:
            command = SHORT.get(command, command.split(" ", 1)[1])
        self.asked.add(command)
        return command.split()

    def raw(self, command, *arguments, **options):
        return self.engine.docker(*self.words(command), *arguments, program=self.program, check=False, **options)

    def __call__(self, command, *arguments, code=0, **options):
        done = self.raw(command, *arguments, **options)
        assert done.returncode == code, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def refused(self, command, *arguments):
        done = self.raw(command, *arguments)
        assert done.returncode != 0, f"{command}: {done.stdout}"
        return done.stderr

    def commands(self, path=()):
        """Every command its help names that has no commands of its own."""
        text = self.engine.docker(*path, "--help", program=self.program).stdout
        blocks = re.findall(r"^[A-Za-z ]*Commands:\n((?:  .*\n)+)", text, re.MULTILINE)
        names = [line.split()[0].rstrip("*") for block in blocks for line in block.splitlines()]
        if not names:
            return {" ".join(path)}
        return set().union(*(self.commands((*path, name)) for name in names))


@pytest.fixture(params=["Debian 12's", "Debian 13's"])
def program(request):
    need_program("docker")
    return newer.docker() if request.param == "Debian 13's" else "/usr/bin/docker"


def ours(command):
    prefixes = set().union(*ELSEWHERE.values())
    return not any(command == prefix or command.startswith(prefix + " ") for prefix in prefixes)


def of_form(command, long):
    """Whether a command of the help is the form of its two that is asked."""
    both = command.startswith(("container ", "image ", "system ")) and command not in LONG_ONLY
    return both or not command.isalpha() if long else not both


def containers(docker, folder):
    docker("container run", "--rm", *QUIET, IMAGE, "true")
    docker("container create", "-i", "--name", "reader", *QUIET, IMAGE, "sh", "-c", "read line; echo got $line")
    docker("container start", "reader")
    assert docker("container attach", "reader", input="a line\n") == "got a line"
    assert docker("container wait", "reader") == "0"
    assert docker("container logs", "reader") == "got a line"
    docker("container run", "-d", "--name", "web", "-p", "8080:80", IMAGE, *LOOP)
    assert docker("container port", "web", "80/tcp").splitlines()[0] == "0.0.0.0:8080"
    assert docker("container exec", "web", "echo", "inside") == "inside"
    assert "sleep 0.1" in docker("container top", "web") or "while :" in docker("container top", "web")
    assert "web" in docker("container stats", "--no-stream", "web")
    docker("container pause", "web")
    docker("container unpause", "web")
    docker("container update", "--memory", "64m", "--memory-swap", "64m", "web")
    assert docker("container inspect", "-f", "{{.HostConfig.Memory}}", "web") == str(64 << 20)
    docker("container restart", "web")
    docker("container rename", "web", "site")
    file = folder / "file"
    file.write_text("copied")
    docker("container cp", file, "site:/file")
    assert "A /file" in docker("container diff", "site")
    docker("container export", "-o", folder / "tree.tar", "site")
    assert docker("container commit", "site", "committed").startswith("sha256:")
    docker("container stop", "site")
    docker("container start", "site")
    docker("container kill", "site")
    assert "site" in docker("container ls", "-a", "--format", "{{.Names}}")
    docker("container rm", "-f", "site")
    assert "Deleted Containers" in docker("container prune", "-f")


def images(docker, folder, registry):
    assert docker("container run", "--rm", *QUIET, "committed", "cat", "/file") == "copied"
    assert docker("image import", folder / "tree.tar", "imported:1").startswith("sha256:")
    assert "imported" in docker("image history", "imported:1") or docker("image history", "-q", "imported:1")
    docker("image save", "-o", folder / "image.tar", "imported:1")
    assert "Untagged: imported:1" in docker("image rm", "imported:1")
    assert "Loaded image: imported:1" in docker("image load", "-i", folder / "image.tar")
    assert docker("image inspect", "-f", "{{index .RepoTags 0}}", "imported:1") == "imported:1"
    docker("image tag", "imported:1", f"{registry}/pushed:1")
    docker("image push", f"{registry}/pushed:1")
    docker("image rm", f"{registry}/pushed:1")
    docker("image pull", f"{registry}/pushed:1")
    assert f"{registry}/pushed" in docker("image ls", "--format", "{{.Repository}}")
    assert docker.refused("search", f"{registry}/pushed")  # Debian's registry has no search
    docker("image prune", "-f")


def networks_and_volumes(docker):
    docker("network create", "lan")
    docker("container run", "-d", "--name", "site", *QUIET[:1], "bridge", IMAGE, *LOOP)
    docker("network connect", "lan", "site")
    assert "site" in docker("network inspect", "lan")
    docker("network disconnect", "lan", "site")
    assert "lan" in docker("network ls", "--format", "{{.Name}}")
    docker("network rm", "lan")
    docker("network create", "unused")
    assert "unused" in docker("network prune", "-f")
    docker("container rm", "-f", "site")
    docker("volume create", "data")
    assert docker("volume inspect", "-f", "{{.Name}}", "data") == "data"
    assert docker("volume ls", "-q") == "data"
    docker("volume rm", "data")
    docker("volume create", "unused")
    assert "Total reclaimed space" in docker("volume prune", "-f")


def system(docker):
    assert "Server Version" in docker("system info")
    assert "Images" in docker("system df")
    assert "container create" in docker("system events", "--since", "1", "--until", "0s")
    assert "Server" in docker("version")
    assert "Total reclaimed space" in docker("system prune", "-f")


def logins(docker, guarded):
    docker("login", "-u", "someone", "--password-stdin", guarded, input="s3cret\n")
    docker("logout", guarded)


def contexts(docker, folder):
    docker("context create", "here", "--docker", f"host=unix://{docker.engine.socket}")
    assert "here" in docker("context ls", "--format", "{{.Name}}")
    docker("context update", "here", "--description", "the engine")
    assert "the engine" in docker("context inspect", "here")
    docker("context export", "here", folder / "here.tar")
    docker("context import", "there", folder / "here.tar")
    docker("context use", "default")
    if "context show" in docker.known:
        assert docker("context show") == "default"
    docker("context rm", "here", "there")


def plugins(docker, folder):
    """As a Docker without one, which cannot be given any."""
    assert docker("plugin ls", "-q") == ""
    (folder / "plugin/rootfs").mkdir(parents=True)
    (folder / "plugin/config.json").write_text("{}")
    for command, *arguments in (("disable", "x"), ("enable", "x"), ("inspect", "x"), ("rm", "x"), ("set", "x", "a=b"),
                                ("push", "x"), ("upgrade", "x", "y"), ("install", "x"),
                                ("create", "x", folder / "plugin")):
        assert docker.refused(f"plugin {command}", *arguments)


@pytest.mark.parametrize("long", [False, True], ids=["start", "container start"])
def test_every_command_of_dockers_help(engine, registry, guarded, program, long, tmp_path):
    docker = Client(engine, program, long)
    docker.known = docker.commands()
    assert len(docker.known) > 100
    containers(docker, tmp_path)
    images(docker, tmp_path, registry.name)
    networks_and_volumes(docker)
    logins(docker, guarded.name)
    contexts(docker, tmp_path)
    plugins(docker, tmp_path)
    system(docker)
    for shell in ("bash", "fish", "powershell", "zsh"):
        if f"completion {shell}" in docker.known:  # hidden in newer help
            assert "docker" in docker(f"completion {shell}")
    assert {command for command in docker.known - docker.asked if ours(command) and of_form(command, long)} == set()
