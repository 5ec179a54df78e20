"""Runs the scripts of guest/ in the virtual machine: one boot, one test a script; those of guest/legacy with the
hierarchies that systemd mounts on legacy and on hybrid hosts, a boot each."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import machine  # noqa: E402  (the path above comes first)
from harness.need import need_program  # noqa: E402

GUEST = pathlib.Path(__file__).parent / "guest"
LEGACY = sorted((GUEST / "legacy").glob("*.sh"))
SCRIPTS = [path for path in sorted(GUEST.glob("**/*.sh")) if path not in LEGACY]
V1 = "systemd.unified_cgroup_hierarchy=0"
HOSTS = {"legacy": f"{V1} systemd.legacy_systemd_cgroup_controller=1", "hybrid": V1}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    need_program("qemu-system-x86_64")
    need_program("cpio")
    return machine.run(tmp_path_factory.mktemp("vm"), SCRIPTS)


@pytest.fixture(scope="module", params=HOSTS)
def legacy_results(request, tmp_path_factory):
    need_program("qemu-system-x86_64")
    need_program("cpio")
    return machine.run(tmp_path_factory.mktemp("vm"), LEGACY, options=HOSTS[request.param])


@pytest.mark.parametrize("script", LEGACY, ids=lambda path: path.stem)
def test_on_a_host_with_cgroup_v1(legacy_results, script):
    check(legacy_results, script)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_in_the_guest(results, script):
    check(results, script)


def check(results, script):
    assert script.stem in results, "the script never ended: " + str({k: v[0] for k, v in results.items()})
    code, output = results[script.stem]
    assert code == 0, output
