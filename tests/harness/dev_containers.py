"""The command line of dev containers, from its npm package. Fetched once, kept in build/."""

import functools
import os
import pathlib
import shutil
import subprocess

from harness.need import need, need_program

CACHE = pathlib.Path(__file__).resolve().parents[2] / "build" / "dev-containers"
PACKAGE = "@devcontainers/cli@0.80.3"  # the newest that Debian 12's node runs


@functools.cache
def program():
    """The script for node."""
    need_program("npm")
    script = "node_modules/@devcontainers/cli/devcontainer.js"
    if not (CACHE / script).exists():
        making = CACHE.with_name(f"{CACHE.name}.{os.getpid()}")
        making.mkdir(parents=True)
        try:
            done = subprocess.run(["npm", "install", "--no-save", "--prefix", making, PACKAGE], check=False,
                                  capture_output=True, text=True, timeout=300)
            need(done.returncode == 0, f"npm's package {PACKAGE}: {done.stderr}")
            shutil.rmtree(CACHE, ignore_errors=True)
            making.rename(CACHE)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return str(CACHE / script)
