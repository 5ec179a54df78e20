"""The way out of an ordinary user's container: Estiba's, and pasta as podman 5 starts it."""

import contextlib
import pathlib
import shutil
import subprocess

from network_peers import Beyond, enter

from harness import rootless
from harness.engine import running
from harness.wait import wait_until

# podman's defaults, but for the addresses that it has pasta answer names and the host at.
PASTA = ["pasta", "--config-net", "--no-map-gw", "-t", "none", "-u", "none", "-T", "none", "-U", "none", "--quiet"]
SLEEP = ["sleep", "86399"]


class OfRoot:
    """A user's host, as root sees it."""
    def __init__(self, host):
        self.name = host.name

    def run(self, *command, check=True):
        return subprocess.run(["nsenter", f"--net=/run/netns/{self.name}", *command], check=check, capture_output=True)


def command_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
    except OSError:
        return []


@contextlib.contextmanager
def pasta(user, host):
    """A namespace behind pasta; answers a process in it."""
    process = subprocess.Popen([*host.prefix(), *PASTA, "--", *SLEEP], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    found = []

    def started():
        found[:] = [pid for pid in user.processes() if command_of(pid) == [word.encode() for word in SLEEP]]
        return found
    try:
        wait_until(started, "pasta has started its command")
        yield found[0]
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def rootless_peers():
    """({name: (server, client, address)}, what cannot be measured and why, or None)."""
    if shutil.which("pasta") is None:
        yield {}, "pasta is not installed (Debian: passt)"
        return
    tun = rootless.OpenTun()
    user = rootless.User()
    try:
        with running(rootless.RootlessEngine(user)) as engine:
            near = OfRoot(engine.host)
            beyond = Beyond(near)
            near.run("ip", "route", "add", "default", "via", Beyond.THERE)
            try:
                engine.cli("run", "-d", "--name", "out", "estiba/busybox", "sleep", "1d")
                with pasta(user, engine.host) as inside:
                    server = beyond.host.prefix()
                    yield {"estiba": (server, enter(engine.state("out")["Pid"]), Beyond.THERE),
                           "pasta, as podman starts it": (server, enter(inside), Beyond.THERE)}, None
            finally:
                beyond.destroy()
    finally:
        user.remove()
        tun.close()
