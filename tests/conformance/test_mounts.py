"""config.json, `root` and `mounts`: every option of the specification's lists, by what the kernel says of the mount."""

import os
import subprocess

import pytest

from harness.need import need


def mountinfo(bundle, destination):
    """(options of the mount, options of its file system, propagation) of the last mount there."""
    lines = [line for line in bundle.sh("cat /proc/self/mountinfo").splitlines() if line.split()[4] == destination]
    before, after = lines[-1].split(" - ")
    fields = before.split()
    return fields[5].split(","), after.split(" ")[2].split(","), fields[6:]


DEFAULTS = {"rw", "relatime"}
# An option of a tmpfs and what it adds to, and takes away from, what the kernel shows of the mount.
ATTRIBUTES = {
    "ro": ({"ro"}, {"rw"}), "rw": (set(), set()),
    "nosuid": ({"nosuid"}, set()), "suid": (set(), {"nosuid"}),
    "nodev": ({"nodev"}, set()), "dev": (set(), {"nodev"}),
    "noexec": ({"noexec"}, set()), "exec": (set(), {"noexec"}),
    "noatime": ({"noatime"}, {"relatime"}), "atime": (set(), {"noatime"}),
    "relatime": ({"relatime"}, set()), "norelatime": (set(), {"relatime"}),
    "strictatime": (set(), {"relatime"}), "nostrictatime": ({"relatime"}, set()),
    "nodiratime": ({"nodiratime"}, set()), "diratime": (set(), {"nodiratime"}),
    "nosymfollow": ({"nosymfollow"}, set()), "symfollow": (set(), {"nosymfollow"}),
}
SUPER = {"sync": {"sync"}, "async": set(), "dirsync": {"dirsync"}, "lazytime": {"lazytime"}, "nolazytime": set(),
         "mand": set(), "nomand": set(), "silent": set(), "loud": set(), "iversion": set(), "noiversion": set(),
         "defaults": set(), "remount": set()}
PROPAGATION = {"private": [], "rprivate": [], "shared": ["shared:"], "rshared": ["shared:"],
               "unbindable": ["unbindable"], "runbindable": ["unbindable"]}


@pytest.mark.parametrize("kind", ["tmpfs", "bind"])
@pytest.mark.parametrize("option", ATTRIBUTES)
def test_an_attribute(bundle, kind, option):
    added, taken = ATTRIBUTES[option]
    bundle.mount("/there", kind, "tmpfs" if kind == "tmpfs" else bundle.folder, *(["bind"] if kind == "bind" else []),
                 option)
    options = set(mountinfo(bundle, "/there")[0])
    assert added <= options
    assert not taken & options


@pytest.mark.parametrize("option", [name for name in ATTRIBUTES if not name.startswith("no") and name != "ro"])
def test_an_opposite_that_comes_later_wins(bundle, option):
    opposites = {"rw": "ro", "relatime": "noatime", "strictatime": "relatime", "atime": "noatime"}
    opposite = opposites.get(option, "no" + option)
    bundle.mount("/there", "tmpfs", "tmpfs", opposite, option)
    added, taken = ATTRIBUTES[option]
    options = set(mountinfo(bundle, "/there")[0])
    assert added <= options
    assert not taken & options


@pytest.mark.parametrize("option", SUPER)
def test_a_flag_of_the_file_system(bundle, option):
    bundle.mount("/there", "tmpfs", "tmpfs", option)
    assert SUPER[option] <= set(mountinfo(bundle, "/there")[1])


@pytest.mark.parametrize("option", SUPER)
def test_a_flag_of_the_file_system_is_taken_on_a_bind(bundle, option):
    bundle.bind(bundle.folder, "/there", "bind", option)
    assert bundle.sh("test -d /there/bundle && echo there") == "there"


@pytest.mark.parametrize("kind", ["tmpfs", "bind"])
@pytest.mark.parametrize("option", PROPAGATION)
def test_propagation(bundle, kind, option):
    bundle.mount("/there", kind, "tmpfs" if kind == "tmpfs" else bundle.folder, *(["bind"] if kind == "bind" else []),
                 option)
    fields = mountinfo(bundle, "/there")[2]
    assert len(fields) == len(PROPAGATION[option])
    assert all(field.startswith(start) for field, start in zip(fields, PROPAGATION[option]))


