"""Symbolic links in an image, where the runtime mounts, makes, reads or writes on the container's behalf."""

import os
import pathlib
import shutil

import pytest

WAYS = [0, 1]  # absolute, and up out of the root filesystem


def replace(bundle, name, target):
    """The image has a link to `target` at `name`."""
    path = bundle.rootfs / name
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


@pytest.mark.parametrize("mounted", [True, False])
@pytest.mark.parametrize("way", WAYS)
def test_dev_is_a_link(bundle, outside, way, mounted):
    """CVE-2026-41579 (runc), CVE-2026-47766 (crun): devices, ptmx and links made through an image's /dev."""
    replace(bundle, "dev", outside.ways(pathlib.Path("."))[way])
    if not mounted:
        bundle.without_mount("/dev")
    bundle.run("true", check=False)
    outside.assert_untouched()


@pytest.mark.parametrize("way", WAYS)
def test_dev_is_a_link_and_there_is_a_terminal(bundle, outside, receiver, way):
    """CVE-2026-41579, CVE-2026-47766: /dev/console and /dev/ptmx with a terminal."""
    replace(bundle, "dev", outside.ways(pathlib.Path("."))[way])
    bundle.without_mount("/dev")
    bundle.process["terminal"] = True
    bundle.run("true", check=False, flags=["--detach", "--console-socket", receiver.path])
    bundle.command("delete", "--force", bundle.id, check=False)
    outside.assert_untouched()


@pytest.mark.parametrize("way", WAYS)
def test_dev_null_is_a_link(bundle, outside, way):
    """CVE-2026-88265 (crun), CVE-2025-31133 (runc): standard streams and masks opened through the image's /dev/null."""
    bundle.without_mount("/dev")
    replace(bundle, "dev/null", outside.ways(pathlib.Path("dev"))[way].rstrip("/") + "/null")
    bundle.linux["maskedPaths"].append("/etc/passwd")
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.run("sh", "-c", "echo owned; cat /etc/passwd", check=False)
    outside.assert_untouched()


@pytest.mark.parametrize("way", WAYS)
def test_dev_console_is_a_link(bundle, outside, receiver, way):
    """CVE-2026-88264 (crun): /dev/console made through the image's link."""
    bundle.without_mount("/dev")
    (bundle.rootfs / "dev/pts").mkdir()
    bundle.mount("/dev/pts", "devpts", "devpts", "newinstance", "ptmxmode=0666")
    replace(bundle, "dev/console", outside.ways(pathlib.Path("dev"))[way].rstrip("/") + "/made")
    bundle.process["terminal"] = True
    bundle.run("true", check=False, flags=["--detach", "--console-socket", receiver.path])
    bundle.command("delete", "--force", bundle.id, check=False)
    outside.assert_untouched()


@pytest.mark.parametrize("name,kind", [("proc", "proc"), ("sys", "sysfs")])
@pytest.mark.parametrize("target", ["/tmp", "/nowhere", "tmp/../tmp"])
def test_proc_or_sys_is_a_link(bundle, name, kind, target):
    """CVE-2023-27561, CVE-2023-28642 (runc), CVE-2025-54867 (youki): masks and labels then miss the real one."""
    replace(bundle, name, target)
    error = bundle.refused()
    assert f"mount '{kind}' on '/{name}'" in error and "must be mounted on ordinary directory" in error


def test_proc_is_a_link_and_the_hosts_is_bound_over_it(bundle):
    """CVE-2023-27561: the same for a bind."""
    replace(bundle, "proc", "/tmp")
    bundle.without_mount("/proc")
    bundle.bind("/proc", "/proc")
    assert "must be mounted on ordinary directory" in bundle.refused()


@pytest.mark.parametrize("kind", ["tmpfs", "bind", "file", "device", "cwd", "masked", "readonly", "copied"])
@pytest.mark.parametrize("way", WAYS)
def test_a_link_on_the_way_to_what_is_made(bundle, outside, way, kind):
    """CVE-2019-18837 (crun), CVE-2025-54867 (youki): mount points, devices, working directories are made in the root
    filesystem, wherever its links point."""
    replace(bundle, "data", outside.ways(pathlib.Path("."))[way])
    source = bundle.folder / "source"
    source.mkdir()
    (source / "file").write_text("bound")
    if kind == "tmpfs":
        bundle.mount("/data/made", "tmpfs", "tmpfs")
    elif kind == "copied":
        bundle.mount("/data", "tmpfs", "tmpfs", "tmpcopyup")
    elif kind == "bind":
        bundle.bind(source, "/data/made")
    elif kind == "file":
        bundle.bind(source / "file", "/data/secret")
    elif kind == "device":
        bundle.linux["devices"] = [{"path": "/data/made", "type": "c", "major": 1, "minor": 3}]
    elif kind == "cwd":
        bundle.process["cwd"] = "/data/made"
    else:
        bundle.linux[f"{kind}Paths"].append("/data/secret")
    done = bundle.run("sh", "-c", "cat /data/secret /data/../secret /data/../../secret; true", check=False)
    assert "the host's" not in done.stdout
    outside.assert_untouched()


@pytest.mark.parametrize("way", WAYS)
def test_users_are_not_looked_up_outside(bundle, outside, way):
    """CVE-2024-9676 (storage library of podman): passwd as a link to the host's file."""
    (outside.path / "secret").write_text("ada:x:1000:1000::/the/hosts/home:/bin/sh\n")
    outside.before = outside.look()
    (bundle.rootfs / "etc/passwd").unlink()
    replace(bundle, "etc/passwd", outside.ways(pathlib.Path("etc"))[way].rstrip("/") + "/secret")
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    assert bundle.sh("echo $HOME") == "/"


@pytest.mark.parametrize("what", ["fifo", "huge", "directory", "endless"])
def test_a_passwd_that_does_not_end(bundle, what):
    """CVE-2026-47262 (containerd), CVE-2024-9676: a file of users that blocks, or fills the memory of who reads it."""
    path = bundle.rootfs / "etc/passwd"
    path.unlink()
    if what == "fifo":
        os.mkfifo(path)
    elif what == "huge":
        with open(path, "wb") as file:
            file.truncate(1 << 40)
    elif what == "directory":
        path.mkdir()
    else:
        os.mknod(path, 0o644 | 0o020000, os.makedev(1, 5))
    done = bundle.run("sh", "-c", "echo $HOME", check=False)
    assert done.stdout == "/\n" if done.returncode == 0 else "etc/passwd" in done.stderr


@pytest.mark.parametrize("way", WAYS)
def test_nothing_of_a_virtual_machine_is_written(bundle, outside, way):
    """CVE-2025-24965 (crun with krun): the configuration of a machine, written through the image's link."""
    replace(bundle, ".krun_config.json", outside.ways(pathlib.Path("."))[way].rstrip("/") + "/made")
    bundle.config["annotations"] = {"run.oci.handler": "krun", "krun.cpus": "1"}
    bundle.run("true", check=False)
    outside.assert_untouched()
