"""What the API's versions 1.48 to 1.52 brought, and what clients of older ones see of it. Fields by version in full:
src/api/docker/tests/versions_test.cc."""

import json
import os
import subprocess
import urllib.parse

import pytest
from harness.layout import MACHINE, Layout
from harness.tar import layer
from harness.wait import wait_until

BOX = "estiba/busybox"
NONE = ["--network", "none"]
OTHER = {"amd64": "arm64", "arm64": "amd64"}[MACHINE]


def platform(architecture):
    return urllib.parse.quote(json.dumps({"os": "linux", "architecture": architecture}))


def get(engine, path, expected=200):
    status, answer = engine.api("GET", path)
    assert status == expected, answer
    return answer


@pytest.fixture
def many(engine, tmp_path):
    """An image of two platforms and an attestation, all here."""
    layout = Layout(tmp_path / "many")
    layout.mine = layout.image([layer([("mine", b"1" * 1000, None)])])
    layout.other = layout.image([layer([("other", b"2", None)])], architecture=OTHER)
    layout.proof = layout.attestation(layout.mine)
    layout.finish({"many:1": layout.index([layout.mine, layout.other, layout.proof])})
    engine.cli("load", "-q", "-i", layout.folder)
    return layout


def test_manifests_of_an_index(engine, many):
    image = get(engine, "/v1.48/images/many:1/json?manifests=1")
    mine, other, proof = image["Manifests"]
    assert image["Descriptor"]["digest"] == mine["ID"] == many.mine["digest"]
    assert mine["Kind"] == "image" and mine["Available"] and mine["ImageData"]["Platform"]["architecture"] == MACHINE
    assert mine["ImageData"]["Size"]["Unpacked"] == image["Size"] >= 1000
    assert mine["Size"]["Total"] == mine["Size"]["Content"] + mine["ImageData"]["Size"]["Unpacked"]
    assert other["Kind"] == "image" and other["Available"] and other["ImageData"]["Platform"]["architecture"] == OTHER
    assert other["ImageData"]["Size"]["Unpacked"] == 0 and other["ImageData"]["Containers"] == []
    assert proof["Kind"] == "attestation" and proof["AttestationData"] == {"For": many.mine["digest"]}
    assert "Manifests" not in get(engine, "/v1.48/images/many:1/json")
    listed, = [one for one in get(engine, "/v1.47/images/json?manifests=1") if one["RepoTags"] == ["many:1"]]
    assert [one["ID"] for one in listed["Manifests"]] == [mine["ID"], other["ID"], proof["ID"]]
    assert "Descriptor" not in listed and listed["Containers"] == -1
    status, container = engine.api("POST", "/v1.52/containers/create?name=box", {"Image": "many:1", "Cmd": ["x"]})
    assert status == 201
    mine = get(engine, "/images/many:1/json?manifests=1")["Manifests"][0]
    assert mine["ImageData"]["Containers"] == [container["Id"]]
    assert get(engine, "/containers/box/json")["ImageManifestDescriptor"]["digest"] == many.mine["digest"]
    listed, = [one for one in get(engine, "/images/json") if one["RepoTags"] == ["many:1"]]
    assert listed["Containers"] == 1 and listed["SharedSize"] == -1
    assert get(engine, "/images/json?shared-size=1")[0]["SharedSize"] == 0


def test_the_image_of_a_platform(engine, many):
    assert get(engine, f"/v1.48/images/many:1/json?platform={platform(OTHER)}")["Architecture"] == MACHINE  # not read
    other = get(engine, f"/v1.49/images/many:1/json?platform={platform(OTHER)}")
    assert other["Architecture"] == OTHER and other["RepoTags"] == ["many:1"]
    assert other["Descriptor"]["digest"] == many.other["digest"]
    history, = get(engine, f"/v1.48/images/many:1/history?platform={platform(OTHER)}")
    assert history["Id"] == other["Id"]
    missing = get(engine, f"/images/many:1/json?platform={platform('s390x')}", 404)
    assert "linux/s390x" in missing["message"]
    status, answer = engine.api("DELETE", f"/images/many:1?platforms={platform(MACHINE)}")
    assert status == 501 and "kept together" in answer["message"]
    engine.cli("run", "--rm", *NONE, BOX, "true")
    status, answer = engine.api("DELETE", f"/images/{BOX}?platforms={platform('s390x')}")
    assert status == 404, answer
    status, answer = engine.api("DELETE", f"/images/{BOX}?platforms={platform(MACHINE)}")
    assert status == 200 and "Deleted" in answer[-1]


