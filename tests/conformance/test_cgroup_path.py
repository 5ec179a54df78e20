"""Where a container's cgroups are, and those that were there before."""

import json
import pathlib

import pytest

from bundle import CGROUPS
from harness.need import need


# ---- where cgroups are ----

def test_a_relative_cgroup_path_is_found_again_from_another_cgroup(bundle):
    bundle.linux["cgroupsPath"] = f"{CGROUPS}/{bundle.id}"
    with bundle.running():
        record = json.loads((bundle.state_root / bundle.id / "state.json").read_text())
        assert record["cgroupPath"].startswith("/") and record["cgroupPath"].endswith(f"/{CGROUPS}/{bundle.id}")


NOWHERE = "umount -R /sys/fs/cgroup"
CLOSED = "for top in $(awk '$3 ~ /^cgroup/ {print $2}' /proc/mounts); do mount -o remount,bind,ro $top; done"


@pytest.mark.parametrize("host,reason", [(NOWHERE, "no cgroup mount found in mountinfo"), (CLOSED, "not writable")],
                         ids=["nowhere", "read-only"])
def test_root_has_no_container_without_a_cgroup(bundle, host, reason):
    """Nothing would say which devices it may open: refused as by runc and crun, unless none is asked for."""
    bundle.prefix = ["unshare", "--mount", "--propagation", "private", "sh", "-c", host + '; exec "$0" "$@"']
    assert reason in bundle.refused("true")
    bundle.command("explain", "--bundle", bundle.path)  # a plan can be looked at where it cannot be carried out
    del bundle.linux["cgroupsPath"]
    assert reason in bundle.refused("true")
    bundle.save()
    bundle.command("--cgroup-manager=disabled", "run", bundle.id)
    bundle.linux["resources"]["pids"] = {"limit": 5}
    bundle.save()
    done = bundle.command("--cgroup-manager=disabled", "run", bundle.id, check=False)
    assert done.returncode == 1 and "pids" in done.stderr, done.stderr


# ---- cgroups that were there before ----

def test_a_cgroup_of_a_hierarchy_that_is_not_used_stays(bundle):
    """The freezer of v1, where the unified hierarchy freezes: neither joined nor removed."""
    freezer = pathlib.Path("/sys/fs/cgroup/freezer")
    need((freezer / "freezer.state").exists() or (freezer / "cgroup.procs").exists(), "the freezer of cgroup v1")
    need(pathlib.Path("/sys/fs/cgroup/unified/cgroup.procs").exists(), "a unified hierarchy beside it")
    foreign = freezer / bundle.linux["cgroupsPath"][1:]
    foreign.mkdir(parents=True)
    try:
        with bundle.running():
            assert not (foreign / "cgroup.procs").read_text()
        assert foreign.is_dir()
    finally:
        foreign.rmdir()


def test_a_cgroup_that_holds_processes_is_refused(bundle, another_bundle):
    another_bundle.linux["cgroupsPath"] = bundle.linux["cgroupsPath"]
    with bundle.running():
        assert "container's cgroup is not empty" in another_bundle.refused("true")


def test_a_frozen_cgroup_is_refused(bundle):
    """It would never let the container's processes run."""
    unified = pathlib.Path("/sys/fs/cgroup/unified")
    top = unified if unified.is_dir() else unified.parent
    need((top / "cgroup.procs").exists(), "a unified hierarchy")
    folder = top / bundle.linux["cgroupsPath"][1:]
    folder.mkdir(parents=True)
    try:
        (folder / "cgroup.freeze").write_text("1")
        assert "container's cgroup unexpectedly frozen" in bundle.refused("true")
    finally:
        folder.rmdir()
