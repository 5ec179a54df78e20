"""Volumes under the engine: names that change, copies, what prune takes, and room that is bounded."""

import json
import os

import pytest

BOX = "estiba/busybox"
NONE = ("--network", "none")


def data(engine, volume):
    return engine.data_root / "volumes" / volume / "_data"


def names(engine, *filters):
    return engine.out("volume", "ls", "-q", *[word for each in filters for word in ("--filter", each)]).split()


def refused(engine, *arguments):
    result = engine.cli(*arguments, check=False)
    assert result.returncode == 1, result.stdout + result.stderr
    return result.stderr


# -- rename ------------------------------------------------------------------------------------------------------------

def test_stopped_containers_follow_a_volume_that_is_renamed(engine):
    engine.cli("volume", "create", "--label", "a=b", "old")
    engine.cli("run", "--name", "user", *NONE, "-v", "old:/d", "--mount", "type=volume,src=old,dst=/e", BOX, "sh", "-c",
               "echo line >> /d/f; wc -l < /e/f")
    engine.cli("volume", "rename", "old", "new")
    assert names(engine) == ["new"] and not data(engine, "old").exists()
    assert json.loads(engine.out("volume", "inspect", "new"))[0]["Labels"] == {"a": "b"}
    view = engine.inspect("user")
    assert {mount["Name"] for mount in view["Mounts"]} == {"new"} and view["HostConfig"]["Binds"] == ["new:/d"]
    assert engine.out("start", "-a", "user") == "2"
    assert "volume is in use" in refused(engine, "volume", "rm", "new")
    engine.cli("rm", "user")
    engine.cli("volume", "rm", "new")


def test_a_rename_that_cannot_be(engine):
    engine.cli("volume", "create", "one")
    engine.cli("volume", "create", "two")
    assert "volume already exists" in refused(engine, "volume", "rename", "one", "two")
    assert "no such volume" in refused(engine, "volume", "rename", "none", "x")
    assert "same name" in refused(engine, "volume", "rename", "one", "one")
    assert "Invalid local volume name" in refused(engine, "volume", "rename", "one", "../x")
    engine.cli("run", "-d", "--name", "user", *NONE, "-v", "one:/d", BOX, "sleep", "1000")
    says = refused(engine, "volume", "rename", "one", "three")
    assert "volume is in use by running container user" in says and "stop it first" in says
    engine.cli("rm", "-f", "user")
    engine.cli("volume", "rename", "one", "three")
    engine.cli("volume", "rm", "two", "three")


def test_an_anonymous_volume_that_gets_a_name_stays(engine):
    engine.cli("create", "--name", "user", *NONE, "-v", "/d", BOX, "true")
    engine.cli("volume", "rename", *names(engine), "kept")
    engine.cli("rm", "-v", "user")
    assert names(engine) == ["kept"]
    engine.cli("volume", "prune", "-f")
    assert names(engine) == ["kept"]
    engine.cli("volume", "rm", "kept")


# -- snapshot ----------------------------------------------------------------------------------------------------------

def test_a_snapshot_is_a_volume_of_its_own(engine):
    engine.cli("volume", "create", "--label", "a=b", "v")
    engine.cli("run", "--rm", *NONE, "-v", "v:/d", BOX, "sh", "-c",
               "echo x > /d/f; ln /d/f /d/g; ln -s f /d/l; mkdir -m 711 /d/dir; chown 7:8 /d/dir; mkfifo /d/p")
    os.setxattr(data(engine, "v") / "f", "user.mark", b"kept")
    assert engine.out("volume", "snapshot", "v", "copy") == "copy"
    assert json.loads(engine.out("volume", "inspect", "copy"))[0]["Labels"] == {"a": "b"}
    copy = data(engine, "copy")
    assert (copy / "f").stat().st_ino == (copy / "g").stat().st_ino != (data(engine, "v") / "f").stat().st_ino
    assert os.readlink(copy / "l") == "f" and os.getxattr(copy / "f", "user.mark") == b"kept"
    assert (copy / "dir").stat().st_uid == engine.host_id(7) and (copy / "p").is_fifo()
    engine.cli("run", "--rm", *NONE, "-v", "copy:/d", BOX, "sh", "-c", "echo y > /d/f")
    assert (data(engine, "v") / "f").read_text() == "x\n"
    assert "volume already exists" in refused(engine, "volume", "snapshot", "v", "copy")
    assert "no such volume" in refused(engine, "volume", "snapshot", "none", "x")
    engine.cli("volume", "rm", "v", "copy")


