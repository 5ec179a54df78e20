"""What --mount and -v bring: parts of volumes, images, devices, tmpfs, and ids that are mapped."""

import json
import os
import pathlib
import signal
import stat
import subprocess
import threading

import pytest

from harness.need import need, need_program
from harness.tar import image_archive
from harness.wait import wait_until

BOX = "estiba/busybox"
NONE = ("--network", "none")


def run(engine, *arguments, **options):
    return engine.out("run", "--rm", *NONE, *arguments, **options)


def refused(engine, *arguments):
    result = engine.cli("run", "--rm", *NONE, *arguments, check=False)
    # As docker's, the command takes "no such file" for a program that is not there.
    assert result.returncode == (127 if "o such file" in result.stderr else 125), result.stdout + result.stderr
    return result.stderr


def data(engine, volume):
    return engine.data_root / "volumes" / volume / "_data"


@pytest.fixture
def volume(engine):
    """A volume 'v' with a folder 'sub' and a file in it."""
    engine.cli("volume", "create", "v")
    (data(engine, "v") / "sub").mkdir()
    (data(engine, "v") / "sub/file").write_text("beneath")
    yield data(engine, "v")
    engine.cli("volume", "rm", "v")


# -- subpaths ----------------------------------------------------------------------------------------------------------

def test_a_volumes_subpath(engine, volume):
    mount = "type=volume,source=v,target=/d,volume-subpath=sub"
    assert run(engine, "--mount", mount, BOX, "cat", "/d/file") == "beneath"
    run(engine, "--mount", mount, BOX, "touch", "/d/new")
    assert (volume / "sub/new").exists()


def test_a_missing_subpath_is_an_error_in_dockers_words(engine, volume):
    says = refused(engine, "--mount", "type=volume,source=v,target=/d,volume-subpath=none", BOX, "true")
    assert f"cannot access path {volume}/none: No such file or directory" in says


@pytest.mark.parametrize("subpath,says", [
    ("../x", "subpath must be a relative path within the volume"), ("/x", "must be a relative path"),
    ("a/../../x", "must be a relative path")])
def test_subpaths_that_lead_out_by_their_letters(engine, volume, subpath, says):
    assert says in refused(engine, "--mount", f"type=volume,source=v,target=/d,volume-subpath={subpath}", BOX, "true")


def test_a_container_that_swaps_its_subpath_for_a_link_gains_nothing(engine, volume, tmp_path):
    (tmp_path / "secret").write_text("of the host")
    (volume / "sub/file").unlink()
    engine.cli("create", "--name", "victim", *NONE, "--mount", "type=volume,source=v,target=/d,volume-subpath=sub",
               BOX, "cat", "/d/secret")
    run(engine, "-v", "v:/d", BOX, "sh", "-c", f"rmdir /d/sub; ln -s {tmp_path} /d/sub")
    result = engine.cli("start", "-a", "victim", check=False)
    assert "path concatenation escapes the base directory" in result.stderr and "of the host" not in result.stdout
    run(engine, "-v", "v:/d", BOX, "sh", "-c",
        "rm /d/sub; mkdir /d/other; echo fine > /d/other/secret; ln -s other /d/sub")
    assert engine.out("start", "-a", "victim") == "fine"  # a link that stays inside is one
    engine.cli("rm", "victim")


def test_subpaths_exchanged_while_containers_start(engine, volume, tmp_path):
    """What is checked must be what is mounted."""
    (tmp_path / "file").write_text("of the host")
    (volume / "link").symlink_to(tmp_path)
    over = threading.Event()

    def exchange():
        while not over.is_set():
            for old, new in (("sub", "away"), ("link", "sub"), ("away", "link")):
                os.rename(volume / old, volume / new)

    thread = threading.Thread(target=exchange)
    thread.start()
    try:
        for _ in range(20):
            result = engine.cli("run", "--rm", *NONE, "--mount", "type=volume,source=v,target=/d,volume-subpath=sub",
                                BOX, "cat", "/d/file", check=False)
            assert "of the host" not in result.stdout
    finally:
        over.set()
        thread.join()


