"""Names on networks that users make: asked by real resolvers and by the byte, passed on, and kept inside."""

import os
import signal
import subprocess

import pytest

from harness import dns
from harness.engine import is_alive
from harness.names import address, client, netds, run
from harness.need import need_program
from harness.wait import wait_until

IMAGE = "estiba/busybox"


@pytest.fixture
def upstream(engine, tmp_path):
    server = dns.Server(engine.host, tmp_path)
    wait_until(server.serving, "the name server serves")
    yield server
    server.stop()


@pytest.fixture
def blue(engine):
    engine.cli("network", "create", "blue")
    yield engine
    engine.remove_everything()
    engine.cli("network", "rm", "blue")
    wait_until(lambda: not netds(engine), "estiba-netd ends with the last container")
    assert os.listdir(engine.run_root / "net") == []


def test_by_name_alias_id_and_with_the_network_in_any_case(blue):
    run(blue, "web", "--network-alias", "shop", "--network-alias", "a.b", "--hostname", "front")
    run(blue, "asker")
    ask = client(blue, "asker").ask
    known = blue.inspect("web")["NetworkSettings"]["Networks"]["blue"]["DNSNames"]
    assert known == ["web", "shop", "a.b", blue.inspect("web")["Id"][:12], "front"]
    for name in ["web", "WEB", "shop", "a.b", "front", blue.inspect("web")["Id"][:12], "web.blue", "Shop.BLUE"]:
        answer = ask(name)
        assert (answer["answers"], answer["ttls"]) == ([address(blue, "web")], [0]), name
        assert ask(name, "A", "tcp")["answers"] == [address(blue, "web")]
    assert ask("web", "AAAA") | {"id": 0} == {"id": 0, "rcode": 0, "cut": False, "answers": [], "ttls": []}


@pytest.mark.parametrize("client", ["estiba", "docker"])
def test_a_link_is_a_name_that_one_container_alone_has_for_another(blue, client):
    command = blue.cli if client == "estiba" else blue.docker
    run(blue, "web")
    command("run", "-d", "--name", "linked", "--network", "blue", "--link", "web:shop", "--link", "web", IMAGE,
            "sleep", "1000")
    run(blue, "other")

    def ping(name, target):
        return blue.out("exec", name, "ping", "-c", "1", "-W", "2", target, check=False)
    for name in ("shop", "shop.blue", "web"):
        assert f"({address(blue, 'web')})" in ping("linked", name)
    assert ping("other", "shop") == ""
    assert blue.inspect("linked")["NetworkSettings"]["Networks"]["blue"]["Links"] == ["web:shop", "web"]
    blue.cli("rm", "-f", "web")
    run(blue, "occupant")  # has the address that was web's
    run(blue, "web")
    assert address(blue, "web") != address(blue, "occupant")
    assert f"({address(blue, 'web')})" in ping("linked", "shop")


def hosts(engine, name):
    lines = engine.out("exec", name, "cat", "/etc/hosts").splitlines()
    return {alias: line.split()[0] for line in lines for alias in line.split()[1:]}


