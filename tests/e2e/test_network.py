"""Bridge networks: address, default route, NAT outward, name resolution files, published TCP ports."""

import json

import pytest

from harness import dns, leaks
from harness.network import beyond
from harness.wait import wait_until


def test_an_address_a_route_and_a_resolver(engine):
    text = engine.out("run", "--rm", "estiba/busybox", "sh", "-c",
                      "ip -4 addr show eth0; ip route; cat /etc/resolv.conf /etc/hosts")
    assert "inet " in text and "default via " in text and "nameserver" in text and "localhost" in text


def test_two_containers_reach_each_other(engine):
    engine.cli("run", "-d", "--name", "server", "estiba/busybox", "nc", "-ll", "-p", "80", "-e", "echo", "served")
    address = engine.inspect("server")["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    assert engine.out("run", "--rm", "estiba/busybox", "nc", "-w", "3", address, "80") == "served"


@pytest.fixture
def outside(engine):
    with beyond(engine.host) as other:
        yield other


def test_outward_traffic_wears_the_hosts_address(engine, outside):
    import subprocess
    server = subprocess.Popen(outside.prefix() + ["socat", "TCP-LISTEN:80,reuseaddr,fork",
                                                  "SYSTEM:echo from $SOCAT_PEERADDR"])
    try:
        wait_until(lambda: outside.run("sh", "-c", "ss -ltn | grep -q :80", check=False).returncode == 0, "listening")
        # Its standard input stays open: Debian 12's pasta may stop once a client has closed its side.
        with engine.popen("run", "--rm", "-i", "estiba/busybox", "nc", "-w", "3", "192.0.2.2", "80",
                          stdin=subprocess.PIPE) as client:
            assert client.stdout.readline() == "from 192.0.2.1\n"
            client.stdin.close()
    finally:
        server.kill()
        server.wait()


def serve(engine, *options):
    name = engine.out("run", "-d", *options, "estiba/busybox", "nc", "-ll", "-p", "80", "-e", "echo", "served")
    return name


def fetch(host, address, port):
    return host.run("socat", "-T3", "-", f"TCP:{address}:{port},connect-timeout=3", check=False,
                    stdin=-3).stdout.strip()


def test_a_published_port_answers_from_outside_from_the_host_and_on_loopback(engine, outside):
    serve(engine, "-p", "8080:80")
    wait_until(lambda: fetch(outside, "192.0.2.1", 8080) == "served", "an answer from outside")
    assert fetch(engine.host, "192.0.2.1", 8080) == "served"
    assert fetch(engine.host, "127.0.0.1", 8080) == "served"


def test_a_port_published_on_loopback_is_not_open_outside(engine, outside):
    serve(engine, "-p", "127.0.0.1:8081:80")
    wait_until(lambda: fetch(engine.host, "127.0.0.1", 8081) == "served", "an answer on loopback")
    assert fetch(outside, "192.0.2.1", 8081) == ""


def test_a_container_reaches_another_by_its_published_port(engine, outside):
    serve(engine, "-p", "8082:80")
    assert engine.out("run", "--rm", "estiba/busybox", "nc", "-w", "3", "192.0.2.1", "8082") == "served"


def test_an_ephemeral_port_is_shown(engine):
    name = serve(engine, "-p", "80")
    line = engine.out("port", name)
    port = int(line.split(":")[-1])
    assert json.loads(engine.out("inspect", "-f", "{{json .NetworkSettings.Ports}}", name))["80/tcp"][0][
        "HostPort"] == str(port)
    wait_until(lambda: fetch(engine.host, "127.0.0.1", port) == "served", "an answer")


def test_the_address_and_port_survive_a_restart(engine):
    name = serve(engine, "-p", "8083:80")
    before = engine.inspect(name)["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    engine.cli("restart", "-t", "0", name)
    assert engine.inspect(name)["NetworkSettings"]["Networks"]["bridge"]["IPAddress"] == before
    wait_until(lambda: fetch(engine.host, "127.0.0.1", 8083) == "served", "an answer after the restart")


def test_the_port_is_free_after_the_container(engine):
    name = serve(engine, "-p", "8084:80")
    engine.cli("rm", "-f", name)
    again = serve(engine, "-p", "8084:80")
    wait_until(lambda: fetch(engine.host, "127.0.0.1", 8084) == "served", "an answer of the second")
    engine.cli("rm", "-f", again)


def test_the_hosts_forward_policy_is_not_touched(engine):
    engine.cli("run", "-d", "estiba/busybox", "sleep", "1000")
    chains = json.loads(engine.network.run("nft", "-j", "list", "chains").stdout)["nftables"]
    assert all(chain["chain"].get("policy", "accept") == "accept" for chain in chains if "chain" in chain)
    assert {chain["chain"]["table"] for chain in chains if "chain" in chain} - {"estiba_relay"} == {"estiba"}


def warnings(engine):
    return json.loads(engine.out("info", "--format", "{{json .Warnings}}")) or []


def test_a_firewall_that_drops_forwarded_packets_is_named(engine):
    assert not warnings(engine)
    engine.host.run("nft", "add table ip filter; add chain ip filter FORWARD "
                           "{ type filter hook forward priority 0; policy drop; }")
    warning, = warnings(engine)
    assert "'ip filter FORWARD'" in warning
    engine.host.run("nft", "delete table ip filter")
    assert not warnings(engine)


def resolved(engine, name, wanted):
    """The address that the container `name` finds for the name `wanted`; empty when it finds none."""
    result = engine.cli("exec", name, "sh", "-c", f"ping -c 1 -W 1 {wanted} | head -n 1", check=False)
    return result.stdout.partition("(")[2].partition(")")[0]


def address(engine, name, network):
    return engine.inspect(name)["NetworkSettings"]["Networks"][network]["IPAddress"]


@pytest.fixture
def members(engine):
    """Two containers, `one` and `two`, on a network that a user made."""
    engine.cli("network", "create", "names")
    for name in ("one", "two"):
        engine.cli("run", "-d", "--network", "names", "--name", name, "estiba/busybox", "sleep", "1000")
    yield engine
    engine.remove_everything()
    engine.cli("network", "rm", "names")


def test_members_of_a_network_find_each_other_by_name(members):
    for name, other in (("one", "two"), ("two", "one")):
        assert resolved(members, name, other) == address(members, other, "names") != ""
        short_id = members.inspect(other)["Id"][:12]
        assert resolved(members, name, short_id) == address(members, other, "names")


def test_names_hold_after_restart_stop_and_start(members):
    members.cli("restart", "-t", "0", "two")
    assert resolved(members, "one", "two") == address(members, "two", "names") != ""
    assert resolved(members, "two", "one") == address(members, "one", "names") != ""
    members.cli("stop", "-t", "0", "two")
    wait_until(lambda: resolved(members, "one", "two") == "", "a stopped container's name is gone")
    # It gets another address if somebody has taken its own.
    members.cli("run", "-d", "--network", "names", "--name", "three", "estiba/busybox", "sleep", "1000")
    members.cli("start", "two")
    assert resolved(members, "one", "two") == address(members, "two", "names") != ""
    assert resolved(members, "two", "three") == address(members, "three", "names") != ""


def test_the_name_of_a_removed_container_is_gone(members):
    members.cli("rm", "-f", "two")
    wait_until(lambda: resolved(members, "one", "two") == "", "the name is gone")


def test_names_outlive_the_engine(members):
    members.kill()
    members.start()
    assert resolved(members, "one", "two") == address(members, "two", "names") != ""
    members.cli("rm", "-f", "two")
    wait_until(lambda: resolved(members, "one", "two") == "", "the name is gone")


def test_members_that_come_at_once_all_know_each_other(members):
    names = [f"m{i}" for i in range(6)]
    clients = [members.popen("run", "-d", "--network", "names", "--name", name, "estiba/busybox", "sleep", "1000")
               for name in names]
    for client in clients:
        client.communicate(timeout=60)
        assert client.returncode == 0
    everybody = {name: address(members, name, "names") for name in [*names, "one", "two"]}
    for name in everybody:
        ask = dns.Client(members.state(name)["Pid"]).ask
        assert {other: ask(other)["answers"] for other in everybody} == {other: [at] for other, at in everybody.items()}


def test_names_of_other_networks_and_of_the_default_bridge_are_not_known(members):
    members.cli("run", "-d", "--name", "plain", "estiba/busybox", "sleep", "1000")
    assert resolved(members, "plain", "one") == ""
    assert resolved(members, "one", "plain") == ""


def test_a_container_keeps_its_address_and_another_gets_the_next(engine):
    """A released address rests; whoever had it has it again after a stop, also with another engine."""
    engine.cli("run", "-d", "--name", "first", "estiba/busybox", "sleep", "1000")
    had = address(engine, "first", "bridge")
    engine.cli("stop", "-t", "0", "first")
    engine.cli("run", "-d", "--name", "second", "estiba/busybox", "sleep", "1000")
    assert address(engine, "second", "bridge") != had
    engine.stop()
    engine.start()
    engine.cli("start", "first")
    assert address(engine, "first", "bridge") == had


def test_an_unknown_network_is_not_taken_for_a_missing_image(engine):
    """404 would make docker's client pull the image and ask again."""
    body = {"Image": "estiba/busybox", "HostConfig": {"NetworkMode": "nowhere"}}
    status, answer = engine.api("POST", "/containers/create", body)
    assert (status, answer["message"]) == (400, "network nowhere not found")


def sockets(engine, name):
    """Lines of netstat that show connections: protocol, bytes to read, bytes to send, …"""
    text = engine.out("exec", name, "netstat", "-tn")
    return [line for line in text.splitlines() if "ESTABLISHED" in line]


def test_a_link_goes_though_a_connection_keeps_its_namespace(engine):
    """Data that the other end does not take keeps a dead process's socket, and with it the namespace, for minutes."""
    engine.cli("run", "-d", "--name", "sink", "estiba/busybox", "nc", "-l", "-p", "7", "-e", "sleep", "1000")
    sink = address(engine, "sink", "bridge")
    engine.cli("run", "-d", "--name", "source", "estiba/busybox", "sh", "-c", f"yes | nc {sink} 7")
    wait_until(lambda: any(int(line.split()[2]) > 0 for line in sockets(engine, "source")), "it has more to send")
    before = leaks.links(engine.network)
    engine.cli("rm", "-f", "source")
    assert len(before) == 2 and len(leaks.links(engine.network)) == 1
    engine.cli("rm", "-f", "sink")
