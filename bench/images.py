"""Times pull and load of images by Estiba, docker, podman and containerd: bench/images.py [--rounds N] [--only …].

A registry on loopback (Debian's docker-registry) has three images made from Debian packages (see image_set.py). Every
run is of a store of its own in a fresh folder: on ext4, unpacking where files were deleted minutes before takes many
times as long. The peers take turns; folders are deleted when room gets short (--room), after which the benchmark waits
(--settle). The bound is the same work by public tools: curl, openssl, igzip and tar in a pipe. Prints rows for
BENCHMARKS.md: medians and quartiles in seconds of whole client calls, and the peak memory of estiba-transfer.

Debian 13's peers come from a root that `debootstrap --variant=minbase
--include=docker.io,docker-cli,podman,containerd,runc,crun,iptables,netavark,ca-certificates trixie ROOT` makes:
--root-13 ROOT adds docker-13, podman-13 and containerd-13.

Needs root, and debootstrap, docker-registry, skopeo, curl, openssl, isal (igzip) and the peers installed.
"""

import argparse
import contextlib
import datetime
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from image_peers import Containerd, Docker, Estiba, EstibaErofs, Pipe, Podman  # noqa: E402  (the path comes first)
from image_set import ImageSet, layers_of  # noqa: E402
from peers import Host  # noqa: E402

from harness.debian import mirror  # noqa: E402
from harness.registry import Registry  # noqa: E402

PEERS = {"estiba": Estiba, "estiba-erofs": EstibaErofs, "docker": Docker,
         "podman": Podman,
         "containerd": Containerd}
IMAGES = {"one": "600 MB, one layer", "eight": "600 MB, eight layers", "files": "20,000 small files"}


class Bench:
    def __init__(self, options, folder, host, registry):
        self.options = options
        self.folder = folder
        self.host = host
        self.registry = registry
        self.images = ImageSet(options.cache, mirror())
        self.peers = self.choose()
        self.number = 0

    def choose(self):
        peers = []
        for name in self.options.only.split(","):
            if name == "pipe":
                continue
            if name.endswith("-13"):
                if self.options.root_13 is None:
                    sys.exit(f"{name} needs --root-13")
                peers.append(PEERS[name.removesuffix("-13")](self.host, self.options.root_13.resolve()))
            else:
                peers.append(PEERS[name](self.host))
        return peers

    def fresh(self):
        self.number += 1
        folder = self.folder / "runs" / str(self.number)
        folder.mkdir(parents=True)
        return folder

    def once(self, peer, action, what, before=None):
        """Seconds of one action on a fresh store. `before` is done first, and not counted."""
        folder = self.fresh()
        with peer.store(folder):
            if before is not None:
                peer.timed(folder, *before)
            os.sync()  # what others wrote is not this one's burden
            return peer.timed(folder, action, what)

    def layer_urls(self, name):
        return [f"http://{self.registry.name}/v2/{name}/blobs/{layer['digest']}"
                for layer in layers_of(self.images.layout(name))]

    def pulls(self, name):
        reference = f"{self.registry.name}/{name}:1"
        bound = Pipe(self.host)
        times = {bound.name: [], **{peer.name: [] for peer in self.peers}}
        for _ in range(self.options.rounds):
            for peer in self.peers:
                times[peer.name].append(self.once(peer, "pull", reference))
            os.sync()
            times[bound.name].append(bound.timed(self.fresh(), self.layer_urls(name)))
        return times

    def loads(self, name):
        archive = self.folder / f"{name}.tar"
        if not archive.exists():
            subprocess.run(["skopeo", "--insecure-policy", "copy", f"oci:{self.images.layout(name)}:{name}",
                            f"docker-archive:{archive}:bench/{name}:1"], check=True, stdout=subprocess.DEVNULL)
        times = {peer.name: [] for peer in self.peers}
        for _ in range(self.options.rounds):
            for peer in self.peers:
                times[peer.name].append(self.once(peer, "load", archive))
        return times

    def saves(self, name):
        """What was pulled, saved; the bound is cp of its blobs."""
        reference = f"{self.registry.name}/{name}:1"
        times = {"estiba": [], "cp": []}
        estiba = next(peer for peer in self.peers if peer.name == "estiba")
        for _ in range(self.options.rounds):
            times["estiba"].append(self.once(estiba, "save", reference, before=("pull", reference)))
            folder = self.fresh()
            os.sync()
            started = time.perf_counter()
            subprocess.run(["cp", "-r", self.images.layout(name) / "blobs", folder], check=True)
            times["cp"].append(time.perf_counter() - started)
        return times

    def pushes(self, name):
        """What was pulled, pushed to a registry that has nothing; the bound is curl -T of its blobs to another."""
        times = {"estiba": [], "curl -T": []}
        estiba = next(peer for peer in self.peers if peer.name == "estiba")
        for _ in range(self.options.rounds):
            folder = self.fresh()
            with estiba.store(folder), self.empty_registry() as registry:
                target = f"{registry.name}/pushed/{name}:1"
                estiba.timed(folder, "pull", f"{self.registry.name}/{name}:1")
                estiba.timed(folder, "tag", (f"{self.registry.name}/{name}:1", target))
                os.sync()
                times["estiba"].append(estiba.timed(folder, "push", target))
            with self.empty_registry() as registry:
                os.sync()
                times["curl -T"].append(self.upload(registry, name))
        return times

    @contextlib.contextmanager
    def empty_registry(self):
        registry = Registry(self.fresh(), self.host, port=5001)
        try:
            yield registry
        finally:
            registry.stop()

    def commits(self, name):
        """The push of a layer that was just committed, with all files of the image in it."""
        peers = [peer for peer in self.peers if hasattr(peer, "engine") and peer.name != "estiba-erofs"]
        times = {peer.name: [] for peer in peers}
        for _ in range(self.options.rounds):
            for peer in peers:
                target = f"{self.registry.name}/committed{self.number}/{name}:1"
                folder = self.fresh()
                with peer.store(folder):
                    self.commit(peer, folder, name, target)
                    os.sync()
                    times[peer.name].append(peer.timed(folder, "push", target))
        return times

    def commit(self, peer, folder, name, target):
        def call(*command):
            return subprocess.run(peer.engine(folder, *command), check=True, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, env=peer.environment(folder), text=True).stdout.strip()

        call("pull", "-q", f"{self.registry.name}/{name}:1")
        # Every file anew, in the container's own layer.
        made = call("run", "-d", "--network", "none", f"{self.registry.name}/{name}:1", "sh", "-c",
                    "cp -a /usr /copied && cp -a /var /copied-var")
        call("wait", made)
        call("commit", made, target)

    def upload(self, registry, name):
        layout = self.images.layout(name)
        base = f"http://{registry.name}/v2/{name}/blobs/uploads/"
        seconds = 0.0
        for layer in layers_of(layout):
            head = subprocess.run([*self.host.prefix(), "curl", "-sSfi", "-X", "POST", base], check=True,
                                  capture_output=True, text=True).stdout
            place = next(line.split(" ", 1)[1].strip() for line in head.splitlines() if line.startswith("Location:"))
            blob = layout / "blobs/sha256" / layer["digest"].removeprefix("sha256:")
            started = time.perf_counter()
            subprocess.run([*self.host.prefix(), "curl", "-sSf", "-T", blob, f"{place}&digest={layer['digest']}"],
                           check=True, stdout=subprocess.DEVNULL)
            seconds += time.perf_counter() - started
        return seconds

    def clear_if_short(self):
        """Deletes what the runs have left where there is no room for the next ones, and waits."""
        if shutil.disk_usage(self.folder).free > self.options.room << 30:
            return
        shutil.rmtree(self.folder / "runs", ignore_errors=True)
        time.sleep(self.options.settle)


