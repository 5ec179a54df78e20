"""The program that enters a container is a sealed copy of itself, made before the C library starts or, where that did
not work, after (CVE-2019-5736); commands that enter none make no copy."""

import subprocess

import pytest

from harness.faults import inject
from harness.need import need_program

# What the container's process executes, told by a hook while it is still ours.
TELL = "sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/' | xargs -I PID readlink /proc/PID/exe"


@pytest.mark.parametrize("prefix", [[], inject("memfd_create", "EINVAL", when=1)], ids=["early", "late"])
def test_who_enters_is_a_copy_in_memory(bundle, prefix):
    told = bundle.folder / "told"
    bundle.config["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", f"{TELL} > {told}"]}]}
    bundle.prefix = prefix
    bundle.run("true")
    assert told.read_text() == "/memfd:estiba-oci (deleted)\n"


def test_no_copy_means_no_container(bundle):
    bundle.prefix = inject("memfd_create", "ENOSYS")
    assert "copy this program" in bundle.refused("true")


def test_commands_that_enter_none_make_none(bundle):
    need_program("strace")
    with bundle.running():
        for command in (["state"], ["kill", bundle.id, "0"], ["list"]):
            words = bundle.words(command[0], *(command[1:] or [bundle.id] * (command[0] != "list")))
            traced = subprocess.run(["strace", "-qq", "--trace=memfd_create,execveat", *words], check=True,
                                    capture_output=True, text=True, timeout=20)
            assert traced.stderr == ""
