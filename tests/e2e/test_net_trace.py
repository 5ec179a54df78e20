"""`estiba net trace`: what it says of traffic is what becomes of that traffic."""

import json
import subprocess

import pytest

from harness import network
from harness.wait import wait_until


@pytest.fixture
def beyond(engine):
    with network.beyond(engine.host) as other:
        yield other


def trace(engine, *arguments):
    """The answer. Its exit code has to be that of its verdict, and no table of ours may be left."""
    before = engine.host.run("nft", "list", "tables").stdout
    result = engine.cli("net", "trace", "--format", "json", *arguments, check=False)
    assert result.returncode in (0, 1, 2) and result.stdout, result.stderr
    answer = json.loads(result.stdout)
    assert result.returncode == {"passes": 0, "dropped": 1, "unknown": 2}[answer["Verdict"]]
    assert engine.host.run("nft", "list", "tables").stdout == before
    print(arguments, json.dumps(answer, indent=1))
    return answer


def passes(engine, *arguments):
    answer = trace(engine, *arguments)
    assert answer["Verdict"] == "passes", answer
    return answer


def dropped(engine, *arguments):
    answer = trace(engine, *arguments)
    assert answer["Verdict"] == "dropped", answer
    return answer


def details(answer, step):
    return [hop["Detail"] for hop in answer["Hops"] if hop["Step"] == step]


def run(engine, name, *options, listen=None):
    """A container that listens on `listen` ("80", "127.0.0.1:80"), or on nothing."""
    command = ["sleep", "1000"]
    if listen:
        address, _, port = listen.rpartition(":")
        command = ["nc", "-ll", "-p", port, "-e", "echo", "served"]
        if address:
            command = ["httpd", "-f", "-p", listen]
    engine.cli("run", "-d", "--name", name, *options, "estiba/busybox", *command)
    if listen:
        port = int(listen.rpartition(":")[2])
        wait_until(lambda: f":{port:04X} " in engine.out("exec", name, "cat", "/proc/net/tcp", "/proc/net/tcp6"),
                   "it listens")


def address_of(engine, name, network="bridge"):
    return engine.inspect(name)["NetworkSettings"]["Networks"][network]["IPAddress"]


def reaches(engine, name, address, port):
    return engine.cli("exec", name, "nc", "-w", "2", address, str(port), check=False).stdout.strip() == "served"


def test_two_containers_of_a_network(engine):
    run(engine, "web", listen="80")
    run(engine, "client")
    address = address_of(engine, "web")
    answer = passes(engine, "client", "web", "80")
    assert reaches(engine, "client", address, 80)
    assert [hop["Place"] for hop in answer["Hops"]][-1] == "web" and details(answer, "listener")
    link, = details(answer, "link")
    assert "eth0 leads to ve" in link and "network 'bridge'" in link
    assert passes(engine, "client", "web")["Protocol"] == "ping"
    assert passes(engine, "client", address, "80")["Verdict"] == "passes"


def test_nobody_listens(engine):
    run(engine, "web", listen="127.0.0.1:80")
    run(engine, "client")
    address = address_of(engine, "web")
    answer = dropped(engine, "client", "web", "80")
    assert answer["Reason"] == f"no listener on {address}:80 in 'web' (it listens on 127.0.0.1:80)"
    assert not reaches(engine, "client", address, 80)
    assert dropped(engine, "client", "web", "81")["Reason"] == f"no listener on {address}:81 in 'web'"
    assert passes(engine, "web", "127.0.0.1", "80")


def test_datagrams(engine):
    run(engine, "web")
    run(engine, "client")
    address = address_of(engine, "web")
    assert dropped(engine, "client", "web", "53/udp")["Reason"] == f"no listener on {address}:53/udp in 'web'"
    pid = engine.state("web")["Pid"]
    listener = subprocess.Popen(["nsenter", f"--net=/proc/{pid}/ns/net", "socat", "-u", "UDP-RECV:53", "-"],
                                stdout=subprocess.PIPE)
    try:
        wait_until(lambda: ":0035 " in engine.out("exec", "web", "cat", "/proc/net/udp"), "it listens")
        passes(engine, "client", "web", "53/udp")
    finally:
        listener.terminate()
        assert listener.communicate()[0] == b"", "the program must not get our packet"


