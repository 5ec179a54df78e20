"""checkpoint and restore by CRIU: the same processes with the same memory, from images."""

import json
import os
import pathlib
import socket
import stat
import subprocess
import sys

import pytest

from harness import criu
from harness.wait import wait_until

COUNTER = "n=0; while :; do n=$((n + 1)); echo $n >> /tmp/count; sleep 0.02; done"


class Saved:
    """A bundle whose containers are saved to and come back from `images`."""

    def __init__(self, bundle, path):
        self.bundle = bundle
        self.images = bundle.folder / "images"
        self.env = dict(os.environ, PATH=f"{path}:{os.environ['PATH']}")

    def start(self, *args):
        self.bundle.create(*(args or ("sh", "-c", COUNTER)))
        self.bundle.start()

    def checkpoint(self, *flags, **options):
        return self.bundle.command("checkpoint", "--image-path", self.images, *flags, self.bundle.id, env=self.env,
                                   timeout=60, **options)

    def restore(self, *flags, check=True, **options):
        """In the background, its output behind that of create."""
        log = self.bundle.folder / "output"
        with open(log, "ab") as out:
            options = {"stdout": out, "stderr": out, "stdin": subprocess.DEVNULL} | options
            words = self.bundle.words("restore", "--detach", "--bundle", self.bundle.path, "--image-path", self.images,
                                      *flags, self.bundle.id)
            done = subprocess.run(words, env=self.env, timeout=60, check=False, cwd=self.bundle.path, **options)
        assert not check or done.returncode == 0, log.read_text()
        return done

    def count(self):
        file = self.bundle.rootfs / "tmp/count"
        whole = file.read_text().split("\n")[:-1] if file.exists() else []
        return int(whole[-1]) if whole else 0

    def counts_on(self):
        now = wait_until(self.count, "it counts")
        return wait_until(lambda: (after := self.count()) > now and after, "it counts on")

    def gone(self):
        return self.bundle.id not in self.bundle.containers()

    def delete(self):
        self.bundle.command("delete", "--force", self.bundle.id)


@pytest.fixture
def user():
    """CRIU is root's."""


@pytest.fixture(scope="session")
def path():
    return criu.program()


@pytest.fixture
def saved(bundle, path):
    return Saved(bundle, path)


def test_a_container_goes_on_where_it_was(saved):
    saved.start()
    before = saved.counts_on()
    saved.checkpoint()
    assert saved.gone(), "a container that was saved is deleted"
    stopped = saved.count()
    assert stopped >= before
    saved.restore("--pid-file", saved.bundle.folder / "pid")
    state = saved.bundle.state()
    assert state["status"] == "running" and state["pid"] == int((saved.bundle.folder / "pid").read_text())
    assert saved.counts_on() > stopped
    saved.delete()


def test_it_is_saved_again_and_again_with_what_exec_added(saved):
    saved.start()
    for _ in range(2):
        saved.bundle.exec("sh", "-c", "exec 0<&- >/dev/null 2>&1; sleep 1000 &")
        saved.checkpoint()
        saved.restore()
    sleepers = saved.bundle.exec("pidof", "sleep").stdout.split()
    assert len(sleepers) >= 2
    saved.counts_on()
    saved.delete()


def test_leave_running(saved):
    saved.start()
    saved.checkpoint("--leave-running")
    assert saved.bundle.state()["status"] == "running"
    saved.counts_on()
    saved.delete()
    saved.restore()
    saved.counts_on()
    saved.delete()


def test_a_paused_container(saved):
    saved.start()
    saved.counts_on()
    saved.bundle.command("pause", saved.bundle.id)
    saved.checkpoint("--leave-running")
    assert saved.bundle.state()["status"] == "paused"
    saved.bundle.command("resume", saved.bundle.id)
    saved.counts_on()
    saved.bundle.command("pause", saved.bundle.id)
    saved.checkpoint()
    assert saved.gone()
    saved.restore()
    saved.counts_on()
    saved.delete()


