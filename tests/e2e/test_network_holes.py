"""The holes that container networks are known for, each tried with the packets that go through it, and each with a
control that shows that the packets would arrive."""

import contextlib
import json
import socket
import struct
import subprocess
import sys

import pytest

from harness import dns
from harness.names import address, client, netds, run
from harness.network import beyond, fetch
from harness.packets import Sender, of_container
from harness.wait import wait_until

SERVE = ("estiba/busybox", "nc", "-ll", "-p", "80", "-e", "echo", "served")
HOST, OUTSIDE = "192.0.2.1", "192.0.2.2"
# A datagram socket that writes what comes, a line each.
LISTEN = ("import socket,sys\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\ns.bind(('0.0.0.0',int(sys.argv[1])))\n"
          "print('listening',flush=True)\nwhile True:\n  d,a=s.recvfrom(999)\n  print(a[0],d.decode(),flush=True)")


@pytest.fixture
def outside(engine):
    with beyond(engine.host) as other:
        yield other


def mac_of(host, link):
    return json.loads(host.run("ip", "-j", "link", "show", link).stdout)[0]["address"]


def bridge_of(engine, network):
    if network == "bridge":
        return "estiba0"
    return "est-" + engine.out("network", "inspect", "-f", "{{.Id}}", network)[:11]


def gateway(engine, name, network):
    return engine.inspect(name)["NetworkSettings"]["Networks"][network]["Gateway"]


@contextlib.contextmanager
def listening(prefix, port, log):
    """What arrives at a datagram port: a function that tells the lines so far."""
    with open(log, "wb") as file:
        process = subprocess.Popen([*prefix, sys.executable, "-c", LISTEN, str(port)], stdout=file)
    try:
        wait_until(lambda: "listening" in log.read_text(), "it listens")
        yield lambda: log.read_text().splitlines()[1:]
    finally:
        process.kill()
        process.wait()


def serving(engine, name, network, *options):
    engine.cli("run", "-d", "--name", name, "--network", network, *options, *SERVE)
    at = address(engine, name, network)
    wait_until(lambda: fetch(engine.host, at, 80) == "served", f"{name} serves")
    return at


def asks(engine, name, at, port=80):
    """What the container `name` is told by that server."""
    return engine.cli("exec", name, "nc", "-w", "2", at, str(port), check=False).stdout.strip()


def test_a_neighbour_reaches_no_port_that_is_published_on_loopback(engine, outside):
    """moby #45610, CVE-2020-8558: packets for 127.0.0.1 with the host's hardware address."""
    serving(engine, "web", "bridge", "-p", "127.0.0.1:8081:80", "-p", "8080:80")
    neighbour = Sender(outside.prefix())
    to = mac_of(engine.host, "up0")
    assert neighbour("syn", "eth0", to, OUTSIDE, HOST, 8080) == "syn-ack"
    assert fetch(engine.host, "127.0.0.1", 8081) == "served"
    assert neighbour("syn", "eth0", to, OUTSIDE, "127.0.0.1", 8081) == "none"
    assert neighbour("syn", "eth0", to, OUTSIDE, HOST, 8081) in ("rst", "none")


def test_a_container_reaches_no_port_of_the_hosts_loopback(engine, outside):
    """route_localnet is on for bridges: packets for 127.0.0.1 from there would be the host's own."""
    serving(engine, "web", "bridge", "-p", "127.0.0.1:8081:80", "-p", "8080:80")
    run(engine, "bad", network="bridge")
    bad, to = of_container(engine, "bad"), mac_of(engine.host, "estiba0")
    own = address(engine, "bad", "bridge")
    assert bad("syn", "eth0", to, own, HOST, 8080) == "syn-ack"
    assert bad("syn", "eth0", to, own, "127.0.0.1", 8081) == "none"