@pytest.mark.parametrize("client", ["estiba", "docker"])
def test_on_the_default_network_links_are_in_hosts_and_the_environment_of_those_linked(blue, client):
    command = blue.cli if client == "estiba" else blue.docker
    command("run", "-d", "--name", "db", "-e", "COLOUR=blue", "--expose", "5432", "--expose", "80/udp", IMAGE,
            "sleep", "1000")
    command("run", "-d", "--name", "web", "--link", "db:my-data", "-e", "MY_DATA_ENV_OWN=1", IMAGE, "sleep", "1000")
    command("run", "-d", "--name", "stranger", IMAGE, "sleep", "1000")
    at = address(blue, "db", "bridge")
    short = blue.inspect("db")["Id"][:12]
    assert {name: hosts(blue, "web").get(name) for name in ("my-data", short, "db")} == {
        "my-data": at, short: at, "db": at}
    assert "db" not in hosts(blue, "stranger") and "my-data" not in hosts(blue, "db")
    expected = {"MY_DATA_NAME=/web/my-data", f"MY_DATA_PORT=udp://{at}:80", f"MY_DATA_PORT_5432_TCP=tcp://{at}:5432",
                f"MY_DATA_PORT_5432_TCP_ADDR={at}", "MY_DATA_PORT_5432_TCP_PORT=5432",
                "MY_DATA_PORT_5432_TCP_PROTO=tcp", f"MY_DATA_PORT_80_UDP=udp://{at}:80", "MY_DATA_ENV_COLOUR=blue",
                "MY_DATA_ENV_OWN=1"}
    for way in (("exec", "web", "env"), ("exec", "web", "cat", "/proc/1/environ")):
        assert expected <= set(blue.out(*way).replace("\0", "\n").splitlines())
    assert blue.inspect("web")["HostConfig"]["Links"] == ["/db:/web/my-data"]
    blue.cli("restart", "-t", "0", "web", "db")
    assert hosts(blue, "web")["my-data"] == at
    # It is told of another address.
    blue.cli("network", "disconnect", "bridge", "db")
    blue.cli("network", "connect", "bridge", "db")
    assert address(blue, "db", "bridge") != at
    assert [hosts(blue, "web")[name] for name in ("my-data", "db")] == [address(blue, "db", "bridge")] * 2
    assert at not in hosts(blue, "web").values()
    # One that is linked to it when it has another name keeps the link.
    blue.cli("rename", "db", "store")
    blue.cli("stop", "-t", "0", "web")
    blue.cli("start", "web")
    assert hosts(blue, "web")["store"] == hosts(blue, "web")["my-data"] == address(blue, "store", "bridge")
    assert blue.inspect("web")["HostConfig"]["Links"] == ["/store:/web/my-data"]
    blue.cli("rm", "-f", "web", "store", "stranger")


@pytest.mark.parametrize("client", ["estiba", "docker"])
def test_a_link_is_removed(blue, client):
    command = blue.cli if client == "estiba" else blue.docker
    for name in ("db", "cache"):
        blue.cli("run", "-d", "--name", name, IMAGE, "sleep", "1000")
    blue.cli("run", "-d", "--name", "web", "--link", "db:store", "--link", "cache", IMAGE, "sleep", "1000")
    command("rm", "--link", "/web/store")
    assert {"store", "db"} & set(hosts(blue, "web")) == set() and "cache" in hosts(blue, "web")
    assert blue.inspect("web")["HostConfig"]["Links"] == ["/cache:/web/cache"]
    blue.kill()
    blue.start()
    assert blue.inspect("web")["HostConfig"]["Links"] == ["/cache:/web/cache"]
    for name, message in (("web/store", "No such container: web/store"), ("nosuch/db", "No such container"),
                          ("web", "cannot remove the default link name of the container")):
        result = blue.cli("rm", "--link", name, check=False)
        assert result.returncode == 1 and message in result.stderr
    command("rm", "--link", "web/cache")
    blue.cli("restart", "-t", "0", "web")
    assert "cache" not in hosts(blue, "web") and not blue.inspect("web")["HostConfig"]["Links"]
    blue.cli("rm", "-f", "web", "db", "cache")


def test_after_a_restart_of_all_what_is_linked_to_runs_first(blue):
    blue.cli("run", "-d", "--restart", "always", "--name", "db", IMAGE, "sleep", "1000")
    blue.cli("run", "-d", "--restart", "always", "--name", "web", "--link", "db", IMAGE, "sleep", "1000")
    before = {blue.state(name)["Pid"] for name in ("web", "db")}
    blue.kill()
    for pid in blue.monitors():
        os.kill(pid, signal.SIGKILL)
    blue.start()

    def again(name):
        state = blue.state(name)
        return state["Running"] and state["Pid"] not in before
    wait_until(lambda: again("web") and again("db"), "both run again")
    assert hosts(blue, "web")["db"] == address(blue, "db", "bridge")
    blue.cli("rm", "-f", "web", "db")


def test_links_that_cannot_be_are_refused(blue):
    result = blue.cli("run", "--link", "nosuch", IMAGE, "true", check=False)
    assert result.returncode == 125 and "could not get container for nosuch: No such container" in result.stderr
    blue.cli("create", "--name", "idle", IMAGE, "true")
    result = blue.cli("run", "--link", "idle", IMAGE, "true", check=False)
    assert result.returncode == 125 and "Cannot link to a non running container: /idle AS idle" in result.stderr
    run(blue, "away")
    result = blue.cli("run", "--link", "away", IMAGE, "true", check=False)
    assert result.returncode == 125 and "/away not attached to default bridge network" in result.stderr
    result = blue.cli("run", "--network", "host", "--link", "web", IMAGE, "true", check=False)
    assert result.returncode == 125 and "host type networking can't be used with links" in result.stderr


