"""Estiba and its peers as stores of images: each run gets a store of its own in a fresh folder."""

import contextlib
import fcntl
import os
import pathlib
import shutil
import subprocess
import threading
import time

from peers import BIN, QUIET, ROOT_OF_ITS_OWN, wait_until

CHROOT = ROOT_OF_ITS_OWN + 'exec chroot $ROOT "$@"\n'


class ImagePeer:
    def __init__(self, host, root=None):
        self.host = host
        self.root = root
        self.peak = None  # kB, of the program that does the work

    def inside(self, folder, *command):
        """The command in the benchmark's network, and in the other root if there is one."""
        if self.root is None:
            return [*self.host.prefix(), *command]
        return [*self.host.prefix(), "unshare", "--mount", "env", f"ROOT={self.root}",
                f"FOLDER={pathlib.Path(folder).parents[1]}",
                "sh", "-c", CHROOT, "sh", *command]

    def version(self):
        return subprocess.run(self.inside("/tmp/bench/version", *self.version_command), check=True, capture_output=True,
                              text=True).stdout.split()[self.version_word].strip(",")

    @contextlib.contextmanager
    def store(self, folder):
        """A fresh store; its daemon, if there is one, answers."""
        yield

    @contextlib.contextmanager
    def daemon(self, folder, command, answers, environment=None):
        with open(folder / "log", "wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        try:
            wait_until(lambda: subprocess.run(answers, check=False, env=environment, **QUIET).returncode == 0,
                       f"{self.name} answers (see {folder}/log)", 60)
            self.process = process
            yield
        finally:
            process.terminate()
            process.wait(60)

    def timed(self, folder, action, what):
        command = getattr(self, action)(folder, what)
        started = time.perf_counter()
        done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, env=self.environment(folder))
        seconds = time.perf_counter() - started
        if done.returncode != 0:
            raise RuntimeError(f"{self.name} {action}: {done.stderr.decode()[-500:]}")
        return seconds

    def environment(self, folder):
        return dict(os.environ, HOME=str(folder))


class Estiba(ImagePeer):
    name = "estiba"
    settings = ""  # of estibad.toml

    def version(self):
        return subprocess.run([str(BIN / "estiba"), "--version"], check=True, capture_output=True,
                              text=True).stdout.split()[-1]

    def environment(self, folder):
        return dict(os.environ, HOME=str(folder), ESTIBA_CONFIG=str(folder / "estibad.toml"))

    @contextlib.contextmanager
    def store(self, folder):
        config = folder / "estibad.toml"
        config.write_text(f'data_root = "{folder}/data"\nrun_root = "{folder}/run"\n{self.settings}')
        engine = self.inside(folder, str(BIN / "estibad"), "--config", str(config))
        answers = self.inside(folder, str(BIN / "estiba"), "version")
        with self.daemon(folder, engine, answers, self.environment(folder)):
            yield

    def pull(self, folder, reference):
        return self.inside(folder, str(BIN / "estiba"), "pull", reference)

    def load(self, folder, archive):
        return self.inside(folder, str(BIN / "estiba"), "load", "-i", str(archive))

    def save(self, folder, reference):
        return self.inside(folder, str(BIN / "estiba"), "save", "-o", str(folder / "saved.tar"), reference)

    def push(self, folder, reference):
        return self.inside(folder, str(BIN / "estiba"), "push", reference)

    def tag(self, folder, names):
        return self.inside(folder, str(BIN / "estiba"), "tag", *names)

    def engine(self, folder, *command):
        return self.inside(folder, str(BIN / "estiba"), *command)

    def timed(self, folder, action, what):
        ended = threading.Event()
        watcher = threading.Thread(target=self.watch, args=(ended,))
        watcher.start()
        try:
            return super().timed(folder, action, what)
        finally:
            ended.set()
            watcher.join()

    def watch(self, ended):
        """The transfer's high-water mark, asked for until it has gone."""
        while not ended.wait(0.005):
            for children in pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/children"):
                with contextlib.suppress(OSError, ValueError, StopIteration):
                    for pid in children.read_text().split():
                        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
                        mark = next(line for line in lines if line.startswith("VmHWM"))
                        self.peak = max(self.peak or 0, int(mark.split()[1]))


class EstibaErofs(Estiba):
    """The same with layers as EROFS images."""
    name = "estiba-erofs"
    settings = 'storage_driver = "erofs"\n'