class Tree:
    """A host's mount (shared, so that events can travel) with another mount in it."""

    def __init__(self, folder):
        self.top = folder / "tree"
        self.top.mkdir()
        self.run("mount", "-t", "tmpfs", "top", self.top)
        self.run("mount", "--make-shared", self.top)
        (self.top / "below").mkdir()
        self.run("mount", "-t", "tmpfs", "below", self.top / "below")

    def run(self, *words):
        subprocess.run([str(word) for word in words], check=True)

    def destroy(self):
        subprocess.run(["umount", "--recursive", str(self.top)], check=False)


@pytest.fixture
def tree(bundle):
    one = Tree(bundle.folder)
    yield one
    one.destroy()
    bundle.command("delete", "--force", bundle.id, check=False)


def test_bind_takes_the_mount_and_rbind_what_is_below_it_too(bundle, tree):
    bundle.bind(tree.top, "/one", "bind")
    bundle.bind(tree.top, "/all", "rbind")
    assert bundle.sh("grep -o -E ' /(one|all)[^ ]*' /proc/self/mounts").split() == ["/one", "/all", "/all/below"]


@pytest.mark.parametrize("option,sees,tells", [("rslave", True, False), ("slave", True, False), (None, True, False),
                                               ("rshared", True, True), ("shared", True, True),
                                               ("rprivate", False, False), ("private", False, False)])
def test_what_a_bind_sees_of_the_host_and_tells_it(bundle, tree, option, sees, tells):
    bundle.bind(tree.top, "/there", "rbind", *([option] if option else []))
    bundle.process["capabilities"] = {key: ["CAP_SYS_ADMIN"] for key in ("bounding", "effective", "permitted")}
    (tree.top / "later").mkdir()
    (tree.top / "inside").mkdir()
    with bundle.running():
        tree.run("mount", "-t", "tmpfs", "later", tree.top / "later")
        assert (bundle.exec("grep", "-c", " /there/later ", "/proc/self/mounts", check=False).stdout == "1\n") == sees
        bundle.exec("mount", "-t", "tmpfs", "inside", "/there/inside")
        assert os.path.ismount(tree.top / "inside") == tells


@pytest.mark.parametrize("mapped", [False, True])
def test_a_bind_with_an_option_has_that_alone(bundle, tree, mapped):
    """What the source's mount has besides goes, but for what the kernel locks in a user namespace."""
    tree.run("mount", "-o", "remount,bind,ro,noexec", tree.top)
    if mapped:
        bundle.map_ids()
    bundle.bind(tree.top, "/plain", "bind")
    bundle.bind(tree.top, "/named", "bind", "nosuid")
    assert {"ro", "noexec"} <= set(mountinfo(bundle, "/plain")[0])
    named = set(mountinfo(bundle, "/named")[0])
    assert "nosuid" in named and ({"ro", "noexec"} <= named) == mapped and ("rw" in named) != mapped


def test_a_tmpfs_shows_the_mode_it_took_over(bundle):
    (bundle.rootfs / "there").mkdir()
    (bundle.rootfs / "there").chmod(0o1710)
    bundle.mount("/there", "tmpfs", "tmpfs")
    assert "mode=1710" in mountinfo(bundle, "/there")[1]
    assert bundle.sh("stat -c %a /there") == "1710"


RECURSIVE = {"rro": ("ro", "rw"), "rnosuid": ("nosuid", None), "rnodev": ("nodev", None), "rnoexec": ("noexec", None),
             "rnoatime": ("noatime", "relatime"), "rstrictatime": (None, "relatime"),
             "rnodiratime": ("nodiratime", None),
             "rnosymfollow": ("nosymfollow", None), "rrelatime": ("relatime", None), "rnorelatime": (None, "relatime"),
             "rnostrictatime": ("relatime", None)}


@pytest.mark.parametrize("option", RECURSIVE)
def test_a_recursive_attribute_reaches_what_is_below(bundle, tree, option):
    has, lacks = RECURSIVE[option]
    bundle.bind(tree.top, "/there", "rbind", option)
    for destination in ("/there", "/there/below"):
        options = mountinfo(bundle, destination)[0]
        assert has is None or has in options
        assert lacks not in options


@pytest.mark.parametrize("option,attribute", [("rrw", "ro"), ("rsuid", "nosuid"), ("rdev", "nodev"),
                                              ("rexec", "noexec"), ("ratime", "noatime"), ("rdiratime", "nodiratime"),
                                              ("rsymfollow", "nosymfollow")])
