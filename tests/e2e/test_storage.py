"""What a container sees of its layers, whichever form they are stored in: the same tests for every storage driver."""

import hashlib
import io
import json
import os
import signal
import stat
import subprocess
import tarfile

import pytest

from harness.engine import BIN, process_name
from harness.need import need, need_program
from harness.registry import Registry
from harness.tar import busybox_layer
from harness.wait import wait_until
from harness.whose import ROOTLESS, engine_in

NAME = "localhost/layers:1"


def start(engine):
    """Starts it, or ends the test where the kernel cannot do what the driver takes."""
    try:
        engine.start()
    except AssertionError as error:
        need("cannot be used here" not in str(error), "a kernel that mounts EROFS images from files below overlays")
        raise


# EROFS is root's to mount.
DRIVERS = ("rootless", "copy") if ROOTLESS else ("overlay", "erofs", "copy", "rootless")


@pytest.fixture(params=DRIVERS)
def driver(request):
    """The storage driver, or "rootless": overlays in a user namespace, whose attributes are the user's."""
    return request.param


@pytest.fixture
def store(request, driver):
    need(os.geteuid() == 0, "root")
    if driver == "rootless":
        return request.getfixturevalue("rootless")
    engine = request.getfixturevalue("module_engine_factory")(extra_config=f'storage_driver = "{driver}"')
    start(engine)
    return engine


def entry(name, content=None, *, kind=tarfile.REGTYPE, mode=0o644, uid=0, gid=0, link="", xattrs=None, device=(0, 0)):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.uid, info.gid, info.linkname = kind, mode, uid, gid, link
    info.mtime = 1_000_000_000
    info.devmajor, info.devminor = device
    info.pax_headers = {f"SCHILY.xattr.{key}": value for key, value in (xattrs or {}).items()}
    if content is not None:
        info.size = len(content)
    return info, content


def directory(name, mode=0o755, **options):
    return entry(name, kind=tarfile.DIRTYPE, mode=mode, **options)


def layer(entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, content in entries:
            tar.addfile(info, io.BytesIO(content) if content is not None else None)
    return out.getvalue()


def write_image(path, layers, name=NAME):
    """A docker-save archive of these layers upon busybox's; answers their diff ids."""
    plain = [busybox_layer(), *layers]
    digests = [hashlib.sha256(blob).hexdigest() for blob in plain]
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["sh"]},
                         "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]}}).encode()
    manifest = [{"Config": "config.json", "RepoTags": [name],
                 "Layers": [f"{digest}/layer.tar" for digest in digests]}]
    files = {f"{digest}/layer.tar": blob for digest, blob in zip(digests, plain)}
    files |= {"config.json": config, "manifest.json": json.dumps(manifest).encode()}
    with tarfile.open(path, "w") as tar:
        for file, content in files.items():
            info = tarfile.TarInfo(file)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return digests


def load(store, tmp_path, *layers, name=NAME):
    write_image(tmp_path / "image.tar", layers, name)
    with open(tmp_path / "image.tar", "rb") as archive:  # which a user's own engine could not open
        store.out("load", stdin=archive)


def sh(store, script, *options):
    return store.out("run", "--rm", "--network", "none", *options, NAME, "sh", "-c", script)


def layers_on_disk(store):
    return sorted(os.listdir(store.data_root / "snapshots/layers"))


def test_layers_have_the_drivers_form(store, driver, tmp_path):
    load(store, tmp_path, layer([entry("file", b"x")]))
    form = stat.S_ISREG if driver == "erofs" else stat.S_ISDIR
    folder = store.data_root / "snapshots/layers"
    assert len(layers_on_disk(store)) == 2
    assert all(form((folder / name).lstat().st_mode) for name in layers_on_disk(store))
    shown = {"erofs": "erofs", "copy": "vfs"}.get(driver, "overlay2")
    info = store.api("GET", "/info")[1]
    assert info["Driver"] == shown
    rows = dict(info["DriverStatus"])
    named = subprocess.run(["stat", "-f", "-c", "%T", store.data_root], capture_output=True, text=True, check=True)
    assert rows["Backing Filesystem"] == {"ext2/ext3": "extfs"}.get(named.stdout.strip(), named.stdout.strip())
    overlays = ("Supports d_type", "Using metacopy", "Native Overlay Diff", "userxattr")
    assert [rows.get(name) for name in overlays] == (
        [None] * 4 if driver == "copy" else ["true", "false", "true", str(driver == "rootless").lower()])
    assert f" Backing Filesystem: {rows['Backing Filesystem']}" in store.out("info")
    inspected = json.loads(store.out("inspect", NAME))[0]
    assert inspected["GraphDriver"]["Name"] == shown
    store.cli("rmi", NAME)
    wait_until(lambda: layers_on_disk(store) == [], "the layers of a removed image are gone")