# -- images ------------------------------------------------------------------------------------------------------------

@pytest.fixture
def image(engine, tmp_path):
    """An image of two layers, 'files:1'."""
    image_archive(tmp_path / "files.tar", "files:1",
                  [[("a", b"first", None), ("d/b", b"below", None)], [("a", b"second", None)]])
    engine.cli("load", "-i", tmp_path / "files.tar")
    return "files:1"


def test_an_image_is_mounted_read_only(engine, image):
    mount = f"type=image,source={image},target=/i"
    assert run(engine, "--mount", mount, BOX, "sh", "-c", "cat /i/a /i/d/b") == "secondbelow"
    result = engine.cli("run", "--rm", *NONE, "--mount", mount, BOX, "touch", "/i/x", check=False)
    assert "Read-only file system" in result.stderr
    assert run(engine, "--mount", mount + ",image-subpath=d", BOX, "ls", "/i") == "b"
    assert "cannot access path files:1/none" in refused(engine, "--mount", mount + ",image-subpath=none", BOX, "true")
    assert "No such image" in refused(engine, "--mount", "type=image,source=nowhere:1,target=/i", BOX, "true")


def test_a_mounted_image_stays_through_rmi_prune_and_restarts(engine, image):
    engine.cli("run", "-d", "--name", "user", *NONE, "--restart", "always", "--mount",
               f"type=image,source={image},target=/i", BOX, "sh", "-c", "echo $(cat /i/a); sleep 1000")
    assert engine.cli("rmi", "files:1", check=False).returncode == 1
    engine.cli("image", "prune", "-af")
    assert json.loads(engine.out("inspect", "user"))[0]["Mounts"][0] == {
        "Type": "image", "Source": "files:1", "Destination": "/i", "Mode": "", "RW": False, "Propagation": ""}
    wait_until(lambda: "second" in engine.out("logs", "user"), "it has read the image")
    pid = engine.state("user")["Pid"]
    engine.kill()
    os.kill(pid, signal.SIGKILL)  # its monitor runs the plan again, by itself
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "it has ended")
    engine.start()
    wait_until(lambda: engine.out("logs", "user").count("second") == 2, "the monitor has started it again")
    engine.cli("rm", "-f", "user")
    engine.cli("rmi", "files:1")


# -- tmpfs and validation ----------------------------------------------------------------------------------------------

def test_tmpfs_options(engine):
    mount = "type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=0711,tmpfs-options=exec"
    out = run(engine, "--mount", mount, BOX, "sh", "-c",
              "grep ' /t ' /proc/mounts; stat -c %a /t")
    assert "size=1024k" in out and "noexec" not in out and out.endswith("711")
    assert "invalid option: size" in refused(engine, "--mount", "type=tmpfs,target=/t,tmpfs-options=size", BOX, "true")


@pytest.mark.parametrize("mount,says", [
    ({"Type": "volume", "Target": "/d", "ReadOnly": True}, "must not set ReadOnly mode when using anonymous volumes"),
    ({"Type": "volume", "Target": "/d", "VolumeOptions": {"Subpath": "x"}},
     "must not set Subpath when using anonymous volumes"),
    ({"Type": "volume", "Source": "v", "Target": "/d", "BindOptions": {}}, "field BindOptions must not be specified"),
    ({"Type": "cluster", "Source": "v", "Target": "/d"}, "mount type unknown"),
    ({"Type": "image", "Target": "/d"}, "field Source must not be empty"),
])
def test_mounts_that_the_api_refuses(engine, mount, says):
    status, answer = engine.api("POST", "/v1.48/containers/create", {"Image": BOX, "Cmd": ["true"],
                                                                     "HostConfig": {"Mounts": [mount]}})
    assert status == 400 and says in answer["message"]


# -- the local driver's options ----------------------------------------------------------------------------------------

