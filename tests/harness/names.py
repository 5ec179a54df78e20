"""Containers on a network of the user's, and who answers their names."""

from harness import dns
from harness.engine import process_name


def run(engine, name, *options, network="blue"):
    engine.cli("run", "-d", "--network", network, "--name", name, *options, "estiba/busybox", "sleep", "1000")


def address(engine, name, network="blue"):
    return engine.inspect(name)["NetworkSettings"]["Networks"][network]["IPAddress"]


def client(engine, name):
    """Asks from that container's network, engine or not."""
    return dns.Client(engine.state(name)["Pid"])


def netds(engine):
    """Pids of the estiba-netd of this host."""
    return [pid for pid in engine.host.processes() if process_name(pid).split(" ")[0].endswith("estiba-netd")]
