"""What tests of several runs at a time share."""

import os
import stat

from harness.rootless import OpenTun


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_shared_device_is_put_back_by_the_last_one(tmp_path):
    device, lock = tmp_path / "tun", tmp_path / "lock"
    device.touch(0o600)
    first, second = OpenTun(device, lock), OpenTun(device, lock)
    assert mode_of(device) == 0o666
    first.close()
    assert mode_of(device) == 0o666
    second.close()
    assert mode_of(device) == 0o600


def test_the_next_one_puts_back_what_a_killed_one_has_not(tmp_path):
    device, lock = tmp_path / "tun", tmp_path / "lock"
    device.touch(0o600)
    os.close(OpenTun(device, lock).lock)  # all that the kernel does for it
    assert mode_of(device) == 0o666
    OpenTun(device, lock).close()
    assert mode_of(device) == 0o600


def test_a_device_that_is_open_to_all_stays_so(tmp_path):
    device = tmp_path / "tun"
    device.touch()
    device.chmod(0o666)
    OpenTun(device, tmp_path / "lock").close()
    assert mode_of(device) == 0o666
