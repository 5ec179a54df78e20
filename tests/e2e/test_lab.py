"""Labs: what the shipped ones make is what they say, what `explain` prints makes the same, and nothing is left."""

import os
import pathlib
import re
import subprocess

import pytest

from harness.engine import BIN
from harness.lab import EXAMPLES, Machine, in_namespace, namespaces, state_of
from harness.need import need, need_program
from harness.wait import wait_until

SHIPPED = sorted(path.name for path in EXAMPLES.glob("*.yaml"))

PAIR = """
name: {name}
nodes: {{a: {{}}, b: {{}}}}
links:
  - endpoints: [a:eth0 10.9.0.1/24, b:eth0 10.9.0.2/24]
"""


@pytest.fixture
def machine():
    need(os.geteuid() == 0, "root")
    one = Machine()
    before = one.state()
    yield one
    for file in one.labs:
        one.lab("down", file, check=False)
    after = one.state()
    one.destroy()
    assert after == before


def write(tmp_path, text, name="lab"):
    file = tmp_path / f"{name}.yaml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("shipped", SHIPPED)
def test_traffic_flows_as_drawn_and_nothing_is_left(machine, shipped):
    before = machine.state()
    machine.lab("up", EXAMPLES / shipped)
    assert machine.state()["link"] == before["link"], "the machine's own network is not touched"
    checked = machine.lab("check", EXAMPLES / shipped).stdout.splitlines()
    assert len(checked) >= 8 and all(line.startswith("ok ") for line in checked)
    machine.lab("down", EXAMPLES / shipped)
    assert machine.state() == before


def test_shipped_labs_are_what_every_course_has():
    assert SHIPPED == ["firewall.yaml", "lan.yaml", "routed.yaml"]


EVERYTHING = pathlib.Path(__file__).parents[2] / "src/lab/tests/every.yaml"


@pytest.mark.parametrize("name", [*SHIPPED, "every"])
def test_the_explained_commands_make_the_same(machine, name):
    file = EVERYTHING if name == "every" else EXAMPLES / name
    script = machine.lab("explain", file).stdout
    lab = file.stem
    machine.host.run("sh", "-c", script)
    by_hand = {one: settled(one) for one in namespaces(lab)}
    for one in by_hand:
        subprocess.run(["ip", "netns", "del", one], check=True)
    machine.lab("up", file)
    assert len(by_hand) > 3 and namespaces(lab) == sorted(by_hand)
    for one, wanted in by_hand.items():
        made = settled(one)
        for what, lines in wanted.items():
            assert made[what] == lines, (one, what)


def settled(namespace):
    """The state once link-local addresses are good and ports of bridges have taken their final state."""
    def look():
        state = state_of(namespace)
        text = str(state)
        moving = ("tentative", "NO-CARRIER", '"state": "listening"', '"state": "learning"', "LOWERLAYERDOWN")
        return None if any(word in text for word in moving) else state
    return wait_until(look, f"{namespace} settled", 30)


def test_pings_get_lost_behind_a_firewall(machine, tmp_path):
    file = write(tmp_path, """
name: walled
nodes:
  a: {}
  b: {firewall: {input: {rules: [drop icmp]}}}
links: [{endpoints: [a 10.9.0.1/24, b 10.9.0.2/24]}]
check: [a reaches b, a reaches b tcp 7, b reaches a]
""")
    machine.lab("up", file)
    checked = machine.lab("check", "walled", check=False)
    assert checked.returncode == 1 and "2 of 3" in checked.stderr
    # b drops the answers to its own pings, which are icmp too.
    assert checked.stdout.splitlines() == ["FAIL  a reaches b: it does not (line 7)", "ok    a reaches b tcp 7",
                                           "FAIL  b reaches a: it does not (line 7)"]


def test_a_lossy_link_loses_about_as_many(machine, tmp_path):
    file = write(tmp_path, PAIR.format(name="lossy") + "    loss: 30%\n")
    machine.lab("up", file)
    text = machine.lab("exec", "lossy/a", "nft", "list", "ruleset").stdout
    assert 'hook ingress device "eth0"' in text and "numgen random mod 10000 < 3000 drop" in text

    def know_each_other():
        machine.lab("exec", "lossy/a", "busybox", "ping", "-c", "1", "-W", "1", "10.9.0.2", check=False)
        return all("lladdr" in machine.lab("exec", f"lossy/{node}", "ip", "neigh").stdout for node in "ab")
    # Who a neighbour is gets lost, too, and is asked again a second later: that is not what is counted here.
    wait_until(know_each_other, "both know each other")
    # Each way 70 % arrive, so 196 of 400 come back, give or take six times the standard deviation.
    done = machine.lab("exec", "lossy/a", "busybox", "ping", "-c", "400", "-i", "0.01", "10.9.0.2", check=False)
    answered = int(re.search(r"(\d+) packets received", done.stdout).group(1))
    assert 130 < answered < 265


