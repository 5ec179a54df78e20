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
import uuid

from harness.engine import BIN, Engine, end_cgroup, is_alive
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


class Session:
    """Cgroups that are a user's own, one in each hierarchy (what root may set there stays root's)."""

    FILES = ("", "cgroup.procs", "tasks", "cgroup.threads", "cgroup.subtree_control")

    def __init__(self, user):
        self.name = "estiba-session-" + uuid.uuid4().hex[:8]
        self.folders = [base / self.name for base in hierarchies()]
        for folder in self.folders:
            folder.mkdir()
            for file in ("cpuset.cpus", "cpuset.mems"):
                if (folder / file).exists():
                    (folder / file).write_text((folder.parent / file).read_text())
            for file in self.FILES:
                if (folder / file).exists():
                    os.chown(folder / file, user.uid, user.gid)

    def prefix(self):
        """The command prefix that has a program in it. A lone thread moves through "tasks" at once."""
        own = [next(file for file in (folder / "tasks", folder / "cgroup.procs") if file.exists())
               for folder in self.folders]
        return ["sh", "-c", "".join(f"echo 0 > {file} && " for file in own) + 'exec "$@"', "sh"]

    def end(self):
        for folder in self.folders:
            for below, _, _ in os.walk(folder, topdown=False):
                end_cgroup(below)


def hierarchies():
    """Where each is mounted."""
    lines = [line.split() for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
    return [pathlib.Path(line[1]) for line in lines if line[2] in ("cgroup", "cgroup2")]


class UserNetwork:
    """The network of a user's containers, as root sees it: an empty one while no container needs it."""

    def __init__(self, user):
        self.user = user

    def prefix(self):
        for pid in self.user.processes():
            if program(pid) == "estiba-uplink" and is_alive(pid):
                return ["nsenter", f"--net=/proc/{pid}/ns/net"]
        return ["unshare", "--net"]

    def run(self, *command, check=True, **options):
        options.setdefault("capture_output", True)
        options.setdefault("text", True)
        options.setdefault("timeout", 60)
        return subprocess.run(self.prefix() + list(command), check=check, **options)


class RootlessEngine(Engine):
    """In a folder of its own, or in one that the user can write and others can enter. With `delegated` the user has
    cgroups, as a session has them from systemd or pam_cgfs."""

    any_driver = False  # no EROFS in a user namespace

    def __init__(self, user, extra_config="", folder=None, delegated=False):
        self.user = user
        self.made = folder is None
        # pytest's own folders are closed to other users.
        folder = pathlib.Path(tempfile.mkdtemp(prefix="estiba-rootless-")) if self.made else pathlib.Path(folder)
        super().__init__(folder, extra_config)
        os.chown(folder, user.uid, user.gid)
        os.chown(self.config, user.uid, user.gid)
        self.uid = user.uid
        self.session = Session(user) if delegated else None
        if self.session:
            self.cgroup_path = f"{self.session.name}/{self.cgroup_parent}"
        probe = self.prefix() + ["test", "-x", str(BIN / "estibad")]
        need(subprocess.run(probe, check=False).returncode == 0, f"a {BIN} that other users can read")

    @property
    def network(self):
        return UserNetwork(self.user)

    def prefix(self, outer=()):
        return [*super().prefix(outer), *(self.session.prefix() if self.session else []), *self.user.become()]

    def host_id(self, identity):
        return self.user.subuid[0] + identity - 1 if identity else self.user.uid

    def among_its_mounts(self):
        return ["nsenter", f"--mount=/proc/{self.process.pid}/ns/mnt"]

    def processes(self):
        return self.user.processes()

    def environment(self):
        return super().environment() | {"XDG_RUNTIME_DIR": str(self.folder), "USER": self.user.name}

    def programs(self, name):
        return [pid for pid in self.user.processes() if program(pid) == name]

    def end_spawned(self):
        """The engine that a command has started ends, so that the test's own can check what is left."""
        spawned, = self.programs("estibad")
        os.kill(spawned, signal.SIGTERM)
        wait_until(lambda: not self.programs("estibad"), "the spawned engine has ended")

    def destroy(self):
        super().destroy()
        if self.session:
            self.session.end()
        if self.made:
            shutil.rmtree(self.folder, ignore_errors=True)


def program(pid):
    """The name a process was started under (a monitor's file is a memfd)."""
    try:
        return os.path.basename(pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode())
    except OSError:
        return ""


def user_namespace(pid):
    return os.readlink(f"/proc/{pid}/ns/user")
