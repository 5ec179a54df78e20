"""config.json, `linux`: devices, hidden and read-only paths, personality, memory policy, labels, and what must not
matter (unknown fields)."""

import os

import pytest

from harness.need import need

DEVICES = {
    "a character device": ({"path": "/dev/x", "type": "c", "major": 1, "minor": 3}, "crw-rw-rw- 0 0 1:3"),
    "type u": ({"path": "/dev/x", "type": "u", "major": 1, "minor": 3}, "crw-rw-rw- 0 0 1:3"),
    "a FIFO": ({"path": "/dev/x", "type": "p"}, "prw-rw-rw- 0 0 0:0"),
    "mode and owner": ({"path": "/dev/x", "type": "c", "major": 1, "minor": 5, "fileMode": 0o640, "uid": 7, "gid": 8},
                       "crw-r----- 7 8 1:5"),
    "a file mode with the type's bits": ({"path": "/dev/x", "type": "c", "major": 1, "minor": 5, "fileMode": 0o20600},
                                         "crw------- 0 0 1:5"),
    "below a directory that is missing": ({"path": "/dev/a/b/x", "type": "c", "major": 1, "minor": 3},
                                          "crw-rw-rw- 0 0 1:3"),
    "outside of /dev": ({"path": "/var/x", "type": "c", "major": 1, "minor": 3}, "crw-rw-rw- 0 0 1:3"),
}


@pytest.mark.parametrize("row", DEVICES)
def test_a_device(bundle, row):
    device, expected = DEVICES[row]
    bundle.linux["devices"] = [device]
    assert bundle.sh(f"stat -c '%A %u %g %t:%T' {device['path']}") == expected


def test_a_block_device(bundle):
    need(os.path.exists("/dev/loop0") or os.path.exists("/sys/block"), "block devices")
    bundle.linux["devices"] = [{"path": "/dev/x", "type": "b", "major": 7, "minor": 77}]
    assert bundle.sh("stat -c '%A %t:%T' /dev/x") == "brw-rw-rw- 7:4d"


def test_the_default_devices_and_links(bundle):
    out = bundle.sh("cd /dev; stat -c '%n %a %t:%T' null zero full random urandom tty; "
                    "for l in fd stdin stdout stderr ptmx; do readlink $l; done")
    assert out.splitlines() == ["null 666 1:3", "zero 666 1:5", "full 666 1:7", "random 666 1:8", "urandom 666 1:9",
                                "tty 666 5:0", "/proc/self/fd", "/proc/self/fd/0", "/proc/self/fd/1",
                                "/proc/self/fd/2", "pts/ptmx"]


def test_default_devices_in_a_user_namespace_are_the_hosts(bundle):
    bundle.map_ids()
    assert bundle.sh("echo x > /dev/null && stat -c %t:%T /dev/null /dev/tty") == "1:3\n5:0"


def test_a_device_in_the_image_that_is_another_is_an_error(bundle):
    (bundle.rootfs / "var/x").touch()
    bundle.linux["devices"] = [{"path": "/var/x", "type": "c", "major": 1, "minor": 3}]
    assert "linux.devices[0]" in bundle.refused("true")


def test_a_console_only_with_a_terminal(bundle):
    assert bundle.sh("test -e /dev/console || echo none") == "none"


# ---- masked and read-only paths ----

def test_masked_files_are_empty_and_masked_directories_too(bundle):
    (bundle.rootfs / "var/secret").write_text("secret")
    (bundle.rootfs / "home/user").mkdir()
    bundle.linux["maskedPaths"] = ["/var/secret", "/home", "/no/such", "/sys/firmware"]
    assert bundle.sh("cat /var/secret; ls /home /sys/firmware; touch /home/x 2>&1; echo x > /var/secret; "
                     "cat /var/secret").splitlines() == ["/home:", "", "/sys/firmware:",
                                                         "touch: /home/x: Read-only file system"]


def test_masking_follows_no_link_out_of_the_root(bundle):
    (bundle.rootfs / "link").symlink_to("/../../../etc")
    bundle.linux["maskedPaths"] = ["/link"]
    assert bundle.sh("ls /etc") == ""
    assert os.listdir("/etc")


def test_readonly_paths(bundle):
    (bundle.rootfs / "var/file").write_text("content")
    bundle.linux["readonlyPaths"] = ["/var", "/no/such", "/proc/sys"]
    out = bundle.sh("cat /var/file; touch /var/x 2>&1; echo 1 2>&1 > /proc/sys/net/ipv4/ip_forward; true")
    assert out.splitlines() == ["contenttouch: /var/x: Read-only file system",
                                "sh: can't create /proc/sys/net/ipv4/ip_forward: Read-only file system"]


# ---- the process's place ----

@pytest.mark.parametrize("domain,machine", [("LINUX", "x86_64"), ("LINUX32", "i686"), (None, "x86_64")])
def test_personality(bundle, domain, machine):
    need(os.uname().machine == "x86_64", "x86_64")
    if domain:
        bundle.linux["personality"] = {"domain": domain}
    assert bundle.sh("uname -m") == machine


MEMORY = {"MPOL_DEFAULT": ("", "default"), "MPOL_BIND": ("0", "bind:0"), "MPOL_INTERLEAVE": ("0", "interleave:0"),
          "MPOL_PREFERRED": ("0", "prefer:0"), "MPOL_LOCAL": ("", "local"),
          "MPOL_PREFERRED_MANY": ("0", "prefer (many):0"),
          "MPOL_WEIGHTED_INTERLEAVE": ("0", "weighted interleave:0")}


