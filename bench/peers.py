"""Estiba and its peers, each with the same root, in a network and mount namespace of their own, driven by their own
command line at their own defaults."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from harness.host import Host  # noqa: E402  (the path above comes first)
from harness.wait import wait_until  # noqa: E402

BIN = pathlib.Path(os.environ.get("ESTIBA_BIN", ROOT / "build/release/bin"))
IMAGE = BIN.parent / "share/estiba/images/busybox.tar"
TIMED = BIN.parent / "bench/timed"
# Debian 13's peers run in a root of their own, which sees this machine's kernel and the benchmark's folder at its path:
# a shell script for the first process of a mount namespace, to go on with what is done there.
ROOT_OF_ITS_OWN = """set -e
mount --make-rprivate /
mount --bind $ROOT $ROOT
for name in proc sys dev; do mount --rbind /$name $ROOT/$name; done
mount -t tmpfs tmpfs $ROOT/run
mount -t tmpfs tmpfs $ROOT/tmp
mkdir -p $ROOT$FOLDER
mount --rbind $FOLDER $ROOT$FOLDER
"""
QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


class Peer:
    """`command` runs the peer's client with arguments; `extra` are options its `run` needs on this host. What a peer
    would keep below /run is in a tmpfs, as /run is."""
    name = ""
    image = "estiba/busybox"
    extra = ()

    def __init__(self, folder):
        self.folder = pathlib.Path(folder) / self.name
        self.folder.mkdir(parents=True)
        self.runs = self.folder / "run"
        self.runs.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", self.runs], check=True)
        shutil.copy(TIMED, self.folder / "timed")
        self.host = Host()
        self.environment = dict(os.environ, HOME=str(self.folder))

    def prefix(self):
        return self.host.prefix()

    def client(self):
        raise NotImplementedError

    def entering(self):
        """What goes to where the client runs; not timed."""
        return self.prefix()

    def command(self, *arguments):
        return [*self.entering(), *self.client(), *arguments]

    def run(self, *arguments, check=True):
        return subprocess.run(self.command(*arguments), env=self.environment, check=check, capture_output=True,
                              text=True, timeout=120)

    def timed(self, *arguments):
        """Milliseconds of one client call, process start to exit."""
        return self.measured([*self.entering(), str(self.folder / "timed"), *self.client(), *arguments])

    def timed_by_docker(self, *arguments):
        return self.measured([*self.prefix(), str(self.folder / "timed"), *self.docker_client(), *arguments])

    def measured(self, command):
        told = subprocess.run(command, env=self.environment, check=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=120).stdout.split()
        if told[2] != b"0":
            raise RuntimeError(f"{' '.join(command)}: wait status {told[2].decode()}")
        return int(told[0]) / 1e6

    def version(self):
        raise NotImplementedError

    def api(self):
        """The path of a socket where it speaks Docker's API."""
        raise NotImplementedError

    def docker_client(self):
        """Debian's own client of docker's, where it is beside another one on PATH."""
        return [shutil.which("docker", path="/usr/bin") or "docker", "-H", f"unix://{self.api()}"]

    def memory(self):
        """{process name: (resident kB, private kB, proportional kB)} of what stays resident."""
        return {}

    def without_engine(self, runs):
        """{what: [milliseconds]} of commands that find no engine running and start one."""
        return {}

    def stop(self):
        self.host.destroy()
        subprocess.run(["umount", "-l", self.runs], check=True)