def test_who_routes_to_containers_reaches_published_ports_only(engine, outside):
    """Direct routing from the neighbourhood (docker 28 closed it)."""
    at = serving(engine, "web", "bridge", "-p", "8080:80")
    neighbour, to = Sender(outside.prefix()), mac_of(engine.host, "up0")
    assert neighbour("syn", "eth0", to, OUTSIDE, HOST, 8080) == "syn-ack"
    assert neighbour("syn", "eth0", to, OUTSIDE, at, 80) == "none"


def test_networks_do_not_reach_each_other(engine, outside):
    for network in ("blue", "red"):
        engine.cli("network", "create", network)
    red = serving(engine, "red1", "red")
    run(engine, "red2", network="red")
    run(engine, "blue1")
    assert asks(engine, "red2", red) == "served"
    assert asks(engine, "blue1", red) == ""
    # Nor with the other network's source address.
    to = mac_of(engine.host, bridge_of(engine, "blue"))
    assert of_container(engine, "blue1")("syn", "eth0", to, address(engine, "red2", "red"), red, 80) == "none"


def test_an_internal_network_leads_nowhere_also_by_a_route_of_the_containers(engine, outside, tmp_path):
    engine.cli("network", "create", "--internal", "dark")
    engine.cli("network", "create", "blue")
    blue = serving(engine, "blue1", "blue")
    run(engine, "dark1", network="dark")
    outside.run("ip", "route", "add", "default", "via", HOST)
    with listening(outside.prefix(), 5353, tmp_path / "heard") as heard:
        to = mac_of(engine.host, bridge_of(engine, "blue"))
        of_container(engine, "blue1")("udp", "eth0", to, blue, OUTSIDE, 5353, "control")
        wait_until(heard, "the control arrives")
        dark, to = of_container(engine, "dark1"), mac_of(engine.host, bridge_of(engine, "dark"))
        own = address(engine, "dark1", "dark")
        dark("udp", "eth0", to, own, OUTSIDE, 5353, "leak")
        dark("udp", "eth0", to, blue, OUTSIDE, 5353, "leak")  # with another network's address
        assert dark("syn", "eth0", to, own, blue, 80) == "none"
        to = mac_of(engine.host, bridge_of(engine, "blue"))
        of_container(engine, "blue1")("udp", "eth0", to, blue, OUTSIDE, 5353, "after")
        wait_until(lambda: any("after" in line for line in heard()), "what was sent later has arrived")
        assert not any("leak" in line for line in heard())


def test_no_source_address_but_ones_own(engine, outside, tmp_path):
    """A container that sends as another one, as the host, or as somebody far away."""
    for network in ("blue", "red"):
        engine.cli("network", "create", network)
    run(engine, "blue1")
    run(engine, "red1", network="red")
    bad, to = of_container(engine, "blue1"), mac_of(engine.host, bridge_of(engine, "blue"))
    at, own = gateway(engine, "blue1", "blue"), address(engine, "blue1", "blue")
    with listening(engine.host.prefix(), 5353, tmp_path / "heard") as heard:
        for source in (address(engine, "red1", "red"), OUTSIDE, "198.51.100.7", gateway(engine, "red1", "red")):
            bad("udp", "eth0", to, source, at, 5353, "forged")
        bad("udp", "eth0", to, own, at, 5353, "control")
        wait_until(heard, "the control arrives")
        assert heard() == [f"{own} control"]


def test_a_published_port_takes_only_what_is_meant_for_the_host(engine, outside):
    """CVE-2025-67499: the same port of another machine, asked by a container and through the host."""
    serving(engine, "web", "bridge", "-p", "8080:80")
    run(engine, "asker", network="bridge")
    server = subprocess.Popen([*outside.prefix(), "socat", "TCP-LISTEN:8080,reuseaddr,fork", "SYSTEM:echo outside"])
    try:
        wait_until(lambda: asks(engine, "asker", OUTSIDE, 8080) == "outside", "the other machine answers itself")
        assert asks(engine, "asker", HOST, 8080) == "served"
        assert fetch(engine.host, OUTSIDE, 8080) == "outside"
    finally:
        server.kill()
        server.wait()


