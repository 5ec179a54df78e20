"""config.json, `linux.netDevices`: links of the runtime's network namespace that go into the container's."""

import json
import subprocess

import pytest

from harness.host import Host


@pytest.fixture
def host(bundle):
    """The runtime's network namespace: one of the test's own, with a link pair."""
    one = Host()
    one.run("ip", "link", "add", "outer", "type", "veth", "peer", "name", "inner")
    one.run("ip", "addr", "add", "192.0.2.7/24", "dev", "inner")
    one.run("ip", "-6", "addr", "add", "2001:db8::7/64", "dev", "inner", "nodad", check=False)
    bundle.prefix = one.prefix()
    yield one
    one.destroy()


def links(bundle, state):
    """{name: (up, addresses)} in the container's network namespace."""
    out = subprocess.run(["nsenter", f"--net=/proc/{state['pid']}/ns/net", "ip", "-j", "addr"], check=True,
                         capture_output=True, text=True).stdout
    return {link["ifname"]: ("UP" in link["flags"], [address["local"] for address in link["addr_info"]
                                                     if address["scope"] == "global"]) for link in json.loads(out)}


@pytest.mark.parametrize("name,expected", [(None, "inner"), ("eth7", "eth7"), ("net%d", "net0")])
def test_a_link_moves_with_its_addresses_and_is_up(bundle, host, name, expected):
    bundle.linux["netDevices"] = {"inner": {"name": name} if name else {}}
    with bundle.running() as state:
        found = links(bundle, state)
        assert set(found) == {"lo", expected}
        up, addresses = found[expected]
        assert up and "192.0.2.7" in addresses
        assert '"inner"' not in host.run("ip", "-j", "link").stdout


def test_a_link_moves_into_a_namespace_at_a_path(bundle, another_bundle, host):
    with another_bundle.running() as other:
        bundle.namespace("network", f"/proc/{other['pid']}/ns/net")
        bundle.linux["netDevices"] = {"inner": {}}
        with bundle.running() as state:
            assert "inner" in links(bundle, state)


def test_a_link_moves_into_a_user_namespaces_network(bundle, host):
    bundle.map_ids()
    bundle.linux["netDevices"] = {"inner": {}}
    with bundle.running() as state:
        assert links(bundle, state)["inner"][1][0] == "192.0.2.7"


REFUSED = {
    "a link that is not there": ({"nothere": {}}, "linux.netDevices.nothere"),
    "a name that is none": ({"inner": {"name": "a/b"}}, "linux.netDevices.inner.name"),
    "a name that is too long": ({"inner": {"name": "x" * 16}}, "linux.netDevices.inner.name"),
    "a name that is taken": ({"inner": {"name": "lo"}}, "linux.netDevices.inner"),
    "a name of another type": ({"inner": {"name": 1}}, "linux.netDevices.inner.name"),
}


@pytest.mark.parametrize("row", REFUSED)
def test_refused_and_the_field_named(bundle, host, row):
    bundle.linux["netDevices"], field = REFUSED[row]
    assert field in bundle.refused("true")
    assert '"inner"' in host.run("ip", "-j", "link").stdout


def test_refused_in_the_hosts_network(bundle, host):
    bundle.without_namespace("network")
    bundle.linux["netDevices"] = {"inner": {}}
    assert "linux.netDevices" in bundle.refused("true")
