"""Times networks of Estiba against docker and podman: bench/networks.py [--rounds N] [--only estiba,…] [--parts …].

Each peer runs in a network namespace of its own at its own defaults, with the same root; the peers take turns. Prints
medians and quartiles, as Markdown tables for BENCHMARKS.md. The parts:

run         what a bridged network adds to `run` and to `rm -f` of a running container
many        setting up the last of --endpoints containers on one bridge, against the first ones
traffic     one TCP connection between two containers, against two namespaces on a bridge made by hand, without rules
            and with one that has connections tracked
published   the same to a published port from a machine beyond the host, against one DNAT rule written by hand
rootless    one TCP connection out of a user's container to beyond the host, to a published port, and between two of
            them; podman's from --root-13 alone, on a network and with a pasta for each container
names       are timed by bench/names.py

Debian 13's docker and podman come from a root that `debootstrap --variant=minbase
--include=docker.io,docker-cli,podman,containerd,runc,crun,iptables,nftables,netavark,aardvark-dns,passt,uidmap,
ca-certificates trixie ROOT` makes (a list on one line): --root-13 ROOT runs those instead of the installed ones. Needs
root.
"""

import argparse
import datetime
import os
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from figures import cell  # noqa: E402  (the path above comes first)
from network_peers import Handmade, engine  # noqa: E402
from network_rootless import rootless_peers  # noqa: E402
from traffic import Stalled, measure  # noqa: E402

PARTS = ("run", "many", "traffic", "published", "rootless")


def table(title, figures, digits=1):
    """`figures` is {row: {column: [values]}}."""
    columns = list(dict.fromkeys(name for row in figures.values() for name in row))
    print(f"\n{title}\n\n| | " + " | ".join(columns) + " |\n|---" + "|---" * len(columns) + "|")
    for name, row in figures.items():
        print(f"| {name} | " + " | ".join(cell(row.get(column, []), digits) for column in columns) + " |", flush=True)


def ratio(ours, theirs):
    return statistics.median(ours) / statistics.median(theirs)


def note(figures, row, what, told):
    figures.setdefault(row, {}).setdefault(what, []).append(told)


def part_run(peers, options):
    """The difference of two calls, one right after the other."""
    figures = {}
    for number in range(options.rounds + 2):  # two rounds to warm up, not counted
        for peer in peers:
            alone = peer.timed("run", "--rm", *peer.extra, "--network", "none", peer.image, "true")
            bridged = peer.timed("run", "--rm", *peer.extra, peer.image, "true")
            peer.run("run", "-d", *peer.extra, "--network", "none", "--name", "gone", peer.image, "sleep", "1d")
            teardown_alone = peer.timed("rm", "-f", *peer.at_once, "gone")
            peer.run("run", "-d", *peer.extra, "--name", "gone", peer.image, "sleep", "1d")
            teardown = peer.timed("rm", "-f", *peer.at_once, "gone")
            if number < 2:
                continue
            note(figures, "run --rm --network none", peer.name, alone)
            note(figures, "run --rm, bridged", peer.name, bridged)
            note(figures, "the network adds to run", peer.name, bridged - alone)
            note(figures, "rm -f, bridged", peer.name, teardown)
            note(figures, "the network adds to rm -f", peer.name, teardown - teardown_alone)
    table("run and rm, ms", figures)