def test_real_resolvers_of_a_container(blue):
    run(blue, "web")
    at = address(blue, "web")
    # The C library's (ping) and busybox's own.
    assert f"({at})" in blue.out("run", "--rm", "--network", "blue", "estiba/busybox", "ping", "-c", "1", "web")
    text = blue.out("run", "--rm", "--network", "blue", "estiba/busybox", "nslookup", "web")
    assert at in text and "127.0.0.11" in text
    reverse = blue.out("run", "--rm", "--network", "blue", "estiba/busybox", "nslookup", at)
    assert "web.blue" in reverse
    conf = blue.out("run", "--rm", "--network", "blue", "estiba/busybox", "cat", "/etc/resolv.conf").splitlines()
    assert "nameserver 127.0.0.11" in conf and len([line for line in conf if line.startswith("nameserver")]) == 1
    assert any(line.startswith("options") and "ndots:0" in line for line in conf)
    assert any(line.startswith("# ExtServers: [") for line in conf)


def test_foreign_clients(blue, upstream):
    for program in ("dig", "host"):
        need_program(program)
    run(blue, "web", "--expose", "8080", "--dns", "127.0.0.1")
    at = address(blue, "web")
    inside = ["nsenter", f"--net=/proc/{blue.state('web')['Pid']}/ns/net"]

    def dig(*words):
        return subprocess.run([*inside, "dig", "@127.0.0.11", *words], check=True, capture_output=True, text=True,
                              timeout=60).stdout
    # With a cookie and EDNS, as dig asks by itself; without; in later EDNS; by TCP, several over one connection.
    assert dig("+short", "web").split() == [at] == dig("+short", "+noedns", "+nocookie", "web").split()
    assert "BADVERS" in dig("+edns=1", "+noednsnegotiation", "web") and dig("+short", "+edns=1", "web").split() == [at]
    assert dig("+short", "+tcp", "+keepopen", "web", "web.blue").split() == [at, at]
    assert dig("+short", "-x", at).split() == ["web.blue."]
    assert dig("+short", "_8080._tcp.web", "SRV").strip() == "0 1 8080 web.blue."
    assert len(dig("+short", "big.example.com").split()) == 100  # cut, and asked for again by TCP
    assert "status: NXDOMAIN" in dig("missing.example.com") and "status: REFUSED" in dig("version.bind", "CH", "TXT")
    assert "status: NOERROR" in dig("web", "MX") and "ANSWER: 0" in dig("web", "MX")
    answer = dig("WeB")
    assert "WeB." in answer and " aa " in answer and "warning" not in answer.lower()
    host = subprocess.run([*inside, "host", "web", "127.0.0.11"], check=True, capture_output=True, text=True).stdout
    assert f"web has address {at}" in host


def test_a_name_of_several_takes_turns(blue):
    for name in ("one", "two", "three"):
        run(blue, name, "--network-alias", "many")
    everybody = {address(blue, name) for name in ("one", "two", "three")}
    firsts = []
    for _ in range(3):
        answers = client(blue, "one").ask("many")["answers"]
        assert set(answers) == everybody and len(answers) == 3
        firsts.append(answers[0])
    assert set(firsts) == everybody


def test_addresses_have_names_and_services_ports(blue):
    run(blue, "web", "--expose", "8080", "--expose", "53/udp")
    ask = client(blue, "web").ask
    backwards = ".".join(reversed(address(blue, "web").split(".")))
    assert ask(f"{backwards}.in-addr.arpa", "PTR")["answers"] == ["web.blue"]
    assert ask("_8080._tcp.web", "SRV")["answers"] == ["0 1 8080 web.blue"]
    assert ask("_53._udp.web.blue", "SRV")["answers"] == ["0 1 53 web.blue"]
    assert ask("_9._tcp.web", "SRV")["rcode"] == 3


def test_only_members_know(blue, upstream):
    blue.cli("network", "create", "red")
    run(blue, "web")
    run(blue, "far", "--dns", "127.0.0.1", network="red")
    blue.cli("create", "--network", "blue", "--name", "both", "--dns", "127.0.0.1", "estiba/busybox", "sleep", "1000")
    blue.cli("network", "connect", "--alias", "middle", "red", "both")
    blue.cli("start", "both")
    assert client(blue, "far").ask("web")["answers"] == [dns.ELSEWHERE]  # asked of somebody else
    assert client(blue, "far").ask("web.blue")["answers"] == [dns.ELSEWHERE]
    assert client(blue, "far").ask("both")["answers"] == [address(blue, "both", "red")]
    assert client(blue, "far").ask("middle")["answers"] == [address(blue, "both", "red")]
    assert client(blue, "both").ask("web")["answers"] == [address(blue, "web")]
    assert client(blue, "both").ask("far.red")["answers"] == [address(blue, "far", "red")]
    assert client(blue, "both").ask("both.red")["answers"] == [address(blue, "both", "red")]
    blue.remove_everything()
    blue.cli("network", "rm", "red")


