"""A Debian 12 root made by debootstrap with real programs, packed as an image. Made once, kept in build/."""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tarfile

from harness.need import need, need_program

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / "build" / "debian"
PROGRAMS = ["python3", "nginx-light", "redis-server", "postgresql", "curl", "procps", "iproute2", "libcap2-bin",
            "iperf3", "bind9-dnsutils"]


def mirror():
    """The mirror this machine's apt uses, so that debootstrap reaches what apt reaches."""
    text = subprocess.run(["apt-cache", "policy", "base-files"], capture_output=True, text=True, check=True).stdout
    for line in text.splitlines():
        fields = line.split()
        if len(fields) > 3 and fields[1].startswith(("http:", "https:", "mirror")):
            return fields[1]
    return "http://deb.debian.org/debian"


def make_root(folder):
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    subprocess.run(["debootstrap", "--variant=minbase", "--include=" + ",".join(PROGRAMS), "bookworm", folder,
                    mirror()], check=True, capture_output=True, env=environment, timeout=1200)
    shutil.rmtree(folder / "var/cache/apt", ignore_errors=True)
    shutil.rmtree(folder / "var/lib/apt/lists", ignore_errors=True)


def pack(folder, archive):
    """A docker-save archive of one uncompressed layer, written as `docker load` and skopeo read it."""
    layer = archive.with_suffix(".layer")
    subprocess.run(["tar", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--one-file-system", "-C", folder,
                    "-cf", layer, "."], check=True)
    with open(layer, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    config = json.dumps({
        "architecture": "amd64", "os": "linux", "created": "2026-01-01T00:00:00Z",
        "config": {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": ["bash"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]}}).encode()
    identity = hashlib.sha256(config).hexdigest()
    work = archive.with_suffix(".work")
    work.mkdir(exist_ok=True)
    (work / f"{identity}.json").write_bytes(config)
    (work / "manifest.json").write_text(json.dumps(
        [{"Config": f"{identity}.json", "RepoTags": ["debian-programs:12"], "Layers": [f"{digest}.tar"]}]))
    layer.rename(work / f"{digest}.tar")
    with tarfile.open(archive, "w") as tar:
        for path in sorted(work.iterdir()):
            tar.add(path, path.name)
    shutil.rmtree(work)


def archive():
    """The docker-save archive's path; the first call of a clone takes a minute or two."""
    need_program("debootstrap")
    need(os.geteuid() == 0, "root")
    CACHE.mkdir(parents=True, exist_ok=True)
    recipe = hashlib.sha256(" ".join(PROGRAMS).encode()).hexdigest()[:12]
    path = CACHE / f"programs-{recipe}.tar"
    if not path.exists():
        root = CACHE / "root"
        shutil.rmtree(root, ignore_errors=True)
        make_root(root)
        making = path.with_suffix(".making")
        pack(root, making)
        making.rename(path)
        shutil.rmtree(root)
    return path
