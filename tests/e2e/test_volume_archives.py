"""Volumes as archives: what is exported comes back as it was, and an archive reaches nothing else."""

import io
import os
import signal
import stat
import subprocess
import tarfile

import pytest

from harness.wait import wait_until

BOX = "estiba/busybox"
NONE = ("--network", "none")
BIG = 8 << 20  # more than the pipes and sockets on the way hold


def data(engine, volume):
    return engine.data_root / "volumes" / volume / "_data"


def refused(engine, *arguments, **options):
    result = engine.cli(*arguments, check=False, **options)
    assert result.returncode == 1, result.stdout + result.stderr
    return result.stderr


def entry_of(path):
    """All that an archive keeps of it, but which names are links of each other."""
    info = os.lstat(path)
    kind = stat.S_IFMT(info.st_mode)
    content = None
    if kind == stat.S_IFREG:
        content = open(path, "rb").read()
    elif kind == stat.S_IFLNK:
        content = os.readlink(path)
    elif kind in (stat.S_IFCHR, stat.S_IFBLK):
        content = info.st_rdev
    attributes = {name: os.getxattr(path, name, follow_symlinks=False)
                  for name in os.listxattr(path, follow_symlinks=False)}
    return (kind, stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid, info.st_mtime_ns, content, attributes)


def tree(root):
    """Every entry below `root` by its path in bytes, and the sets of names that are one file."""
    root = os.fsencode(root)
    entries, links = {b".": entry_of(root)}, {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, root)
            entries[relative] = entry_of(path)
            info = os.lstat(path)
            if info.st_nlink > 1 and not stat.S_ISDIR(info.st_mode):
                links.setdefault(info.st_ino, set()).add(relative)
    return entries, sorted(sorted(names) for names in links.values())


def start(engine, *arguments, **options):
    return subprocess.Popen(engine.command(*arguments), env=engine.environment(), stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, **options)


def archive(path, *members):
    """Makes a tar archive of (name, type, link target or bytes)."""
    with tarfile.open(path, mode="w") as tar:
        for name, kind, what in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind == tarfile.REGTYPE:
                info.size = len(what)
                tar.addfile(info, io.BytesIO(what))
            else:
                info.linkname = what or ""
                tar.addfile(info)
    return path


