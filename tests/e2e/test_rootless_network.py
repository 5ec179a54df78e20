"""Bridges, names, published ports and the way out of an ordinary user's containers."""

import hashlib
import os
import shutil
import signal
import subprocess

import pytest

from harness import dns
from harness.engine import running
from harness.need import need, need_program
from harness.rootless import OpenTun, RootlessEngine, User
from harness.user_network import (OUTSIDE, OUTSIDE_6, ask, listens, outside, outside_by_both, processes,
                                  reaches_outside, serving)
from harness.wait import wait_until

SAYS_INSIDE = ("nc", "-ll", "-p", "80", "-e", "echo", "inside")


@pytest.fixture(scope="module")
def user():
    need(os.geteuid() == 0, "root")
    tun = OpenTun()
    one = User()
    yield one
    one.remove()
    tun.close()


@pytest.fixture(params=["pasta", "slirp4netns"])
def engine(user, request):
    need_program(request.param)
    with running(RootlessEngine(user, f'[network]\nway_out = "{request.param}"\n')) as one:
        one.helper = request.param
        yield one


@pytest.fixture
def pasta(user):
    need_program("pasta")
    with running(RootlessEngine(user)) as one:
        one.helper = "pasta"
        yield one


def run(engine, name, *options, command=("sleep", "1d")):
    engine.cli("run", "-d", "--name", name, *options, "estiba/busybox", *command)


def serve(engine, *options):
    run(engine, "one", *options, command=SAYS_INSIDE)
    wait_until(lambda: listens(Inside(engine, "one"), 80), "the container listens")


def test_the_default_network_is_a_bridge(engine):
    run(engine, "one")
    first = engine.out("inspect", "-f", "{{.NetworkSettings.Networks.bridge.IPAddress}}", "one")
    assert first.startswith("172.")
    assert engine.out("run", "--rm", "estiba/busybox", "ping", "-c", "1", "-W", "3", first).count("1 packets received")
    # Nothing of it is on the host.
    assert engine.host.run("ip", "-o", "link").stdout.count("\n") == 1
    engine.cli("rm", "-f", "one")


def test_containers_find_each_other_by_name(engine):
    engine.cli("network", "create", "--ipv6", "blue")
    run(engine, "db", "--network", "blue", "--network-alias", "shop",
        command=("nc", "-ll", "-p", "80", "-e", "hostname"))
    name = engine.out("inspect", "-f", "{{.Config.Hostname}}", "db")
    assert engine.out("run", "--rm", "--network", "blue", "estiba/busybox", "nc", "-w", "3", "shop", "80") == name
    for flag in ("-4", "-6"):
        assert "1 packets received" in engine.out("run", "--rm", "--network", "blue", "estiba/busybox", "ping", flag,
                                                  "-c", "1", "-W", "3", "db")
    engine.cli("network", "create", "green")
    result = engine.cli("run", "--rm", "--network", "green", "estiba/busybox", "ping", "-c", "1", "-W", "1", "db",
                        check=False)
    assert result.returncode != 0
    engine.cli("rm", "-f", "db")
    engine.cli("network", "rm", "blue", "green")


def test_networks_are_isolated_and_internal_ones_lead_nowhere(engine):
    with outside(engine):
        engine.cli("network", "create", "blue")
        engine.cli("network", "create", "--internal", "inner")
        run(engine, "db", "--network", "blue")
        address = engine.out("inspect", "-f", "{{.NetworkSettings.Networks.blue.IPAddress}}", "db")
        for network, target in (("bridge", address), ("inner", address), ("inner", OUTSIDE)):
            result = engine.cli("run", "--rm", "--network", network, "estiba/busybox", "ping", "-c", "1", "-W", "1",
                                target, check=False)
            assert result.returncode == 1, (network, target)
        engine.cli("rm", "-f", "db")
        engine.cli("network", "rm", "blue", "inner")


def test_outwards_by_tcp_and_udp(engine, tmp_path):
    body = os.urandom(3_000_000)
    (tmp_path / "body").write_bytes(body)
    with outside(engine) as other:
        with (serving(other, "socat", "TCP-LISTEN:80,reuseaddr,fork", f"OPEN:{tmp_path}/body,rdonly"),
              serving(other, "socat", "UDP-LISTEN:90,fork", "PIPE")):
            wait_until(lambda: listens(other, 80) and listens(other, 90, "udp"), "the servers listen")
            # Its standard input stays open: nothing is half-closed.
            got = engine.out("run", "--rm", "estiba/busybox", "sh", "-c",
                             f"mkfifo /in; sleep 1000 > /in & nc {OUTSIDE} 80 < /in | sha256sum; kill $!")
            assert got.split()[0] == hashlib.sha256(body).hexdigest()
            run(engine, "one")
            assert ask(Inside(engine, "one"), OUTSIDE, 90, "hello", kind="UDP") == "hello"
            engine.cli("rm", "-f", "one")
        assert engine.out("info", "-f", "{{.SecurityOptions}}").count(f"network={engine.helper}") == 1


