"""IPv6 and what bridge networks can be told: addresses of both families, published ports, gateway modes, isolation."""

import ipaddress
import json
import subprocess

import pytest

from harness import network
from harness.wait import wait_until

HOST6, OUTSIDE6 = "2001:db8::1", "2001:db8::2"
OPTION = "com.docker.network."


@pytest.fixture
def outside(engine):
    """A machine beyond the host, 192.0.2.2 and 2001:db8::2, that routes everything by way of the host."""
    with network.beyond_by_both(engine.host) as other:
        yield other


@pytest.fixture
def made(engine):
    """Makes networks that go with the test."""
    names = []

    def make(name, *options):
        engine.cli("network", "create", *options, name)
        names.append(name)
        return json.loads(engine.out("network", "inspect", name))[0]
    yield make
    engine.remove_everything()
    for name in names:
        engine.cli("network", "rm", name)


def serve(engine, *options):
    return engine.out("run", "-d", *options, "estiba/busybox", "nc", "-ll", "-p", "80", "-e", "echo", "served")


def place(engine, name, net):
    return engine.inspect(name)["NetworkSettings"]["Networks"][net]


def fetch(host, address, port):
    wrapped = f"[{address}]" if ":" in address else address
    kind = "TCP6" if ":" in address else "TCP4"
    return host.run("socat", "-T3", "-", f"{kind}:{wrapped}:{port},connect-timeout=2", check=False,
                    stdin=-3).stdout.strip()


def get(engine, name, address, port):
    return engine.cli("exec", name, "nc", "-w", "2", address, str(port), check=False).stdout.strip()


def test_a_network_of_both_families_gives_addresses_of_both(engine, made):
    view = made("both", "--ipv6")
    assert view["EnableIPv4"] and view["EnableIPv6"]
    four, six = (ipaddress.ip_network(pool["Subnet"]) for pool in view["IPAM"]["Config"])
    assert four.version == 4 and six.subnet_of(ipaddress.ip_network("fd00::/8")) and six.prefixlen == 64
    engine.cli("run", "-d", "--network", "both", "--name", "one", "estiba/busybox", "sleep", "1000")
    engine.cli("run", "-d", "--network", "both", "--name", "two", "estiba/busybox", "sleep", "1000")
    two = place(engine, "two", "both")
    assert ipaddress.ip_address(two["GlobalIPv6Address"]) in six and two["GlobalIPv6PrefixLen"] == 64
    assert two["IPv6Gateway"] == view["IPAM"]["Config"][1]["Gateway"] == str(six[1])
    member = json.loads(engine.out("network", "inspect", "both"))[0]["Containers"][engine.inspect("two")["Id"]]
    assert member["IPv6Address"] == two["GlobalIPv6Address"] + "/64"
    # By name, of either family, and back.
    assert two["GlobalIPv6Address"] in engine.out("exec", "one", "ping", "-6", "-c", "1", "-W", "3", "two")
    assert two["IPAddress"] in engine.out("exec", "one", "ping", "-4", "-c", "1", "-W", "3", "two")
    assert "two.both" in engine.out("exec", "one", "nslookup", two["GlobalIPv6Address"])
    assert two["GlobalIPv6Address"] in engine.out("exec", "two", "cat", "/etc/hosts")
    assert "default via " + two["IPv6Gateway"] in engine.out("exec", "two", "ip", "-6", "route")
    before = two["GlobalIPv6Address"]
    engine.cli("restart", "-t", "0", "two")
    assert place(engine, "two", "both")["GlobalIPv6Address"] == before


def test_networks_of_ipv6_only_and_without_it(engine, made):
    made("six", "--ipv6", "--ipv4=false")
    only = engine.out("run", "--rm", "--network", "six", "estiba/busybox", "ip", "addr", "show", "eth0")
    assert "inet6 fd" in only and "inet " not in only
    made("four")
    none = engine.out("run", "--rm", "--network", "four", "estiba/busybox", "ip", "addr", "show", "eth0")
    assert "inet6" not in none and "inet " in none


