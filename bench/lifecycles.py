"""Times the lives of containers by Docker's API: bench/lifecycles.py [--rounds N] [--containers N] [--threads N]
[--only estiba,…] [--root-13 ROOT].

Each thread has one connection that it keeps; it creates and starts its share of the containers on the default network,
then stops them, then removes them. Their PID 1 exits on SIGTERM, once it has had the time to say so. The same client
for all engines, which take turns; podman's is its `system service`. Prints seconds: medians and quartiles, and what
each kind of call took in milliseconds. --root-13: Debian 13's engines instead of the installed ones, in a root as of
bench/networks.py.
"""

import argparse
import datetime
import os
import pathlib
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from figures import cell  # noqa: E402  (the path above comes first)
from network_peers import engine  # noqa: E402  (it adds the tests' harness)
from harness.api import Connection  # noqa: E402

STEPS = ("create", "start", "stop", "remove")
ENDS_ON_TERM = ["sh", "-c", "trap 'exit 0' TERM; sleep 1d & wait"]
LIMITS = [{"Name": name, "Soft": 1024, "Hard": 1024} for name in ("nofile", "nproc")]


def live(connection, peer, count, took):
    """The lives of some containers; `took` is {step: [milliseconds]}."""
    def step(name, *request):
        started = time.perf_counter()
        answer = connection.ask(*request)
        took[name].append((time.perf_counter() - started) * 1000)
        return answer
    create = {"Image": peer.image, "Cmd": ENDS_ON_TERM, "HostConfig": {"Ulimits": LIMITS} if peer.extra else {}}
    containers = []
    for _ in range(count):
        containers.append("/v1.40/containers/" + step("create", "POST", "/v1.40/containers/create", create)["Id"])
        step("start", "POST", containers[-1] + "/start")
    for container in containers:
        step("stop", "POST", container + "/stop")
    for container in containers:
        step("remove", "DELETE", container)


def share(peer, count, took, failures):
    try:
        connection = Connection(peer.api())
        live(connection, peer, count, took)
        connection.close()
    except Exception as error:  # of a thread: told by who started it
        failures.append(error)


def seconds(peer, options, took):
    failures = []
    counts = [options.containers // options.threads + (number < options.containers % options.threads)
              for number in range(options.threads)]
    threads = [threading.Thread(target=share, args=(peer, count, took, failures)) for count in counts]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return time.perf_counter() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--containers", type=int, default=50)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--only", default="estiba,docker,podman")
    parser.add_argument("--root-13")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="estiba-bench.") as folder:
        peers = []
        try:
            for name in options.only.split(","):
                peers.append(engine(name, folder, options.root_13))
                peers[-1].api()  # podman's has to be started
            whole = {peer.name: [] for peer in peers}
            took = {peer.name: {step: [] for step in STEPS} for peer in peers}
            for number in range(options.rounds + 1):  # one to warm up, not counted
                for peer in peers:
                    steps = took[peer.name] if number else {step: [] for step in STEPS}
                    value = seconds(peer, options, steps)
                    if number:
                        whole[peer.name].append(value)
            print(f"{datetime.date.today()}, Linux {os.uname().release}, {os.cpu_count()} cores, " +
                  ", ".join(peer.version() for peer in peers) + f"; {options.containers} containers by "
                  f"{options.threads} threads, median (quartiles) of {options.rounds}\n")
            print("| | " + " | ".join(peer.name for peer in peers) + " |\n|---" + "|---" * len(peers) + "|")
            print("| all, s | " + " | ".join(cell(whole[peer.name], 2) for peer in peers) + " |")
            for step in STEPS:
                print(f"| {step}, ms | " + " | ".join(cell(took[peer.name][step], 1) for peer in peers) + " |")
        finally:
            for peer in peers:
                peer.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
