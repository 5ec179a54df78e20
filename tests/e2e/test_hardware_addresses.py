"""Which neighbours know of a container's hardware address, and from whom."""

import json

import pytest


@pytest.fixture
def lan(engine):
    """A network of both families with a container `neighbour`."""
    engine.cli("network", "create", "--ipv6", "--subnet", "10.87.0.0/24", "--subnet", "fd87::/64", "lan")
    engine.cli("run", "-d", "--name", "neighbour", "--network", "lan", "estiba/busybox", "sleep", "1000")
    yield engine
    engine.remove_everything()
    engine.cli("network", "rm", "lan")


def start(engine, *options):
    engine.cli("run", "-d", "--name", "one", "--network", "lan", "--ip", "10.87.0.9", "--ip6", "fd87::9", *options,
               "estiba/busybox", "sleep", "1000")


def arp_notify(engine):
    return engine.out("exec", "one", "cat", "/proc/sys/net/ipv4/conf/eth0/arp_notify")


def test_the_bridge_knows_a_container_that_has_sent_nothing(engine):
    engine.cli("run", "-d", "--name", "quiet", "estiba/busybox", "sleep", "1000")
    mac = engine.inspect("quiet")["NetworkSettings"]["Networks"]["bridge"]["MacAddress"]
    ports = [entry["ifname"] for entry in json.loads(engine.network.run("bridge", "-j", "fdb", "show").stdout)
             if entry.get("mac") == mac]
    assert len(ports) == 1 and ports[0].startswith("ve")
    # Nor has it been announced.
    packets = engine.out("exec", "quiet", "cat", "/sys/class/net/eth0/statistics/tx_packets")
    assert packets == "0"


@pytest.mark.parametrize("address", ["10.87.0.9", "fd87::9"])
def test_who_comes_after_a_chosen_hardware_address_is_found_at_once(lan, address):
    """A neighbour would go on asking the one that he remembers, for as long as half a minute."""
    start(lan, "--mac-address", "02:00:00:00:87:01")
    lan.cli("exec", "neighbour", "ping", "-c", "1", "-W", "10", address)
    lan.cli("rm", "-f", "one")
    start(lan)
    assert lan.inspect("one")["NetworkSettings"]["Networks"]["lan"]["MacAddress"] != "02:00:00:00:87:01"
    lan.cli("exec", "neighbour", "ping", "-c", "1", "-W", "1", address)


def test_a_chosen_hardware_address_is_remembered_by_the_network(lan):
    start(lan)
    assert arp_notify(lan) == "0"
    lan.cli("rm", "-f", "one")
    start(lan, "--mac-address", "02:00:00:00:87:01")
    assert arp_notify(lan) == "1"
    lan.cli("rm", "-f", "one")
    lan.kill()
    lan.start()
    start(lan)
    assert arp_notify(lan) == "1"


def test_on_a_bridge_of_somebody_else_containers_announce_themselves(engine):
    engine.host.run("ip", "link", "add", "br87", "type", "bridge")
    engine.cli("network", "create", "-o", "com.docker.network.bridge.name=br87", "lan")
    engine.cli("run", "-d", "--name", "one", "--network", "lan", "estiba/busybox", "sleep", "1000")
    assert arp_notify(engine) == "1"
    engine.cli("rm", "-f", "one")
    engine.cli("network", "rm", "lan")
    engine.host.run("ip", "link", "delete", "br87")
