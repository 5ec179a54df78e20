"""Networks of CNI plugins: Debian's real ones, and scripts for what those do not do."""

import functools
import json
import os
import signal
import subprocess

import pytest

from harness import cni as cni_harness
from harness import dns, network
from harness.engine import BIN, running
from harness.network import fetch_from
from harness.wait import wait_until

IMAGE = "estiba/busybox"
FIREWALL = {"type": "firewall", "backend": "iptables"}


@pytest.fixture
def cni(tmp_path):
    return cni_harness.Cni(tmp_path / "cni")


@pytest.fixture
def engine(cni, tmp_path):
    with running(cni_harness.engine_with(cni, tmp_path)) as one:
        yield one
        one.remove_everything()
        wait_until(lambda: not cni_harness.left(one, cni), "the plugins have taken everything back", 30)


@pytest.fixture
def blue(engine, cni):
    cni.network("blue", cni.bridge(), cni_harness.PORTMAP, FIREWALL)
    return engine


serve = functools.partial(network.serve, net="blue")


def endpoint(engine, name, net="blue"):
    return network.endpoint(engine, name, net)


def refused(engine, *arguments):
    result = engine.cli(*arguments, check=False)
    assert result.returncode != 0, result.stdout
    return result.stderr


# -- what there is -----------------------------------------------------------------------------------------------------

def test_files_are_networks_that_only_their_files_make_and_remove(blue, cni):
    path = cni.conf / "10-blue.conflist"
    (cni.conf / "20-one.conf").write_text(json.dumps({"cniVersion": "0.4.0", "name": "one", **cni.bridge()}))
    listed = {line.split()[1]: line.split()[2:] for line in blue.out("network", "ls").splitlines()[1:]}
    assert listed["blue"] == listed["one"] == ["cni", "local"] and listed["bridge"] == ["bridge", "local"]
    view, = json.loads(blue.out("network", "inspect", "blue"))
    assert (view["Driver"], view["Scope"]) == ("cni", "local")
    assert view["Options"] == {"cni.file": str(path), "cni.plugins": "bridge, portmap, firewall",
                               "cni.version": "1.0.0"}
    assert blue.out("network", "ls", "-q", "--filter", "driver=cni", "--filter", "name=blue") == view["Id"][:12]
    assert json.loads(blue.out("network", "inspect", view["Id"][:8]))[0]["Name"] == "blue"
    assert f"put a .conflist into '{cni.conf}'" in refused(blue, "network", "create", "-d", "cni", "more")
    assert "network with name blue already exists" in refused(blue, "network", "create", "blue")
    assert f"network blue is described by '{path}'" in refused(blue, "network", "rm", "blue")
    assert "blue" not in blue.out("network", "prune", "-f")
    path.unlink()
    assert "network blue not found" in refused(blue, "network", "inspect", "blue")


def test_files_that_cannot_be_used_are_told_of(engine, cni):
    for name, text in [("10-cut.conflist", '{"cniVersion": "1.0.0", "name": "cut", '),
                       ("20-future.conflist", '{"cniVersion": "7.0.0", "name": "future", "plugins": [{"type": "x"}]}'),
                       ("30-host.conf", '{"cniVersion": "1.0.0", "name": "host", "type": "bridge"}')]:
        (cni.conf / name).write_text(text)
    warnings = [line for line in engine.cli("info").stderr.splitlines() + engine.out("info").splitlines()
                if "CNI configuration" in line]
    text = "\n".join(warnings)
    assert "10-cut.conflist' cannot be used" in text
    assert "20-future.conflist' cannot be used: cniVersion '7.0.0'" in text
    assert "30-host.conf' cannot be used: a network 'host' is there already" in text
    assert "20-future.conflist' cannot be used: cniVersion" in refused(engine, "network", "inspect", "future")
    assert "cannot be used" in refused(engine, "run", "--rm", "--network", "cut", IMAGE, "true")