def test_pulled_layers_go_when_pruned(store, driver, tmp_path):
    write_image(tmp_path / "image.tar", [layer([entry("d/file", b"pulled")])])
    (tmp_path / "registry").mkdir()
    registry = Registry(tmp_path / "registry", store.host)
    try:
        name = registry.push(tmp_path / "image.tar", "layers:1")
        store.cli("pull", name)
        layers = layers_on_disk(store)
        assert [one.endswith(".erofs") for one in layers] == [driver == "erofs"] * 2
        container = store.out("create", "--network", "none", name, "cat", "d/file")
        store.cli("image", "prune", "-a", "-f")
        assert layers_on_disk(store) == layers  # a container stands on them
        assert store.out("start", "-a", container) == "pulled"
        store.cli("rm", container)
        store.cli("image", "prune", "-a", "-f")
        wait_until(lambda: layers_on_disk(store) == [], "the layers of a pruned image are gone")
        store.cli("pull", name)
        assert layers_on_disk(store) == layers
    finally:
        registry.stop()


def test_whiteouts_and_opaque_directories(store, tmp_path):
    load(store, tmp_path,
         layer([directory("a"), entry("a/kept", b"kept"), entry("a/gone", b"gone"), directory("b"),
                entry("b/hidden", b"hidden"), directory("c"), entry("c/whole", b"")]),
         layer([entry("a/.wh.gone", b""), entry("b/.wh..wh..opq", b""), entry("b/new", b"new"), entry(".wh.c", b"")]),
         layer([entry("c/again", b"again")]))
    assert sh(store, "ls a b c; cat a/kept b/new c/again") == "a:\nkept\n\nb:\nnew\n\nc:\nagain\nkeptnewagain"


def test_metadata_of_every_kind_of_file(store, driver, tmp_path):
    of_user = ROOTLESS or driver == "rootless"
    large, huge = (60000, 65000) if of_user else (70000, 3_000_000_000)  # a user has no such ids
    devices = not of_user  # which a user cannot make: they are left out
    load(store, tmp_path, layer([
        directory("d", mode=0o1777, uid=large, gid=5), entry("d/setuid", b"#!", mode=0o4755, uid=huge),
        entry("d/hard", b"linked"), entry("d/link", kind=tarfile.LNKTYPE, link="d/hard"),
        entry("d/soft", kind=tarfile.SYMTYPE, link="hard"), entry("d/fifo", kind=tarfile.FIFOTYPE, mode=0o600),
        entry("d/null", kind=tarfile.CHRTYPE, mode=0o666, device=(1, 3)),
        entry("d/with", b"x", xattrs={"user.note": "kept"}), entry("d/latin\udce9", b"bytes")]))
    text = sh(store, "cd d; stat -c '%n %F %a %u:%g %h' . setuid hard fifo; [ ! -e null ] || stat -c '%n %F %a' null; "
                     "stat -c %Y hard; cat soft latin*; [ hard -ef link ] && echo same")
    assert text.splitlines() == [f". directory 1777 {large}:5 2", f"setuid regular file 4755 {huge}:0 1",
                                 "hard regular file 644 0:0 2", "fifo fifo 600 0:0 1",
                                 *["null character special file 666"] * devices, "1000000000",
                                 "linkedbytessame"]


def test_a_root_that_the_topmost_layer_does_not_describe_is_roots(store, tmp_path):
    described = layer([directory("./", mode=0o711, uid=7, gid=8)])
    load(store, tmp_path, described)
    assert sh(store, "stat -c '%u:%g %a' /") == "7:8 711"
    load(store, tmp_path, described, layer([entry("file", b"")]))
    assert sh(store, "stat -c '%u:%g %a' /") == "0:0 755"


