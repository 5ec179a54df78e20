"""exec: what its options and process files say of a further process."""

import contextlib
import json
import os
import pathlib

import pytest

from container_cgroups import groups
from harness.need import need


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


@pytest.mark.parametrize("way", ["run", "exec"])
def test_lines_of_a_terminal_that_is_passed_on_end_as_they_were_written(bundle, way):
    if way == "run":
        bundle.process["terminal"] = True
        done = bundle.run("printf", "a\nb\n", text=False)
    else:
        with bundle.running():
            done = bundle.exec("printf", "a\nb\n", flags=["--tty"], text=False)
    assert done.stdout == b"a\nb\n"