def test_ports_are_published_to_both_families(engine, made, outside):
    made("both", "--ipv6")
    name = serve(engine, "--network", "both", "-p", "8080:80", "-p", "80")
    assert engine.out("port", name, "80/tcp").splitlines()[:2] == ["0.0.0.0:8080", "[::]:8080"] or \
        {"0.0.0.0:8080", "[::]:8080"} <= set(engine.out("port", name, "80/tcp").splitlines())
    bindings = engine.inspect(name)["NetworkSettings"]["Ports"]["80/tcp"]
    chosen = {binding["HostPort"] for binding in bindings} - {"8080"}
    assert len(chosen) == 1 and {binding["HostIp"] for binding in bindings} == {"0.0.0.0", "::"}
    wait_until(lambda: fetch(outside, HOST6, 8080) == "served", "an answer by IPv6")
    for port in (8080, chosen.pop()):
        assert fetch(outside, HOST6, port) == fetch(outside, "192.0.2.1", port) == "served"
        assert fetch(engine.host, HOST6, port) == fetch(engine.host, "127.0.0.1", port) == "served"
    assert "[::]:8080->80/tcp" in engine.out("ps", "--format", "{{.Ports}}")
    taken = engine.cli("run", "-d", "--network", "both", "-p", "[::]:8080:80", "estiba/busybox", check=False)
    assert "Bind for [::]:8080 failed: port is already allocated" in taken.stderr


def test_a_port_of_one_ipv6_address_answers_only_there(engine, made, outside):
    made("both", "--ipv6")
    serve(engine, "--network", "both", "-p", f"[{HOST6}]:8081:80")
    wait_until(lambda: fetch(outside, HOST6, 8081) == "served", "an answer by IPv6")
    assert fetch(outside, "192.0.2.1", 8081) == ""


def test_static_addresses(engine, made):
    made("both", "--ipv6", "--subnet", "10.77.0.0/24", "--subnet", "fd77::/64", "--gateway", "fd77::99",
         "--aux-address", "other=10.77.0.2", "--ip-range", "10.77.0.0/29")
    engine.cli("run", "-d", "--network", "both", "--name", "one", "--ip6", "fd77::5", "estiba/busybox", "sleep", "1000")
    one = place(engine, "one", "both")
    assert (one["GlobalIPv6Address"], one["IPv6Gateway"]) == ("fd77::5", "fd77::99")
    assert one["IPAddress"] == "10.77.0.3"  # the next one is somebody else's
    again = engine.cli("run", "--network", "both", "--ip6", "fd77::5", "estiba/busybox", check=False)
    assert again.returncode == 125 and "Address already in use" in again.stderr
    elsewhere = engine.cli("run", "--network", "both", "--ip6", "fd78::5", "estiba/busybox", check=False)
    assert "no configured subnet contains IP address fd78::5" in elsewhere.stderr


@pytest.mark.parametrize("options, message", [
    (["--subnet", "fd00:9::/64"], "IPv6 has not been enabled"),
    (["--ipv4=false"], "IPv4 or IPv6 must be enabled"),
    (["--subnet", "10.9.0.0/24", "--subnet", "10.9.1.0/24"], "bridge driver doesn't support multiple subnets"),
    (["--subnet", "10.9.0.0/24", "--gateway", "10.8.0.1"], "no matching subnet for gateway 10.8.0.1"),
    (["--subnet", "10.9.0.0/24", "--ip-range", "10.8.0.0/29"], "no matching subnet for range 10.8.0.0/29"),
    (["--subnet", "10.9.0.0/24", "--aux-address", "a=10.8.0.1"], "no matching subnet for aux-address 10.8.0.1"),
    (["-o", OPTION + "bridge.gateway_mode_ipv4=upside-down"], "unknown gateway mode upside-down"),
    (["-o", OPTION + "bridge.gateway_mode_ipv6=isolated"], "can only be used for an internal network"),
    (["-o", OPTION + "bridge.enable_icc=perhaps"], "neither true nor false"),
    (["-o", OPTION + "bridge.name=a-name-that-is-too-long"], "longer than the 15 letters"),
])
def test_what_cannot_be_is_named(engine, options, message):
    result = engine.cli("network", "create", *options, "wrong", check=False)
    assert result.returncode != 0 and message in result.stderr