def test_a_slow_link_is_slow(machine, tmp_path):
    file = write(tmp_path, PAIR.format(name="slow") + "    rate: 10mbit\n")
    machine.lab("up", file)
    assert "rate 10Mbit" in in_namespace("slow-a", "tc", "qdisc", "show", "dev", "eth0")


def test_a_delay_is_made_or_named_as_missing(machine, tmp_path):
    file = write(tmp_path, PAIR.format(name="late") + "    delay: 20ms\n    jitter: 1ms\n")
    done = machine.lab("up", file, check=False)
    if done.returncode == 0:
        assert "delay 20ms  1ms" in in_namespace("late-a", "tc", "qdisc", "show", "dev", "eth0")
        return
    assert f"{file}:5: this kernel has no netem (CONFIG_NET_SCH_NETEM)" in done.stderr
    assert namespaces("late") == []


def test_what_is_captured_tcpdump_reads(machine, tmp_path):
    need_program("tcpdump")
    machine.lab("up", write(tmp_path, PAIR.format(name="seen")))
    file = tmp_path / "seen.pcap"
    capture = machine.popen("capture", "-w", file, "-c", "2", "-s", "60", "seen/b:eth0", "icmp", "host", "10.9.0.1",
                            stderr=subprocess.PIPE, text=True)
    assert capture.stderr.readline() == "listening on seen/b:eth0\n"
    machine.lab("exec", "seen/a", "busybox", "ping", "-c", "1", "10.9.0.2")
    assert capture.wait(20) == 0
    capture.stderr.close()
    read = subprocess.run(["tcpdump", "-n", "-r", str(file)], check=True, capture_output=True, text=True)
    assert "snapshot length 60" in read.stderr
    lines = read.stdout.splitlines()
    assert "10.9.0.1 > 10.9.0.2: ICMP echo request" in lines[0] and "ICMP echo reply" in lines[1] and len(lines) == 2


def test_a_capture_ends_with_its_lab(machine, tmp_path):
    machine.lab("up", write(tmp_path, PAIR.format(name="ends")))
    capture = machine.popen("capture", "ends/b:lo", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert capture.stderr.readline()
    machine.lab("down", "ends")
    capture.communicate(timeout=20)
    assert capture.returncode != 0 and namespaces("ends") == []


def test_nodes_and_interfaces_are_completed(machine, tmp_path):
    machine.lab("up", write(tmp_path, PAIR.format(name="typed")))

    def completed(*words):
        return machine.host.run(BIN / "estiba", "__complete", "lab", *words).stdout.split()
    # With the lab's name before it when there are others.
    assert any(word.removeprefix("typed/") == "a" for word in completed("exec", ""))
    assert any(word.removeprefix("typed/") == "b:eth0" for word in completed("capture", ""))
    assert "typed" in completed("down", "ty") and "typed" in completed("graph", "")
    assert completed("up", "") == [] and completed("exec", "a", "") == []


def test_what_runs_in_a_lab_ends_with_it(machine, tmp_path):
    machine.lab("up", write(tmp_path, PAIR.format(name="busy")))
    # One that does not listen to SIGTERM, with a child.
    running = machine.popen("exec", "busy/a", "sh", "-c", "trap '' TERM; sleep 1000 & echo in; wait",
                            stdout=subprocess.PIPE, text=True)
    assert running.stdout.readline() == "in\n"
    machine.lab("down", "busy")
    assert running.wait(20) == -9
    running.stdout.close()


def test_a_node_sees_its_own_interfaces_only(machine, tmp_path):
    machine.lab("up", write(tmp_path, PAIR.format(name="own")))
    assert machine.lab("exec", "own/a", "ls", "/sys/class/net").stdout.split() == ["eth0", "lo"]
    assert machine.lab("exec", "own/a", "sh", "-c", "exit 7", check=False).returncode == 7
    gone = machine.lab("exec", "own/a", "no-such-program", check=False)
    assert gone.returncode == 127 and "no-such-program" in gone.stderr


def test_links_to_this_machine_only_where_the_file_says(machine, tmp_path):
    file = write(tmp_path, """
name: attached
nodes:
  me: {kind: host, routes: [10.77.0.0/16 via 10.9.0.2]}
  r: {kind: router}
links: [{endpoints: [me:lab0 10.9.0.1/24, r 10.9.0.2/24]}]
check: [r reaches me, me reaches r tcp 5]
""")
    before = machine.state()
    machine.lab("up", file)
    assert "lab0@" in machine.host.run("ip", "link").stdout
    assert "10.77.0.0/16 via 10.9.0.2 dev lab0" in machine.host.run("ip", "route").stdout
    machine.lab("check", file)
    refused = machine.lab("up", write(tmp_path, file.read_text().replace("attached", "second"), "second"), check=False)
    assert "this machine has an interface 'lab0' already" in refused.stderr
    machine.lab("down", "attached")
    assert machine.state() == before


def test_up_again_changes_nothing_and_a_changed_file_is_told(machine, tmp_path):
    file = write(tmp_path, PAIR.format(name="twice"))
    assert machine.lab("up", file).stdout == "lab 'twice' is up\n"
    assert machine.lab("up", file).stdout == "lab 'twice' is up already\n"
    file.write_text(file.read_text() + "    mtu: 1400\n")
    changed = machine.lab("up", file, check=False)
    assert changed.returncode == 1 and "take it down first: estiba lab down twice" in changed.stderr
    # Whose namespace somebody took is made anew.
    file.write_text(PAIR.format(name="twice"))
    subprocess.run(["ip", "netns", "del", "twice-a"], check=True)
    assert "gone" in machine.lab("ps", "twice").stdout
    assert machine.lab("up", file).stdout == "lab 'twice' is up\n"
    assert machine.lab("down", "twice").stdout == "lab 'twice' is down\n"
    assert machine.lab("down", "twice").stdout == "lab 'twice' is not up\n"


def test_a_command_that_fails_takes_everything_back(machine, tmp_path):
    before = machine.state()
    file = write(tmp_path, PAIR.format(name="failing").replace("a: {}", 'a: {exec: [echo begun, "exit 3"]}'))
    done = machine.lab("up", file, check=False)
    assert done.stdout == "begun\n" and f"{file}:3: node 'a': 'exit 3' ended with 3" in done.stderr
    assert machine.state() == before


def test_a_namespace_of_somebody_else_is_left_alone(machine, tmp_path):
    subprocess.run(["ip", "netns", "add", "taken-b"], check=True)
    try:
        done = machine.lab("up", write(tmp_path, PAIR.format(name="taken")), check=False)
        assert done.returncode == 1 and "there is a network namespace 'taken-b' already" in done.stderr
        assert namespaces("taken") == ["taken-b"]
        machine.lab("down", "taken")
        assert namespaces("taken") == ["taken-b"]
    finally:
        subprocess.run(["ip", "netns", "del", "taken-b"], check=True)


def test_two_hands_on_one_lab(machine, tmp_path):
    file = write(tmp_path, PAIR.format(name="handed").replace("a: {}", "a: {exec: [echo begun; sleep 1000]}"))
    first = machine.popen("up", file, stdout=subprocess.PIPE, text=True)
    assert first.stdout.readline() == "begun\n"
    second = machine.lab("down", "handed", check=False)
    assert "is being brought up or down by another process" in second.stderr
    first.kill()
    first.wait()
    first.stdout.close()
    assert "unfinished" in machine.lab("ps", "handed").stdout
    machine.lab("down", "handed")
    assert namespaces("handed") == []


def test_only_root_builds_labs(tmp_path):
    need(os.geteuid() == 0, "root")
    os.chmod(tmp_path, 0o755)
    file = write(tmp_path, PAIR.format(name="rootless"))
    with open(file, encoding="utf-8") as text:
        done = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", BIN / "estiba", "lab", "up",
                               "/dev/stdin"], check=False, capture_output=True, text=True, stdin=text, timeout=60)
    assert done.returncode == 1 and "labs need root" in done.stderr and "sudo" in done.stderr


