"""docker-compose 1.29 and 2.26, unmodified: a project through the commands of their help that need no builder."""

import json
import re
import subprocess
import textwrap

import pytest

from harness import newer
from harness.engine import running
from harness.need import need_program
from harness.wait import wait_until
from harness.whose import engine_in

# The database is healthy once it serves what its environment says; web asks it by its alias.
PROJECT = """
    services:
      db:
        image: estiba/busybox
        command: ["sh", "-c", "echo $$GREETING > /data/index.html; trap 'exit 0' TERM; httpd -f -p 80 -h /data & wait"]
        environment: {GREETING: hello}
        volumes: ["data:/data"]
        networks:
          back: {aliases: [database]}
        healthcheck: {test: ["CMD", "wget", "-q", "-O", "-", "http://127.0.0.1/"], interval: 300ms, timeout: 2s}
        labels: {role: database}
      web:
        image: estiba/busybox
        depends_on:
          db: {condition: service_healthy}
        command: ["sh", "-c", "wget -q -O - http://database/; trap 'exit 0' TERM; sleep 1d & wait"]
        networks: [front, back]
        ports: ["80"]
        env_file: [web.env]
        secrets: [token]
        extra_hosts: ["other:192.0.2.7"]
        sysctls: {net.ipv4.ip_unprivileged_port_start: 0}
        ulimits:
          nofile: {soft: 512, hard: 1024}
        tmpfs: /scratch
        restart: unless-stopped
        logging: {driver: json-file, options: {max-size: 1m}}
        stop_grace_period: 2s
      job:
        image: estiba/busybox
        networks: [back]
        profiles: [tools]
        command: ["sh", "-c", "echo done; exit 3"]
    networks:
      front:
      back: {internal: true}
    volumes:
      data:
    secrets:
      token: {file: ./token}
"""
LOOK = "cat /run/secrets/token; echo $COLOUR; grep other /etc/hosts; ulimit -n; mount | grep -c ' /scratch '"


class Compose:
    def __init__(self, engine, words, folder):
        self.engine, self.words, self.folder = engine, words, folder
        (folder / "docker-compose.yml").write_text("version: '3.8'\n" + textwrap.dedent(PROJECT))
        (folder / "web.env").write_text("COLOUR=blue\n")
        (folder / "token").write_text("secret\n")

    def start(self, *arguments, **options):
        environment = dict(self.engine.environment(), DOCKER_HOST=f"unix://{self.engine.socket}", COMPOSE_ANSI="never",
                           COMPOSE_PROJECT_NAME="shop")
        return subprocess.Popen([*self.engine.host.prefix(), *self.words, *arguments], env=environment, cwd=self.folder,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                **options)

    def __call__(self, *arguments, code=0):
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        assert process.returncode == code, f"{arguments}: {out}{err}"
        return out

    def states(self):
        """{service: (state, health)}"""
        found = {}
        for identity in self.engine.out("ps", "-aq", "--filter", "label=com.docker.compose.project=shop").split():
            view = self.engine.inspect(identity)
            service = view["Config"]["Labels"]["com.docker.compose.service"]
            found[service] = (view["State"]["Status"], view["State"].get("Health", {}).get("Status"))
        return found


@pytest.fixture(params=["1.29", "2.26"])
def compose(request, tmp_path):
    if request.param == "1.29":
        need_program("docker-compose")
        words = ["docker-compose"]
    else:
        words = [newer.compose()]
    with running(engine_in(tmp_path)) as engine:
        project = tmp_path / "project"
        project.mkdir()
        yield Compose(engine, words, project)


def test_a_project_lives(compose):
    compose("up", "-d")
    assert compose.states() == {"db": ("running", "healthy"), "web": ("running", None)}
    wait_until(lambda: "hello" in compose("logs", "web"), "web has asked the database by its alias")
    seen = compose("exec", "-T", "web", "sh", "-c", LOOK).split()
    assert seen == ["secret", "blue", "192.0.2.7", "other", "512", "1"]
    assert re.fullmatch(r"(0\.0\.0\.0|\[?::\]?):\d+", compose("port", "web", "80").split()[0])
    assert "httpd -f -p 80" in compose("top", "db")
    assert "estiba/busybox" in compose("images")
    assert "done" in compose("run", "--rm", "job", code=3)
    compose("up", "-d")  # nothing has changed
    compose("pause", "db")
    assert compose.states()["db"][0] == "paused"
    compose("unpause", "db")
    compose("restart", "-t", "1", "web")
    compose("stop", "-t", "2")
    assert {state for state, _ in compose.states().values()} == {"exited"}
    compose("start")
    compose("kill", "web")
    compose("rm", "-f", "web")
    assert compose.states() == {"db": ("running", "healthy")}
    compose("up", "-d", "--no-deps", "--scale", "web=3", "web")
    assert len(compose("ps", "-q", "web").split()) == 3
    compose("down", "-v")
    assert compose.states() == {}
    assert compose.engine.out("network", "ls", "-q", "--filter", "name=shop") == ""
    assert compose.engine.out("volume", "ls", "-q") == ""


def test_a_changed_service_is_made_again_and_the_others_stay(compose):
    compose("up", "-d")
    before = {name: compose("ps", "-q", name).strip() for name in ("db", "web")}
    (compose.folder / "web.env").write_text("COLOUR=red\n")
    compose("up", "-d")
    assert compose("ps", "-q", "db").strip() == before["db"]
    assert compose("ps", "-q", "web").strip() != before["web"]
    assert compose("exec", "-T", "web", "sh", "-c", "echo $COLOUR") == "red\n"
    assert json.loads(compose.engine.out("volume", "inspect", "shop_data"))[0]["Labels"][
        "com.docker.compose.volume"] == "data"
    compose("down", "-v", "--remove-orphans")


def test_up_in_the_foreground_shows_the_logs_and_ends_with_the_service_it_is_to_end_with(compose):
    process = compose.start("--profile", "tools", "up", "--abort-on-container-exit", "--exit-code-from", "job", "job")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3, out + err
    assert re.search(r"job.*\|\S* done", out)
    compose("down", "-v")


def test_events_are_told_as_they_come(compose):
    compose("up", "-d", "db")
    process = compose.start("events", "--json")
    try:
        wait_until(lambda: compose("exec", "-T", "db", "true") == "", "a command runs")
        compose("restart", "-t", "1", "db")
        seen = set()
        while not {"die", "start"} <= seen:
            seen.add(json.loads(process.stdout.readline())["action"].split(":")[0])
    finally:
        process.terminate()
        process.communicate()
    compose("down", "-v")