def test_where_containers_are_apart(engine, made, outside):
    made("apart", "--ipv6", "-o", OPTION + "bridge.enable_icc=false")
    name = serve(engine, "--network", "apart", "--name", "server")
    engine.cli("run", "-d", "--network", "apart", "--name", "client", "estiba/busybox", "sleep", "1000")
    server = place(engine, name, "apart")
    wait_until(lambda: fetch(engine.network, server["IPAddress"], 80) == "served", "an answer to the host")
    for address in (server["IPAddress"], server["GlobalIPv6Address"]):
        assert get(engine, "client", address, 80) == ""
    assert engine.cli("exec", "client", "ping", "-c", "1", "-W", "3", server["Gateway"]).returncode == 0
    assert engine.cli("exec", "client", "ping", "-6", "-c", "1", "-W", "3", OUTSIDE6).returncode == 0


def test_a_routed_network_is_reached_at_its_own_addresses(engine, made, outside):
    mode = OPTION + "bridge.gateway_mode_ipv6=routed"
    made("routed", "--ipv6", "-o", mode)
    name = serve(engine, "--network", "routed", "-p", "8080:80")
    six = place(engine, name, "routed")["GlobalIPv6Address"]
    wait_until(lambda: fetch(outside, six, 80) == "served", "an answer at the container's own address")
    assert fetch(outside, HOST6, 8080) == "" and fetch(outside, "192.0.2.1", 8080) == "served"
    assert fetch(outside, place(engine, name, "routed")["IPAddress"], 80) == ""
    bindings = engine.inspect(name)["NetworkSettings"]["Ports"]["80/tcp"]
    assert {"HostIp": "::", "HostPort": ""} in bindings and {"HostIp": "0.0.0.0", "HostPort": "8080"} in bindings


def test_an_internal_network_reaches_nothing_of_the_hosts_but_the_gateway(engine, made, outside):
    made("inside", "--ipv6", "--internal")
    engine.cli("run", "-d", "--network", "inside", "--cap-add", "NET_ADMIN", "--name", "one", "estiba/busybox", "sleep",
               "1000")
    gateway = place(engine, "one", "inside")["Gateway"]
    engine.cli("exec", "one", "ip", "route", "add", "default", "via", gateway)
    assert engine.cli("exec", "one", "ping", "-c", "1", "-W", "3", gateway).returncode == 0
    for elsewhere in ("192.0.2.1", "192.0.2.2"):
        assert engine.cli("exec", "one", "ping", "-c", "1", "-W", "1", elsewhere, check=False).returncode != 0


def test_interfaces_are_called_as_the_network_says(engine, made):
    made("prefix", "-o", OPTION + "container_iface_prefix=lan")
    assert "lan0" in engine.out("run", "--rm", "--network", "prefix", "estiba/busybox", "ip", "addr")


def test_the_administrators_rules_come_first_and_stay(engine, outside):
    serve(engine, "-p", "8082:80", "--name", "web")
    wait_until(lambda: fetch(outside, "192.0.2.1", 8082) == "served", "an answer")
    for others, answer in (("192.0.2.0/24", "served"), ("198.51.100.0/24", "")):
        rule = f"meta l4proto tcp ct original proto-dst 8082 ct original ip saddr != {others} drop"
        engine.host.run("nft", "add", "rule", "inet", "estiba", "administrator", *rule.split())
        assert fetch(outside, "192.0.2.1", 8082) == answer
    assert fetch(outside, "192.0.2.1", 8082) == ""
    engine.cli("restart", "-t", "0", "web")
    assert fetch(outside, "192.0.2.1", 8082) == ""
    engine.host.run("nft", "flush", "chain", "inet", "estiba", "administrator")
    wait_until(lambda: fetch(outside, "192.0.2.1", 8082) == "served", "an answer again")


