"""Runs the scripts of guest/ in the virtual machine: one boot, one test a script."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import machine  # noqa: E402  (the path above comes first)
from harness.need import need_program  # noqa: E402

SCRIPTS = sorted((pathlib.Path(__file__).parent / "guest").glob("**/*.sh"))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    need_program("qemu-system-x86_64")
    need_program("cpio")
    return machine.run(tmp_path_factory.mktemp("vm"), SCRIPTS)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_in_the_guest(results, script):
    assert script.stem in results, "the script never ended: " + str({k: v[0] for k, v in results.items()})
    code, output = results[script.stem]
    assert code == 0, output