def test_copy_up_of_data_links_and_attributes(store, driver, tmp_path):
    load(store, tmp_path, layer([
        directory("d"), entry("d/small", b"lower"), entry("d/large", b"x" * 3_000_001, mode=0o4711, uid=7),
        entry("d/link", kind=tarfile.LNKTYPE, link="d/small")]))
    text = sh(store, "cd d; echo upper >> small; cat small link; echo y >> large; stat -c '%s %u' large; "
                     "mv large moved; mkdir -p sub/sub; mv small sub; ls -R; rm -r sub; ls")
    other = "lowerupper\n" if driver == "copy" else "lower"  # an overlay's file is another's no more, once written to
    assert text == (f"lowerupper\n{other}3000003 7\n.:\nlink\nmoved\nsub\n\n./sub:\nsmall\nsub\n\n./sub/sub:\n"
                    "link\nmoved")
    assert sh(store, "cat d/small; wc -c < d/large") == "lower3000001"  # another container sees none of it


def test_a_sparse_file_is_copied_up_with_its_holes(store, tmp_path):
    # GNU tar's sparse form: what libarchive reads with the holes left out.
    need_program("tar")
    tree = tmp_path / "tree"
    tree.mkdir()
    with open(tree / "sparse", "wb") as out:
        out.seek(4 << 30)
        out.write(b"end")
    archive = subprocess.run(["tar", "-C", tree, "-S", "-c", "--format=gnu", "sparse"], capture_output=True, check=True)
    load(store, tmp_path, archive.stdout)
    container = store.out("create", "--network", "none", NAME, "sh", "-c", "tail -c 3 sparse; echo x >> sparse")
    assert store.out("start", "-a", container) == "end"
    upper = store.data_root / "snapshots/containers" / container / "fs/sparse"
    assert upper.stat().st_size == (4 << 30) + 5
    assert upper.stat().st_blocks * 512 < 1 << 20
    store.cli("rm", container)


def test_a_hard_link_into_a_lower_layer(store, tmp_path):
    load(store, tmp_path, layer([directory("low", mode=0o750, uid=9), entry("low/file", b"below", mode=0o4755)]),
         layer([entry("low/other", kind=tarfile.LNKTYPE, link="low/file")]))
    text = sh(store, "cat low/other; [ low/other -ef low/file ] && echo same; stat -c '%a %u' low low/file")
    assert text == "belowsame\n750 9\n4755 0"


def test_two_hundred_layers(store, tmp_path):
    """More than one mount option of a page's size could name."""
    load(store, tmp_path, *[layer([entry(f"layers/{number}", str(number).encode())]) for number in range(200)])
    assert sh(store, "ls layers | wc -l; cat layers/0 layers/199") == "200\n0199"
    store.cli("rmi", NAME)
    wait_until(lambda: layers_on_disk(store) == [], "the layers of a removed image are gone")


def test_a_read_only_container_and_restarts(store, tmp_path):
    load(store, tmp_path, layer([entry("file", b"content\n")]))
    assert sh(store, "cat file; touch new 2>&1 | tail -n 1", "--read-only").startswith("content")
    script = "cat file; echo more >> file; exec sleep 100"
    container = store.out("run", "-d", "--network", "none", NAME, "sh", "-c", script)
    wait_until(lambda: store.out("logs", container) == "content", "the file was read")
    store.kill()
    store.start()
    store.out("restart", "-t", "0", container)
    wait_until(lambda: store.out("logs", container).endswith("content\nmore"), "the file was read again")
    store.cli("rm", "-f", container)


def test_directories_are_renamed_and_removed(store, tmp_path):
    load(store, tmp_path, layer([directory("d"), directory("d/sub"), entry("d/sub/file", b"low"), entry("d/b", b"b")]))
    script = ("cp -r d copy; mv copy renamed; mv d moved 2>/dev/null || { cp -r d moved && rm -r d; }; ls; "
              "cat moved/sub/file renamed/b; rm -r moved; mkdir moved; ls -A moved; mkdir -p d/sub; ls -A d/sub")
    names = sh(store, script).splitlines()
    assert "moved" in names and "renamed" in names and "d" not in names and names[-1] == "lowb"
    assert sh(store, "cat d/sub/file") == "low"


