"""The room that images, containers and volumes take, and what prune gives back of it."""

import json

from harness.tar import image_archive

SHARED = [("common", b"c" * 3_000_000, None)]


def load(engine, tmp_path, tag, layers):
    archive = tmp_path / "image.tar"
    image_archive(archive, tag, layers)
    engine.cli("load", "-i", str(archive))


def usage(engine, kind=""):
    status, answer = engine.api("GET", "/v1.44/system/df" + kind)
    assert status == 200, answer
    return answer


def test_layers_and_blobs_count_once(engine, tmp_path):
    load(engine, tmp_path, "one:1", [SHARED, [("a", b"a" * 1_000_000, None)]])
    load(engine, tmp_path, "two:1", [SHARED, [("b", b"b" * 500_000, None)]])
    df = usage(engine)
    assert df["LayersSize"] == 4_500_000
    by_name = {image["RepoTags"][0]: image for image in df["Images"]}
    assert by_name["one:1"]["Size"] == 4_000_000 and by_name["one:1"]["SharedSize"] == 3_000_000
    assert by_name["two:1"]["SharedSize"] == 3_000_000
    # Three layers, two configs and two manifests, each once; no registry has them.
    assert df["Blobs"]["Count"] == 7 and df["Blobs"]["Size"] > 4_500_000 and df["Blobs"]["Reclaimable"] == 0


def test_one_type_alone(engine):
    assert set(usage(engine, "?type=volume")) == {"Volumes"}
    assert set(usage(engine, "?type=image&type=container")) == {"LayersSize", "Images", "Blobs", "Containers"}
    status, answer = engine.api("GET", "/v1.44/system/df?type=pod")
    assert status == 400 and answer["message"] == "unknown object type: pod"


def test_the_table_and_its_long_form(engine, tmp_path):
    load(engine, tmp_path, "one:1", [SHARED])
    script = "head -c 5000 /dev/zero >/data/f; echo x >/y"
    engine.cli("run", "--name", "box", "-v", "data:/data", "estiba/busybox", "sh", "-c", script)
    rows = [json.loads(line) for line in engine.out("system", "df", "--format", "json").splitlines()]
    table = {row["Type"]: row for row in rows}
    assert list(table) == ["Images", "Containers", "Local Volumes", "Build Cache", "Image Blobs"]
    assert table["Images"]["TotalCount"] == "2" and table["Images"]["Active"] == "1"
    assert table["Local Volumes"]["Size"] == "5kB" and table["Local Volumes"]["Reclaimable"] == "0B (0%)"
    assert table["Containers"]["Size"] == "2B" and table["Containers"]["Reclaimable"] == "2B (100%)"
    text = engine.out("system", "df", "-v")
    for head in ("Images space usage:", "Containers space usage:", "Local Volumes space usage:", "Build cache usage:"):
        assert head in text
    one = next(line.split() for line in text.splitlines() if line.startswith("one "))
    assert one[-4:] == ["3MB", "0B", "3MB", "0"]
    assert engine.out("system", "df", "-v", "--format", "{{range .Volumes}}{{.Name}} {{.Links}}{{end}}") == "data 1"


def test_docker_reads_it(engine, tmp_path):
    load(engine, tmp_path, "one:1", [SHARED])
    assert "Images" in engine.docker("system", "df").stdout
    assert "one" in engine.docker("system", "df", "-v").stdout


def test_prune_tells_what_it_freed(engine, tmp_path):
    load(engine, tmp_path, "one:1", [SHARED, [("a", b"a" * 1_000_000, None)]])
    load(engine, tmp_path, "two:1", [SHARED, [("b", b"b" * 500_000, None)]])
    engine.cli("create", "--name", "keeps", "two:1", "x")
    before = usage(engine)
    status, report = engine.api("POST", "/v1.44/images/prune?filters=%7B%22dangling%22%3A%5B%22false%22%5D%7D")
    assert status == 200, report
    after = usage(engine)
    freed = before["LayersSize"] - after["LayersSize"] + before["Blobs"]["Size"] - after["Blobs"]["Size"]
    assert report["SpaceReclaimed"] == freed > 2_000_000  # the shared layer stays
    assert after["LayersSize"] == 3_500_000


def test_until_spares_what_is_younger(engine):
    engine.cli("create", "--name", "young", "estiba/busybox", "x")
    engine.cli("network", "create", "fresh")
    engine.cli("container", "prune", "-f", "--filter", "until=1h")
    engine.cli("network", "prune", "-f", "--filter", "until=1h")
    assert "young" in engine.out("ps", "-a") and "fresh" in engine.out("network", "ls")
    engine.cli("container", "prune", "-f", "--filter", "until=0s")
    engine.cli("network", "prune", "-f", "--filter", "until=0s")
    assert "young" not in engine.out("ps", "-a") and "fresh" not in engine.out("network", "ls")
    refused = engine.cli("container", "prune", "-f", "--filter", "until=yesterday", check=False)
    assert refused.returncode == 1 and "invalid time 'yesterday'" in refused.stderr
    refused = engine.cli("system", "prune", "-f", "--volumes", "--filter", "until=1h", check=False)
    assert refused.returncode == 1 and 'not supported with "--volumes"' in refused.stderr
