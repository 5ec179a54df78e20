"""Times run, exec and ps of Estiba against docker and podman: bench/start.py [--runs N] [--only estiba,…].

Interleaved: the peers take turns at every command, so that a disturbance hits all alike. Prints medians and quartiles
in milliseconds and what stays resident, as a Markdown table for BENCHMARKS.md.
"""

import argparse
import datetime
import os
import pathlib
import statistics
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from peers import Docker, Estiba, Podman  # noqa: E402  (the path above comes first)

PEERS = {"estiba": Estiba, "docker": Docker, "podman": Podman}


CASES = {
    "run --rm --network none": lambda peer: ["run", "--rm", *peer.extra, "--network", "none", peer.image, "true"],
    "run --rm, bridged": lambda peer: ["run", "--rm", *peer.extra, peer.image, "true"],
    "exec": lambda peer: ["exec", "sleeper", "true"],
    "ps": lambda peer: ["ps"],
}


def measure(peers, runs):
    """Every figure is taken right after another peer's, so that all find caches as cold as the others'."""
    times = {peer.name: {name: [] for name in CASES} for peer in peers}
    for number in range(runs + 2):  # two rounds to warm up, not counted
        for name, arguments in CASES.items():
            for peer in peers:
                value = peer.timed(*arguments(peer))
                if number >= 2:
                    times[peer.name][name].append(value)
    return times


def row(values):
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.1f} ({low:.1f}–{high:.1f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--only", default=",".join(PEERS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="estiba-bench.") as folder:
        peers = [PEERS[name](folder) for name in options.only.split(",")]
        try:
            for peer in peers:
                peer.run("run", "-d", *peer.extra, "--network", "none", "--name", "sleeper", peer.image, "sleep", "1d")
            times = measure(peers, options.runs)
            print(f"{datetime.date.today()}, Linux {os.uname().release}, " + ", ".join(p.version() for p in peers) +
                  f"; median (quartiles) of {options.runs}, ms\n")
            print("| | " + " | ".join(peer.name for peer in peers) + " |\n|---" * 1 + "|---" * len(peers) + "|")
            for name in times[peers[0].name]:
                print(f"| {name} | " + " | ".join(row(times[peer.name][name]) for peer in peers) + " |")
            print("\n| process | resident kB | private kB | PSS kB |\n|---|---|---|---|")
            for peer in peers:
                for name, (resident, private, proportional) in peer.memory().items():
                    print(f"| {name} | {resident} | {private} | {proportional} |")
            for peer in peers:
                for name, values in peer.without_engine(options.runs).items():
                    print(f"\n{peer.name}: {name}: {row(values)} ms")
        finally:
            for peer in peers:
                peer.run("rm", "-f", "sleeper", check=False)
                peer.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
