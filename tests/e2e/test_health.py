"""Health checks: configured as docker's, carried out by the container's monitor, with an engine or without."""

import json
import os
import pathlib
import re
import signal
import subprocess

import pytest

from harness import leaks
from harness.wait import wait_until

IMAGE = "estiba/busybox"
WELL = "test -e /well"
OFTEN = ("--health-interval", "100ms", "--health-retries", "2")
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")


def run(engine, name, *options, check=WELL, script="touch /well; exec sleep 1000"):
    engine.cli("run", "-d", "--name", name, "--health-cmd", check, *OFTEN, *options, IMAGE, "sh", "-c", script)


def health(engine, name):
    return engine.state(name).get("Health")


def until_status(engine, name, status, seconds=20):
    return wait_until(lambda: (h := health(engine, name)) and h["Status"] == status and h, f"{name} is {status}",
                      seconds)


def until_probed(engine, name, times=1):
    """Back when it was probed again, so many times."""
    seen = {entry["Start"] for entry in health(engine, name)["Log"]}

    def probed():
        seen.update(entry["Start"] for entry in health(engine, name)["Log"])
        return len(seen) - before >= times
    before = len(seen)
    wait_until(probed, f"{name} was probed")


def test_it_becomes_healthy_then_unhealthy_after_the_retries(engine):
    run(engine, "web", check=f"echo looked; {WELL}")
    well = until_status(engine, "web", "healthy")
    assert well["FailingStreak"] == 0
    assert well["Log"][-1]["ExitCode"] == 0 and well["Log"][-1]["Output"] == "looked\n"
    assert all(RFC3339.fullmatch(well["Log"][-1][key]) for key in ("Start", "End"))
    assert well["Log"][-1]["Start"] < well["Log"][-1]["End"]
    assert engine.out("ps", "--format", "{{.Status}}").endswith(" (healthy)")
    engine.cli("exec", "web", "rm", "/well")
    ill = until_status(engine, "web", "unhealthy")
    assert ill["FailingStreak"] >= 2
    assert [entry["ExitCode"] for entry in ill["Log"][-2:]] == [1, 1]
    assert engine.out("ps", "--format", "{{.Status}}").endswith(" (unhealthy)")
    until_probed(engine, "web", 6)
    assert len(health(engine, "web")["Log"]) == 5
    engine.cli("exec", "web", "touch", "/well")
    assert until_status(engine, "web", "healthy")["FailingStreak"] == 0


def test_the_docker_cli_shows_and_filters_it(engine):
    engine.docker("run", "-d", "--name", "well", "--health-cmd", "true", "--health-interval", "100ms", IMAGE,
                  "sleep", "1000")
    engine.docker("run", "-d", "--name", "ill", "--health-cmd", "false", "--health-interval", "100ms",
                  "--health-retries", "1", IMAGE, "sleep", "1000")
    engine.docker("run", "-d", "--name", "waits", "--health-cmd", "true", IMAGE, "sleep", "1000")
    engine.docker("run", "-d", "--name", "plain", IMAGE, "sleep", "1000")
    engine.docker("create", "--name", "made", "--health-cmd", "true", IMAGE)
    until_status(engine, "well", "healthy")
    until_status(engine, "ill", "unhealthy")

    def listed(*arguments):
        return set(engine.docker("ps", "--format", "{{.Names}}", *arguments).stdout.split())
    assert listed("--filter", "health=healthy") == {"well"}
    assert listed("--filter", "health=unhealthy") == {"ill"}
    assert listed("--filter", "health=starting") == {"waits"}
    assert listed("-a", "--filter", "health=none") == {"plain", "made"}
    assert set(engine.out("ps", "--filter", "health=starting", "--format", "{{.Names}}").split()) == {"waits"}
    status = engine.docker("ps", "--filter", "name=waits", "--format", "{{.Status}}").stdout.strip()
    assert status.startswith("Up ") and status.endswith(" (health: starting)")
    shown = json.loads(engine.docker("inspect", "--format", "{{json .State.Health}}", "well").stdout)
    assert shown["Status"] == "healthy" and shown["Log"]
    assert health(engine, "plain") is None and health(engine, "made") is None
    assert engine.docker("inspect", "--format", "{{json .State.Health}}", "plain").stdout.strip() == "null"
    refused = engine.docker("ps", "--filter", "health=well", check=False)
    assert refused.returncode == 1 and "invalid filter 'health=well'" in refused.stderr


