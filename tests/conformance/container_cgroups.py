"""Files of a container's cgroups, wherever this host has them."""

import pathlib

import pytest

from bundle import CGROUPS


def groups(bundle, file):
    """The container's cgroups that have this file."""
    return [path for path in pathlib.Path("/sys/fs/cgroup").glob(f"*/{CGROUPS}/{bundle.id}/{file}")] + \
           [path for path in pathlib.Path("/sys/fs/cgroup").glob(f"{CGROUPS}/{bundle.id}/{file}")]


def read(bundle, *files):
    """The content of the first of these files that there is: one of v1's name and one of v2's."""
    for file in files:
        for path in groups(bundle, file):
            return path.read_text().strip()
    pytest.skip(f"needs a cgroup with {' or '.join(files)}")
