"""What stands on the command line and what comes back: texts and exit codes that callers look for, options, logs, list,
features, spec."""

import json
import re
import subprocess

import pytest

from bundle import CGROUPS, RUNTIME
from container_cgroups import read


# ---- texts that callers look for, and exit codes ----

@pytest.mark.parametrize("command", ["state", "start", "kill", "delete", "pause", "resume", "ps", "events", "update",
                                     "checkpoint"])
def test_what_does_not_exist(bundle, command):
    done = bundle.command(command, bundle.id, check=False)
    assert done.returncode == 1
    assert "container does not exist" in done.stderr


def test_exec_in_what_does_not_exist(bundle):
    done = bundle.exec("true", check=False)
    assert done.returncode == 255 and "container does not exist" in done.stderr


def test_a_forced_delete_of_what_does_not_exist_is_fine(bundle):
    bundle.command("delete", "--force", bundle.id)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "a b", "a:b", "x" * 1025])
def test_an_id_that_is_none(bundle, name):
    bundle.save()
    done = bundle.command("run", "--bundle", bundle.path, name, check=False)
    assert done.returncode == 1
    assert "container id" in done.stderr.lower()
    assert bundle.containers() == []


def test_an_id_of_every_allowed_character(bundle):
    bundle.id = "aZ09_+.-" + bundle.id
    if not bundle.user:
        bundle.linux["cgroupsPath"] = f"/{CGROUPS}/{bundle.id}"
    bundle.run("true")


def test_an_id_is_used_once(bundle):
    with bundle.running():
        done = bundle.command("create", "--bundle", bundle.path, bundle.id, check=False)
        assert done.returncode == 1 and "container with given ID already exists" in done.stderr
        assert bundle.state()["status"] == "running"


def test_a_running_container_is_not_deleted_nor_started_again(bundle):
    with bundle.running():
        done = bundle.command("delete", bundle.id, check=False)
        assert done.returncode == 1
        assert f"cannot delete container {bundle.id} that is not stopped: running" in done.stderr
        assert "cannot start an already running container" in bundle.command("start", bundle.id, check=False).stderr


def test_a_stopped_container_is_not_killed_started_paused_nor_entered(bundle):
    bundle.create("true")
    bundle.start()
    bundle.wait_status("stopped")
    for words, text in ((("kill", bundle.id, "9"), "container not running"),
                        (("start", bundle.id), "cannot start a container that has stopped"),
                        (("pause", bundle.id), "container not running or created: stopped"),
                        (("resume", bundle.id), "container not paused"),
                        (("update", "--pids-limit", "5", bundle.id), "container not running"),
                        (("events", "--stats", bundle.id), f"container with id {bundle.id} is not running")):
        done = bundle.command(*words, check=False)
        assert done.returncode == 1 and text in done.stderr, words
    done = bundle.exec("true", check=False)
    assert done.returncode == 255 and "cannot exec in a stopped container" in done.stderr
    bundle.command("delete", bundle.id)


@pytest.mark.parametrize(["args", "texts"], {
    "a program that is not there": (["no-such-program"], ["no-such-program", "executable file not found in $PATH"]),
    "a path that is not there": (["/no/such"], ["/no/such", "no such file or directory"]),
    "a folder": (["/tmp"], ["/tmp", "is a directory", "permission denied"]),
    "a file that cannot be executed": (["/etc/passwd"], ["/etc/passwd", "permission denied"]),
}.values())
def test_a_program_that_cannot_run_is_told_as_engines_expect(bundle, args, texts):
    bundle.save()
    error = bundle.refused(*args).lower()
    for text in texts:
        assert text.lower() in error


def test_usage_errors(bundle):
    for words, text in ((("run", "--frobnicate", "x"), "flag provided but not defined: -frobnicate"),
                        (("run", "--bundle"), "flag needs an argument: -bundle"),
                        (("run",), "requires exactly 1 argument"), (("kill", "a", "b", "c"), "argument"),
                        (("frobnicate",), "frobnicate"), (("run", "--detach=maybe", "x"), "invalid boolean value"),
                        (("ps", "--format", "xml", "x"), "invalid format option"),
                        (("list", "--format", "xml"), "invalid format option"),
                        (("events", "--interval", "0s", "x"), "must be greater than 0"),
                        (("events", "--interval", "soon", "x"), "invalid duration"),
                        (("kill", "x", "NOSUCH"), "unknown signal")):
        done = bundle.command(*words, check=False)
        assert done.returncode == 1 and text in done.stderr, words


