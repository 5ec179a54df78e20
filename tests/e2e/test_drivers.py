"""Drivers beside bridge: macvlan with a machine on a LAN, routed networks, bridges of the administrator's."""

import functools
import json
import os
import subprocess

import pytest

from harness import network
from harness.network import fetch, fetch_from
from harness.wait import wait_until

IMAGE = "estiba/busybox"


@pytest.fixture
def lan(engine):
    with network.lan(engine.host) as other:
        yield other
        engine.remove_everything()
        engine.cli("network", "prune", "-f")


def create(engine, *options, name="lan", subnet="192.0.2.0/24", gateway="192.0.2.1"):
    return engine.out("network", "create", "-d", "macvlan", "-o", "parent=lan0", "--subnet", subnet,
                      "--gateway", gateway, *options, name)


serve = functools.partial(network.serve, net="lan")


def endpoint(engine, name, net="lan"):
    return network.endpoint(engine, name, net)


@pytest.fixture
def server(lan):
    """A server on the LAN that says who asks."""
    process = subprocess.Popen(lan.prefix() + ["socat", "TCP-LISTEN:80,reuseaddr,fork",
                                               "SYSTEM:echo from $SOCAT_PEERADDR"])
    wait_until(lambda: lan.run("sh", "-c", "ss -ltn | grep -q :80", check=False).returncode == 0, "listening")
    yield lan
    process.kill()
    process.wait()


def test_a_macvlan_container_is_a_machine_of_the_lan(engine, server):
    create(engine, "--ip-range", "192.0.2.128/28")
    web = serve(engine, "web")
    assert web["IPAddress"].startswith("192.0.2.1") and web["Gateway"] == "192.0.2.1"
    wait_until(lambda: fetch(server, web["IPAddress"]) == "from web", "an answer on the LAN")
    assert fetch_from(engine, "web", "192.0.2.1") == f"from {web['IPAddress']}"
    serve(engine, "other")
    wait_until(lambda: fetch_from(engine, "other", web["IPAddress"]) == "from web", "an answer of the neighbour")
    # Names are answered as on other networks that users make.
    assert fetch_from(engine, "other", "web") == "from web"
    text = engine.out("exec", "web", "sh", "-c", "ip -o link show eth0; ip route")
    assert web["MacAddress"] in text and "default via 192.0.2.1 dev eth0" in text
    view = json.loads(engine.out("network", "inspect", "lan"))[0]
    assert view["Driver"] == "macvlan" and view["Options"] == {"parent": "lan0"} and len(view["Containers"]) == 2
    assert "macvlan" in engine.out("network", "ls", "-f", "driver=macvlan")
    # The host has no address on the LAN, and nothing of ours but the namespaces' links.
    assert "192.0.2" not in engine.host.run("ip", "addr").stdout
    assert "table inet estiba" not in engine.host.run("nft", "list", "tables").stdout


def test_addresses_hardware_addresses_and_mtu_as_asked(engine, lan):
    create(engine, "-o", "com.docker.network.driver.mtu=1400")
    web = serve(engine, "web", "--ip", "192.0.2.77", "--mac-address", "02:00:00:00:00:77")
    assert (web["IPAddress"], web["MacAddress"]) == ("192.0.2.77", "02:00:00:00:00:77")
    assert "mtu 1400" in engine.out("exec", "web", "ip", "link", "show", "eth0")
    wait_until(lambda: fetch(lan, "192.0.2.77") == "from web", "an answer")
    assert "02:00:00:00:00:77" in lan.run("ip", "neigh", "show", "192.0.2.77").stdout
    engine.cli("restart", "-t", "0", "web")
    wait_until(lambda: fetch(lan, "192.0.2.77") == "from web", "an answer after the restart")


def test_the_host_gateway_is_the_hosts_address_on_the_link_not_the_lans_router(engine, server, bridge):
    create(engine)
    lacking = engine.cli("run", "--rm", "--network", "lan", "--add-host", "up:host-gateway", IMAGE, "true", check=False)
    assert lacking.returncode == 125 and "the host has no address on 'lan0' of network lan" in lacking.stderr
    engine.cli("network", "rm", "lan")
    engine.host.run("ip", "addr", "add", "192.0.2.254/24", "dev", bridge)
    engine.cli("network", "create", "-o", "mode=unmanaged", "-o", f"com.docker.network.bridge.name={bridge}",
               "--subnet", "192.0.2.0/24", "--gateway", "192.0.2.1", "lan")
    serve(engine, "web", "--add-host", "up:host-gateway")
    assert "192.0.2.254\tup" in engine.out("exec", "web", "cat", "/etc/hosts").splitlines()
    wait_until(lambda: engine.cli("exec", "web", "ping", "-c", "1", "-W", "2", "up", check=False).returncode == 0,
               "the host answers")
    engine.cli("rm", "-f", "web")
    engine.cli("network", "rm", "lan")
    engine.host.run("ip", "addr", "del", "192.0.2.254/24", "dev", bridge)