def test_without_being_enabled_there_are_none(module_engine_factory, cni):
    engine = module_engine_factory(extra_config=cni.settings().replace("true", "false"))
    engine.start()
    cni.network("blue", cni.bridge())
    assert "blue" not in engine.out("network", "ls")
    assert "set network.cni.enabled" in refused(engine, "network", "create", "-d", "cni", "more")


# -- traffic -----------------------------------------------------------------------------------------------------------

def test_containers_reach_each_other_by_address_and_name(blue):
    web = serve(blue, "web", "--network-alias", "shop", "--hostname", "front")
    other = serve(blue, "other")
    assert web["IPAddress"].startswith("10.98.0.") and web["Gateway"] == "10.98.0.1" and web["IPPrefixLen"] == 24
    assert web["IPAddress"] != other["IPAddress"]
    for name in (web["IPAddress"], "web", "shop", "front", "web.blue"):
        assert fetch_from(blue, "other", name) == "from web", name
    inside = blue.out("exec", "web", "sh", "-c", "ip -o link show eth0; ip route; cat /etc/hosts /etc/resolv.conf")
    assert web["MacAddress"] in inside and "default via 10.98.0.1 dev eth0" in inside
    assert f"{web['IPAddress']}\tfront" in inside and "nameserver 127.0.0.11" in inside
    view, = json.loads(blue.out("network", "inspect", "blue"))
    assert {one["Name"]: one["IPv4Address"] for one in view["Containers"].values()} == {
        "web": web["IPAddress"] + "/24", "other": other["IPAddress"] + "/24"}
    blue.cli("rename", "web", "site")
    assert fetch_from(blue, "other", "site") == "from web" and fetch_from(blue, "other", "web") == ""
    blue.cli("restart", "-t", "0", "site")
    assert fetch_from(blue, "other", "site") == "from web" and fetch_from(blue, "other", "web") == ""


def test_published_ports_are_reached_from_the_host_and_from_outside(blue):
    with network.beyond(blue.host) as outside:
        serve(blue, "web", "-p", "8080:80", "-p", "127.0.0.1::80")
        wait_until(lambda: network.fetch(blue.host, "192.0.2.1", 8080) == "from web", "an answer to the host")
        assert network.fetch(outside, "192.0.2.1", 8080) == "from web"
        lines = blue.out("port", "web").splitlines()
        assert "80/tcp -> 0.0.0.0:8080" in lines and len(lines) == 2, lines
        loopback = int(next(line for line in lines if "127.0.0.1" in line).rpartition(":")[2])
        assert network.fetch(blue.host, "127.0.0.1", loopback) == "from web"
        assert network.fetch(outside, "192.0.2.1", loopback) == ""
        assert "0.0.0.0:8080->80/tcp" in blue.out("ps")
        assert "port is already allocated" in refused(blue, "run", "-d", "--network", "blue", "-p", "8080:80", IMAGE,
                                                      "true")
        blue.cli("rm", "-f", "web")
        assert network.fetch(outside, "192.0.2.1", 8080) == ""


def test_a_restart_by_its_policy_is_attached_again(blue):
    serve(blue, "web", "--restart", "always", "-p", "8080:80")
    before = blue.state("web")["Pid"]
    blue.cli("exec", "web", "kill", "-9", "1", check=False)
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: blue.state("web")["Pid"] not in (0, before), "it runs again")
    wait_until(lambda: network.fetch(blue.host, "127.0.0.1", 8080) == "from web", "an answer")
    address = endpoint(blue, "web")["IPAddress"]
    assert address in blue.out("exec", "web", "ip", "-4", "-o", "addr", "show", "eth0")
    assert f"{address}\t" in blue.out("exec", "web", "cat", "/etc/hosts")