def test_what_a_container_wrote_is_kept_and_goes_with_it(store, tmp_path):
    load(store, tmp_path, layer([entry("file", b"low")]))
    script = "echo x >> file; ln file hard; cat file hard"
    container = store.out("create", "--network", "none", NAME, "sh", "-c", script)
    assert store.out("start", "-a", container) == "lowx\nlowx"
    store.stop()
    store.start()
    assert store.out("start", "-a", container).startswith("lowx\nx")
    assert sh(store, "cat file; ls hard 2>/dev/null || true") == "low"
    store.cli("rm", container)
    for folder in ("containers", "tmp"):
        wait_until(lambda: os.listdir(store.data_root / "snapshots" / folder) == [], "nothing of it is left")


def test_what_goes_with_its_container_is_not_written_to_the_disk_for_its_sake(store, driver):
    def options(*more):
        return store.out("run", *more, "--network", "none", "estiba/busybox", "grep", " / ", "/proc/mounts")
    assert ("volatile" in options("--rm")) == (driver != "copy")
    assert "volatile" not in options("--name", "kept")
    store.cli("run", "-d", "--rm", "--name", "one", "--network", "none", "estiba/busybox", "sleep", "1000")
    store.cli("exec", "one", "sh", "-c", "echo mine > /file")
    for _ in range(2):  # which a volatile overlay refuses by itself
        store.cli("restart", "-t", "0", "one")
        assert store.out("exec", "one", "cat", "/file") == "mine"
    store.cli("rm", "-f", "kept", "one")
    for folder in ("containers", "tmp"):
        wait_until(lambda: os.listdir(store.data_root / "snapshots" / folder) == [], "nothing of it is left")


def test_an_engine_that_ends_has_deleted_what_was_removed(store):
    for number in range(10):
        store.cli("run", "-d", "--name", f"c{number}", "--network", "none", "estiba/busybox", "true")
    store.cli("rm", "-f", *[f"c{number}" for number in range(10)])
    store.stop()
    assert os.listdir(store.data_root / "snapshots/tmp") == [] == os.listdir(store.data_root / "containers")
    store.start()


def test_a_user_namespace_and_images_as_mounts(store, driver, tmp_path):
    load(store, tmp_path, layer([directory("d"), entry("d/file", b"content", mode=0o640, uid=7, gid=8)]))
    mount = f"type=image,source={NAME},target=/image"
    script = "cat /image/d/file; touch /image/x 2>/dev/null || echo no"
    assert sh(store, script, "--mount", mount) == "contentno"
    of_user = "id-mapped layers need CAP_SYS_ADMIN"
    says = {"copy": of_user if ROOTLESS else "copies layers, whose owners it does not map", "rootless": of_user}
    if driver in says:
        refused = store.cli("create", "--network", "none", "--userns", "auto", NAME, check=False)
        assert refused.returncode != 0 and says[driver] in refused.stderr
        return
    assert sh(store, "stat -c '%u:%g %a' d d/file; chown 9 d/file; stat -c %u d/file", "--userns", "auto") == (
        "0:0 755\n7:8 640\n9")
    assert sh(store, script, "--mount", mount, "--userns", "auto") == "contentno"


def test_explain_names_what_is_mounted(store, driver, tmp_path):
    load(store, tmp_path, layer([entry("file", b"content")]))
    container = store.out("create", "--network", "none", NAME)
    text = store.out("explain", container)
    script = store.out("explain", "--shell", container)
    assert ("mount overlay of 2 layers" in text) == (driver != "copy")
    assert text.count("mount EROFS image") == (2 if driver == "erofs" else 0)
    assert script.count("mount -t erofs -o ro") == (2 if driver == "erofs" else 0)
    store.cli("rm", container)


def test_sizes_are_those_of_the_files(store, tmp_path):
    load(store, tmp_path, layer([entry("a", b"x" * 100_000), entry("b", kind=tarfile.LNKTYPE, link="a")]))
    before = json.loads(store.out("inspect", NAME))[0]["Size"]
    load(store, tmp_path, layer([entry("a", b"x" * 100_000), entry("b", kind=tarfile.LNKTYPE, link="a")]))  # all there
    assert json.loads(store.out("inspect", NAME))[0]["Size"] == before