def test_sctp_is_published_where_the_kernel_has_it(engine):
    import socket
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP).close()
        has = True
    except OSError:
        has = False
    made = engine.cli("run", "-d", "--name", "sctp", "-p", "8090:90/sctp", "estiba/busybox", "sleep", "1000",
                      check=False)
    if not has:
        assert made.returncode == 125
        assert "publish port 0.0.0.0:8090/sctp: this host's kernel has no SCTP" in made.stderr
        return
    assert engine.out("port", "sctp") == "90/sctp -> 0.0.0.0:8090"
    assert "sctp" in engine.host.run("nft", "list", "map", "inet", "estiba", "published_any").stdout


def test_ports_are_bound_where_the_network_says(engine, made, outside):
    made("bound", "--ipv6", "-o", OPTION + "bridge.host_binding_ipv4=127.0.0.1",
         "-o", OPTION + f"bridge.host_binding_ipv6={HOST6}")
    name = serve(engine, "--network", "bound", "-p", "8085:80", "-p", "0.0.0.0:8086:80")
    wait_until(lambda: fetch(engine.host, "127.0.0.1", 8085) == "served", "an answer on loopback")
    assert fetch(outside, "192.0.2.1", 8085) == "" and fetch(engine.host, "192.0.2.1", 8085) == ""
    assert fetch(outside, HOST6, 8085) == "served"
    assert fetch(outside, "192.0.2.1", 8086) == "served"  # an address with -p goes first
    shown = engine.inspect(name)["NetworkSettings"]["Ports"]["80/tcp"]
    assert {one["HostIp"] for one in shown if one["HostPort"] == "8085"} == {"127.0.0.1", HOST6}


@pytest.fixture
def who_asks(outside):
    """Servers outside, of both families, that say who asks."""
    servers = [subprocess.Popen(outside.prefix() + ["socat", f"{kind}-LISTEN:80,reuseaddr,fork{more}",
                                                    "SYSTEM:echo from $SOCAT_PEERADDR"])
               for kind, more in (("TCP4", ""), ("TCP6", ",ipv6only"))]
    yield
    for server in servers:
        server.kill()
        server.wait()


def asks_as(engine, name):
    """The addresses that servers outside see of the container, by IPv4 and IPv6."""
    wait_until(lambda: get(engine, name, "192.0.2.2", 80).startswith("from "), "an answer by IPv4")
    wait_until(lambda: get(engine, name, OUTSIDE6, 80).startswith("from ["), "an answer by IPv6")
    return (get(engine, name, "192.0.2.2", 80).removeprefix("from "),
            ipaddress.ip_address(get(engine, name, OUTSIDE6, 80).removeprefix("from [").removesuffix("]")))


def test_without_masquerading_containers_leave_with_their_own_addresses(engine, made, who_asks):
    made("plain", "--ipv6", "-o", OPTION + "bridge.enable_ip_masquerade=false")
    engine.cli("run", "-d", "--network", "plain", "--name", "one", "estiba/busybox", "sleep", "1000")
    one = place(engine, "one", "plain")
    assert asks_as(engine, "one") == (one["IPAddress"], ipaddress.ip_address(one["GlobalIPv6Address"]))