def test_a_volume_that_is_a_folder_of_the_host(engine, tmp_path):
    (tmp_path / "own").mkdir()
    engine.cli("volume", "create", "-o", "type=none", "-o", f"device={tmp_path}/own", "-o", "o=bind", "there")
    run(engine, "-v", "there:/d", BOX, "touch", "/d/made")
    assert (tmp_path / "own/made").exists()
    assert json.loads(engine.out("volume", "inspect", "there"))[0]["Options"] == {
        "type": "none", "device": f"{tmp_path}/own", "o": "bind"}
    engine.cli("volume", "rm", "there")
    assert (tmp_path / "own/made").exists()  # it was never ours


def test_a_tmpfs_volume(engine):
    engine.cli("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m,uid=7", "ram")
    out = run(engine, "-v", "ram:/d", BOX, "sh", "-c", "grep ' /d ' /proc/mounts; stat -c %u /d")
    assert "size=1024k" in out and out.endswith("7")
    engine.cli("volume", "rm", "ram")


def test_a_volume_on_a_block_device(engine, tmp_path):
    need_program("mkfs.ext4")
    need(os.path.exists("/dev/loop-control"), "loop devices")
    disk = tmp_path / "disk"
    with open(disk, "wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", disk], check=True)
    loop = subprocess.run(["losetup", "--find", "--show", disk], check=True, capture_output=True,
                          text=True).stdout.strip()
    try:
        engine.cli("volume", "create", "-o", "type=ext4", "-o", f"device={loop}", "disk")
        assert "lost+found" in run(engine, "-v", "disk:/d", BOX, "sh", "-c", "echo kept > /d/x; ls /d")
        # Two containers at once have the same file system, and with the last it is unmounted.
        engine.cli("run", "-d", "--name", "one", *NONE, "-v", "disk:/d", BOX, "sleep", "1000")
        assert run(engine, "-v", "disk:/d", BOX, "cat", "/d/x") == "kept"
        engine.cli("rm", "-f", "one")
        engine.cli("volume", "rm", "disk")
    finally:
        wait_until(lambda: subprocess.run(["losetup", "-d", loop], check=False, capture_output=True).returncode == 0
                   and not subprocess.run(["losetup", "-j", disk], capture_output=True, text=True, check=False).stdout,
                   "the device is free")


@pytest.mark.parametrize("options,says", [
    (["-o", "type=ext4"], 'missing required option: "device"'),
    (["-o", "device=/x"], 'missing required option: "type"'),
    (["-o", "o=bind"], 'missing required option: "device"'), (["-o", "speed=11"], 'invalid option: "speed"')])
def test_options_that_the_driver_refuses(engine, options, says):
    result = engine.cli("volume", "create", *options, "bad", check=False)
    assert result.returncode == 1 and "create bad: " + says in result.stderr
    assert engine.out("volume", "ls", "-q") == ""


def test_a_device_that_cannot_be_mounted_says_which(engine):
    engine.cli("volume", "create", "-o", "type=ext4", "-o", "device=/dev/null", "bad")
    says = refused(engine, "-v", "bad:/d", BOX, "true")
    assert "failed to mount local volume: mount /dev/null of type 'ext4'" in says
    engine.cli("volume", "rm", "bad")


def test_a_mount_makes_its_volume_with_labels_and_options(engine, tmp_path):
    run(engine, "--mount", "type=volume,source=made,target=/d,volume-label=a=b,volume-opt=type=none,volume-opt=o=bind,"
        f"volume-opt=device={tmp_path}", BOX, "touch", "/d/x")
    made = json.loads(engine.out("volume", "inspect", "made"))[0]
    assert made["Labels"] == {"a": "b"} and made["Options"]["device"] == str(tmp_path)
    assert (tmp_path / "x").exists()
    engine.cli("volume", "rm", "made")


# -- ids ---------------------------------------------------------------------------------------------------------------

