"""An ordinary user's own engine: pull, run, exec, logs, stop, rm with --network none or host, and nothing lost when it
is killed."""

import os

import pytest

from harness.need import need
from harness.registry import Registry
from harness.rootless import RootlessEngine, User, user_namespace
from harness.tar import image_archive
from harness.terminal import Terminal
from harness.wait import wait_until

NONE = ("--network", "none")


@pytest.fixture
def engine(rootless):
    return rootless


def test_the_container_is_root_of_nothing_but_itself(engine):
    text = engine.out("run", "--rm", *NONE, "estiba/busybox", "sh", "-c", "id -u; cat /proc/self/uid_map")
    lines = text.splitlines()
    assert lines[0] == "0"
    assert lines[1].split() == ["0", str(engine.user.uid), "1"]
    assert lines[2].split() == ["1", str(engine.user.subuid[0]), str(engine.user.subuid[1])]


def test_no_process_of_ours_keeps_a_privilege_on_the_host(engine):
    engine.cli("run", "-d", *NONE, "estiba/busybox", "sleep", "1000")
    for pid in engine.user.processes():
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            uids = next(line for line in file if line.startswith("Uid:")).split()[1:]
        assert "0" not in uids, pid


def test_another_user_in_the_image(engine):
    assert engine.out("run", "--rm", "-u", "1234:4321", *NONE, "estiba/busybox", "id").startswith("uid=1234 gid=4321")


def test_a_users_mounts(engine):
    engine.cli("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m", "ram")
    engine.cli("volume", "create", "v")
    assert engine.out("run", "--rm", *NONE, "-v", "ram:/r", "-v", "v:/d", "estiba/busybox", "sh", "-c",
                      "mkdir /d/sub; echo x > /d/sub/f; grep -c ' /r tmpfs' /proc/mounts") == "1"
    assert engine.out("run", "--rm", *NONE, "--mount", "type=volume,source=v,target=/d,volume-subpath=sub",
                      "--mount", "type=image,source=estiba/busybox,target=/i", "estiba/busybox", "sh", "-c",
                      "cat /d/f; ls -d /i/bin").split() == ["x", "/i/bin"]
    engine.cli("volume", "rm", "ram", "v")


@pytest.mark.parametrize("options,says", [
    (["--userns", "auto"], "id-mapped layers need CAP_SYS_ADMIN"), (["--uidmap", "0:1:100"], "id-mapped layers need"),
    (["-v", "/etc:/d:idmap=uids=0-1-1"], "idmap needs CAP_SYS_ADMIN over the file system"),
    (["--storage-opt", "size=1g"], "quotas are root's to set")])
def test_what_the_kernel_keeps_from_users(engine, options, says):
    result = engine.cli("run", "--rm", *NONE, *options, "estiba/busybox", "true", check=False)
    assert result.returncode == 125 and says in result.stderr


def test_files_in_volumes_belong_to_the_user(engine):
    shared = engine.folder / "shared"
    shared.mkdir()
    os.chown(shared, engine.user.uid, engine.user.gid)
    engine.cli("run", "--rm", *NONE, "-v", f"{shared}:/shared", "estiba/busybox", "touch", "/shared/made")
    assert (shared / "made").stat().st_uid == engine.user.uid


def test_exit_codes_logs_and_removal(engine):
    assert engine.cli("run", "--name", "one", *NONE, "estiba/busybox", "sh", "-c", "echo said; exit 7",
                      check=False).returncode == 7
    assert engine.out("logs", "one") == "said"
    engine.cli("rm", "one")
    assert engine.out("ps", "-aq") == ""


def test_a_terminal(engine):
    shell = Terminal(engine.command("run", "-it", "--rm", *NONE, "estiba/busybox", "sh"), engine.environment())
    try:
        shell.type("tty; stty size\n")
        shell.expect("/dev/pts/0")
        shell.expect("24 80")
        shell.type("exit 5\n")
        assert shell.wait() == 5
    finally:
        shell.close()


def test_exec_stop_and_restart(engine):
    engine.cli("run", "-d", "--name", "one", *NONE, "estiba/busybox", "sh", "-c",
               "trap 'echo bye; exit 3' TERM; while :; do sleep 0.05; done")
    assert engine.out("exec", "-e", "A=b", "one", "sh", "-c", "echo $A; id -u") == "b\n0"
    assert engine.cli("exec", "one", "false", check=False).returncode == 1
    engine.cli("stop", "-t", "10", "one")
    assert engine.state("one")["ExitCode"] == 3
    assert engine.out("logs", "one") == "bye"
    engine.cli("start", "one")
    assert engine.state("one")["Running"]
    engine.cli("rm", "-f", "one")


