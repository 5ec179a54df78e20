"""CRIU of a Debian release of one's choice, unpacked beside the system and run by its own libraries: Debian 12's 3.17
fails on newer kernels (6.18), where Debian 13's works."""

import pathlib
import shutil
import subprocess

from harness.debian import mirror
from harness.need import need, need_program

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / "build" / "criu"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
LIBRARIES = "usr/lib/x86_64-linux-gnu"


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


def program(suite="trixie"):
    """A folder for $PATH with a `criu` that works on this kernel."""
    where = root(suite)
    folder = where / "run"
    script = folder / "criu"
    if not script.exists():
        folder.mkdir(exist_ok=True)
        libraries = where / LIBRARIES
        loader = libraries / "ld-linux-x86-64.so.2"
        script.write_text(f'#!/bin/sh\nexec {loader} --library-path {libraries} {where}/usr/sbin/criu "$@"\n')
        script.chmod(0o755)
    check = subprocess.run([script, "check"], capture_output=True, text=True, timeout=60, check=False)
    need(check.returncode == 0, f"a kernel that CRIU can work with: {check.stderr}")
    return folder
