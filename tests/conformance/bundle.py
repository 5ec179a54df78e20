"""A bundle of busybox, and the runtime that starts it: estiba-oci, or the one that ESTIBA_RUNTIME names (a row can so
be shown to hold for runc or crun too).

    def test_a_row(bundle):
        bundle.process["cwd"] = "/tmp"
        assert bundle.sh("pwd") == "/tmp"
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import uuid

from harness import leaks
from harness.engine import BIN
from harness.need import need, need_program
from harness.rootless import NAME
from harness.wait import wait_until

RUNTIME = os.environ.get("ESTIBA_RUNTIME", str(BIN.resolve() / "estiba-oci"))
CGROUPS = f"{NAME}-conformance"
BUSYBOX = "/bin/busybox"
DIRECTORIES = ["bin", "dev", "etc", "home", "proc", "root", "sys", "tmp", "var"]
CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
                "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL",
                "CAP_AUDIT_WRITE"]


def default_config():
    """What containerd and docker generate, less what a test is better off without (a read-only root)."""
    quiet = ["nosuid", "noexec", "nodev"]
    return {
        "ociVersion": "1.3.0",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": ["true"],
            "env": ["PATH=/bin", "TERM=xterm"],
            "cwd": "/",
            "capabilities": {name: list(CAPABILITIES) for name in ("bounding", "effective", "permitted")},
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs"},
        "hostname": "box",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc", "options": quiet},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
             "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
             "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
            {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
             "options": [*quiet, "mode=1777", "size=65536k"]},
            {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": quiet},
            {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": [*quiet, "ro"]},
        ],
        "linux": {
            "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount", "cgroup")],
            "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/scsi", "/sys/firmware"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
        },
    }


def make_root(root):
    for name in DIRECTORIES:
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    shutil.copy(BUSYBOX, root / "bin/busybox")
    for applet in subprocess.run([BUSYBOX, "--list"], check=True, capture_output=True, text=True).stdout.split():
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nada:x:1000:1001:Ada:/home/ada:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\nada:x:1001:\nwheel:x:10:ada\n")


class Bundle:
    """`config` is the configuration as a dict; run(), sh(), create() write it and start it. Everything made through
    `command` is deleted at the end."""

    def __init__(self, prefix=(), user=None):
        """Of root, or of a plain `user` (harness.rootless.User), who has a user namespace with his subordinate ids."""
        # Not pytest's own folder, which is closed to other users: maps of ids need a way in.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="estiba-conformance-"))
        self.folder.chmod(0o755)
        self.path = self.folder / "bundle"
        self.rootfs = self.path / "rootfs"
        self.state_root = self.folder / "state"
        self.user = user
        self.prefix = list(prefix)
        self.id = "c-" + uuid.uuid4().hex[:10]
        self.config = default_config()
        self.config["linux"]["cgroupsPath"] = f"/{CGROUPS}/{self.id}"
        self.path.mkdir()
        make_root(self.rootfs)
        if user:
            self.prefix += [*user.become(), "env", f"XDG_RUNTIME_DIR={self.folder}"]
            del self.linux["cgroupsPath"]
            self.namespace("user")
            for key, own in (("uidMappings", user.uid), ("gidMappings", user.gid)):
                self.linux[key] = [{"containerID": 0, "hostID": own, "size": 1},
                                   {"containerID": 1, "hostID": user.subuid[0], "size": user.subuid[1]}]
            self.hand_over()
        self.before = leaks.mounts()

    @property
    def owner(self):
        """Whose containers they are, by name."""
        return self.user.name if self.user else "root"

    # ---- the configuration ----

    @property
    def process(self):
        return self.config["process"]

    @property
    def linux(self):
        return self.config["linux"]

    def mount(self, destination, kind, source, *options, **more):
        """Adds a mount; answers it."""
        entry = {"destination": destination, "type": kind, "source": str(source), "options": list(options), **more}
        self.config["mounts"].append(entry)
        return entry

    def bind(self, source, destination, *options, **more):
        return self.mount(destination, "bind", source, *(options or ["rbind"]), **more)

    def without_mount(self, destination):
        """Nothing is mounted there and below: what the image has is the container's."""
        self.config["mounts"] = [entry for entry in self.config["mounts"]
                                 if not (entry["destination"] + "/").startswith(destination + "/")]

    def namespace(self, kind, path=None):
        """The container's namespace of that type: a new one, or the one at `path`."""
        self.without_namespace(kind)
        self.linux["namespaces"].append({"type": kind} | ({"path": str(path)} if path else {}))

    def without_namespace(self, kind):
        self.linux["namespaces"] = [entry for entry in self.linux["namespaces"] if entry["type"] != kind]

    def map_ids(self, host=100000, size=65536):
        """A user namespace whose root is `host` outside; the root filesystem is given to it."""
        if self.user:
            host, size = self.user.subuid
        self.namespace("user")
        for key in ("uidMappings", "gidMappings"):
            self.linux[key] = [{"containerID": 0, "hostID": host, "size": size}]
        for path in [self.rootfs, *self.rootfs.rglob("*")]:
            os.lchown(path, host, host)

    def save(self):
        (self.path / "config.json").write_text(json.dumps(self.config))
        if self.user:
            self.hand_over()

    def hand_over(self):
        """What the test, as root, has put into the folder so far belongs to the user: id N to his Nth."""
        first = self.user.subuid[0]
        for path in [self.folder, *self.folder.rglob("*")]:
            entry = path.lstat()
            if entry.st_uid == self.user.uid or entry.st_uid >= first:
                continue
            os.lchown(path, *(own if now == 0 else first + now - 1 for own, now in
                              ((self.user.uid, entry.st_uid), (self.user.gid, entry.st_gid))))
            if not path.is_symlink():
                path.chmod(stat.S_IMODE(entry.st_mode))  # chown(2) takes set-user-ID away

    # ---- the runtime ----

    def words(self, *words):
        """The command line of one call of the runtime."""
        return [*self.prefix, RUNTIME, "--root", str(self.state_root), *map(str, words)]

    def command(self, *words, check=True, timeout=20, **options):
        """One call of the runtime's command line; output captured as text."""
        options.setdefault("capture_output", True)
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("text", True)
        done = subprocess.run(self.words(*words), timeout=timeout, cwd=self.path, check=False, **options)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, words))}: exit code {done.returncode}: {done.stderr}")
        return done

    def run(self, *args, check=True, flags=(), **options):
        """Runs the container to its end with these process.args (the configuration's when there are none)."""
        if args:
            self.process["args"] = list(args)
        self.save()
        return self.command("run", "--bundle", self.path, *flags, self.id, check=check, **options)

    def sh(self, script, **options):
        """What a shell script prints inside, without the last newline."""
        return self.run("sh", "-c", script, **options).stdout.rstrip("\n")

    def refused(self, *args, **options):
        """The error of a container that must not start. Nothing of it may be left."""
        done = self.run(*args, check=False, **options)
        assert done.returncode != 0, f"was started; it printed {done.stdout!r}"
        assert self.command("state", self.id, check=False).returncode != 0, "its state was left behind"
        return done.stderr

    def create(self, *args, flags=()):
        """Creates the container, its output discarded (nobody reads it)."""
        if args:
            self.process["args"] = list(args)
        self.save()
        log = self.folder / "output"
        with open(log, "ab") as out:
            done = subprocess.run(self.words("create", "--bundle", self.path, *flags, self.id), stderr=out, stdout=out,
                                  stdin=subprocess.DEVNULL, timeout=20, check=False)
        if done.returncode != 0:
            raise AssertionError(f"create: exit code {done.returncode}: {log.read_text()}")

    def start(self):
        return self.command("start", self.id)

    @contextlib.contextmanager
    def running(self, *args):
        """The container runs (`sleep` by default) in the body; its state is the value."""
        self.create(*(args or ("sleep", "1000")))
        self.start()
        try:
            yield self.state()
        finally:
            self.command("delete", "--force", self.id, check=False)

    def exec(self, *args, flags=(), check=True, **options):
        return self.command("exec", *flags, self.id, *args, check=check, **options)

    def state(self):
        return json.loads(self.command("state", self.id).stdout)

    def wait_status(self, status):
        wait_until(lambda: self.state()["status"] == status, f"container is {status}")

    def output(self):
        """What a container that was created printed so far."""
        return (self.folder / "output").read_text()

    # ---- the end ----

    def containers(self):
        return [path.name for path in self.state_root.iterdir()] if self.state_root.is_dir() else []

    def assert_no_leaks(self):
        assert self.containers() == [], "containers were left"
        left = {mount for mount in leaks.mounts() - self.before if mount[0].startswith(str(self.folder))}
        assert not left, f"mounts were left: {left}"
        groups = [path for path in leaks.cgroups(CGROUPS) if self.id in path]
        assert not groups, f"cgroups were left: {groups}"

    def destroy(self):
        for name in self.containers():
            self.command("delete", "--force", name, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
        for parent in pathlib.Path("/sys/fs/cgroup").glob(f"*/{CGROUPS}"):
            with contextlib.suppress(OSError):  # another test's containers live there
                parent.rmdir()


def whole_life(user=None):
    """The generator of a fixture: a fresh bundle, whose containers are gone and leak nothing when the test ends."""
    need(os.geteuid() == 0, "root")
    need_program("busybox")
    one = Bundle(user=user)
    try:
        yield one
        one.assert_no_leaks()
    finally:
        one.destroy()


class Receiver:
    """A listening UNIX socket that takes descriptors, as --console-socket and listenerPath want one."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(str(path))
        self.socket.listen()
        self.socket.settimeout(20)

    def receive(self, most=65536):
        """(data, descriptors) of the next connection's first message."""
        connection, _ = self.socket.accept()
        with connection:
            connection.settimeout(20)
            data, fds, _, _ = socket.recv_fds(connection, most, 4)
        return data, fds

    def close(self):
        self.socket.close()


def kill(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
