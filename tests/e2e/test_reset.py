"""estiba system reset removes everything of ours and nothing else."""

import json
import os
import signal
import subprocess

import pytest

from harness import leaks
from harness.wait import wait_until


def fill(engine):
    """Containers that run, are stopped and paused, on a network of their own, with volumes and ports."""
    engine.cli("network", "create", "own")
    engine.cli("volume", "create", "named")
    engine.cli("run", "-d", "--name", "web", "--restart", "always", "--network", "own", "-p", "8080:80",
               "-v", "named:/d", "-v", "/anonymous", "estiba/busybox", "sleep", "1000")
    engine.cli("run", "-d", "--name", "paused", "estiba/busybox", "sleep", "1000")
    engine.cli("pause", "paused")
    engine.cli("run", "--name", "stopped", "--network", "none", "estiba/busybox", "touch", "/file")
    engine.cli("commit", "stopped", "kept:1")


def state(engine):
    """Of the host, with what no test makes."""
    links = {link["ifname"] for link in json.loads(engine.host.run("ip", "-j", "link").stdout)}
    rules = engine.host.run("nft", "list", "ruleset").stdout
    groups = {str(base / name) for base in [leaks.CGROUPS, *leaks.CGROUPS.iterdir()]
              for name in [engine.cgroup_path, "estiba-test-foreign"] if (base / name).is_dir()}
    return links, rules, groups


@pytest.fixture
def foreign(engine):
    """What others have on the host, by names close to ours."""
    host = engine.host
    for table in ["estiba_not_ours", "filter"]:
        host.run("nft", "add", "table", "inet", table)
        host.run("nft", "add", "chain", "inet", table, "input", "{ type filter hook input priority 0; }")
        host.run("nft", "add", "rule", "inet", table, "input", "tcp", "dport", "22", "accept")
    host.run("ip", "link", "add", "estiba9", "type", "bridge")
    host.run("ip", "link", "add", "theirs0", "type", "veth", "peer", "name", "theirs1")
    groups = [base / "estiba-test-foreign" for base in leaks.CGROUPS.iterdir() if (base / "cgroup.procs").exists()]
    for group in groups:
        group.mkdir(exist_ok=True)
    for folder in [engine.data_root, engine.run_root]:
        folder.mkdir(exist_ok=True)
        (folder / "theirs").write_text("kept")
    (engine.folder / "beside").mkdir()
    (engine.folder / "beside" / "file").write_text("kept")
    yield
    for group in groups:
        group.rmdir()


def test_all_of_ours_goes_and_nothing_else(engine, foreign):
    before = state(engine)
    fill(engine)
    assert state(engine) != before
    answer = engine.cli("system", "reset", "--force")
    said = answer.stdout.split("\n")
    for line in ["container web", "container paused", "container stopped", "network own", str(engine.data_root)]:
        assert line in said, answer.stdout
    wait_until(lambda: not engine.processes(), "all of its processes are gone")
    wait_until(lambda: state(engine) == before, "the host is as it was")
    assert os.listdir(engine.data_root) == os.listdir(engine.run_root) == ["theirs"]
    assert (engine.folder / "beside" / "file").read_text() == "kept"
    engine.process.wait(10)
    # What comes after it begins anew.
    assert engine.out("ps", "-aq") == engine.out("images", "-q") == engine.out("volume", "ls", "-q") == ""
    engine.cli("run", "--rm", "estiba/busybox", "true")
    engine.kill_all()


def test_it_tells_what_there_is_and_asks(engine):
    fill(engine)
    answer = engine.cli("system", "reset", input="n\n")
    for line in ["  - 3 containers", "  - 2 images", "  - 2 volumes", "  - 1 network\n", str(engine.data_root)]:
        assert line in answer.stdout, answer.stdout
    assert len(engine.out("ps", "-q").split()) == 2
    answer = engine.cli("system", "reset", input="y\n")
    assert "container web" in answer.stdout
    assert not engine.data_root.exists() and not engine.run_root.exists()
    engine.process.wait(10)


def test_another_engine_is_not_reset(engine):
    answer = engine.cli("-H", f"unix://{engine.socket}", "system", "reset", "-f", check=False)
    assert answer.returncode == 1 and "not for one that is named" in answer.stderr
    assert engine.survives()


@pytest.mark.parametrize("moment", range(3))
def test_killed_amid_it_the_next_one_finishes(engine, foreign, rng, moment):
    before = state(engine)
    fill(engine)
    process = subprocess.Popen(engine.command("system", "reset", "-f"), env=engine.environment(), text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
    for _ in range(moment + 1):
        process.stdout.readline()  # it is at work
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    engine.process.wait(10)
    engine.cli("system", "reset", "-f")
    wait_until(lambda: not engine.processes(), "all of its processes are gone")
    wait_until(lambda: state(engine) == before, "the host is as it was")
    assert os.listdir(engine.data_root) == os.listdir(engine.run_root) == ["theirs"]


def test_a_users_reset(rootless):
    rootless.cli("run", "-d", "--name", "web", "-v", "named:/d", "estiba/busybox", "sh", "-c",
                 "touch /d/file; chown 33:33 /d/file; sleep 1000")
    answer = rootless.cli("system", "reset", "-f")
    assert "container web" in answer.stdout
    assert not rootless.data_root.exists() and not rootless.run_root.exists()
    rootless.process.wait(10)
    wait_until(lambda: not rootless.user.processes(), "nothing of the user's runs")