class Docker(ImagePeer):
    version_command, version_word = ["dockerd", "--version"], 2

    @property
    def name(self):
        return "docker" if self.root is None else "docker-13"

    def client(self, folder):
        # Debian's own where it is beside another one on PATH; it speaks to the daemon of either root.
        return [*self.host.prefix(), shutil.which("docker", path="/usr/bin") or "docker", "-H",
                f"unix://{folder}/docker.sock"]

    @contextlib.contextmanager
    def store(self, folder):
        engine = ["dockerd", "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "--pidfile",
                  f"{folder}/pid", "-H", f"unix://{folder}/docker.sock", "--bridge=none", "--iptables=false"]
        started = self.inside(folder, *engine) if self.root else [*self.host.prefix(), "unshare", "--mount", *engine]
        with self.daemon(folder, started, [*self.client(folder), "version"]):
            yield

    def pull(self, folder, reference):
        return [*self.client(folder), "pull", "-q", reference]

    def load(self, folder, archive):
        return [*self.client(folder), "load", "-q", "-i", str(archive)]

    def push(self, folder, reference):
        return [*self.client(folder), "push", "-q", reference]

    def engine(self, folder, *command):
        return [*self.client(folder), *command]


class Podman(ImagePeer):
    version_command, version_word = ["podman", "--version"], 2

    @property
    def name(self):
        return "podman" if self.root is None else "podman-13"

    def client(self, folder, *command):
        # It leaves its store mounted: in a namespace that ends with the command.
        unshare = [] if self.root else ["unshare", "--mount"]
        return self.inside(folder, *unshare, "podman", "--root", f"{folder}/root", "--runroot", f"{folder}/run",
                           "--storage-driver", "overlay", *command)

    def pull(self, folder, reference):
        return self.client(folder, "pull", "-q", "--tls-verify=false", reference)

    def load(self, folder, archive):
        return self.client(folder, "load", "-q", "-i", str(archive))


class Containerd(ImagePeer):
    version_command, version_word = ["containerd", "--version"], 2

    @property
    def name(self):
        return "containerd" if self.root is None else "containerd-13"

    def client(self, folder, *command):
        return self.inside(folder, "ctr", "-a", f"{folder}/containerd.sock", *command)

    @contextlib.contextmanager
    def store(self, folder):
        config = folder / "containerd.toml"
        config.write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
        engine = self.inside(folder, "containerd", "--config", str(config), "--root", f"{folder}/data", "--state",
                             f"{folder}/state", "--address", f"{folder}/containerd.sock")
        with self.daemon(folder, engine, self.client(folder, "version")):
            yield

    def pull(self, folder, reference):
        return self.client(folder, "images", "pull", "--plain-http", reference)

    def load(self, folder, archive):
        return self.client(folder, "images", "import", str(archive))


class Pipe:
    """The bound: a layer at a time through curl, openssl, igzip, openssl and tar, with pipes of 1 MiB. It keeps no blob
    and writes nothing to the disk for good."""
    name = "pipe"
    PIPE_BYTES = 1 << 20
    F_SETPIPE_SZ = 1031

    def __init__(self, host):
        self.host = host

    def pipe(self):
        ends = os.pipe()
        fcntl.fcntl(ends[1], self.F_SETPIPE_SZ, self.PIPE_BYTES)
        return ends

    def layer(self, url, target):
        processes, opened = [], []

        def start(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, extra=()):
            processes.append(subprocess.Popen(command, stdin=stdin, stdout=stdout, pass_fds=extra))

        def tee(stdin):
            out, to_hash = self.pipe(), self.pipe()
            opened.extend([*out, *to_hash])
            start(["tee", f"/dev/fd/{to_hash[1]}"], stdin, out[1], [to_hash[1]])
            start(["openssl", "dgst", "-sha256"], to_hash[0])
            return out[0]

        fetched, plain = self.pipe(), self.pipe()
        opened.extend([*fetched, *plain])
        start([*self.host.prefix(), "curl", "-sSfL", url], stdout=fetched[1])
        packed = tee(fetched[0])
        start(["igzip", "-d", "-c", "-"], packed, plain[1])
        start(["tar", "-x", "--numeric-owner", "-p", "-C", str(target), "-f", "-"], tee(plain[0]))
        for fd in opened:
            os.close(fd)
        if any([process.wait() for process in processes]):
            raise RuntimeError("the pipe failed")

    def timed(self, folder, urls):
        targets = []
        for number in range(len(urls)):
            targets.append(folder / str(number))
            targets[-1].mkdir()
        started = time.perf_counter()
        for url, target in zip(urls, targets):
            self.layer(url, target)
        return time.perf_counter() - started
