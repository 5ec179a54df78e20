"""A host that starts again: what was up comes back with it, in the order of what needs what."""

import json
import os
import pathlib
import shutil
import signal
import uuid

import pytest

from harness import leaks
from harness.engine import end_cgroup, is_alive, kill_quietly
from harness.host import Host
from harness.wait import wait_until

# The engine sees another boot id; everything it starts does, too. A user namespace may mount a /proc only where there
# is one with nothing mounted over it.
OTHER_BOOT = ('mkdir -p "$0.proc" && mount -t proc proc "$0.proc" && '
              'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"')


def run(engine, name, *options, command=("sleep", "1000")):
    engine.cli("run", "-d", "--name", name, "--stop-signal", "KILL", *options, "estiba/busybox", *command)


def cut_power(engine):
    """Nothing that runs is left, nor anything in memory: processes, cgroups, the network, /run."""
    engine.kill_all()
    for monitor in engine.monitors():
        kill_quietly(monitor)
    for path in sorted(leaks.cgroups(engine.cgroup_path), key=len, reverse=True):
        end_cgroup(path)
    for pid in engine.processes():
        kill_quietly(pid)
    wait_until(lambda: not any(map(is_alive, engine.processes())), "all processes are gone")
    engine.host.destroy()
    engine.host = Host()
    shutil.rmtree(engine.run_root)


def power_on(engine):
    boot_id = engine.folder / "boot_id"
    boot_id.write_text(str(uuid.uuid4()) + "\n")
    engine.start(outer=["unshare", "--mount", "sh", "-c", OTHER_BOOT, str(boot_id)])


def up(engine, **options):
    """`system up`'s answer."""
    return engine.cli("system", "up", **options).stdout.split()


def running(engine):
    return set(engine.out("ps", "--format", "{{.Names}}").split())


def test_restart_policies_bring_containers_back_as_docker_does(engine):
    run(engine, "always", "--restart", "always")
    run(engine, "always-stopped", "--restart", "always")
    run(engine, "unless", "--restart", "unless-stopped")
    run(engine, "unless-stopped", "--restart", "unless-stopped")
    run(engine, "failing", "--restart", "on-failure:3")
    run(engine, "failing-stopped", "--restart", "on-failure")
    run(engine, "fine", "--restart", "on-failure", command=("true",))
    run(engine, "no")
    run(engine, "once", "--rm")
    engine.cli("create", "--name", "never-started", "--restart", "always", "estiba/busybox", "true")
    engine.cli("stop", "always-stopped", "unless-stopped", "failing-stopped")
    engine.cli("wait", "fine")
    cut_power(engine)
    power_on(engine)
    back = up(engine)
    assert sorted(back) == ["always", "always-stopped", "failing", "unless"]
    assert running(engine) == set(back)
    state = engine.state("no")
    assert (state["Status"], state["ExitCode"], state["Pid"]) == ("exited", 137, 0)
    assert engine.cli("inspect", "once", check=False).returncode != 0
    assert engine.inspect("always")["RestartCount"] == 0
    # The same boot: neither another run nor another engine starts anything.
    engine.cli("stop", "always")
    assert up(engine) == []
    assert "always" not in running(engine)
    engine.kill()
    engine.start(outer=["unshare", "--mount", "sh", "-c", OTHER_BOOT, str(engine.folder / "boot_id")])
    assert up(engine) == []
    assert running(engine) == set(back) - {"always"}


def test_who_is_needed_comes_first(engine):
    # Names and ids are in no order that would help.
    keep = ("--restart", "always")
    run(engine, "z-base", *keep)
    run(engine, "y-shares", *keep, "--network", "container:z-base")
    run(engine, "x-pids", *keep, "--pid", "container:y-shares")
    run(engine, "w-links", *keep, "--link", "z-base:base")
    run(engine, "v-volumes", *keep, "--volumes-from", "w-links")
    labels = ("--label", "com.docker.compose.project=p", "--label")
    run(engine, "u-db", *keep, *labels, "com.docker.compose.service=db")
    run(engine, "a-web", *keep, *labels, "com.docker.compose.service=web",
        "--label", "com.docker.compose.depends_on=db:service_started:false")
    cut_power(engine)
    power_on(engine)
    assert len(up(engine)) == 7
    at = {name: engine.state(name)["StartedAt"] for name in running(engine)}
    for later, earlier in [("y-shares", "z-base"), ("x-pids", "y-shares"), ("w-links", "z-base"),
                           ("v-volumes", "w-links"), ("a-web", "u-db")]:
        assert at[later] > at[earlier], (later, earlier)