@pytest.mark.parametrize("mode", MEMORY)
def test_memory_policy(bundle, mode):
    need(os.path.exists("/proc/self/numa_maps"), "a kernel with memory policies")
    nodes, shown = MEMORY[mode]
    bundle.linux["memoryPolicy"] = {"mode": mode, "nodes": nodes}
    assert shown in bundle.sh("cut -d' ' -f2- /proc/self/numa_maps").splitlines()[0]


@pytest.mark.parametrize("flag,shown", [("MPOL_F_STATIC_NODES", "bind=static:0"),
                                        ("MPOL_F_RELATIVE_NODES", "bind=relative:0")])
def test_flags_of_a_memory_policy(bundle, flag, shown):
    need(os.path.exists("/proc/self/numa_maps"), "a kernel with memory policies")
    bundle.linux["memoryPolicy"] = {"mode": "MPOL_BIND", "nodes": "0", "flags": [flag]}
    assert shown in bundle.sh("cut -d' ' -f2- /proc/self/numa_maps")


def test_a_masked_path_that_is_there_twice_is_masked_once(bundle):
    (bundle.rootfs / "secret").mkdir()
    bundle.linux["maskedPaths"] = ["/secret", "/etc/passwd", "/secret", "/etc/passwd"]
    seen = bundle.sh("cut -d' ' -f5 /proc/self/mountinfo").splitlines()
    assert seen.count("/secret") == 1 and seen.count("/etc/passwd") == 1


REFUSED = {
    "an unknown device type": ({"devices": [{"path": "/dev/x", "type": "z", "major": 1, "minor": 3}]},
                               "linux.devices[0].type"),
    "a relative device": ({"devices": [{"path": "dev/x", "type": "c", "major": 1, "minor": 3}]},
                          "linux.devices[0].path"),
    "a device number of another type": ({"devices": [{"path": "/dev/x", "type": "c", "major": "1"}]},
                                        "linux.devices[0].major"),
    "a character device without a number": ({"devices": [{"path": "/dev/x", "type": "c"}]}, "linux.devices[0].major"),
    "a relative masked path": ({"maskedPaths": ["proc/kcore"]}, "linux.maskedPaths[0]"),
    "a relative read-only path": ({"readonlyPaths": ["/proc", "x"]}, "linux.readonlyPaths[1]"),
    "masked paths that are no list": ({"maskedPaths": "/proc"}, "linux.maskedPaths"),
    "an unknown personality": ({"personality": {"domain": "BSD"}}, "linux.personality.domain"),
    "flags of a personality": ({"personality": {"domain": "LINUX", "flags": ["X"]}}, "linux.personality.flags"),
    "an unknown memory policy": ({"memoryPolicy": {"mode": "MPOL_FOO"}}, "invalid memory policy mode 'MPOL_FOO'"),
    "an unknown flag of a memory policy": ({"memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0", "flags": ["X"]}},
                                           "linux.memoryPolicy.flags"),
    "nodes that are no list": ({"memoryPolicy": {"mode": "MPOL_BIND", "nodes": "a"}}, "linux.memoryPolicy.nodes"),
    "an unknown propagation": ({"rootfsPropagation": "foo"}, "linux.rootfsPropagation"),
}


@pytest.mark.parametrize("row", REFUSED)
def test_refused_and_the_field_named(bundle, row):
    fields, field = REFUSED[row]
    bundle.linux.update(fields)
    assert field in bundle.refused("true")


# ---- labels ----

@pytest.mark.parametrize("where,field", [("process", "apparmorProfile"), ("process", "selinuxLabel"),
                                         ("linux", "mountLabel")])
def test_a_label_that_cannot_be_set_is_refused(bundle, where, field):
    need(not os.path.exists("/sys/fs/selinux/enforce") and not os.path.exists("/sys/kernel/security/apparmor"),
         "a kernel without security modules")
    bundle.config[where][field] = "system_u:object_r:container_file_t:s0"
    assert f"{where}.{field}" in bundle.refused("true")


def test_intel_rdt_without_resctrl_is_refused(bundle):
    with open("/proc/self/mounts", encoding="ascii") as mounts:
        need("resctrl" not in mounts.read(), "a host without resctrl")
    bundle.linux["intelRdt"] = {"closID": "gold", "l3CacheSchema": "L3:0=f"}
    assert "linux.intelRdt" in bundle.refused("true")


@pytest.mark.parametrize("name", ["a/b", "..", "."])
def test_a_class_that_is_no_name_is_refused(bundle, name):
    bundle.linux["intelRdt"] = {"closID": name}
    assert "linux.intelRdt.closID" in bundle.refused("true")


# ---- the document ----

def test_unknown_fields_are_ignored(bundle):
    bundle.config["unknown"] = {"a": [1]}
    for part in (bundle.process, bundle.linux, bundle.config["root"], bundle.config["mounts"][0]):
        part["unknown"] = 1
    bundle.config["windows"] = {"layerFolders": []}
    bundle.config["vm"] = {"kernel": {"path": "/x"}}
    assert bundle.sh("echo ran") == "ran"


@pytest.mark.parametrize("version", ["1.0.0", "1.0.2-dev", "1.2.1", "1.3.0", "1.9.0"])
def test_versions_that_are_taken(bundle, version):
    bundle.config["ociVersion"] = version
    assert bundle.sh("echo ran") == "ran"


@pytest.mark.parametrize("version", ["", "0.9.0", "2.0.0", "1", "x", 1, None])
def test_versions_that_are_not(bundle, version):
    bundle.config["ociVersion"] = version
    assert "ociVersion" in bundle.refused("true")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{\"ociVersion\":\"1.3.0\"}"])
def test_documents_that_are_none(bundle, text):
    (bundle.path / "config.json").write_text(text)
    done = bundle.command("run", "--bundle", bundle.path, bundle.id, check=False)
    assert done.returncode != 0 and done.stderr