def test_store_check_compares_layers_of_both_forms(store, driver, tmp_path):
    load(store, tmp_path, layer([entry("a", b"content" * 1000), directory("d")]),
         layer([entry("d/c", kind=tarfile.LNKTYPE, link="a")]))
    assert store.cli("store", "check").returncode == 0
    folder = store.data_root / "snapshots/layers"
    found = next(path for path in (folder.iterdir() if driver == "erofs" else folder.glob("*/a"))
                 if b"content" * 1000 in path.read_bytes())
    found.write_bytes(found.read_bytes().replace(b"content" * 1000, b"kontent" + b"content" * 999))
    broken = store.cli("store", "check", check=False)
    assert broken.returncode != 0
    assert ("is an image with other content" if driver == "erofs" else "'/a' has another time") in broken.stdout
    assert store.cli("store", "check", "--repair").returncode == 0
    assert store.cli("store", "check").returncode == 0
    assert sh(store, "head -c 7 a") == "content"


def export_and_import(store, tmp_path, container, link):
    with open(tmp_path / "tree.tar", "wb") as out:  # which a user's own engine could not make
        subprocess.run(store.command("export", container), env=store.environment(), stdout=out, check=True)
    with tarfile.open(tmp_path / "tree.tar", encoding="utf-8", errors="surrogateescape") as tar:
        names = set(tar.getnames())
        assert {"d/kept", "d/link", "d/latin\udce9", "made/new", "e"} <= names
        assert not {"d/gone", "e/hidden", "e/new"} & names
        assert (tar.getmember("d/setuid").mode, tar.getmember("d/setuid").uid) == (0o4755, 7)
        assert tar.extractfile("d/kept").read() == b"keptmore\n"
    with open(tmp_path / "tree.tar", "rb") as archive:
        store.cli("import", "-", "localhost/flat:1", stdin=archive)
    assert store.out("run", "--rm", "--network", "none", "localhost/flat:1", "cat", "d/link", "d/kept") == (
        link + "keptmore")
    store.cli("rmi", "localhost/flat:1")


def test_commit_diff_and_export(store, driver, tmp_path):
    load(store, tmp_path,
         layer([directory("d"), entry("d/kept", b"kept", xattrs={"user.note": "low"}), entry("d/gone", b""),
                entry("d/latin\udce9", b"bytes"), entry("d/link", kind=tarfile.LNKTYPE, link="d/kept"),
                directory("e"), entry("e/hidden", b"")]),
         layer([entry("e/.wh..wh..opq", b""), entry("e/new", b"new"), entry("d/setuid", b"#!", mode=0o4755, uid=7)]))
    script = "cd d; rm gone; echo more >> kept; mkdir /made; mv /e/new /made; rm -r /e; mkdir /e"
    container = store.out("run", "-d", "--network", "none", NAME, "sh", "-c", script)
    assert store.out("wait", container) == "0"
    copy = driver == "copy"  # there a file stays one with its other names, as in any file system
    assert store.out("diff", container).splitlines() == [
        "C /d", "D /d/gone", "C /d/kept", *["C /d/link"] * copy, "C /e", "D /e/new", "A /made", "A /made/new"]
    link = "keptmore\n" if copy else "kept"
    before = set(layers_on_disk(store))
    store.cli("commit", container, "localhost/made:1")
    made = set(layers_on_disk(store)) - before
    assert len(made) == 1 and made.pop().endswith(".erofs") == (driver == "erofs")
    look = "cat d/kept made/new d/link; ls d e; stat -c '%a %u' d/setuid"
    assert store.out("run", "--rm", "--network", "none", "localhost/made:1", "sh", "-c", look) == (
        f"keptmore\nnew{link}d:\nkept\nlatin?\nlink\nsetuid\n\ne:\n4755 7")  # busybox's ls shows no other bytes
    export_and_import(store, tmp_path, container, link=link)
    assert store.cli("store", "check").returncode == 0
    store.cli("rm", container)
    store.cli("rmi", "localhost/made:1")