def test_other_names_are_asked_of_others(blue, upstream):
    run(blue, "web", "--dns", "127.0.0.1")  # the host's loopback: estiba-netd is on the host
    ask = client(blue, "web").ask
    assert ask("example.com")["answers"] == [dns.ELSEWHERE]
    assert ask("missing.example.com")["rcode"] == 3
    assert ask("example.com", "A", "tcp")["answers"] == [dns.ELSEWHERE]
    assert upstream.asked() == ["udp example.com", "udp missing.example.com", "tcp example.com"]
    # Cut on the way: asked for again by TCP, and handed on as far as the client takes it.
    assert ask("big.example.com") | {"id": 0} == {"id": 0, "rcode": 0, "cut": True, "answers": [], "ttls": []}
    assert len(ask("big.example.com", "A", "edns=4096")["answers"]) == 100
    assert len(ask("big.example.com", "A", "tcp")["answers"]) == 100


def test_the_next_server_is_asked_when_one_is_silent(blue, upstream, tmp_path):
    second = dns.Server(blue.host, tmp_path, "127.0.0.2")
    try:
        wait_until(second.serving, "the second name server serves")
        run(blue, "web", "--dns", "127.0.0.9", "--dns", "127.0.0.1", "--dns", "127.0.0.2")
        assert client(blue, "web").ask("example.com")["answers"] == [dns.ELSEWHERE]  # nobody is at 127.0.0.9
        assert (upstream.asked(), second.asked()) == (["udp example.com"], [])
        assert client(blue, "web").ask("silent.example.com")["rcode"] == 2
        assert {"udp silent.example.com"} == set(upstream.asked()[1:]) == set(second.asked())
    finally:
        second.stop()


def test_an_internal_network_tells_nobody(blue, upstream):
    blue.cli("network", "create", "--internal", "closed")
    run(blue, "in1", "--dns", "127.0.0.1", network="closed")
    run(blue, "in2", network="closed")
    ask = client(blue, "in1").ask
    assert ask("in2")["answers"] == [address(blue, "in2", "closed")]
    for name, kind in [("secret.example.com", "A"), ("secret", "TXT"), ("1.2.0.192.in-addr.arpa", "PTR")]:
        for options in ([], ["tcp"]):
            assert ask(name, kind, *options)["rcode"] == 2
    assert upstream.asked() == []
    blue.remove_everything()
    blue.cli("network", "rm", "closed")


def test_search_and_dots(blue, upstream):
    run(blue, "web", "--dns", "127.0.0.1", "--dns-search", "corp.example", "--dns-option", "ndots:1")
    conf = blue.out("exec", "web", "cat", "/etc/resolv.conf").splitlines()
    assert "search corp.example" in conf and "options ndots:1" in conf and "# ExtServers: [127.0.0.1]" in conf
    assert f"({dns.ELSEWHERE})" in blue.out("exec", "web", "sh", "-c", "ping -c 1 -W 1 host1 | head -n 1")
    # Docker's rule: who sets ndots means single labels for the search list alone.
    assert set(upstream.asked()) <= {"udp host1.corp.example"} and upstream.asked()


def test_a_name_server_in_the_container_may_have_the_port(blue):
    run(blue, "web")
    blue.cli("run", "-d", "--network", "blue", "--name", "server", "estiba/busybox", "sh", "-c",
             "nc -ll -p 53 -e echo mine & nc -u -ll -p 53 -e echo mine & wait")
    wait_until(lambda: blue.out("exec", "web", "sh", "-c", "nc -w 2 server 53 < /dev/null", check=False) == "mine",
               "its own server answers")
    assert client(blue, "server").ask("web")["answers"] == [address(blue, "web")]


