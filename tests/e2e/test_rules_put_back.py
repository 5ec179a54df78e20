"""Whoever takes our rules, they are put back, and no engine is needed: estiba-netd notices, monitors do it."""

import os
import signal
import time

import pytest

from harness.names import netds, run
from harness.network import beyond, fetch, rules
from harness.wait import wait_until

SERVE = ("estiba/busybox", "nc", "-ll", "-p", "80", "-e", "echo", "served")
OURS = "inet estiba"


@pytest.fixture
def outside(engine):
    with beyond(engine.host) as other:
        yield other


def served(engine, outside):
    """A network of the user's and the default bridge, each with a published port, and no engine any more."""
    engine.cli("network", "create", "blue")
    engine.cli("run", "-d", "--name", "named", "--network", "blue", "-p", "8080:80", *SERVE)
    engine.cli("run", "-d", "--name", "plain", "-p", "127.0.0.1:8081:80", "-p", "8082:80", *SERVE)
    wait_until(lambda: all_answer(engine, outside), "ports answer")
    wait_until(lambda: netds(engine), "estiba-netd runs")
    engine.kill()
    return rules(engine.network, OURS)


def all_answer(engine, outside):
    return [fetch(outside, "192.0.2.1", 8080), fetch(engine.host, "127.0.0.1", 8081),
            fetch(outside, "192.0.2.1", 8082)] == ["served"] * 3


@pytest.mark.parametrize("taking", ["flush ruleset", f"delete table {OURS}", f"flush map {OURS} published_any",
                                    f"flush table {OURS}", f"flush chain {OURS} forward",
                                    f"flush set {OURS} masqueraded"])
def test_what_others_take_is_put_back_without_an_engine(engine, outside, taking):
    before = served(engine, outside)
    for _ in range(3):
        engine.network.run("nft", taking)
        wait_until(lambda: rules(engine.network, OURS) == before, "the rules are there again")
    assert all_answer(engine, outside)
    assert fetch(outside, "192.0.2.1", 8081) == ""
    engine.start()


def test_rules_of_others_stay_as_they_are(engine, outside):
    before = served(engine, outside)
    engine.network.run("nft", "flush ruleset; add table ip other; add chain ip other input "
                           "{ type filter hook input priority 0; }; add rule ip other input tcp dport 9 drop")
    others = rules(engine.network, "ip other")
    wait_until(lambda: rules(engine.network, OURS) == before, "the rules are there again")
    assert rules(engine.network, "ip other") == others and len(others) == 3
    engine.start()


def test_rules_taken_while_no_netd_runs(engine, outside):
    before = served(engine, outside)
    for _ in range(5):
        pid, = wait_until(lambda: netds(engine), "one runs")
        os.kill(pid, signal.SIGKILL)
        engine.network.run("nft", "flush ruleset")
        wait_until(lambda: rules(engine.network, OURS) == before, "the rules are there again")
    engine.start()


def test_rules_taken_while_netd_is_stopped_are_put_back_when_it_goes_on(engine, outside):
    before = served(engine, outside)
    pid, = netds(engine)
    os.kill(pid, signal.SIGSTOP)
    engine.network.run("nft", "flush ruleset")
    os.kill(pid, signal.SIGCONT)
    wait_until(lambda: rules(engine.network, OURS) == before, "the rules are there again")
    engine.start()


def test_a_stopped_monitor_keeps_nobody_from_it(engine, outside):
    before = served(engine, outside)
    engine.start()
    run(engine, "third")
    wait_until(lambda: len(netds(engine)) == 1, "it runs")
    with open(f"/proc/{engine.state('named')['Pid']}/stat", encoding="utf-8", errors="replace") as file:
        monitor = int(file.read().rsplit(")", 1)[1].split()[1])
    os.kill(monitor, signal.SIGSTOP)
    try:
        engine.network.run("nft", "flush ruleset")
        wait_until(lambda: fetch(outside, "192.0.2.1", 8082) == "served", "another's port answers")
    finally:
        os.kill(monitor, signal.SIGCONT)
    wait_until(lambda: rules(engine.network, OURS) == before, "all rules are there again")


def cpu(pid):
    """Seconds of processor time."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_who_flushes_in_a_loop_does_not_keep_us_busy(engine, outside):
    before = served(engine, outside)
    pid, = netds(engine)
    with open(engine.folder / "flush", "w", encoding="utf-8") as file:
        file.write("flush ruleset\n")
    flushes, until = 0, time.monotonic() + 4
    while time.monotonic() < until:
        engine.network.run("nft", "-f", str(engine.folder / "flush"))
        flushes += 1
    wait_until(lambda: rules(engine.network, OURS) == before, "the rules are there again", 30)
    rounds = engine.log_text().count("putting them right")
    # Rounds come at 5, 10, 20 … ms: ten and some in four seconds, however often it happened.
    assert flushes > 50 and 2 <= rounds <= 20, (flushes, rounds)
    assert netds(engine) == [pid] and cpu(pid) < 1
    engine.start()


def test_a_stop_of_a_container_is_no_loss(engine, outside):
    served(engine, outside)
    engine.start()
    for _ in range(5):
        engine.cli("run", "--rm", "--network", "blue", "-p", "80", "estiba/busybox", "true")
    engine.cli("network", "create", "green")
    run(engine, "short", network="green")
    engine.cli("rm", "-f", "short")
    engine.cli("network", "rm", "green")
    assert "putting them right" not in engine.log_text()
