"""The command line that engines call: every command, the options they pass, the texts and exit codes they look for."""

import contextlib
import json
import os
import pathlib
import re
import select
import signal
import subprocess

import pytest

from bundle import CGROUPS, RUNTIME
from harness.need import need, need_program
from harness.wait import wait_until

TRAPPED = ("sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.05; done")


def groups(bundle, file):
    """The container's cgroups that have this file."""
    return [path for path in pathlib.Path("/sys/fs/cgroup").glob(f"*/{CGROUPS}/{bundle.id}/{file}")] + \
           [path for path in pathlib.Path("/sys/fs/cgroup").glob(f"{CGROUPS}/{bundle.id}/{file}")]


def read(bundle, *files):
    """The content of the first of these files that there is: one of v1's name and one of v2's."""
    for file in files:
        for path in groups(bundle, file):
            return path.read_text().strip()
    pytest.skip(f"needs a cgroup with {' or '.join(files)}")


# ---- the life of a container ----

def test_create_start_kill_delete(bundle):
    pid_file = bundle.folder / "pid"
    bundle.create(*TRAPPED, flags=["--pid-file", pid_file])
    state = bundle.state()
    assert state["status"] == "created"
    assert pid_file.read_bytes() == str(state["pid"]).encode()  # no newline
    bundle.start()
    assert bundle.state()["status"] == "running"
    bundle.command("kill", bundle.id, "KILL")
    bundle.wait_status("stopped")
    bundle.command("delete", bundle.id)
    assert "container does not exist" in bundle.command("state", bundle.id, check=False).stderr


def test_the_state_document(bundle):
    bundle.config["annotations"] = {"a.b": "c", "d": ""}
    with bundle.running() as state:
        assert state["ociVersion"] == "1.3.0" and state["id"] == bundle.id
        assert state["bundle"] == str(bundle.path) and state["rootfs"] == str(bundle.rootfs)
        assert state["annotations"] == {"a.b": "c", "d": ""} and state["owner"] == bundle.owner
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", state["created"])
        assert pathlib.Path(f"/proc/{state['pid']}").exists()


def test_a_later_change_of_the_configuration_has_no_effect(bundle):
    bundle.create("echo", "first")
    bundle.process["args"] = ["echo", "second"]
    bundle.save()
    bundle.start()
    bundle.wait_status("stopped")
    assert bundle.output() == "first\n"
    bundle.command("delete", bundle.id)


def test_the_pid_file_is_replaced_whole(bundle):
    pid_file = bundle.folder / "pid"
    pid_file.write_text("an older and longer content")
    before = pid_file.stat().st_ino
    bundle.create("sleep", "1000", flags=["--pid-file", pid_file])
    assert pid_file.read_text() == str(bundle.state()["pid"])
    assert pid_file.stat().st_ino != before
    assert [path.name for path in bundle.folder.iterdir() if "pid" in path.name] == ["pid"]
    bundle.command("delete", "--force", bundle.id)


def test_run_in_the_foreground_ends_as_the_program_ends(bundle):
    assert bundle.run("sh", "-c", "exit 7", check=False).returncode == 7
    assert bundle.containers() == []
    bundle.without_namespace("pid")  # else the first process ignores the signal
    assert bundle.run("sh", "-c", "kill -TERM $$", check=False).returncode == 128 + signal.SIGTERM


def test_run_keep(bundle):
    bundle.run("true", flags=["--keep"])
    assert bundle.state()["status"] == "stopped" and bundle.state()["pid"] == 0
    bundle.command("delete", bundle.id)


def test_run_detached(bundle):
    out = open(bundle.folder / "output", "wb")
    bundle.run("sleep", "1000", flags=["--detach", "--pid-file", bundle.folder / "pid"], capture_output=False,
               stdout=out, stderr=out)
    assert bundle.state()["status"] == "running"
    assert (bundle.folder / "pid").read_text() == str(bundle.state()["pid"])
    bundle.command("delete", "-f", bundle.id)


def test_a_foreground_run_passes_signals_on(bundle):
    bundle.process["args"] = ["sh", "-c", "trap 'exit 9' USR1; echo ready; while :; do sleep 0.05; done"]
    bundle.save()
    process = subprocess.Popen([RUNTIME, "--root", str(bundle.state_root), "run", "--bundle", str(bundle.path),
                                bundle.id], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGUSR1)
    assert process.wait(20) == 9


