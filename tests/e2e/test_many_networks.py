"""Networks and endpoints by the hundred: all of them work, what is too much is said, and nothing is left. How long each
takes is measured by bench/networks.py."""

import concurrent.futures
import json

import pytest

from harness.engine import running
from harness.whose import engine_in

POOLS = '[network]\naddress_pools = [{ base = "10.64.0.0/12", size = 24 }]\n'


@pytest.fixture
def pooled(tmp_path):
    """An engine with room for 4,096 networks."""
    with running(engine_in(tmp_path, POOLS)) as engine:
        yield engine


def at_once(work, items, workers=8):
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, items))


def subnets(engine):
    return [network["IPAM"]["Config"][0]["Subnet"] for network in engine.api("GET", "/networks")[1]
            if network["Driver"] == "bridge"]


def bridges(engine):
    shown = engine.network.run("ip", "-j", "link", "show", "type", "bridge").stdout
    return {link["ifname"] for link in json.loads(shown) if link}


def test_networks_by_the_hundred(pooled, full):
    count = 500 if full else 60
    names = [f"net{number}" for number in range(count)]
    at_once(lambda name: pooled.cli("network", "create", name), names)
    taken = subnets(pooled)
    assert len(taken) == count + 1 and len(set(taken)) == count + 1
    # Each is a network of its own, with a container and a name that only its neighbours know.
    used = names[::10]
    at_once(lambda name: pooled.cli("run", "-d", "--name", f"in-{name}", "--network", name, "--network-alias", "here",
                                    "estiba/busybox", "sleep", "1000"), used)
    assert len(bridges(pooled)) == len(used)
    for name in (used[0], used[-1]):
        own = pooled.inspect(f"in-{name}")["NetworkSettings"]["Networks"][name]["IPAddress"]
        assert own in pooled.out("exec", f"in-{name}", "nslookup", "here")
    pooled.cli("rm", "-f", *(f"in-{name}" for name in used))
    pooled.kill()
    pooled.start()
    assert sorted(subnets(pooled)) == sorted(taken)
    pooled.cli("network", "rm", *names)
    assert len(subnets(pooled)) == 1 and len(bridges(pooled)) <= 1


def test_the_default_pools_are_used_up(engine):
    """docker's: 15 networks of 172.17.0.0/16 to 172.31.0.0/16, and 16 of 192.168.0.0/16."""
    made = []
    while len(made) < 40:
        result = engine.cli("network", "create", f"net{len(made)}", check=False)
        if result.returncode != 0:
            break
        made.append(f"net{len(made)}")
    assert len(made) == 30  # and the default bridge's
    assert "could not find an available, non-overlapping IPv4 address pool among the defaults" in result.stderr
    assert "network.address_pools" in result.stderr and "--subnet" in result.stderr  # what to do about it
    assert engine.cli("network", "create", made[0], check=False).stderr.strip().endswith("already exists")
    engine.cli("network", "create", "--subnet", "10.250.0.0/24", "given")
    engine.cli("network", "rm", made[7])
    engine.cli("network", "create", "again")
    engine.cli("network", "rm", "again", "given", *made[:7], *made[8:])


def test_endpoints_by_the_hundred(engine, full):
    """A kernel's bridge has 1,023 ports."""
    count = 1000 if full else 100
    engine.cli("network", "create", "--subnet", "10.251.0.0/21", "big")
    names = [f"one{number}" for number in range(count)]
    at_once(lambda name: engine.cli("run", "-d", "--name", name, "--network", "big", "estiba/busybox", "sleep", "9999"),
            names)
    members = engine.api("GET", "/networks/big")[1]["Containers"]
    assert len({member["IPv4Address"] for member in members.values()}) == count
    assert len({member["MacAddress"] for member in members.values()}) == count
    for name in (names[1], names[-1]):  # by name, over the one bridge
        engine.cli("exec", names[0], "ping", "-c", "1", "-W", "10", name)
    engine.cli("rm", "-f", *names, timeout=600)
    engine.cli("network", "rm", "big")
    assert not [link for link in bridges(engine) if link.startswith("est-")]


def test_a_network_without_free_addresses(engine):
    engine.cli("network", "create", "--subnet", "10.252.0.0/29", "small")
    names = [f"one{number}" for number in range(5)]  # 8 addresses: network, broadcast, gateway
    for name in names:
        engine.cli("run", "-d", "--name", name, "--network", "small", "estiba/busybox", "sleep", "9999")
    result = engine.cli("run", "-d", "--name", "more", "--network", "small", "estiba/busybox", "true", check=False)
    assert result.returncode == 125 and "no available IPv4 addresses on this network's address pools" in result.stderr
    engine.cli("rm", "-f", "more", names[2])
    engine.cli("run", "--rm", "--network", "small", "estiba/busybox", "true")
    engine.cli("rm", "-f", *(name for name in names if name != names[2]))
    engine.cli("network", "rm", "small")