def test_a_bind_with_mapped_ids_keeps_the_right_owner(engine, tmp_path):
    source = tmp_path / "source"
    source.mkdir(mode=0o700)
    os.chown(source, 1000, 1001)
    assert run(engine, "-v", f"{source}:/d:idmap=uids=1000-0-1;gids=1001-0-1", BOX, "sh", "-c",
               "stat -c %u:%g /d; touch /d/made; stat -c %u /d/made") == "0:0\n0"
    mount = f"type=bind,source={source},target=/d,idmap=uids=1000-0-1;gids=1001-0-1"
    assert run(engine, "--mount", mount, BOX, "stat", "-c", "%u:%g", "/d") == "0:0"
    made = (source / "made").stat()
    assert (made.st_uid, made.st_gid) == (1000, 1001)


def test_ids_cannot_be_mapped_on_a_file_system_that_cannot(engine):
    says = refused(engine, "-v", "/proc/sys:/d:idmap=uids=0-1-1", BOX, "true")
    assert "id-map mount source '/proc/sys'" in says and "its file system cannot be id-mapped" in says


def test_a_mapping_that_is_none_is_refused(engine, tmp_path):
    assert "has no user namespace" in refused(engine, "-v", f"{tmp_path}:/d:idmap", BOX, "true")
    assert "expected uids=" in refused(engine, "-v", f"{tmp_path}:/d:idmap=nonsense", BOX, "true")
    assert "id mappings overlap" in refused(engine, "-v", f"{tmp_path}:/d:idmap=uids=0-0-9#5-20-2", BOX, "true")


# -- user namespaces ---------------------------------------------------------------------------------------------------

def test_a_user_namespace_of_its_own_over_the_same_layers(engine):
    script = "cat /proc/self/uid_map; stat -c %u:%g /bin/busybox /etc/hosts; touch /made; stat -c %u /made"
    out = run(engine, "--userns", "auto", BOX, "sh", "-c", script).splitlines()
    inside, outside, count = map(int, out[0].split())
    assert (inside, count) == (0, 65536) and outside >= 1 << 30
    assert out[1:] == ["0:0", "0:0", "0"]


def test_what_is_written_is_on_disk_as_without_one(engine):
    engine.cli("run", "--name", "box", *NONE, "--userns", "auto:size=2000", BOX, "sh", "-c",
               "touch /mine /ada; chown 1000:1000 /ada; rm /etc/passwd; mkdir /dir")
    upper = pathlib.Path(json.loads(engine.out("inspect", "box"))[0]["GraphDriver"]["Data"]["UpperDir"])
    assert [(upper / name).stat().st_uid for name in ("mine", "ada", "dir")] == [0, 1000, 0]
    assert stat.S_ISCHR((upper / "etc/passwd").lstat().st_mode)
    engine.cli("start", "box")
    engine.cli("wait", "box")
    engine.cli("rm", "box")


def test_ids_are_a_containers_own_and_given_again(engine):
    def outside(name):
        return int(engine.out("exec", name, "cat", "/proc/self/uid_map").split()[1])
    for name in ("one", "two"):
        engine.cli("run", "-d", "--name", name, *NONE, "--userns", "auto", BOX, "sleep", "1000")
    first, second = outside("one"), outside("two")
    assert abs(first - second) >= 65536
    assert engine.out("exec", "one", "id", "-u") == "0"
    engine.cli("rm", "-f", "one")
    engine.cli("run", "-d", "--name", "three", *NONE, "--userns", "auto", BOX, "sleep", "1000")
    assert outside("three") == first
    engine.cli("restart", "-t", "0", "two")
    assert outside("two") == second


def test_a_volume_serves_every_user_namespace(engine):
    mount = ("-v", "shared:/d", BOX)
    run(engine, "--userns", "auto", *mount, "sh", "-c", "touch /d/root; touch /d/ada; chown 1000 /d/ada")
    assert run(engine, "--uidmap", "0:500000:3000", *mount, "stat", "-c", "%u", "/d/root", "/d/ada") == "0\n1000"
    assert run(engine, *mount, "stat", "-c", "%u", "/d/root", "/d/ada") == "0\n1000"
    engine.cli("volume", "rm", "shared")


