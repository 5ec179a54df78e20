"""Times names of containers of Estiba against docker: bench/names.py [--seconds N] [--rounds N] [--only estiba,…].

Questions for a neighbour's name that 127.0.0.11 answers in a second, from one client with 64 of them under way, and
what a network with names adds to `run`. The peers take turns. Prints medians and quartiles as a Markdown table.
"""

import argparse
import datetime
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from peers import Docker, Estiba  # noqa: E402  (the path above comes first; it adds the tests' harness)
from harness import dns  # noqa: E402

PEERS = {"estiba": Estiba, "docker": Docker}
NETWORK = "bench-names"


def prepare(peer):
    peer.run("network", "create", NETWORK)
    for name in ("asker", "neighbour"):
        peer.run("run", "-d", *peer.extra, "--network", NETWORK, "--name", name, peer.image, "sleep", "1d")


def questions(peer, seconds):
    pid = peer.run("inspect", "-f", "{{.State.Pid}}", "asker").stdout.strip()
    command = [*dns.Client(pid).prefix, "rate", "neighbour", str(seconds)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def row(values, digits):
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--only", default=",".join(PEERS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="estiba-bench.") as folder:
        peers = [PEERS[name](folder) for name in options.only.split(",")]
        figures = {peer.name: {"questions a second": [], "run --rm, default bridge, ms": [],
                               "run --rm, a network with names, ms": []} for peer in peers}
        try:
            for peer in peers:
                prepare(peer)
            for _ in range(options.rounds):
                for peer in peers:
                    rate, plain, named = figures[peer.name].values()
                    rate.append(questions(peer, options.seconds))
                    plain.append(peer.timed("run", "--rm", *peer.extra, peer.image, "true"))
                    named.append(peer.timed("run", "--rm", *peer.extra, "--network", NETWORK, peer.image, "true"))
            print(f"{datetime.date.today()}, Linux {os.uname().release}, " + ", ".join(p.version() for p in peers) +
                  f"; median (quartiles) of {options.rounds}\n")
            print("| | " + " | ".join(peer.name for peer in peers) + " |\n|---" + "|---" * len(peers) + "|")
            for name in next(iter(figures.values())):
                digits = 0 if name.startswith("questions") else 1
                print(f"| {name} | " + " | ".join(row(figures[p.name][name], digits) for p in peers) + " |")
        finally:
            for peer in peers:
                peer.run("rm", "-f", "asker", "neighbour", check=False)
                peer.run("network", "rm", NETWORK, check=False)
                peer.stop()


if __name__ == "__main__":
    main()