def test_without_pivot_and_keyring(bundle):
    assert bundle.run("ls", "/bin/true", flags=["--no-pivot", "--no-new-keyring"]).stdout == "/bin/true\n"


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


# ---- kill ----

@pytest.mark.parametrize("name", ["TERM", "SIGTERM", "sigterm", "15", None])
def test_signals_by_every_name(bundle, name):
    bundle.create("sh", "-c", "trap 'exit 3' TERM; touch /tmp/ready; while :; do sleep 0.05; done")
    bundle.start()
    wait_until(lambda: (bundle.rootfs / "tmp/ready").exists(), "the trap is set")
    bundle.command("kill", bundle.id, *([name] if name else []))
    bundle.wait_status("stopped")
    bundle.command("delete", bundle.id)


def test_kill_all_reaches_every_process(bundle):
    with bundle.running("sh", "-c", "sleep 2000 & exec sleep 1000"):
        wait_until(lambda: len(json.loads(bundle.command("ps", "-f", "json", bundle.id).stdout)) == 2, "both run")
        bundle.command("kill", "--all", bundle.id, "KILL")
        bundle.wait_status("stopped")


def test_without_a_pid_namespace_nothing_survives_the_kill(bundle):
    bundle.without_namespace("pid")
    bundle.create("sh", "-c", "sleep 2000 & exec sleep 1000")
    bundle.start()
    wait_until(lambda: len(json.loads(bundle.command("ps", "-f", "json", bundle.id).stdout)) == 2, "both run")
    pids = json.loads(bundle.command("ps", "-f", "json", bundle.id).stdout)
    bundle.command("kill", bundle.id, "KILL")

    def gone(pid):
        try:
            return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
        except OSError:
            return True
    wait_until(lambda: all(gone(pid) for pid in pids), "all are gone")
    bundle.command("delete", bundle.id)


def test_kill_of_a_created_container(bundle):
    bundle.create("true")
    bundle.command("kill", bundle.id, "KILL")
    bundle.wait_status("stopped")
    bundle.command("delete", bundle.id)


# ---- exec ----

def test_exec_ends_as_its_program_ends(bundle):
    with bundle.running():
        assert bundle.exec("sh", "-c", "exit 6", check=False).returncode == 6
        assert bundle.exec("sh", "-c", "kill -9 $$", check=False).returncode == 128 + 9
        done = bundle.exec("no-such-program", check=False)
        assert done.returncode == 255 and "executable file not found in $PATH" in done.stderr


EXEC = {
    "--env": (["--env", "A=b c", "-e", "D=e"], "echo $A $D", "b c e"),
    "--cwd": (["--cwd", "/tmp"], "pwd", "/tmp"),
    "--user": (["--user", "7:8"], "id -u; id -g", "7\n8"),
    "--user of a number": (["-u", "7"], "id -u; id -g", "7\n0"),
    "--additional-gids": (["--additional-gids", "10", "-g", "11"], "id -G", "0 10 11"),
    "--cap": (["--cap", "CAP_SYS_TIME"], "grep CapEff /proc/self/status", "CapEff:\t00000000aa0425fb"),
    "--cap leaves the inheritable set": (["-c", "CAP_SYS_TIME"], "grep CapInh /proc/self/status",
                                         "CapInh:\t0000000000000000"),
    "--no-new-privs": (["--no-new-privs"], "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t1"),
    "--no-new-privs=false": (["--no-new-privs=false"], "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t0"),
}


@pytest.mark.parametrize("row", EXEC)
def test_exec_option(bundle, row):
    flags, script, expected = EXEC[row]
    with bundle.running():
        assert bundle.exec("sh", "-c", script, flags=flags).stdout.rstrip("\n") == expected


EXEC_REFUSED = {
    "a uid that wraps to root": (["--user", "4294967296"], "--user"),
    "a name": (["--user", "ada"], "--user"),
    "a negative group": (["--additional-gids=-1"], "--additional-gids"),
    "a relative folder": (["--cwd", "tmp"], "process.cwd"),
    "a console socket without a terminal": (["--console-socket", "/x"], "console socket"),
    "a terminal nobody takes": (["--detach", "--tty"], "console socket"),
    "descriptors that are not there": (["--preserve-fds", "3"], "preserved-fd"),
    "a cgroup out of the container's": (["--cgroup", "../x"], "'..' is not allowed"),
    "a controller that is none": (["--cgroup", "nosuch:x"], "nosuch"),
    "a cgroup without its controller": (["--cgroup", "x", "--cgroup", "cpu:y"], "missing <controller>: prefix"),
    "a cgroup that is not there": (["--cgroup", "nosuch"], "nosuch"),
    "a process file that is not there": (["--process", "/no/such"], "/no/such"),
    "a label of a module that is off": (["--process-label", "a:b:c:s0"], "selinuxLabel"),
    "a profile of a module that is off": (["--apparmor", "x"], "apparmorProfile"),
}


