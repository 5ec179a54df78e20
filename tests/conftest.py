"""Fixtures every test folder shares. `engine` is a whole Estiba of its own: an engine with its own data root, cgroup
parent and network namespace, and the leak check when the test ends."""

import os
import pathlib
import random
import signal
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from harness import whose  # noqa: E402  (the path above comes first)
from harness.engine import running  # noqa: E402
from harness.need import need  # noqa: E402


# nohup and shells without job control start us with these ignored, and programs under test would inherit that.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    if whose.ROOTLESS and not config.option.basetemp:
        config.option.basetemp = whose.base_folder() / "run"


def pytest_unconfigure(config):
    if whose.ROOTLESS and config.option.basetemp:
        whose.remove_base(config.option.basetemp)


@pytest.fixture(scope="session", autouse=True)
def whose_engines():
    """The user of a rootless run."""
    whose.begin()
    yield
    whose.end()


@pytest.fixture(scope="session")
def seed():
    """The run's seed (./check prints it; --seed N replays)."""
    return int(os.environ.get("ESTIBA_SEED", "1"))


@pytest.fixture
def rng(seed, request):
    return random.Random(f"{seed}:{request.node.nodeid}")


@pytest.fixture(scope="session")
def full():
    """True under ./check --long: the counts the issue names, not the sample."""
    return bool(os.environ.get("ESTIBA_LONG"))


@pytest.fixture
def engine(tmp_path):
    """A running engine; when the test ends nothing of its containers may be left on the host."""
    need(os.geteuid() == 0, "root")
    with running(whose.engine_in(tmp_path)) as one:
        yield one


@pytest.fixture
def module_engine_factory(tmp_path_factory):
    """Engines a test starts and configures by itself; each is checked and destroyed at the end."""
    made = []

    def make(**settings):
        one = whose.engine_in(tmp_path_factory.mktemp("engine"), **settings)
        made.append(one)
        return one

    try:
        yield make
        for one in made:
            one.remove_everything()
            one.assert_no_leaks()
    finally:
        for one in made:
            print(one.log_text()[-8000:])
            one.destroy()
