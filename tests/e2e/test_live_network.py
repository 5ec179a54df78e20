"""Networks and ports of containers that run: connected, disconnected, published and taken back, with real traffic."""

import contextlib
import json
import os
import pathlib
import subprocess
import time

import pytest

from harness import dns, leaks
from harness.need import need_program
from harness.traffic import ECHO, Talk, answers, inside
from harness.wait import wait_until


@pytest.fixture
def networks(engine):
    """Makes networks and removes them when the test ends."""
    made = []

    def make(*names, options=()):
        for name in names:
            engine.cli("network", "create", *options, name)
            made.append(name)

    yield make
    engine.remove_everything()
    for name in made:
        engine.cli("network", "rm", name)


def run(engine, name, *options, command=("estiba/busybox", "sleep", "1000")):
    engine.cli("run", "-d", "--name", name, *options, *command)


def pid(engine, name):
    return engine.state(name)["Pid"]


def networks_of(engine, name):
    return engine.inspect(name)["NetworkSettings"]["Networks"]


def address(engine, name, network):
    return networks_of(engine, name)[network]["IPAddress"]


def links(engine, name):
    """Interfaces in the container, by what the kernel says."""
    out = engine.host.run("nsenter", f"--net=/proc/{pid(engine, name)}/ns/net", "ip", "-j", "addr").stdout
    return {link["ifname"]: link for link in json.loads(out) if link["ifname"] != "lo"}


def default_route(engine, name):
    """(gateway, interface) of the one default route."""
    out = engine.host.run("nsenter", f"--net=/proc/{pid(engine, name)}/ns/net", "ip", "-j", "-4", "route").stdout
    routes = [route for route in json.loads(out) if route["dst"] == "default"]
    assert len(routes) <= 1, routes
    return (routes[0]["gateway"], routes[0]["dev"]) if routes else None


def gateway(engine, network):
    return json.loads(engine.out("network", "inspect", network))[0]["IPAM"]["Config"][0]["Gateway"]


def refused(engine, says, *arguments):
    result = engine.cli(*arguments, check=False)
    assert result.returncode == 1 and says in result.stderr, result.stderr


def test_a_network_comes_and_goes_and_another_ones_connection_stays(engine, networks):
    networks("blue", "green")
    run(engine, "web", "--network", "blue", command=ECHO)
    run(engine, "near", "--network", "blue")
    run(engine, "far", "--network", "green")
    near, far = inside(pid(engine, "near")), inside(pid(engine, "far"))
    with contextlib.ExitStack() as stack:
        talk = Talk(near, address(engine, "web", "blue"))
        stack.callback(talk.end)
        assert talk.opened and talk.says("before") == "before"
        ask = dns.Client(pid(engine, "far")).ask
        assert ask("web")["answers"] == []

        engine.cli("network", "connect", "--alias", "shop", "green", "web")
        at = address(engine, "web", "green")
        assert ask("web")["answers"] == ask("shop")["answers"] == [at]
        assert answers(far, at)
        assert talk.says("between") == "between"
        members = json.loads(engine.out("network", "inspect", "green"))[0]["Containers"]
        assert {one["Name"] for one in members.values()} == {"web", "far"}
        assert set(links(engine, "web")) == {"eth0", "eth1"}

        engine.cli("network", "disconnect", "green", "web")
        assert not answers(far, at)
        wait_until(lambda: ask("web")["answers"] == [], "the name is gone")
        assert set(links(engine, "web")) == {"eth0"} and set(networks_of(engine, "web")) == {"blue"}
        assert talk.says("after") == "after"