def test_a_recursive_attribute_is_taken_back(bundle, tree, option, attribute):
    for mount in (tree.top, tree.top / "below"):
        tree.run("mount", "-o", f"remount,bind,{attribute}", mount)
    bundle.bind(tree.top, "/there", "rbind", option)
    for destination in ("/there", "/there/below"):
        assert attribute not in mountinfo(bundle, destination)[0]
    for mount in (tree.top, tree.top / "below"):
        tree.run("mount", "-o", "remount,bind,rw,suid,dev,exec,atime,diratime,symfollow", mount)


def test_ro_of_an_rbind_is_of_the_first_mount_only(bundle, tree):
    bundle.bind(tree.top, "/there", "rbind", "ro")
    assert "ro" in mountinfo(bundle, "/there")[0]
    assert "rw" in mountinfo(bundle, "/there/below")[0]


# ---- file systems and destinations ----

FILESYSTEMS = {
    "tmpfs with size and mode": (("/there", "tmpfs", "tmpfs", "size=1m", "mode=1750"),
                                 "stat -c %a /there; df -k /there | tail -1 | tr -s ' ' | cut -d' ' -f2", "1750\n1024"),
    "tmpfs keeps the mode of what it covers": (("/tmp", "tmpfs", "tmpfs"), "stat -c %a /tmp", "1777"),
    "a read-only tmpfs over a directory": (("/tmp", "tmpfs", "tmpfs", "ro"),
                                           "stat -c %a /tmp; touch /tmp/x 2>&1", "1777\ntouch: /tmp/x: Read-only file "
                                           "system"),
    "proc with hidepid": (("/there", "proc", "proc", "hidepid=invisible"), "grep -c 'hidepid=invisible' /proc/mounts",
                          "1"),
    "mqueue": (("/there", "mqueue", "mqueue"), "grep -c ' /there mqueue ' /proc/mounts", "1"),
    "a destination without a slash is below the root": (("there", "tmpfs", "tmpfs"), "grep -c ' /there ' /proc/mounts",
                                                        "1"),
    "a destination with dots": (("/tmp/../there/./x", "tmpfs", "tmpfs"), "grep -c ' /there/x ' /proc/mounts", "1"),
}


@pytest.mark.parametrize("row", FILESYSTEMS)
def test_a_file_system(bundle, row):
    mount, script, expected = FILESYSTEMS[row]
    bundle.mount(*mount)
    assert bundle.sh(f"{script}; true") == expected


def test_mounts_are_made_in_their_order(bundle):
    bundle.mount("/there", "tmpfs", "first")
    bundle.mount("/there/in", "tmpfs", "second")
    bundle.mount("/there", "tmpfs", "third")
    assert bundle.sh("ls /there; grep -o '^[a-z]* /there[^ ]*' /proc/mounts") == "first /there\nsecond /there/in\n" \
                                                                                "third /there"


def test_a_file_is_bound_over_a_file_that_is_made(bundle):
    (bundle.folder / "file").write_text("content")
    bundle.bind(bundle.folder / "file", "/some/new/file", "bind", "ro")
    assert bundle.sh("cat /some/new/file; echo x 2>/dev/null >> /some/new/file || echo closed") == "contentclosed"


def test_a_relative_source_is_the_bundles(bundle):
    (bundle.path / "data").mkdir()
    (bundle.path / "data/file").write_text("content")
    bundle.bind("data", "/there", "bind")
    assert bundle.sh("cat /there/file") == "content"


def test_symlinks_in_the_root_do_not_lead_out_of_it(bundle):
    (bundle.rootfs / "link").symlink_to("/../../../../tmp/../var")
    bundle.mount("/link/there", "tmpfs", "tmpfs")
    assert bundle.sh("grep -c ' /var/there ' /proc/mounts") == "1"


def test_a_source_in_another_containers_mounts(bundle, another_bundle):
    """/dev/shm of a container that runs: how a shared ipc namespace comes with its shared memory."""
    with another_bundle.running() as other:
        another_bundle.exec("touch", "/dev/shm/theirs")
        bundle.bind(f"/proc/{other['pid']}/root/dev/shm", "/dev/shm", "bind")
        assert bundle.sh("ls /dev/shm") == "theirs"


def test_a_link_of_the_other_container_does_not_lead_to_the_host(bundle, another_bundle):
    (another_bundle.rootfs / "link").symlink_to("/etc")
    with another_bundle.running() as other:
        bundle.bind(f"/proc/{other['pid']}/root/link", "/there", "bind")
        assert bundle.sh("ls /there").split() == ["group", "passwd"]