def test_outwards_by_ipv6(pasta, tmp_path):
    engine = pasta
    body = os.urandom(300_000)
    (tmp_path / "body").write_bytes(body)
    with outside_by_both(engine) as other:
        with (serving(other, "socat", "TCP6-LISTEN:80,reuseaddr,fork", f"OPEN:{tmp_path}/body,rdonly"),
              serving(other, "socat", "UDP6-LISTEN:90,fork", "PIPE")):
            wait_until(lambda: listens(other, 80) and listens(other, 90, "udp"), "the servers listen")
            engine.cli("network", "create", "--ipv6", "blue")
            run(engine, "one", "--network", "blue")
            inside = Inside(engine, "one")
            wait_until(lambda: ask(inside, OUTSIDE_6, 90, "hello", kind="UDP6") == "hello", "the way out has IPv6")
            got = inside.run("sh", "-c", f"socat -T5 -u TCP6:[{OUTSIDE_6}]:80,connect-timeout=5 - | sha256sum").stdout
            assert got.split()[0] == hashlib.sha256(body).hexdigest()
            engine.cli("rm", "-f", "one")
            engine.cli("network", "rm", "blue")


def test_slirp4netns_leads_nowhere_by_ipv6(user):
    need_program("slirp4netns")
    slirp = RootlessEngine(user, '[network]\nway_out = "slirp4netns"\n')
    with running(slirp) as engine, outside_by_both(engine) as other:
        with serving(other, "socat", "TCP-LISTEN:80,reuseaddr,fork", "SYSTEM:echo outside"):
            wait_until(lambda: listens(other, 80), "the server listens")
            engine.cli("network", "create", "--ipv6", "blue")
            run(engine, "one", "--network", "blue")
            wait_until(lambda: reaches_outside(engine, "one") == "outside\n", "IPv4 leads outside")
            sent = engine.cli("exec", "one", "ping", "-6", "-c", "1", "-W", "3", OUTSIDE_6, check=False)
            assert "1 packets received" not in sent.stdout
            engine.cli("rm", "-f", "one")
            engine.cli("network", "rm", "blue")


class Resolving(RootlessEngine):
    """Its host has a resolv.conf of its own."""
    conf = "/etc/resolv.conf"

    def __init__(self, user, way_out, *servers):
        super().__init__(user, f'[network]\nway_out = "{way_out}"\n')
        conf = self.folder / "resolv.conf"
        conf.write_text("".join(f"nameserver {server}\n" for server in servers))
        conf.chmod(0o644)
        self.conf = conf

    def prefix(self, outer=()):
        return super().prefix(["unshare", "--mount", "sh", "-c",
                               f"mount --bind {self.conf} /etc/resolv.conf && exec \"$@\"", "sh", *outer])


def resolves(engine, name):
    """Whether the C library of that container finds a name of another's."""
    out = engine.cli("exec", name, "sh", "-c", "ping -c 1 -W 1 host.example | head -n 1", check=False).stdout
    return f"({dns.ELSEWHERE})" in out


@pytest.mark.parametrize("way_out", ["pasta", "slirp4netns"])
def test_names_of_others_come_from_the_hosts_servers(user, way_out, tmp_path):
    need_program(way_out)
    with running(Resolving(user, way_out, OUTSIDE)) as engine, outside(engine) as other:
        server = dns.Server(other, tmp_path, OUTSIDE)
        try:
            wait_until(server.serving, "the name server serves")
            run(engine, "plain")
            wait_until(lambda: resolves(engine, "plain"), "the default bridge's container asks it by the way out")
            engine.cli("network", "create", "blue")
            run(engine, "named", "--network", "blue")
            assert resolves(engine, "named")
            asking = dns.Client(engine.state("named")["Pid"])
            assert asking.ask("host.example", "A", "tcp")["answers"] == [dns.ELSEWHERE]
            assert len(asking.ask("big.example")["answers"]) < 100  # what a datagram holds
            engine.cli("rm", "-f", "plain", "named")
            engine.cli("network", "rm", "blue")
        finally:
            server.stop()