def test_stdin_and_stdout_are_those_of_restore(saved):
    bundle = saved.bundle
    bundle.process["args"] = ["sh", "-c", "while read line; do echo heard $line; done"]
    bundle.save()
    mine, theirs = os.pipe(), os.pipe()
    subprocess.run(bundle.words("run", "--detach", bundle.id), stdin=mine[0], stdout=theirs[1],
                   stderr=subprocess.DEVNULL, cwd=bundle.path, check=True, timeout=20)
    os.write(mine[1], b"one\n")
    assert os.read(theirs[0], 100) == b"heard one\n"
    saved.checkpoint()
    assert any(name.startswith("pipe:") for name in json.loads((saved.images / "descriptors.json").read_text()))
    other, answer = os.pipe(), os.pipe()
    saved.restore(stdin=other[0], stdout=answer[1], stderr=subprocess.DEVNULL)
    os.write(other[1], b"two\n")
    assert os.read(answer[0], 100) == b"heard two\n"
    saved.delete()
    for pair in (mine, theirs, other, answer):
        for fd in pair:
            os.close(fd)


def test_a_terminal(saved, receiver):
    bundle = saved.bundle
    bundle.process["terminal"] = True
    bundle.create("sh", "-c", "read line; echo heard $line; sleep 1000", flags=["--console-socket", receiver.path])
    _, (first,) = receiver.receive()
    bundle.start()
    saved.checkpoint()
    os.close(first)
    saved.restore("--console-socket", receiver.path)
    _, (console,) = receiver.receive()
    os.write(console, b"you\n")
    text = b""
    while b"heard you" not in text:
        text += os.read(console, 100)
    os.close(console)
    saved.delete()


def test_mounts_come_back(saved):
    """Binds of folders and files, one in the other and behind a symbolic link, masked and read-only paths, a tmpfs with
    what was in it; in a root where the mount points are missing."""
    bundle = saved.bundle
    outside = bundle.folder / "outside"
    (outside / "inner").mkdir(parents=True)
    (outside / "hosts").write_text("127.0.0.1 box\n")
    (bundle.rootfs / "real").mkdir()
    (bundle.rootfs / "link").symlink_to("/real")
    bundle.bind(outside, "/made/for/it")
    bundle.bind(outside / "inner", "/made/for/it/inner", "rbind", "ro")
    bundle.bind(outside / "hosts", "/etc/hosts", "bind", "ro")
    bundle.bind(outside, "/link/conf")
    bundle.mount("/scratch", "tmpfs", "tmpfs", "size=1m")
    saved.start("sh", "-c", "echo kept > /scratch/file; " + COUNTER)
    saved.counts_on()
    mounts = "cut -d' ' -f2,4 /proc/self/mounts | sort"
    before = bundle.exec("sh", "-c", mounts).stdout
    saved.checkpoint()
    (bundle.rootfs / "etc/hosts").unlink()
    (bundle.rootfs / "made/for/it").rmdir()
    saved.restore()
    saved.counts_on()
    assert bundle.exec("cat", "/scratch/file", "/etc/hosts").stdout == "kept\n127.0.0.1 box\n"
    assert bundle.exec("sh", "-c", mounts).stdout == before
    assert bundle.exec("sh", "-c", "touch /made/for/it/inner/x", check=False).returncode != 0
    bundle.exec("touch", "/link/conf/written")
    assert (outside / "written").exists()
    assert bundle.exec("wc", "-c", "/proc/keys").stdout.split()[0] == "0"
    saved.delete()


def test_limits_and_another_cgroup(saved):
    bundle = saved.bundle
    bundle.linux["resources"]["pids"] = {"limit": 77}
    bundle.mount("/sys/fs/cgroup", "cgroup", "cgroup", "ro")
    saved.start()
    saved.checkpoint("--manage-cgroups-mode", "ignore")
    before = bundle.linux["cgroupsPath"]
    bundle.linux["cgroupsPath"] = before + "-moved"
    bundle.save()
    saved.restore("--manage-cgroups-mode", "ignore")
    saved.counts_on()
    groups = pathlib.Path(f"/proc/{bundle.state()['pid']}/cgroup").read_text()
    assert before + "-moved" in groups
    limit, = pathlib.Path("/sys/fs/cgroup").glob(f"*{before}-moved/pids.max") or [None]
    assert limit.read_text() == "77\n"
    saved.delete()


