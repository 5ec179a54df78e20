"""The engine by way of ssh: docker's own command has `docker system dial-stdio` run on the other host."""

import os
import signal
import subprocess

import pytest

from harness import passed_on
from harness.engine import BIN
from harness.need import need_program
from harness.wait import wait_until

IMAGE = "estiba/busybox"
PING = "GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n"
# What ssh does with the words after the host, without a second host: a shell's, in an environment of its own.
SSH = """#!/bin/sh
while [ "$1" != "--" ]; do shift; done
shift 2
echo "$*" >> "$(dirname "$0")/ran"
unset DOCKER_HOST
PATH="$(dirname "$0")/there:$PATH" exec sh -c "$*"
"""


@pytest.fixture
def by_ssh(engine, tmp_path):
    """Runs docker's command with an ssh that stays here, where estiba is called docker."""
    need_program("docker")
    engine.cli("run", "--rm", "--network", "none", IMAGE, "true")
    (tmp_path / "ssh").write_text(SSH)
    (tmp_path / "ssh").chmod(0o755)
    (tmp_path / "there").mkdir()
    (tmp_path / "there/docker").symlink_to(BIN / "estiba")
    environment = dict(engine.environment(), DOCKER_HOST="ssh://user@there")
    environment["PATH"] = f"{tmp_path}:{environment.get('PATH', os.environ['PATH'])}"

    def run(*arguments, **options):
        return subprocess.run([*engine.host.prefix(), "docker", *arguments], env=environment, capture_output=True,
                              text=True, timeout=60, check=False, **options)
    run.ran = tmp_path / "ran"
    return run


def test_the_streams_are_a_connection(engine):
    answer = engine.cli("system", "dial-stdio", input=PING).stdout
    assert answer.startswith("HTTP/1.1 200 OK") and answer.endswith("OK")


def test_it_starts_the_engine_of_this_user(engine):
    engine.stop()
    assert engine.cli("system", "dial-stdio", input=PING).stdout.startswith("HTTP/1.1 200 OK")
    engine.kill_all()
    engine.start()


def test_it_ends_when_the_engine_is_through_whatever_its_input_does(engine):
    dialled = engine.popen("system", "dial-stdio", stdin=subprocess.PIPE)
    dialled.stdin.write(PING)
    dialled.stdin.flush()
    wait_until(lambda: dialled.poll() is not None, "it has ended")
    assert dialled.returncode == 0 and dialled.stdout.read().endswith("OK")
    dialled.stdin.close()


def test_it_ends_when_nobody_reads(engine):
    dialled = engine.popen("system", "dial-stdio", stdin=subprocess.PIPE)
    dialled.stdout.close()
    dialled.stdin.write(PING)
    dialled.stdin.flush()
    wait_until(lambda: dialled.poll() is not None, "it has ended")
    assert dialled.returncode in (1, 128 + signal.SIGPIPE)
    dialled.stderr.close()
    dialled.stdin.close()


def test_dockers_command_by_ssh(by_ssh):
    assert by_ssh("ps", "-q").returncode == 0
    passed_on.assert_input_and_exit_codes(by_ssh)
    assert "docker system dial-stdio" in by_ssh.ran.read_text()


def test_much_goes_both_ways_at_once(by_ssh):
    passed_on.assert_much_goes_both_ways_at_once(by_ssh)
