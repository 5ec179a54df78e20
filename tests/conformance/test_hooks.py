"""config.json, `hooks`: order, namespaces, the state on stdin, environment, timeouts and what a failure does."""

import json
import os
import stat

import pytest

from harness.wait import wait_until

KINDS = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
OUTSIDE = [kind for kind in KINDS if kind != "startContainer"]


class Log:
    """A file that hooks outside and inside (bound at /log) append to."""

    def __init__(self, bundle):
        self.path = bundle.folder / "log"
        self.path.touch()
        bundle.bind(self.path, "/log")

    def lines(self):
        return self.path.read_text().splitlines()


@pytest.fixture
def log(bundle):
    return Log(bundle)


def add(bundle, kind, script, **fields):
    """A hook of that kind that runs a shell script; `$LOG` is the log."""
    inside = kind == "startContainer"
    where = "/log" if inside else bundle.folder / "log"
    hook = {"path": "/bin/busybox", "args": ["busybox", "sh", "-c", script],
            "env": ["PATH=/bin:/usr/bin", f"LOG={where}"]} | fields
    bundle.config.setdefault("hooks", {}).setdefault(kind, []).append(hook)
    return hook


def test_each_kind_in_its_order_and_its_place_in_the_life(bundle, log):
    for kind in KINDS:
        add(bundle, kind, f"echo {kind} 1 >> $LOG")
        add(bundle, kind, f"echo {kind} 2 >> $LOG")
    bundle.create("sh", "-c", "echo process >> /log")
    created = log.lines()
    bundle.start()
    bundle.wait_status("stopped")
    before_delete = log.lines()
    bundle.command("delete", bundle.id)
    twice = [f"{kind} {n}" for kind in KINDS for n in (1, 2)]
    assert created == twice[:6]
    # poststart and the program run side by side.
    assert [line for line in before_delete if line != "process"] == twice[:10]
    assert before_delete.index("startContainer 2") < before_delete.index("process")
    assert log.lines() == before_delete + twice[10:]


@pytest.mark.parametrize("kind,status", [("prestart", "creating"), ("createRuntime", "creating"),
                                         ("createContainer", "creating"), ("startContainer", "created"),
                                         ("poststart", "running"), ("poststop", "stopped")])
def test_the_state_on_stdin(bundle, log, kind, status):
    bundle.config["annotations"] = {"com.example.a": "x \"y\""}
    add(bundle, kind, "cat >> $LOG")
    bundle.create("sleep", "1000")
    pid = bundle.state()["pid"]
    bundle.start()
    bundle.command("delete", "--force", bundle.id)
    state = json.loads(log.path.read_text())
    expected = {"ociVersion": "1.3.0", "id": bundle.id, "status": status, "bundle": str(bundle.path),
                "annotations": {"com.example.a": "x \"y\""}}
    assert {key: state[key] for key in expected} == expected
    assert state.get("pid", 0) == (0 if kind == "poststop" else pid)


@pytest.mark.parametrize("kind", KINDS)
def test_namespaces(bundle, log, kind):
    add(bundle, kind, "readlink /proc/self/ns/mnt >> $LOG; readlink /proc/self/ns/net >> $LOG")
    with bundle.running() as state:
        theirs = [os.readlink(f"/proc/{state['pid']}/ns/{name}") for name in ("mnt", "net")]
    inside = kind in ("createContainer", "startContainer")
    assert log.lines() == (theirs if inside else [os.readlink(f"/proc/self/ns/{name}") for name in ("mnt", "net")])


@pytest.mark.parametrize("kind", ["prestart", "createRuntime"])
def test_the_runtime_environment_is_there_before_the_pivot(bundle, log, kind):
    """Hooks that add to the container (GPU libraries) enter its mount namespace and find the mounts in place, under
    the root's path."""
    bundle.bind(bundle.path, "/extra")
    add(bundle, kind, "pid=$(cat | grep -o '\"pid\":[0-9]*' | cut -d: -f2); "
        f"nsenter -t $pid -m sh -c 'test -e {bundle.rootfs}/extra/config.json && test -e {bundle.rootfs}/proc/1 && "
        f"mount -t tmpfs -o mode=700 added {bundle.rootfs}/home && echo found' >> $LOG")
    assert bundle.sh("stat -c %a /home") == "700"
    assert log.lines() == ["found"]


