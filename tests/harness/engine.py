"""One Estiba of a test's own, driven as a user would: through the command line and the socket."""

import atexit
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import uuid

from harness import answers, leaks
from harness.host import Host
from harness.wait import wait_until


def for_everybody(folder):
    """`folder`, or where other users cannot reach it a copy that they can (with the share folder beside it)."""
    if all(parent.stat().st_mode & 0o001 for parent in [folder, *folder.parents]):
        return folder
    copy = pathlib.Path(tempfile.mkdtemp(prefix="estiba-bin."))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    copy.chmod(0o755)
    (copy / "bin").mkdir()
    for program in [*folder.glob("estiba*"), *folder.glob("make_image")]:
        if not program.name.endswith("_tests"):
            shutil.copy(program, copy / "bin")
    if (folder.parent / "share").is_dir():
        shutil.copytree(folder.parent / "share", copy / "share")
    return copy / "bin"


BIN = for_everybody(pathlib.Path(os.environ.get("ESTIBA_BIN", pathlib.Path(__file__).parents[2] / "build/release/bin")))


@contextlib.contextmanager
def running(engine):
    """The engine, started; at the end nothing of its containers may be left on the host."""
    try:
        engine.start()
        yield engine
        engine.remove_everything()
        engine.assert_no_leaks()
        engine.assert_answers_are_described()
    finally:
        print(engine.log_text()[-8000:])  # pytest shows it when the test has failed
        engine.destroy()