@pytest.mark.parametrize("way_out", ["pasta", "slirp4netns"])
def test_a_resolver_on_the_hosts_loopback_is_asked(user, way_out, tmp_path):
    need_program(way_out)
    with running(Resolving(user, way_out, "127.0.0.1")) as engine, outside(engine):
        server = dns.Server(engine.host, tmp_path)
        try:
            wait_until(server.serving, "the name server serves")
            engine.cli("network", "create", "blue")
            run(engine, "named", "--network", "blue")
            assert resolves(engine, "named")
            engine.cli("rm", "-f", "named")
            engine.cli("network", "rm", "blue")
        finally:
            server.stop()


def half_closed(prefix, seconds=20):
    """How much of a long answer a client gets that has said all it had to say before."""
    got = subprocess.run([*prefix, "timeout", str(seconds), "socat", "-t", str(seconds), "-", f"TCP:{OUTSIDE}:80"],
                         stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return len(got.stdout)


def test_an_answer_arrives_whole_after_the_client_has_closed_its_side(engine):
    with outside(engine) as other, serving(other, "socat", "TCP-LISTEN:80,reuseaddr,fork",
                                           "SYSTEM:sleep 0.2; head -c 5000000 /dev/zero"):
        wait_until(lambda: listens(other, 80), "the server listens")
        run(engine, "one")
        got = half_closed(Inside(engine, "one").prefix())
        if engine.helper == "pasta" and got != 5_000_000:  # Debian 12's stops in the middle or repeats a part
            alone = [*engine.prefix(), "pasta", "--config-net", "--no-map-gw", "--quiet", "-t", "none", "-u",
                     "none", "-T", "none", "-U", "none", "--"]
            assert half_closed(alone, 5) != 5_000_000, "pasta alone does it not"
        else:
            assert got == 5_000_000
        engine.cli("rm", "-f", "one")


class Poor(RootlessEngine):
    """Neither pasta nor slirp4netns is in its $PATH."""
    scripts = {}

    def start(self, *arguments):
        folder = self.folder / "bin"
        folder.mkdir(mode=0o755, exist_ok=True)
        for name in ("nsenter", "setpriv", "newuidmap", "newgidmap", "curl", "ip", "unshare"):
            if not (folder / name).exists():
                (folder / name).symlink_to(shutil.which(name))
        for name, text in self.scripts.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", str(folder))
            super().start(*arguments)


class Tidy(Poor):
    """Its pasta closes what it was given, as pasta does since August 2024."""
    scripts = {"pasta": "#!/bin/sh\nexec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-\nexec /usr/bin/pasta \"$@\"\n"}


def test_a_way_out_that_closes_what_it_was_given(user):
    need_program("pasta")
    with running(Tidy(user)) as engine, outside(engine) as other, serving(
            other, "socat", "TCP-LISTEN:80,reuseaddr,fork", "SYSTEM:echo outside"):
        wait_until(lambda: listens(other, 80), "the server listens")
        run(engine, "one")
        wait_until(lambda: reaches_outside(engine, "one") == "outside\n", "the way out is there")
        engine.cli("rm", "-f", "one")


def test_without_a_way_out_the_packages_are_named(user):
    with running(Poor(user)) as engine:
        result = engine.cli("run", "--rm", "estiba/busybox", "true", check=False)
        assert result.returncode == 125 and "neither pasta nor slirp4netns" in result.stderr, result.stderr
        assert "passt" in result.stderr and "network=none" in engine.out("info", "-f", "{{.SecurityOptions}}")
        engine.cli("network", "create", "--internal", "inner")
        engine.cli("run", "--rm", "--network", "inner", "estiba/busybox", "true")
        engine.cli("network", "rm", "inner")


def test_on_a_host_that_reaches_nobody_containers_start(engine):
    serve(engine, "-p", "8080:80")
    assert ask(engine.host, "127.0.0.1", 8080) == "inside\n"
    engine.cli("rm", "-f", "one")


def test_the_network_goes_with_its_last_container(engine):
    with outside(engine):
        run(engine, "one")
        assert len(processes(engine, "uplink")) == len(processes(engine, "way out")) == 1
        engine.cli("rm", "-f", "one")
        wait_until(lambda: not any(processes(engine, what) for what in ("uplink", "keeper", "way out")),
                   "what held the network has ended")


@pytest.mark.parametrize("what", ["uplink", "keeper", "way out", "netd"])
def test_what_was_killed_is_there_again(engine, what):
    with outside(engine) as other, serving(other, "socat", "TCP-LISTEN:80,reuseaddr,fork", "SYSTEM:echo outside"):
        wait_until(lambda: listens(other, 80), "the server listens")
        serve(engine, "-p", "8080:80")
        # One of a test before may be about to end.
        victim, = wait_until(lambda: len(found := processes(engine, what)) == 1 and found, "it runs")
        engine.kill()
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: [pid for pid in processes(engine, what) if pid != victim],
                   "another has been started, without an engine")
        wait_until(lambda: ask(engine.host, "127.0.0.1", 8080) == "inside\n", "the port answers")
        wait_until(lambda: reaches_outside(engine, "one") == "outside\n", "the way out is there")
        engine.cli("rm", "-f", "one")
        engine.end_spawned()


