"""start and die: one of each for every run of a container, in this order, however it ends."""

import contextlib
import json
import os
import signal

from harness.wait import wait_until


@contextlib.contextmanager
def heard(engine):
    """The list, growing, of (what, exit code or None) that happened to containers, and how to wait for the whole of it:
    `until(action, name)` reads to that event."""
    client = engine.popen("events", "--filter", "type=container", "--format", "{{json .}}")
    seen = []

    def until(action, name):
        while True:
            event = json.loads(client.stdout.readline())
            attributes = event["Actor"]["Attributes"]
            if event["Action"] in ("start", "die"):
                seen.append((event["Action"], attributes["name"], attributes.get("exitCode")))
            if (event["Action"], attributes["name"]) == (action, name):
                return seen
    try:
        wait_until(lambda: engine.api("GET", "/info")[1]["NEventsListener"] == 1, "the events are watched")
        yield until
    finally:
        client.kill()
        client.communicate()


def failing_again_and_again(engine, name):
    """One that fails at once, until the policy waits long enough for anything to happen meanwhile."""
    engine.cli("run", "-d", "--name", name, "--restart", "always", "estiba/busybox", "sh", "-c", "exit 7")
    wait_until(lambda: engine.inspect(name)["RestartCount"] >= 4, "the policy waits", 60)
    wait_until(lambda: engine.state(name)["Status"] == "restarting", "it waits for its next start")


def assert_each_run_ended_once(seen, code):
    assert [action for action, *_ in seen] == ["start", "die"] * (len(seen) // 2), seen
    assert {told for action, _, told in seen if action == "die"} == {code}, seen


def test_short_runs_start_before_they_end(engine):
    with heard(engine) as until:
        for number in range(30):
            engine.cli("run", "--rm", "--network", "none", "--name", f"short{number}", "estiba/busybox", "true")
        seen = until("destroy", "short29")
    assert seen == [(action, f"short{number}", code) for number in range(30)
                    for action, code in (("start", None), ("die", "0"))]


def test_a_stop_while_it_waits_for_its_next_start_ends_no_run(engine):
    with heard(engine) as until:
        failing_again_and_again(engine, "fails")
        engine.cli("stop", "fails")
        engine.cli("rm", "fails")
        assert_each_run_ended_once(until("destroy", "fails"), "7")


def test_its_monitor_killed_while_it_waits_for_its_next_start_ends_no_run(engine):
    with heard(engine) as until:
        failing_again_and_again(engine, "fails")
        engine.cli("update", "--restart", "no", "fails")
        os.kill(engine.monitor("fails"), signal.SIGKILL)
        wait_until(lambda: engine.state("fails")["Status"] == "exited", "the death is recorded")
        engine.cli("rm", "fails")
        assert_each_run_ended_once(until("destroy", "fails"), "7")


def test_its_monitor_killed_while_it_runs_ends_the_run_once(engine):
    with heard(engine) as until:
        engine.cli("run", "-d", "--name", "mon", "estiba/busybox", "sleep", "1000")
        os.kill(engine.monitor("mon"), signal.SIGKILL)
        wait_until(lambda: engine.state("mon")["Status"] == "exited", "the death is recorded")
        engine.cli("rm", "mon")
        assert_each_run_ended_once(until("destroy", "mon"), "137")


def test_a_start_that_fails_ends_no_run(engine, tmp_path):
    folder = tmp_path / "mounted"
    folder.mkdir()
    with heard(engine) as until:
        engine.cli("run", "-d", "--name", "once", "--restart", "always", "--mount",
                   f"type=bind,source={folder},target=/in", "estiba/busybox", "sh", "-c",
                   "while [ ! -e /in/go ]; do sleep 0.02; done; exit 7")
        folder.rename(tmp_path / "away")
        (tmp_path / "away" / "go").touch()  # the policy's next start does not find it
        wait_until(lambda: engine.state("once")["Status"] == "exited", "it cannot start again")
        engine.cli("start", "once", check=False)
        engine.cli("rm", "once")
        assert_each_run_ended_once(until("destroy", "once"), "7")
