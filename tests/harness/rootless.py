"""An engine of an ordinary user with subordinate ids, on a test host's network."""

import fcntl
import os
import pathlib
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile

from harness.engine import BIN, Engine
from harness.host import Host
from harness.need import need, need_program
from harness.wait import wait_until

# Another user for each of several runs at a time.
NAME = os.environ.get("ESTIBA_TEST_USER", "estiba-test")
TUN = "/dev/net/tun"
TUN_LOCK = "/run/lock/estiba-test-tun"


class User:
    """The test user; made if there is none, and then removed again."""

    def __init__(self, name=NAME, subordinate_ids=True):
        need_program("newuidmap")
        need_program("useradd")
        self.name = name
        self.made = not exists(name)
        if self.made:
            # Subordinate ids beyond those that tests map by number, whose processes remove() would end. System accounts
            # are given none.
            kind = (["--key", "SUB_UID_MIN=300000000", "--key", "SUB_GID_MIN=300000000"] if subordinate_ids
                    else ["--system"])
            subprocess.run(["useradd", "--no-create-home", "--shell", "/bin/sh", *kind, name],
                           check=True, capture_output=True)
        entry = pwd.getpwnam(name)
        self.uid, self.gid = entry.pw_uid, entry.pw_gid
        if subordinate_ids:
            self.subuid = subordinate("/etc/subuid", name)
            need(self.subuid and subordinate("/etc/subgid", name), f"subordinate ids for {name}")

    def become(self):
        """The command prefix that runs a program as this user with nothing of root's left."""
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups", "--inh-caps=-all"]

    def processes(self):
        """Processes of this user and of its subordinate ids."""
        mine = range(self.uid, self.uid + 1)
        theirs = range(self.subuid[0], sum(self.subuid)) if getattr(self, "subuid", None) else ()
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                owner = os.stat(f"/proc/{pid}").st_uid
            except OSError:
                continue
            if owner in mine or owner in theirs:
                found.append(int(pid))
        return found

    def remove(self):
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if self.made:
            subprocess.run(["userdel", "--force", self.name], check=False, capture_output=True)


def exists(name):
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def subordinate(file, name):
    for line in pathlib.Path(file).read_text().splitlines():
        fields = line.split(":")
        if len(fields) == 3 and fields[0] == name:
            return int(fields[1]), int(fields[2])
    return None


class OpenTun:
    """The host's tun device opened to users, as udev has it, where this machine has it otherwise. Several runs at a
    time share the lock of a file, which says how it was before; the last one puts that back, after a kill -9 the next
    one that is the last."""

    def __init__(self, device=TUN, file=TUN_LOCK):
        need(os.path.exists(device), f"{device}, for pasta and slirp4netns")
        self.device = device
        self.lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        fcntl.flock(self.lock, fcntl.LOCK_SH)
        mode = stat.S_IMODE(os.stat(device).st_mode)
        if mode & 0o006 != 0o006:
            os.pwrite(self.lock, f"{mode:04o}".encode(), 0)
            os.chmod(device, 0o666)

    def close(self):
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            before = os.pread(self.lock, 4, 0)
            if before:
                os.chmod(self.device, int(before, 8))
                os.ftruncate(self.lock, 0)
        except BlockingIOError:
            pass  # somebody else has it open, and puts it back
        finally:
            os.close(self.lock)


class UserHost(Host):
    """A test host on which programs under test run as the user; what the test itself does there, as root."""

    def __init__(self, user):
        self.user = user
        super().__init__()

    def prefix(self):
        return super().prefix() + self.user.become()

    def as_root(self):
        """This host's network with root's privileges, for servers a test needs there."""
        return RootView(super().prefix())

    def run(self, *command, check=True, **options):
        options.setdefault("capture_output", True)
        options.setdefault("text", True)
        options.setdefault("timeout", 60)
        return subprocess.run(super().prefix() + list(command), check=check, **options)


class RootView:
    def __init__(self, prefix):
        self.prefix = lambda: prefix


class RootlessEngine(Engine):
    any_driver = False  # no EROFS in a user namespace

    def __init__(self, user, extra_config=""):
        self.user = user
        # pytest's own folders are closed to other users.
        folder = pathlib.Path(tempfile.mkdtemp(prefix="estiba-rootless-"))
        super().__init__(folder, extra_config)
        self.host.destroy()
        self.host = UserHost(user)
        os.chown(folder, user.uid, user.gid)
        os.chown(self.config, user.uid, user.gid)
        probe = self.host.prefix() + ["test", "-x", str(BIN / "estibad")]
        need(subprocess.run(probe, check=False).returncode == 0, f"a {BIN} that other users can read")

    def environment(self):
        return super().environment() | {"XDG_RUNTIME_DIR": str(self.folder), "USER": self.user.name}

    def monitors(self):
        """Pids of this user's monitors."""
        return self.programs("estiba-monitor")

    def programs(self, name):
        return [pid for pid in self.user.processes() if program(pid) == name]

    def end_spawned(self):
        """The engine that a command has started ends, so that the test's own can check what is left."""
        spawned, = self.programs("estibad")
        os.kill(spawned, signal.SIGTERM)
        wait_until(lambda: not self.programs("estibad"), "the spawned engine has ended")

    def destroy(self):
        super().destroy()
        for pid in self.user.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        shutil.rmtree(self.folder, ignore_errors=True)


def program(pid):
    """The name a process was started under (a monitor's file is a memfd)."""
    try:
        return os.path.basename(pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode())
    except OSError:
        return ""


def user_namespace(pid):
    return os.readlink(f"/proc/{pid}/ns/user")