@pytest.mark.parametrize("row", EXEC_REFUSED)
def test_exec_refuses(bundle, row):
    flags, text = EXEC_REFUSED[row]
    if "module that is off" in row and pathlib.Path("/proc/self/attr/apparmor/exec").exists():
        pytest.skip("needs a host without AppArmor")
    with bundle.running():
        words = [] if "--process" in flags else ["true"]
        done = bundle.exec(*words, flags=flags, check=False)
        assert done.returncode == 255 and text in done.stderr, done.stderr


def process_file(bundle, **changes):
    path = bundle.folder / "process.json"
    path.write_text(json.dumps({"user": {"uid": 0, "gid": 0}, "cwd": "/", "env": ["PATH=/bin"]} | changes))
    return path


def test_exec_of_a_process_file(bundle):
    with bundle.running():
        path = process_file(bundle, args=["sh", "-c", "id -u; pwd; echo $A"], cwd="/tmp", env=["PATH=/bin", "A=b"],
                            user={"uid": 12, "gid": 34})
        done = bundle.exec(flags=["--process", path, "--pid-file", bundle.folder / "pid"])
        assert done.stdout == "12\n/tmp\nb\n"
        assert (bundle.folder / "pid").read_text().isdigit()


def test_a_process_file_is_not_mixed_with_options_it_would_hide(bundle):
    with bundle.running():
        path = process_file(bundle, args=["true"])
        for flags in (["--env", "A=b"], ["--user", "1"], ["--cwd", "/"], ["--cap", "CAP_KILL"], ["--no-new-privs"]):
            done = bundle.exec(flags=["--process", path, *flags], check=False)
            assert done.returncode == 255 and f"{flags[0]} cannot be used with --process" in done.stderr
        assert "cannot be used" in bundle.exec("true", flags=["--process", path], check=False).stderr


def test_exec_detached_with_a_terminal_and_a_pidfd(bundle, receiver):
    with bundle.running():
        flags = ["--detach", "--tty", "--console-socket", receiver.path, "--pid-file", bundle.folder / "pid"]
        bundle.exec("sh", "-c", "tty; sleep 1000", flags=flags)
        data, (master,) = receiver.receive()
        assert 0 < len(data) < 4096
        assert os.read(master, 100).startswith(b"/dev/pts/")
        pid = int((bundle.folder / "pid").read_text())
        assert pathlib.Path(f"/proc/{pid}").exists()
        os.close(master)


@pytest.mark.parametrize("command", ["create", "exec"])
def test_the_pidfd_goes_to_its_socket(bundle, receiver, command):
    flags = ["--pidfd-socket", receiver.path, "--pid-file", bundle.folder / "pid"]
    bundle.create("sleep", "1000", flags=flags if command == "create" else ())
    if command == "exec":
        bundle.start()
        with open(bundle.folder / "output", "wb") as out:
            bundle.exec("sleep", "1000", flags=["--detach", *flags], capture_output=False, stdout=out, stderr=out)
    _, (pidfd,) = receiver.receive()
    info = pathlib.Path(f"/proc/self/fdinfo/{pidfd}").read_text()
    assert f"Pid:\t{(bundle.folder / 'pid').read_text()}\n" in info
    os.close(pidfd)
    bundle.command("delete", "--force", bundle.id)


def test_exec_in_a_sub_cgroup(bundle):
    with bundle.running():
        made = []
        for group in groups(bundle, "cgroup.procs"):
            sub = group.parent / "sub"
            sub.mkdir()
            made.append(sub)
            for name in ("cpuset.cpus", "cpuset.mems"):
                if (sub / name).exists() and not (sub / name).read_text().strip():
                    (sub / name).write_text((group.parent / name).read_text())
        bundle.without_namespace("cgroup")
        lines = bundle.exec("cat", "/proc/self/cgroup", flags=["--cgroup", "sub"]).stdout.splitlines()
        below = [line for line in lines if line.endswith("/sub")]
        assert len(below) == len(made)
        with contextlib.suppress(OSError):
            for sub in made:
                sub.rmdir()