def test_what_is_configured_is_shown_and_what_cannot_be_is_refused(engine):
    engine.cli("create", "--name", "full", "--health-cmd", "true", "--health-interval", "2s", "--health-timeout", "3s",
               "--health-retries", "4", "--health-start-period", "5s", "--health-start-interval", "6s", IMAGE)
    assert engine.inspect("full")["Config"]["Healthcheck"] == {
        "Test": ["CMD-SHELL", "true"], "Interval": 2 * 10**9, "Timeout": 3 * 10**9, "Retries": 4,
        "StartPeriod": 5 * 10**9, "StartInterval": 6 * 10**9}
    for field in ("Interval", "Timeout", "StartPeriod", "StartInterval"):
        status, answer = engine.api("POST", "/containers/create",
                                    {"Image": IMAGE, "Healthcheck": {"Test": ["CMD", "true"], field: 5}})
        assert (status, answer["message"]) == (400, f"{field} in Healthcheck cannot be less than 1ms")
    status, answer = engine.api("POST", "/containers/create",
                                {"Image": IMAGE, "Healthcheck": {"Test": ["CMD", "true"], "Retries": -1}})
    assert (status, answer["message"]) == (400, "Retries in Healthcheck cannot be negative")
    status, answer = engine.api("POST", "/containers/create?name=odd", {"Image": IMAGE, "Healthcheck": {"Test": ["X"]}})
    assert status == 201 and "Unknown healthcheck type 'X'" in answer["Warnings"][0]
    refused = engine.cli("create", "--health-on-failure", "pray", IMAGE, check=False)
    assert refused.returncode != 0 and "must be one of none, kill, restart, stop" in refused.stderr
    refused = engine.cli("create", "--no-healthcheck", "--health-cmd", "true", IMAGE, check=False)
    assert "--no-healthcheck conflicts with --health-* options" in refused.stderr


def test_an_images_check_is_taken_changed_and_switched_off(engine):
    engine.cli("create", "--name", "base", IMAGE)
    engine.cli("commit", "--change", "HEALTHCHECK --interval=100ms --retries=1 CMD echo of the image; test -e /well",
               "base", "checked")
    engine.cli("commit", "--change", 'HEALTHCHECK --interval=100ms CMD ["/bin/echo", "without", "a shell"]', "base",
               "exact")
    engine.cli("run", "-d", "--name", "taken", "checked", "sleep", "1000")
    assert until_status(engine, "taken", "unhealthy")["Log"][-1]["Output"] == "of the image\n"
    engine.cli("run", "-d", "--name", "exact", "exact", "sleep", "1000")
    assert until_status(engine, "exact", "healthy")["Log"][-1]["Output"] == "without a shell\n"
    engine.cli("run", "-d", "--name", "changed", "--health-cmd", "echo mine", "checked", "sleep", "1000")
    assert until_status(engine, "changed", "healthy")["Log"][-1]["Output"] == "mine\n"
    config = engine.inspect("changed")["Config"]["Healthcheck"]
    assert config["Interval"] == 10**8 and config["Retries"] == 1 and config["Test"] == ["CMD-SHELL", "echo mine"]
    engine.docker("run", "-d", "--name", "off", "--no-healthcheck", "checked", "sleep", "1000")
    assert health(engine, "off") is None
    assert engine.inspect("off")["Config"]["Healthcheck"]["Test"] == ["NONE"]
    assert not engine.out("ps", "--filter", "name=off", "--format", "{{.Status}}").endswith(")")


def test_an_imported_images_check(engine, tmp_path):
    engine.cli("create", "--name", "base", IMAGE)
    engine.cli("export", "-o", str(tmp_path / "tree.tar"), "base")
    engine.cli("import", "--change", "HEALTHCHECK --interval=100ms --retries=1 CMD echo imported",
               str(tmp_path / "tree.tar"), "imported")
    engine.docker("run", "-d", "--name", "web", "imported", "sleep", "1000")
    assert until_status(engine, "web", "healthy")["Log"][-1]["Output"] == "imported\n"


def test_a_program_that_is_not_there_is_a_failure(engine):
    status, made = engine.api("POST", "/containers/create?name=web", {
        "Image": IMAGE, "Cmd": ["sleep", "1000"],
        "Healthcheck": {"Test": ["CMD", "no-such-program", "x"], "Interval": 10**8, "Retries": 1}})
    assert status == 201, made
    engine.docker("start", "web")
    last = until_status(engine, "web", "unhealthy")["Log"][-1]
    assert last["ExitCode"] == -1 and "no-such-program" in last["Output"] and "not found" in last["Output"]
    events = engine.out("events", "--since", "10m", "--until", "0s")
    assert "exec_start: no-such-program x" in events and "exec_die" not in events