class Engine:
    """Of root, or of a user (harness.rootless.RootlessEngine). `host` is the machine's network, where a published port
    is; `network` that of the bridges. Tests reach both as root."""

    any_driver = True  # ESTIBA_STORAGE_DRIVER holds for it
    arguments = ()  # more for estibad

    def __init__(self, folder, extra_config=""):
        self.folder = pathlib.Path(folder)
        self.data_root = self.folder / "data"
        self.run_root = self.folder / "run"
        self.socket = self.run_root / "estiba.sock"
        self.config = self.folder / "estibad.toml"
        self.uid = os.geteuid()
        self.cgroup_parent = "estiba-test-" + uuid.uuid4().hex[:8]
        self.cgroup_path = self.cgroup_parent  # below each hierarchy's mount
        self.host = Host()
        self.process = None
        driver = os.environ.get("ESTIBA_STORAGE_DRIVER")  # every test with another one
        if driver and self.any_driver and "storage_driver" not in extra_config and os.geteuid() == 0:
            extra_config = f'storage_driver = "{driver}"\n{extra_config}'
        self.config.write_text(f'data_root = "{self.data_root}"\nrun_root = "{self.run_root}"\n'
                               f'cgroup_parent = "{self.cgroup_parent}"\n{extra_config}')
        self.before = None

    # -- the engine's life -------------------------------------------------------------------------------------

    def start(self, wrapper=(), outer=(), programs=BIN):
        """Starts estibad in the foreground of this test and waits until it answers. `wrapper` is a command that
        runs it and becomes it (strace -D), `outer` one that does so as root; `programs` the folder of another
        build's."""
        if self.before is None:
            self.before = leaks.Snapshot.take(self)
        self.log = open(self.folder / "estibad.log", "ab")
        command = [*self.prefix(outer), *wrapper, str(programs / "estibad"), "--config", str(self.config),
                   "--record-answers", str(self.folder / "answers"), *self.arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        env=dict(os.environ, HOME=str(self.folder)))
        wait_until(self.answers, "the engine answers", 30)

    def answers(self):
        if self.process and self.process.poll() is not None:
            raise AssertionError(f"estibad ended with {self.process.returncode}: {self.log_text()[-2000:]}")
        return self.api("GET", "/_ping")[0] == 200

    def kill(self):
        """kill -9, as the out-of-memory killer would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    @property
    def network(self):
        return self.host

    def prefix(self, outer=()):
        """What makes a command one of who has this engine, on its host."""
        return [*self.host.prefix(), *outer]

    def host_id(self, identity):
        """What the host calls a user of its containers, or a group of the same number."""
        return identity

    def among_its_mounts(self):
        """The prefix of root's commands that mount what containers are to see."""
        return []

    def processes(self):
        """Pids of our processes, and of those in containers that share the host's network."""
        return self.host.processes()

    def engines(self):
        """Pids of every engine here, those that commands have spawned too."""
        return [pid for pid in self.processes() if process_name(pid).split(" ")[0].split("/")[-1] == "estibad"]

    def monitors(self, identity=""):
        """Pids of the monitors here, or of that container's alone. A child of one is called so, too, until it starts
        its program; it is not listed."""
        found = [pid for pid in self.processes()
                 if process_name(pid).startswith(f"estiba-monitor {identity[:12]}")]
        return [pid for pid in found if parent_of(pid) not in found]

    def monitor(self, name):
        """Of a container that is up, if only waiting for its next start."""
        pid, = self.monitors(self.inspect(name)["Id"])
        return pid

    def survives(self):
        """Whether what start() started answers: not nobody, nor one that a client has started in its place. A dying one
        has lost its name before it gives up what the next one needs."""
        return self.api("GET", "/_ping")[0] == 200 and self.engines() == [self.process.pid]

    def kill_all(self):
        """kill -9 of every engine here; back when they are gone."""
        killed = self.engines()
        for pid in killed:
            kill_quietly(pid)
        wait_until(lambda: not any(map(is_alive, killed)), "the killed engines are gone")

    def stop(self):
        self.process.terminate()
        self.process.wait(30)

    def log_text(self):
        """What the engine started here has logged, then those that commands have started."""
        logs = [self.folder / "estibad.log", self.data_root / "estibad.log"]
        return "".join(log.read_text(errors="replace") for log in logs if log.exists())

    # -- clients -----------------------------------------------------------------------------------------------

    def environment(self):
        return {"PATH": f"{BIN}:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.folder),
                "ESTIBA_CONFIG": str(self.config), "LANG": "C.UTF-8", "TERM": "xterm"}

    def command(self, *arguments):
        return self.prefix() + [str(BIN / "estiba"), *map(str, arguments)]

    def cli(self, *arguments, check=True, timeout=120, **options):
        """Runs `estiba ARGUMENTS…`; a failure names the command and shows both its streams."""
        options.setdefault("stdin", subprocess.DEVNULL if "input" not in options else None)
        if options["stdin"] is None:
            del options["stdin"]
        result = subprocess.run(self.command(*arguments), env=self.environment(), capture_output=True, text=True,
                                timeout=timeout, **options)
        if check and result.returncode != 0:
            raise AssertionError(f"estiba {' '.join(map(str, arguments))}: exit {result.returncode}\n"
                                 f"{result.stdout}{result.stderr}")
        return result

    def out(self, *arguments, **options):
        return self.cli(*arguments, **options).stdout.strip()

    def popen(self, *arguments, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(self.command(*arguments), env=self.environment(), stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, **options)

    def api(self, method, path, body=None, timeout=30):
        """One request over the socket by curl: (status, parsed JSON or text)."""
        command = ["curl", "-sS", "--unix-socket", str(self.socket), "-X", method, "-w", "\n%{http_code}",
                   f"http://localhost{path}"]
        if method == "HEAD":
            command[3:5] = ["--head"]
        if body is not None:
            command += ["-H", "Content-Type: application/json", "--data-binary", json.dumps(body)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
        if result.returncode != 0:
            return 0, result.stderr
        text, _, status = result.stdout.rpartition("\n")
        try:
            return int(status), json.loads(text)
        except ValueError:
            return int(status), text

    def docker(self, *arguments, program="docker", check=True, timeout=120, **options):
        """The real docker CLI against this engine."""
        return subprocess.run(self.prefix() + [program, "-H", f"unix://{self.socket}", *map(str, arguments)],
                              env=self.environment(), check=check, capture_output=True, text=True, timeout=timeout,
                              **options)

    def inspect(self, name):
        return json.loads(self.out("inspect", name))[0]

    def state(self, name):
        return self.inspect(name)["State"]

    # -- leaving nothing ---------------------------------------------------------------------------------------

    def remove_everything(self):
        if self.process is None or self.process.poll() is not None:
            self.start()
        names = self.out("ps", "-aq").split()
        if names:
            self.cli("rm", "-f", "-v", *names)

    def leaks(self):
        found = leaks.Snapshot.take(self).differences(self.before)
        own = {self.process.pid} if self.process and self.process.poll() is None else set()
        own |= {pid for pid in self.processes()
                if process_name(pid).startswith("estiba-tls serve") and parent_of(pid) in own}
        for pid in set(self.processes()) - own:
            if not process_name(pid).startswith("strace "):  # fault injection's tracer, which ends with the last tracee
                found.append(f"process {pid}: {process_name(pid)}")
        return found

    def assert_no_leaks(self):
        """The kernel takes network namespaces and their links away in its own time: seconds, where many go at once."""
        last = []

        def clean():
            last[:] = self.leaks()
            return not last
        try:
            wait_until(clean, "nothing is left", 60)
        except AssertionError:
            raise AssertionError("left on the host:\n  " + "\n  ".join(sorted(last))) from None
        crashes = [line for line in self.log_text().splitlines()
                   if "a monitor was ended by a signal" in line and "signal=9" not in line]
        assert not crashes, crashes

    def assert_answers_are_described(self):
        """What it answered to anybody is as its description of the API says."""
        wrong = answers.complaints(self.folder / "answers")
        assert not wrong, "answers that openapi.json does not describe:\n  " + "\n  ".join(wrong)

    def destroy(self):
        """Whatever happened, this test leaves nothing: its own processes, cgroups and namespace go."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid in self.processes():
            kill_quietly(pid)
        for path in sorted(leaks.cgroups(self.cgroup_path), key=len, reverse=True):
            end_cgroup(path)
        for base in [leaks.CGROUPS, *leaks.CGROUPS.iterdir()]:
            if (base / self.cgroup_path).is_dir():
                end_cgroup(base / self.cgroup_path)
        self.host.destroy()


def process_name(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return "(gone)"


def parent_of(pid):
    try:
        return int(pathlib.Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[1])
    except OSError:
        return 0


def is_alive(pid):
    """Any thread of it not yet a zombie: one that is dying has lost its name but not its files."""
    try:
        states = [(task / "stat").read_text().rpartition(")")[2].split()[0]
                  for task in pathlib.Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return pathlib.Path(f"/proc/{pid}").exists() and is_alive(pid)  # a thread went while we looked
    return any(state not in "ZX" for state in states)


def kill_quietly(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def end_cgroup(path):
    try:
        for pid in (pathlib.Path(path) / "cgroup.procs").read_text().split():
            kill_quietly(int(pid))

        def removed():
            try:
                os.rmdir(path)
            except FileNotFoundError:
                pass
            except OSError:
                return False
            return True
        wait_until(removed, f"{path} is removed", 5)
    except (OSError, AssertionError):
        pass  # the leak check has already said so