def test_sctp_goes_by_the_rules_also_where_the_kernel_has_none(engine):
    for name in ("front", "back"):
        engine.cli("network", "create", name)
    run(engine, "web", "--network", "front")
    run(engine, "client", "--network", "front")
    run(engine, "far", "--network", "back")
    address = address_of(engine, "web", "front")
    answer = trace(engine, "client", "web", "90/sctp")
    assert answer["Reason"] in (f"no listener on {address}:90/sctp in 'web'",
                                "it reaches 'web'; this kernel does not tell who listens there (INET_DIAG)")
    assert "same_bridge" in details(answer, "forward")[0]
    assert dropped(engine, "far", address, "90/sctp")["Reason"] == \
        "networks 'back' and 'front' are isolated from each other"
    engine.remove_everything()
    engine.cli("network", "rm", "front", "back")


def test_two_networks(engine):
    for name in ("front", "back"):
        engine.cli("network", "create", name)
    run(engine, "web", "--network", "front")
    run(engine, "db", "--network", "back", listen="5432")
    address = address_of(engine, "db", "back")
    answer = dropped(engine, "web", "db", "5432")
    assert answer["Reason"] == "networks 'front' and 'back' are isolated from each other"
    assert answer["Next"].endswith("estiba network connect back web")
    assert not reaches(engine, "web", address, 5432)


def test_an_internal_network(engine, beyond):
    engine.cli("network", "create", "--internal", "vault")
    run(engine, "safe", "--network", "vault", listen="80")
    run(engine, "other", "--network", "vault")
    run(engine, "plain")
    assert "network 'vault' is internal" in dropped(engine, "safe", "192.0.2.2", "80")["Reason"]
    assert "network 'vault' is internal" in dropped(engine, "plain", "safe", "80")["Reason"]
    assert passes(engine, "other", "safe", "80")
    assert "leaves this host by up0" in passes(engine, "plain", "192.0.2.2", "80")["Reason"]


def test_no_network_and_the_hosts(engine):
    run(engine, "alone", "--network", "none")
    run(engine, "atlarge", "--network", "host", listen="8090")
    run(engine, "web")
    assert "is in no network" in dropped(engine, "alone", "192.0.2.2", "80")["Reason"]
    assert passes(engine, "host", "127.0.0.1", "8090")
    assert passes(engine, "web", "atlarge", "8090")
    assert passes(engine, "atlarge", "web")
    run(engine, "joined", "--network", "container:web")
    assert passes(engine, "joined", "127.0.0.1")


def test_published_ports(engine, beyond):
    run(engine, "web", "-p", "8080:80", "-p", "127.0.0.1:8081:80", listen="80")
    run(engine, "client")
    address = address_of(engine, "web")
    for source in ("outside:192.0.2.2", "outside:192.0.2.77@up0", "host", "client"):
        answer = passes(engine, source, "host", "8080")
        assert f"the destination becomes {address}:80" in " ".join(details(answer, "nat"))
        assert answer["Hops"][-1]["Place"] == "web"
    assert passes(engine, "host", "127.0.0.1", "8081")
    assert "published on 127.0.0.1 only" in dropped(engine, "outside:192.0.2.2", "host", "8081")["Reason"]
    assert "of container 'web' is not published" in dropped(engine, "outside:192.0.2.2", address, "80")["Reason"]
    assert dropped(engine, "outside:192.0.2.2", "host", "9")["Reason"] == "no listener on 192.0.2.1:9 of the host"


def test_nothing_is_sent_and_nothing_is_left(engine, beyond):
    run(engine, "web", "-p", "8080:80", listen="80")
    beyond.run("nft", "add table ip taps; add chain ip taps every { type filter hook prerouting priority -400; };"
                      "add rule ip taps every counter")

    def received():
        return beyond.run("nft", "list", "table", "ip", "taps").stdout
    before = received()
    passes(engine, "outside:192.0.2.2", "host", "8080")
    passes(engine, "web", "192.0.2.2", "80")
    dropped(engine, "outside:192.0.2.2", "host", "81")
    assert received() == before
    engine.host.run("sh", "-c", "echo x | socat -u - UDP:192.0.2.2:9")
    assert received() != before  # it would have been seen
    flows = engine.host.run("cat", "/proc/net/nf_conntrack", check=False).stdout
    assert "dport=8080" not in flows and "dport=81 " not in flows


