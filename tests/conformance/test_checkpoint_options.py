"""Options of checkpoint and restore that only mean something to what a program holds. TCP and memory: tests/vm."""

import pytest

from harness import criu
from harness.wait import wait_until
from test_checkpoint import Saved


@pytest.fixture
def user():
    """CRIU is root's."""


@pytest.fixture
def saved(bundle):
    return Saved(bundle, criu.program())


def written(saved, name):
    path = saved.bundle.rootfs / "tmp" / name
    return path.read_text() if path.exists() else ""


def refused(saved, reason, *flags):
    done = saved.checkpoint(*flags, check=False)
    assert done.returncode == 1 and reason in done.stderr, done.stderr
    assert saved.bundle.state()["status"] == "running"


def test_an_unlinked_file_with_another_name(saved):
    saved.start("sh", "-c", "exec 3>/tmp/one; ln /tmp/one /tmp/two; rm /tmp/one; echo up > /tmp/up; "
                            "while [ ! -e /tmp/go ]; do sleep 0.02; done; echo still here >&3; sleep 1000")
    wait_until(lambda: written(saved, "up"), "it is unlinked")
    refused(saved, "link-remap")
    saved.checkpoint("--link-remap")
    saved.restore()
    (saved.bundle.rootfs / "tmp/go").touch()
    wait_until(lambda: written(saved, "two") == "still here\n", "it writes to the same file")
    saved.delete()