def test_exec_where_the_containers_cgroup_may_hold_no_process(bundle):
    """As systemd inside leaves it: the first process moved below, a controller handed on (cgroup v2)."""
    bundle.linux["resources"]["hugepageLimits"] = [{"pageSize": "2MB", "limit": 2 << 20}]
    bundle.without_namespace("cgroup")
    with bundle.running() as state:
        (top,) = [path.parent for path in groups(bundle, "cgroup.subtree_control")]
        controllers = (top / "cgroup.controllers").read_text().split()
        need(controllers, "a controller on the unified hierarchy")
        below = top / "init.scope"
        below.mkdir()
        (below / "cgroup.procs").write_text(str(state["pid"]))
        (top / "cgroup.subtree_control").write_text(f"+{controllers[0]}")
        lines = bundle.exec("cat", "/proc/self/cgroup").stdout.splitlines()
        (unified,) = [line for line in lines if line.startswith("0::")]
        assert unified.endswith(f"/{bundle.id}/init.scope")


# ---- descriptors ----

def test_descriptors_that_are_passed_on(bundle):
    read_end, write_end = os.pipe()
    bundle.process["args"] = ["sh", "-c", "echo through >&3"]
    bundle.save()
    subprocess.run([RUNTIME, "--root", str(bundle.state_root), "run", "--preserve-fds", "1", "--bundle",
                    str(bundle.path), bundle.id], pass_fds=[write_end] if write_end == 3 else [], check=True,
                   preexec_fn=(lambda: os.dup2(write_end, 3)), close_fds=False)
    os.close(write_end)
    assert os.read(read_end, 100) == b"through\n"
    os.close(read_end)


def test_sockets_of_an_activating_caller(bundle):
    bundle.process["args"] = ["sh", "-c", "echo $LISTEN_FDS $LISTEN_PID; ls /proc/self/fd"]
    bundle.save()
    command = f"LISTEN_PID=$$ LISTEN_FDS=1 exec {RUNTIME} --root {bundle.state_root} run --bundle {bundle.path} " \
              f"{bundle.id} 3</dev/null"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "1", "0", "1", "2", "3", "4"]  # 4: the folder ls reads


# ---- pause, ps, update, events ----

def test_pause_and_resume(bundle):
    with bundle.running():
        assert "container not paused" in bundle.command("resume", bundle.id, check=False).stderr
        bundle.command("pause", bundle.id)
        assert bundle.state()["status"] == "paused"
        assert "container not running or created: paused" in bundle.command("pause", bundle.id, check=False).stderr
        done = bundle.exec("true", check=False)
        assert done.returncode == 255
        assert "cannot exec in a paused container (use --ignore-paused to override)" in done.stderr
        bundle.command("resume", bundle.id)
        assert bundle.state()["status"] == "running"
        bundle.exec("true")


def test_a_paused_container_can_be_killed(bundle):
    with bundle.running():
        bundle.command("pause", bundle.id)
        bundle.command("kill", bundle.id, "KILL")
        bundle.wait_status("stopped")


def test_a_paused_container_can_be_deleted_by_force(bundle):
    with bundle.running():
        bundle.command("pause", bundle.id)
        bundle.command("delete", "--force", bundle.id)


def test_exec_that_ignores_the_pause_runs_when_it_is_over(bundle):
    with bundle.running():
        bundle.command("pause", bundle.id)
        process = subprocess.Popen([RUNTIME, "--root", str(bundle.state_root), "exec", "--ignore-paused", bundle.id,
                                    "true"], stdin=subprocess.DEVNULL)
        wait_until(lambda: len(json.loads(bundle.command("ps", "-f", "json", bundle.id).stdout)) == 2
                   or process.poll() is not None, "it is there")
        bundle.command("resume", bundle.id)
        assert process.wait(20) == 0


def test_ps(bundle):
    need_program("ps")
    with bundle.running() as state:
        assert json.loads(bundle.command("ps", "--format", "json", bundle.id).stdout) == [state["pid"]]
        heading, row = bundle.command("ps", bundle.id).stdout.splitlines()
        assert "PID" in heading.split() and str(state["pid"]) in row.split() and "sleep" in row
        heading, row = bundle.command("ps", bundle.id, "-o", "pid,comm").stdout.splitlines()
        assert heading.split() == ["PID", "COMMAND"] and row.split() == [str(state["pid"]), "sleep"]
        assert "PID field" in bundle.command("ps", bundle.id, "-o", "comm", check=False).stderr