def test_a_process_with_a_number_of_another_boot_is_somebody_elses(engine):
    run(engine, "web", "--restart", "always")
    pid = engine.state("web")["Pid"]
    # It stays, where nobody who ends the container's cgroups finds it: after a restart of the host a process may have
    # the number and the start time that the container's had.
    for hierarchy in [leaks.CGROUPS, *leaks.CGROUPS.iterdir()]:
        if (hierarchy / "cgroup.procs").exists():
            (hierarchy / "cgroup.procs").write_text(str(pid))
    try:
        cut_power(engine)
        assert is_alive(pid)
        power_on(engine)
        assert up(engine) == ["web"]
        assert engine.state("web")["Pid"] != pid
        assert is_alive(pid)
    finally:
        kill_quietly(pid)


def test_an_engine_that_dies_amid_it_leaves_the_rest_to_the_next(engine):
    names = [f"c{number}" for number in range(8)]
    for index, name in enumerate(names):
        need = ("--volumes-from", names[index - 1]) if index else ()
        run(engine, name, "--restart", "always", *need)
    cut_power(engine)
    power_on(engine)
    wait_until(lambda: running(engine), "the first is up")
    engine.kill()
    engine.start(outer=["unshare", "--mount", "sh", "-c", OTHER_BOOT, str(engine.folder / "boot_id")])
    up(engine)
    assert running(engine) == set(names)


def test_what_cannot_come_back_is_named(engine, tmp_path):
    source = tmp_path / "bound"
    source.mkdir()
    run(engine, "bound", "--restart", "always", "--mount", f"type=bind,source={source},target=/data")
    run(engine, "other", "--restart", "always")
    cut_power(engine)
    source.rmdir()
    power_on(engine)
    answer = engine.cli("system", "up", check=False)
    assert answer.returncode == 1
    assert answer.stdout.split() == ["other"]
    assert answer.stderr.startswith("start 'bound': ") and str(source) in answer.stderr


def test_down_stops_by_the_containers_own_signals_and_up_brings_back(engine):
    trap = "trap 'echo bye; exit 3' USR1; touch /tmp/ready; while :; do sleep 0.01; done"
    engine.cli("run", "-d", "--name", "polite", "--restart", "unless-stopped", "--stop-signal", "USR1",
               "estiba/busybox", "sh", "-c", trap)
    ready = ("exec", "polite", "test", "-e", "/tmp/ready")
    wait_until(lambda: engine.cli(*ready, check=False).returncode == 0, "the trap is set")
    run(engine, "shares", "--restart", "always", "--network", "container:polite")
    run(engine, "no")
    engine.cli("system", "down")
    assert running(engine) == set()
    assert engine.state("polite")["ExitCode"] == 3
    assert "bye" in engine.out("logs", "polite")
    assert engine.state("shares")["FinishedAt"] < engine.state("polite")["FinishedAt"]
    engine.kill()
    engine.start()
    assert running(engine) == set()  # the host is to end: no engine undoes that by itself
    assert sorted(up(engine)) == ["polite", "shares"]
    assert running(engine) == {"polite", "shares"}
    engine.cli("system", "down", "--time", "0")
    cut_power(engine)
    power_on(engine)
    assert sorted(up(engine)) == ["polite", "shares"]


@pytest.fixture
def script(engine):
    """The script for hosts without systemd, of this engine's build."""
    built = pathlib.Path(os.environ.get("ESTIBA_BIN", pathlib.Path(__file__).parents[2] / "build/release/bin")).parent
    text = (built / "packaging/init.d/estiba").read_text()
    line, = [line for line in text.splitlines() if line.startswith("estiba=")]
    path = engine.folder / "init-script"
    path.write_text(text.replace(line, f"estiba={engine.command()[-1]}"))
    path.chmod(0o755)
    return path


def test_hosts_without_systemd_have_a_script(engine, script):
    def does(*words):
        return engine.host.run(str(script), *words, env=engine.environment(), check=False)

    run(engine, "web", "--restart", "always")
    assert does("stop").returncode == 0
    assert running(engine) == set()
    assert does("start").returncode == 0
    assert running(engine) == {"web"}
    assert does("restart").returncode == 0
    assert running(engine) == {"web"}
    assert does("status").returncode in (0, 3)  # of this machine's own engine
    assert does("nonsense").returncode == 2
    engine.process.send_signal(signal.SIGTERM)
    engine.process.wait(30)
    assert does("start").returncode == 0  # by an engine that it starts
    assert json.loads(engine.out("inspect", "web"))[0]["State"]["Running"]
    engine.kill_all()