def test_five_hundred_nodes(machine, tmp_path):
    hosts = range(499)
    nodes = "".join(f"  h{i}: {{}}\n" for i in hosts)
    links = "".join(f"- endpoints: [h{i} 10.0.{i // 200}.{i % 200 + 1}/16, s]\n" for i in hosts)
    checks = "".join(f"- h{i} reaches h{(i * 7 + 1) % 499}\n" for i in hosts)
    file = write(tmp_path, f"name: big\nnodes:\n  s: {{kind: switch}}\n{nodes}links:\n{links}check:\n{checks}")
    machine.lab("up", file)
    assert machine.lab("check", "big").stdout.count("ok ") == 499
    machine.lab("down", "big")
    assert namespaces("big") == []


def test_a_node_with_an_image(engine, tmp_path):
    file = write(tmp_path, """
name: imaged
nodes:
  web: {image: estiba/busybox, command: [sleep, "1000"], exec: ["echo served > /served; httpd -p 80 -h /"]}
  pc: {}
links: [{endpoints: [web:eth0 10.9.0.1/24, pc:eth0 10.9.0.2/24]}]
check: [pc reaches web, pc reaches web tcp 80, web reaches pc]
""")
    try:
        engine.cli("lab", "up", file)
        engine.cli("lab", "check", "imaged")
        assert engine.out("lab", "exec", "imaged/web", "ls", "/sys/class/net").split() == ["eth0", "lo"]
        assert engine.out("lab", "exec", "imaged/pc", "busybox", "wget", "-qO-", "http://10.9.0.1/served") == "served"
        assert engine.out("ps", "--format", "{{.Names}}") == "imaged-web"
        assert "[estiba/busybox]" in engine.out("lab", "graph", "imaged")
    finally:
        engine.cli("lab", "down", "imaged")
    assert engine.out("ps", "-aq") == "" and namespaces("imaged") == []