# ---- published ports ----

def test_a_published_port_and_its_clients_addresses(engine):
    with outside(engine) as other:
        run(engine, "one", "-p", "8080:80")
        gateway = engine.out("inspect", "-f", "{{.NetworkSettings.Networks.bridge.Gateway}}", "one")
        who = "SYSTEM:echo $SOCAT_PEERADDR\\:$SOCAT_PEERPORT"
        with serving(Inside(engine, "one"), "socat", "TCP-LISTEN:80,reuseaddr,fork", who):
            wait_until(lambda: listens(Inside(engine, "one"), 80), "the container listens")
            assert ask(engine.host, "127.0.0.1", 8080).startswith(gateway + ":")
            for _ in range(3):
                assert ask(other, "192.0.2.1", 8080, more=",sourceport=40404,reuseaddr") == f"{OUTSIDE}:40404\n"
            assert ask(engine.host, "192.0.2.1", 8080).startswith("192.0.2.1:")
            # Of the same network, by the gateway's address.
            peer = engine.out("run", "--rm", "estiba/busybox", "nc", "-w", "3", gateway, "8080")
            assert peer.startswith(gateway + ":")
        assert engine.out("port", "one").splitlines()[0] == "80/tcp -> 0.0.0.0:8080"
        engine.cli("rm", "-f", "one")


class Inside:
    """A container's network, for programs of the test's."""

    def __init__(self, engine, name):
        self.pid = engine.state(name)["Pid"]

    def prefix(self):
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net"]

    def run(self, *command, check=True, **options):
        return subprocess.run([*self.prefix(), *command], check=check, capture_output=True, text=True, **options)


def test_large_answers_arrive_whole(engine):
    with outside(engine) as other:
        run(engine, "one", "-p", "8080:80",
            command=("nc", "-ll", "-p", "80", "-e", "sh", "-c", "sha256sum; head -c 20000000 /dev/zero"))
        for host, address in ((other, "192.0.2.1"), (engine.host, "127.0.0.1")):
            result = host.run("sh", "-c", "head -c 5000000 /dev/zero | socat -t30 - TCP:" + address + ":8080",
                              text=False)
            told, _, rest = result.stdout.partition(b"\n")
            assert told.split()[0].decode() == hashlib.sha256(bytes(5_000_000)).hexdigest()
            assert len(rest) == 20_000_000 and not rest.strip(b"\0")
        engine.cli("rm", "-f", "one")


def test_published_udp(engine):
    with outside(engine) as other:
        run(engine, "one", "-p", "9090:90/udp")
        with serving(Inside(engine, "one"), "socat", "UDP-LISTEN:90,fork", "SYSTEM:echo $SOCAT_PEERADDR; cat"):
            wait_until(lambda: listens(Inside(engine, "one"), 90, "udp"), "the container listens")
            assert ask(other, "192.0.2.1", 9090, "hello", kind="UDP") == f"{OUTSIDE}\nhello"
            gateway = engine.out("inspect", "-f", "{{.NetworkSettings.Networks.bridge.Gateway}}", "one")
            assert ask(engine.host, "127.0.0.1", 9090, "hello", kind="UDP") == f"{gateway}\nhello"
        engine.cli("rm", "-f", "one")


def test_a_port_of_the_loopback_is_not_reached_from_outside(engine):
    with outside(engine) as other:
        serve(engine, "-p", "127.0.0.1:8080:80", "-p", "[::1]:8081:80")
        assert ask(engine.host, "127.0.0.1", 8080) == "inside\n"
        assert ask(engine.host, "::1", 8081, kind="TCP6") == "inside\n"
        assert ask(other, "192.0.2.1", 8080) == ""
        engine.cli("rm", "-f", "one")


