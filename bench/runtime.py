"""Times estiba-oci against crun, runc and bench/floor: bench/runtime.py [--rounds N] [--only estiba-oci,crun,…]
[--peer NAME=PATH …].

Every round starts each case once with each runtime in turn, so that a disturbance hits all alike. All run in a mount
namespace of this script's: /run is a tmpfs, as distributions have it, and the unified hierarchy of a hybrid host says
that it has no controllers, without which Debian's crun refuses the host. The bundle is `runc spec`'s with terminal
false and a root of busybox. Prints rows for BENCHMARKS.md: medians and quartiles in milliseconds of whole program runs,
peak memory, and who starts a container whose memory limit is 512 KiB.
"""

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("ESTIBA_BIN", ROOT / "build/release/bin")).resolve().parent
GROUPS = pathlib.Path("/sys/fs/cgroup")
FLOOR_GROUPS = ["cpu", "cpuacct", "cpuset", "memory", "blkio", "pids", "systemd", "unified"]
PROFILE = pathlib.Path("/usr/share/containers/seccomp.json")  # Docker's format; golang-github-containers-common
ACTIONS = ["", " with a seccomp profile"]


def enter_namespace():
    """Starts this script again in a mount namespace of its own, prepared for all runtimes alike."""
    if os.environ.get("ESTIBA_BENCH_INSIDE") == "1":
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        controllers = GROUPS / "unified/cgroup.controllers"
        if controllers.exists():
            subprocess.run(["mount", "--bind", "/dev/null", str(controllers)], check=True)
        return
    os.execvpe("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv],
               dict(os.environ, ESTIBA_BENCH_INSIDE="1"))


def holds(conditions, capabilities):
    """Whether an entry of a profile in Docker's format is for a container with these capabilities, on x86-64."""
    return (set(conditions.get("caps", [])) <= capabilities and
            "amd64" in conditions.get("arches", ["amd64"]))


def resolve(profile, capabilities):
    """A profile in Docker's format as linux.seccomp of one container."""
    rules = []
    for entry in profile["syscalls"]:
        excludes = entry.get("excludes") or {}
        excluded = (set(excludes.get("caps", [])) & capabilities) or "amd64" in excludes.get("arches", [])
        if excluded or not holds(entry.get("includes") or {}, capabilities):
            continue
        rule = {"names": entry.get("names") or [entry["name"]], "action": entry["action"]}
        rule |= {key: entry[key] for key in ("args", "errnoRet") if entry.get(key)}
        rules.append(rule)
    return {"defaultAction": profile["defaultAction"], "defaultErrnoRet": profile.get("defaultErrnoRet", 1),
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], "syscalls": rules}


def make_bundle(folder, seccomp=False, **process):
    """`runc spec`'s, written by estiba-oci."""
    (folder / "rootfs/bin").mkdir(parents=True)
    for name in ("proc", "dev", "sys"):
        (folder / "rootfs" / name).mkdir()
    shutil.copy("/bin/busybox", folder / "rootfs/bin/busybox")
    for name in ("sh", "true", "sleep"):
        (folder / "rootfs/bin" / name).symlink_to("busybox")
    subprocess.run([str(BUILD / "bin/estiba-oci"), "spec", "--bundle", str(folder)], check=True)
    config = json.loads((folder / "config.json").read_text())
    config["process"] |= {"terminal": False, "args": ["true"]} | process
    # As Debian 12's runc writes it for a host with v1 controllers.
    config["ociVersion"] = "1.0.2"
    config["linux"]["namespaces"] = [entry for entry in config["linux"]["namespaces"] if entry["type"] != "cgroup"]
    if seccomp:
        capabilities = set(config["process"]["capabilities"]["bounding"])
        config["linux"]["seccomp"] = resolve(json.loads(PROFILE.read_text()), capabilities)
    write(folder, config)
    return folder


def write(folder, config):
    (folder / "config.json").write_text(json.dumps(config, indent=1))