def test_a_network_namespace_of_somebody_else(saved):
    bundle = saved.bundle
    name = bundle.id
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        space = pathlib.Path("/run/netns") / name
        bundle.namespace("network", space)
        saved.start()
        saved.checkpoint()
        saved.restore()
        saved.counts_on()
        assert os.stat(f"/proc/{bundle.state()['pid']}/ns/net").st_ino == space.stat().st_ino
        saved.delete()
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def test_a_user_namespace(saved):
    saved.bundle.map_ids()
    (saved.bundle.rootfs / "tmp").chmod(0o1777)
    output = saved.bundle.folder / "output"
    output.touch()
    output.chmod(0o666)  # it is opened again inside
    saved.start()
    saved.counts_on()
    saved.checkpoint()
    assert saved.restore(check=False).returncode == 1
    assert "must be open to uid 100000" in saved.bundle.output()
    subprocess.run(["chmod", "-R", "go+rX", saved.images], check=True)
    saved.restore()
    saved.counts_on()
    pid = saved.bundle.state()["pid"]
    assert pathlib.Path(f"/proc/{pid}/uid_map").read_text().split() == ["0", "100000", "65536"]
    saved.delete()


def test_hooks_and_loopback(saved):
    bundle = saved.bundle
    note = bundle.folder / "note"
    hook = {"path": "/bin/sh", "args": ["sh", "-c", f"cat >> {note}; echo >> {note}"]}
    bundle.config["hooks"] = {name: [hook] for name in ("prestart", "createRuntime", "createContainer", "poststart",
                                                        "poststop")}
    saved.start()
    saved.checkpoint()
    told = [json.loads(line)["status"] for line in note.read_text().splitlines()]
    assert told == ["creating", "creating", "creating", "running", "stopped"]
    note.unlink()
    saved.restore()
    told = [json.loads(line) for line in note.read_text().splitlines()]
    assert [entry["status"] for entry in told] == ["creating", "creating"], "prestart and createRuntime"
    assert {entry["pid"] for entry in told} == {bundle.state()["pid"]}
    assert "UP" in bundle.exec("ip", "link", "show", "lo").stdout
    saved.delete()
    assert json.loads(note.read_text().splitlines()[-1])["status"] == "stopped"


def test_restore_in_the_foreground_ends_with_the_programs_code(saved):
    bundle = saved.bundle
    saved.start("sh", "-c", "while [ ! -e /tmp/go ]; do sleep 0.02; done; exit 7")
    saved.checkpoint()
    (bundle.rootfs / "tmp/go").touch()
    assert saved.restore("--detach=false", check=False).returncode == 7, bundle.output()
    assert saved.gone()


def test_a_container_of_run_in_the_foreground_is_saved(saved):
    bundle = saved.bundle
    bundle.process["args"] = ["sh", "-c", COUNTER]
    bundle.save()
    run = subprocess.Popen(bundle.words("run", bundle.id), cwd=bundle.path, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: saved.bundle.containers() and bundle.state()["status"] == "running", "it runs")
    saved.checkpoint()
    assert run.wait(20) == 137
    assert saved.gone()


def test_the_page_servers_readiness_is_told_to_status_fd(saved):
    bundle = saved.bundle
    saved.start()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ready, tell = os.pipe()
    sender = subprocess.Popen(
        bundle.words("checkpoint", "--image-path", saved.images, "--lazy-pages", "--page-server", f"127.0.0.1:{port}",
                     "--status-fd", tell, bundle.id), env=saved.env, pass_fds=[tell], cwd=bundle.path)
    os.close(tell)
    assert os.read(ready, 1) == b"\0" and os.read(ready, 1) == b""
    os.close(ready)
    socket.create_connection(("127.0.0.1", port)).close()
    assert sender.wait(20) == 0, "who fetched no page wanted none"
    assert saved.gone()


# ---- refusals ----

def test_what_podman_asks_about_checkpoints(bundle):
    assert bundle.command("checkpoint", "--help").returncode == 0
    done = bundle.command("restore", "--lsm-mount-context", check=False)
    assert "flag needs an argument" in done.stderr + done.stdout