def test_a_probe_runs_as_the_container_does(engine):
    run(engine, "who", "-u", "1000:1001", "-w", "/tmp", "-e", "MINE=yes",
        check="id -u; id -g; pwd; echo $MINE; grep CapEff /proc/self/status; cat /proc/self/cgroup",
        script="exec sleep 1000")
    output = until_status(engine, "who", "healthy")["Log"][-1]["Output"]
    asked = engine.out("exec", "who", "sh", "-c",
                       "id -u; id -g; pwd; echo $MINE; grep CapEff /proc/self/status; cat /proc/self/cgroup")
    assert output.strip() == asked
    assert output.startswith("1000\n1001\n/tmp\nyes\n")


def test_one_that_takes_too_long_is_killed_with_its_children(engine):
    run(engine, "slow", "--health-timeout", "300ms", "--health-retries", "1",
        check="echo begun; sleep 4321 & sleep 4321")
    ill = until_status(engine, "slow", "unhealthy")
    assert ill["Log"][-1]["ExitCode"] == -1
    assert ill["Log"][-1]["Output"] == "Health check exceeded timeout (300ms): begun\n"
    until_probed(engine, "slow", 3)
    # The shell of the one that runs, and its two children.
    assert int(engine.out("exec", "slow", "sh", "-c", "ps | grep -c '[s]leep 4321' || true")) <= 3


def test_failures_of_the_start_period_do_not_count(engine):
    run(engine, "late", "--health-start-period", "1000s", "--health-start-interval", "50ms", "--health-retries", "1",
        check="test -e /now")
    probed = wait_until(lambda: (h := health(engine, "late")) and len(h["Log"]) == 5 and h, "it was probed")
    assert probed["Status"] == "starting" and probed["FailingStreak"] == 0
    engine.cli("exec", "late", "touch", "/now")
    until_status(engine, "late", "healthy")
    engine.cli("exec", "late", "rm", "/now")  # the first success has ended the period
    until_status(engine, "late", "unhealthy")


def test_events_are_dockers(engine):
    client = engine.popen("events", "--filter", "type=container", "--format", "{{json .}}")
    try:
        wait_until(lambda: engine.api("GET", "/info")[1]["NEventsListener"] == 1, "the events are watched")
        run(engine, "told", "--health-retries", "1", check="test -e /well")
        wait_until(lambda: health(engine, "told")["Status"] == "healthy", "it is healthy")
        engine.cli("stop", "-t", "0", "told")
        events = []
        while not events or events[-1]["Action"] != "health_status: healthy":
            events.append(json.loads(client.stdout.readline()))
        probe = "/bin/sh -c test -e /well"
        actions = [event["Action"] for event in events]
        first = actions.index(f"exec_create: {probe}")
        assert actions[:first] == ["create", "start"]
        assert actions[first:first + 3] == [f"exec_create: {probe}", f"exec_start: {probe}", "exec_die"]
        ids = {event["Actor"]["Attributes"]["execID"] for event in events[first:first + 3]}
        assert len(ids) == 1 and re.fullmatch("[0-9a-f]{64}", ids.pop())
        assert events[-1]["Actor"]["Attributes"]["name"] == "told"
        assert "exitCode" in events[first + 2]["Actor"]["Attributes"]
    finally:
        client.kill()
        client.communicate()
    past = engine.out("events", "--since", "10m", "--until", "0s", "--filter", "event=health_status")
    assert "health_status: healthy" in past and "exec_create" not in past


def test_a_paused_container_is_not_probed(engine):
    run(engine, "held", check="echo x >> /probes")
    until_status(engine, "held", "healthy")
    engine.cli("pause", "held")
    before = health(engine, "held")
    assert engine.out("ps", "--format", "{{.Status}}").endswith(" (Paused)")
    # Others are, meanwhile.
    run(engine, "other")
    until_status(engine, "other", "healthy")
    until_probed(engine, "other", 3)
    assert health(engine, "held") == before
    engine.cli("unpause", "held")
    until_probed(engine, "held")
    assert health(engine, "held")["Status"] == "healthy"


