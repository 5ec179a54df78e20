"""estiba doctor: what it says of this host is what can be seen otherwise, and it leaves nothing behind."""

import json
import os
import pathlib
import re
import subprocess

from harness import leaks
from harness.engine import BIN
from harness.whose import engine_in


def examine(engine, *arguments, **variables):
    settings = [f"{name}={value}" for name, value in variables.items()]
    command = [*engine.prefix(), "env", *settings, str(BIN / "estiba"), "doctor", *arguments]
    return subprocess.run(command, env=engine.environment(), text=True, capture_output=True, check=False, timeout=60)


def findings(engine, **variables):
    answer = examine(engine, "--format", "json", **variables)
    report = json.loads(answer.stdout)
    assert answer.returncode == (0 if report["Healthy"] else 1), answer.stderr
    return {finding["Name"]: finding for finding in report["Findings"]}


def test_it_needs_no_engine_and_leaves_nothing(tmp_path):
    engine = engine_in(tmp_path)
    try:
        before = leaks.Snapshot.take(engine)
        rules = engine.network.run("nft", "list", "ruleset").stdout
        found = findings(engine)
        assert leaks.Snapshot.take(engine).differences(before) == []
        assert engine.network.run("nft", "list", "ruleset").stdout == rules
        assert engine.processes() == []
        assert sorted(os.listdir(tmp_path)) == ["estibad.toml"]
        assert all(finding["State"] == "works" for finding in found.values() if finding["Needed"]), found
        assert found["socket"]["Detail"].endswith("none runs, the next command starts one")
        # As the kernel itself says it.
        abi = int(found["Landlock"]["Detail"].removeprefix("ABI "))
        assert (abi > 0) == ("landlock" in lsm())
        assert (found["AppArmor"]["State"] == "works") == ("apparmor" in lsm())
        assert found["process ids"]["Detail"] == pathlib.Path("/proc/sys/kernel/pid_max").read_text().strip()
        v2 = not pathlib.Path("/sys/fs/cgroup/memory").exists()
        assert ("version 2" == found["hierarchies"]["Detail"]) == v2
    finally:
        engine.destroy()


def lsm():
    file = pathlib.Path("/sys/kernel/security/lsm")
    if not file.exists():
        subprocess.run(["mount", "-t", "securityfs", "securityfs", "/sys/kernel/security"], check=False)
    return file.read_text() if file.exists() else "landlock"


def test_one_line_a_feature_and_what_to_do(engine):
    answer = examine(engine)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert re.search(r"^  works +overlay: mounted on ", answer.stdout, re.M)
    assert f"works    socket: {engine.socket}: an engine answers" in answer.stdout
    for state in re.findall(r"^  (limited|missing)  .*\n(.*)\n(.*)\n", answer.stdout, re.M):
        assert state[1].startswith("      lost: ") and state[2].startswith("      mend: ")
    quiet = examine(engine, "--quiet").stdout
    assert "works" not in re.findall(r"^  (\w+)", quiet, re.M)
    healthy = examine(engine, "--format", "{{.Healthy}}")
    assert healthy.stdout.strip() == "true"


def test_what_is_missing_is_told_with_what_mends_it(engine, tmp_path):
    """A host without programs, on whose data root no overlay can be mounted, where no bridge can be made."""
    empty = tmp_path / "empty"
    empty.mkdir()
    found = findings(engine, PATH=str(empty))
    assert (found["ps"]["State"], found["ps"]["Mend"]) == ("limited", "apt install procps")
    assert found["ps"]["Lost"] == "estiba top"
    # An overlay cannot have another one's directories as its upper one.
    script = (f"mkdir {tmp_path}/u {tmp_path}/w && mount -t overlay overlay -o "
              f"lowerdir={empty},upperdir={tmp_path}/u,workdir={tmp_path}/w {empty} && exec \"$@\"")
    config = tmp_path / "other.toml"
    config.write_text(f'data_root = "{empty}/data"\nrun_root = "{tmp_path}/run2"\n')
    answer = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", str(BIN / "estiba"), "doctor", "--format",
                             "json"], env=engine.environment() | {"ESTIBA_CONFIG": str(config)}, text=True,
                            capture_output=True, check=False, timeout=60)
    overlay, = [one for one in json.loads(answer.stdout)["Findings"] if one["Name"] == "overlay"]
    assert overlay["State"] == "limited" and "ext4" in overlay["Mend"]
    # Without the privilege over the network nothing of it can be made, and no container has one.
    bounded = subprocess.run(["capsh", "--drop=cap_net_admin", "--", "-c",
                              f"exec {BIN}/estiba doctor --format json"], env=engine.environment(), text=True,
                             capture_output=True, check=False, timeout=60)
    found = {one["Name"]: one for one in json.loads(bounded.stdout)["Findings"]}
    assert found["nftables"]["State"] == "missing" and bounded.returncode == 1


def test_a_users_doctor_looks_at_what_the_user_has(rootless):
    found = findings(rootless)
    for name in ["user namespace", "newuidmap, newgidmap", "subordinate ids", "overlay", "nftables", "bridge", "veth"]:
        assert found[name]["State"] == "works", found[name]
    assert "erofs from files" not in found
    first = int(pathlib.Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    assert found["ports below 1024"]["State"] == ("works" if first <= 80 else "limited")
    assert found["delegation"]["State"] == "limited"
    assert "Delegate=" in found["delegation"]["Mend"]
    rootless.cli("run", "--rm", "--network", "none", "estiba/busybox", "true")  # as it says


def test_a_user_without_subordinate_ids_is_told_how_to_get_them(rootless, tmp_path):
    empty = tmp_path / "subuid"
    empty.write_text("")
    script = f"mount --bind {empty} /etc/subuid && mount --bind {empty} /etc/subgid && exec \"$@\""
    answer = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", *rootless.command("doctor")], text=True,
                            env=rootless.environment(), capture_output=True, check=False, timeout=60)
    assert answer.returncode == 1
    assert "missing  subordinate ids" in answer.stdout
    assert "mend: usermod --add-subuids" in answer.stdout
