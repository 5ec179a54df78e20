"""Log drivers besides json-file: what journald and syslog are sent, and what `logs` still reads."""

import contextlib
import os
import pathlib
import re
import socket
import threading

import pytest

from harness.user_network import listens, serving
from harness.wait import wait_until

JOURNAL = pathlib.Path("/run/systemd/journal")


class Receiver:
    """A datagram or stream socket of a name, and what came to it."""

    def __init__(self, path, kind=socket.SOCK_DGRAM):
        self.socket = socket.socket(socket.AF_UNIX, kind)
        self.socket.bind(str(path))
        self.received = []
        self.source = self.socket
        self.reads = threading.Event()
        self.reads.set()
        if kind == socket.SOCK_STREAM:
            self.socket.listen()
        threading.Thread(target=self.serve, args=(kind,), daemon=True).start()

    def serve(self, kind):
        with contextlib.suppress(OSError):
            self.source = self.socket if kind == socket.SOCK_DGRAM else self.socket.accept()[0]
            while True:
                self.reads.wait()
                piece = self.source.recv(1 << 20)
                if not piece and kind == socket.SOCK_STREAM:
                    # The probe of the engine's: the monitor is the next one.
                    self.source = self.socket.accept()[0]
                self.received.append(piece)

    def bytes(self):
        return b"".join(self.received)

    def close(self):
        for one in (self.socket, self.source):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


def fields(message):
    """A message of systemd's native protocol."""
    found = {}
    while message:
        line, _, message = message.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            length = int.from_bytes(message[:8], "little")
            value, message = message[8:8 + length], message[8 + length + 1:]
        found[name.decode()] = value.decode()
    return found


@pytest.fixture
def journal(engine, tmp_path):
    """A socket at journald's place, for this engine and what it starts alone."""
    made = not JOURNAL.exists()
    JOURNAL.mkdir(parents=True, exist_ok=True)
    folder = tmp_path / "journal"
    folder.mkdir()
    receiver = Receiver(folder / "socket")
    engine.stop()
    engine.start(outer=["unshare", "--mount", "sh", "-c", f'mount --bind {folder} {JOURNAL} && exec "$@"', "sh"])
    yield receiver
    receiver.close()
    if made:
        os.removedirs(JOURNAL)


def run(engine, name, driver, *options, command="echo out; echo err >&2"):
    return engine.cli("run", "-d", "--name", name, "--log-driver", driver, *options, "estiba/busybox", "sh", "-c",
                      command)


def test_journald_has_dockers_fields_and_logs_are_read(engine, journal):
    run(engine, "web", "journald", "--log-opt", "tag={{.Name}}", "--log-opt", "labels=my.tier", "--log-opt", "env=MODE",
        "--label", "my.tier=front", "-e", "MODE=a\nb",
        command="echo out; echo err >&2; head -c 20000 /dev/zero | tr '\\0' x")
    engine.cli("wait", "web")
    wait_until(lambda: len(journal.received) == 4, "everything has come")
    found = [fields(message) for message in journal.received]
    identity = engine.inspect("web")["Id"]
    for entry in found:
        assert entry["CONTAINER_ID"] == identity[:12] and entry["CONTAINER_ID_FULL"] == identity
        assert entry["CONTAINER_NAME"] == entry["CONTAINER_TAG"] == entry["SYSLOG_IDENTIFIER"] == "web"
        assert (entry["MY_TIER"], entry["MODE"], entry["IMAGE_NAME"]) == ("front", "a\nb", "estiba/busybox")
    by_text = {entry["MESSAGE"]: entry for entry in found}
    assert by_text["out"]["PRIORITY"] == "6" and by_text["err"]["PRIORITY"] == "3"
    longs = [entry for entry in found if entry["MESSAGE"].startswith("x")]
    assert sum(len(entry["MESSAGE"]) for entry in longs) == 20000
    assert longs[0]["CONTAINER_PARTIAL_MESSAGE"] == "true"
    answer = engine.cli("logs", "--details", "web")
    assert answer.stderr == "MODE=a\nb,my.tier=front,tag=web err\n"
    assert "tag=web out\n" in answer.stdout
    assert engine.inspect("web")["HostConfig"]["LogConfig"]["Type"] == "journald"
    assert engine.inspect("web")["LogPath"] == ""


def test_without_journald_nothing_starts(engine):
    answer = engine.cli("run", "--log-driver", "journald", "--name", "web", "estiba/busybox", "true", check=False)
    if JOURNAL.joinpath("socket").exists():
        pytest.skip("this host has a journal")
    assert answer.returncode == 125
    assert "failed to initialize logging driver: journald is not enabled on this host" in answer.stderr


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM], ids=["datagrams", "stream"])
def test_syslog_on_a_socket_of_this_host(engine, tmp_path, kind):
    receiver = Receiver(tmp_path / "log", kind)
    run(engine, "web", "syslog", "--log-opt", f"syslog-address=unix://{tmp_path}/log",
        "--log-opt", "syslog-facility=local3", "--log-opt", "syslog-format=rfc3164", "--log-opt", "tag=app")
    engine.cli("wait", "web")
    wait_until(lambda: receiver.bytes().count(b"\n") == 2, "both lines have come")
    lines = sorted(receiver.bytes().decode().splitlines())
    name = os.uname().nodename
    for line, level, text in zip(lines, (3, 6), ("err", "out")):
        assert re.fullmatch(rf"<{19 * 8 + level}>\w{{3}} [ \d]\d \d\d:\d\d:\d\d {name} app\[\d+\]: {text}", line), line
    assert engine.cli("logs", "web").stdout == "out\n"
    receiver.close()