def test_a_new_run_starts_anew(engine):
    run(engine, "again", "--health-interval", "1h", "--health-retries", "1", check="false")
    for again in (("stop", "start"), ("restart",)):
        assert engine.cli("healthcheck", "run", "again", check=False).returncode == 1
        ill = health(engine, "again")
        assert (ill["Status"], ill["FailingStreak"]) == ("unhealthy", 1)
        for command in again:
            engine.cli(command, *(("-t", "0") if command != "start" else ()), "again")
            if command == "stop":
                assert health(engine, "again") == ill  # why it was so can still be seen
        new = health(engine, "again")
        assert (new["Status"], new["FailingStreak"], new["Log"]) == ("starting", 0, ill["Log"])


def test_it_goes_on_without_an_engine(engine):
    run(engine, "alone")
    until_status(engine, "alone", "healthy")
    folder = engine.data_root / "containers" / engine.inspect("alone")["Id"]
    pid = engine.state("alone")["Pid"]
    engine.kill()
    (pathlib.Path(f"/proc/{pid}/root/well")).unlink()

    def written():
        return (folder / "health").read_bytes()
    seen = {written()}
    wait_until(lambda: len(seen) > 4 or seen.add(written()), "the monitor goes on probing")
    engine.start()
    ill = until_status(engine, "alone", "unhealthy")
    assert ill["FailingStreak"] >= 2 and ill["Log"][-1]["ExitCode"] == 1
    pathlib.Path(f"/proc/{pid}/root/well").touch()
    until_status(engine, "alone", "healthy")  # the new engine hears of it


@pytest.mark.parametrize("action,policy", [("restart", "no"), ("kill", "always")])
def test_the_unhealthy_is_started_again_without_an_engine(engine, action, policy):
    run(engine, "mended", "--health-on-failure", action, "--restart", policy, "--stop-timeout", "1")
    until_status(engine, "mended", "healthy")
    assert engine.inspect("mended")["HostConfig"]["Annotations"] == {"dev.estiba.health-on-failure": action}
    first = engine.state("mended")["Pid"]
    engine.kill()
    pathlib.Path(f"/proc/{first}/root/well").unlink()  # the next run makes it again
    wait_until(lambda: not pathlib.Path(f"/proc/{first}").exists(), "the first run is over")
    engine.start()
    until_status(engine, "mended", "healthy")
    state = engine.state("mended")
    assert state["Running"] and state["Pid"] != first


def test_one_that_ends_by_itself_while_it_is_probed_is_not_unhealthy(engine):
    """The kernel ends the probe first: that is no failure of a container that goes on."""
    names = [f"done{number}" for number in range(6)]
    for name in names:
        run(engine, name, "--health-on-failure", "restart", "--health-retries", "1", "--health-interval", "10ms",
            check="sleep 1000", script="sleep 0.5; exit 3")
    for name in names:
        assert engine.out("wait", name) == "3"
        state = engine.state(name)
        assert (state["Status"], state["ExitCode"], state["Health"]["Log"]) == ("exited", 3, [])


@pytest.mark.parametrize("action,code", [("stop", 7), ("kill", 137)])
def test_the_unhealthy_is_ended(engine, action, code):
    run(engine, "ended", "--health-on-failure", action,
        *(("--restart", "always") if action == "stop" else ()),
        script="trap 'exit 7' TERM; while :; do sleep 0.05; done")
    assert engine.out("wait", "ended") == str(code)
    assert engine.state("ended")["Status"] == "exited"
    assert health(engine, "ended")["Status"] == "unhealthy"


def test_docker_asks_for_it_by_an_annotation(engine):
    status, made = engine.api("POST", "/containers/create?name=noted", {
        "Image": IMAGE, "Cmd": ["sleep", "1000"],
        "Healthcheck": {"Test": ["CMD", "false"], "Interval": 10**8, "Retries": 1},
        "HostConfig": {"Annotations": {"dev.estiba.health-on-failure": "kill"}}})
    assert status == 201, made
    engine.docker("start", "noted")
    assert engine.docker("wait", "noted").stdout.strip() == "137"