# ---- names ----

def names_server(engine, tmp_path):
    server = dns.Server(engine.host, tmp_path)
    wait_until(server.serving, "the name server serves")
    return server


def test_names_carry_nothing_out_of_an_internal_network(module_engine_factory, tmp_path):
    """CVE-2024-29018."""
    engine = module_engine_factory(extra_config='[network]\ndns = ["127.0.0.1"]\n')
    engine.start()
    engine.cli("network", "create", "--internal", "dark")
    engine.cli("network", "create", "blue")
    server = names_server(engine, tmp_path)
    try:
        run(engine, "dark1", network="dark")
        run(engine, "blue1")
        assert client(engine, "blue1").ask("control.example")["answers"] == [dns.ELSEWHERE]
        for kind in ("A", "AAAA", "TXT", "PTR", "MX"):
            for by in ((), ("tcp",)):
                client(engine, "dark1").ask("secret.example", kind, *by)
        assert client(engine, "dark1").ask("dark1")["answers"] == [address(engine, "dark1", "dark")]
        assert any("control.example" in line for line in server.asked())
        assert not any("secret" in line for line in server.asked())
    finally:
        server.stop()


ODD = [b"", b"\0", b"\xff" * 11, b"\0" * 12, b"\xff" * 512, b"\xff" * 4096, b"\xff" * 60000,
       struct.pack(">6H", 1, 0x0100, 65535, 65535, 65535, 65535),
       struct.pack(">6H", 2, 0x0100, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1",            # a name that points to itself
       struct.pack(">6H", 3, 0x0100, 1, 0, 0, 0) + b"\xc0\xff\0\1\0\1",            # beyond the end
       struct.pack(">6H", 4, 0x0100, 1, 0, 0, 0) + b"\x3f" + b"a" * 20,            # a label that is cut
       struct.pack(">6H", 5, 0x0100, 1, 0, 0, 0) + b"\x3faa" * 2000,
       struct.pack(">6H", 6, 0x8180, 1, 1, 0, 0) + b"\3two\0\0\1\0\1" + b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4\1\2\3\4"]

# Frames over one connection each; then lengths without what they promise, and a byte at a time.
STREAMS = ("import socket,sys\nheld=[]\nfor line in sys.stdin:\n  s=socket.create_connection(('127.0.0.11',53),5)\n"
           "  try:\n    s.sendall(bytes.fromhex(line.strip()))\n  except OSError:\n    pass\n  held.append(s)\n")


def test_malformed_and_oversized_questions_hurt_nobody(engine, rng):
    """CVE-2024-8418, CVE-2026-35406: datagrams and streams; it lives and answers others meanwhile."""
    engine.cli("network", "create", "blue")
    run(engine, "one")
    run(engine, "two")
    pid, = netds(engine)
    bad, good = client(engine, "one"), client(engine, "two")
    at = address(engine, "one")
    assert good.ask("one")["answers"] == [at]
    odd = ODD + [rng.randbytes(rng.randrange(1, 1500)) for _ in range(300)]
    bad.raw([packet for packet in odd if packet])
    streams = [struct.pack(">H", min(len(packet), 65535)) + packet for packet in odd[:40]]
    streams += [b"\xff\xff", b"\0", b"\0\0", b"\0\0" * 1000, b"\xff\xff" + b"\0" * 70000]
    script = subprocess.Popen([*bad.prefix[:2], sys.executable, "-c", STREAMS], stdin=subprocess.PIPE, text=True)
    try:
        script.stdin.write("".join(stream.hex() + "\n" for stream in streams))
        script.stdin.flush()
        for by in ((), ("tcp",)):
            assert good.ask("one", "A", *by)["answers"] == [at]
    finally:
        script.stdin.close()
        script.wait(60)
    assert bad.ask("two")["answers"] == [address(engine, "two")]
    assert netds(engine) == [pid]


# ---- below IP ----

def neighbours(engine, name):
    """Addresses and the hardware addresses that the container's kernel has for them."""
    text = subprocess.run(["nsenter", f"--net=/proc/{engine.state(name)['Pid']}/ns/net", "ip", "-j", "neigh"],
                          check=True, capture_output=True, text=True).stdout
    return {one["dst"]: one.get("lladdr") for one in json.loads(text)}


@pytest.mark.parametrize("isolated", [False, True])
def test_who_is_isolated_cannot_take_the_gateways_address(engine, isolated):
    """ARP between endpoints of a network with and without communication among them (the control)."""
    option = ["-o", "com.docker.network.bridge.enable_icc=false"] if isolated else []
    engine.cli("network", "create", *option, "blue")
    run(engine, "bad")
    run(engine, "victim")
    at = gateway(engine, "victim", "blue")
    engine.cli("exec", "victim", "ping", "-c", "1", "-W", "2", at)
    right = neighbours(engine, "victim")[at]
    tries = []

    def believed():
        """What is fresh is not replaced for a second (net.ipv4.neigh.*.locktime)."""
        of_container(engine, "bad")("arp", "eth0", at)
        tries.append(neighbours(engine, "victim")[at])
        return tries[-1] == wrong
    wrong = engine.inspect("bad")["NetworkSettings"]["Networks"]["blue"]["MacAddress"]
    if not isolated:
        wait_until(believed, "the control is believed")
        return
    while len(tries) < 40:
        assert not believed()
    engine.cli("exec", "victim", "ping", "-c", "1", "-W", "2", at)
    assert neighbours(engine, "victim")[at] == right


def global_ipv6(prefix):
    text = subprocess.run([*prefix, "ip", "-6", "addr"], check=True, capture_output=True, text=True).stdout
    return "fd00:bad" in text


def test_a_router_that_advertises_itself_is_not_believed(engine):
    """CVE-2020-13401: containers of IPv4 networks have no IPv6 that could be led astray."""
    engine.cli("network", "create", "blue")
    run(engine, "bad")
    run(engine, "victim")
    of_container(engine, "bad")("ra", "eth0")
    # The control: a machine with IPv6 on the same bridge believes it.
    host, bridge = engine.host, bridge_of(engine, "blue")
    from harness.host import Host
    other = Host()
    try:
        host.run("ip", "link", "add", "vrest0", "master", bridge, "up", "type", "veth", "peer", "name", "eth0", "netns",
                 other.name)
        other.run("ip", "link", "set", "eth0", "up")

        def believes():
            of_container(engine, "bad")("ra", "eth0")
            return global_ipv6(other.prefix())
        wait_until(believes, "the control has an address")
    finally:
        other.destroy()
        host.run("ip", "link", "del", "vrest0", check=False)
    victim = ["nsenter", f"--net=/proc/{engine.state('victim')['Pid']}/ns/net"]
    assert not global_ipv6(victim)
    assert not global_ipv6(engine.host.prefix())


# ---- reloads ----

def test_after_a_flush_networks_are_apart_again(engine, outside):
    """CVE-2025-54388, CVE-2025-54410: what others' reload takes is back, the guard of loopback ports included."""
    engine.cli("network", "create", "red")
    red = serving(engine, "red1", "red", "-p", "127.0.0.1:8081:80")
    run(engine, "plain", network="bridge")
    wait_until(lambda: netds(engine), "it is watched")
    neighbour, to = Sender(outside.prefix()), mac_of(engine.host, "up0")
    for _ in range(3):
        engine.host.run("nft", "flush ruleset")
        wait_until(lambda: fetch(engine.host, "127.0.0.1", 8081) == "served", "the port is published again")
        assert asks(engine, "plain", red) == ""
        assert neighbour("syn", "eth0", to, OUTSIDE, "127.0.0.1", 8081) == "none"
        assert neighbour("syn", "eth0", to, OUTSIDE, red, 80) == "none"
