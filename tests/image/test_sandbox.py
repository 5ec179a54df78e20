"""What confines estiba-transfer, and what happens where the kernel cannot."""

import ctypes

import pytest

from harness.engine import BIN
from harness.faults import inject
from harness.need import need
from transfer import Failed, load

BUSYBOX = BIN.parent / "share/estiba/images/busybox.tar"
WARNING = "estiba-transfer runs without Landlock"
SYS_LANDLOCK_CREATE_RULESET = 444  # on every architecture
CREATE_RULESET_VERSION = 1


@pytest.fixture
def landlock():
    abi = ctypes.CDLL(None).syscall(SYS_LANDLOCK_CREATE_RULESET, None, 0, CREATE_RULESET_VERSION)
    need(abi >= 2, "Landlock with ABI 2")


@pytest.mark.parametrize("answer", ["ENOSYS", "EOPNOTSUPP", 1])
def test_without_landlock_for_renames_it_says_so_and_works(stores, answer):
    """No Landlock in the kernel, switched off at boot, or its first version, which forbids every such rename."""
    done = load(stores, BUSYBOX, wrap=inject("landlock_create_ruleset", answer))
    assert WARNING in done.log
    assert len(stores.layers()) == 1


@pytest.mark.usefixtures("landlock")
def test_a_ruleset_that_cannot_be_made_ends_it(stores):
    """Where Landlock is there, a failure of it is no reason to go on without."""
    with pytest.raises(Failed, match="enter the sandbox: make a Landlock ruleset"):
        load(stores, BUSYBOX, wrap=inject("landlock_create_ruleset", "ENOMEM", when=2))


@pytest.mark.usefixtures("landlock")
def test_with_landlock_it_says_nothing(stores):
    assert WARNING not in load(stores, BUSYBOX).log
