"""Published ports at [::1], and from one family to the other: what the kernel does not lead, estiba-uplink relays."""

import os
import pathlib
import signal
import subprocess

import pytest

from harness import network, user_network
from harness.engine import is_alive, process_name
from harness.traffic import inside
from harness.wait import wait_until

HOST6 = "2001:db8::1"
SERVER = ("estiba/busybox", "nc", "-ll", "-p", "80", "-e", "echo", "served")


@pytest.fixture
def both(engine):
    engine.cli("network", "create", "--ipv6", "both")
    yield "both"
    engine.remove_everything()
    engine.cli("network", "rm", "both")


def relays(engine):
    return [pid for pid in engine.processes() if process_name(pid).startswith("estiba-uplink")]


def ask(host, address, port):
    return user_network.ask(host, address, port, more=",connect-timeout=2").strip()


def answers(host, address, port):
    wait_until(lambda: ask(host, address, port) == "served", f"port {port} at {address} answers")


def test_the_loopback_of_ipv6_reaches_containers_of_either_family(engine, both):
    engine.cli("run", "-d", "--name", "four", "-p", "[::1]:8080:80", *SERVER)
    engine.cli("run", "-d", "--name", "two", "--network", both, "-p", "[::1]:8081:80", *SERVER)
    assert engine.out("port", "four").split() == ["80/tcp", "->", "[::1]:8080"]
    with network.beyond_by_both(engine.host) as other:
        for port in (8080, 8081):
            answers(engine.host, "::1", port)
            assert ask(other, HOST6, port) == ""
    assert len(relays(engine)) == 1  # without the one that would lead a user's network out


def test_a_port_of_every_address_is_reached_by_both_families(engine, both):
    engine.cli("run", "-d", "--name", "four", "-p", "8080:80", *SERVER)
    engine.cli("run", "-d", "--name", "two", "--network", both, "-p", "8081:80", *SERVER)
    for name, port in (("four", 8080), ("two", 8081)):
        assert engine.out("port", name, "80").split() == [f"0.0.0.0:{port}", f"[::]:{port}"]
    with network.beyond_by_both(engine.host) as other:
        for port in (8080, 8081):
            for address in ("127.0.0.1", "192.0.2.1", HOST6):
                answers(engine.host, address, port)
        for port in (8080, 8081):
            for address in ("192.0.2.1", HOST6):
                answers(other, address, port)
            answers(engine.host, "::1", port)
    engine.cli("rm", "-f", "four", "two")
    assert engine.host.run("ss", "-Hltn").stdout == ""


def test_the_way_is_told_to_the_container(engine, both):
    engine.cli("run", "-d", "--name", "four", "-p", "8080:80", *SERVER)
    engine.cli("run", "-d", "--name", "two", "--network", both, "-p", "8081:80", *SERVER)
    for name, port in (("four", 8080), ("two", 8081)):
        answers(engine.host, "::1", port)
        told = engine.out("net", "trace", "host", "::1", port)
        assert f"estiba-uplink passes it on to '{name}'" in told and f"passes: a program in '{name}' listens" in told
    engine.cli("run", "-d", "--name", "idle", "-p", "8082:80", "estiba/busybox", "sleep", "1000")
    told = engine.cli("net", "trace", "host", "::1", "8082", check=False)
    assert told.returncode == 1 and "passes it on to 'idle'" in told.stdout and "dropped:" in told.stdout


def test_nobody_relays_before_the_first_client(engine):
    engine.cli("run", "-d", "--name", "one", "-p", "8080:80", "-p", "9090:90/udp", *SERVER)
    answers(engine.host, "127.0.0.1", 8080)
    engine.cli("restart", "-t", "0", "one")
    assert not relays(engine)
    answers(engine.host, "::1", 8080)
    assert len(relays(engine)) == 1


def test_a_host_without_ipv6_publishes_its_own_family(engine):
    engine.host.run("ip", "-6", "addr", "flush", "dev", "lo")
    try:
        engine.cli("run", "-d", "--name", "one", "-p", "8080:80", *SERVER)
        assert engine.out("port", "one", "80").split() == ["0.0.0.0:8080"]
    finally:
        engine.host.run("ip", "-6", "addr", "add", "::1/128", "dev", "lo")


def test_each_family_reaches_a_container_of_the_other(engine):
    engine.cli("network", "create", "--ipv6", "--ipv4=false", "six")
    engine.cli("run", "-d", "--name", "four", "-p", "[::]:8080:80", *SERVER)
    engine.cli("run", "-d", "--name", "six", "--network", "six", "-p", "0.0.0.0:8081:80", *SERVER)
    with network.beyond_by_both(engine.host) as other:
        answers(other, HOST6, 8080)
        answers(other, "192.0.2.1", 8081)
        assert ask(other, "192.0.2.1", 8080) == ""
    engine.cli("rm", "-f", "four", "six")
    wait_until(lambda: not relays(engine), "nobody relays")
    assert engine.host.run("ss", "-Hltn").stdout == ""
    engine.cli("network", "rm", "six")


def test_udp_is_relayed_and_sctp_refused(engine):
    engine.cli("run", "-d", "--name", "one", "-p", "[::1]:9090:90/udp", "estiba/busybox", "sleep", "1000")
    with subprocess.Popen([*inside(engine.state("one")["Pid"]), "socat", "UDP-LISTEN:90,fork", "PIPE"]) as server:
        try:
            wait_until(lambda: user_network.ask(engine.host, "::1", 9090, "hello", kind="UDP") == "hello", "it answers")
        finally:
            server.kill()
    sctp = engine.cli("run", "--rm", "-p", "[::1]:9091:90/sctp", "estiba/busybox", "true", check=False)
    assert sctp.returncode == 125 and "[::1]:9091/sctp" in sctp.stderr and "relayed" in sctp.stderr


def test_a_killed_relay_is_started_again(engine):
    engine.cli("run", "-d", "--name", "one", "-p", "[::1]:8080:80", *SERVER)
    answers(engine.host, "::1", 8080)
    engine.kill()  # whose help is not needed
    for _ in range(3):
        killed, = relays(engine)
        os.kill(killed, signal.SIGKILL)
        assert ask(engine.host, "::1", 8080) == "served"
        wait_until(lambda killed=killed: not is_alive(killed), "it is gone")
    engine.start()


def test_ports_are_relayed_while_a_container_runs_and_no_longer(engine):
    engine.cli("run", "-d", "--name", "one", "-p", "127.0.0.1:8000:80", *SERVER)
    engine.cli("port", "add", "one", "[::1]:8080:80")
    answers(engine.host, "::1", 8080)
    engine.cli("restart", "-t", "0", "one")
    answers(engine.host, "::1", 8080)
    assert ask(engine.host, "127.0.0.1", 8000) == "served"
    engine.cli("port", "rm", "one", "[::1]:8080:80")
    wait_until(lambda: not relays(engine), "nobody relays")
    assert ask(engine.host, "::1", 8080) == ""


def test_who_relays_on_the_host_has_no_capabilities(engine):
    engine.cli("run", "-d", "--name", "one", "-p", "[::1]:8080:80", *SERVER)
    answers(engine.host, "::1", 8080)
    relay, = relays(engine)
    status = dict(line.split(":\t") for line in pathlib.Path(f"/proc/{relay}/status").read_text().splitlines())
    assert {int(status[name], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapAmb")} == {0}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
