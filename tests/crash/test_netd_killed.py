"""kill -9 of estiba-netd at random instants while containers ask: at most one question each has to be asked again."""

import contextlib
import json
import os
import signal
import time

from harness.names import address, client, netds, run
from harness.wait import wait_until


def kill_one(engine):
    """True when it died by our hand; the next one is there when this returns."""
    pid, = wait_until(lambda: netds(engine), "one runs")
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    wait_until(lambda: (now := netds(engine)) and now != [pid], "another runs")
    return True


def begin_to_ask(engine, name, wanted):
    process = client(engine, name).popen("go-on", wanted)
    assert process.stdout.readline() == "begun\n"
    return process


def end(process):
    count = json.loads(process.communicate("stop\n", timeout=60)[0])
    assert process.returncode == 0
    return count


def test_each_kill_costs_each_client_at_most_one_retry(engine, rng, full):
    engine.cli("network", "create", "blue")
    run(engine, "one")
    run(engine, "two")
    clients = [begin_to_ask(engine, "one", "two"), begin_to_ask(engine, "two", "one")]
    with contextlib.ExitStack() as processes:
        for process in clients:
            processes.callback(process.kill)
        kills = 0
        for _ in range(300 if full else 30):
            time.sleep(rng.random() / 20)  # the instant, not a wait
            kills += kill_one(engine)
        counts = [end(process) for process in clients]
    assert kills > 0
    for count in counts:
        assert count["wrong"] == 0 and count["retried"] <= kills and count["asked"] > kills, (kills, counts)
    assert len(netds(engine)) == 1


def test_the_engine_and_it_killed_together(engine, rng):
    engine.cli("network", "create", "blue")
    for name in ("one", "two", "three"):
        run(engine, name)
    at = address(engine, "three")
    asker = client(engine, "one")
    process = begin_to_ask(engine, "two", "three")
    try:
        for _ in range(5):
            time.sleep(rng.random() / 20)  # the instant, not a wait
            engine.kill()
            kill_one(engine)
            assert asker.ask("three")["answers"] == [at]
            engine.start()
        count = end(process)
    finally:
        process.kill()
    assert count["wrong"] == 0 and count["retried"] <= 5, count


def test_a_killed_monitor_takes_its_names_along(engine):
    engine.cli("network", "create", "blue")
    run(engine, "one")
    run(engine, "two")
    asker = client(engine, "one")
    pid = engine.state("two")["Pid"]
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        monitor = int(file.read().rsplit(")", 1)[1].split()[1])
    os.kill(monitor, signal.SIGKILL)
    wait_until(lambda: asker.ask("two.blue")["rcode"] != 0, "its name is gone")
    wait_until(lambda: engine.state("two")["Status"] == "exited", "the exit is recorded")
    engine.cli("start", "two")
    assert asker.ask("two")["answers"] == [address(engine, "two")]
    engine.cli("rm", "-f", "one", "two")
    wait_until(lambda: not netds(engine), "it ends with the last container")
    assert os.listdir(engine.run_root / "net") == []