def test_a_network_of_two_subnets_gives_addresses_of_the_first_with_room(engine, server):
    server.run("ip", "addr", "add", "198.51.100.1/24", "dev", "eth0")
    engine.cli("network", "create", "-d", "macvlan", "-o", "parent=lan0",
               "--subnet", "192.0.2.0/30", "--gateway", "192.0.2.1", "--subnet", "198.51.100.0/24", "lan")
    first, second = serve(engine, "first"), serve(engine, "second")
    assert (first["IPAddress"], first["Gateway"]) == ("192.0.2.2", "192.0.2.1")
    assert (second["IPAddress"], second["Gateway"]) == ("198.51.100.2", "198.51.100.1")
    third = serve(engine, "third", "--ip", "198.51.100.77")
    for one, name in ((first, "first"), (second, "second"), (third, "third")):
        wait_until(lambda one=one, name=name: fetch(server, one["IPAddress"]) == f"from {name}", "an answer")
    assert "default via 198.51.100.1" in engine.out("exec", "third", "ip", "route")
    assert fetch_from(engine, "third", "second") == "from second"
    engine.cli("rm", "-f", "first")
    assert serve(engine, "fourth")["IPAddress"] == "192.0.2.2"
    refused(engine, "Pool overlaps", "-o", "parent=lan0", "--subnet", "10.9.0.0/24", "--subnet", "10.9.0.128/25", "x")
    refused(engine, "bridge driver doesn't support multiple subnets", "--subnet", "10.9.0.0/24",
            "--subnet", "10.9.1.0/24", "x", driver="bridge")


def test_private_containers_do_not_reach_each_other(engine, server):
    create(engine, "-o", "macvlan_mode=private")
    web = serve(engine, "web")
    serve(engine, "other")
    wait_until(lambda: fetch(server, web["IPAddress"]) == "from web", "an answer on the LAN")
    assert fetch_from(engine, "other", web["IPAddress"]) == ""
    assert fetch_from(engine, "other", "192.0.2.1") == f"from {endpoint(engine, 'other')['IPAddress']}"


def test_passthru_has_the_parents_hardware_address_and_is_alone(engine, lan):
    parent = json.loads(engine.host.run("ip", "-j", "link", "show", "lan0").stdout)[0]["address"]
    create(engine, "-o", "macvlan_mode=passthru")
    web = serve(engine, "web")
    assert web["MacAddress"] == parent
    wait_until(lambda: fetch(lan, web["IPAddress"]) == "from web", "an answer on the LAN")
    second = engine.cli("run", "--rm", "--network", "lan", IMAGE, "true", check=False)
    assert second.returncode == 125 and "failed to create the macvlan port" in second.stderr
    refused(engine, "is already using parent interface lan0 in mode passthru", "-o", "parent=lan0", "more")


def refused(engine, words, *options, driver="macvlan"):
    result = engine.cli("network", "create", "-d", driver, *options, check=False)
    assert result.returncode == 1 and words in result.stderr, result.stderr


def test_bad_options_are_named(engine, lan):
    create(engine)
    refused(engine, "cannot use mode passthru, macvlan network", "-o", "parent=lan0", "-o", "macvlan_mode=passthru",
            "x")
    refused(engine, "requested macvlan mode 'x' is not valid, 'bridge' mode is the macvlan driver default",
            "-o", "parent=lan0", "-o", "macvlan_mode=x", "x")
    refused(engine, "loopback interface is not a valid macvlan parent link", "-o", "parent=lo", "x")
    refused(engine, "invalid subinterface vlan name nosuch, example formatting is eth0.10", "-o", "parent=nosuch", "x")
    refused(engine, "-o parent interface was not found on the host: nosuch", "-o", "parent=nosuch.10", "x")
    refused(engine, "vlan id must be between 1-4094, received: 4095", "-o", "parent=lan0.4095", "x")
    refused(engine, "network option 'color' is not supported by driver macvlan", "-o", "color=red", "x")
    refused(engine, "requested ipvlan mode 'l4' is not valid, 'l2' mode is the ipvlan driver default",
            "-o", "parent=lan0", "-o", "ipvlan_mode=l4", "x", driver="ipvlan")
    refused(engine, "could not find plugin x in v1 plugin registry: plugin not found", "x", driver="x")
    assert engine.out("network", "ls", "-q", "-f", "type=custom").count("\n") == 0