# ---- tmpcopyup ----

def test_tmpcopyup_fills_the_tmpfs_with_what_it_covers(bundle):
    top = bundle.rootfs / "var"
    (top / "sub").mkdir()
    (top / "sub").chmod(0o710)
    (top / "file").write_text("content" * 10000)
    (top / "file").chmod(0o4755)
    os.chown(top / "file", 7, 8)
    os.chown(top / "file", 7, 8)
    (top / "file").chmod(0o4755)
    (top / "link").symlink_to("/etc/passwd")
    os.mkfifo(top / "sub/fifo", 0o640)
    os.utime(top / "file", (1000, 2000))
    for number in range(200):
        (top / f"sub/{number}").touch()
    bundle.mount("/var", "tmpfs", "tmpfs", "tmpcopyup", "size=8m")
    script = ("cd /var; stat -c '%a %u %g %s %Y' file; readlink link; stat -c '%a %F' sub sub/fifo; ls sub | wc -l; "
              "stat -f -c %T . ; echo changed > file; cat file")
    assert bundle.sh(script).splitlines() == ["4755 7 8 70000 2000", "/etc/passwd", "710 directory", "640 fifo", "201",
                                              "tmpfs", "changed"]
    assert (top / "file").read_text() == "content" * 10000


def test_tmpcopyup_of_a_read_only_tmpfs(bundle):
    (bundle.rootfs / "var/file").write_text("content")
    bundle.mount("/var", "tmpfs", "tmpfs", "tmpcopyup", "ro")
    assert bundle.sh("cat /var/file; touch /var/x 2>&1; true") == "contenttouch: /var/x: Read-only file system"


def test_tmpcopyup_where_there_is_nothing(bundle):
    bundle.mount("/new", "tmpfs", "tmpfs", "tmpcopyup", "mode=700")
    assert bundle.sh("ls /new; stat -c %a /new") == "700"


def test_tmpcopyup_in_a_user_namespace(bundle):
    (bundle.rootfs / "var/file").write_text("content")
    bundle.map_ids()
    bundle.mount("/var", "tmpfs", "tmpfs", "tmpcopyup")
    assert bundle.sh("cat /var/file; stat -c %u /var/file") == "content0"


# ---- id-mapped mounts ----

MAPS = [{"containerID": 0, "hostID": 100000, "size": 65536}]


@pytest.fixture
def owned(bundle):
    """A folder with a file of uid 5."""
    folder = bundle.folder / "owned"
    folder.mkdir()
    (folder / "file").touch()
    os.chown(folder / "file", 5, 6)
    return folder


def test_idmap_with_mappings_of_the_mount(bundle, owned):
    bundle.bind(owned, "/there", "bind", "idmap", uidMappings=MAPS, gidMappings=MAPS)
    assert bundle.sh("stat -c '%u %g' /there/file") == "100005 100006"


def test_mappings_alone_mean_idmap(bundle, owned):
    bundle.bind(owned, "/there", "bind", uidMappings=MAPS, gidMappings=MAPS)
    assert bundle.sh("stat -c '%u %g' /there/file") == "100005 100006"


def test_idmap_with_the_containers_user_namespace(bundle, owned):
    bundle.map_ids()
    bundle.bind(owned, "/there", "bind", "idmap")
    assert bundle.sh("stat -c '%u %g' /there/file; touch /there/made") == "5 6"
    assert os.stat(owned / "made").st_uid == 0


def test_idmap_with_a_user_namespace_at_a_path(bundle, another_bundle, owned):
    another_bundle.map_ids()
    bundle.map_ids()
    del bundle.linux["uidMappings"], bundle.linux["gidMappings"]
    bundle.bind(owned, "/there", "bind", "idmap")
    with another_bundle.running() as other:
        bundle.namespace("user", f"/proc/{other['pid']}/ns/user")
        assert bundle.sh("stat -c '%u %g' /there/file") == "5 6"


@pytest.mark.parametrize("option,below", [("idmap", "5"), ("ridmap", "100005")])
def test_ridmap_reaches_what_is_below(bundle, tree, option, below):
    os.chown(tree.top / "below", 5, 5)
    bundle.bind(tree.top, "/there", "rbind", option, uidMappings=MAPS, gidMappings=MAPS)
    assert bundle.sh("stat -c %u /there /there/below").split() == ["100000", below]


# ---- root ----

