"""kill -9 of `lab up` and `lab down` as they enter each of their system calls: `down` takes everything back however far
they came, and `up` finishes."""

import os
import subprocess

import pytest

from harness.lab import BIN, Machine, in_namespace, namespaces
from harness.need import need, need_program

LAB = """
name: killed
nodes:
  r: {kind: router, masquerade: [lan], firewall: {forward: {policy: drop}}, routes: [default via 10.9.0.9]}
  s: {kind: switch}
  a: {exec: ["sleep 1000 > /dev/null 2>&1 &", "ip addr add 10.99.0.1/32 dev lo"]}
  me: {kind: host, routes: [10.98.0.0/16 via 10.8.0.2]}
links:
  - {endpoints: [r:lan 10.9.0.1/24, s], loss: 1%, rate: 10mbit}
  - {endpoints: [a 10.9.0.2/24, s]}
  - {endpoints: [me:lab0 10.8.0.1/24, r:me 10.8.0.2/24]}
check: [a reaches r:lan]
"""
MAKING = ["sendto", "setns", "unshare", "mount", "mkdirat", "renameat", "write", "openat"]
UNDOING = ["sendto", "umount2", "unlink", "unlinkat", "pidfd_send_signal", "openat"]


@pytest.fixture
def machine(tmp_path):
    need(os.geteuid() == 0, "root")
    need_program("strace")
    one = Machine()
    one.file = tmp_path / "killed.yaml"
    one.file.write_text(LAB)
    yield one
    one.lab("down", "killed", check=False)
    one.destroy()


def killed(machine, call, when, *arguments):
    """Runs `estiba lab` to be killed at that call. False when it ended before."""
    done = machine.host.run("strace", "-qqq", "-o", "/dev/null", f"--trace={call}",
                            f"--inject={call}:signal=KILL:when={when}", BIN / "estiba", "lab", *arguments, check=False)
    assert done.returncode in (0, -9), (done.stdout, done.stderr)
    return done.returncode == -9


def instants(full, rng):
    """Each of the first calls, or, for a sample, every few."""
    when = rng.randrange(1, 2 if full else 12)
    while True:
        yield when
        when += 1 if full else rng.randrange(3, 24)


def works(machine):
    machine.lab("check", "killed")
    assert "policy drop" in in_namespace("killed-r", "nft", "list", "ruleset")
    assert "10.99.0.1" in in_namespace("killed-a", "ip", "addr")


@pytest.mark.parametrize("call", MAKING)
def test_an_up_that_was_killed_is_undone_or_finished(machine, full, rng, call):
    before = machine.state()
    times = 0
    for when in instants(full, rng):
        if not killed(machine, call, when, "up", machine.file):
            break
        times += 1
        if times % 4 == 1:
            machine.lab("up", machine.file)
            works(machine)
        machine.lab("down", "killed")
        assert machine.state() == before, (call, when)
    works(machine)
    machine.lab("down", "killed")
    assert machine.state() == before and (times > 0 or not full)


@pytest.mark.parametrize("call", UNDOING)
def test_a_down_that_was_killed_is_finished(machine, full, rng, call):
    before = machine.state()
    for when in instants(full, rng):
        machine.lab("up", machine.file)
        dead = killed(machine, call, when, "down", "killed")
        if dead and when % 2:
            machine.lab("up", machine.file)
            works(machine)
        machine.lab("down", "killed")
        assert machine.state() == before and namespaces("killed") == [], (call, when)
        if not dead:
            return


@pytest.mark.parametrize("call", ["mount", "setns", "renameat"])
def test_containers_of_an_up_that_was_killed_are_removed(engine, tmp_path, full, call):
    need_program("strace")
    file = tmp_path / "imaged.yaml"
    file.write_text("""
name: imaged-{0}
nodes:
  web: {{image: estiba/busybox, command: [sleep, "1000"]}}
  db: {{image: estiba/busybox, command: [sleep, "1000"]}}
  pc: {{}}
links: [{{endpoints: [web 10.9.0.1/24, pc 10.9.0.2/24]}}, {{endpoints: [db 10.9.1.1/24, pc 10.9.1.2/24]}}]
check: [pc reaches web]
""".format(call))
    # Not one of this lab, for all its name.
    engine.cli("run", "-d", "--name", f"imaged-{call}-other", "--network", "none", "estiba/busybox", "sleep", "1000")
    try:
        for when in range(1, 8 if full else 4):
            command = engine.command("lab", "up", file)
            at = command.index(str(BIN / "estiba"))
            strace = ["strace", "-qqq", "-o", "/dev/null", f"--trace={call}",
                      f"--inject={call}:signal=KILL:when={when}"]
            done = subprocess.run(command[:at] + strace + command[at:], env=engine.environment(), check=False,
                                  capture_output=True, text=True, timeout=60)
            assert done.returncode in (0, -9), done.stderr
            if when % 2:
                engine.cli("lab", "up", file)
                engine.cli("lab", "check", file)
            engine.cli("lab", "down", file)
            assert engine.out("ps", "-a", "--format", "{{.Names}}") == f"imaged-{call}-other"
            assert namespaces(f"imaged-{call}") == []
    finally:
        engine.cli("lab", "down", file)
        engine.cli("rm", "-f", f"imaged-{call}-other")