UPDATES = {
    "--pids-limit": (["--pids-limit", "19"], ("pids.max",), "19"),
    "--pids-limit -1": (["--pids-limit", "-1"], ("pids.max",), "max"),
    "--memory": (["--memory", "32M"], ("memory.limit_in_bytes", "memory.max"), "33554432"),
    "--memory-reservation": (["--memory-reservation", "16777216"], ("memory.soft_limit_in_bytes", "memory.low"),
                             "16777216"),
    "--cpu-share": (["--cpu-share", "512"], ("cpu.shares",), "512"),
    "--cpuset-cpus": (["--cpuset-cpus", "0"], ("cpuset.cpus",), "0"),
    "--cpuset-mems": (["--cpuset-mems", "0"], ("cpuset.mems",), "0"),
    "--cpu-quota and --cpu-period": (["--cpu-quota", "20000", "--cpu-period", "50000"], ("cpu.cfs_quota_us",), "20000"),
}


@pytest.mark.parametrize("row", UPDATES)
def test_update(bundle, row):
    flags, files, expected = UPDATES[row]
    with bundle.running():
        bundle.command("update", *flags, bundle.id)
        assert read(bundle, *files) == expected


@pytest.mark.parametrize("where", ["file", "-"])
def test_update_from_a_document(bundle, where):
    document = json.dumps({"pids": {"limit": 17}, "memory": {"limit": 33554432}, "cpu": {"shares": 256}})
    file = bundle.folder / "resources.json"
    file.write_text(document)
    with bundle.running():
        with open(file, encoding="ascii") as stdin:
            bundle.command("update", "--resources", "-" if where == "-" else file, bundle.id, stdin=stdin)
        assert read(bundle, "pids.max") == "17"
        assert read(bundle, "memory.limit_in_bytes", "memory.max") == "33554432"


def test_updates_build_on_each_other(bundle):
    with bundle.running():
        bundle.command("update", "--memory", "32M", bundle.id)
        bundle.command("update", "--pids-limit", "21", bundle.id)
        assert read(bundle, "memory.limit_in_bytes", "memory.max") == "33554432"
        if any(groups(bundle, "memory.memsw.limit_in_bytes")) or any(groups(bundle, "memory.swap.max")):
            bundle.command("update", "--memory-swap", "64M", bundle.id)  # means nothing without the limit of before
            assert read(bundle, "memory.memsw.limit_in_bytes", "memory.swap.max") in ("67108864", "33554432")


def test_device_rules_can_be_updated(bundle):
    """A device nobody drives: opening it is refused by the rules (EPERM) or by the kernel (ENXIO)."""
    def opened():
        return bundle.exec("cat", "/tmp/node", check=False).stderr
    rules = bundle.linux["resources"]["devices"]
    more = {"allow": True, "type": "c", "major": 1, "minor": 99, "access": "rwm"}
    with bundle.running():
        bundle.exec("mknod", "/tmp/node", "c", "1", "99")
        assert "Operation not permitted" in opened()
        for devices, answer in ((rules, "Operation not permitted"), ([*rules, more], "No such device or address"),
                                (None, "No such device or address"), (rules, "Operation not permitted")):
            document = json.dumps({"devices": devices, "pids": {"limit": 23}})
            bundle.command("update", "-r", "-", bundle.id, stdin=None, input=document)
            assert answer in opened(), devices
            bundle.exec("sh", "-c", "cat </dev/null >/dev/zero")  # the defaults stay


UPDATE_REFUSED = {
    "no number": (["--pids-limit", "many"], "--pids-limit"),
    "no size": (["--memory", "1x"], "--memory"),
    "a negative share": (["--cpu-share", "-1"], "--cpu-share"),
    "CPUs that are not there": (["--cpuset-cpus", "4000"], "linux.resources.cpu.cpus"),
    "swap without memory": (["--memory-swap", "64M"], "linux.resources.memory.swap"),
    "a cache schema": (["--l3-cache-schema", "L3:0=f"], "Intel RDT"),
    "a bandwidth schema": (["--mem-bw-schema", "MB:0=70"], "Intel RDT"),
    "a document that is none": (["--resources", "/etc/hostname"], "invalid JSON"),
}


@pytest.mark.parametrize("row", UPDATE_REFUSED)
def test_update_refuses(bundle, row):
    flags, text = UPDATE_REFUSED[row]
    with bundle.running():
        done = bundle.command("update", *flags, bundle.id, check=False)
        assert done.returncode == 1 and text in done.stderr