@pytest.mark.parametrize("plugin", ["bridge", "ptp", "macvlan"])
@pytest.mark.parametrize("version", ["0.3.1", "0.4.0", "1.0.0"])
def test_real_plugins_in_every_version_they_know(engine, cni, plugin, version):
    more = {"bridge": {}, "ptp": {"ipMasq": True}, "macvlan": {"master": "lan0"}}[plugin]
    first = cni.bridge() if plugin == "bridge" else {"type": plugin, "ipam": cni.ipam("192.0.2.0/24"), **more}
    if plugin == "macvlan":
        first["ipam"]["ranges"][0][0]["rangeStart"] = "192.0.2.10"
    cni.network("blue", first, {"type": "tuning", "sysctl": {"net.ipv4.conf.eth0.log_martians": "1"}}, version=version)
    with network.lan(engine.host):
        web = serve(engine, "web")
        serve(engine, "other")
        wait_until(lambda: fetch_from(engine, "other", web["IPAddress"]) == "from web", "an answer")
        assert fetch_from(engine, "other", "web") == "from web"
        assert engine.out("exec", "web", "cat", "/proc/sys/net/ipv4/conf/eth0/log_martians") == "1"
        engine.remove_everything()


def test_a_network_of_both_families(engine, cni):
    ipam = cni.ipam()
    ipam["ranges"].append([{"subnet": "fd98::/64"}])
    ipam["routes"].append({"dst": "::/0"})
    cni.network("blue", {**cni.bridge(), "ipam": ipam}, cni_harness.PORTMAP)
    web = serve(engine, "web", "-p", "8080:80")
    serve(engine, "other")
    assert web["GlobalIPv6Address"].startswith("fd98::") and web["IPv6Gateway"] == "fd98::1"
    wait_until(lambda: fetch_from(engine, "other", web["GlobalIPv6Address"]) == "from web", "an answer by IPv6")
    assert "80/tcp -> [::]:8080" in engine.out("port", "web")


def test_two_networks_with_an_interface_each(engine, cni):
    cni.network("blue", cni.bridge())
    cni.network("green", {**cni.bridge("10.97.0.0/24", "cni-test1"), "ipMasq": False,
                          "ipam": {**cni.ipam("10.97.0.0/24"), "routes": []}})
    serve(engine, "far", net="green")
    serve(engine, "both", "--network", "name=green,driver-opt=com.docker.network.endpoint.ifname=lan7")
    assert "10.97.0." in engine.out("exec", "both", "ip", "-o", "-4", "addr", "show", "lan7")
    assert fetch_from(engine, "both", "far") == "from far"
    assert sorted(engine.inspect("both")["NetworkSettings"]["Networks"]) == ["blue", "green"]


def test_a_container_may_share_the_network_of_one(blue):
    serve(blue, "web")
    said = blue.out("run", "--rm", "--network", "container:web", IMAGE, "nc", "-w", "2", "127.0.0.1", "80")
    assert said == "from web"


# -- what is asked for -------------------------------------------------------------------------------------------------

def test_addresses_and_hardware_addresses_where_plugins_take_them(engine, cni):
    cni.network("blue", cni.bridge(capabilities={"ips": True, "mac": True}))
    web = serve(engine, "web", "--ip", "10.98.0.77", "--mac-address", "02:00:00:00:00:77")
    assert (web["IPAddress"], web["MacAddress"]) == ("10.98.0.77", "02:00:00:00:00:77")
    assert "10.98.0.77" in refused(engine, "run", "-d", "--network", "blue", "--ip", "10.98.0.77", IMAGE, "true")
    # Another address than was asked for is none.
    cni.script("deaf", """[ "$CNI_COMMAND" = ADD ] && echo '{"cniVersion": "1.0.0", "ips": [{"address": "10.1.1.1/8"}]}'
exit 0""")
    cni.network("deaf", {"type": "deaf", "capabilities": {"ips": True}})
    text = refused(engine, "run", "-d", "--network", "deaf", "--ip", "10.1.1.2", IMAGE, "true")
    assert "address 10.1.1.2 was asked for, but its plugins gave another one" in text


