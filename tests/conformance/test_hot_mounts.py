"""mounts add and remove: on a container that runs, whose processes are hostile."""

import json
import os

import pytest

pytestmark = pytest.mark.skipif("ESTIBA_RUNTIME" in os.environ, reason="an extension that crun has by another contract")


def change(bundle, action, *mounts, check=True):
    return bundle.command("mounts", action, bundle.id, "-", check=check, stdin=None, input=json.dumps(mounts))


def bind(source, destination, *options):
    return {"destination": destination, "type": "bind", "source": str(source), "options": ["rbind", *options]}


@pytest.fixture
def data(bundle):
    folder = bundle.folder / "data"
    folder.mkdir()
    (folder / "file").write_text("content\n")
    return folder


def test_a_folder_comes_and_goes(bundle, data):
    with bundle.running():
        change(bundle, "add", bind(data, "/mnt/new", "ro"))
        assert bundle.exec("cat", "/mnt/new/file").stdout == "content\n"
        assert "Read-only file system" in bundle.exec("touch", "/mnt/new/x", check=False).stderr
        change(bundle, "remove", {"destination": "/mnt/new"})
        assert "No such file" in bundle.exec("cat", "/mnt/new/file", check=False).stderr


def test_a_file_comes_and_goes(bundle, data):
    (bundle.rootfs / "etc/motd").write_text("before\n")
    with bundle.running():
        change(bundle, "add", bind(data / "file", "/etc/motd"))
        assert bundle.exec("cat", "/etc/motd").stdout == "content\n"
        change(bundle, "remove", {"destination": "/etc/motd"})
        assert bundle.exec("cat", "/etc/motd").stdout == "before\n"


def test_a_tmpfs(bundle):
    with bundle.running():
        change(bundle, "add", {"destination": "/scratch", "type": "tmpfs", "source": "tmpfs", "options": ["size=64k"]})
        assert "size=64k" in bundle.exec("grep", " /scratch ", "/proc/mounts").stdout


def test_in_a_user_namespace_it_belongs_to_its_root(bundle, data):
    bundle.map_ids()
    with bundle.running():
        change(bundle, "add", {"destination": "/scratch", "type": "tmpfs", "source": "tmpfs", "options": ["size=64k"]},
               bind(data, "/data"))
        assert bundle.exec("stat", "-c", "%u", "/scratch").stdout == "0\n"
        bundle.exec("touch", "/scratch/x")
        assert bundle.exec("cat", "/data/file").stdout == "content\n"


def test_nothing_of_it_is_on_the_host(bundle, data):
    with open("/proc/self/mountinfo", encoding="utf-8") as before:
        count = len(before.readlines())
    with bundle.running():
        change(bundle, "add", bind(data, "/new"))
        with open("/proc/self/mountinfo", encoding="utf-8") as now:
            assert len(now.readlines()) == count


def test_all_or_none(bundle, data):
    with bundle.running():
        done = change(bundle, "add", bind(data, "/one"), bind("/no/such/source", "/two"), check=False)
        assert done.returncode == 1 and "mount 2 of 2" in done.stderr and "/no/such/source" in done.stderr
        assert " /one " not in bundle.exec("cat", "/proc/mounts").stdout


def test_the_last_of_two_at_one_place_goes_first(bundle, data):
    other = bundle.folder / "other"
    other.mkdir()
    (other / "file").write_text("other\n")
    with bundle.running():
        change(bundle, "add", bind(data, "/x"), bind(other, "/x"))
        assert bundle.exec("cat", "/x/file").stdout == "other\n"
        change(bundle, "remove", {"destination": "/x"})
        assert bundle.exec("cat", "/x/file").stdout == "content\n"
        change(bundle, "remove", {"destination": "/x"})


def test_a_link_inside_leads_no_further_than_the_root(bundle, data):
    outside = bundle.folder / "outside"
    outside.mkdir()
    with bundle.running():
        bundle.exec("ln", "-s", str(outside), "/away")
        change(bundle, "add", bind(data, "/away/in"))
        assert list(outside.iterdir()) == []
        assert bundle.exec("cat", f"{outside}/in/file").stdout == "content\n"  # below the container's own root


def test_only_what_was_added_can_be_removed(bundle):
    with bundle.running():
        for place in ("/proc/kcore", "/proc", "/"):
            assert "no mount was added" in change(bundle, "remove", {"destination": place}, check=False).stderr


def test_a_link_does_not_have_a_mask_removed(bundle, data):
    with bundle.running():
        change(bundle, "add", bind(data / "file", "/a/keys"))
        bundle.exec("sh", "-c", "mv /a /b; ln -s /proc /a")
        done = change(bundle, "remove", {"destination": "/a/keys"}, check=False)
        assert done.returncode == 1 and "unmount '/a/keys'" in done.stderr
        assert bundle.exec("sh", "-c", "wc -c < /proc/keys").stdout.strip() == "0"  # still masked


@pytest.mark.parametrize("mount, reason", [
    ({"destination": "/proc/sys", "type": "bind", "source": "/tmp", "options": ["bind"]}, "inside /proc"),
    ({"destination": "/p", "type": "proc", "source": "proc"}, "when the container starts"),
    ({"destination": "/s", "type": "sysfs", "source": "sysfs"}, "when the container starts"),
    ({"type": "tmpfs"}, "no destination"),
])
def test_what_is_refused(bundle, mount, reason):
    with bundle.running():
        assert reason in change(bundle, "add", mount, check=False).stderr


def test_a_container_that_does_not_run(bundle, data):
    bundle.create("true")
    bundle.start()
    bundle.wait_status("stopped")
    assert "container not running" in change(bundle, "add", bind(data, "/x"), check=False).stderr
    bundle.command("delete", bundle.id)
    assert "does not exist" in change(bundle, "add", bind(data, "/x"), check=False).stderr
