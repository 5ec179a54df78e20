"""Debian 13's docker command and compose, from their packages; they run with Debian 12's libraries. Fetched once, kept
in build/."""

import functools
import os
import pathlib
import shutil
import subprocess

from harness import debian
from harness.need import need

CACHE = pathlib.Path(__file__).resolve().parents[2] / "build" / "debian-13"
PACKAGES = ["docker-cli", "docker-compose"]


def apt(folder, *arguments):
    """apt-get with lists and a cache of its own: the host's know nothing of Debian 13."""
    settings = {"Dir::Etc::sourcelist": folder / "sources.list", "Dir::Etc::sourceparts": "-",
                "Dir::State": folder / "state", "Dir::Cache": folder / "cache", "APT::Sandbox::User": "root"}
    options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
    return subprocess.run(["apt-get", "-q", *options, *arguments], cwd=folder, check=True, capture_output=True,
                          text=True, timeout=300)


def fetch(folder):
    for name in ("state/lists/partial", "cache/archives/partial", "root"):
        (folder / name).mkdir(parents=True)
    (folder / "sources.list").write_text(f"deb {debian.mirror()} trixie main\n")
    apt(folder, "update")
    apt(folder, "download", *PACKAGES)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, folder / "root"], check=True)


@functools.cache
def root():
    """The folder where the packages' files are."""
    done = CACHE / "root"
    if not done.exists():
        making = CACHE.with_name(f"{CACHE.name}.{os.getpid()}")
        shutil.rmtree(making, ignore_errors=True)
        try:
            fetch(making)
            CACHE.mkdir(parents=True, exist_ok=True)
            (making / "root").rename(done)
        except subprocess.CalledProcessError as error:
            need(False, f"packages of Debian 13: {error.stderr or error}")
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return done


def docker():
    return str(root() / "usr/bin/docker")


def compose():
    """docker's plugin, which is a program of its own, too."""
    return str(root() / "usr/libexec/docker/cli-plugins/docker-compose")