@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_syslog_over_the_network(engine, tmp_path, kind):
    into = tmp_path / "received"
    listener = {"udp": "UDP-RECV:5514", "tcp": "TCP-LISTEN:5514,fork,reuseaddr"}[kind]
    options = ["--log-opt", f"syslog-address={kind}://localhost:5514", "--log-opt", "syslog-format=rfc5424micro"]
    if kind == "tcp":
        answer = engine.cli("run", "--log-driver", "syslog", *options, "estiba/busybox", "true", check=False)
        assert answer.returncode == 125
        assert "failed to initialize logging driver: dial tcp localhost:5514" in answer.stderr
    with serving(engine.host, "socat", "-u", listener, f"OPEN:{into},creat,append"):
        wait_until(lambda: listens(engine.host, 5514, kind), "syslog listens")
        run(engine, "web", "syslog", *options, command="for i in 1 2 3; do echo line $i; done; exec sleep 1000")
        wait_until(lambda: into.exists() and into.read_text().count("\n") == 3, "all has come")
        short = engine.inspect("web")["Id"][:12]
        assert re.fullmatch(rf"<30>1 \d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{6}}Z \S+ {short} \d+ {short} - line 1",
                            into.read_text().splitlines()[0])
    engine.cli("rm", "-f", "web")


def test_a_syslog_that_comes_back_is_sent_what_waited(engine, tmp_path):
    place = tmp_path / "log"
    first = Receiver(place, socket.SOCK_STREAM)
    script = "echo before; while [ ! -e /go ]; do sleep 0.02; done; echo between; exec sleep 1000"
    run(engine, "web", "syslog", "--log-opt", f"syslog-address=unix://{place}", command=script)
    wait_until(lambda: b"before" in first.bytes(), "the first line has come")
    first.close()
    place.unlink()
    engine.cli("exec", "web", "touch", "/go")
    wait_until(lambda: "between" in engine.out("logs", "web"), "the container goes on")
    again = Receiver(place, socket.SOCK_STREAM)
    engine.cli("exec", "web", "sh", "-c", "echo later >/proc/1/fd/1")
    wait_until(lambda: b"later" in again.bytes(), "what came later is sent", 20)
    engine.cli("rm", "-f", "web")
    again.close()


@pytest.mark.parametrize("mode", ["blocking", "non-blocking"])
def test_who_reads_slowly_holds_the_container_or_loses(engine, tmp_path, mode):
    receiver = Receiver(tmp_path / "log", socket.SOCK_STREAM)
    receiver.reads.clear()
    size = ["--log-opt", "max-buffer-size=64k"] if mode == "non-blocking" else []
    script = "for i in $(seq 40); do head -c 100000 /dev/zero | tr '\\0' x; echo; done; touch /written; exec sleep 1000"
    run(engine, "web", "syslog", "--log-opt", f"syslog-address=unix://{tmp_path}/log",
        "--log-opt", f"mode={mode}", *size, command=script)

    def written():
        return engine.cli("exec", "web", "test", "-e", "/written", check=False).returncode == 0

    total = 40 * 100_000
    if mode == "blocking":
        path = engine.data_root / "containers" / engine.inspect("web")["Id"] / "log"
        size_now = wait_until(lambda: stands_still(path), "nothing more is written")
        assert size_now < total and not written()
        receiver.reads.set()
        wait_until(lambda: receiver.bytes().count(b"x") == total, "all has come", 60)
        assert written()
    else:
        wait_until(written, "it was not held")
        receiver.reads.set()
        engine.cli("stop", "-t", "0", "web")
        assert receiver.bytes().count(b"x") < total
    engine.cli("rm", "-f", "web")
    receiver.close()


def stands_still(path):
    """Its size, when it is the same after many commands of ours."""
    before = path.stat().st_size if path.exists() else 0
    os.sched_yield()
    for _ in range(20):
        os.popen("true").close()
    return before if before > 0 and path.stat().st_size == before else None


def test_local_keeps_docker_s_options(engine):
    run(engine, "web", "local", "--log-opt", "max-size=20k", "--log-opt", "max-file=2", "--log-opt", "labels=a",
        "--label", "a=b", command="for i in $(seq 10000); do echo a line that is number $i; done")
    engine.cli("wait", "web")
    lines = engine.out("logs", "web").splitlines()
    assert lines[-1] == "a line that is number 10000" and 200 < len(lines) < 5000
    assert engine.out("logs", "--details", "--tail", "1", "web") == "a=b a line that is number 10000"
    for options, text in [(["--log-opt", "nope=1"], "unknown log opt 'nope' for log driver local"),
                          (["--log-opt", "compress=true"], "compress=true' is not supported")]:
        answer = engine.cli("create", "--log-driver", "local", *options, "estiba/busybox", check=False)
        assert answer.returncode == 125 or answer.returncode == 1
        assert text in answer.stderr
    drivers = engine.out("info", "--format", "{{json .Plugins.Log}}")
    assert drivers == '["journald","json-file","local","none","syslog"]'
