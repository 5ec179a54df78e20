"""`bundle`: a fresh bundle of busybox whose containers are gone, and leak nothing, when the test ends."""

import pytest

from bundle import Receiver, whole_life


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