def test_criu_is_missing(saved):
    saved.start()
    saved.env["PATH"] = "/nowhere"
    done = saved.checkpoint(check=False)
    assert done.returncode == 1
    assert "executable file not found in $PATH" in done.stderr and "install CRIU" in done.stderr
    assert saved.bundle.state()["status"] == "running"
    saved.delete()
    assert saved.restore(check=False).returncode == 1
    assert "install CRIU" in saved.bundle.output()


OLD = """#!{python}
import socket
peer = socket.socket(fileno=3)
peer.recv(100)
peer.send(bytes([0x08, 10, 0x10, 1, 0x52, 4, 0x08, 3, 0x10, 10]))
"""


def test_criu_does_not_know_the_kernel(saved):
    """Debian 12's CRIU (3.17): where it works, it works; else it says so, and the container runs on."""
    saved.env["PATH"] = f"{criu.installed('bookworm')}:{os.environ['PATH']}"
    saved.start()
    if criu.check("bookworm").returncode == 0:
        saved.checkpoint()
        saved.restore()
    else:
        done = saved.checkpoint(check=False)
        assert done.returncode == 1 and "CRIU 3.17.1 cannot work with this kernel" in done.stderr, done.stderr
        assert "dump.log" in done.stderr
        assert saved.bundle.state()["status"] == "running"
    saved.counts_on()
    saved.delete()


def test_criu_is_too_old(saved):
    folder = saved.bundle.folder / "old"
    folder.mkdir()
    (folder / "criu").write_text(OLD.format(python=sys.executable))
    (folder / "criu").chmod(0o755)
    saved.start()
    saved.env["PATH"] = f"{folder}:{saved.env['PATH']}"
    done = saved.checkpoint(check=False)
    assert done.returncode == 1 and "is CRIU 3.10: 3.15 or later is needed" in done.stderr
    saved.delete()


@pytest.mark.parametrize("flags,reason", [
    (["--parent-path", "/abs"], "--parent-path must be relative"),
    (["--parent-path", "../nothing"], "invalid --parent-path"),
    (["--page-server", "1234"], "ADDRESS:PORT"),
    (["--page-server", "127.0.0.1:99999"], "--page-server"),
    (["--empty-ns", "ipc"], "--empty-ns: namespace 'ipc' is not supported"),
    (["--manage-cgroups-mode", "soon"], "invalid manage-cgroups-mode value"),
    (["--status-fd", "77"], "invalid --status-fd argument 77"),
], ids=lambda value: value if isinstance(value, str) else None)
def test_bad_options(saved, flags, reason):
    with saved.bundle.running():
        done = saved.checkpoint(*flags, check=False)
        assert done.returncode == 1 and reason in done.stderr
        assert saved.bundle.state()["status"] == "running"


def test_only_what_runs_is_saved(saved):
    saved.bundle.create("true")
    done = saved.checkpoint(check=False)
    assert done.returncode == 1 and "cannot be checkpointed in created state" in done.stderr
    saved.delete()


def test_a_failed_restore_says_why_and_leaves_nothing(saved):
    saved.start()
    saved.checkpoint()
    (saved.images / "core-1.img").unlink()
    assert saved.restore(check=False).returncode == 1
    text = saved.bundle.output()
    assert "CRIU's restore failed" in text and "empty-image" in text and "restore.log" in text
    assert saved.gone()


def test_stdout_that_became_a_pipe(saved):
    saved.start()
    saved.checkpoint()
    done = saved.restore(check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 1 and b"stdout was a file or device" in done.stderr
    assert saved.gone()


def test_a_name_in_use_is_not_restored_over(saved):
    saved.start()
    saved.checkpoint("--leave-running")
    assert saved.restore(check=False).returncode == 1
    assert "container with given ID already exists" in saved.bundle.output()
    saved.counts_on()
    saved.delete()


def test_the_annotation_names_crius_configuration(saved):
    bundle = saved.bundle
    settings = bundle.folder / "criu.conf"
    settings.write_text("log-file named.log\n")
    bundle.config["annotations"] = {"org.criu.config": str(settings)}
    saved.start()
    saved.checkpoint("--leave-running", "--work-path", bundle.folder / "work")
    assert (bundle.folder / "work/named.log").exists() and not (bundle.folder / "work/dump.log").exists()
    saved.delete()