def cell(values):
    if len(values) < 2:
        return f"{values[0]:.2f}"
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:.2f} ({low:.2f}–{high:.2f})"


def report(title, times):
    ours = statistics.median(times["estiba"]) if "estiba" in times else None
    for name, values in times.items():
        ratio = f"{ours / statistics.median(values):.2f}" if ours and name != "estiba" else ""
        print(f"| {title} | {name} | {cell(values)} | {ratio} |", flush=True)


def run(bench, options):
    print(f"{datetime.date.today()}, Linux {os.uname().release}, {os.cpu_count()} cores; " +
          ", ".join(f"{peer.name} {peer.version()}" for peer in bench.peers) +
          f"; median (quartiles) of {options.rounds}, s\n")
    print("| | who | seconds | estiba by it |\n|---|---|---|---|", flush=True)
    estiba = next((peer for peer in bench.peers if peer.name == "estiba"), None)
    for name in options.images.split(","):
        bench.registry.push(f"{bench.images.layout(name)}:{name}", f"{name}:1", source="oci")
        for action in options.actions.split(","):
            if action in ("save", "push") and estiba is None or action == "commit" and name != "one":
                continue
            times = {"pull": bench.pulls, "load": bench.loads, "save": bench.saves, "push": bench.pushes,
                     "commit": bench.commits}[action](name)
            report(f"{action}: {IMAGES[name]}", times)
            bench.clear_if_short()
    if estiba is not None:
        print(f"\nPeak memory of estiba-transfer: {estiba.peak} kB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default=",".join(PEERS), help="peers; NAME-13 is Debian 13's")
    parser.add_argument("--images", default=",".join(IMAGES))
    parser.add_argument("--actions", default="pull,load,save,push,commit",
                        help="commit: the push of what was committed")
    parser.add_argument("--room", type=int, default=30, help="GB to be free before an action, or files are deleted")
    parser.add_argument("--cache", type=pathlib.Path, help="where the images are kept (default: made anew)")
    parser.add_argument("--folder", type=pathlib.Path, help="where the stores go (default: the temporary folder)")
    parser.add_argument("--root-13", type=pathlib.Path, help="a root of Debian 13")
    parser.add_argument("--settle", type=float, default=360, help="seconds to wait after files were deleted")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("bench/images.py needs root")
    with tempfile.TemporaryDirectory(prefix="estiba-bench.", dir=options.folder) as folder:
        options.cache = (options.cache or pathlib.Path(folder) / "images").resolve()
        host = Host()
        try:
            (pathlib.Path(folder) / "registry").mkdir()
            registry = Registry(pathlib.Path(folder) / "registry", host)
            try:
                run(Bench(options, pathlib.Path(folder), host, registry), options)
            finally:
                registry.stop()
        finally:
            host.destroy()
    return 0


if __name__ == "__main__":
    sys.exit(main())
