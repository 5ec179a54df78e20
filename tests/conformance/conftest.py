"""`bundle`: a fresh bundle of busybox whose containers are gone, and leak nothing, when the test ends."""

import os

import pytest

from bundle import Bundle, Receiver
from harness.need import need, need_program


def whole_life():
    need(os.geteuid() == 0, "root")
    need_program("busybox")
    one = Bundle()
    try:
        yield one
        one.assert_no_leaks()
    finally:
        one.destroy()


@pytest.fixture
def bundle():
    yield from whole_life()


@pytest.fixture
def another_bundle():
    """A second one, for rows about two containers."""
    yield from whole_life()


@pytest.fixture
def receiver(bundle):
    one = Receiver(bundle.folder / "socket")
    yield one
    one.close()