class Runtime:
    def __init__(self, name, path, folder):
        self.name, self.path, self.peak = name, str(path), 0
        self.id = f"bench-{name}"
        self.bundles = {}
        for action in ACTIONS:
            self.bundles["true" + action] = make_bundle(folder / f"{name}-true{action[:5]}", bool(action))
            self.bundles["sleep" + action] = make_bundle(folder / f"{name}-sleep{action[:5]}", bool(action),
                                                         args=["sleep", "100000"])

    def sleeper(self, action):
        return f"{self.id}-sleeper{len(action)}"

    def version(self):
        line = subprocess.run([self.path, "--version"], check=True, capture_output=True, text=True).stdout
        return " ".join(line.splitlines()[0].replace(" version", "").split())

    def timed(self, *words, cwd):
        """Milliseconds of one run of the program."""
        done = subprocess.run([str(BUILD / "bench/timed"), self.path, *words], cwd=cwd, check=True, capture_output=True,
                              text=True)
        nanoseconds, kilobytes, status = map(int, done.stdout.split())
        if status != 0:
            subprocess.run([self.path, *words], cwd=cwd, check=False)
            raise SystemExit(f"{self.name} {' '.join(words)}: wait status {status}")
        self.peak = max(self.peak, kilobytes)
        return nanoseconds / 1e6

    def call(self, *words, cwd):
        return subprocess.run([self.path, *words], cwd=cwd, check=False, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode

    def run(self, action):
        return self.timed("run", self.id, cwd=self.bundles["true" + action])

    def exec(self, action):
        return self.timed("exec", self.sleeper(action), "true", cwd=self.bundles["sleep" + action])

    def life(self, action):
        """create, start, kill and delete; the process's death between them is waited for, but not counted."""
        bundle = self.bundles["sleep" + action]
        total = self.timed("create", "--pid-file", str(bundle / "pid"), self.id, cwd=bundle)
        total += self.timed("start", self.id, cwd=bundle)
        pidfd = os.pidfd_open(int((bundle / "pid").read_text()))
        total += self.timed("kill", self.id, "KILL", cwd=bundle)
        wait_readable(pidfd)
        os.close(pidfd)
        return total + self.timed("delete", self.id, cwd=bundle)

    def begin(self):
        for action in ACTIONS:
            bundle = self.bundles["sleep" + action]
            if self.call("run", "--detach", self.sleeper(action), cwd=bundle) != 0:
                raise SystemExit(f"{self.name}: cannot start the container of exec")

    def end(self):
        for action in ACTIONS:
            self.call("delete", "--force", self.sleeper(action), cwd="/")
        self.call("delete", "--force", self.id, cwd="/")

    def runs_in(self, limit):
        """Whether a container with this memory limit, in bytes, starts and ends well."""
        bundle = self.bundles["true"]
        config = json.loads((bundle / "config.json").read_text())
        limited = json.loads(json.dumps(config))
        limited["linux"].setdefault("resources", {})["memory"] = {"limit": limit}
        write(bundle, limited)
        fine = self.call("run", self.id, cwd=bundle) == 0
        write(bundle, config)
        self.call("delete", "--force", self.id, cwd="/")
        return fine


class Floor(Runtime):
    """Only `run`, and without a profile."""

    def run(self, action):
        return self.timed(str(self.bundles["true"] / "rootfs"), self.id, cwd="/")

    def begin(self):
        for name in FLOOR_GROUPS:
            parent = GROUPS / name / "estiba-floor"
            parent.mkdir(exist_ok=True)
            for file in ("cpuset.cpus", "cpuset.mems") if name == "cpuset" else ():
                (parent / file).write_text((GROUPS / name / file).read_text())

    def end(self):
        for name in FLOOR_GROUPS:
            with contextlib.suppress(OSError):  # the last one in it is still on its way out
                os.rmdir(GROUPS / name / "estiba-floor")

    def version(self):
        return "bench/floor"


def wait_readable(pidfd):
    import select
    if not select.select([pidfd], [], [], 30)[0]:
        raise SystemExit("the container's process does not die")


CASES = {f"{name}{action}": (method, action) for action in ACTIONS
         for name, method in (("run true", "run"), ("exec true", "exec"), ("create, start, kill, delete", "life"))}


def takes_part(runtime, method, action):
    return not isinstance(runtime, Floor) or (method == "run" and not action)


def measure(runtimes, rounds):
    times = {case: {runtime.name: [] for runtime in runtimes} for case in CASES}
    for number in range(rounds + 3):  # three to warm up, not counted
        for case, (method, action) in CASES.items():
            for runtime in runtimes:
                if not takes_part(runtime, method, action):
                    continue
                value = getattr(runtime, method)(action)
                if number >= 3:
                    times[case][runtime.name].append(value)
    return times


def cell(values):
    if not values:
        return ""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.2f} ({low:.2f}–{high:.2f})"


def ratio(times, ours, others):
    """Our median by the smallest of theirs."""
    medians = [statistics.median(times[name]) for name in others if times.get(name)]
    return f"{statistics.median(times[ours]) / min(medians):.2f}" if medians and times.get(ours) else ""


def report(runtimes, times, rounds):
    names = [runtime.name for runtime in runtimes]
    ours = names[0]
    kinds = {"floor": ["floor"], "crun": [name for name in names if name.startswith("crun")],
             "runc": [name for name in names if name.startswith("runc")]}
    print(f"{datetime.date.today()}, Linux {os.uname().release}, {os.cpu_count()} CPUs; "
          + ", ".join(runtime.version() for runtime in runtimes) + f"; median (quartiles) of {rounds}, ms\n")
    print("| | " + " | ".join(names) + " | " + " | ".join(f"by {kind}" for kind in kinds) + " |")
    print("|---" * (1 + len(names) + len(kinds)) + "|")
    for case in CASES:
        print(f"| {case} | " + " | ".join(cell(times[case][name]) for name in names) + " | "
              + " | ".join(ratio(times[case], ours, others) for others in kinds.values()) + " |")
    print("| peak memory, kB | " + " | ".join(str(runtime.peak) for runtime in runtimes) + " |" + " |" * len(kinds))
    small = ["" if isinstance(runtime, Floor) else "yes" if runtime.runs_in(512 * 1024) else "no"
             for runtime in runtimes]
    print("| runs in 512 KiB | " + " | ".join(small) + " |" + " |" * len(kinds))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--only", help="names, comma-separated")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PATH", help="a further runtime, crun-…")
    options = parser.parse_args()
    enter_namespace()
    found = {"estiba-oci": BUILD / "bin/estiba-oci", "floor": BUILD / "bench/floor",
             "crun": shutil.which("crun"), "runc": shutil.which("runc")}
    found |= dict(peer.split("=", 1) for peer in options.peer)
    wanted = options.only.split(",") if options.only else found
    with tempfile.TemporaryDirectory(prefix="estiba-bench.") as folder:
        runtimes = [(Floor if name == "floor" else Runtime)(name, found[name], pathlib.Path(folder))
                    for name in wanted if found.get(name)]
        try:
            for runtime in runtimes:
                runtime.begin()
            report(runtimes, measure(runtimes, options.rounds), options.rounds)
        finally:
            for runtime in runtimes:
                runtime.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