def test_a_paused_container_is_connected(engine, networks):
    networks("blue")
    run(engine, "web", command=ECHO)
    run(engine, "near", "--network", "blue")
    engine.cli("pause", "web")
    engine.cli("network", "connect", "blue", "web")
    engine.cli("unpause", "web")
    assert answers(inside(pid(engine, "near")), address(engine, "web", "blue"))
    # Its names are answered from now on: on the default bridge there were none.
    assert "nameserver 127.0.0.11" in engine.out("exec", "web", "cat", "/etc/resolv.conf")
    assert dns.Client(pid(engine, "web")).ask("near")["answers"] == [address(engine, "near", "blue")]
    engine.cli("network", "disconnect", "blue", "web")
    assert "127.0.0.11" not in engine.out("exec", "web", "cat", "/etc/resolv.conf")
    engine.cli("network", "connect", "blue", "web")
    assert dns.Client(pid(engine, "web")).ask("near")["answers"] == [address(engine, "near", "blue")]


def test_the_default_route_goes_by_priority_then_name(engine, networks):
    networks("aaa", "mmm", "zzz")
    networks("abc", options=["--internal"])
    run(engine, "web", "--network", "mmm")
    assert default_route(engine, "web") == (gateway(engine, "mmm"), "eth0")
    engine.cli("network", "connect", "zzz", "web")
    assert default_route(engine, "web") == (gateway(engine, "mmm"), "eth0")
    engine.cli("network", "connect", "aaa", "web")
    assert default_route(engine, "web") == (gateway(engine, "aaa"), "eth2")
    engine.cli("network", "disconnect", "zzz", "web")
    engine.cli("network", "connect", "--gw-priority", "5", "zzz", "web")
    assert default_route(engine, "web") == (gateway(engine, "zzz"), "eth1")
    assert networks_of(engine, "web")["zzz"]["GwPriority"] == 5
    engine.cli("network", "connect", "abc", "web")
    assert default_route(engine, "web") == (gateway(engine, "zzz"), "eth1")
    engine.cli("network", "disconnect", "zzz", "web")
    assert default_route(engine, "web") == (gateway(engine, "aaa"), "eth2")
    engine.cli("network", "disconnect", "aaa", "web")
    engine.cli("network", "disconnect", "mmm", "web")
    assert default_route(engine, "web") is None  # an internal one gives none


def test_a_published_port_follows_the_default_route(engine, networks):
    networks("bbb", "aaa")
    run(engine, "web", "--network", "bbb", "-p", "8080:7", command=ECHO)
    here = engine.host.prefix()
    assert answers(here, "127.0.0.1", 8080)
    engine.cli("network", "connect", "aaa", "web")
    assert answers(here, "127.0.0.1", 8080)
    engine.cli("network", "disconnect", "bbb", "web")
    assert answers(here, "127.0.0.1", 8080)
    engine.cli("network", "disconnect", "aaa", "web")
    assert not answers(here, "127.0.0.1", 8080)
    assert engine.out("port", "web") == ""
    run(engine, "other", "-p", "8080:7", command=ECHO)  # nobody holds the port any more
    engine.cli("rm", "-f", "other")
    engine.cli("network", "connect", "aaa", "web")
    assert answers(here, "127.0.0.1", 8080)
    assert shown(engine, "web") == both("7/tcp", 8080)


def test_a_connection_that_cannot_be_leaves_everything_as_it_was(engine, networks):
    networks("inside", options=["--internal"])
    networks("blue")
    run(engine, "web", "--network", "inside", "-p", "8080:7", command=ECHO)
    run(engine, "other", "-p", "8080:7")
    refused(engine, "port is already allocated", "network", "connect", "blue", "web")
    assert set(networks_of(engine, "web")) == {"inside"} and set(links(engine, "web")) == {"eth0"}
    engine.cli("exec", "--privileged", "web", "ip", "link", "add", "eth1", "type", "bridge")
    engine.cli("rm", "-f", "other")
    refused(engine, "eth1", "network", "connect", "blue", "web")
    assert set(networks_of(engine, "web")) == {"inside"}
    engine.cli("exec", "--privileged", "web", "ip", "link", "del", "eth1")
    engine.cli("network", "connect", "blue", "web")
    assert answers(engine.host.prefix(), "127.0.0.1", 8080)


