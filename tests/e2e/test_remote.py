"""An engine elsewhere: TCP with mutual TLS by docker's command and ours, and ours by ssh."""

import os
import signal
import subprocess

import pytest

from harness import passed_on
from harness.certificates import Authority
from harness.engine import BIN, Engine, running
from harness.need import need_program
from harness.rootless import RootlessEngine
from harness.terminal import Terminal
from harness.wait import wait_until

IMAGE = "estiba/busybox"
PORT = 2376
# What ssh does with the words after the host, without a second host: a shell's, in an environment of its own.
SSH = """#!/bin/sh
echo "$*" >> "$(dirname "$0")/ran"
while [ "$1" != "--" ]; do shift; done
shift 2
unset ESTIBA_HOST
PATH="$(dirname "$0")/there" exec /bin/sh -c "$*"
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    made = Authority(tmp_path_factory.mktemp("authority"))
    for name in ("server", "client"):
        made.issue(name, "IP:127.0.0.1", "DNS:engine.test")
    return made


def arguments_of(authority, *more):
    return ("-H", f"tcp://127.0.0.1:{PORT}", "--tlsverify", "--tlscacert", str(authority.cert), "--tlscert",
            str(authority.folder / "server.cert"), "--tlskey", str(authority.folder / "server.key"), *more)


@pytest.fixture
def served(authority, tmp_path):
    """An engine that lets in by TLS whoever the authority vouches for."""
    (tmp_path / "engine").mkdir()
    engine = Engine(tmp_path / "engine")
    engine.arguments = arguments_of(authority)
    with running(engine):
        yield engine


def flags(authority, name="client", ca=None):
    return ["--tlsverify", "--tlscacert", str(ca or authority.cert), "--tlscert",
            str(authority.folder / f"{name}.cert"), "--tlskey", str(authority.folder / f"{name}.key")]


class Client:
    """A command line that speaks to the engine by TLS."""

    def __init__(self, engine, program, words):
        self.engine = engine
        self.program = program
        self.words = [*engine.host.prefix(), program, *words]
        # Without the configuration of the engine: who is elsewhere has none.
        self.environment = {name: value for name, value in engine.environment().items() if name != "ESTIBA_CONFIG"}

    def __call__(self, *arguments, **options):
        options.setdefault("stdin", subprocess.DEVNULL if "input" not in options else None)
        if options["stdin"] is None:
            del options["stdin"]
        return subprocess.run([*self.words, *map(str, arguments)], env=self.environment, capture_output=True, text=True,
                              timeout=60, check=False, **options)

    def other(self, *words):
        """The same program, told otherwise where to go."""
        return Client(self.engine, self.program, words)

    def popen(self, *arguments, **options):
        return subprocess.Popen([*self.words, *map(str, arguments)], env=self.environment, text=True, **options)


PROGRAMS = ["docker", str(BIN / "estiba")]


@pytest.fixture(params=PROGRAMS, ids=["docker", "estiba"])
def client(request, served, authority):
    need_program(request.param)
    return Client(served, request.param, ["-H", f"tcp://127.0.0.1:{PORT}", *flags(authority)])


def gates(engine):
    found = []
    for pid in engine.processes():
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if file.read().startswith(b"estiba-tls\0serve"):
                    found.append(pid)
        except OSError:  # gone
            pass
    return found


def test_commands_work_and_are_told_apart_in_the_log(client):
    passed_on.assert_input_and_exit_codes(client)
    assert "certificate=CN=client" in client.engine.log_text()


def test_much_goes_both_ways_at_once(client):
    passed_on.assert_much_goes_both_ways_at_once(client)


def test_a_terminal(client):
    shell = Terminal([*client.words, "run", "-it", "--rm", "--network", "none", IMAGE, "sh"], client.environment)
    shell.type("tty\n")
    shell.expect("/dev/pts/0")
    shell.type("exit 7\n")
    assert shell.wait() == 7
    shell.close()


def test_attach_exec_logs_and_cp(client, tmp_path):
    engine = client.engine
    engine.cli("run", "-d", "-i", "--name", "one", "--network", "none", IMAGE, "sh", "-c",
               "while read line; do echo got $line; done; echo end")
    assert client("exec", "one", "echo", "inside").stdout == "inside\n"
    follower = client.popen("logs", "-f", "one", stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    attached = client.popen("attach", "one", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    attached.stdin.write("a line\n")
    attached.stdin.flush()
    assert follower.stdout.readline() == "got a line\n"
    (tmp_path / "file").write_bytes(os.urandom(3_000_000))
    assert client("cp", tmp_path / "file", "one:/file").returncode == 0
    assert client("cp", "one:/file", tmp_path / "back").returncode == 0
    assert (tmp_path / "back").read_bytes() == (tmp_path / "file").read_bytes()
    engine.cli("kill", "one")
    follower.communicate(timeout=30)
    attached.communicate(timeout=30)
    assert attached.returncode == 137


def test_archives_of_images(client, tmp_path):
    client.engine.cli("run", "--rm", "--network", "none", IMAGE, "true")
    saved = client("save", "-o", tmp_path / "image.tar", IMAGE)
    assert saved.returncode == 0, saved.stderr
    assert (tmp_path / "image.tar").stat().st_size > 100_000
    loaded = client("load", "-i", tmp_path / "image.tar")
    assert loaded.returncode == 0 and IMAGE in loaded.stdout, loaded.stderr


def test_who_has_no_certificate_is_refused(client, authority):
    said = client.other("-H", f"tcp://127.0.0.1:{PORT}", "--tlsverify", "--tlscacert", str(authority.cert))("ps")
    assert said.returncode == 1 and "certificate required" in said.stderr
    wait_until(lambda: "peer did not return a certificate" in client.engine.log_text(), "the log tells why")


def test_who_is_of_another_authority_is_refused(client, authority, tmp_path):
    other = Authority(tmp_path / "other")
    other.issue("client")
    stranger = client.other("-H", f"tcp://127.0.0.1:{PORT}", *flags(other, ca=authority.cert))
    assert stranger("ps").returncode == 1
    wait_until(lambda: "a client was not let in" in client.engine.log_text(), "the log tells of it")
    # And the other way round: an engine that the client's authority does not know.
    mistrusting = client.other("-H", f"tcp://127.0.0.1:{PORT}", *flags(authority, ca=other.cert))
    said = mistrusting("ps")
    assert said.returncode == 1 and "certificate" in said.stderr


def test_a_certificate_that_has_expired_is_refused(client, authority):
    key, request, cert = (authority.folder / f"old.{ending}" for ending in ("key", "csr", "cert"))
    authority.openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=old", "-keyout", key, "-out", request)
    # Valid for one second, of long ago: "ca" is the one command of openssl's that Debian 12 has for such dates.
    settings = authority.folder / "ca.cnf"
    (authority.folder / "index").write_text("")
    settings.write_text(f"[ca]\ndefault_ca=one\n[one]\ndatabase={authority.folder}/index\n"
                        f"new_certs_dir={authority.folder}\nrand_serial=yes\ndefault_md=sha256\npolicy=any\n"
                        "[any]\ncommonName=supplied\n")
    authority.openssl("ca", "-batch", "-config", settings, "-cert", authority.cert, "-keyfile",
                      authority.folder / "ca.key", "-in", request, "-out", cert, "-startdate", "20200101000000Z",
                      "-enddate", "20200101000001Z", "-notext")
    late = client.other("-H", f"tcp://127.0.0.1:{PORT}", *flags(authority, "old"))
    assert late("ps").returncode == 1
    wait_until(lambda: "certificate has expired" in client.engine.log_text(), "the log tells why")


def test_an_engine_of_another_name_is_not_trusted(client, authority):
    said = client.other("-H", f"tcp://localhost:{PORT}", *flags(authority))("ps")
    assert said.returncode == 1 and ("localhost" in said.stderr or "mismatch" in said.stderr)


def test_who_speaks_no_tls_hears_so(client):
    said = client.other("-H", f"tcp://127.0.0.1:{PORT}")("ps")
    assert said.returncode == 1 and "Client sent an HTTP request to an HTTPS server." in said.stderr


def test_dockers_variables_say_as_much_as_flags(served, authority, tmp_path):
    for name, file in (("ca", authority.cert), ("cert", authority.folder / "client.cert"),
                       ("key", authority.folder / "client.key")):
        (tmp_path / f"{name}.pem").write_bytes(file.read_bytes())
    client = Client(served, str(BIN / "estiba"), [])
    client.environment |= {"DOCKER_HOST": f"tcp://127.0.0.1:{PORT}", "DOCKER_TLS_VERIFY": "1",
                           "DOCKER_CERT_PATH": str(tmp_path)}
    said = client("version", "--format", "{{.Server.Os}}")
    assert (said.returncode, said.stdout) == (0, "linux\n"), said.stderr
    client.environment["DOCKER_TLS_VERIFY"] = ""
    assert "HTTP request to an HTTPS server" in client("ps").stderr


def test_a_session_outlives_the_engine(client):
    engine = client.engine
    session = client.popen("run", "-i", "--rm", "--name", "one", "--network", "none", IMAGE, "sh", "-c",
                           "read line; echo got $line; exit 5", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    wait_until(lambda: engine.out("ps", "-q", "--filter", "name=one"), "it runs")
    engine.kill()
    engine.start()  # and the port is free again
    session.stdin.write("on\n")
    session.stdin.flush()
    assert session.stdout.readline() == "got on\n"
    session.communicate(timeout=30)
    if client.program != "docker":  # docker's own command asks nobody again
        assert session.returncode == 5


def test_a_gate_that_is_killed_comes_back(client):
    gate, = gates(client.engine)
    os.kill(gate, signal.SIGKILL)
    wait_until(lambda: gates(client.engine) not in ([], [gate]), "another is there")
    assert client("ps").returncode == 0


def test_a_users_own_engine(user, authority):
    engine = RootlessEngine(user)
    for name in ("ca.crt", "server.cert", "server.key"):
        (engine.folder / name).write_bytes((authority.folder / name).read_bytes())
        os.chown(engine.folder / name, user.uid, user.gid)
    engine.arguments = ("-H", f"tcp://127.0.0.1:{PORT}", "--tlsverify", "--tlscacert", str(engine.folder / "ca.crt"),
                        "--tlscert", str(engine.folder / "server.cert"), "--tlskey", str(engine.folder / "server.key"))
    with running(engine):
        said = Client(engine, str(BIN / "estiba"), ["-H", f"tcp://127.0.0.1:{PORT}", *flags(authority)])(
            "run", "-i", "--rm", "--network", "none", IMAGE, "cat", input="by TLS")
        assert (said.returncode, said.stdout) == (0, "by TLS"), said.stderr


def test_new_certificates_are_taken_over(served, authority, tmp_path):
    client = Client(served, str(BIN / "estiba"), ["-H", f"tcp://127.0.0.1:{PORT}", *flags(authority)])
    following = client.popen("events", stdout=subprocess.PIPE)
    old = gates(served)
    server = authority.folder / "server.cert"
    kept = server.read_bytes()
    try:
        authority.issue("server", "IP:127.0.0.1")  # no longer engine.test
        served.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(gates(served)) == 2, "the old one stays for its connection")
        wait_until(lambda: client("ps").returncode == 0, "the new one serves")
        assert server.read_bytes() != kept
        following.terminate()
        following.communicate()
        wait_until(lambda: len(gates(served)) == 1 and gates(served) != old, "then it ends")
    finally:
        authority.issue("server", "IP:127.0.0.1", "DNS:engine.test")


def test_certificates_that_are_wrong_are_not_taken_over(served, authority):
    client = Client(served, str(BIN / "estiba"), ["-H", f"tcp://127.0.0.1:{PORT}", *flags(authority)])
    old = gates(served)
    server = authority.folder / "server.cert"
    kept = server.read_bytes()
    try:
        server.write_text("no certificate")
        served.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "read certificate" in served.log_text(), "the log tells why")
    finally:
        server.write_bytes(kept)
    wait_until(lambda: gates(served) == old, "the earlier one stays alone")
    assert client("ps").returncode == 0


def test_who_stalls_amid_the_handshake_is_shut_out(served):
    script = (f"import socket; s = socket.create_connection(('127.0.0.1', {PORT})); s.sendall(b'\\x16\\x03\\x01'); "
              "s.settimeout(60); print(s.recv(1))")
    said = subprocess.run([*served.host.prefix(), "python3", "-c", script], capture_output=True, text=True, timeout=90,
                          check=False)
    assert said.stdout in ("b''\n", "") and "timed out" not in said.stderr
    assert "the handshake took too long" in served.log_text()


def test_the_gate_has_no_privileges(served):
    gate, = gates(served)
    with open(f"/proc/{gate}/status", encoding="ascii") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    assert int(status["CapPrm"], 16) == int(status["CapEff"], 16) == 0
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"


def test_without_a_port_there_is_no_gate(engine):
    assert not gates(engine)


def estibad(engine, *arguments):
    return subprocess.run([*engine.host.prefix(), str(BIN / "estibad"), "--config", str(engine.config), *arguments],
                          capture_output=True, text=True, timeout=30, check=False)


def test_ports_for_everybody_have_to_be_said(engine, authority):
    engine.stop()
    for words in (["-H", "tcp://0.0.0.0:2375"], ["-H", "tcp://0.0.0.0:2376", "--tls"]):
        said = estibad(engine, *words)
        assert said.returncode == 1 and "whoever reaches that port could do anything" in said.stderr
    assert estibad(engine, "--check-config", "-H", "tcp://0.0.0.0:2375", "--tls=false").returncode == 0
    assert estibad(engine, "--check-config", "-H", "tcp://0.0.0.0:2376", "--tlsverify=false").returncode == 0
    said = estibad(engine, "-H", "tcp://127.0.0.1:2376", "--tlsverify", "--tlscert", "/etc/hostname", "--tlskey",
                   "/etc/hostname", "--tlscacert", str(authority.cert))
    assert said.returncode == 1 and "read certificate '/etc/hostname'" in said.stderr
    assert "host 'fd://': no sockets were passed" in estibad(engine, "-H", "fd://").stderr
    engine.start()


def test_plain_tcp_on_the_loopback_and_another_socket(engine, tmp_path):
    engine.stop()
    engine.arguments = ("-H", "tcp://127.0.0.1:2375", "-H", f"unix://{tmp_path}/other.sock")
    engine.start()
    for host in ("tcp://127.0.0.1:2375", f"unix://{tmp_path}/other.sock"):
        said = engine.cli("-H", host, "run", "-i", "--rm", "--network", "none", IMAGE, "cat", input="plain")
        assert said.stdout == "plain"
    engine.stop()
    assert not (tmp_path / "other.sock").exists()
    engine.arguments = ()
    engine.start()


def test_an_engine_that_is_not_there(engine):
    said = engine.cli("-H", "tcp://127.0.0.1:1", "ps", check=False)
    assert said.returncode == 1
    assert "Cannot connect to the engine at tcp://127.0.0.1:1" in said.stderr and "Connection refused" in said.stderr


# -- ssh -------------------------------------------------------------------------------------------------------

@pytest.fixture
def by_ssh(engine, tmp_path):
    """Our command by an ssh that stays here, where what is in `there` is installed."""
    (tmp_path / "ssh").write_text(SSH)
    (tmp_path / "ssh").chmod(0o755)
    (tmp_path / "there").mkdir()
    (tmp_path / "there/sh").symlink_to("/bin/sh")
    client = Client(engine, str(BIN / "estiba"), ["-H", "ssh://user@there:99"])
    client.environment |= {"PATH": f"{tmp_path}:/usr/bin:/bin", "ESTIBA_CONFIG": str(engine.config)}
    client.ran = tmp_path / "ran"
    client.there = tmp_path / "there"
    return client


@pytest.mark.parametrize("name", ["estiba", "docker"])
def test_by_ssh_whatever_the_engine_is_called_there(by_ssh, name):
    (by_ssh.there / name).symlink_to(BIN / "estiba")
    passed_on.assert_input_and_exit_codes(by_ssh)
    assert by_ssh.ran.read_text().startswith("-o ConnectTimeout=30 -T -l user -p 99 -- there sh -c '")


def test_by_ssh_to_a_socket_that_is_named(by_ssh):
    (by_ssh.there / "estiba").symlink_to(BIN / "estiba")
    by_ssh.words[-1] = f"ssh://there{by_ssh.engine.socket}"
    by_ssh.environment["ESTIBA_CONFIG"] = "/nowhere"
    assert by_ssh("ps", "-q").returncode == 0


def test_by_ssh_where_nothing_is_installed(by_ssh):
    said = by_ssh("ps")
    assert said.returncode == 1
    assert "the engine at ssh://user@there:99 has ended the connection: ssh ended with exit status 127" in said.stderr