def test_access_lists_of_gnu_tar(store, tmp_path):
    """They come as text, and leave as the kernel keeps them."""
    need_program("setfacl")
    tree = tmp_path / "tree"
    (tree / "d").mkdir(parents=True)
    (tree / "d/file").write_text("x")
    (tree / "d/file").chmod(0o640)
    # Ids without a name: GNU tar writes names where there are any.
    given = subprocess.run(["setfacl", "-m", "u:43210:rw,g:54321:-", tree / "d/file"], check=False)
    need(given.returncode == 0, "a file system with access lists")
    subprocess.run(["setfacl", "-d", "-m", "u:43210:rx", tree / "d"], check=True)
    archive = subprocess.run(["tar", "-C", tree, "--acls", "--numeric-owner", "--format=posix", "-c", "d"],
                             capture_output=True, check=True).stdout
    assert b"SCHILY.acl.access" in archive and b"SCHILY.acl.default" in archive
    load(store, tmp_path, archive)
    container = store.out("create", "--network", "none", NAME)
    with open(tmp_path / "tree.tar", "wb") as out:
        subprocess.run(store.command("export", container), env=store.environment(), stdout=out, check=True)
    with tarfile.open(tmp_path / "tree.tar", encoding="utf-8", errors="surrogateescape") as tar:
        for path, name in (("d/file", "system.posix_acl_access"), ("d", "system.posix_acl_default")):
            kept = tar.getmember(path).pax_headers[f"SCHILY.xattr.{name}"].encode("utf-8", "surrogateescape")
            assert kept == os.getxattr(tree / path, name)
        assert tar.getmember("d/file").mode == (tree / "d/file").stat().st_mode & 0o7777 == 0o660
    assert store.cli("store", "check").returncode == 0
    store.cli("rm", container)


def kill_transfers(store):
    for pid in store.processes():
        if process_name(pid).split(" ")[0].endswith("estiba-transfer"):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def test_a_transfer_that_is_killed_leaves_nothing(store, tmp_path, rng):
    load(store, tmp_path, layer([entry("kept", b"kept")]))
    before = layers_on_disk(store)
    large = [layer([entry(f"f{number}", os.urandom(20_000)) for number in range(3000)])]
    write_image(tmp_path / "large.tar", large, "localhost/large:1")
    for _ in range(5):
        one = store.popen("load", "-i", str(tmp_path / "large.tar"))
        try:
            one.wait(rng.uniform(0.01, 0.3))
        except subprocess.TimeoutExpired:
            kill_transfers(store)
        one.communicate()
        wait_until(lambda: os.listdir(store.data_root / "snapshots/tmp") == [], "nothing half-made is left")
        if one.returncode == 0:
            store.cli("rmi", "localhost/large:1")
            wait_until(lambda: layers_on_disk(store) == before, "the layer of a removed image is gone")
        assert layers_on_disk(store) == before
    assert sh(store, "cat kept") == "kept"


def test_stores_of_both_forms(module_engine_factory, tmp_path):
    """A driver is chosen for layers to come: those that are there stay as they are, and stand on each other."""
    need(os.geteuid() == 0, "root")
    engine = module_engine_factory(extra_config='storage_driver = "overlay"')
    engine.start()
    low = layer([directory("low", mode=0o711, uid=3), entry("low/file", b"below")])
    load(engine, tmp_path, low, name="localhost/first:1")
    engine.stop()
    engine.config.write_text(engine.config.read_text().replace('"overlay"', '"erofs"'))
    start(engine)
    load(engine, tmp_path, low, layer([entry("low/other", kind=tarfile.LNKTYPE, link="low/file")]))
    assert [name.endswith(".erofs") for name in layers_on_disk(engine)].count(True) == 1
    assert sh(engine, "cat low/other; stat -c '%a %u' low") == "below711 3"
    engine.stop()
    engine.config.write_text(engine.config.read_text().replace('"erofs"', '"overlay"'))
    engine.start()
    assert sh(engine, "cat low/other") == "below"
    engine.stop()
    engine.config.write_text(engine.config.read_text().replace('"overlay"', '"copy"'))
    engine.start()
    container = engine.out("create", "--network", "none", NAME, "sh", "-c", "chmod 600 low/file; touch low/new")
    engine.cli("start", "-a", container)
    assert engine.out("diff", container).splitlines() == ["C /low", "C /low/file", "A /low/new", "C /low/other"]
    engine.cli("commit", container, "localhost/both:1")
    look = "stat -c %a low/file; cat low/other; ls low"
    assert engine.out("run", "--rm", "--network", "none", "localhost/both:1", "sh", "-c", look) == (
        "600\nbelowfile\nnew\nother")