def test_what_the_kernel_lacks_is_named(engine, lan):
    def made(driver, *options):
        result = engine.cli("network", "create", "-d", driver, *options, "probe", check=False)
        if result.returncode == 0:
            engine.cli("network", "rm", "probe")
        return result
    for driver, options, option in [("macvlan", [], "CONFIG_DUMMY"), ("macvlan", ["--internal"], "CONFIG_DUMMY"),
                                    ("macvlan", ["-o", "parent=lan0.10"], "CONFIG_VLAN_8021Q"),
                                    ("ipvlan", ["-o", "parent=lan0"], "CONFIG_IPVLAN")]:
        result = made(driver, *options)
        assert result.returncode == 0 or option in result.stderr, result.stderr
    links = engine.host.run("ip", "-o", "link").stdout
    assert "lan0.10" not in links and "dm-" not in links


def test_a_parent_that_went_away_is_named_and_back_is_used_again(engine, lan):
    create(engine)
    engine.host.run("ip", "link", "set", "lan0", "name", "away0")
    result = engine.cli("run", "--rm", "--network", "lan", IMAGE, "true", check=False)
    assert result.returncode == 125
    assert "the requested parent interface lan0 was not found on the host" in result.stderr
    engine.host.run("ip", "link", "set", "away0", "name", "lan0")
    engine.cli("run", "--rm", "--network", "lan", IMAGE, "true")


def test_published_ports_are_said_to_be_discarded(engine, lan):
    create(engine)
    result = engine.cli("run", "-d", "--name", "web", "--network", "lan", "-p", "8080:80", IMAGE, "sleep", "100")
    assert "Published ports are discarded when using network 'lan' of driver macvlan" in result.stderr
    assert not engine.inspect("web")["NetworkSettings"]["Ports"].get("80/tcp")


def test_both_families_on_the_lan(engine, lan):
    engine.cli("network", "create", "-d", "macvlan", "-o", "parent=lan0", "--ipv6", "--subnet", "192.0.2.0/24",
               "--gateway", "192.0.2.1", "--subnet", "2001:db8::/64", "--gateway", "2001:db8::1", "lan")
    engine.cli("run", "-d", "--name", "web", "--network", "lan", IMAGE, "nc", "-ll", "-p", "80", "-e", "echo", "six")
    address = endpoint(engine, "web")["GlobalIPv6Address"]
    assert address.startswith("2001:db8::")
    wait_until(lambda: fetch(lan, f"[{address}]") == "six", "an answer over IPv6")
    assert "default via 2001:db8::1" in engine.out("exec", "web", "ip", "-6", "route")


def test_explain_shows_the_link_in_text_json_and_shell(engine, lan):
    create(engine)
    engine.cli("create", "--name", "web", "--network", "lan", IMAGE, "true")
    assert "macvlan" in engine.out("explain", "web") and "lan0" in engine.out("explain", "web")
    ops = [step["op"] for step in json.loads(engine.out("explain", "--json", "web"))["steps"]]
    assert "add-upper" in ops and "add-veth" not in ops
    shell = engine.out("explain", "--shell", "web")
    assert "ip link add link 'lan0'" in shell and "type macvlan mode bridge" in shell


@pytest.fixture
def bridge(engine, lan):
    """A bridge of the administrator's, a port of which is the LAN."""
    engine.host.run("ip", "link", "add", "br0", "type", "bridge")
    engine.host.run("ip", "link", "set", "lan0", "master", "br0")
    engine.host.run("ip", "link", "set", "br0", "up")
    yield "br0"
    engine.remove_everything()
    engine.cli("network", "prune", "-f")
    assert "master br0" in engine.host.run("ip", "link", "show", "lan0").stdout  # it is still there
    engine.host.run("ip", "link", "del", "br0")