def test_what_an_endpoint_may_ask_for(engine, networks):
    networks("blue", options=["--subnet", "10.77.0.0/16"])
    run(engine, "web")
    engine.cli("network", "connect", "--ip", "10.77.7.7", "--mac-address", "02:00:00:00:07:07",
               "--link-local-ip", "169.254.7.7", "--driver-opt", "com.docker.network.endpoint.ifname=blue0",
               "--driver-opt", "com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME.log_martians=1", "blue", "web")
    link = links(engine, "web")["blue0"]
    assert link["address"] == "02:00:00:00:07:07"
    assert {(a["local"], a["prefixlen"]) for a in link["addr_info"] if a["family"] == "inet"} == {
        ("10.77.7.7", 16), ("169.254.7.7", 16)}
    assert engine.out("exec", "web", "cat", "/proc/sys/net/ipv4/conf/blue0/log_martians") == "1"
    shown = networks_of(engine, "web")["blue"]
    assert shown["IPAMConfig"] == {"IPv4Address": "10.77.7.7", "LinkLocalIPs": ["169.254.7.7"]}
    engine.cli("restart", "-t", "0", "web")
    assert links(engine, "web")["blue0"]["address"] == "02:00:00:00:07:07"


@pytest.mark.parametrize("option, says", [
    ("com.docker.network.endpoint.ifname=lo", "invalid interface name 'lo'"),
    ("com.docker.network.endpoint.ifname=longer-than-fifteen", "invalid interface name"),
    ("com.docker.network.endpoint.sysctls=net.ipv4.ip_forward=1", "unrecognised network interface sysctl"),
    ("com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME.../x=1", "unrecognised network interface sysctl"),
    ("what=ever", "endpoint option 'what' is not supported")])
def test_what_an_endpoint_may_not_ask_for(engine, networks, option, says):
    networks("blue")
    engine.cli("create", "--name", "web", "estiba/busybox")
    refused(engine, says, "network", "connect", "--driver-opt", option, "blue", "web")
    refused(engine, says, "create", "--network", f"name=blue,driver-opt={option}", "estiba/busybox")


def test_several_networks_from_the_start(engine, networks):
    networks("blue", "green")
    run(engine, "web", "--network", "name=green,alias=shop", "--network", "name=blue,gw-priority=1", command=ECHO)
    run(engine, "far", "--network", "blue")
    assert set(links(engine, "web")) == {"eth0", "eth1"}
    assert default_route(engine, "web") == (gateway(engine, "blue"), "eth1")
    assert answers(inside(pid(engine, "far")), address(engine, "web", "blue"))
    assert "shop" in networks_of(engine, "web")["green"]["DNSNames"]


def test_dockers_refusals(engine, networks):
    networks("blue")
    run(engine, "alone", "--network", "none")
    run(engine, "open", "--network", "host")
    run(engine, "web")
    run(engine, "beside", "--network", "container:web")
    none = "container cannot be connected to multiple networks with one of the networks in private (none) mode"
    shared = "container sharing network namespace with another container or host cannot be connected to any other"
    host = "container cannot be disconnected from host network or connected to host network"
    refused(engine, none, "network", "connect", "blue", "alone")
    refused(engine, none, "network", "connect", "none", "web")
    refused(engine, shared, "network", "connect", "blue", "open")
    refused(engine, shared, "network", "connect", "blue", "beside")
    refused(engine, host, "network", "connect", "host", "web")
    refused(engine, host, "network", "disconnect", "host", "open")
    refused(engine, "is not connected to network blue", "network", "disconnect", "blue", "web")
    engine.cli("network", "connect", "blue", "web")
    refused(engine, "endpoint with name web already exists in network blue", "network", "connect", "blue", "web")
    # Out of `none` another network may be joined.
    engine.cli("network", "disconnect", "none", "alone")
    engine.cli("network", "connect", "blue", "alone")
    assert answers(inside(pid(engine, "alone")), address(engine, "web", "blue"), 7) is False
    assert default_route(engine, "alone") == (gateway(engine, "blue"), "eth0")
    engine.cli("restart", "-t", "0", "alone")
    assert default_route(engine, "alone") == (gateway(engine, "blue"), "eth0")