def nothing_half_made(engine):
    snapshots = engine.data_root / "snapshots"
    there = engine.out("ps", "-aq", "--no-trunc").split()
    return os.listdir(snapshots / "tmp") == [] and os.listdir(snapshots / "containers") == there


def test_a_copy_that_is_cut_short_leaves_nothing(module_engine_factory, tmp_path, rng):
    need(os.geteuid() == 0, "root")
    engine = module_engine_factory(extra_config='storage_driver = "copy"')
    engine.start()
    load(engine, tmp_path, *[layer([entry(f"d{part}/f{number}", b"x" * 9000) for number in range(1500)])
                             for part in range(3)])
    for _ in range(4):
        client = engine.popen("create", "--network", "none", "--name", "box", NAME)
        try:
            client.wait(rng.uniform(0.02, 0.25))
        except subprocess.TimeoutExpired:
            pass
        engine.kill()
        client.communicate()
        engine.kill_all()
        engine.start()
        wait_until(lambda: nothing_half_made(engine), "nothing half-made is left")
        engine.cli("rm", "box", check=False)  # when it was made whole
    assert sh(engine, "ls d0 d1 d2 | grep -c ^f") == "4500"


@pytest.fixture
def on_an_overlay(tmp_path):
    """A directory whose file system takes no overlay's upper directory: an overlay."""
    need(os.geteuid() == 0, "root")
    for name in ("lower", "upper", "work", "root"):
        (tmp_path / name).mkdir()
    options = f"lowerdir={tmp_path}/lower,upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", tmp_path / "root"], check=True)
    yield tmp_path / "root"
    subprocess.run(["umount", tmp_path / "root"], check=True)


def test_where_no_overlay_can_be_mounted_layers_are_copied(on_an_overlay, module_engine_factory, tmp_path):
    engine = module_engine_factory(extra_config='storage_driver = "auto"')
    engine.config.write_text(engine.config.read_text().replace(str(engine.data_root), str(on_an_overlay / "data")))
    engine.data_root = on_an_overlay / "data"
    engine.start()
    assert "no overlay can be mounted on the data root: containers are copies of their layers" in engine.log_text()
    info = engine.api("GET", "/info")[1]
    assert (info["Driver"], info["DriverStatus"]) == ("vfs", [["Backing Filesystem", "overlayfs"]])
    load(engine, tmp_path, layer([entry("file", b"low")]))
    assert sh(engine, "echo x >> file; cat file") == "lowx"


def check_config(engine, *arguments):
    return subprocess.run([BIN / "estibad", "--config", engine.config, "--check-config", *arguments],
                          capture_output=True, text=True, check=False)


def test_a_driver_that_nobody_has_is_refused(tmp_path):
    need(os.geteuid() == 0, "root")
    engine = engine_in(tmp_path, extra_config='storage_driver = "zfs"')
    checked = check_config(engine)
    engine.config.write_text(engine.config.read_text().replace('"zfs"', '"overlay"'))
    flag = check_config(engine, "--storage-driver", "btrfs")
    other = check_config(engine, "--storage-driver=erofs")
    same = check_config(engine, "-s", "overlay2")
    engine.destroy()
    assert checked.returncode == 1
    assert "storage_driver" in checked.stderr and "auto, overlay, erofs or copy, not 'zfs'" in checked.stderr
    assert flag.returncode == 2 and "'--storage-driver': must be auto" in flag.stderr and "'btrfs'" in flag.stderr
    assert other.returncode == 1 and "--storage-driver says other than storage_driver in" in other.stderr
    assert same.returncode == 0


def test_the_driver_by_the_command_line(module_engine_factory, tmp_path):
    need(os.geteuid() == 0, "root")
    engine = module_engine_factory(extra_config='storage_driver = "auto"')
    engine.arguments = ("--storage-driver", "erofs")
    start(engine)
    load(engine, tmp_path, layer([entry("file", b"x")]))
    assert all(name.endswith(".erofs") for name in layers_on_disk(engine))
    assert engine.api("GET", "/info")[1]["Driver"] == "erofs"
