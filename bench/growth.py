"""What containers cost as they become many: bench/growth.py [--counts 1,10,100,1000] [--peers-to 100]
[--only estiba,…] [--root-13 ROOT] [--plots FOLDER] [--worked LAYOUT].

Makes containers on the default network by Docker's API, one after the other on one connection, and at each count tells
what the engine's processes have resident, what each container's own do, what the last ten starts took (create and
start) and what the command line's `ps` takes. The peers stop at --peers-to. --plots draws the curves by gnuplot.
--worked first has each engine pull an OCI layout's image (of bench/images.py --cache) from a registry on loopback, run
and remove 1,000 containers and keep ten, and tells what it has resident then. --root-13: as of bench/networks.py.

Memory is /proc/PID/smaps_rollup's, kB: resident counts what processes share in each of them, private does not.
"""

import argparse
import dataclasses
import datetime
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from lifecycles import LIMITS, Connection  # noqa: E402  (the path above comes first)
from network_peers import engine  # noqa: E402
from peers import pids_named, smaps  # noqa: E402

from harness.registry import Registry  # noqa: E402

ENGINE = {"estiba": ["estibad", "estiba-netd", "estiba-uplink"], "docker": ["dockerd", "containerd", "docker-proxy"],
          "podman": []}
OF_CONTAINERS = {"estiba": ["estiba-monitor"], "docker": ["containerd-shim"], "podman": ["conmon"]}
LAST = 10
WORKED_RUNS, WORKED_KEPT = 1000, 10


@dataclasses.dataclass
class Point:
    """At `count` containers; kB and milliseconds."""
    count: int
    engine: int
    each_resident: float
    each_private: float
    start: float
    ps: float

    def all_resident(self):
        return self.engine + self.count * self.each_resident


class Growing:
    """A peer whose containers become more."""

    def __init__(self, peer):
        self.peer = peer
        self.connection = Connection(peer.api())
        self.limits = {"Ulimits": LIMITS} if peer.extra else {}
        self.ids = []

    def add(self, **host_config):
        """Creates and starts one; the milliseconds of both."""
        body = {"Image": self.peer.image, "Cmd": ["sleep", "1d"], "HostConfig": {**self.limits, **host_config}}
        started = time.perf_counter()
        self.ids.append(self.connection.ask("POST", "/v1.40/containers/create", body)["Id"])
        self.connection.ask("POST", f"/v1.40/containers/{self.ids[-1]}/start")
        return (time.perf_counter() - started) * 1000

    def remove_last(self):
        self.connection.ask("DELETE", f"/v1.40/containers/{self.ids.pop()}?force=1")

    def memory(self, names):
        """[(resident, private)] of the processes of these names."""
        found = []
        for name in names:
            for pid in pids_named(name, self.peer.host):
                resident, private, _ = smaps(pid)
                found.append((resident, private))
        return found

    def engine(self):
        return sum(resident for resident, _ in self.memory(ENGINE[self.peer.name]))

    def point(self, starts):
        each = self.memory(OF_CONTAINERS[self.peer.name])
        return Point(len(self.ids), self.engine(), statistics.median(one[0] for one in each),
                     statistics.median(one[1] for one in each), statistics.median(starts[-LAST:]),
                     statistics.median(self.peer.timed("ps") for _ in range(5)))

    def curve(self, counts):
        points, starts = [], []
        for count in counts:
            while len(self.ids) < count:
                starts.append(self.add())
            points.append(self.point(starts))
            print(points[-1], file=sys.stderr)
        return points

    def worked(self, reference):
        """The engine's resident memory after a pull, many runs and with some containers left; and what it had first."""
        before = self.engine()
        self.peer.run("pull", "-q", reference)
        pulled = self.engine()
        for _ in range(WORKED_RUNS):
            self.add(NetworkMode="none")
            self.remove_last()
        for _ in range(WORKED_KEPT):
            self.add()
        return before, pulled, self.engine()

    def end(self):
        while self.ids:
            self.remove_last()
        self.connection.close()