def part_many(peers, options):
    """Containers stay, one after the other; the first ones and the last ones are compared. The peers do not take turns:
    so many containers would stand in each other's way."""
    figures, slice_ = {}, max(2, min(20, options.endpoints // 10))
    for peer in peers:
        count = options.endpoints if peer.name == "estiba" else options.endpoints_of_peers
        peer.run("network", "create", "--subnet", "10.97.0.0/20", "bench-many")
        try:
            for number in range(count):
                took = peer.timed("run", "-d", *peer.extra, "--network", "bench-many", "--name", f"many{number}",
                                  peer.image, "sleep", "1d")
                if number < slice_:
                    note(figures, f"the first {slice_}", peer.name, took)
                elif number >= count - slice_:
                    note(figures, f"the last {slice_} of {count}", peer.name, took)
        finally:
            for first in range(0, count, 50):
                names = (f"many{number}" for number in range(first, min(first + 50, count)))
                peer.run("rm", "-f", *peer.at_once, *names, check=False, timeout=600)
            peer.run("network", "rm", "bench-many", check=False)
    table("run -d on a bridge with many containers, ms", figures)


def part_traffic(peers, options):
    figures = {"Gbit/s": {}, "µs there and back": {}}
    hand, tracked = Handmade(), Handmade()
    try:
        ends = {"by hand": hand.pair(), "by hand, tracked": tracked.pair()}
        tracked.track()
        for peer in peers:
            ends[peer.name] = peer.pair()
        for number in range(options.rounds):
            for name, (server, client, address) in ends.items():
                for row, kind in zip(figures, ("throughput", "latency")):
                    note(figures, row, name, measure(kind, server, client, address, options.seconds, 5001 + number))
    finally:
        hand.destroy()
        tracked.destroy()
        for peer in peers:
            peer.unpair()
    table("Container to container, one TCP connection", figures, 2)
    for name in ("by hand", "by hand, tracked"):
        if "estiba" in ends:
            (rates, times) = figures.values()
            print(f"\nestiba by the one made {name}: throughput {ratio(rates['estiba'], rates[name]):.3f}, "
                  f"latency {ratio(times['estiba'], times[name]):.3f}")


def part_published(peers, options):
    figures = {"Gbit/s": {}, "µs there and back": {}}
    hand = Handmade()
    try:
        ends = {"one rule by hand": hand.published()}
        for peer in peers:
            ends[peer.name] = peer.published()
        for _ in range(options.rounds):
            for name, (server, client, address, port, inside) in ends.items():
                for row, kind in zip(figures, ("throughput", "latency")):
                    note(figures, row, name, measure(kind, server, client, address, options.seconds, port, inside))
    finally:
        hand.destroy()
        for peer in peers:
            peer.unpublish()
    table("A published port from beyond the host, one TCP connection", figures, 2)
    if "estiba" in ends:
        mine, theirs = (figures["Gbit/s"][name] for name in ("estiba", "one rule by hand"))
        print(f"\nestiba by the rule written by hand: throughput {ratio(mine, theirs):.3f} (bar 0.95)")


ROOTLESS = {"out": "Out of a user's container to beyond the host, one TCP connection",
            "published": "A user's published port from beyond the host, one TCP connection",
            "pair": "A user's container to another, one TCP connection"}


def part_rootless(peers, options):
    with rootless_peers([peer.name for peer in peers], options.root_13) as parts:
        for part, title in ROOTLESS.items():
            figures = {"Gbit/s": {}, "µs there and back": {}, "stalled": {}}
            for number in range(options.rounds):
                for name, (server, client, address, port, inside) in parts.get(part, {}).items():
                    step = 0 if part == "published" else number
                    for row, kind in zip(figures, ("throughput", "latency")):
                        try:
                            took = measure(kind, server, client, address, options.seconds, port + step, inside + step)
                            note(figures, row, name, took)
                        except Stalled:
                            note(figures, "stalled", name, 1)
            stalled = figures.pop("stalled")
            table(title, figures, 2)
            for name, times in stalled.items():
                print(f"\n{name}: {len(times)} of {2 * options.rounds} stalled, and are not counted")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=1, help="of each measurement of traffic")
    parser.add_argument("--endpoints", type=int, default=1000, help="on one bridge, of Estiba")
    parser.add_argument("--endpoints-of-peers", type=int, default=100, help="of the others, which take long")
    parser.add_argument("--only", default="estiba,docker,podman")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--root-13", type=pathlib.Path, help="a root of Debian 13")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("bench/networks.py needs root")
    with tempfile.TemporaryDirectory(prefix="estiba-bench.") as folder:
        peers = []
        try:
            for name in options.only.split(","):
                peers.append(engine(name, folder, options.root_13))
            started = time.monotonic()
            print(f"{datetime.date.today()}, Linux {os.uname().release}, {os.cpu_count()} cores, " +
                  ", ".join(peer.version() for peer in peers) + f"; median (quartiles) of {options.rounds}", flush=True)
            for part in options.parts.split(","):
                globals()[f"part_{part}"](peers, options)
            print(f"\n{time.monotonic() - started:.0f} s in all")
        finally:
            for peer in peers:
                peer.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