def test_create_container_sees_the_mounts_and_the_host(bundle, log):
    bundle.bind(bundle.path, "/extra")
    add(bundle, "createContainer", f"test -e {bundle.rootfs}/extra/config.json && test -e /etc/passwd && "
        f"mount -t tmpfs -o mode=711 added {bundle.rootfs}/home && echo found >> $LOG")
    assert bundle.sh("stat -c %a /home") == "711"
    assert log.lines() == ["found"]


def test_start_container_runs_in_the_container_as_its_process_would(bundle, log):
    add(bundle, "startContainer", "hostname >> $LOG; ls -d /log /usr >> $LOG; true")
    bundle.run("true")
    assert log.lines() == ["box", "/log"]


def test_args_default_to_the_path(bundle, log):
    script = bundle.folder / "hook"
    script.write_text(f"#!/bin/sh\necho \"$0 $#\" >> {log.path}\n")
    script.chmod(0o755)
    bundle.config["hooks"] = {"createRuntime": [{"path": str(script)}]}
    bundle.run("true")
    assert log.lines() == [f"{script} 0"]


def test_the_environment_is_the_hooks_alone(bundle, log):
    add(bundle, "createRuntime", "env | grep -e ^A -e ^C >> $LOG", env=[f"LOG={log.path}", "PATH=/bin", "A=b"])
    add(bundle, "startContainer", "env | grep -e ^A -e ^C >> $LOG", env=["LOG=/log", "PATH=/bin", "C=d"])
    bundle.process["env"] += ["A=program", "C=program"]
    bundle.run("true")
    assert log.lines() == ["A=b", "C=d"]


def test_a_start_container_hook_without_an_environment_has_the_process_s(bundle, log):
    bundle.process["env"] = ["PATH=/bin", "MINE=yes"]
    hook = add(bundle, "startContainer", "echo $MINE >> /log")
    del hook["env"]
    bundle.run("true")
    assert log.lines() == ["yes"]


@pytest.mark.parametrize("kind", KINDS[:4])
def test_a_failure_before_the_program_stops_the_container_and_runs_poststop(bundle, log, kind):
    add(bundle, kind, "exit 5")
    add(bundle, kind, "echo next >> $LOG")
    add(bundle, "poststop", "echo poststop >> $LOG")
    error = bundle.refused("sh", "-c", "echo process >> /log")
    assert f"hooks.{kind}[0]" in error and "exit status 5" in error
    assert log.lines() == ["poststop"]


@pytest.mark.parametrize("hooks", [True, False])
def test_a_container_that_waits_for_its_start_holds_no_directory_of_the_host(bundle, log, hooks):
    """Programs that join it could reach the host by /proc/1/fd (CVE-2024-21626)."""
    if hooks:
        add(bundle, "startContainer", "true")
    bundle.create("true")
    descriptors = f"/proc/{bundle.state()['pid']}/fd"
    kinds = {number: stat.S_IFMT(os.stat(f"{descriptors}/{number}").st_mode) for number in os.listdir(descriptors)}
    assert stat.S_IFDIR not in kinds.values()
    bundle.command("delete", "--force", bundle.id)


def test_a_failing_start_container_hook_leaves_the_container_stopped(bundle, log):
    add(bundle, "startContainer", "exit 5")
    add(bundle, "poststop", "echo poststop >> $LOG")
    bundle.create("sh", "-c", "echo process >> /log")
    assert "hooks.startContainer[0]" in bundle.command("start", bundle.id, check=False).stderr
    bundle.wait_status("stopped")
    bundle.command("delete", bundle.id)
    assert log.lines() == ["poststop"]


def test_a_failing_poststart_hook_is_an_error_and_stops_the_container(bundle, log):
    add(bundle, "poststart", "exit 5")
    add(bundle, "poststart", "echo next >> $LOG")
    bundle.create("sleep", "1000")
    assert "hooks.poststart[0]" in bundle.command("start", bundle.id, check=False).stderr
    bundle.wait_status("stopped")
    bundle.command("delete", bundle.id)
    assert log.lines() == []