class Estiba(Peer):
    name = "estiba"

    def __init__(self, folder):
        super().__init__(folder)
        config = self.folder / "estibad.toml"
        config.write_text(f'data_root = "{self.folder}/data"\nrun_root = "{self.runs}"\n'
                          'cgroup_parent = "estiba-bench"\n')
        self.environment["ESTIBA_CONFIG"] = str(config)
        self.engine = [*self.prefix(), str(BIN / "estibad"), "--config", str(config)]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.engine, **QUIET)
        wait_until(self.listens, "estibad listens")  # a command would start another one meanwhile

    def listens(self):
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.api())) == 0

    def client(self):
        return [str(BIN / "estiba")]

    def api(self):
        return self.runs / "estiba.sock"

    def version(self):
        return "estiba " + self.run("version", "--format", "{{.Server.Version}}").stdout.strip()

    def memory(self):
        return {"estibad": smaps(self.process.pid),
                "estiba-monitor": smaps(self.monitor())}

    def monitor(self):
        """The monitor of the benchmark's container: the parent of its PID 1."""
        pid = self.run("inspect", "-f", "{{.State.Pid}}", "sleeper").stdout.strip()
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
        return int(stat.rsplit(")", 1)[1].split()[1])

    def without_engine(self, runs):
        self.end()
        times = []
        for _ in range(runs):
            times.append(self.timed("ps"))
            for pid in pids_named("estibad", self.host):
                os.kill(pid, signal.SIGTERM)
            wait_until(lambda: not pids_named("estibad", self.host), "the spawned engine ended")
        self.start()
        return {"ps that starts the engine, one container": times}

    def end(self):
        self.process.terminate()
        self.process.wait(30)

    def stop(self):
        self.end()
        super().stop()


class Docker(Peer):
    name = "docker"

    def __init__(self, folder):
        super().__init__(folder)
        self.socket = self.folder / "docker.sock"
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(
            [*self.prefix(), "unshare", "--mount", "dockerd", "--data-root", str(self.folder / "data"), "--exec-root",
             str(self.runs / "exec"), "--pidfile", str(self.folder / "pid"), "-H", f"unix://{self.socket}"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        wait_until(lambda: self.run("version", check=False).returncode == 0, "dockerd answers", 60)
        self.run("load", "-i", str(IMAGE))

    def client(self):
        return self.docker_client()

    def api(self):
        return self.socket

    def version(self):
        return "docker " + self.run("version", "--format", "{{.Server.Version}}").stdout.strip()

    def memory(self):
        found = {"dockerd": smaps(self.process.pid)}
        for name in ("containerd", "containerd-shim"):
            for pid in pids_named(name, self.host):
                found[name] = smaps(pid)
        return found

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
        super().stop()


class Podman(Peer):
    name = "podman"
    image = "docker.io/estiba/busybox"
    # Without CAP_SYS_RESOURCE Debian's podman cannot raise the limits it sets by default.
    extra = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")

    service = None

    def __init__(self, folder):
        super().__init__(folder)
        self.run("load", "-i", str(IMAGE))

    def api(self):
        path = self.folder / "podman.sock"
        if self.service is None:
            self.service = subprocess.Popen(self.command("system", "service", "--time", "0", f"unix://{path}"),
                                            env=self.environment, **QUIET)
            wait_until(path.exists, "podman's service listens")
        return path

    def client(self):
        return ["podman", "--root", str(self.folder / "root"), "--runroot", str(self.runs / "run"),
                "--cgroup-manager", "cgroupfs", "--runtime", "runc"]

    def version(self):
        return "podman " + self.run("version", "--format", "{{.Client.Version}}").stdout.strip()

    def memory(self):
        found = {}
        for pid in pids_named("conmon", self.host):
            try:
                found["conmon"] = smaps(pid)
            except OSError:  # of a container that has just gone
                continue
        return found

    def stop(self):
        if self.service is not None:
            self.service.terminate()
            self.service.wait(30)
        self.run("rm", "-fa", check=False)
        super().stop()


def pids_named(name, host):
    """Pids with this command name, in this peer's network namespace."""
    found = []
    for pid in host.processes():
        try:
            if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == name[:15]:
                found.append(pid)
        except OSError:
            pass
    return found


def smaps(pid):
    fields = {}
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        key, value = line.split(":")
        fields[key] = int(value.split()[0])
    return fields["Rss"], fields["Private_Clean"] + fields["Private_Dirty"], fields["Pss"]
