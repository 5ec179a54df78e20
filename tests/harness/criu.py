"""CRIU of a Debian release of one's choice, unpacked beside the system and run by its own libraries: Debian 12's 3.17
does not know the newest kernels (6.18), where Debian 13's works."""

import pathlib
import shutil
import subprocess

from harness.debian import mirror
from harness.need import need, need_program

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / "build" / "criu"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
LOADER = "ld-linux-x86-64.so.2"
FOLDERS = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"]


def apt(folder, *words):
    """apt-get with lists and a cache of its own, which knows no package to be installed."""
    settings = {"Dir::State": folder / "state", "Dir::State::status": folder / "status", "Dir::Cache": folder / "cache",
                "Dir::Etc::sourcelist": folder / "sources.list", "Dir::Etc::sourceparts": "/dev/null",
                "Acquire::Languages": "none", "APT::Sandbox::User": "root"}
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    subprocess.run(["apt-get", "-qq", *options, *words], check=True, capture_output=True, timeout=300)


def make(suite, folder):
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    (folder / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror()} {suite} main\n")
    apt(folder, "update")
    apt(folder, "--download-only", "--no-install-recommends", "--yes", "install", "criu")
    for package in (folder / "cache/archives").glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, folder / "root"], check=True, capture_output=True)
    for name in ("state", "cache"):
        shutil.rmtree(folder / name)


def root(suite):
    """The folder with CRIU and every library it needs; downloaded once a clone, 8 MB."""
    need_program("apt-get")
    folder = CACHE / suite
    if not folder.exists():
        making = folder.with_suffix(".making")
        shutil.rmtree(making, ignore_errors=True)
        make(suite, making)
        making.rename(folder)
    return folder / "root"


def copy_to(suite, folder):
    """criu and its libraries, side by side."""
    where = root(suite)
    folder.mkdir(parents=True)
    shutil.copy(where / "usr/sbin/criu", folder)
    for path in (path for name in FOLDERS for path in (where / name).glob("*.so*")):
        shutil.copy(path, folder)


def script(folder, where=None):
    """What runs the criu of copy_to(), which is found in the folder `where`."""
    where = where or folder
    return f'#!/bin/sh\nexec {where}/{LOADER} --library-path {where} {where}/criu "$@"\n'


def installed(suite):
    """A folder for $PATH with that release's `criu`."""
    folder = CACHE / suite / "bin"
    start = folder / "criu"
    if not start.exists():
        copy_to(suite, CACHE / suite / "programs")
        folder.mkdir()
        start.write_text(script(CACHE / suite / "programs"))
        start.chmod(0o755)
    return folder


def check(suite):
    """What `criu check` says of this kernel."""
    # Without the settings of this host, which may name a log: it would be left wherever the tests were started.
    return subprocess.run([installed(suite) / "criu", "check", "--no-default-config"], capture_output=True, text=True,
                          timeout=60, check=False)


def program(suite="trixie"):
    """As installed(), where that works on this kernel."""
    done = check(suite)
    need(done.returncode == 0, f"a kernel that CRIU can work with: {done.stderr}")
    return installed(suite)
