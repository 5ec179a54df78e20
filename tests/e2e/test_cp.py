"""cp, both ways: by this command line and by docker's, and what the archive calls answer."""

import base64
import contextlib
import http.client
import io
import json
import os
import signal
import socket
import subprocess
import tarfile
import threading

import pytest

from harness.need import need_program
from harness.wait import wait_until

IMAGE = "estiba/busybox"
QUIET = ("--network", "none")
BIG = 96 << 20  # far more than engine and pipes may hold


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("engine", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self.path))


def ask(engine, method, path, body=None, **headers):
    connection = UnixConnection(engine.socket)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def stat_of(headers):
    return json.loads(base64.b64decode(headers["X-Docker-Container-Path-Stat"]))


def names(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return tar.getnames()


def raw_names(data):
    """As they stand in the headers: tarfile takes slashes off."""
    out, at = [], 0
    while data[at:at + 1] not in (b"\0", b""):
        if data[at + 156:at + 157] != b"x":  # a pax header, of a time's nanoseconds
            out.append(data[at:at + 100].rstrip(b"\0").decode())
        at += 512 + -(-int(data[at + 124:at + 135], 8) // 512) * 512
    return out


def archive(*members):
    """A tar of (name, type, content or link)."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, kind, what in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            info.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
            if kind == tarfile.REGTYPE:
                info.size = len(what)
            else:
                info.linkname = what
            tar.addfile(info, io.BytesIO(what) if kind == tarfile.REGTYPE else None)
    return file.getvalue()


FILE, DIRECTORY, LINK, HARD = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE


@pytest.fixture(params=["running", "paused", "stopped", "created"])
def box(engine, request):
    """A container in each state; of those that have run, with files of their own."""
    state = request.param
    options = ("--name", "box", *QUIET, "-v", "data:/data", IMAGE, "sh", "-c",
               "mkdir -p /d/sub && echo one > /d/one && echo two > /d/sub/two && ln -s /d/one /l; "
               "ln -s /d /ld; echo in > /data/file; : > /ready; exec sleep 1000")
    if state == "created":
        engine.cli("create", *options)
        return state
    engine.cli("run", "-d", *options)
    wait_until(lambda: engine.cli("exec", "box", "test", "-e", "/ready", check=False).returncode == 0, "its files")
    if state == "stopped":
        engine.cli("stop", "-t", "0", "box")
    if state == "paused":
        engine.cli("pause", "box")
    return state


@pytest.fixture(params=["estiba", "docker"])
def cp(engine, request):
    """`cp` of one of both command lines."""
    if request.param == "docker":
        need_program("docker")
    engine.cli("create", "--name", "first", *QUIET, IMAGE)  # the built-in image is there

    def run(*arguments, code=0, **options):
        command = engine.docker if request.param == "docker" else engine.cli
        result = command("cp", *arguments, check=False, **options)
        assert result.returncode == code, f"{result.stdout} {result.stderr}"
        return result.stderr

    return run


def test_files_come_and_go_in_every_state(engine, box, cp, tmp_path):
    (tmp_path / "file").write_text("from here")
    cp(tmp_path / "file", "box:/tmp/")
    cp("box:/tmp/file", tmp_path / "back")
    assert (tmp_path / "back").read_text() == "from here"
    cp(tmp_path / "file", "box:/data/put")
    assert (engine.data_root / "volumes/data/_data/put").read_text() == "from here"
    (engine.data_root / "volumes/data/_data/seen").write_text("in the volume")
    cp("box:/data/seen", tmp_path)
    assert (tmp_path / "seen").read_text() == "in the volume"
    if box == "created":
        return
    cp("box:/d", tmp_path / "copy")
    assert (tmp_path / "copy/one").read_text() == "one\n"
    assert (tmp_path / "copy/sub/two").read_text() == "two\n"
    if box == "paused":
        engine.cli("unpause", "box")
    if box == "stopped":
        engine.cli("start", "box")
    assert engine.out("exec", "box", "cat", "/tmp/file", "/data/put") == "from herefrom here"


def test_a_container_that_was_copied_into_starts(engine, cp, tmp_path):
    (tmp_path / "script").write_text("#!/bin/sh\necho it ran\n")
    os.chmod(tmp_path / "script", 0o755)
    engine.cli("create", "--name", "box", *QUIET, "-v", "/not/in/the/image", IMAGE, "/usr/script")
    (tmp_path / "tree/deep").mkdir(parents=True)
    (tmp_path / "tree/deep/file").write_text("x")
    cp(tmp_path / "script", "box:/usr/")
    cp(tmp_path / "tree", "box:/not/in/the/image/tree")
    assert engine.out("start", "-a", "box") == "it ran"


# docker cp's table: source and destination, what is there before, and where the content has to be afterwards.
@pytest.mark.parametrize("source,destination,landed", [
    ("file", "new", "new"), ("file", "dir", "dir/file"), ("file", "dir/", "dir/file"), ("file", "old", "old"),
    ("tree", "new", "new/inner"), ("tree/", "new", "new/inner"), ("tree/.", "new", "new/inner"),
    ("tree", "dir", "dir/tree/inner"), ("tree/", "dir", "dir/tree/inner"), ("tree/.", "dir", "dir/inner"),
    ("tree", "new/", "new/inner"), ("link", "new", "new"), ("todir/", "dir", "dir/todir/inner")])
@pytest.mark.parametrize("way", ["in", "out"])
def test_what_is_copied_where(engine, cp, tmp_path, way, source, destination, landed):
    here = tmp_path / "here"
    here.mkdir()
    engine.cli("run", "-d", "--name", "box", *QUIET, "-v", f"{tmp_path / 'there'}:/there", IMAGE, "sleep", "1000")
    there = tmp_path / "there"
    of, to = (here, there) if way == "in" else (there, here)
    (of / "tree").mkdir()
    (of / "tree/inner").write_text("content")
    (of / "file").write_text("content")
    (of / "link").symlink_to("file")
    (of / "todir").symlink_to("tree")
    (to / "dir").mkdir()
    (to / "old").write_text("before")
    if way == "in":
        cp(f"{here}/{source}", f"box:/there/{destination}")
    else:
        cp(f"box:/there/{source}", f"{here}/{destination}")
    if source == "link":
        assert os.readlink(to / landed) == "file"
    else:
        assert (to / landed).read_text() == "content"


@pytest.mark.parametrize("arguments,says", [
    (("box:/etc/passwd", "box:/tmp"), "copying between containers is not supported"),
    (("/etc/passwd", "/tmp"), "must specify at least one container source"),
    (("/etc/passwd", "box:/new/"), "no such directory"),
    (("{here}", "box:/etc/passwd"), "cannot copy directory"),
    (("box:/nothing", "{here}"), "Could not find the file /nothing in container box"),
    (("/etc/passwd", "box:/nothing/file"), "Could not find the file /nothing in container box"),
    (("/etc/passwd", "none:/tmp"), "No such container: none"),
    (("box:/etc/passwd", "{here}/nothing/file"), "nothing\" does not exist"),
    (("{here}/nothing", "box:/tmp"), "no such file or directory"),
    (("-", "box:/etc/passwd"), "must be a directory"),
    (("/etc/passwd", "box:/dev/null"), "got a device"),
    (("", "box:/tmp"), "source can not be empty")])
def test_refusals_are_dockers(engine, cp, tmp_path, arguments, says):
    engine.cli("run", "-d", "--name", "box", *QUIET, IMAGE, "sleep", "1000")
    complaint = cp(*(one.format(here=tmp_path) for one in arguments), code=1, input="")
    # Docker's command has words of its own for every 404 before release 22.
    assert says.lower() in complaint.lower() or "No such container:path: " in complaint


def test_links_are_followed_when_asked(engine, cp, tmp_path):
    engine.cli("run", "-d", "--name", "box", *QUIET, IMAGE, "sh", "-c",
               "echo x > /file; ln -s file /link; mkdir /d; echo y > /d/in; ln -s /d /todir; : > /ready; sleep 1000")
    wait_until(lambda: engine.cli("exec", "box", "test", "-e", "/ready", check=False).returncode == 0, "its files")
    cp("-L", "box:/link", tmp_path)
    assert not (tmp_path / "link").is_symlink() and (tmp_path / "link").read_text() == "x\n"
    cp("-L", "box:/todir", tmp_path)
    assert (tmp_path / "todir/in").read_text() == "y\n"
    (tmp_path / "mine").symlink_to("link")
    cp("-L", tmp_path / "mine", "box:/got")
    assert engine.out("exec", "box", "sh", "-c", "readlink /got; cat /got") == "x"
    cp(tmp_path / "mine", "box:/kept")
    assert engine.out("exec", "box", "readlink", "/kept") == "link"


def test_a_whole_tree_comes_back_as_it_was(engine, cp, tmp_path):
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub/file").write_bytes(b"content")
    os.chmod(tree / "sub/file", 0o6751)
    os.link(tree / "sub/file", tree / "second")
    os.symlink("/etc/passwd", tree / "absolute")
    os.symlink("nowhere", tree / "dangling")
    with open(os.fsencode(tree) + b"/\xff\xfe name\n", "wb") as odd:
        odd.write(b"odd")
    (tree / ("n" * 255)).write_bytes(b"long")
    os.utime(tree / "sub", ns=(10**18, 10**18))
    for state in ("created", "running"):
        if state == "created":
            engine.cli("create", "--name", "box", *QUIET, IMAGE, "sleep", "1000")
        else:
            engine.cli("start", "box")
        cp(tree, f"box:/{state}")
        cp(f"box:/{state}", tmp_path / state)
        got = tmp_path / state
        assert sorted(os.listdir(os.fsencode(got))) == sorted(os.listdir(os.fsencode(tree)))
        assert os.stat(got / "sub/file").st_mode == os.stat(tree / "sub/file").st_mode
        assert os.stat(got / "second").st_ino == os.stat(got / "sub/file").st_ino
        assert os.readlink(got / "absolute") == "/etc/passwd"
        assert os.stat(got / "sub").st_mtime_ns // 10**9 == 10**9


def test_a_tar_goes_through_standard_input_and_output(engine, cp, tmp_path):
    engine.cli("run", "-d", "--name", "box", *QUIET, IMAGE, "sleep", "1000")
    (tmp_path / "in.tar").write_bytes(archive(("made/", DIRECTORY, ""), ("made/file", FILE, b"tarred")))
    with open(tmp_path / "in.tar", "rb") as file:
        cp("-", "box:/tmp", stdin=file)
    assert engine.out("exec", "box", "cat", "/tmp/made/file") == "tarred"
    taken = subprocess.run(engine.command("cp", "box:/tmp/made", "-"), env=engine.environment(), capture_output=True,
                           timeout=60, check=True)
    assert names(taken.stdout) == ["made", "made/file"]
    assert taken.stderr == b""


def test_owners_are_the_archives_or_the_users(engine, tmp_path):
    engine.cli("create", "--name", "root", *QUIET, IMAGE)
    engine.cli("create", "--name", "user", "-u", "1234:77", *QUIET, IMAGE)
    (tmp_path / "file").write_text("x")
    os.chown(tmp_path / "file", 4321, 99)

    def owner(box):
        _, _, data = ask(engine, "GET", f"/containers/{box}/archive?path=/tmp/file")
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            return tar.next().uid, tar.getmembers()[0].gid

    for box, plain, with_a in (("root", (4321, 99), (4321, 99)), ("user", (4321, 99), (1234, 77))):
        engine.cli("cp", tmp_path / "file", f"{box}:/tmp")
        assert owner(box) == plain
        engine.cli("cp", "-a", tmp_path / "file", f"{box}:/tmp")
        assert owner(box) == with_a
    engine.cli("cp", "user:/tmp/file", tmp_path / "mine")
    assert os.stat(tmp_path / "mine").st_uid == engine.uid


def test_a_read_only_place_is_refused(engine, cp, tmp_path):
    (tmp_path / "file").write_text("x")
    for state in ("created", "running"):
        engine.cli("create" if state == "created" else "run", *(("-d",) if state == "running" else ()), "--name", state,
                   "--read-only", "-v", "data:/data:ro", "-v", "free:/free", *QUIET, IMAGE, "sleep", "1000")
        assert "container rootfs is marked read-only" in cp(tmp_path / "file", f"{state}:/tmp", code=1)
        assert "mounted volume is marked read-only" in cp(tmp_path / "file", f"{state}:/data", code=1)
        cp(tmp_path / "file", f"{state}:/free")
        for path, status in (("/tmp", 403), ("/data", 403), ("/free", 200), ("/etc/passwd", 400), ("/none", 404)):
            got, _, body = ask(engine, "PUT", f"/containers/{state}/archive?path={path}", archive())
            assert got == status, body


def test_a_link_to_a_read_only_place_lets_nothing_in(engine):
    engine.cli("run", "-d", "--name", "box", "--read-only", "-v", "free:/free", *QUIET, IMAGE, "sh", "-c",
               "ln -s /etc /free/etc; ln -s /proc/sys /free/proc; : > /free/ready; sleep 1000")
    wait_until(lambda: (engine.data_root / "volumes/free/_data/ready").exists(), "the links")
    for entry in ("etc/made", "proc/made", "proc/kernel/made"):
        status, _, body = ask(engine, "PUT", "/containers/box/archive?path=/free", archive((entry, FILE, b"x")))
        assert status != 200, body
    assert engine.cli("exec", "box", "ls", "/etc/made", check=False).returncode == 1


def test_tmpfs_mounts_of_a_running_container_are_seen(engine, cp, tmp_path):
    engine.cli("run", "-d", "--name", "box", "--tmpfs", "/fast", *QUIET, IMAGE, "sh", "-c",
               "echo t > /fast/file; : > /fast/ready; sleep 1000")
    wait_until(lambda: engine.cli("exec", "box", "test", "-e", "/fast/ready", check=False).returncode == 0, "its files")
    cp("box:/fast/file", tmp_path)
    assert (tmp_path / "file").read_text() == "t\n"
    cp(tmp_path / "file", "box:/fast/put")
    assert engine.out("exec", "box", "cat", "/fast/put") == "t"


# ---- on the wire

def test_the_stat_header_is_dockers(engine, box):
    status, headers, body = ask(engine, "HEAD", "/v1.41/containers/box/archive?path=/etc/")
    assert (status, body) == (200, b"")
    stat = stat_of(headers)
    assert list(stat) == ["name", "size", "mode", "mtime", "linkTarget"]
    assert (stat["name"], stat["mode"], stat["linkTarget"]) == ("etc", 1 << 31 | 0o755, "")
    assert stat["mtime"].endswith("Z")
    assert stat_of(ask(engine, "HEAD", "/containers/box/archive?path=/tmp")[1])["mode"] == 1 << 31 | 1 << 20 | 0o777
    assert stat_of(ask(engine, "HEAD", "/containers/box/archive?path=/")[1])["name"] == "/"
    assert ask(engine, "HEAD", "/containers/box/archive?path=/none")[0] == 404
    assert ask(engine, "GET", "/containers/none/archive?path=/")[0] == 404
    if box != "created":
        stat = stat_of(ask(engine, "HEAD", "/containers/box/archive?path=/l")[1])
        assert (stat["mode"], stat["linkTarget"]) == (1 << 27 | 0o777, "/d/one")
        assert stat_of(ask(engine, "HEAD", "/containers/box/archive?path=ld/.")[1])["name"] == "."


def test_entries_are_named_from_the_last_name(engine, box):
    if box == "created":
        return
    tree = ["d/", "d/one", "d/sub/", "d/sub/two"]
    for path, expected in (("/d", tree), ("/d/", tree),
                           ("/d/.", ["./", "./one", "./sub/", "./sub/two"]), ("/d/one", ["one"]), ("/l", ["l"]),
                           ("/ld", ["ld"]), ("/ld/", ["ld/", "ld/one", "ld/sub/", "ld/sub/two"])):
        _, headers, data = ask(engine, "GET", f"/containers/box/archive?path={path}")
        assert raw_names(data) == expected, path
        assert headers["Content-Type"] == "application/x-tar"
        assert "X-Docker-Container-Path-Stat" in headers
    _, headers, data = ask(engine, "GET", "/containers/box/archive?path=/d", **{"Accept-Encoding": "gzip"})
    assert headers["Content-Encoding"] == "gzip" and data[:2] == b"\x1f\x8b"


def test_the_whole_root_has_nothing_of_the_kernels(engine):
    engine.cli("run", "-d", "--name", "box", *QUIET, IMAGE, "sleep", "1000")
    _, _, data = ask(engine, "GET", "/containers/box/archive?path=/")
    found = raw_names(data)
    assert found[0] == "/" and "/etc/" in found and "/proc/" in found
    assert not [name for name in found if name.startswith(("/proc/", "/sys/", "/dev/")) and name.count("/") > 2]
    assert ask(engine, "HEAD", "/containers/box/archive?path=/proc/1/environ")[0] == 404
    assert raw_names(ask(engine, "GET", "/containers/box/archive?path=/proc")[2]) == ["proc/"]


def test_what_a_put_may_replace(engine, box):
    url = "/containers/box/archive?path=/tmp"
    assert ask(engine, "PUT", url, archive(("a/", DIRECTORY, ""), ("a/in", FILE, b"1"), ("f", FILE, b"2")))[0] == 200
    keep = url + "&noOverwriteDirNonDir=true"
    status, _, body = ask(engine, "PUT", keep, archive(("a", FILE, b"3")))
    assert status == 400 and b"cannot overwrite directory" in body
    status, _, body = ask(engine, "PUT", keep, archive(("f/", DIRECTORY, "")))
    assert status == 400 and b"cannot overwrite non-directory" in body
    assert ask(engine, "PUT", url, archive(("a", FILE, b"3"), ("f/", DIRECTORY, ""), ("f/x", FILE, b"4")))[0] == 200
    data = ask(engine, "GET", "/containers/box/archive?path=/tmp/.")[2]
    assert {"./a", "./f", "./f/x"} <= set(names(data)) and "./a/in" not in names(data)
    for bad in ("../out", "/../out", "a/../../out"):
        assert ask(engine, "PUT", url, archive((bad, FILE, b"x")))[0] == 400
    assert ask(engine, "PUT", url, b"no archive at all, but long enough" * 40)[0] == 400


def test_a_put_follows_links_within_the_container(engine):
    """What testcontainers does: one archive for "/", with paths whose parents are links."""
    engine.cli("run", "-d", "--name", "box", *QUIET, IMAGE, "sh", "-c",
               "mkdir -p /real/deep && ln -s /real /way && ln -s ../real/deep /tmp/up; : > /ready; sleep 1000")
    wait_until(lambda: engine.cli("exec", "box", "test", "-e", "/ready", check=False).returncode == 0, "the links")
    members = [("way/deep/a", FILE, b"A"), ("tmp/up/b", FILE, b"B"), ("way/made/c", FILE, b"C"), ("/abs/d", FILE, b"D")]
    status, _, body = ask(engine, "PUT", "/containers/box/archive?path=/", archive(*members))
    assert status == 200, body
    assert engine.out("exec", "box", "cat", "/real/deep/a", "/real/deep/b", "/real/made/c", "/abs/d") == "ABCD"


# ---- nothing is left, and little is held

def memory(pid):
    with open(f"/proc/{pid}/status") as status:
        return {line.split(":")[0]: int(line.split()[1]) for line in status if line.startswith(("VmRSS", "VmHWM"))}


def test_a_big_file_goes_through_in_bounded_memory(engine, tmp_path):
    engine.cli("run", "-d", "--name", "box", *QUIET, "-v", "data:/data", IMAGE, "sleep", "1000")
    big = tmp_path / "big"
    with open(big, "wb") as file:
        for _ in range(BIG >> 20):
            file.write(os.urandom(1 << 20))
    pid = engine.engines()[0]
    before = memory(pid)["VmHWM"]
    engine.cli("cp", big, "box:/data/")
    engine.cli("cp", "box:/data/big", tmp_path / "back")
    assert memory(pid)["VmHWM"] - before < 24 << 10  # kB
    assert subprocess.run(["cmp", big, tmp_path / "back"]).returncode == 0


def begin_put(engine, data, length):
    """A connection that has sent the first bytes of an archive, when they have reached the program that unpacks it."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(engine.socket))
    head = f"PUT /containers/box/archive?path=/tmp HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
    connection.sendall(head.encode() + data)
    wait_until(lambda: transfers(engine), "the transfer")
    return connection


@pytest.mark.parametrize("state", ["running", "created"])
def test_who_leaves_in_the_middle_leaves_nothing_behind(engine, state, tmp_path):
    engine.cli("create", "--name", "box", *QUIET, "-v", "data:/data", IMAGE, "sleep", "1000")
    if state == "running":
        engine.cli("start", "box")
    data = archive(("one", FILE, b"x" * 100_000))
    connection = begin_put(engine, data[:60_000], 99999999)
    connection.close()
    wait_until(lambda: not transfers(engine), "its end")
    engine.cli("start", "box", check=state == "created")
    engine.cli("rm", "-f", "box")


def transfers(engine):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if open(f"/proc/{pid}/comm").read().strip() == "estiba-transfer"[:15] and \
                    int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[1]) in engine.engines():
                found.append(int(pid))
    return found


def test_a_killed_engine_takes_its_copies_along(engine, tmp_path):
    engine.cli("create", "--name", "box", *QUIET, IMAGE, "true")
    connection = begin_put(engine, archive(("one", FILE, b"x" * 100_000))[:60_000], 99999999)
    leaf, = transfers(engine)
    engine.kill()
    wait_until(lambda: not os.path.exists(f"/proc/{leaf}"), "the transfer's end")
    connection.close()
    engine.start()
    engine.cli("start", "box")
    engine.cli("wait", "box")


@pytest.mark.parametrize("state", ["running", "created"])
def test_a_killed_transfer_is_told_and_leaves_the_container_sound(engine, state):
    engine.cli("create", "--name", "box", *QUIET, IMAGE, "sleep", "1000")
    if state == "running":
        engine.cli("start", "box")
    connection = begin_put(engine, archive(("one", FILE, b"x" * 100_000))[:60_000], 99999999)
    leaf, = transfers(engine)
    os.kill(leaf, signal.SIGKILL)
    assert b" 500 " in connection.recv(100)
    connection.close()
    if state == "created":
        engine.cli("start", "box")
    assert engine.out("exec", "box", "ls", "-d", "/tmp") == "/tmp"


def test_a_start_waits_for_a_copy_into_the_stopped_container(engine):
    engine.cli("create", "--name", "box", *QUIET, IMAGE, "cat", "/tmp/one")
    data = archive(("one", FILE, b"x" * 100_000))
    connection = begin_put(engine, data[:60_000], len(data))
    started = []
    thread = threading.Thread(target=lambda: started.append(engine.out("start", "-a", "box")))
    thread.start()
    connection.sendall(data[60_000:])
    assert b" 200 " in connection.recv(100)
    thread.join(60)
    assert started == ["x" * 100_000]
    connection.close()


# ---- other users, other stores

def both_ways(engine, tmp_path, *options):
    """Puts and takes files of several owners in a container, before its start and after it."""
    (tmp_path / "file").write_text("x")
    engine.cli("create", "--name", "box", *options, *QUIET, "-v", "data:/data", IMAGE, "sleep", "1000")
    for state in ("created", "running"):
        if state == "running":
            engine.cli("start", "box")
        owned = archive((f"{state}/", DIRECTORY, ""), (f"{state}/file", FILE, b"x"))
        for place in ("/tmp", "/data"):
            status, _, body = ask(engine, "PUT", f"/containers/box/archive?path={place}", owned)
            assert status == 200, body
            _, _, data = ask(engine, "GET", f"/containers/box/archive?path={place}/{state}")
            with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                assert [(member.name, member.uid, member.gid) for member in tar] == [(state, 0, 0),
                                                                                     (f"{state}/file", 0, 0)]
        engine.cli("cp", tmp_path / "file", f"box:/usr/{state}")
        engine.cli("cp", f"box:/usr/{state}", tmp_path / "back")
        assert (tmp_path / "back").read_text() == "x"
    seen = engine.out("exec", "box", "sh", "-c", "stat -c %u:%g /tmp/*/file /data/*/file /tmp/*ed /data/running")
    assert set(seen.split()) == {"0:0"}


def test_a_container_with_a_user_namespace(engine, tmp_path):
    both_ways(engine, tmp_path, "--userns=auto")


def test_owners_in_a_user_namespace(engine):
    engine.cli("run", "-d", "--name", "box", "--userns=auto", *QUIET, IMAGE, "sh", "-c",
               "echo x > /tmp/file; chown 12:34 /tmp/file; sleep 1000")
    wait_until(lambda: engine.cli("exec", "box", "stat", "-c", "%u", "/tmp/file").stdout == "12\n", "the file")
    _, _, data = ask(engine, "GET", "/containers/box/archive?path=/tmp/file")
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert (tar.next().uid, tar.getmembers()[0].gid) == (12, 34)
        info = tar.getmembers()[0]
    info.name, info.uid, info.gid = "back", 56, 78
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        tar.addfile(info, io.BytesIO(b"x\n"))
    assert ask(engine, "PUT", "/containers/box/archive?path=/tmp", file.getvalue())[0] == 200
    assert engine.out("exec", "box", "stat", "-c", "%u:%g", "/tmp/back") == "56:78"


def test_a_users_own_engine(rootless, tmp_path):
    rootless.cli("create", "--name", "box", *QUIET, "-v", "data:/data", IMAGE, "sleep", "1000")
    for state in ("created", "running"):
        if state == "running":
            rootless.cli("start", "box")
        rootless.cli("cp", "/etc/hostname", f"box:/tmp/{state}")
        rootless.cli("cp", "/etc/hostname", f"box:/data/{state}")
        taken = rootless.cli("cp", f"box:/tmp/{state}", "-").stdout
        assert open("/etc/hostname").read() in taken
    assert rootless.out("exec", "box", "cat", "/data/created") == open("/etc/hostname").read().strip()


def test_mounted_images_and_parts_of_volumes(engine, cp, tmp_path):
    engine.cli("create", "--name", "box", *QUIET, "--mount", f"type=image,source={IMAGE},target=/image",
               "--mount", "type=volume,source=data,target=/part,volume-subpath=sub", IMAGE, "sleep", "1000")
    (engine.data_root / "volumes/data/_data/sub").mkdir()
    (engine.data_root / "volumes/data/_data/sub/file").write_text("part")
    for state in ("created", "running"):
        if state == "running":
            engine.cli("start", "box")
        cp("box:/image/etc/passwd", tmp_path / "passwd")
        assert "root" in (tmp_path / "passwd").read_text()
        cp("box:/part/file", tmp_path / "part")
        assert (tmp_path / "part").read_text() == "part"
        cp(tmp_path / "part", f"box:/part/{state}")
        assert "read-only" in cp(tmp_path / "part", "box:/image", code=1)
    assert sorted(os.listdir(engine.data_root / "volumes/data/_data/sub")) == ["created", "file", "running"]


def test_a_terminal_sees_how_far_it_is(engine, tmp_path):
    engine.cli("create", "--name", "box", *QUIET, IMAGE)
    (tmp_path / "empty").write_bytes(b"")
    shown = engine.cli("cp", "--quiet=false", tmp_path / "empty", "box:/tmp")
    assert shown.stderr.startswith("Successfully copied ") and shown.stderr.endswith("B to box:/tmp\n")
    shown = engine.cli("cp", "--quiet=false", "box:/tmp/empty", tmp_path / "back")
    assert shown.stderr.endswith(f"B to {tmp_path}/back\n")
    assert engine.cli("cp", tmp_path / "empty", "box:/tmp").stderr == ""


@pytest.mark.parametrize("packing", ["gzip", "bzip2", "xz", "zstd"])
def test_an_archive_may_be_compressed(engine, packing):
    engine.cli("create", "--name", "box", *QUIET, IMAGE)
    plain = archive(("file", FILE, b"content"))
    packed = subprocess.run([packing, "-c"], input=plain, capture_output=True, check=True)
    assert ask(engine, "PUT", "/containers/box/archive?path=/tmp", packed.stdout)[0] == 200
    assert names(ask(engine, "GET", "/containers/box/archive?path=/tmp/file")[2]) == ["file"]


def test_events_tell_of_copies(engine, tmp_path):
    engine.cli("create", "--name", "box", *QUIET, IMAGE)
    (tmp_path / "file").write_bytes(b"")
    engine.cli("cp", tmp_path / "file", "box:/tmp")
    engine.cli("cp", "box:/tmp/file", tmp_path)
    seen = engine.out("events", "--since", "1m", "--until", "0s", "--filter", "container=box", "--format",
                      "{{.Action}}")
    assert seen.split() == ["create", "extract-to-dir", "archive-path"]


def test_the_python_library_copies(engine):
    sdk = pytest.importorskip("docker")
    engine.cli("run", "-d", "--name", "box", *QUIET, IMAGE, "sleep", "1000")
    box = sdk.DockerClient(base_url=f"unix://{engine.socket}", timeout=30).containers.get("box")
    assert box.put_archive("/tmp", archive(("made/", DIRECTORY, ""), ("made/file", FILE, b"x" * 3_000_000)))
    stream, stat = box.get_archive("/tmp/made", encode_stream=True)
    assert names(b"".join(stream)) == ["made", "made/file"]
    assert (stat["name"], stat["mode"]) == ("made", 1 << 31 | 0o755)
    with pytest.raises(sdk.errors.NotFound):
        box.get_archive("/nothing")
