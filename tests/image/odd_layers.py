"""Layers with what archives may hold and few do. Each image is a list of layers, bottom first."""

import io
import os
import struct
import subprocess
import tarfile

WHEN = 1700000000


class Layer:
    """Folders that entries need are described, too, unless `parents` is false: what an implied one is, nobody says."""

    def __init__(self, form=tarfile.PAX_FORMAT, parents=True):
        self.folders = set() if parents else None
        self.out = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.out, mode="w", format=form, encoding="utf-8", errors="surrogateescape")

    def add(self, name, content=None, kind=tarfile.REGTYPE, mode=0o644, link="", pax=None, **fields):
        folder = os.path.dirname(os.path.normpath(name))
        if self.folders is not None and folder and folder not in self.folders:
            self.dir(folder)
        if kind == tarfile.DIRTYPE and self.folders is not None:
            self.folders.add(name)
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.linkname, info.mtime = kind, mode, link, WHEN
        info.size = len(content or b"")
        info.pax_headers = pax or {}
        for field, value in fields.items():
            setattr(info, field, value)
        self.tar.addfile(info, io.BytesIO(content or b""))
        return self

    def dir(self, name, mode=0o755, **fields):
        return self.add(name, kind=tarfile.DIRTYPE, mode=mode, **fields)

    def symlink(self, name, target, **fields):
        return self.add(name, kind=tarfile.SYMTYPE, mode=0o777, link=target, **fields)

    def link(self, name, target, **fields):
        return self.add(name, kind=tarfile.LNKTYPE, link=target, **fields)

    def bytes(self):
        self.tar.close()
        return self.out.getvalue()


def text(value):
    """A pax record's value of any bytes."""
    return value.decode("utf-8", "surrogateescape")


def xattr(**values):
    return {"SCHILY.xattr." + name.replace("__", "."): text(value) for name, value in values.items()}


