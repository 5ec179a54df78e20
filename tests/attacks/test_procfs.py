"""What the runtime writes below /proc, and mounts that would have it written somewhere else."""

import os
import pathlib
import subprocess

import pytest

INSIDE = ["/proc/self/attr", "/proc/sys/kernel", "/proc/version", "//proc/./sys", "/tmp/../proc/sys", "proc/1"]


@pytest.fixture
def volume(bundle):
    """A shared folder that holds a procfs of the attacker's making."""
    folder = bundle.folder / "volume"
    for name in ("self/attr/apparmor", "sys/net/ipv4", "sys/kernel", "thread-self/attr"):
        (folder / name).mkdir(parents=True)
    for name in ("self/attr/exec", "self/attr/apparmor/exec", "sys/net/ipv4/ip_forward", "sys/kernel/domainname"):
        (folder / name).write_text("untouched")
    yield folder
    for path in folder.rglob("*"):
        assert path.is_dir() or path.read_text() == "untouched", path


@pytest.mark.parametrize("destination", ["/proc", "//proc/", "/tmp/../proc"])
def test_a_volume_over_proc(bundle, volume, destination):
    """CVE-2019-16884 (runc): labels and sysctls would be written into the volume."""
    bundle.bind(volume, destination)
    assert "mounts[6]" in bundle.refused()
    bundle.config["mounts"][-1] = {"destination": destination, "type": "tmpfs", "source": "tmpfs"}
    assert "takes a proc file system only" in bundle.refused()


@pytest.mark.parametrize("destination", INSIDE)
@pytest.mark.parametrize("bound", [True, False])
def test_a_mount_inside_proc(bundle, volume, destination, bound):
    """CVE-2019-16884, CVE-2019-19921, CVE-2025-52881 (runc), CVE-2025-62596 (youki)."""
    if bound:
        bundle.bind(volume, destination)
    else:
        bundle.mount(destination, "tmpfs", "tmpfs")
    assert "inside /proc" in bundle.refused()


@pytest.mark.parametrize("target,destination", [
    ("/proc/self/attr", "/evil"), ("/proc", "/evil"), ("/proc", "/evil/sys"), ("../proc/sys/kernel", "/evil"),
    ("/proc/version", "/evil"), ("/tmp/again", "/evil")])
@pytest.mark.parametrize("bound", [True, False])
def test_a_mount_inside_proc_through_a_link(bundle, volume, target, destination, bound):
    """CVE-2025-52881: a link of the image hides that the mount is in /proc."""
    (bundle.rootfs / "evil").symlink_to(target)
    (bundle.rootfs / "tmp/again").symlink_to("/proc/sys")
    if target.endswith("trigger"):
        bundle.bind(volume / "self/attr/exec", destination, "bind")
    elif bound:
        bundle.bind(volume, destination)
    else:
        bundle.mount(destination, "tmpfs", "tmpfs")
    error = bundle.refused()
    assert "inside /proc" in error and "mounts[6]" in error


def test_a_bound_device_over_a_file_of_proc(bundle):
    """CVE-2025-52881: devices that a user namespace binds go to no file of /proc either."""
    bundle.map_ids()
    (bundle.rootfs / "evil").symlink_to("/proc/version")
    bundle.linux["devices"] = [{"path": "/dev/null", "type": "c", "major": 1, "minor": 3}]
    bundle.without_mount("/dev")
    (bundle.rootfs / "dev/null").symlink_to("/proc/version")
    assert "linux.devices[0]" in bundle.refused()


def test_files_that_tell_of_the_machine_may_be_replaced(bundle):
    """What the refusals above leave alone: lxcfs's files."""
    source = bundle.folder / "uptime"
    source.write_text("1.00 1.00\n")
    bundle.bind(source, "/proc/uptime", "bind")
    assert bundle.run("cat", "/proc/uptime").stdout == "1.00 1.00\n"


def test_sysctls_are_the_kernels(bundle, volume):
    """CVE-2025-52881: written through the host's procfs, whatever the image has at /proc."""
    bundle.without_mount("/proc")
    os.rmdir(bundle.rootfs / "proc")
    os.rename(volume, bundle.rootfs / "proc")
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.domainname": "box.test"}
    bundle.create("sleep", "1000")
    pid = bundle.state()["pid"]
    try:
        assert (pathlib.Path(f"/proc/{pid}/root/proc/sys/net/ipv4/ip_forward")).read_text() == "untouched"
        assert bundle.command("exec", bundle.id, "hostname", "-d", check=False).stdout.strip() in ("box.test", "")
    finally:
        bundle.command("delete", "--force", bundle.id)
        os.rename(bundle.rootfs / "proc", volume)
    bundle.mount("/proc", "proc", "proc")
    (bundle.rootfs / "proc").mkdir()
    assert bundle.sh("cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/domainname") == "1\nbox.test"


@pytest.mark.parametrize("flags", [[], ["--no-pivot"]])
def test_a_procfs_without_masks_in_a_user_namespace_inside(bundle, flags):
    """What masks hide stays hidden where the root was moved instead of pivoted: the host's procfs is not there."""
    bundle.process["capabilities"] = {name: ["CAP_SETFCAP", "CAP_SETUID", "CAP_SETGID"]
                                      for name in ("bounding", "permitted", "effective")}
    done = bundle.run("unshare", "-mrpf", "mount", "-t", "proc", "none", "/proc", flags=flags, check=False)
    assert done.returncode != 0 and "denied" in done.stderr + done.stdout or "not permitted" in done.stderr


@pytest.mark.parametrize("places", [["/proc"], ["other"], ["/proc", "/proc", "other"]])
def test_a_procfs_that_the_host_has_elsewhere_or_twice(bundle, places):
    """As above, where the host's /proc lies over another one, or a procfs is mounted in some folder."""
    bundle.process["capabilities"] = {name: ["CAP_SETFCAP", "CAP_SETUID", "CAP_SETGID"]
                                      for name in ("bounding", "permitted", "effective")}
    bundle.process["args"] = ["unshare", "-mrpf", "mount", "-t", "proc", "none", "/proc"]
    bundle.save()
    (bundle.folder / "other").mkdir()
    mounts = [f"mount -t proc none {place}" for place in places]
    words = bundle.words("run", "--no-pivot", "--bundle", bundle.path, bundle.id)
    done = subprocess.run(["unshare", "-m", "sh", "-ec", "; ".join([*mounts, 'exec "$@"']), "sh", *words],
                          cwd=bundle.folder, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1 and "denied" in done.stderr + done.stdout or "not permitted" in done.stderr
