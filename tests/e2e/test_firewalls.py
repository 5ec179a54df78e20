"""Beside the rules of other firewalls, as their own programs write them: what of containers' traffic they stop, that
the rule `info` names lets it pass, that their reload leaves ours working, and that ours never alters theirs."""

import contextlib
import json
import subprocess

import pytest

from harness import firewalls
from harness.network import beyond, fetch, rules
from harness.wait import wait_until

SERVE = ("estiba/busybox", "nc", "-ll", "-p", "80", "-e", "echo", "served")
# Whether containers reach out, and published ports answer, while their administrator has said nothing of us.
EXPECTED = {
    firewalls.Ufw: (False, False),                # FORWARD drops by its policy
    firewalls.Firewalld: (False, True),           # its last rule rejects what goes from no zone of its own; DNAT passes
    firewalls.FirewalldIptables: (False, True),
    firewalls.Docker: (False, False),             # FORWARD drops by its policy
    firewalls.Libvirt: (True, True),
}


def theirs(host):
    """The rule set without our table."""
    return [line for line in rules(host) if '"table": "estiba"' not in line and '"name": "estiba"' not in line]


def warnings(engine):
    return [text for text in json.loads(engine.out("info", "--format", "{{json .Warnings}}")) or []
            if "drops forwarded packets" in text]


class World:
    def __init__(self, engine, outside):
        self.engine, self.outside = engine, outside
        engine.cli("run", "-d", "--name", "web", "-p", "8080:80", "-p", "127.0.0.1:8081:80", *SERVE)

    def reaches_out(self):
        told = self.engine.cli("exec", "web", "nc", "-w", "2", "192.0.2.2", "80", check=False).stdout
        return told.strip() == "outside"

    def is_reached(self):
        return fetch(self.outside, "192.0.2.1", 8080) == "served"

    def passes(self):
        return self.reaches_out(), self.is_reached()


@pytest.fixture
def beyond_uplink(engine):
    with beyond(engine.host) as other:
        server = subprocess.Popen([*other.prefix(), "socat", "TCP-LISTEN:80,reuseaddr,fork", "SYSTEM:echo outside"])
        try:
            wait_until(lambda: fetch(other, "127.0.0.1", 80) == "outside", "the outside serves")
            yield other
        finally:
            server.kill()
            server.wait()


@contextlib.contextmanager
def loaded(kind, host):
    firewall = kind(host)
    try:
        firewall.start()
        yield firewall
    finally:
        firewall.destroy()


@pytest.mark.parametrize("kind", firewalls.ALL)
def test_beside(engine, beyond_uplink, kind):
    world = World(engine, beyond_uplink)
    wait_until(lambda: world.passes() == (True, True), "everything passes without it")
    engine.cli("rm", "-f", "web")
    engine.host.run("sh", "-c", "echo 0 > /proc/sys/net/ipv4/ip_forward")
    with loaded(kind, engine.host) as firewall:
        before = theirs(engine.host)
        world = World(engine, beyond_uplink)
        wait_until(lambda: fetch(engine.host, "127.0.0.1", 8081) == "served", "the host's own connections arrive")
        assert world.passes() == EXPECTED[kind]
        assert theirs(engine.host) == before
        named = warnings(engine)
        assert bool(named) == (EXPECTED[kind] != (True, True)), named
        for text in named:
            firewall.sh(text.partition(", by: ")[2])
        wait_until(lambda: world.passes() == (True, True), "everything passes by the rule that info names")
        ours = rules(engine.host, "inet estiba")
        firewall.restart()
        after = theirs(engine.host)
        wait_until(lambda: rules(engine.host, "inet estiba") == ours, "our rules are there")
        wait_until(lambda: world.passes() == (True, True), "everything passes after its reload")
        assert fetch(beyond_uplink, "192.0.2.1", 8081) == ""
        engine.cli("rm", "-f", "web")
        assert theirs(engine.host) == after


def test_a_policy_of_legacy_iptables_is_named(engine):
    engine.host.run("iptables-legacy", "-P", "FORWARD", "DROP")
    text, = warnings(engine)
    assert "'iptables-legacy filter FORWARD'" in text and "iptables-legacy -I FORWARD -i est+" in text


def test_a_last_rule_that_rejects_is_named(engine):
    engine.host.run("nft", "add table inet other; "
                           "add chain inet other forward { type filter hook forward priority 0; }; "
                           "add rule inet other forward tcp dport 22 accept; "
                           "add rule inet other forward counter reject")
    text, = warnings(engine)
    assert "'inet other forward'" in text
    engine.host.run("nft", "add rule inet other forward accept")
    assert not warnings(engine)