def acl(*entries):
    """system.posix_acl_access as the kernel keeps it: tag, permissions, id."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


NOBODY = 0xFFFFFFFF
CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)  # cap_net_bind_service=ep


def names():
    pax = Layer().dir("pax").add("pax/" + "n" * 200, b"1").add("pax/" + "/".join(["d" * 50] * 6) + "/file", b"2")
    pax.add("pax/üñí", b"3").add("pax/new\nline", b"4").symlink("pax/" + "s" * 150, "t" * 300)
    pax.add("pax/back\\slash", b"5").add("pax/ space ", b"6").add("pax/" + "m" * 255, b"7")
    gnu = Layer(tarfile.GNU_FORMAT).dir("gnu").add("gnu/" + "n" * 200, b"1").add("gnu/" + "p/" * 100 + "file", b"2")
    gnu.add("gnu/" + text(b"latin\xe9\xff"), b"3").symlink("gnu/" + "s" * 150, "t" * 300)
    gnu.link("gnu/" + "h" * 180, "gnu/" + "n" * 200)
    ustar = Layer(tarfile.USTAR_FORMAT).dir("ustar").add("ustar/" + "a" * 90 + "/" + "b" * 90, b"1")
    ustar.add("ustar/" + text(b"\xfe\xff"), b"2").add("./ustar/./dotted", b"3").add("ustar//doubled", b"4")
    return [pax.bytes(), gnu.bytes(), ustar.bytes()]


def metadata():
    one = Layer().dir("modes", mode=0o1777).dir("modes/set", mode=0o2750, uid=5, gid=6)
    for mode in (0o0, 0o4755, 0o2755, 0o6711, 0o1644, 0o7777, 0o200):
        one.add(f"modes/{mode:04o}", b"x", mode=mode)
    one.dir("owners").add("owners/plain", b"x", uid=1000, gid=2000)
    one.add("owners/large", b"x", uid=4000000, gid=4294967294).symlink("owners/link", "plain", uid=7, gid=8)
    one.add("owners/set", b"x", mode=0o4755, uid=33, gid=33)
    one.dir("times", pax={"mtime": "1600000000.000000001"})
    for name, when in [("nanoseconds", "1700000000.123456789"), ("tenth", "1700000000.1"), ("epoch", "0"),
                       ("before", "-86400"), ("future", "4102444800.5")]:
        one.add("times/" + name, b"x", pax={"mtime": when})
    one.symlink("times/link", "epoch", pax={"mtime": "1500000000.25"})
    gnu = Layer(tarfile.GNU_FORMAT).dir("gnu").add("gnu/large", b"x", uid=4000000, gid=5000000)
    gnu.add("gnu/before", b"x", mtime=-86400).add("gnu/future", b"x", mtime=(1 << 33) + 5)
    return [one.bytes(), gnu.bytes()]


def attributes():
    one = Layer().dir("x", pax=xattr(user__directory=b"d"))
    one.add("x/user", b"x", pax=xattr(user__a=b"1", user__binary=b"\x00\xff\x00", user__empty=b""))
    one.add("x/capable", b"x", mode=0o755, pax=xattr(security__capability=CAPABILITY))
    one.add("x/owned", b"x", mode=0o755, uid=10, gid=20, pax=xattr(security__capability=CAPABILITY))
    one.add("x/acl", b"x", mode=0o674, pax=xattr(system__posix_acl_access=acl(
        (1, 6, NOBODY), (2, 7, 1000), (4, 4, NOBODY), (16, 7, NOBODY), (32, 4, NOBODY))))
    one.dir("x/default", pax=xattr(system__posix_acl_default=acl(
        (1, 7, NOBODY), (2, 5, 1000), (4, 5, NOBODY), (16, 5, NOBODY), (32, 5, NOBODY))))
    one.add("x/default/inside", b"x").add("x/trusted", b"x", pax=xattr(trusted__mine=b"t"))
    # The next layer changes the file and says nothing of attributes: it has none.
    return [one.bytes(), Layer().dir("x").add("x/capable", b"changed", mode=0o755).bytes()]


def kinds():
    one = Layer().dir("k").add("k/fifo", kind=tarfile.FIFOTYPE, mode=0o640)
    one.add("k/null", kind=tarfile.CHRTYPE, mode=0o666, devmajor=1, devminor=3)
    one.add("k/disk", kind=tarfile.BLKTYPE, mode=0o660, gid=6, devmajor=259, devminor=70000)
    one.symlink("k/absolute", "/etc/passwd").symlink("k/up", "../../../..").symlink("k/dangling", "nowhere")
    one.add("k/a", b"linked").link("k/b", "k/a").link("k/sub/c", "k/b").link("k/hardsymlink", "k/dangling")
    one.add("k/empty", b"").link("k/alsoempty", "k/empty").link("k/fifo2", "k/fifo")
    return [one.add("k/old", b"y", kind=tarfile.AREGTYPE).bytes()]


def contiguous():
    """What POSIX reads as a regular file where there is no such thing."""
    one = Layer().dir("c")
    for name in "abcde":
        one.add(f"c/{name}", name.encode() * 600, kind=tarfile.CONTTYPE)
    return [one.bytes()]


def sparse(folder):
    """As GNU tar writes them, in each of its forms."""
    images = {}
    for name, form, *version in [("sparse-gnu", "gnu"), ("sparse-0.0", "posix", "--sparse-version=0.0"),
                                 ("sparse-0.1", "posix", "--sparse-version=0.1"),
                                 ("sparse-1.0", "posix", "--sparse-version=1.0")]:
        root = folder / name
        (root / form).mkdir(parents=True)
        with open(root / form / "holes", "wb") as file:
            for at in (0, 1 << 20, 5 << 20):
                file.seek(at)
                file.write(os.urandom(1) * 4096)
            file.truncate(9 << 20)
        with open(root / form / "hole", "wb") as file:
            file.truncate(3 << 20)
        done = subprocess.run(["tar", "-C", str(root), "--sparse", f"--format={form}", *version, "--mtime=@1700000000",
                               "--owner=0", "--group=0", "-cf", "-", form], capture_output=True, check=True)
        images[name] = [Layer().add("a", b"a").dir("b").dir("c").bytes(), done.stdout]
    return images


def changes():
    one = Layer(parents=False)
    for name in ("gone", "kept", "opaque", "opaque/below", "dir2file", "dir2link", "changed", "moded", "re"):
        one.dir(name, uid=3, gid=4)
    for name in ("gone/a", "kept/a", "kept/b", "opaque/a", "opaque/below/b", "dir2file/x", "dir2link/x", "changed/a",
                 "re/old", "file2dir", "file", "linked"):
        one.add(name, name.encode(), uid=3, gid=4)
    one.symlink("link2dir", "kept").symlink("link2file", "kept/a").link("kept/hard", "kept/a")
    two = Layer(parents=False)
    two.add(".wh.gone", b"").add("kept/.wh.b", b"")
    # The mark of an opaque directory may come behind what the layer itself puts there.
    two.dir("opaque").add("opaque/new", b"new").add("opaque/.wh..wh..opq", b"")
    two.add("dir2file", b"now a file").symlink("dir2link", "kept").dir("file2dir").add("file2dir/in", b"in")
    two.dir("link2dir").add("link2dir/own", b"own").add("link2file", b"now a file")
    two.add("changed/a", b"changed").dir("moded", mode=0o700, uid=9)
    # Gone below, and there again.
    two.add(".wh.re", b"").dir("re").add("re/new", b"new")
    three = Layer(parents=False).dir("gone").add("gone/again", b"again").add("opaque/third", b"third")
    three.add("kept/.wh.hard", b"").add(".wh.never-was", b"")
    return [one.bytes(), two.bytes(), three.bytes()]


def across():
    """Hard links to files of layers below."""
    one = Layer().dir("d", uid=3).add("d/file", b"f", uid=3, gid=4, mode=0o640).add("linked", b"l").add("x", b"x")
    two = Layer(parents=False).link("across", "linked").link("d/across", "d/file")
    return [one.bytes(), two.bytes(), Layer().link("third", "across").bytes()]


def twice():
    one = Layer(parents=False).add("implied/by/file", b"x").add("a", b"first").add("a", b"second", mode=0o600)
    one.dir("d", mode=0o700, mtime=WHEN - 5).add("d/x", b"x").dir("d", mode=0o755, uid=5)
    one.add("f", b"file").dir("f").add("f/in", b"in").dir("e").add("e", b"now a file")
    one.symlink("s", "a").add("s", b"no link").add("l", b"l").link("m", "l").add("l", b"other")
    return [one.bytes()]


def images(folder):
    return {"names": names(), "metadata": metadata(), "attributes": attributes(), "kinds": kinds(),
            "contiguous": contiguous(), **sparse(folder), "changes": changes(), "across": across(), "twice": twice()}