def test_healthcheck_run(engine):
    engine.cli("run", "-d", "--name", "asked", "--health-cmd", WELL, "--health-interval", "1h", "--health-retries", "2",
               IMAGE, "sh", "-c", "touch /well; exec sleep 1000")
    engine.cli("run", "-d", "--name", "plain", IMAGE, "sleep", "1000")
    wait_until(lambda: engine.cli("exec", "asked", "test", "-e", "/well", check=False).returncode == 0, "it is well")
    assert engine.out("healthcheck", "run", "asked") == ""
    assert health(engine, "asked")["Status"] == "healthy"
    engine.cli("exec", "asked", "rm", "/well")
    for status in ("healthy", "unhealthy"):
        failed = engine.cli("healthcheck", "run", "asked", check=False)
        assert (failed.returncode, failed.stdout) == (1, "unhealthy\n")
        assert health(engine, "asked")["Status"] == status
    assert engine.cli("healthcheck", "run", "--ignore-result", "asked").stdout == "unhealthy\n"
    for name, why in (("plain", "has no defined healthcheck"), ("nobody", "No such container")):
        refused = engine.cli("healthcheck", "run", name, check=False)
        assert refused.returncode == 125 and why in refused.stderr
    engine.cli("stop", "-t", "0", "asked")
    refused = engine.cli("healthcheck", "run", "asked", check=False)
    assert refused.returncode == 125 and "is not running" in refused.stderr


def test_hostile_probes(engine):
    """One that writes megabytes, one that leaves a daemon which holds its streams, one that writes what is no text."""
    run(engine, "loud", check="head -c 9000000 /dev/zero | tr '\\0' x; true")
    run(engine, "daemon",
        check="[ -e /left ] || { touch /left; setsid sh -c 'while :; do sleep 1; done' & }; echo left")
    run(engine, "binary", check="printf '\\377\\376\\n'")
    assert until_status(engine, "loud", "healthy")["Log"][-1]["Output"] == "x" * 4096 + "..."
    assert until_status(engine, "daemon", "healthy")["Log"][-1]["Output"] == "left\n"
    assert until_status(engine, "binary", "healthy")["Log"][-1]["Output"] == "\ufffd\ufffd\n"
    until_probed(engine, "daemon", 3)
    assert "while :" in engine.out("exec", "daemon", "ps")


def memory_of(pid):
    """Kibibytes that are nobody else's and no file's."""
    return int(re.search(r"^Anonymous:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1])


def test_probes_leave_nothing_that_grows(engine):
    run(engine, "long", "--health-interval", "5ms", check="head -c 9000 /dev/zero | tr '\\0' x")
    until_status(engine, "long", "healthy")
    folder = engine.data_root / "containers" / engine.inspect("long")["Id"]
    monitor = engine.monitor("long")

    def files():
        return {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}

    def descriptors():
        return len(list(pathlib.Path(f"/proc/{monitor}/fd").iterdir()))
    until_probed(engine, "long", 20)
    engine.cli("pause", "long")  # so that nothing is being written
    before = files()
    memory, open_files = memory_of(monitor), descriptors()
    engine.cli("unpause", "long")
    until_probed(engine, "long", 200)
    engine.cli("pause", "long")
    after = files()
    assert {name: size for name, size in after.items() if name != "journal"} == \
        {name: size for name, size in before.items() if name != "journal"}
    assert after["journal"] - before["journal"] < 200  # of the pause
    assert descriptors() <= open_files + 1  # of a probe that dies when the container thaws
    assert memory_of(monitor) <= memory + 16
    engine.cli("run", "-d", "--name", "plain", IMAGE, "sleep", "1000")
    engine.cli("exec", "plain", "true")
    assert memory_of(monitor) <= memory_of(engine.monitor("plain")) + 96


def test_a_monitor_killed_while_it_probes_leaves_nothing(engine):
    run(engine, "mon", check="sleep 4322 & sleep 4322")
    identity = engine.inspect("mon")["Id"]

    def processes():
        found = set()
        for procs in leaks.CGROUPS.glob(f"*/{engine.cgroup_path}/{identity}/cgroup.procs"):
            found |= {int(pid) for pid in procs.read_text().split()}
        return found
    probing = wait_until(lambda: len(found := processes()) >= 3 and found, "a probe runs")
    os.kill(engine.monitor("mon"), signal.SIGKILL)
    wait_until(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in probing), "its processes are gone")
    state = wait_until(lambda: (s := engine.state("mon"))["Status"] == "exited" and s, "the exit is recorded")
    assert state["ExitCode"] == 137 and state["Health"]["Status"] == "unhealthy"
    engine.cli("start", "mon")
    assert health(engine, "mon")["Status"] == "starting"


def test_with_a_user_namespace(engine):
    run(engine, "mapped", "--userns", "auto")
    until_status(engine, "mapped", "healthy")


def test_for_a_plain_user(rootless):
    run(rootless, "mine")
    until_status(rootless, "mine", "healthy")
    rootless.cli("exec", "mine", "rm", "/well")
    until_status(rootless, "mine", "unhealthy")