def test_another_programs_rule_is_named(engine):
    run(engine, "web", listen="80")
    run(engine, "client", "--network", "bridge")
    engine.cli("network", "create", "back")
    run(engine, "far", "-p", "8088:80", "--network", "back", listen="80")
    address = address_of(engine, "far", "back")
    passes(engine, "client", "host", "8088")
    engine.host.run("nft", "add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; };"
                           "add chain ip filter USER; add rule ip filter FORWARD jump USER;"
                           f"add rule ip filter USER ip daddr {address} tcp dport 80 counter drop comment mine")
    answer = dropped(engine, "client", "host", "8088")
    assert answer["Reason"].startswith(
        f"dropped by rule 'ip daddr {address} tcp dport 80 counter drop comment \"mine\"' (handle ")
    assert answer["Reason"].endswith("of chain USER in table ip filter")
    assert passes(engine, "client", "web", "80")  # over the bridge alone, where that table is not asked
    engine.host.run("nft", "flush chain ip filter USER")
    passes(engine, "client", "host", "8088")
    engine.host.run("nft", "add chain ip filter FORWARD { policy drop; }")
    answer = dropped(engine, "client", "host", "8088")
    assert answer["Reason"] == "dropped by the policy of chain FORWARD in table ip filter"
    assert "estiba info" in answer["Next"] and "ip filter FORWARD" in engine.out("info")
    engine.host.run("nft", "delete table ip filter")


@pytest.mark.parametrize("family, hook, rule", [
    ("bridge", "forward", "ip protocol tcp"), ("netdev", "ingress", "tcp dport 80"),
    ("inet", "inside", "tcp dport 80")])
def test_a_rule_anywhere_on_the_way_is_named(engine, family, hook, rule):
    run(engine, "web", listen="80")
    run(engine, "client")
    where, at, device = engine.host.run, hook, ""
    if family == "netdev":
        link, = [hop["Detail"] for hop in passes(engine, "client", "web", "80")["Hops"] if hop["Step"] == "link"]
        device = "device " + link.split()[3].strip(",")
    if hook == "inside":
        pid, at = engine.state("web")["Pid"], "input"

        def where(*command):
            subprocess.run(["nsenter", f"--net=/proc/{pid}/ns/net", *command], check=True)
    where("nft", f"add table {family} foreign; add chain {family} foreign mine "
                 f"{{ type filter hook {at} {device} priority 0; }}; add rule {family} foreign mine {rule} drop")
    answer = dropped(engine, "client", "web", "80")
    assert f"of chain mine in table {family} foreign" in answer["Reason"]
    assert ("inside of container 'web'" in answer["Reason"]) == (hook == "inside")
    where("nft", f"delete table {family} foreign")
    passes(engine, "client", "web", "80")


def test_what_others_trace_is_not_taken_for_ours(engine):
    run(engine, "web", listen="80")
    run(engine, "client")
    engine.host.run("nft", "add table inet other;"
                           "add chain inet other all_icmp { type filter hook prerouting priority -5; };"
                           "add rule inet other all_icmp meta l4proto icmp meta nftrace set 1 counter drop")
    gateway = address_of(engine, "client").rsplit(".", 1)[0] + ".1"
    noise = engine.popen("exec", "client", "ping", "-i", "0.01", "-q", gateway)
    try:
        wait_until(lambda: "packets 0 " not in engine.host.run("nft", "list", "table", "inet", "other").stdout,
                   "pings are dropped")
        for _ in range(3):
            passes(engine, "client", "web", "80")
        both = [engine.popen("net", "trace", "client", "web", port) for port in ("80", "81") * 4]
        said = [one.communicate(timeout=60) for one in both]
        assert [one.returncode for one in both] == [0, 1] * 4, said
    finally:
        noise.kill()
        noise.wait()
    assert "of chain all_icmp in table inet other" in dropped(engine, "client", "host")["Reason"]


def test_nobody_has_the_address(engine):
    run(engine, "client")
    address = address_of(engine, "client")
    free = address.rsplit(".", 1)[0] + ".77"
    assert f"nobody answers for {free} on eth0, network 'bridge'" in dropped(engine, "client", free, "80")["Reason"]