def test_volumes_are_filled_from_the_image_with_its_owners(engine):
    engine.cli("create", "--name", "c", *NONE, "--userns", "auto", "-v", "fresh:/etc", BOX, "stat", "-c", "%u:%g",
               "/etc/passwd")
    assert engine.out("start", "-a", "c") == "0:0"
    assert (data(engine, "fresh") / "passwd").stat().st_uid == 0
    engine.cli("rm", "c")
    engine.cli("volume", "rm", "fresh")


def test_a_bind_follows_the_container_when_told_to(engine, tmp_path):
    source = tmp_path / "source"
    source.mkdir(mode=0o755)
    (source / "f").write_text("x")
    assert run(engine, "--userns", "auto", "-v", f"{source}:/d", BOX, "stat", "-c", "%u", "/d/f") == "65534"
    assert run(engine, "--userns", "auto", "-v", f"{source}:/d:idmap", BOX, "stat", "-c", "%u", "/d/f") == "0"
    assert run(engine, "--userns", "auto", "-v", f"{source}:/d:idmap=uids=@0-7-1;gids=@0-7-1", BOX, "stat", "-c", "%u",
               "/d/f") == "7"


def test_what_a_user_namespace_cannot_be_combined_with(engine):
    says = refused(engine, "--userns", "auto", "--privileged", BOX)
    assert "privileged mode is incompatible with user namespaces" in says
    result = engine.cli("run", "--rm", "--network", "host", "--userns", "auto", BOX, check=False)
    assert "cannot share the host's network namespace when user namespaces are enabled" in result.stderr
    assert "invalid USER mode" in refused(engine, "--userns", "keep", BOX)
    assert "--userns and --uidmap" in refused(engine, "--userns", "auto", "--uidmap", "0:1:1", BOX)


def test_a_network_and_a_published_port_work_in_a_user_namespace(engine):
    engine.cli("run", "-d", "--name", "web", "--userns", "auto", "-p", "8080", BOX, "sh", "-c",
               "echo hello > /index.html; httpd -f -p 8080 -h /")
    port = engine.out("port", "web", "8080").splitlines()[0].rsplit(":", 1)[1]
    wait_until(lambda: engine.host.run("curl", "-s", f"http://127.0.0.1:{port}/", check=False).stdout == "hello\n",
               "the container answers")


def test_the_engine_can_give_everyone_a_user_namespace(module_engine_factory):
    one = module_engine_factory(extra_config='[userns]\nmode = "auto"\nids = "700000:200000"\n')
    one.start()
    assert one.out("run", "--rm", *NONE, BOX, "cat", "/proc/self/uid_map").split() == ["0", "700000", "65536"]
    assert one.out("run", "--rm", *NONE, "--userns", "host", BOX, "cat", "/proc/self/uid_map").split()[1] == "0"
    for name in "abc":
        one.cli("create", "--name", name, *NONE, BOX)
    says = one.cli("create", "--name", "d", *NONE, BOX, check=False).stderr
    assert "no 65536 ids in a row are free for a user namespace" in says


# -- docker's own command ---------------------------------------------------------------------------------------------

def test_dockers_command_asks_for_them_too(engine, volume, image, tmp_path):
    programs = [os.path.join(folder, "docker") for folder in os.environ["PATH"].split(":")]
    program = next((path for path in programs if os.access(path, os.X_OK) and "28." in subprocess.run(
        [path, "--version"], capture_output=True, text=True, check=True).stdout), None)
    if program is None:
        pytest.skip("docker 28's command is not here: Debian's knows none of this")
    run(engine, BOX, "true")  # the built-in image is there

    def docker(*arguments):
        return engine.docker("run", "--rm", *NONE, *arguments, program=program).stdout.strip()
    assert docker("--mount", "type=volume,source=v,target=/d,volume-subpath=sub", BOX, "cat", "/d/file") == "beneath"
    assert docker("--mount", f"type=image,source={image},target=/i", BOX, "cat", "/i/a") == "second"
    assert docker("--mount", f"type=volume,source=o,target=/d,volume-opt=type=none,volume-opt=device={tmp_path},"
                  "volume-opt=o=bind", BOX, "ls", "/d").split().count("files.tar") == 1
    engine.docker("volume", "rm", "o")
