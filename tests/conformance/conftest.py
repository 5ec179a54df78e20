"""`bundle`: a fresh bundle of busybox whose containers are gone, and leak nothing, when the test ends."""

import os
import pathlib

import pytest

from bundle import Receiver, whole_life
from harness.need import need
from harness.rootless import NAME, User
from not_rootless import NOT_ROOTLESS

FOLDER = pathlib.Path(__file__).parent


def pytest_collection_modifyitems(config, items):
    """Every row holds for root, and but for those of NOT_ROOTLESS for a plain user."""
    rootless = [(item, names(item)) for item in items
                if item.path.parent == FOLDER and "[rootless" in item.name]
    out = [item for item, both in rootless if NOT_ROOTLESS.keys() & both]
    whole = not config.getoption("keyword") and all("::" not in word for word in config.args)
    stale = NOT_ROOTLESS.keys() - {name for _, both in rootless for name in both}
    if whole and {item.path.name for item in items} >= {path.name for path in FOLDER.glob("test_*.py")} and stale:
        raise pytest.UsageError(f"not_rootless.py names rows that are not there: {sorted(stale)}")
    config.hook.pytest_deselected(items=out)
    items[:] = [item for item in items if item not in out]


def names(item):
    """What NOT_ROOTLESS may call it: "test" and "test[case]", the latter as it is without the user."""
    case = item.callspec.id.removeprefix("rootless").removeprefix("-")
    return {item.originalname, f"{item.originalname}[{case}]"}


@pytest.fixture(scope="session")
def plain_user():
    need(os.geteuid() == 0, "root")
    one = User(f"{NAME}-plain")
    yield one
    one.remove()


@pytest.fixture(params=["root", "rootless"])
def user(request):
    return request.getfixturevalue("plain_user") if request.param == "rootless" else None


@pytest.fixture
def bundle(user):
    yield from whole_life(user)


@pytest.fixture
def another_bundle(user):
    """A second one, for rows about two containers."""
    yield from whole_life(user)


@pytest.fixture
def receiver(bundle):
    one = Receiver(bundle.folder / "socket")
    yield one
    one.close()
