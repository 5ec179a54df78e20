"""Networks that are not the container's own: another container's, a named namespace of the host's, none."""

import os
import signal
import subprocess

import pytest

from harness.host import Host
from harness.wait import wait_until

IMAGE = "estiba/busybox"


@pytest.fixture
def place():
    """A named network namespace with an address that tells it from others."""
    one = Host()
    one.run("ip", "addr", "add", "198.51.100.7/32", "dev", "lo")
    yield one
    one.destroy()


def mode(place):
    return f"ns:/run/netns/{place.name}"


def test_a_namespace_by_its_path_is_joined_and_left_as_it_was(engine, place):
    before = place.run("ip", "-d", "addr").stdout
    assert "198.51.100.7" in engine.out("run", "--rm", "--network", mode(place), IMAGE, "ip", "addr")
    engine.cli("run", "-d", "--name", "web", "--network", mode(place), IMAGE,
               "nc", "-ll", "-p", "80", "-e", "echo", "hi")
    fetch = ["socat", "-T3", "-", "TCP:198.51.100.7:80,connect-timeout=3"]
    wait_until(lambda: place.run(*fetch, check=False, stdin=-3).stdout.strip() == "hi", "an answer in the namespace")
    assert engine.inspect("web")["HostConfig"]["NetworkMode"] == mode(place)
    engine.kill()
    engine.start()
    assert engine.inspect("web")["State"]["Running"]
    engine.cli("restart", "-t", "0", "web")
    wait_until(lambda: place.run(*fetch, check=False, stdin=-3).stdout.strip() == "hi", "an answer after the restart")
    engine.cli("rm", "-f", "web")
    assert place.run("ip", "-d", "addr").stdout == before


def test_a_restart_by_the_policy_opens_the_path_again(engine, place):
    engine.cli("run", "-d", "--name", "again", "--restart", "always", "--network", mode(place), IMAGE,
               "sh", "-c", "ip addr show lo; exec sleep 1000")
    wait_until(lambda: "198.51.100.7" in engine.out("logs", "again"), "the first run")
    pid = engine.inspect("again")["State"]["Pid"]
    place.destroy()  # the name goes; the namespace stays as long as the container is in it
    subprocess.run(["ip", "netns", "add", place.name], check=True)
    place.run("ip", "addr", "add", "198.51.100.8/32", "dev", "lo")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: "198.51.100.8" in engine.out("logs", "again"), "the second run, in the new namespace")
    engine.cli("rm", "-f", "again")


def test_what_is_no_network_namespace_is_refused(engine, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, words in [(tmp_path / "pipe", "is no namespace"), ("/proc/self/ns/uts", "is of another type"),
                        (tmp_path / "missing", "there is no namespace")]:
        result = engine.cli("run", "--rm", "--network", f"ns:{path}", IMAGE, "true", check=False)
        assert result.returncode == 125 and words in result.stderr, result.stderr
    result = engine.cli("run", "--rm", "--network", "ns:netns/x", IMAGE, "true", check=False)
    assert result.returncode == 125 and "absolute path" in result.stderr


@pytest.fixture
def main(engine):
    engine.cli("network", "create", "blue")
    engine.cli("run", "-d", "--name", "main", "--hostname", "front", "--network", "blue", IMAGE, "sleep", "1000")
    yield engine
    engine.remove_everything()
    engine.cli("network", "rm", "blue")


def test_a_container_has_the_address_names_and_files_of_the_one_it_joins(main):
    address = main.inspect("main")["NetworkSettings"]["Networks"]["blue"]["IPAddress"]
    main.cli("run", "-d", "--name", "side", "--network", "container:main", IMAGE, "sleep", "1000")
    for name in ["side", "side2"]:
        if name == "side2":  # of one that shares itself
            main.cli("run", "-d", "--name", "side2", "--network", "container:side", IMAGE, "sleep", "1000")
        assert address in main.out("exec", name, "ip", "addr", "show", "eth0")
        assert main.out("exec", name, "hostname") == "front"
        assert main.inspect(name)["Config"]["Hostname"] == "front"
        assert main.inspect(name)["HostsPath"] == main.inspect("main")["HostsPath"]
        for file in ["/etc/hosts", "/etc/resolv.conf", "/etc/hostname"]:
            assert main.out("exec", name, "cat", file) == main.out("exec", "main", "cat", file), file
    main.cli("exec", "main", "sh", "-c", "echo 192.0.2.9 added >>/etc/hosts")
    assert "added" in main.out("exec", "side2", "cat", "/etc/hosts")
    assert main.inspect("side")["NetworkSettings"]["Networks"] in ({}, None)


def test_a_container_that_is_not_running_cannot_be_joined(main):
    main.cli("stop", "-t", "0", "main")
    identity = main.inspect("main")["Id"]
    result = main.cli("run", "--rm", "--network", "container:main", IMAGE, "true", check=False)
    assert result.returncode == 125
    assert f"cannot join network of a non running container: {identity}" in result.stderr


@pytest.mark.parametrize("options,words", [
    (["-p", "80:80"], "conflicting options: port publishing and the container type network mode"),
    (["-P"], "conflicting options: port publishing and the container type network mode"),
    (["--expose", "80"], "conflicting options: port exposing and the container type network mode"),
    (["--hostname", "x"], "conflicting options: hostname and the network mode"),
    (["--dns", "192.0.2.1"], "conflicting options: dns and the network mode"),
    (["--add-host", "x:192.0.2.1"], "conflicting options: custom host-to-IP mapping and the network mode"),
    (["--mac-address", "02:42:00:00:00:01"], "conflicting options: mac-address and the network mode"),
    (["--ip", "172.30.0.9"], "user specified IP address is supported on user defined networks only"),
    (["--network-alias", "x"], "network-scoped alias is supported only for containers in user defined networks"),
], ids=lambda value: value[0].lstrip("-") if isinstance(value, list) else "")
def test_what_a_shared_network_cannot_have_is_refused(main, options, words):
    result = main.cli("run", "--rm", "--network", "container:main", *options, IMAGE, "true", check=False)
    assert result.returncode == 125 and words in result.stderr, result.stderr


def test_settings_of_the_hosts_network_are_not_reached_through_another_container(engine):
    engine.cli("run", "-d", "--name", "host", "--network", "host", IMAGE, "sleep", "1000")
    result = engine.cli("run", "--rm", "--network", "container:host", "--sysctl", "net.ipv4.ip_forward=1",
                        IMAGE, "true", check=False)
    assert result.returncode == 125 and "is not allowed in the host's network namespace" in result.stderr


def test_none_has_a_loopback_and_nothing_else(engine):
    text = engine.out("run", "--rm", "--network", "none", IMAGE, "sh", "-c", "ip -o link; ip route; cat /etc/hosts")
    assert text.count("lo:") == 1 and "eth0" not in text and "default" not in text and "localhost" in text
    result = engine.cli("run", "--rm", "--network", "none", "--mac-address", "02:42:00:00:00:01", IMAGE, "true",
                        check=False)
    assert result.returncode == 125 and "conflicting options: mac-address and the network mode" in result.stderr