def test_what_plugins_do_not_declare_is_refused(engine, cni):
    path = cni.network("plain", cni.bridge())
    for options, capability in [(["-p", "80:80"], "portMappings"), (["--ip", "10.98.0.9"], "ips"),
                                (["--mac-address", "02:00:00:00:00:09"], "mac")]:
        text = refused(engine, "run", "--rm", "--network", "plain", *options, IMAGE, "true")
        assert f"no plugin in '{path}' declares the capability '{capability}'" in text
    for options, words in [(["--network", "name=plain,gw-priority=1"], "takes no gw-priority"),
                           (["--network", "name=plain,link-local-ip=169.254.9.9"], "takes no link-local addresses"),
                           (["--network", "plain", "--network", "bridge"], "and to network bridge of driver bridge"),
                           (["--network", "plain", "--add-host", "up:host-gateway"], "host-gateway is not known")]:
        assert words in refused(engine, "run", "--rm", *options, IMAGE, "true")


def test_nothing_is_changed_while_a_container_runs(blue):
    serve(blue, "web")
    blue.cli("network", "create", "green")
    serve(blue, "own", net="green")
    words = "networks of driver cni are not changed while a container runs"
    for command in (["network", "connect", "green", "web"], ["network", "connect", "blue", "own"],
                    ["network", "disconnect", "blue", "web"], ["port", "add", "web", "8080:80"]):
        assert words in refused(blue, *command)
    assert fetch_from(blue, "web", "127.0.0.1") == "from web"
    blue.remove_everything()
    blue.cli("network", "rm", "green")


def test_servers_that_plugins_name_answer_other_names(engine, cni, tmp_path):
    upstream = dns.Server(engine.host, tmp_path)
    try:
        wait_until(upstream.serving, "the name server serves")
        cni.network("blue", cni.bridge(dns={"nameservers": ["127.0.0.1"]}))
        text = engine.out("run", "--rm", "--network", "blue", IMAGE, "nslookup", "www.example.org")
        assert dns.ELSEWHERE in text
        # Those of the command line go first.
        text = engine.cli("run", "--rm", "--network", "blue", "--dns", "192.0.2.254", IMAGE, "nslookup",
                          "www.example.org", check=False)
        assert dns.ELSEWHERE not in text.stdout
    finally:
        upstream.stop()


def test_the_plan_shows_the_plugins(blue):
    text = blue.out("run", "--dry-run", "--network", "blue", IMAGE, "true")
    assert "attach to 'blue' by CNI plugins" in text
    assert not os.path.exists(blue.data_root / "cni")
    serve(blue, "web")
    assert "estiba-cni' attach" in blue.out("explain", "--shell", "web")


def ask(engine, cni, *words, **request):
    """What estiba-cni answers who asks it by hand."""
    done = engine.host.run(BIN / "estiba-cni", *words, check=False, input=json.dumps(request))
    return done.returncode, done.stdout


def test_check_and_status_can_be_asked_for(blue, cni):
    serve(blue, "web")
    web = blue.inspect("web")["Id"]
    assert ask(blue, cni, "check", blue.data_root / "cni", web) == (0, "")
    subprocess.run(["nsenter", f"--net=/proc/{blue.state('web')['Pid']}/ns/net", "ip", "addr", "flush", "dev", "eth0"],
                   check=True)
    code, text = ask(blue, cni, "check", blue.data_root / "cni", web)
    assert code == 1 and "plugin 'bridge' CHECK: " in text
    assert ask(blue, cni, "check", blue.data_root / "cni", "f" * 64) == (
        1, f"container '{'f' * 64}' is attached to no CNI network")
    known = json.loads((cni.conf / "10-blue.conflist").read_text())
    asked = {"bin_dirs": [str(cni_harness.PLUGINS)], "networks": [known]}
    assert ask(blue, cni, "status", **asked) == (0, "")
    known["cniVersion"] = "1.1.0"
    code, text = ask(blue, cni, "status", **asked)
    assert code == 1 and "does not know version 1.1.0 of the specification" in text