# ---- what stands before the command ----

def test_a_long_option_with_one_dash(bundle):
    bundle.process["args"] = ["true"]
    bundle.save()
    bundle.command("run", "-no-subreaper", f"-bundle={bundle.path}", bundle.id)


def test_options_end_at_the_first_word(bundle):
    with bundle.running():
        assert bundle.exec("echo", "--help", "-d", "--user").stdout == "--help -d --user\n"


def test_help_of_every_command(bundle):
    listed = re.findall(r"^   (\w+) ", bundle.command("--help").stdout.split("GLOBAL OPTIONS")[0].split("COMMANDS")[1],
                        re.MULTILINE)
    assert {"checkpoint", "create", "delete", "events", "exec", "features", "kill", "list", "pause", "ps", "restore",
            "resume", "run", "spec", "start", "state", "update"} <= set(listed)
    for command in listed:
        assert f" {command} " in bundle.command(command, "--help").stdout


def test_the_version(bundle):
    lines = bundle.command("--version").stdout.splitlines()
    assert re.fullmatch(r"estiba-oci version \d+\.\d+\S*", lines[0])
    assert "spec: 1.3.0" in lines
    assert all(line.startswith(("estiba-oci version ", "commit: ", "spec: ")) for line in lines)


@pytest.mark.parametrize("name", ["runc", "crun"])
def test_it_goes_by_the_name_it_is_called_by(bundle, name):
    alias = bundle.folder / name
    alias.symlink_to(RUNTIME)
    done = subprocess.run([alias, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{name} version ")
    bundle.save()
    subprocess.run([alias, "--root", str(bundle.state_root), "run", "--bundle", str(bundle.path), bundle.id],
                   check=True)


def log_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_log_as_json(bundle):
    log = bundle.folder / "log.json"
    done = bundle.command("--log", log, "--log-format", "json", "start", bundle.id, check=False)
    (line,) = log_lines(log)
    assert set(line) == {"level", "msg", "time"}
    assert line["level"] == "error" and "container does not exist" in line["msg"]
    assert re.fullmatch(r"[-\d]+T[:\d]+Z", line["time"])
    assert "container does not exist" in done.stderr  # and there too
    bundle.command(f"--log={log}", "--log-format=json", "state", bundle.id, check=False)
    assert len(log_lines(log)) == 2  # appended


def test_the_log_as_text(bundle):
    log = bundle.folder / "log"
    bundle.command("--log", log, "start", bundle.id, check=False)
    assert re.fullmatch(r'time="[^"]+" level=error msg="[^"]*container does not exist[^"]*"\n', log.read_text())
    assert "invalid log-format" in bundle.command("--log-format", "xml", "list", check=False).stderr


def test_debug_tells_the_steps(bundle):
    log = bundle.folder / "log.json"
    bundle.save()
    bundle.command("--debug", "--log", log, "--log-format", "json", "run", "--bundle", bundle.path, bundle.id)
    told = [line["msg"] for line in log_lines(log) if line["level"] == "debug"]
    assert any("hostname" in line for line in told)
    bundle.command("--log", log, "--log-format", "json", "run", "--bundle", bundle.path, bundle.id)
    assert len([line for line in log_lines(log) if line["level"] == "debug"]) == len(told)


def test_without_systemd_its_driver_names_the_way_out(bundle):
    """What it does where systemd is: tests/vm."""
    bundle.linux["cgroupsPath"] = f"system.slice:estiba:{bundle.id}"
    bundle.save()
    done = bundle.command("--systemd-cgroup", "run", "--bundle", bundle.path, bundle.id, check=False)
    assert done.returncode == 1 and "systemd" in done.stderr and "leave --systemd-cgroup away" in done.stderr
    bundle.command("--systemd-cgroup=false", "list")


@pytest.mark.parametrize("value", ["true", "false", "auto"])
def test_rootless(bundle, value):
    bundle.save()
    bundle.command(f"--rootless={value}", "run", "--bundle", bundle.path, bundle.id)


def test_rootless_of_another_value(bundle):
    assert "--rootless" in bundle.command("--rootless=perhaps", "list", check=False).stderr


# ---- list, features, spec ----

def test_list(bundle):
    assert bundle.command("list", "--format=json").stdout == "null\n"
    with bundle.running() as state:
        (entry,) = json.loads(bundle.command("list", "-f", "json").stdout)
        assert {key: entry[key] for key in ("id", "pid", "status", "bundle", "owner")} == {
            "id": bundle.id, "pid": state["pid"], "status": "running", "bundle": str(bundle.path),
            "owner": bundle.owner}
        heading, row = bundle.command("list").stdout.splitlines()
        assert heading.split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
        assert row.split()[:4] == [bundle.id, str(state["pid"]), "running", str(bundle.path)]
        assert bundle.command("list", "-q").stdout == f"{bundle.id}\n"


def test_features(bundle):
    features = json.loads(bundle.command("features").stdout)
    assert features["ociVersionMin"] == "1.0.0" and features["ociVersionMax"] == "1.3.0"
    assert features["hooks"] == ["prestart", "createRuntime", "createContainer", "startContainer", "poststart",
                                 "poststop"]
    for option in ("rro", "rbind", "tmpcopyup", "nosymfollow", "rnosymfollow", "lazytime"):
        assert option in features["mountOptions"]
    linux = features["linux"]
    assert {"cgroup", "ipc", "mount", "network", "pid", "user", "uts"} <= set(linux["namespaces"])
    assert "CAP_SYS_ADMIN" in linux["capabilities"]
    assert linux["cgroup"]["v1"] and linux["cgroup"]["v2"] and linux["cgroup"]["systemd"]
    assert linux["seccomp"]["enabled"] and "SCMP_ACT_ERRNO" in linux["seccomp"]["actions"]
    assert len(linux["seccomp"]["operators"]) == 7
    for name in ("apparmor", "selinux", "intelRdt", "netDevices"):
        assert isinstance(linux[name]["enabled"], bool)
    assert isinstance(linux["mountExtensions"]["idmap"]["enabled"], bool)
    # Who passes a stranger's annotations on takes these out (CVE-2024-3154).
    assert {"org.systemd.property.", "org.criu.config"} <= set(features["potentiallyUnsafeConfigAnnotations"])
    assert "MPOL_BIND" in linux["memoryPolicy"]["modes"] and "MPOL_F_STATIC_NODES" in linux["memoryPolicy"]["flags"]


@pytest.mark.parametrize("flags", [[], ["--rootless"]])
def test_spec_makes_a_configuration_that_runs(bundle, flags):
    path = bundle.path / "config.json"
    bundle.command("spec", "--bundle", bundle.path, *flags)
    config = json.loads(path.read_text())
    assert config["root"] == {"path": "rootfs", "readonly": True}
    assert "exists" in bundle.command("spec", "--bundle", bundle.path, check=False).stderr
    config["process"] |= {"terminal": False, "args": ["echo", "runs"]}
    if not bundle.user:
        config["linux"]["cgroupsPath"] = bundle.linux["cgroupsPath"]
    path.write_text(json.dumps(config))
    assert bundle.command("run", "--bundle", bundle.path, bundle.id).stdout == "runs\n"


# ---- options behind other words, terminals passed on ----

def test_options_behind_the_id(bundle):
    with bundle.running():
        bundle.command("update", bundle.id, "--pids-limit", "37")
        assert read(bundle, "pids.max") == "37"
        assert json.loads(bundle.command("ps", "--format", "json", bundle.id).stdout)
        bundle.command("kill", bundle.id, "--all", "KILL")
        bundle.wait_status("stopped")


def test_options_behind_the_id_of_an_exec_are_the_programs(bundle):
    with bundle.running():
        assert bundle.exec("echo", "--user", "7", "-e").stdout == "--user 7 -e\n"
