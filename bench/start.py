"""Times run, exec and ps of Estiba against docker and podman: bench/start.py [--runs N] [--only estiba,…]
[--root-13 ROOT].

Interleaved: the peers take turns at every command, so that a disturbance hits all alike. Every case by each peer's own
command line, and by Debian 12's docker command line against each one's socket. Prints medians and quartiles in
milliseconds and what stays resident, as Markdown tables for BENCHMARKS.md. --root-13 adds docker and podman of Debian
13, in a root as of bench/networks.py.
"""

import argparse
import datetime
import os
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import network_peers  # noqa: E402  (the path above comes first)
from figures import cell  # noqa: E402
from peers import Docker, Estiba, Podman  # noqa: E402

PEERS = {"estiba": Estiba, "docker": Docker, "podman": Podman}
CASES = {
    "run --rm --network none": lambda peer: ["run", "--rm", *peer.extra, "--network", "none", peer.image, "true"],
    "run --rm, bridged": lambda peer: ["run", "--rm", *peer.extra, peer.image, "true"],
    "exec": lambda peer: ["exec", "sleeper", "true"],
    "ps": lambda peer: ["ps"],
}


class Docker13(network_peers.Docker13):
    name = "docker-13"


class Podman13(network_peers.Podman13):
    name = "podman-13"


def measure(peers, runs):
    """Every figure is taken right after another peer's, so that all find caches as cold as the others'."""
    times = {peer.name: {} for peer in peers}
    for number in range(runs + 2):  # two rounds to warm up, not counted
        for name, arguments in CASES.items():
            for peer in peers:
                values = {name: peer.timed(*arguments(peer)),
                          f"{name}, docker's command line": peer.timed_by_docker(*arguments(peer))}
                if number >= 2:
                    for case, value in values.items():
                        times[peer.name].setdefault(case, []).append(value)
    return times


def table(times, peers):
    print("| | " + " | ".join(peer.name for peer in peers) + " |\n|---" + "|---" * len(peers) + "|")
    for name in sorted(times[peers[0].name], key=lambda case: case.endswith("command line")):
        print(f"| {name} | " + " | ".join(cell(times[peer.name][name]) for peer in peers) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--only", default=",".join(PEERS))
    parser.add_argument("--root-13")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="estiba-bench.") as folder:
        peers = []
        try:
            for name in options.only.split(","):
                peers.append(PEERS[name](folder))
            if options.root_13:
                peers += [Docker13(folder, options.root_13), Podman13(folder, options.root_13)]
            for peer in peers:
                peer.run("run", "-d", *peer.extra, "--network", "none", "--name", "sleeper", peer.image, "sleep", "1d")
            times = measure(peers, options.runs)
            print(f"{datetime.date.today()}, Linux {os.uname().release}, " + ", ".join(p.version() for p in peers) +
                  f"; median (quartiles) of {options.runs}, ms\n")
            table(times, peers)
            print("\n| process | resident kB | private kB | PSS kB |\n|---|---|---|---|")
            for peer in peers:
                for name, (resident, private, proportional) in peer.memory().items():
                    print(f"| {name} | {resident} | {private} | {proportional} |")
            for peer in peers:
                for name, values in peer.without_engine(options.runs).items():
                    print(f"\n{peer.name}: {name}: {cell(values)} ms")
        finally:
            for peer in peers:
                peer.run("rm", "-f", "sleeper", check=False)
                peer.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