def table(curves):
    columns = ["containers", "who", "engine, resident MB", "each, resident MB", "each, private MB", "all, resident MB",
               "start, ms", "ps, ms"]
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")
    for name, points in curves.items():
        for one in points:
            print(f"| {one.count} | {name} | {one.engine / 1024:.1f} | {one.each_resident / 1024:.2f} | "
                  f"{one.each_private / 1024:.2f} | {one.all_resident() / 1024:.1f} | {one.start:.1f} | {one.ps:.1f} |")


PLOTS = {"memory": ("all processes, resident MB", lambda one: one.all_resident() / 1024),
         "engine": ("the engine, resident MB", lambda one: one.engine / 1024),
         "start": ("create and start one more, ms", lambda one: one.start),
         "ps": ("ps, ms", lambda one: one.ps)}


SCRIPT = """set terminal svg size 560,320 font 'sans-serif,12' background 'white'
set output '{file}'
set logscale xy
set grid
set key left top
set xlabel 'containers'
set ylabel '{label}'
plot {lines}
{data}"""
LINE = "'-' with linespoints pointtype 7 pointsize 0.5 linewidth 2 title '{}'"


def draw(folder, curves):
    folder.mkdir(parents=True, exist_ok=True)
    for plot, (label, value) in PLOTS.items():
        shown = {name: [f"{one.count} {value(one):.3f}\n" for one in points if value(one) > 0]
                 for name, points in curves.items()}
        shown = {name: lines for name, lines in shown.items() if lines}
        subprocess.run(["gnuplot"], input=SCRIPT.format(
            file=folder / f"{plot}.svg", label=label, lines=", ".join(LINE.format(name) for name in shown),
            data="".join("".join(lines) + "e\n" for lines in shown.values())), text=True, check=True)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--counts", default="1,3,10,30,100,300,1000")
    parser.add_argument("--peers-to", type=int, default=100)
    parser.add_argument("--only", default="estiba,docker,podman")
    parser.add_argument("--root-13")
    parser.add_argument("--plots", type=pathlib.Path)
    parser.add_argument("--worked", type=pathlib.Path)
    return parser.parse_args()


def counts_of(name, options):
    counts = [int(word) for word in options.counts.split(",")]
    return counts if name == "estiba" else [count for count in counts if count <= options.peers_to]


def worked(growing, options, folder):
    registry = Registry(folder, growing.peer.host)
    try:
        registry.push(f"{options.worked}:one", "one:1", source="oci")
        return growing.worked(f"{registry.name}/one:1")
    finally:
        registry.stop()


def measure(name, options, folder):
    """(version, points, what it had resident when it had worked)"""
    peer = engine(name, folder, options.root_13)
    growing = Growing(peer)
    try:
        version, told = peer.version(), None
        if options.worked and ENGINE[name]:
            place = pathlib.Path(folder) / f"registry-{name}"
            place.mkdir()
            told = worked(growing, options, place)
            while growing.ids:
                growing.remove_last()
        return version, growing.curve(counts_of(name, options)), told
    finally:
        growing.end()
        peer.stop()


def main():
    options = parse()
    with tempfile.TemporaryDirectory(prefix="estiba-bench.") as folder:
        found = {name: measure(name, options, folder) for name in options.only.split(",")}
    print(f"{datetime.date.today()}, Linux {os.uname().release}, {os.cpu_count()} cores, " +
          ", ".join(version for version, _, _ in found.values()) + "\n")
    for name, (_, _, told) in found.items():
        if told:
            print(f"{name}, resident MB: {told[0] / 1024:.1f} at first, {told[1] / 1024:.1f} after the pull, "
                  f"{told[2] / 1024:.1f} after {WORKED_RUNS} runs and with {WORKED_KEPT} running\n")
    curves = {name: points for name, (_, points, _) in found.items()}
    table(curves)
    if options.plots:
        draw(options.plots, curves)
    return 0


if __name__ == "__main__":
    sys.exit(main())
