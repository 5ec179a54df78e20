"""Users, groups, maps and capabilities that overflow, wrap, leak in or stay inheritable."""

import os
import subprocess

import pytest


def status(text):
    return {line.split(":")[0]: line.split(":", 1)[1].split() for line in text.splitlines()}


# ---- numbers ----

@pytest.mark.parametrize("field", ["uid", "gid"])
@pytest.mark.parametrize("value", [2**32, 2**32 - 1, 2**63, 2**64, -1, 0.5, "0", "1000"])
def test_an_id_that_is_none(bundle, field, value):
    """CVE-2024-40635, CVE-2026-46680 (containerd): out of range is an error, never root. 2^32-1 would mean 'unchanged'
    to setresuid(2)."""
    bundle.process["user"][field] = value
    assert "process" in bundle.refused("id")


def test_ids_above_the_signed_range_are_what_they_say(bundle):
    """CVE-2024-40635: 2^31 and above do not wrap."""
    bundle.process["user"] = {"uid": 2**31, "gid": 2**32 - 2}
    assert status(bundle.run("cat", "/proc/self/status").stdout)["Uid"] == ["2147483648"] * 4
    assert status(bundle.run("cat", "/proc/self/status").stdout)["Gid"] == ["4294967294"] * 4


@pytest.mark.parametrize("value,expected", [
    ("1", (1, 0)), ("1:1", (1, 1)), ("7:0", (7, 0)), ("010", (10, 0)), ("2147483648", (2**31, 0))])
def test_exec_as_a_number(bundle, value, expected):
    """CVE-2026-30892 (crun): `exec -u 1` became root."""
    with bundle.running():
        seen = status(bundle.exec("cat", "/proc/self/status", flags=["-u", value]).stdout)
        assert (int(seen["Uid"][0]), int(seen["Gid"][0])) == expected


@pytest.mark.parametrize("value", ["4294967295", "4294967296", "18446744073709551616", "-1", "1x", "0x1", " 1", ":1",
                                   "1:", "1:-1", "1:4294967295", "1:1:1", "ada", "+1", "1e1"])
def test_exec_as_what_is_no_number(bundle, value):
    """CVE-2026-30892, CVE-2024-40635, CVE-2026-46680."""
    with bundle.running():
        done = bundle.exec("id", flags=[f"--user={value}"], check=False)
        assert done.returncode == 255 and "--user" in done.stderr and done.stdout == ""


@pytest.mark.parametrize("value", [2**32, -1, 2**32 - 1])
def test_a_supplementary_group_that_is_none(bundle, value):
    """CVE-2024-40635: the same for additionalGids."""
    bundle.process["user"]["additionalGids"] = [value]
    bundle.refused("id")


@pytest.mark.parametrize("count", [341, 3000, 70000])
def test_more_maps_than_a_message_holds(bundle, count):
    """CVE-2021-43784 (runc): the length of the maps overflowed 16 bits, and what followed was the attacker's."""
    bundle.namespace("user")
    maps = [{"containerID": 10 * n, "hostID": 100000 + 10 * n, "size": 1} for n in range(count)]
    maps[-1] = {"containerID": 1, "hostID": 0, "size": 1}
    bundle.linux["uidMappings"] = bundle.linux["gidMappings"] = maps
    assert "linux.uidMappings" in bundle.refused("id")


@pytest.mark.parametrize("value", [2**32, -1])
@pytest.mark.parametrize("field", ["containerID", "hostID", "size"])
def test_a_map_of_what_is_no_id(bundle, field, value):
    """CVE-2021-43784: nor may its numbers wrap."""
    bundle.namespace("user")
    bundle.linux["uidMappings"] = bundle.linux["gidMappings"] = [
        {"containerID": 0, "hostID": 100000, "size": 10} | {field: value}]
    bundle.refused("id")


# ---- groups ----

def test_the_callers_groups_do_not_come_along(bundle):
    """CVE-2023-25173 (containerd), CVE-2022-36109 (moby): supplementary groups are those of the configuration."""
    bundle.prefix = ["setpriv", "--groups", "4242,4243"]
    bundle.process["user"] = {"uid": 1000, "gid": 1001}
    assert status(bundle.run("cat", "/proc/self/status").stdout)["Groups"] == []
    bundle.process["user"]["additionalGids"] = [1001, 10]
    assert status(bundle.run("cat", "/proc/self/status").stdout)["Groups"] == ["10", "1001"]
    with bundle.running():
        assert status(bundle.exec("cat", "/proc/self/status").stdout)["Groups"] == ["10", "1001"]


def test_the_images_groups_do_not_come_along(bundle):
    """CVE-2022-36109: a runtime takes numbers from its configuration, no memberships from the image's files."""
    (bundle.rootfs / "etc/group").write_text("disk:x:6:ada\nada:x:1001:\n")
    bundle.process["user"] = {"uid": 1000, "gid": 1001}
    assert status(bundle.run("cat", "/proc/self/status").stdout)["Groups"] == []


# ---- capabilities ----

NONE = ["0" * 16]


def test_nothing_is_inheritable(bundle):
    """CVE-2022-29162 (runc), CVE-2022-27650 (crun), CVE-2022-24769 (moby, containerd), GHSA-f3fp-gc8g-vw66 (youki)."""
    seen = status(bundle.run("cat", "/proc/self/status").stdout)
    assert seen["CapInh"] == NONE and seen["CapAmb"] == NONE
    with bundle.running():
        for flags in ([], ["--cap", "CAP_NET_ADMIN"], ["--user", "1000", "--cap", "CAP_NET_ADMIN"]):
            seen = status(bundle.exec("cat", "/proc/self/status", flags=flags).stdout)
            assert seen["CapInh"] == NONE and seen["CapAmb"] == NONE, flags


def test_the_callers_inheritable_set_does_not_come_along(bundle):
    """CVE-2022-24769: whatever the runtime itself was started with."""
    bundle.prefix = ["setpriv", "--inh-caps", "+net_admin,+sys_admin", "--ambient-caps", "+net_admin,+sys_admin"]
    seen = status(bundle.run("cat", "/proc/self/status").stdout)
    assert seen["CapInh"] == NONE and seen["CapAmb"] == NONE
    with bundle.running():
        seen = status(bundle.exec("cat", "/proc/self/status").stdout)
        assert seen["CapInh"] == NONE and seen["CapAmb"] == NONE


def test_a_file_with_capabilities_gives_another_user_none(bundle):
    """CVE-2022-29162: inheritable file capabilities are what an inheritable set would have turned on."""
    subprocess.run(["setcap", "cap_net_admin+i", bundle.rootfs / "bin/busybox"], check=True)
    bundle.process["noNewPrivileges"] = False
    with bundle.running():
        flags = ["--user", "1000", "--cap", "CAP_NET_ADMIN"]
        seen = status(bundle.exec("cat", "/proc/self/status", flags=flags).stdout)
    assert seen["CapEff"] == NONE and seen["CapPrm"] == NONE


def test_what_the_caller_exports_stays_outside(bundle):
    """CVE-2020-14370 (podman): the environment is the configuration's."""
    seen = bundle.run("env", env=os.environ | {"SECRET": "of the caller", "LD_PRELOAD_": "x"}).stdout
    assert "SECRET" not in seen and "LD_PRELOAD_" not in seen
    with bundle.running():
        assert "SECRET" not in bundle.exec("env", env=os.environ | {"SECRET": "of the caller"}).stdout