def test_a_network_and_its_containers_can_be_checked(blue, cni):
    assert blue.out("network", "check", "blue") == "network blue: fine"
    serve(blue, "web")
    serve(blue, "other")
    assert sorted(blue.out("network", "check", "blue").splitlines()) == [
        "container other: fine", "container web: fine", "network blue: fine"]
    subprocess.run(["nsenter", f"--net=/proc/{blue.state('web')['Pid']}/ns/net", "ip", "addr", "flush", "dev", "eth0"],
                   check=True)
    found = blue.cli("network", "check", "blue", check=False)
    lines = dict(line.split(": ", 1) for line in found.stdout.splitlines())
    assert found.returncode == 1 and "plugin 'bridge' CHECK: " in lines["container web"], lines
    assert lines["container other"] == lines["network blue"] == "fine"
    path = cni.conf / "10-blue.conflist"
    path.write_text(json.dumps({**json.loads(path.read_text()), "cniVersion": "1.1.0"}))
    found = blue.cli("network", "check", "blue", check=False)
    assert found.returncode == 1 and "does not know version 1.1.0 of the specification" in found.stdout
    assert "is of driver bridge: only plugins of networks of driver cni" in refused(blue, "network", "check", "bridge")
    assert "network nosuch not found" in refused(blue, "network", "check", "nosuch")


def test_links(blue):
    serve(blue, "web")
    serve(blue, "other", "--link", "web:db")
    assert fetch_from(blue, "other", "db") == "from web"


def test_limits_of_bandwidth(engine, cni):
    cni.network("blue", cni.bridge(), {"type": "bandwidth", "ingressRate": 8_000_000, "ingressBurst": 8_000_000})
    serve(engine, "web")
    serve(engine, "other")
    assert fetch_from(engine, "other", "web") == "from web"
    limited = engine.host.run("tc", "qdisc").stdout
    assert limited.count("tbf") == 2 and "rate 8Mbit" in limited


# -- what goes wrong ---------------------------------------------------------------------------------------------------

def test_a_plugin_that_fails_is_named_and_all_is_taken_back(engine, cni):
    cni.script("bad", """[ "$CNI_COMMAND" = ADD ] || exit 0
echo '{"cniVersion": "1.0.0", "code": 100, "msg": "no luck", "details": "at all"}'; exit 1""")
    path = cni.network("blue", cni.bridge(), cni_harness.PORTMAP, {"type": "bad"})
    text = refused(engine, "run", "-d", "--name", "web", "--network", "blue", "-p", "8080:80", IMAGE, "true")
    assert f"CNI network 'blue' ('{path}'): plugin 'bad' ADD: no luck: at all (CNI error 100)" in text
    assert cni_harness.left(engine, cni) == []
    cni.network("gone", {"type": "no-such-plugin"})
    text = refused(engine, "run", "--rm", "--network", "gone", IMAGE, "true")
    assert f"plugin 'no-such-plugin' is in none of {cni.bin}, /usr/lib/cni" in text


def test_a_plugin_that_hangs_is_ended(module_engine_factory, cni):
    engine = module_engine_factory(extra_config=cni.settings(timeout=1))
    engine.start()
    cni.pass_on("slow", '[ "$CNI_COMMAND" = ADD ] && sleep 1000')
    cni.network("blue", cni.bridge(), {"type": "slow"})
    text = refused(engine, "run", "-d", "--name", "web", "--network", "blue", IMAGE, "true")
    assert "plugin 'slow' ADD: it did not answer within 1 s and was killed" in text
    assert cni_harness.left(engine, cni) == []


def test_what_a_plugin_does_not_take_back_is_taken_back_later(engine, cni):
    stuck = cni.bin / "stuck"
    cni.pass_on("sticky", f'[ "$CNI_COMMAND" = DEL ] && [ -e "{stuck}" ] && exit 1')
    cni.network("blue", cni.bridge(), {"type": "sticky"})
    serve(engine, "web")
    stuck.touch()
    engine.cli("stop", "-t", "0", "web")
    assert cni_harness.left(engine, cni) != []
    stuck.unlink()
    # The next start takes back what the run before left, and so does removal.
    engine.cli("start", "web")
    assert fetch_from(engine, "web", "127.0.0.1") == "from web"
    assert len(cni.addresses()["blue"]) == 1
    stuck.touch()
    engine.cli("stop", "-t", "0", "web")
    stuck.unlink()
    engine.cli("rm", "web")
    assert cni_harness.left(engine, cni) == []