def test_addresses_that_a_network_has_left(engine):
    engine.cli("network", "create", "--subnet", "10.77.0.0/24", "--ip-range", "10.77.0.128/25",
               "--aux-address", "printer=10.77.0.5", "back")
    engine.cli("run", "-d", "--name", "web", "--network", "back", BOX, "sleep", "1000")
    # Network, broadcast, gateway, printer and web; the range has the broadcast address and web.
    assert get(engine, "/v1.52/networks/back")["Status"] == {
        "IPAM": {"Subnets": {"10.77.0.0/24": {"IPsInUse": 5, "DynamicIPsAvailable": 126}}}}
    assert "Status" not in get(engine, "/v1.51/networks/back")
    assert all("Status" not in one for one in get(engine, "/v1.52/networks"))


def test_the_first_address_is_shown_to_older_clients(engine):
    engine.cli("run", "-d", "--name", "web", "--mac-address", "02:00:00:00:00:07", BOX, "sleep", "1000")
    old = get(engine, "/v1.51/containers/web/json")
    new = get(engine, "/v1.52/containers/web/json")
    bridge = new["NetworkSettings"]["Networks"]["bridge"]
    assert old["NetworkSettings"]["IPAddress"] == bridge["IPAddress"] != ""
    assert old["Config"]["MacAddress"] == bridge["MacAddress"] == "02:00:00:00:00:07"
    assert "IPAddress" not in new["NetworkSettings"] and "MacAddress" not in new["Config"]


def test_a_hardware_address_of_the_container_itself(engine):
    body = {"Image": BOX, "Cmd": ["x"], "MacAddress": "02:00:00:00:00:09"}
    status, answer = engine.api("POST", "/v1.43/containers/create", body)
    assert status == 201 and answer["Warnings"] == []
    status, answer = engine.api("POST", "/v1.51/containers/create", body)
    assert status == 201 and "MacAddress field is now deprecated" in answer["Warnings"][0]
    status, answer = engine.api("POST", "/v1.52/containers/create", body)
    assert status == 400 and "no longer supported" in answer["message"]


def test_mounts_below_a_read_only_bind(engine, tmp_path):
    """Writable for clients before 1.44, as they always were."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    (tmp_path / "below").mkdir()
    place = engine.among_its_mounts()
    subprocess.run([*place, "mount", "-t", "tmpfs", "-o", "mode=1777", "none", tmp_path / "below"], check=True)
    try:
        for version, code in (("v1.43", 0), ("v1.44", 1)):
            status, made = engine.api("POST", f"/{version}/containers/create", {
                "Image": BOX, "Cmd": ["touch", "/d/below/x"],
                "HostConfig": {"NetworkMode": "none", "Binds": [f"{tmp_path}:/d:ro"]}})
            assert status == 201, made
            engine.cli("start", "-a", made["Id"], check=False)
            assert engine.state(made["Id"])["ExitCode"] == code
            engine.cli("rm", made["Id"])
    finally:
        subprocess.run([*place, "umount", tmp_path / "below"], check=True)


def test_health_in_a_list(engine):
    engine.cli("run", "-d", "--name", "web", *NONE, "--health-cmd", "false", "--health-interval", "100ms",
               "--health-retries", "1", BOX, "sleep", "1000")
    engine.cli("run", "-d", "--name", "other", *NONE, BOX, "sleep", "1000")

    def health(name, version="v1.52"):
        listed = {one["Names"][0]: one for one in get(engine, f"/{version}/containers/json")}
        return listed["/" + name].get("Health")
    wait_until(lambda: health("web")["Status"] == "unhealthy", "it is found unhealthy")
    assert health("web")["FailingStreak"] >= 1
    assert health("other") == {"Status": "none", "FailingStreak": 0}
    assert health("web", "v1.51") is None


def test_events_of_a_type_that_is_asked_for(engine):
    engine.cli("create", "--name", "web", *NONE, BOX, "x")

    def events(version, accept):
        command = ["curl", "-sSNi", "--max-time", "20", "--unix-socket", str(engine.socket), "-H", f"Accept: {accept}",
                   f"http://localhost/{version}/events?since=1&until=2000000000&filters=" +
                   urllib.parse.quote('{"event":["create"],"type":["container"]}')]
        # Until is to come: the events there are come at once.
        with subprocess.Popen(command, stdout=subprocess.PIPE) as client:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                byte = client.stdout.read(1)
                assert byte, head
                head += byte
            line = client.stdout.readline()
            client.kill()
        kind = next(field for field in head.decode().split("\r\n") if field.lower().startswith("content-type"))
        return kind.split(": ")[1], line
    kind, line = events("v1.52", "*/*")
    assert kind == "application/jsonl" and json.loads(line)["Action"] == "create"
    kind, line = events("v1.51", "*/*")
    assert kind == "application/json" and json.loads(line)["status"] == "create"
    kind, line = events("v1.52", "application/json-seq")
    assert kind == "application/json-seq" and line[:1] == b"\x1e" and json.loads(line[1:])["Action"] == "create"


def test_info_names_the_firewall(engine):
    assert get(engine, "/v1.49/info")["FirewallBackend"] == {"Driver": "nftables"}
    assert "FirewallBackend" not in get(engine, "/v1.48/info")