def test_containers_leave_with_the_address_that_their_network_is_told(engine, made, outside, who_asks):
    link = engine.host.run("sh", "-c", "ip -o route get 192.0.2.2").stdout.split(" dev ")[1].split()[0]
    second6 = str(ipaddress.ip_address(HOST6) + 0x100)
    for address in ("192.0.2.78/32", f"{second6}/128"):
        engine.host.run("ip", "addr", "add", address, "dev", link, *(["nodad"] if ":" in address else []))
    made("told", "--ipv6", "-o", OPTION + "host_ipv4=192.0.2.78", "-o", OPTION + f"host_ipv6={second6}")
    made("plain", "--ipv6")
    for name, net in (("one", "told"), ("two", "plain")):
        engine.cli("run", "-d", "--network", net, "--name", name, "estiba/busybox", "sleep", "1000")
    assert asks_as(engine, "one") == ("192.0.2.78", ipaddress.ip_address(second6))
    assert asks_as(engine, "two")[0] == "192.0.2.1"
    # Also when the rules were taken away and are made again.
    engine.host.run("nft", "delete", "table", "inet", "estiba")
    wait_until(lambda: asks_as(engine, "one")[0] == "192.0.2.78", "the rules are back")
    refused = engine.cli("network", "create", "-d", "routed", "-o", OPTION + "host_ipv4=192.0.2.78", "x", check=False)
    assert "no address is translated in such a network" in refused.stderr


def test_a_bridge_without_an_ipv4_address_connects_its_containers_all_the_same(engine, made):
    view = made("bare", "-o", OPTION + "bridge.inhibit_ipv4=true", "--subnet", "10.78.0.0/24")
    serve(engine, "--network", "bare", "--name", "server")
    engine.cli("run", "-d", "--network", "bare", "--name", "client", "estiba/busybox", "sleep", "1000")
    server = place(engine, "server", "bare")["IPAddress"]
    wait_until(lambda: get(engine, "client", server, 80) == "served", "an answer")
    addresses = json.loads(engine.network.run("ip", "-j", "-4", "addr", "show",
                                              view["Interface"]).stdout)
    assert not [one for link in addresses for one in link.get("addr_info", [])]
    assert fetch(engine.network, server, 80) == ""


def test_the_default_bridge_has_ipv6_where_the_configuration_says_so(module_engine_factory):
    engine = module_engine_factory()
    plain = engine.config.read_text()
    engine.start()
    with network.beyond_by_both(engine.host) as outside:
        serve(engine, "--name", "before", "-p", "8080:80")
        assert place(engine, "before", "bridge")["GlobalIPv6Address"] == ""
        restart(engine, plain + "[network]\nbridge_ipv6 = true\n")
        view = json.loads(engine.out("network", "inspect", "bridge"))[0]
        assert view["EnableIPv6"] and [":" in pool["Subnet"] for pool in view["IPAM"]["Config"]] == [False, True]
        serve(engine, "--name", "after", "-p", "8081:80")
        assert ipaddress.ip_address(place(engine, "after", "bridge")["GlobalIPv6Address"]) in ipaddress.ip_network(
            view["IPAM"]["Config"][1]["Subnet"])
        wait_until(lambda: fetch(outside, HOST6, 8081) == "served", "an answer by IPv6")
        assert fetch(outside, "192.0.2.1", 8080) == "served"  # of the one that was there before
        restart(engine, plain + '[network]\nbridge_ipv6 = true\nbridge_subnet6 = "fd00:77::/64"\n')
        for name in ("before", "after"):
            start_anew(engine, name)
            assert place(engine, name, "bridge")["GlobalIPv6Address"].startswith("fd00:77::")
        assert "fd00:77::1" in engine.out("exec", "after", "ip", "-6", "route", "show", "default")
        wait_until(lambda: fetch(outside, HOST6, 8081) == "served", "an answer by IPv6")
        restart(engine, plain)
        start_anew(engine, "after")
        assert place(engine, "after", "bridge")["GlobalIPv6Address"] == ""
        assert not json.loads(engine.out("network", "inspect", "bridge"))[0]["EnableIPv6"]
        engine.remove_everything()


def restart(engine, config):
    engine.stop()
    engine.config.write_text(config)
    engine.start()


def start_anew(engine, name):
    engine.cli("stop", "-t", "0", name)
    engine.cli("start", name)