def test_forwarding_is_off(engine, beyond):
    run(engine, "client")
    passes(engine, "client", "192.0.2.2", "80")
    engine.host.run("sysctl", "-qw", "net.ipv4.conf.estiba0.forwarding=0")
    assert "forwarding is off" in dropped(engine, "client", "192.0.2.2", "80")["Reason"]
    engine.host.run("sysctl", "-qw", "net.ipv4.conf.estiba0.forwarding=1")


def test_names(engine):
    for name in ("front", "back"):
        engine.cli("network", "create", name)
    run(engine, "web", "--network", "front")
    run(engine, "near", "--network", "front", "--network-alias", "cache")
    run(engine, "far", "--network", "back", "--network-alias", "store")
    passes(engine, "web", "cache")
    answer = dropped(engine, "web", "store")
    assert "name 'store' is unknown to container 'web'" in answer["Reason"] and "127.0.0.11" in answer["Reason"]
    assert answer["Next"] == "container 'far' has that name in network 'back': estiba network connect back web"


def test_both_families(engine):
    assert " ".join(details(passes(engine, "host", "host"), "route")).startswith("127.0.0.1 is here")
    assert " ".join(details(passes(engine, "-6", "host", "host"), "route")).startswith("::1 is here")
    assert dropped(engine, "--ipv6", "host", "host", "9")["Reason"] == "no listener on [::1]:9 of the host"


def test_ipv6_between_containers(engine, beyond):
    engine.cli("network", "create", "--ipv6", "--subnet", "fd00:77::/64", "--subnet", "10.77.0.0/24", "six")
    engine.cli("run", "-d", "--name", "web", "--network", "six", "-p", "8080:80", "estiba/busybox", "httpd", "-f", "-p",
               "80")
    run(engine, "client", "--network", "six")
    address = engine.inspect("web")["NetworkSettings"]["Networks"]["six"]["GlobalIPv6Address"]
    wait_until(lambda: ":0050 " in engine.out("exec", "web", "cat", "/proc/net/tcp6"), "it listens")
    answer = passes(engine, "-6", "client", "web", "80")
    assert f"{address} by eth0" in details(answer, "route")[0] and answer["Hops"][-1]["Place"] == "web"
    assert dropped(engine, "-6", "client", "web", "81")["Reason"] == f"no listener on [{address}]:81 in 'web'"
    passes(engine, "-6", "client", "web")
    engine.host.run("ip", "-6", "addr", "add", "2001:db8::1/64", "dev", "up0", "nodad")
    answer = passes(engine, "outside:2001:db8::2", "host", "8080")
    assert f"the destination becomes [{address}]:80" in " ".join(details(answer, "nat"))
    assert "is not published" in dropped(engine, "outside:2001:db8::2", address, "80")["Reason"]


def test_what_makes_no_sense(engine):
    run(engine, "web")
    for arguments, complaint in ((("nobody", "web"), "no such container: nobody"),
                                 (("web", "web", "0"), "invalid port"),
                                 (("web", "web", "80/icmp"), "cannot be followed"),
                                 (("outside:192.0.2.1@nolink", "192.0.2.2"), "no link 'nolink'")):
        result = engine.cli("net", "trace", *arguments, check=False)
        assert result.returncode == 2 and complaint in result.stderr
    assert engine.out("net", "trace", "--format", "{{.Verdict}} {{len .Hops}}", "web", "web").startswith("passes ")
    text = engine.out("net", "trace", "web", "web")
    assert text.splitlines()[0].split() == ["PLACE", "STEP", "WHAT"] and "\npasses: " in text
    engine.cli("stop", "-t", "0", "web")
    assert "does not run" in engine.cli("net", "trace", "host", "web", check=False).stderr


def test_killed_on_the_way_it_leaves_nothing(engine):
    """It waits for an answer to ARP that does not come; its tables go with it."""
    run(engine, "client")
    free = address_of(engine, "client").rsplit(".", 1)[0] + ".78"

    def tables():
        return engine.host.run("nft", "list", "tables").stdout
    before = tables()
    process = engine.popen("net", "trace", "client", free)
    wait_until(lambda: "estiba_trace_" in tables(), "it has a table")
    assert process.poll() is None
    process.kill()
    process.wait()
    assert tables() == before
    pid = engine.state("client")["Pid"]
    assert "estiba_trace" not in subprocess.run(["nsenter", f"--net=/proc/{pid}/ns/net", "nft", "list", "tables"],
                                                capture_output=True, text=True, check=True).stdout
