"""What the network of a user's containers is made of, as processes, and what reaches it."""

import contextlib
import pathlib
import subprocess

from harness.engine import is_alive
from harness.network import beyond, beyond_by_both

OUTSIDE = "192.0.2.2"
OUTSIDE_6 = "2001:db8::2"
# As the kernel calls them; pasta has another file for each kind of processor.
PROCESSES = {"uplink": ("estiba-uplink",), "keeper": ("estiba-way-out",),
             "way out": ("pasta", "pasta.avx2", "passt", "passt.avx2", "slirp4netns"), "netd": ("estiba-netd",),
             "monitor": ("estiba-monitor",)}


def outside(engine):
    """The outside of the user's host, which has its default route there."""
    return beyond(engine.host)


def outside_by_both(engine):
    """The same with IPv6, too."""
    return beyond_by_both(engine.host)


@contextlib.contextmanager
def serving(host, *command):
    """A program on a host, for a while."""
    with subprocess.Popen([*host.prefix(), *command], stdin=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def listens(host, port, family="tcp"):
    return bool(host.run("ss", "-Hln", f"--{family}", "sport", "=", f":{port}").stdout)


def ask(host, address, port, text="", kind="TCP", more=""):
    """All that is answered."""
    target = f"[{address}]" if ":" in address else address
    return host.run("socat", "-t3", "-T5", "-", f"{kind}:{target}:{port}{more}", check=False, input=text).stdout


def processes(engine, what):
    """Pids of the user's processes of that kind, but for those that have ended and that nobody has waited for yet."""
    return [pid for pid in engine.user.processes() if comm(pid) in PROCESSES[what] and is_alive(pid)]


def comm(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def reaches_outside(engine, name):
    """What a server outside, which says a word, says to the container."""
    pid = engine.state(name)["Pid"]
    # It says nothing and closes nothing before: Debian 12's pasta may stop when a client does.
    return subprocess.run(["nsenter", f"--net=/proc/{pid}/ns/net", "socat", "-T3", "-u",
                           f"TCP:{OUTSIDE}:80,connect-timeout=2", "-"], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False).stdout
