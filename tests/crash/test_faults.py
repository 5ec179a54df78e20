"""System calls that fail: where a fallback is promised the container runs, elsewhere it fails closed with the step
named, and nothing is left."""

import pytest

from harness.faults import inject

# docs/kernel.md promises a fallback for each of these.
OPTIONAL = ["mount_setattr", "keyctl"]

# A hardening or set-up step that fails is fatal: {call: what the error names}.
FATAL = {
    "sethostname": "hostname",
    "pivot_root": "pivot",
    "capset": "capabilit",
    "setgroups": "supplementary groups",
    "setresuid": "become uid",
    "keyctl": "session keyring",
    "close_range": "close every other descriptor",
    "seccomp": "seccomp",
}


@pytest.fixture
def faulty(module_engine_factory):
    def start(call, error):
        one = module_engine_factory()
        one.start()
        one.cli("run", "--rm", "--network", "none", "estiba/busybox", "true")  # the image is there before faults are
        one.stop()
        one.start(inject(call, error))
        return one

    return start


@pytest.mark.parametrize("call", OPTIONAL)
def test_an_older_kernel_is_served_by_the_fallback(faulty, call):
    engine = faulty(call, "ENOSYS")
    assert engine.out("run", "--rm", "--network", "none", "estiba/busybox", "echo", "ran") == "ran"
    engine.kill()


def test_read_only_binds_are_read_only_without_mount_setattr(faulty, tmp_path):
    engine = faulty("mount_setattr", "ENOSYS")
    for option in (["-v", f"{tmp_path}:/data:ro"],
                   ["--mount", f"type=bind,source={tmp_path},target=/data,readonly"]):
        result = engine.cli("run", "--rm", "--network", "none", *option, "estiba/busybox", "touch", "/data/x",
                            check=False)
        assert "/data/x: Read-only file system" in result.stderr
    result = engine.cli("run", "--rm", "--network", "none", "--mount",
                        f"type=bind,source={tmp_path},target=/data,readonly,bind-recursive=readonly,"
                        "bind-propagation=rprivate", "estiba/busybox", "true", check=False)
    assert result.returncode == 125
    assert "recursive mount options need kernel 5.12" in result.stderr
    engine.kill()


def test_images_are_loaded_without_landlock(faulty):
    engine = faulty("landlock_create_ruleset", "ENOSYS")
    engine.cli("rmi", "estiba/busybox")
    assert engine.out("run", "--rm", "--network", "none", "estiba/busybox", "echo", "ran") == "ran"
    engine.kill()


def test_a_sandbox_that_is_refused_is_not_done_without(faulty):
    engine = faulty("landlock_create_ruleset", "EPERM")
    engine.cli("rmi", "estiba/busybox")
    result = engine.cli("run", "--rm", "--network", "none", "estiba/busybox", "echo", "ran", check=False)
    assert result.returncode == 125, result.stdout + result.stderr
    assert "Landlock" in result.stderr
    engine.kill()


@pytest.mark.parametrize("call", FATAL)
def test_a_failed_step_is_named_and_undone(faulty, call):
    engine = faulty(call, "EPERM")
    result = engine.cli("run", "--rm", "--network", "none", "estiba/busybox", "echo", "ran", check=False)
    assert result.returncode in (125, 126), result.stdout + result.stderr
    assert "ran" not in result.stdout
    assert FATAL[call] in result.stderr.lower()
    if call != "seccomp":  # seccomp that cannot be probed is taken for a kernel without it, and refused as such
        assert "Operation not permitted" in result.stderr
    engine.kill()