# -- engines that come and go ------------------------------------------------------------------------------------------

def test_another_engine_knows_the_addresses(blue):
    web = serve(blue, "web", "-p", "8080:80")
    blue.kill()
    blue.start()
    assert endpoint(blue, "web") == web
    assert network.fetch(blue.host, "127.0.0.1", 8080) == "from web"


@pytest.mark.parametrize("with_engine", [True, False], ids=["engine", "no-engine"])
def test_after_a_monitor_that_was_killed_all_is_taken_back(blue, cni, with_engine):
    serve(blue, "web", "-p", "8080:80")
    monitor, = wait_until(lambda: len(found := blue.monitors()) == 1 and found, "one monitor")
    if not with_engine:
        blue.kill()
    os.kill(monitor, signal.SIGKILL)
    if not with_engine:
        blue.start()
    wait_until(lambda: blue.state("web")["Status"] == "exited", "the exit is recorded")
    wait_until(lambda: not cni_harness.left(blue, cni), "all is taken back")
    blue.cli("start", "web")
    wait_until(lambda: network.fetch(blue.host, "127.0.0.1", 8080) == "from web", "an answer")


def test_what_containers_left_that_nobody_knows_is_cleared(blue, cni):
    serve(blue, "web", "-p", "8080:80")
    web = blue.inspect("web")["Id"]
    record = json.loads((blue.data_root / "cni" / f"{web}.json").read_text())
    blue.cli("rm", "-f", "web")
    lost = "f" * 64
    record.update(container=lost, netns=str(blue.run_root / "cni" / lost))
    blue.stop()
    with subprocess.Popen(["unshare", "-n", "sleep", "1000"]) as process:
        wait_until(lambda: os.stat(f"/proc/{process.pid}/ns/net").st_ino != os.stat("/proc/self/ns/net").st_ino,
                   "a network namespace")
        blue.host.run(BIN / "estiba-cni", "attach", blue.data_root / "cni", str(process.pid),
                      input=json.dumps({"record": record}))
        process.kill()
    assert cni.addresses() and cni_harness.left(blue, cni) != []
    blue.start()
    wait_until(lambda: not cni_harness.left(blue, cni), "all is cleared")


def test_plugins_of_version_1_1_are_told_what_is_valid(engine, cni):
    cni.newer("newer", "bridge")
    cni.network("blue", {**cni.bridge(), "type": "newer"}, version="1.1.0")
    web = serve(engine, "web")
    other = serve(engine, "other")
    assert web["IPAddress"] != other["IPAddress"] and fetch_from(engine, "other", "web") == "from web"
    engine.stop()
    engine.start()
    told = wait_until(lambda: (file := cni.log.with_name("plugins.log.gc")).exists() and file.read_text(), "GC")
    valid = json.loads(told.splitlines()[-1])["cni.dev/valid-attachments"]
    known = {engine.inspect(name)["Id"] for name in ("web", "other")}
    assert {one["containerID"] for one in valid} == known and {one["ifname"] for one in valid} == {"eth0"}


def test_after_a_restart_of_the_host_leases_are_given_back(blue, cni):
    """The run folder and the network namespaces are gone; what plugins keep on disk is there."""
    serve(blue, "web")
    pid = blue.state("web")["Pid"]
    blue.kill()
    for one in [*blue.monitors(), pid]:
        os.kill(one, signal.SIGKILL)
    held = blue.run_root / "cni" / blue_id(blue)
    subprocess.run(["umount", held], check=True)
    held.unlink()
    blue.start()
    wait_until(lambda: not cni.addresses(), "the address is given back")
    blue.cli("start", "web")
    wait_until(lambda: fetch_from(blue, "web", "127.0.0.1") == "from web", "it answers again")


def blue_id(engine):
    found, = os.listdir(engine.run_root / "cni")
    return found