def test_a_read_only_root(bundle):
    bundle.config["root"]["readonly"] = True
    assert bundle.sh("touch /x 2>&1; touch /dev/shm/x && echo made") == "touch: /x: Read-only file system\nmade"


def test_a_root_by_absolute_path(bundle):
    bundle.config["root"]["path"] = str(bundle.rootfs)
    assert bundle.sh("echo here") == "here"


@pytest.mark.parametrize("mode,fields", [("private", []), ("rprivate", []), ("shared", ["shared:"]),
                                         ("rshared", ["shared:"]), ("unbindable", ["unbindable"]),
                                         ("runbindable", ["unbindable"]), (None, [])])
def test_root_propagation(bundle, mode, fields):
    if mode:
        bundle.linux["rootfsPropagation"] = mode
    found = mountinfo(bundle, "/")[2]
    assert [field.rstrip("0123456789") for field in found] == fields


REFUSED = {
    "no destination": ({"type": "tmpfs"}, "mounts[6].destination"),
    "a source that is not there": ({"destination": "/x", "type": "bind", "source": "/no/such", "options": ["bind"]},
                                   "mounts[6]"),
    "an unknown file system": ({"destination": "/x", "type": "nosuchfs", "source": "x"}, "mounts[6]"),
    "an unknown option of a file system": ({"destination": "/x", "type": "tmpfs", "source": "x",
                                            "options": ["nosuchoption"]}, "mounts[6]"),
    "an option for file systems on a bind": ({"destination": "/x", "type": "bind", "source": "/tmp",
                                              "options": ["bind", "size=3"]}, "mounts[6]"),
    "options that are no list": ({"destination": "/x", "type": "tmpfs", "options": "ro"}, "mounts[6].options"),
    "tmpcopyup on a bind": ({"destination": "/x", "type": "bind", "source": "/tmp", "options": ["bind", "tmpcopyup"]},
                            "mounts[6]"),
    "idmap without maps": ({"destination": "/x", "type": "bind", "source": "/tmp", "options": ["bind", "idmap"]},
                           "mounts[6]"),
    "one map of two": ({"destination": "/x", "type": "bind", "source": "/tmp", "options": ["bind"],
                        "uidMappings": MAPS}, "mounts[6]"),
    "idmap of a file system that is made": ({"destination": "/x", "type": "tmpfs", "uidMappings": MAPS,
                                             "gidMappings": MAPS}, "mounts[6]"),
    "neither type nor bind": ({"destination": "/x", "source": "/tmp"}, "mounts[6]"),
    "a tmpfs over /proc": ({"destination": "/proc", "type": "tmpfs", "source": "tmpfs"}, "mounts[6]"),
    "a bind inside /proc": ({"destination": "/proc/sys", "type": "bind", "source": "/tmp", "options": ["bind"]},
                            "mounts[6]"),
    "a bind inside /proc by dots": ({"destination": "/tmp/../proc/self", "type": "bind", "source": "/tmp",
                                     "options": ["bind"]}, "mounts[6]"),
    "a bind over /proc of what is none": ({"destination": "/proc", "type": "bind", "source": "/tmp",
                                           "options": ["bind"]}, "mounts[6]"),
}


@pytest.mark.parametrize("row", REFUSED)
def test_refused_and_the_field_named(bundle, row):
    mount, field = REFUSED[row]
    bundle.config["mounts"].append(mount)
    assert field in bundle.refused("true")


@pytest.mark.parametrize("name", ["cpuinfo", "meminfo", "stat", "uptime", "loadavg", "diskstats", "swaps"])
def test_files_that_may_be_bound_into_proc(bundle, name):
    (bundle.folder / "file").write_text("mine")
    bundle.bind(bundle.folder / "file", f"/proc/{name}", "bind")
    assert bundle.sh(f"cat /proc/{name}") == "mine"


def test_the_hosts_proc_may_be_bound(bundle):
    bundle.without_namespace("pid")
    bundle.config["mounts"][0] = {"destination": "/proc", "type": "bind", "source": "/proc", "options": ["rbind"]}
    assert bundle.sh("test -e /proc/1/stat && echo there") == "there"


def test_a_read_only_dev_has_its_devices_first(bundle):
    dev = next(entry for entry in bundle.config["mounts"] if entry["destination"] == "/dev")
    dev["options"].append("ro")
    script = "echo kept > /dev/null && [ -c /dev/zero ] && touch /dev/shm/x && echo there; touch /dev/x 2>&1"
    assert bundle.sh(script, check=False) == "there\ntouch: /dev/x: Read-only file system"