def test_a_taken_and_a_privileged_port_are_refused_by_name(pasta):
    engine = pasta
    engine.host.run("sysctl", "-q", "net.ipv4.ip_unprivileged_port_start=1024")
    with serving(engine.host, "socat", "TCP-LISTEN:8080,fork", "PIPE"):
        wait_until(lambda: listens(engine.host, 8080), "the server listens")
        taken = engine.cli("run", "-d", "--rm", "-p", "8080:80", "estiba/busybox", "sleep", "1d", check=False)
        assert taken.returncode == 125 and "8080 failed: port is already allocated" in taken.stderr
    low = engine.cli("run", "-d", "--rm", "-p", "81:80", "estiba/busybox", "sleep", "1d", check=False)
    # docker's exit code for whatever says "permission denied".
    assert low.returncode == 126 and ":81/tcp" in low.stderr and "ip_unprivileged_port_start" in low.stderr
    sctp = engine.cli("run", "-d", "--rm", "-p", "8080:80/sctp", "estiba/busybox", "sleep", "1d", check=False)
    assert sctp.returncode == 125 and "SCTP" in sctp.stderr


def test_ports_are_free_once_the_container_has_stopped(pasta):
    engine = pasta
    serve(engine, "-p", "8080:80")
    for _ in range(5):
        wait_until(lambda: ask(engine.host, "127.0.0.1", 8080) == "inside\n", "the container answers")
        engine.cli("stop", "-t", "0", "one")
        wait_until(lambda: not listens(engine.host, 8080), "the port is free")
        engine.cli("start", "one")
    engine.cli("rm", "-f", "one")


def test_rules_that_somebody_took_are_put_back(pasta):
    engine = pasta
    with outside(engine) as other:
        run(engine, "one", "-p", "8080:80")
        wait_until(lambda: processes(engine, "netd"), "estiba-netd runs")
        uplink, = processes(engine, "uplink")
        there = ["nsenter", f"--net=/proc/{uplink}/ns/net", "nft"]
        tables = subprocess.run([*there, "list", "tables"], check=True, capture_output=True).stdout
        assert tables.count(b"inet estiba") == 2
        subprocess.run([*there, "flush", "ruleset"], check=True)
        wait_until(lambda: subprocess.run([*there, "list", "tables"], check=True, capture_output=True).stdout == tables,
                   "the tables are back")
        with serving(Inside(engine, "one"), "socat", "TCP-LISTEN:80,reuseaddr,fork", "SYSTEM:echo $SOCAT_PEERADDR"):
            wait_until(lambda: listens(Inside(engine, "one"), 80), "the container listens")
            assert ask(other, "192.0.2.1", 8080) == f"{OUTSIDE}\n"
        engine.cli("rm", "-f", "one")


def test_ports_and_networks_change_while_it_runs(pasta):
    engine = pasta
    engine.cli("network", "create", "blue")
    serve(engine, "--network", "blue", "-p", "8080:80")
    engine.cli("port", "add", "one", "8081:80")
    assert ask(engine.host, "127.0.0.1", 8081) == "inside\n"
    engine.cli("port", "rm", "one", "8080:80")
    assert ask(engine.host, "127.0.0.1", 8080) == ""
    engine.cli("network", "connect", "bridge", "one")
    engine.cli("network", "disconnect", "blue", "one")
    assert ask(engine.host, "127.0.0.1", 8081) == "inside\n"
    engine.cli("rm", "-f", "one")
    engine.cli("network", "rm", "blue")


@pytest.mark.parametrize("options,says", [
    (["-d", "macvlan"], "macvlan"), (["-d", "ipvlan"], "ipvlan"), (["-d", "routed"], "own addresses"),
    (["-o", "com.docker.network.bridge.gateway_mode_ipv4=nat-unprotected"], "own addresses")])
def test_networks_that_need_the_hosts_links_are_refused(pasta, options, says):
    result = pasta.cli("network", "create", *options, "blue", check=False)
    assert result.returncode == 1 and says in result.stderr and "needs root" in result.stderr


def test_explain_tells_of_the_users_network(pasta):
    pasta.cli("create", "--name", "one", "estiba/busybox", "true")
    assert "reach the user's own network" in pasta.out("explain", "one")
    pasta.cli("rm", "one")
