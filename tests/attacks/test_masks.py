"""What hides and protects paths, when the image or a volume has other files where the runtime looks for its own."""

import os
import pathlib
import stat

import pytest


def own_dev(bundle):
    """/dev comes from a folder that the attacker fills."""
    folder = bundle.folder / "dev"
    folder.mkdir()
    bundle.without_mount("/dev")
    bundle.bind(folder, "/dev")
    return folder


@pytest.mark.parametrize("fake", ["link", "file", "zero", "missing"])
def test_another_dev_null(bundle, outside, fake):
    """CVE-2025-31133 (runc), CVE-2025-62161 (youki): a mask is the host's /dev/null, checked, not the container's."""
    null = own_dev(bundle) / "null"
    if fake == "link":
        null.symlink_to(outside.path / "secret")
    elif fake == "file":
        null.write_text("the attacker's")
    elif fake == "zero":
        os.mknod(null, 0o666 | stat.S_IFCHR, os.makedev(1, 5))
    bundle.linux["maskedPaths"] = ["/etc/passwd"]
    assert bundle.sh("stat -c '%t:%T' /etc/passwd; wc -c < /etc/passwd") == "1:3\n0"


@pytest.mark.parametrize("field", ["maskedPaths", "readonlyPaths"])
@pytest.mark.parametrize("link", ["loop", "fd"])
def test_what_cannot_be_protected_is_not_started(bundle, field, link):
    """CVE-2025-31133: any error but 'there is no such file' ends the start."""
    (bundle.rootfs / "evil").symlink_to("/evil" if link == "loop" else "/proc/self/fd/1")
    bundle.linux[field].append("/evil")
    assert f"linux.{field}" in bundle.refused()


def test_a_mask_through_a_link_of_the_image(bundle, outside):
    """CVE-2025-31133: the host's file of that name is neither masked nor shown."""
    for way in outside.ways(pathlib.Path(".")):
        (bundle.rootfs / "evil").unlink(missing_ok=True)
        (bundle.rootfs / "evil").symlink_to(way + "/secret")
        bundle.linux["maskedPaths"] = ["/evil"]
        assert "the host's" not in bundle.run("cat", "/evil", check=False).stdout
        outside.assert_untouched()


def attacked_terminal(bundle, receiver):
    bundle.process["terminal"] = True
    done = bundle.run("true", check=False, flags=["--detach", "--console-socket", receiver.path])
    bundle.command("delete", "--force", bundle.id, check=False)
    return done


@pytest.mark.parametrize("fake", ["link", "file", "other device"])
def test_another_ptmx(bundle, outside, receiver, fake):
    """CVE-2025-52565 (runc): the terminal comes from a devpts or not at all."""
    folder = own_dev(bundle)
    (folder / "pts").mkdir()
    ptmx = folder / "pts/ptmx"
    if fake == "link":
        ptmx.symlink_to(outside.path / "ptmx")
    elif fake == "file":
        ptmx.write_text("")
    else:
        os.mknod(ptmx, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    done = attacked_terminal(bundle, receiver)
    assert done.returncode != 0 and "terminal" in done.stderr


def test_a_terminal_through_a_bound_file(bundle, outside, receiver):
    """CVE-2025-52565: a file of the host mounted where the terminal's multiplexer belongs."""
    bundle.bind(outside.path / "ptmx", "/dev/pts/ptmx", "bind")
    done = attacked_terminal(bundle, receiver)
    assert done.returncode != 0 and "terminal" in done.stderr


def test_dev_console_leads_into_proc(bundle, receiver):
    """CVE-2025-52565: a console over a file of /proc would be writable before that is protected, and cover it after."""
    bundle.without_mount("/dev")
    (bundle.rootfs / "dev/pts").mkdir()
    bundle.mount("/dev/pts", "devpts", "devpts", "newinstance", "ptmxmode=0666")
    (bundle.rootfs / "dev/console").symlink_to("/proc/version")
    assert attacked_terminal(bundle, receiver).returncode != 0