def test_a_volume_with_a_device_has_no_snapshots(engine):
    engine.cli("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "ram")
    assert "which only its containers mount" in refused(engine, "volume", "snapshot", "ram", "copy")
    engine.cli("volume", "rm", "ram")
    assert names(engine) == []


# -- ls and prune ------------------------------------------------------------------------------------------------------

def test_filters_of_ls(engine):
    for name, label in (("web-a", "tier=front"), ("web-b", "tier=back"), ("db", "tier=back")):
        engine.cli("volume", "create", "--label", label, name)
    engine.cli("create", "--name", "user", *NONE, "-v", "db:/d", BOX, "true")
    assert names(engine, "name=web") == ["web-a", "web-b"]
    assert names(engine, "label=tier=back") == ["db", "web-b"]
    assert names(engine, "label=tier", "name=web-a") == ["web-a"]
    assert names(engine, "dangling=true") == ["web-a", "web-b"]
    assert names(engine, "dangling=false") == ["db"]
    assert names(engine, "driver=local", "name=db") == ["db"] and names(engine, "driver=other") == []
    assert "invalid filter" in refused(engine, "volume", "ls", "--filter", "colour=red")
    engine.cli("rm", "user")
    engine.cli("volume", "rm", "web-a", "web-b", "db")


def test_prune_takes_the_anonymous_and_with_all_the_rest(engine):
    engine.cli("volume", "create", "--label", "keep=1", "labelled")
    engine.cli("volume", "create", "named")
    engine.cli("create", "--name", "gone", *NONE, "-v", "/d", BOX, "true")
    anonymous, = set(names(engine)) - {"labelled", "named"}
    engine.cli("rm", "gone")
    assert json.loads(engine.out("volume", "inspect", anonymous))[0]["Labels"] == {"com.docker.volume.anonymous": ""}
    assert anonymous in engine.out("volume", "prune", "-f") and names(engine) == ["labelled", "named"]
    engine.cli("volume", "prune", "-af", "--filter", "label!=keep")
    assert names(engine) == ["labelled"]
    engine.cli("volume", "prune", "-af")
    assert names(engine) == []


# -- sizes -------------------------------------------------------------------------------------------------------------

def test_sizes_are_refused_where_the_file_system_keeps_none(engine):
    """Where it does is tried in the virtual machine."""
    for command in (["run", "--rm", *NONE, "--storage-opt", "size=10m", BOX, "true"],
                    ["volume", "create", "-o", "size=10m", "v"]):
        result = engine.cli(*command, check=False)
        assert result.returncode in (1, 125)
        assert "size limits need project quotas" in result.stderr and "mount it with pquota" in result.stderr
    assert names(engine) == [] and engine.out("ps", "-aq") == ""


@pytest.mark.parametrize("option,says", [("colour=red", "Unknown option colour"), ("size=x", "invalid size: 'x'")])
def test_storage_options_that_are_none(engine, option, says):
    result = engine.cli("run", "--rm", *NONE, "--storage-opt", option, BOX, "true", check=False)
    assert result.returncode == 125 and says in result.stderr


# -- what an image puts into an empty volume ---------------------------------------------------------------------------

def test_an_empty_volume_takes_files_as_they_are(engine):
    engine.cli("run", "--name", "maker", *NONE, BOX, "sh", "-c",
               "mkdir -m 2711 /data; cd /data; echo x > a; ln a b; chown 7:8 a; chmod 4750 a; mkfifo -m 622 p; "
               "ln -s a l; touch -d @1000 a; touch -d @2000 /data")
    upper = next(engine.data_root.glob(f"snapshots/containers/{engine.inspect('maker')['Id']}/fs"))
    os.setxattr(upper / "data/a", "user.mark", b"kept")
    engine.cli("commit", "maker", "made:1")
    engine.cli("run", "--rm", *NONE, "-v", "v:/data", "made:1", "true")
    copy = data(engine, "v")
    a = (copy / "a").stat()
    assert a.st_ino == (copy / "b").stat().st_ino and a.st_nlink == 2
    assert (a.st_mode & 0o7777, a.st_mtime) == (0o4750, 1000)
    assert (a.st_uid, a.st_gid) == (engine.host_id(7), engine.host_id(8))
    assert os.getxattr(copy / "a", "user.mark") == b"kept" and os.readlink(copy / "l") == "a"
    assert (copy / "p").is_fifo() and (copy / "p").stat().st_mode & 0o7777 == 0o622
    assert (copy.stat().st_mode & 0o7777, copy.stat().st_mtime) == (0o2711, 2000)
    engine.cli("rm", "maker")
    engine.cli("volume", "rm", "v")