def test_a_failing_poststop_hook_is_a_warning_and_the_rest_run(bundle, log):
    add(bundle, "poststop", "exit 5")
    add(bundle, "poststop", "echo next >> $LOG")
    bundle.create("true")
    bundle.start()
    bundle.wait_status("stopped")
    assert "hooks.poststop[0]" in bundle.command("delete", bundle.id).stderr
    assert log.lines() == ["next"]


@pytest.mark.parametrize("kind", KINDS[:4])
def test_a_hook_that_outlives_its_timeout_is_killed_and_fails(bundle, log, kind):
    add(bundle, kind, "echo $$ >> $LOG; exec sleep 1000", timeout=1)
    assert f"hooks.{kind}[0]" in bundle.refused("true")
    if not kind.endswith("Container"):  # their pids are the container's
        wait_until(lambda: not os.path.exists(f"/proc/{log.lines()[0]}"), "the hook is gone")


REFUSED = {
    "a relative path": ({"path": "bin/true"}, ".path"),
    "no path": ({"args": ["true"]}, ".path"),
    "a timeout of 0": ({"path": "/bin/true", "timeout": 0}, ".timeout"),
    "a negative timeout": ({"path": "/bin/true", "timeout": -1}, ".timeout"),
    "a timeout that is text": ({"path": "/bin/true", "timeout": "3"}, ".timeout"),
    "an environment that is no list": ({"path": "/bin/true", "env": "A=b"}, ".env"),
}


@pytest.mark.parametrize("kind", ["prestart", "poststop"])
@pytest.mark.parametrize("row", REFUSED)
def test_refused_and_the_field_named(bundle, kind, row):
    hook, field = REFUSED[row]
    bundle.config["hooks"] = {kind: [{"path": "/bin/true"}, hook]}
    assert f"hooks.{kind}[1]{field}" in bundle.refused("true")


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer", "startContainer"])
def test_a_failure_names_the_hook_in_runcs_words(bundle, kind):
    inside = "/bin/true" if kind == "startContainer" else "/usr/bin/true"
    bundle.config["hooks"] = {kind: [{"path": inside}, {"path": inside.replace("true", "false")}]}
    error = bundle.refused("true")
    assert f"error running {kind} hook #1: " in error and "exit status 1" in error


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer", "startContainer"])
def test_a_failure_shows_what_the_hook_printed(bundle, log, kind):
    add(bundle, kind, "echo to stdout; echo to stderr >&2; exit 3")
    assert "exit status 3, output: to stdout to stderr" in bundle.refused("true")


def test_a_signal_that_ends_a_hook_is_named(bundle, log):
    add(bundle, "createRuntime", "kill -SEGV $$")
    assert "signal: segmentation fault" in bundle.refused("true")


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "poststart", "poststop"])
def test_a_hook_of_the_host_begins_in_the_bundle(bundle, log, kind):
    add(bundle, kind, "pwd > $LOG")
    bundle.save()
    bundle.command("run", "--bundle", bundle.path, bundle.id)
    assert log.lines() == [str(bundle.path)]


def test_create_container_begins_in_the_root(bundle, log):
    add(bundle, "createContainer", "pwd > $LOG; touch here")
    bundle.run("test", "-e", "/here")
    assert log.lines() == [str(bundle.rootfs)]


def test_start_container_without_an_environment_has_the_programs(bundle, log):
    bundle.process["env"] += ["ONE=two", "ONE=three"]
    script = "#!/bin/sh\necho $ONE $HOME > /log\n"
    (bundle.rootfs / "hook").write_text(script)
    (bundle.rootfs / "hook").chmod(0o755)
    bundle.config["hooks"] = {"startContainer": [{"path": "/hook"}]}
    bundle.run("true")
    assert log.lines() == ["three /root"]


def test_a_hook_that_is_not_there_is_an_error_by_its_field(bundle):
    bundle.config["hooks"] = {"createRuntime": [{"path": "/does/not/exist"}]}
    error = bundle.refused("true")
    assert "hooks.createRuntime[0]" in error and "/does/not/exist" in error