def test_an_unmanaged_bridge_is_used_and_nothing_of_it_touched(engine, server, bridge):
    named = ["-o", f"com.docker.network.bridge.name={bridge}"]
    def settings():
        return engine.host.run("sh", "-c", f"ip -o addr show {bridge}; sysctl net.ipv4.ip_forward "
                                           f"net.ipv4.conf.{bridge}")

    before = settings().stdout
    engine.cli("network", "create", "-o", "mode=unmanaged", *named, "--subnet", "192.0.2.0/24", "--gateway",
               "192.0.2.1", "lan")
    web = serve(engine, "web")
    wait_until(lambda: fetch(server, web["IPAddress"]) == "from web", "an answer on the LAN")
    assert fetch_from(engine, "web", "192.0.2.1") == f"from {web['IPAddress']}"
    assert "default via 192.0.2.1" in engine.out("exec", "web", "ip", "route")
    assert "table inet estiba" not in engine.host.run("nft", "list", "tables").stdout
    assert "192.0.2" not in engine.host.run("ip", "addr").stdout
    engine.cli("rm", "-f", "web")
    engine.cli("network", "rm", "lan")
    wait_until(lambda: settings().stdout == before, "the bridge is as before")
    refused(engine, "there is no bridge 'nosuch'", "-o", "mode=unmanaged",
            "-o", "com.docker.network.bridge.name=nosuch", "x", driver="bridge")
    refused(engine, "wants com.docker.network.bridge.name", "-o", "mode=unmanaged", "x", driver="bridge")


def test_what_vlans_and_vrfs_of_bridges_lack_is_told_when_the_network_is_made(engine, bridge):
    refused(engine, "there is no VRF 'nosuch'", "-o", "vrf=nosuch", "x", driver="bridge")
    refused(engine, "link 'lo' is not a VRF", "-o", "vrf=lo", "x", driver="bridge")
    refused(engine, f"bridge '{bridge}' does not filter VLANs", "-o", "vlan=20", "-o", "mode=unmanaged",
            "-o", f"com.docker.network.bridge.name={bridge}", "x", driver="bridge")
    refused(engine, f"bridge '{bridge}' is not ours", "-o", "vlan=20",
            "-o", f"com.docker.network.bridge.name={bridge}", "x", driver="bridge")
    refused(engine, "network option 'vlan=4095'", "-o", "vlan=4095", "x", driver="bridge")
    assert "est-" not in engine.host.run("ip", "-br", "link", "show", "type", "bridge").stdout  # nothing is left


def test_a_bridge_that_was_there_stays_when_its_network_goes(engine, server, bridge):
    engine.cli("network", "create", "-o", f"com.docker.network.bridge.name={bridge}", "--subnet", "198.51.100.0/24",
               "lan")
    web = serve(engine, "web", "-p", "8080:80")
    wait_until(lambda: fetch(engine.host, "127.0.0.1", 8080) == "from web", "an answer at the published port")
    assert f"master {bridge}" in engine.host.run("ip", "link").stdout and web["Gateway"] == "198.51.100.1"
    engine.cli("rm", "-f", "web")
    engine.cli("network", "rm", "lan")


def test_a_routed_network_translates_nothing_and_opens_published_ports(engine, server):
    engine.host.run("ip", "addr", "add", "192.0.2.254/24", "dev", "lan0")
    server.run("ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.254")
    engine.cli("network", "create", "-d", "routed", "--subnet", "198.51.100.0/24", "lan")
    web = serve(engine, "web", "-p", "80")
    closed = serve(engine, "closed")
    wait_until(lambda: fetch(server, web["IPAddress"]) == "from web", "an answer at the container's own address")
    assert fetch_from(engine, "web", "192.0.2.1") == f"from {web['IPAddress']}"
    assert fetch_from(engine, "closed", web["IPAddress"]) == "from web"
    assert fetch(server, closed["IPAddress"]) == ""
    options = json.loads(engine.out("network", "inspect", "-f", "{{json .Options}}", "lan"))
    assert options["com.docker.network.bridge.gateway_mode_ipv4"] == "routed"


def test_a_lan_comes_and_goes_while_a_container_runs(engine, lan):
    create(engine)
    engine.cli("run", "-d", "--name", "web", IMAGE, "nc", "-ll", "-p", "80", "-e", "echo", "from", "web")
    for _ in range(2):
        engine.cli("network", "connect", "--ip", "192.0.2.77", "lan", "web")
        wait_until(lambda: fetch(lan, "192.0.2.77") == "from web", "an answer on the LAN")
        assert "eth1" in engine.out("exec", "web", "ip", "-o", "link")
        assert endpoint(engine, "web", "bridge")["IPAddress"]
        engine.cli("network", "disconnect", "lan", "web")
        assert fetch(lan, "192.0.2.77") == ""
        assert "eth1" not in engine.out("exec", "web", "ip", "-o", "link")
    assert set(engine.inspect("web")["NetworkSettings"]["Networks"]) == {"bridge"}