def test_events_once(bundle):
    with bundle.running("sh", "-c", "while :; do :; done"):
        wait_until(lambda: json.loads(bundle.command("events", "--stats", bundle.id).stdout)
                   ["data"]["cpu"]["usage"].get("total", 0) > 0, "the CPU was used")
        event = json.loads(bundle.command("events", "--stats", bundle.id).stdout)
        assert event["type"] == "stats" and event["id"] == bundle.id
        data = event["data"]
        assert set(data) >= {"cpu", "cpuset", "memory", "pids", "blkio", "hugetlb", "intel_rdt", "network_interfaces"}
        assert data["pids"]["current"] == 1
        assert data["memory"]["usage"]["usage"] > 0 and data["memory"]["usage"]["limit"] > 0 and data["memory"]["raw"]
        if any(groups(bundle, "cpu.pressure")):
            assert set(data["cpu"]["psi"]["some"]) == {"avg10", "avg60", "avg300", "total"}


@contextlib.contextmanager
def following(bundle, *flags):
    process = subprocess.Popen([RUNTIME, "--root", str(bundle.state_root), "events", *flags, bundle.id],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def next_line(process):
    assert select.select([process.stdout], [], [], 20)[0], "no event came"
    return json.loads(process.stdout.readline())


def test_events_again_and_again_until_the_container_ends(bundle):
    with bundle.running():
        with following(bundle, "--interval=20ms") as process:
            for _ in range(3):
                assert next_line(process)["type"] == "stats"
            bundle.command("kill", bundle.id, "KILL")
            process.stdout.read()
            assert process.wait(20) == 0


def test_events_tell_of_the_oom_killer(bundle):
    bundle.linux["resources"]["memory"] = {"limit": 16 << 20, "swap": 16 << 20}
    if not any(pathlib.Path("/sys/fs/cgroup").glob("memory/memory.memsw.limit_in_bytes")):
        del bundle.linux["resources"]["memory"]["swap"]
    bundle.create("sh", "-c", "sleep 1000")
    bundle.start()
    with following(bundle, "--interval", "1h") as process:
        files = pathlib.Path(f"/proc/{process.pid}/fd")
        wait_until(lambda: any(os.readlink(file).endswith(("[eventfd]", "memory.events"))
                               for file in files.iterdir() if os.path.islink(file)), "it watches")
        bundle.exec("sh", "-c", "tail -c 64m /dev/zero; echo ended $?", check=False)
        event = next_line(process)
        assert event == {"type": "oom", "id": bundle.id}
    bundle.command("delete", "--force", bundle.id)


# ---- where cgroups are ----

def test_a_relative_cgroup_path_is_found_again_from_another_cgroup(bundle):
    bundle.linux["cgroupsPath"] = f"{CGROUPS}/{bundle.id}"
    with bundle.running():
        record = json.loads((bundle.state_root / bundle.id / "state.json").read_text())
        assert record["cgroupPath"].startswith("/") and record["cgroupPath"].endswith(f"/{CGROUPS}/{bundle.id}")


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


@pytest.mark.parametrize("way", ["run", "exec"])
def test_lines_of_a_terminal_that_is_passed_on_end_as_they_were_written(bundle, way):
    if way == "run":
        bundle.process["terminal"] = True
        done = bundle.run("printf", "a\nb\n", text=False)
    else:
        with bundle.running():
            done = bundle.exec("printf", "a\nb\n", flags=["--tty"], text=False)
    assert done.stdout == b"a\nb\n"


# ---- cgroups that were there before ----

def test_a_cgroup_that_holds_processes_is_refused(bundle, another_bundle):
    another_bundle.linux["cgroupsPath"] = bundle.linux["cgroupsPath"]
    with bundle.running():
        assert "container's cgroup is not empty" in another_bundle.refused("true")


def test_a_frozen_cgroup_is_refused(bundle):
    """It would never let the container's processes run."""
    unified = pathlib.Path("/sys/fs/cgroup/unified")
    top = unified if unified.is_dir() else unified.parent
    need((top / "cgroup.procs").exists(), "a unified hierarchy")
    folder = top / bundle.linux["cgroupsPath"][1:]
    folder.mkdir(parents=True)
    try:
        (folder / "cgroup.freeze").write_text("1")
        assert "container's cgroup unexpectedly frozen" in bundle.refused("true")
    finally:
        folder.rmdir()