def test_what_a_container_wrote_into_its_files_stays(engine, networks):
    networks("blue")
    run(engine, "web")
    engine.cli("exec", "web", "sh", "-c", "echo 10.9.9.9 mine >> /etc/hosts; echo '# mine' >> /etc/resolv.conf")
    engine.cli("network", "connect", "blue", "web")
    hosts = engine.out("exec", "web", "cat", "/etc/hosts")
    assert "10.9.9.9 mine" in hosts and address(engine, "web", "blue") in hosts
    assert "# mine" in engine.out("exec", "web", "cat", "/etc/resolv.conf")
    at = address(engine, "web", "blue")
    engine.cli("network", "disconnect", "blue", "web")
    hosts = engine.out("exec", "web", "cat", "/etc/hosts")
    assert "10.9.9.9 mine" in hosts and at not in hosts and address(engine, "web", "bridge") in hosts


def test_a_hundred_cycles_leave_nothing(engine, networks):
    networks("blue", "green")
    run(engine, "web", "--network", "blue", command=ECHO)
    monitor = int(pathlib.Path(f"/proc/{pid(engine, 'web')}/stat").read_text().rsplit(")", 1)[1].split()[1])

    def held():
        """Descriptors of the monitor (but those of cgroups, opened when they are needed), links, ports, names."""
        open_files = [os.readlink(file) for file in pathlib.Path(f"/proc/{monitor}/fd").iterdir()]
        return (sum(name.startswith(("socket:", "net:")) for name in open_files), sorted(links(engine, "web")),
                leaks.links(engine.host), leaks.nft_elements(engine.host), leaks.endpoints(engine.run_root))

    engine.cli("network", "connect", "green", "web")
    engine.cli("network", "disconnect", "green", "web")
    before = held()
    for _ in range(100):
        engine.api("POST", "/networks/green/connect", {"Container": "web"})
        engine.api("POST", "/networks/green/disconnect", {"Container": "web"})
    assert held() == before
    # The addresses come round and do not run out.
    assert engine.cli("network", "connect", "green", "web").returncode == 0


def test_dockers_own_client_and_its_events(engine, networks):
    need_program("docker")
    networks("blue")
    run(engine, "web")
    container = engine.inspect("web")["Id"]
    engine.docker("network", "connect", "--alias", "shop", "blue", "web")
    assert "eth1" in links(engine, "web")
    engine.docker("network", "disconnect", "-f", "blue", "web")
    assert "eth1" not in links(engine, "web")
    text = engine.docker("events", "--since", "1h", "--until", str(int(time.time()) + 1), "--filter", "type=network",
                         "--format", "{{json .}}").stdout
    told = [json.loads(line) for line in text.splitlines()]
    told = [(one["Action"], one["Actor"]["Attributes"]) for one in told if one["Action"] != "create"]
    attributes = {"container": container, "name": "blue", "type": "bridge"}
    assert told == [("connect", attributes), ("disconnect", attributes)]


# ---- ports ----


def shown(engine, name):
    return sorted(engine.out("port", name).splitlines())


def both(port, host_port):
    return [f"{port} -> 0.0.0.0:{host_port}", f"{port} -> [::]:{host_port}"]


def test_ports_are_added_and_removed_while_it_runs(engine):
    run(engine, "web", command=ECHO)
    here = engine.host.prefix()
    assert engine.out("port", "add", "web", "8080:7").splitlines() == both("7/tcp", 8080)
    assert answers(here, "127.0.0.1", 8080)
    engine.cli("port", "add", "web", "127.0.0.1:8081:7", "9000-9001:7-8")
    assert shown(engine, "web") == sorted([*both("7/tcp", 8080), *both("7/tcp", 9000), "7/tcp -> 127.0.0.1:8081",
                                           *both("8/tcp", 9001)])
    assert answers(here, "127.0.0.1", 8081) and answers(here, "127.0.0.1", 9000)
    assert "0.0.0.0:8080->7/tcp" in engine.out("ps", "--format", "{{.Ports}}")
    bound = engine.inspect("web")["HostConfig"]["PortBindings"]
    assert {one["HostPort"] for one in bound["7/tcp"]} == {"8080", "8081", "9000"}
    chosen = engine.out("port", "add", "web", "7").rsplit(":", 1)[1]
    assert answers(here, "127.0.0.1", int(chosen))
    engine.cli("port", "rm", "web", "8080:7", f"{chosen}:7")
    assert not answers(here, "127.0.0.1", 8080) and not answers(here, "127.0.0.1", int(chosen))
    assert answers(here, "127.0.0.1", 8081)
    run(engine, "other", "-p", "8080:7", command=ECHO)  # the port is free again
    engine.cli("port", "rm", "web", "7")
    assert shown(engine, "web") == both("8/tcp", 9001)
    engine.cli("restart", "-t", "0", "web")
    assert shown(engine, "web") == both("8/tcp", 9001)