def test_without_an_engine(blue, upstream):
    run(blue, "web", "--dns", "127.0.0.1")
    run(blue, "asker", "--dns", "127.0.0.1")
    at = address(blue, "web")
    asker = client(blue, "asker")
    blue.kill()
    assert asker.ask("web")["answers"] == [at]
    one, = netds(blue)
    os.kill(one, signal.SIGKILL)
    assert asker.ask("web")["answers"] == [at]  # asked at once: it waits for the next one
    assert asker.ask("example.com")["answers"] == [dns.ELSEWHERE]
    other, = netds(blue)
    assert other != one
    blue.start()


def test_junk_from_a_container_hurts_nobody(blue):
    run(blue, "bad")
    run(blue, "good")
    header = bytes.fromhex("000101000001000000000001")
    loop = header + b"\xc0\x0c" + bytes.fromhex("00010001")
    circle = header + b"\1a\0" + bytes.fromhex("00010001") + b"\xc0\x15\xc0\x13" + bytes(10)
    packets = [b"x", header[:11], header, loop, circle, b"\xff" * 65000, bytes(4097), dns.question("web", "A")[:-1],
               dns.question("web", "A") + b"more"] * 50
    client(blue, "bad").raw(packets)
    one = netds(blue)
    assert client(blue, "good").ask("bad")["answers"] == [address(blue, "bad")]
    assert client(blue, "bad").ask("good")["answers"] == [address(blue, "good")]
    assert netds(blue) == one


def test_the_host_has_names_and_the_container_its_own(blue):
    run(blue, "web")
    run(blue, "other", "--add-host", "db:192.0.2.9", "--add-host", "host.docker.internal:192.0.2.8")
    gateway = blue.inspect("web")["NetworkSettings"]["Networks"]["blue"]["Gateway"]
    hosts = [line.split() for line in blue.out("exec", "web", "cat", "/etc/hosts").splitlines()]
    assert [gateway, "host.docker.internal"] in hosts and [gateway, "host.containers.internal"] in hosts
    assert not any("other" in line for line in hosts)
    hosts = [line.split() for line in blue.out("exec", "other", "cat", "/etc/hosts").splitlines()]
    assert ["192.0.2.9", "db"] in hosts and ["192.0.2.8", "host.docker.internal"] in hosts
    assert len([line for line in hosts if "host.docker.internal" in line]) == 1


def test_the_default_bridge_has_none(engine):
    engine.cli("run", "-d", "--name", "plain", "--dns", "192.0.2.53", "estiba/busybox", "sleep", "1000")
    assert "nameserver 192.0.2.53" in engine.out("exec", "plain", "cat", "/etc/resolv.conf").splitlines()
    assert netds(engine) == [] and os.listdir(engine.run_root / "net") == []


def test_a_small_process_in_a_sandbox(blue):
    run(blue, "web")
    pid, = wait_until(lambda: netds(blue), "it runs")
    client(blue, "web").ask("web")
    status = dict(line.split(":\t") for line in open(f"/proc/{pid}/status", encoding="utf-8").read().splitlines()
                  if ":\t" in line)
    assert (status["NoNewPrivs"], status["Seccomp"], int(status["CapEff"], 16)) == ("1", "2", 0)
    rollup = open(f"/proc/{pid}/smaps_rollup", encoding="utf-8").read().splitlines()
    private = sum(int(line.split()[1]) for line in rollup if line.startswith("Private_"))
    assert private <= 1024, rollup


def test_a_restarted_container_is_found_again(blue):
    run(blue, "asker")
    run(blue, "again", "--restart", "always")
    at = address(blue, "again")
    for _ in range(3):
        pid = blue.state("again")["Pid"]
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(pid), "it has ended")
        wait_until(lambda: blue.state("again")["Pid"] not in (0, pid), "it runs again")
        assert client(blue, "asker").ask("again")["answers"] == [at]
        assert client(blue, "again").ask("asker")["answers"] == [address(blue, "asker")]


def test_a_renamed_container_is_found_by_its_new_name(blue, upstream):
    run(blue, "asker", "--dns", "127.0.0.1")
    run(blue, "old", "--restart", "always")
    at = address(blue, "old")
    ask = client(blue, "asker").ask
    assert ask("old")["answers"] == [at]
    blue.cli("rename", "old", "new")
    assert (ask("new")["answers"], ask("old")["answers"]) == ([at], [dns.ELSEWHERE])
    blue.cli("restart", "-t", "0", "new")
    assert (ask("new.blue")["answers"], ask("old.blue")["answers"]) == ([at], [dns.ELSEWHERE])
