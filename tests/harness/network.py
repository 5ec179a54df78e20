"""What a host's network looks like, as values that can be compared, and a machine beyond the host."""

import contextlib
import json

from harness.host import Host


def rules(host, table=None):
    """The rule set, or one table of it ("inet estiba"), without what counts or numbers; elements in order."""
    what = ["table", *table.split()] if table else ["ruleset"]
    text = host.run("nft", "-j", "list", *what, check=False).stdout
    items = json.loads(text)["nftables"] if text else []
    return sorted(json.dumps(plain(item), sort_keys=True) for item in items if "metainfo" not in item)


def plain(value):
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items() if key not in ("handle", "packets", "bytes", "index")}
    if isinstance(value, list):
        return sorted((plain(one) for one in value), key=json.dumps) if is_set(value) else [plain(one) for one in value]
    return value


def is_set(value):
    """Elements of sets come in any order; expressions of rules do not."""
    words = {"match", "accept", "drop", "jump", "dnat", "masquerade", "return"}
    return not any(isinstance(one, dict) and set(one) & words for one in value)


def serve(engine, name, *options, net):
    """A container on that network that says "from NAME" at port 80; its place there."""
    engine.cli("run", "-d", "--name", name, "--network", net, *options, "estiba/busybox",
               "nc", "-ll", "-p", "80", "-e", "echo", "from", name)
    return endpoint(engine, name, net)


def endpoint(engine, name, net):
    return engine.inspect(name)["NetworkSettings"]["Networks"][net]


def fetch_from(engine, name, address):
    """What a server at port 80 says to that container."""
    return engine.out("exec", name, "nc", "-w", "2", address, "80", check=False)


def fetch(host, address, port=80):
    """What a server that sends a line and ends says to that host; empty when it cannot be reached."""
    return host.run("socat", "-T3", "-", f"TCP:{address}:{port},connect-timeout=3", check=False,
                    stdin=-3).stdout.strip()


@contextlib.contextmanager
def beyond(host):
    """A machine beyond the host: 192.0.2.2 behind the host's link up0 (192.0.2.1), with no route to containers. The
    host's default route leads there: without any, pasta finds no way out."""
    other = Host()
    try:
        host.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", other.name)
        host.run("ip", "addr", "add", "192.0.2.1/24", "dev", "up0")
        host.run("ip", "link", "set", "up0", "up")
        other.run("ip", "addr", "add", "192.0.2.2/24", "dev", "eth0")
        other.run("ip", "link", "set", "eth0", "up")
        host.run("ip", "route", "add", "default", "via", "192.0.2.2")
        yield other
    finally:
        host.run("ip", "link", "del", "up0", check=False)
        other.destroy()


@contextlib.contextmanager
def beyond_by_both(host):
    """The same with IPv6, too (2001:db8::1 and ::2), and with everything routed by way of the host."""
    with beyond(host) as other:
        for one in (host, other):
            one.run("sh", "-c", "for each in /proc/sys/net/ipv6/conf/*/accept_dad; do echo 0 > $each; done")
        host.run("ip", "addr", "add", "2001:db8::1/64", "dev", "up0", "nodad")
        other.run("ip", "addr", "add", "2001:db8::2/64", "dev", "eth0", "nodad")
        other.run("ip", "route", "add", "default", "via", "192.0.2.1")
        other.run("ip", "route", "add", "default", "via", "2001:db8::1")
        host.run("ip", "route", "add", "default", "via", "2001:db8::2")
        yield other


@contextlib.contextmanager
def lan(host):
    """A machine, 192.0.2.1, on the LAN that the host's link lan0 leads to; the host has no address there."""
    other = Host()
    try:
        host.run("ip", "link", "add", "lan0", "type", "veth", "peer", "name", "eth0", "netns", other.name)
        host.run("ip", "link", "set", "lan0", "up")
        other.run("ip", "addr", "add", "192.0.2.1/24", "dev", "eth0")
        other.run("ip", "addr", "add", "2001:db8::1/64", "dev", "eth0", "nodad")
        other.run("ip", "link", "set", "eth0", "up")
        yield other
    finally:
        host.run("ip", "link", "del", "lan0", check=False)
        other.destroy()


COUNTERS = ("nf_conntrack_count", "dst_entries", "route/gc", "nf_conntrack_buckets")


def settings(host):
    """Every setting below net.*, without what only counts."""
    text = host.run("sh", "-c", "find /proc/sys/net -type f -readable -exec grep -H . {} + 2> /dev/null",
                    check=False).stdout
    return [line for line in sorted(text.splitlines()) if not any(word in line for word in COUNTERS)]


def state(host):
    """What must be as it was when everything of ours is gone, line by line."""
    lines = [f"settings: {line}" for line in settings(host)]
    lines += [f"nft: {line}" for line in host.run("nft", "list", "ruleset").stdout.splitlines()]
    for command in ("ip -d link", "ip rule", "ip -6 rule", "ip route show table all", "ip -6 route show table all",
                    "ip address"):
        lines += [f"{command}: {line}" for line in host.run(*command.split()).stdout.splitlines()]
    return lines


def difference(before, now):
    """What there is more and less, a line each."""
    return ([f"+ {line}" for line in now if line not in before] + [f"- {line}" for line in before if line not in now])