def test_ports_that_are_taken_or_not_there(engine):
    run(engine, "web", "-p", "8080:7", command=ECHO)
    run(engine, "other", command=ECHO)
    refused(engine, "Bind for 0.0.0.0:8080 failed: port is already allocated", "port", "add", "other", "8080:7")
    refused(engine, "Bind for 0.0.0.0:8080 failed: port is already allocated", "port", "add", "other", "8079-8080:7-8")
    assert shown(engine, "other") == [] and engine.inspect("other")["HostConfig"]["PortBindings"] in ({}, None)
    refused(engine, "port 9:9 is not published", "port", "rm", "web", "9:9")
    refused(engine, "already published by this container", "port", "add", "web", "8080:7")
    refused(engine, "invalid containerPort: x", "port", "add", "web", "80:x")
    run(engine, "open", "--network", "host")
    refused(engine, "has no network of its own", "port", "add", "open", "80:80")
    refused(engine, "needs a container and at least one port", "port", "add", "web")
    assert answers(engine.host.prefix(), "127.0.0.1", 8080)


def test_ports_of_a_stopped_container_are_published_when_it_starts(engine):
    engine.cli("create", "--name", "web", "-p", "8080:7", *ECHO)
    engine.cli("port", "add", "web", "8081:7")
    engine.cli("port", "rm", "web", "8080:7")
    engine.cli("start", "web")
    assert shown(engine, "web") == both("7/tcp", 8081)
    assert answers(engine.host.prefix(), "127.0.0.1", 8081)


def test_a_changed_container_outlives_its_engine(engine, networks):
    networks("blue")
    run(engine, "web", command=ECHO)
    run(engine, "near", "--network", "blue")
    engine.cli("network", "connect", "blue", "web")
    engine.cli("port", "add", "web", "8080:7")
    before = networks_of(engine, "web"), shown(engine, "web")
    engine.kill()
    assert answers(engine.host.prefix(), "127.0.0.1", 8080)
    engine.start()
    assert (networks_of(engine, "web"), shown(engine, "web")) == before
    refused(engine, "port is already allocated", "port", "add", "near", "8080:7")
    engine.cli("port", "rm", "web", "8080:7")
    engine.cli("network", "disconnect", "bridge", "web")
    assert set(links(engine, "web")) == {"eth1"}
    engine.cli("port", "add", "near", "8080:7")


def test_a_udp_flow_that_goes_on_ends_with_its_port(engine):
    need_program("socat")
    run(engine, "web")
    echo = subprocess.Popen([*inside(pid(engine, "web")), "socat", "UDP4-RECVFROM:7,fork", "EXEC:cat"],
                            stdin=subprocess.DEVNULL)
    engine.cli("port", "add", "web", "7007:7/udp")
    talk = Talk(engine.host.prefix(), "127.0.0.1", 7007, "udp")
    try:
        wait_until(lambda: talk.says("hello") == "hello", "an answer")
        engine.cli("port", "rm", "web", "7007:7/udp")
        assert talk.says("hello") == "lost"  # the same source port: a flow that the kernel knew
        engine.cli("port", "add", "web", "7007:7/udp")
        assert talk.says("again") == "again"
    finally:
        talk.end()
        echo.kill()
        echo.wait()
