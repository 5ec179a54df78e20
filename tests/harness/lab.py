"""Labs under test: their machine is a network namespace of its own, and what a lab made is told as text."""

import json
import pathlib
import re
import subprocess

from harness.engine import BIN
from harness.host import Host

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples/lab"

# What differs from one making to the next, and says nothing of what was made.
VOLATILE = re.compile(r"ifindex|link_index|.*timer|link_netnsid|valid_life_time|preferred_life_time|stats.*|port_id|"
                      r"handle|.*_id$|root$|group_address|num_.*queues|gso.*|gro.*|tso.*|qlen|txqlen|refcnt|"
                      r"config_pending|topology_change.*|ageing_time")  # short while a tree changes
SYSCTL = re.compile(r"net\.(netfilter\.nf_conntrack_count|ipv4\.tcp_mem|ipv4\.udp_mem|.*stable_secret)")


def plain(value):
    """A value of ip -json without what is volatile."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items() if not VOLATILE.fullmatch(key)}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value


def in_namespace(name, *command):
    return subprocess.run(["ip", "netns", "exec", name, *command], check=True, capture_output=True, text=True,
                          timeout=60).stdout


def sysctls(text):
    return sorted(line for line in text.splitlines() if line.startswith("net.") and not SYSCTL.match(line))


def state_of(name):
    """Everything a lab can have made in a namespace, comparable and readable in a difference."""
    found = {}
    for what in ("-d link", "-d addr", "-4 route show table all", "-6 route show table all", "rule"):
        # Sorted: which of two routes of one metric comes first depends on which link was up first.
        found[what] = sorted(json.dumps(plain(one), sort_keys=True)
                             for one in json.loads(in_namespace(name, "ip", "-j", *what.split()) or "[]"))
    found["qdisc"] = re.sub(r"qdisc (\w+) \w+:", r"qdisc \1", in_namespace(name, "tc", "qdisc", "show")).splitlines()
    found["nft"] = in_namespace(name, "nft", "list", "ruleset").splitlines()
    found["bridge"] = [json.dumps(plain(one), sort_keys=True)
                       for one in json.loads(in_namespace(name, "bridge", "-d", "-j", "link") or "[]")]
    found["sysctl"] = sysctls(subprocess.run(["ip", "netns", "exec", name, "sysctl", "-a"], check=False,
                                             capture_output=True, text=True, timeout=60).stdout)
    return found


def namespaces(lab):
    return sorted(path.name for path in pathlib.Path("/run/netns").glob(f"{lab}-*"))


class Machine:
    """Where `estiba lab` runs."""

    def __init__(self):
        self.host = Host()
        self.labs = set()

    def lab(self, *arguments, check=True, **options):
        if arguments[0] == "up":
            self.labs.add(str(arguments[1]))
        done = self.host.run(BIN / "estiba", "lab", *arguments, check=False, **options)
        assert not check or done.returncode == 0, (done.stdout, done.stderr)
        return done

    def popen(self, *arguments, **options):
        if arguments[0] == "up":
            self.labs.add(str(arguments[1]))
        return subprocess.Popen(self.host.prefix() + [str(BIN / "estiba"), "lab", *map(str, arguments)], **options)

    def state(self):
        """The machine's own network, byte for byte but for counters and times."""
        run = self.host.run
        return {
            "link": re.sub(r"link-netnsid \d+", "", run("ip", "-d", "link").stdout).splitlines(),
            "addr": run("ip", "addr").stdout.splitlines(),
            "rule": (run("ip", "rule").stdout + run("ip", "-6", "rule").stdout).splitlines(),
            "route": (run("ip", "route", "show", "table", "all").stdout +
                      run("ip", "-6", "route", "show", "table", "all").stdout).splitlines(),
            "nft": run("nft", "list", "ruleset").stdout.splitlines(),
            "sysctl": sysctls(run("sysctl", "-a", check=False).stdout),
            "names": sorted(path.name for path in pathlib.Path("/run/netns").iterdir()
                            if not path.name.startswith("est-")),
            "records": sorted(path.name for path in pathlib.Path("/run/estiba/lab").glob("*")),
        }

    def destroy(self):
        for file in self.labs:
            self.host.run(BIN / "estiba", "lab", "down", file, check=False)
        self.host.destroy()