def fill(root):
    """One of each: what archives lose when they are made carelessly."""
    (root / "file").write_bytes(b"content")
    os.chown(root / "file", 1234, 70000)
    os.chmod(root / "file", 0o6751)
    os.setxattr(root / "file", "user.mark", b"\0\xff")
    os.setxattr(root / "file", "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))
    os.link(root / "file", root / "second")
    (root / "sub").mkdir(mode=0o700)
    os.link(root / "file", root / "sub" / "third")
    os.symlink("/etc/passwd", root / "absolute")
    os.symlink("nowhere", root / "sub" / "dangling")
    os.mkfifo(root / "fifo", 0o622)
    os.mknod(root / "null", 0o640 | stat.S_IFCHR, os.makedev(1, 3))
    # What an overlay's upper directory has, when containers keep theirs in a volume.
    os.mknod(root / "whiteout", stat.S_IFCHR, 0)
    (root / ".wh.name").write_bytes(b"")
    (root / "opaque").mkdir()
    os.setxattr(root / "opaque", "trusted.overlay.opaque", b"y")
    (root / ("deep/" * 40)).mkdir(parents=True)
    (root / ("n" * 255)).write_bytes(b"x" * 100_000)
    with open(os.fsencode(root) + b"/\xff\xfe name\n", "wb") as odd:
        odd.write(b"odd")
    for name, when in (("file", 1_000_000_000_123_456_789), ("sub", -5_000_000_000), ("opaque", 2**33 * 10**9 + 1)):
        os.utime(root / name, ns=(when, when))
    os.chown(root, 33, 34)
    os.chmod(root, 0o3770)
    os.utime(root, ns=(7, 7_000_000_007))


@pytest.mark.parametrize("packed", ["plain", "gzip", "zstd", "xz"])
def test_an_exported_volume_comes_back_as_it_was(engine, tmp_path, packed):
    engine.cli("volume", "create", "v")
    fill(data(engine, "v"))
    before = tree(data(engine, "v"))
    file = tmp_path / "v.tar"
    engine.cli("volume", "export", "-o", file, "v")
    engine.cli("volume", "create", "copy")
    if packed == "plain":
        engine.cli("volume", "import", "copy", file)
    else:
        with subprocess.Popen([packed, "-c", file], stdout=subprocess.PIPE) as packer:
            engine.cli("volume", "import", "copy", stdin=packer.stdout)
    assert tree(data(engine, "copy")) == before
    assert tree(data(engine, "v")) == before
    engine.cli("volume", "rm", "v", "copy")


def test_gnu_tar_reads_an_export(engine, tmp_path):
    engine.cli("volume", "create", "v")
    fill(data(engine, "v"))
    before = tree(data(engine, "v"))
    out = tmp_path / "out"
    out.mkdir()
    with start(engine, "volume", "export", "v") as export:
        subprocess.run(["tar", "-x", "-C", out, "--xattrs", "--xattrs-include=*", "--numeric-owner", "-p"],
                       stdin=export.stdout, check=True)
        assert export.wait(30) == 0
    assert tree(out) == before  # the times of directories too, which GNU tar loses when entries come in another order
    engine.cli("volume", "rm", "v")


def test_an_import_goes_over_what_is_there(engine, tmp_path):
    engine.cli("volume", "create", "v")
    root = data(engine, "v")
    (root / "kept").write_text("kept")
    (root / "file").write_text("old")
    (root / "was-a-folder" / "below").mkdir(parents=True)
    (root / "was-a-file").write_text("old")
    (root / "folder").mkdir(mode=0o700)
    (root / "folder" / "kept").write_text("kept")
    packed = archive(tmp_path / "a.tar", ("file", tarfile.REGTYPE, b"new"),
                     ("was-a-folder", tarfile.REGTYPE, b"now a file"), ("was-a-file", tarfile.DIRTYPE, None),
                     ("folder/new", tarfile.REGTYPE, b"new"), ("link", tarfile.LNKTYPE, "kept"))
    with open(packed, "rb") as stdin:
        engine.cli("volume", "import", "v", "-", stdin=stdin)
    assert (root / "kept").read_text() == "kept" and (root / "file").read_text() == "new"
    assert (root / "was-a-folder").read_text() == "now a file" and (root / "was-a-file").is_dir()
    assert (root / "folder" / "kept").read_text() == "kept" and (root / "folder" / "new").read_text() == "new"
    assert (root / "folder").stat().st_mode & 0o7777 == 0o700
    assert (root / "link").stat().st_ino == (root / "kept").stat().st_ino
    engine.cli("volume", "rm", "v")


@pytest.mark.parametrize("member, says", [
    (("/etc/x", tarfile.REGTYPE, b"x"), "absolute path"),
    (("a/../../x", tarfile.REGTYPE, b"x"), "'..'"),
    (("out/x", tarfile.REGTYPE, b"x"), "symbolic link"),
    (("out/sub/x", tarfile.REGTYPE, b"x"), "symbolic link"),
    (("x", tarfile.LNKTYPE, "out/secret"), "below what is no directory"),
    (("x", tarfile.LNKTYPE, "nowhere"), "which is not there"),
    (("x", tarfile.LNKTYPE, "../../secret"), "'..'"),
])
def test_an_archive_stays_in_the_volume(engine, tmp_path, member, says):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    engine.cli("volume", "create", "v")
    os.symlink(outside, data(engine, "v") / "out")
    error = refused(engine, "volume", "import", "v", archive(tmp_path / "a.tar", member))
    assert says in error and "import" in error
    assert os.listdir(outside) == ["secret"] and os.listdir(data(engine, "v")) == ["out"]
    engine.cli("volume", "rm", "v")


def test_what_cannot_be_exported_or_imported(engine, tmp_path):
    engine.cli("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "ram")
    engine.cli("volume", "create", "v")
    whole = archive(tmp_path / "whole.tar", ("file", tarfile.REGTYPE, b"x" * 100_000)).read_bytes()
    assert "which only its containers mount" in refused(engine, "volume", "export", "ram")
    assert "which only its containers mount" in refused(engine, "volume", "import", "ram", tmp_path / "whole.tar")
    assert "get none: no such volume" in refused(engine, "volume", "export", "none")
    assert "get none: no such volume" in refused(engine, "volume", "import", "none", tmp_path / "whole.tar")
    assert "no-such-file" in refused(engine, "volume", "import", "v", tmp_path / "no-such-file")
    (tmp_path / "cut.tar").write_bytes(whole[:50_000])
    assert "import" in refused(engine, "volume", "import", "v", tmp_path / "cut.tar")
    (tmp_path / "none.tar").write_bytes(b"no archive at all, but long enough to look like one" * 100)
    assert "Unrecognized archive format" in refused(engine, "volume", "import", "v", tmp_path / "none.tar")
    engine.cli("volume", "import", "v", tmp_path / "whole.tar")
    assert (data(engine, "v") / "file").stat().st_size == 100_000
    engine.cli("volume", "rm", "ram", "v")


def test_a_volume_stays_while_it_is_exported(engine):
    engine.cli("volume", "create", "v")
    (data(engine, "v") / "big").write_bytes(os.urandom(BIG))
    export = start(engine, "volume", "export", "v")
    assert export.stdout.read(1)  # it has begun, and nobody reads on
    assert "being exported or imported" in refused(engine, "volume", "rm", "v")
    assert "being exported or imported" in refused(engine, "volume", "rename", "v", "w")
    engine.cli("volume", "prune", "-af")
    assert engine.out("volume", "ls", "-q") == "v"
    # Containers may use it meanwhile.
    engine.cli("run", "--rm", *NONE, "-v", "v:/d", BOX, "touch", "/d/new")
    export.stdout.close()
    export.kill()
    export.wait()
    wait_until(lambda: engine.cli("volume", "rm", "v", check=False).returncode == 0, "the volume is let go")


def begin_import(engine, tmp_path):
    """An import into the volume "v" whose first file is there and whose second never comes whole."""
    packed = archive(tmp_path / "a.tar", ("first", tarfile.REGTYPE, b"1"), ("second", tarfile.REGTYPE, b"2" * BIG))
    client = start(engine, "volume", "import", "v", stdin=subprocess.PIPE)
    client.stdin.write(packed.read_bytes()[:BIG // 2])
    client.stdin.flush()
    wait_until(lambda: (data(engine, "v") / "first").exists(), "the first file is there")
    return client


def test_an_import_that_is_given_up_leaves_nothing_running(engine, tmp_path):
    engine.cli("volume", "create", "v")
    client = begin_import(engine, tmp_path)
    client.send_signal(signal.SIGKILL)
    client.communicate()
    wait_until(lambda: engine.cli("volume", "rm", "v", check=False).returncode == 0, "the volume is let go")


def test_an_import_ends_with_its_engine(engine, tmp_path):
    engine.cli("volume", "create", "v")
    client = begin_import(engine, tmp_path)
    engine.kill()
    client.stdin.close()
    assert client.wait(30) == 1
    engine.start()
    assert (data(engine, "v") / "first").read_text() == "1"
    engine.cli("volume", "rm", "v")
