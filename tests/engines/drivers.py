"""Other people's engines with estiba-oci as their runtime, each with its own data, network namespace and cgroups."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import uuid

from harness import criu, leaks
from harness.engine import BIN
from harness.host import Host
from harness.wait import wait_until

RUNTIME = str(BIN.resolve() / "estiba-oci")


def debians(name):
    """Debian's own program where another one of that name comes first on PATH."""
    return shutil.which(name, path="/usr/bin:/usr/sbin") or name


class Driver:
    """`image` is what run() takes once load() has read an archive. Everything is gone after destroy()."""
    programs = ()

    def __init__(self):
        # Short: paths of sockets below it must fit.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="estiba-engines-"))
        self.cgroup_parent = "estiba-engines-" + uuid.uuid4().hex[:8]
        self.host = Host()
        self.before = leaks.mounts()
        self.service = None
        self.log = open(self.folder / "log", "ab")

    def start(self):
        """Starts what has to run before the client can be used."""

    def client(self):
        raise NotImplementedError

    def environment(self):
        return dict(os.environ, HOME=str(self.folder), XDG_RUNTIME_DIR=str(self.folder), PATH=self.path())

    def path(self):
        return os.environ["PATH"]

    def path_with_criu(self):
        """Of daemons, whose runtime finds `criu` where they were started."""
        return f"{criu.installed('trixie')}:{os.environ['PATH']}"

    def __call__(self, *words, code=0, **options):
        """One call of the client; its output without the last newline. code=None: any, and the whole answer."""
        options.setdefault("stdin", None if "input" in options else subprocess.DEVNULL)
        done = subprocess.run([*self.host.prefix(), *self.client(), *map(str, words)], env=self.environment(),
                              capture_output=True, text=True, timeout=120, check=False, **options)
        if code is None:
            return done
        assert done.returncode == code, f"{' '.join(map(str, words))}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout.rstrip("\n")

    def serve(self, *command):
        """Starts the engine's own process, in a mount namespace of its own as far as it mounts."""
        self.service = subprocess.Popen([*self.host.prefix(), *map(str, command)], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log, env=self.environment())
        wait_until(self.answers, f"{command[-1]} answers", 60)

    def answers(self):
        assert self.service.poll() is None, (self.folder / "log").read_text()[-2000:]
        return self("version", code=None).returncode == 0

    def cgroup(self, *files):
        """The content of the first of these files that the one container's cgroup has, in any hierarchy."""
        found = [pathlib.Path(top) / file for file in files for top in self.cgroups()
                 if (pathlib.Path(top) / file).exists()]
        assert found, f"no cgroup has {' or '.join(files)}"
        return found[0].read_text().strip()

    def cgroups(self):
        """Cgroups of containers; podman leaves those of conmon behind."""
        return {path for path in leaks.cgroups(self.cgroup_parent) if "conmon" not in path}

    def assert_no_leaks(self):
        own = str(self.folder)
        left = {mount[0] for mount in leaks.mounts() - self.before if "/merged" in mount[0] or "rootfs" in mount[0]}
        assert not {path for path in left if path.startswith(own)}, left
        assert self.cgroups() == set()

    def destroy(self):
        if self.service:
            self.service.terminate()
            try:
                self.service.wait(60)
            except subprocess.TimeoutExpired:
                self.service.kill()
                self.service.wait()
        self.log.close()
        for mount in sorted({mount[0] for mount in leaks.mounts()}, reverse=True):
            if mount.startswith(str(self.folder)):
                subprocess.run(["umount", "-l", mount], check=False)
        self.host.destroy()
        shutil.rmtree(self.folder, ignore_errors=True)
        parents = [*pathlib.Path("/sys/fs/cgroup").glob(f"*/{self.cgroup_parent}"),
                   pathlib.Path("/sys/fs/cgroup") / self.cgroup_parent]
        for path in [*sorted(leaks.cgroups(self.cgroup_parent), reverse=True), *parents]:
            with contextlib.suppress(OSError):
                os.rmdir(path)


class Docker(Driver):
    programs = ("dockerd", "containerd", "docker")
    image = "debian-programs:12"

    def __init__(self):
        super().__init__()
        self.socket = self.folder / "docker.sock"

    def start(self):
        (self.folder / "daemon.json").write_text('{"experimental": true}')  # not the host's; for `docker checkpoint`
        self.serve("unshare", "--mount", "dockerd", "--data-root", self.folder / "data", "--exec-root",
                   self.folder / "exec", "--pidfile", self.folder / "pid", "--config-file", self.folder / "daemon.json",
                   "-H", f"unix://{self.socket}", "--cgroup-parent", f"/{self.cgroup_parent}",
                   "--add-runtime", f"estiba={RUNTIME}", "--default-runtime", "estiba")

    def client(self):
        return [debians("docker"), "-H", f"unix://{self.socket}"]

    path = Driver.path_with_criu

    def load(self, archive):
        self("load", "-i", archive)


class Podman(Driver):
    programs = ("podman", "conmon")
    image = "localhost/debian-programs:12"
    # Without CAP_SYS_RESOURCE Debian's podman cannot raise the limits it sets by default.
    limits = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")

    def client(self):
        return ["podman", "--root", str(self.folder / "root"), "--runroot", str(self.folder / "run"), "--tmpdir",
                str(self.folder / "tmp"), "--cgroup-manager", "cgroupfs", "--runtime", RUNTIME]

    def load(self, archive):
        self("load", "-i", archive)
        self.image = json.loads(self("images", "--format", "json"))[0]["Names"][0]

    def run(self, *words, **options):
        return self("run", "--cgroup-parent", f"/{self.cgroup_parent}", *self.limits, *words, **options)

    def destroy(self):
        self("rm", "-fa", code=None)
        super().destroy()


class Containerd(Driver):
    programs = ("containerd", "ctr", "containerd-shim-runc-v2")
    image = "docker.io/library/debian-programs:12"

    def __init__(self):
        super().__init__()
        self.socket = self.folder / "containerd.sock"

    def start(self):
        config = self.folder / "config.toml"
        config.write_text(f'version = 2\nroot = "{self.folder}/root"\nstate = "{self.folder}/state"\n'
                          'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
                          f'[grpc]\naddress = "{self.socket}"\n')
        self.serve("containerd", "--config", config)

    def client(self):
        return ["ctr", "-a", str(self.socket), "-n", "estiba-test"]

    path = Driver.path_with_criu

    def load(self, archive):
        self("image", "import", archive)
        self.image = self("image", "ls", "-q").split()[0]

    def run(self, *words, **options):
        # Its own words are what names the container's cgroup.
        return self("run", "--runc-binary", RUNTIME, "--cgroup", f"/{self.cgroup_parent}/c", *words, **options)


class Buildah(Driver):
    programs = ("buildah",)
    runtime = RUNTIME

    def client(self):
        return ["buildah", "--root", str(self.folder / "root"), "--runroot", str(self.folder / "run")]

    def load(self, archive):
        self.image = f"docker-archive:{archive}"

    def destroy(self):
        self("rm", "--all", code=None)
        super().destroy()