def test_the_hosts_network(engine):
    inside = engine.out("run", "--rm", "--network", "host", "estiba/busybox", "readlink", "/proc/self/ns/net")
    assert inside == f"net:[{engine.host.inode}]"


@pytest.mark.parametrize("option, word", [(("-m", "64m"), "memory"), (("--cpus", "0.5"), "cpu"),
                                          (("--pids-limit", "10"), "pids")])
def test_limits_the_host_does_not_delegate_are_refused_by_name(engine, option, word):
    result = engine.cli("run", "--rm", *NONE, *option, "estiba/busybox", "true", check=False)
    assert result.returncode == 125
    assert word in result.stderr.lower(), result.stderr


def test_pull_from_a_registry(engine, tmp_path):
    registry = Registry(tmp_path, engine.host)
    try:
        archive = tmp_path / "image.tar"
        with open("/bin/busybox", "rb") as file:
            image_archive(archive, "mine:1", [[("bin", "dir", None), ("bin/busybox", file.read(), None)],
                                              [("whole", b"layer two", None)]])
        reference = registry.push(archive, "mine:1")
        engine.cli("pull", reference)
        assert engine.out("run", "--rm", *NONE, reference, "/bin/busybox", "cat", "/whole") == "layer two"
    finally:
        registry.stop()


def test_kill_of_the_engine_loses_nothing(engine):
    engine.cli("run", "-d", "--name", "one", *NONE, "estiba/busybox", "sh", "-c",
               "i=0; while :; do echo $i; i=$((i+1)); sleep 0.05; done")
    attached = engine.popen("run", "--name", "two", *NONE, "estiba/busybox", "sh", "-c",
                            "sleep 1; echo up; sleep 2; exit 9")
    assert attached.stdout.readline() == "up\n"  # a second after its start, which the client has heard of by then
    engine.kill()
    before = user_namespace(engine.monitors()[0])
    assert engine.state("one")["Running"]  # this command, or the attached one, starts the next engine
    # It lives where the containers do, or it could neither enter nor signal them.
    wait_until(lambda: len(engine.programs("estibad")) == 1, "of two that start at once, one engine is left")
    assert [user_namespace(pid) for pid in engine.programs("estibad")] == [before]
    assert engine.out("exec", "one", "echo", "inside") == "inside"
    output = attached.communicate(timeout=30)
    assert attached.returncode == 9, output
    numbers = [int(line) for line in engine.out("logs", "one").splitlines()]
    assert numbers == list(range(len(numbers))) and len(numbers) > 5
    engine.cli("stop", "-t", "0", "one")
    assert engine.state("one")["ExitCode"] == 137
    engine.end_spawned()


def test_the_next_command_starts_an_engine(engine):
    engine.cli("run", "-d", "--name", "one", *NONE, "estiba/busybox", "sleep", "1000")
    engine.kill()
    assert engine.out("ps", "--format", "{{.Names}}") == "one"
    engine.cli("rm", "-f", "one")
    engine.end_spawned()


def test_a_dead_monitor_is_cleaned_up(engine):
    engine.cli("run", "-d", "--name", "one", *NONE, "estiba/busybox", "sleep", "1000")
    container = engine.state("one")["Pid"]
    os.kill(engine.monitors()[0], 9)
    wait_until(lambda: not engine.state("one")["Running"], "the loss is recorded")
    assert engine.state("one")["ExitCode"] == 137
    wait_until(lambda: not alive(container), "the container's process has ended")


def alive(pid):
    """A zombie that a slow reaper has not taken yet does not count."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_without_subordinate_ids_the_engine_says_what_to_do(tmp_path):
    need(os.geteuid() == 0, "root")
    user = User("estiba-test-poor", subordinate_ids=False)
    try:
        one = RootlessEngine(user)
        try:
            with pytest.raises(AssertionError) as refused:
                one.start()
            assert "no subordinate ids" in str(refused.value) and "usermod --add-subuids" in str(refused.value)
        finally:
            one.process = None
            one.destroy()
    finally:
        user.remove()
