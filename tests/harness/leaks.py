"""The leak check: what the host looks like, taken before and after, and the difference named."""

import dataclasses
import json
import os
import pathlib

CGROUPS = pathlib.Path("/sys/fs/cgroup")


def mounts():
    """Mount points of this mount namespace (ids left out: a remount would change them), without the names of network
    namespaces, which tests make."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        found = {(line.split()[4], line.split(" - ")[1].split()[0]) for line in file}
    return {mount for mount in found if not mount[0].startswith("/run/netns")}


def cgroups(parent):
    """Cgroups below `parent` in any hierarchy."""
    found = set()
    for base in [CGROUPS, *[path for path in CGROUPS.iterdir() if path.is_dir() and not path.is_symlink()]]:
        top = base / parent
        if not top.is_dir():
            continue
        for folder, names, _ in os.walk(top):
            found |= {os.path.join(folder, name) for name in names}
    return found


def nft_elements(host):
    """Elements of our maps and sets (interval sets that describe networks, not containers, are not counted)."""
    text = host.run("nft", "-j", "list", "ruleset", check=False).stdout
    if not text:
        return []
    found = []
    for item in json.loads(text).get("nftables", []):
        for kind in ("map", "set"):
            body = item.get(kind, {})
            if "publish" in body.get("name", ""):
                found += [f"{body['name']}: {element}" for element in body.get("elem", [])]
    return found


def links(host):
    return {link["ifname"] for link in json.loads(host.run("ip", "-j", "link").stdout)
            if link["ifname"].startswith(("veth", "ve"))}


def files(folder, *names):
    found = set()
    for name in names:
        path = pathlib.Path(folder) / name
        if path.is_dir():
            found |= {str(path / child) for child in os.listdir(path)}
    return found


def endpoints(run_root):
    """Files of containers' names. The socket beside them goes a moment after the last of them."""
    return {path for path in files(run_root, "net") if not path.endswith("/sock")}


@dataclasses.dataclass
class Snapshot:
    mounts: set
    cgroups: set
    links: set
    nft: list
    files: set

    @staticmethod
    def take(engine):
        return Snapshot(
            mounts=mounts(),
            cgroups=cgroups(engine.cgroup_path),
            links=links(engine.network),
            nft=nft_elements(engine.network),
            files=files(engine.data_root, "containers", "snapshots/containers", "snapshots/tmp", "content/ingest")
            | files(engine.run_root, "c") | endpoints(engine.run_root))

    def differences(self, before):
        """Everything there is now and was not before, a line each."""
        lines = []
        for field in dataclasses.fields(self):
            now, then = getattr(self, field.name), getattr(before, field.name)
            lines += [f"{field.name}: {thing}" for thing in now if thing not in then]
        return lines
