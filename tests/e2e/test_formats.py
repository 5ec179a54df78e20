"""Images of containers and archives: commit, diff, export, import, by our command line and by docker's."""

import bz2
import gzip
import io
import lzma
import os
import subprocess
import tarfile

import pytest

from harness.wait import wait_until

NONE = ("--network", "none")
CHANGES = ("touch /new; rm /etc/passwd; echo x >> /etc/group; rm -r /var; mkdir /var; touch /var/z; mkdir -p /d/e; "
           "chmod 711 /root; ln /new /hard; ln -s /x /sym; mkfifo /d/f; : > /d/set; chown 33:44 /d/set; "
           "chmod 4755 /d/set")
LISTED = ["A /d", "A /d/e", "A /d/f", "A /d/set", "C /etc", "C /etc/group", "D /etc/passwd", "A /hard", "A /new",
          "C /root", "A /sym", "C /var", "D /var/log", "D /var/spool", "D /var/tmp", "D /var/www", "A /var/z"]


def stored(engine):
    root = engine.data_root
    folders = ("content/sha256", "content/ingest", "snapshots/layers", "snapshots/tmp")
    return {folder: set(os.listdir(root / folder)) for folder in folders}


def unfinished(engine):
    found = stored(engine)
    return found["content/ingest"] | found["snapshots/tmp"]


def changed(engine, name="c"):
    engine.cli("run", "--name", name, *NONE, "estiba/busybox", "sh", "-c", CHANGES)
    return name


def names_in(path):
    with tarfile.open(path) as tar:
        return {entry.name: entry for entry in tar}


# ---- diff

def test_diff_lists_what_changed(engine):
    engine.cli("run", "--name", "same", *NONE, "estiba/busybox", "true")
    assert engine.out("diff", "same") == ""
    changed(engine)
    assert engine.out("diff", "c").splitlines() == LISTED
    assert engine.docker("diff", "c").stdout.splitlines() == LISTED
    kinds = {change["Path"]: change["Kind"] for change in engine.api("GET", "/containers/c/changes")[1]}
    assert (kinds["/new"], kinds["/etc"], kinds["/etc/passwd"]) == (1, 0, 2)
    failed = engine.cli("diff", "nobody", check=False)
    assert failed.returncode == 1 and "No such container: nobody" in failed.stderr


def test_diff_of_a_running_container(engine):
    engine.cli("run", "-d", "--name", "c", *NONE, "estiba/busybox", "sh", "-c", "touch /a; sleep 1000")
    wait_until(lambda: engine.out("diff", "c") == "A /a", "the file is there")


# ---- commit

def test_a_commit_runs_as_the_container_was(engine):
    engine.cli("pull", "estiba/busybox")
    changed(engine)
    shown = engine.out("commit", "-a", "me <me@x>", "-m", "why", "-c", "CMD cat /etc/group", "-c", "ENV A=b",
                       "-c", "LABEL l=1", "-c", "EXPOSE 80", "-c", 'ENTRYPOINT ["env"]', "-c", 'CMD ["ls", "/"]', "c",
                       "me/new:1")
    image = engine.inspect("me/new:1")
    assert image["Id"] == shown and shown.startswith("sha256:")
    assert image["Author"] == "me <me@x>" and image["Comment"] == "why"
    config = image["Config"]
    assert config["Entrypoint"] == ["env"] and config["Cmd"] == ["ls", "/"] and "A=b" in config["Env"]
    assert config["Labels"]["l"] == "1" and config["ExposedPorts"] == {"80/tcp": {}}
    history = engine.out("history", "--no-trunc", "--format", "{{.CreatedBy}}|{{.Comment}}", "me/new:1").splitlines()
    assert history[0] == f"sh -c {CHANGES}|why"
    assert engine.out("run", "--rm", *NONE, "me/new:1").split() == [
        "bin", "d", "dev", "etc", "hard", "home", "lib", "mnt", "new", "proc", "root", "run", "sbin", "sym", "sys",
        "tmp", "usr", "var"]
    looks = engine.cli("run", "--rm", *NONE, "--entrypoint", "sh", "me/new:1", "-c",
                       "ls /var; stat -c '%a %u %g %F' /d/set /d/f /root; [ /new -ef /hard ] && echo linked; "
                       "ls /etc/passwd", check=False)
    assert looks.stdout.splitlines() == ["z", "4755 33 44 regular empty file", "644 0 0 fifo", "711 0 0 directory",
                                         "linked"]
    assert "No such file" in looks.stderr
    # What a removed container leaves is deleted a moment after.
    wait_until(lambda: unfinished(engine) == set(), "nothing half-made is left")


def test_a_commit_of_a_commit_and_of_nothing(engine):
    engine.cli("run", "--name", "a", *NONE, "estiba/busybox", "touch", "/a")
    engine.cli("commit", "a", "one")
    engine.cli("run", "--name", "b", *NONE, "one", "rm", "/a")
    engine.cli("commit", "b", "two")
    engine.cli("run", "--name", "c", *NONE, "two", "true")
    untagged = engine.out("commit", "c")
    assert engine.cli("run", "--rm", *NONE, untagged, "ls", "/a", check=False).returncode == 1
    assert len(engine.inspect(untagged)["RootFS"]["Layers"]) == 4
    engine.cli("rm", "a", "b", "c")
    engine.cli("rmi", untagged, "one")
    assert engine.cli("run", "--rm", *NONE, "two", "ls", "/a", check=False).returncode == 1


def test_a_running_container_is_paused_meanwhile(engine):
    engine.cli("run", "-d", "--name", "c", *NONE, "estiba/busybox", "sleep", "1000")
    with engine.popen("events", "--format", "{{.Action}}") as events:
        wait_until(lambda: engine.api("GET", "/info")[1]["NEventsListener"] == 1, "the events are watched")
        engine.cli("commit", "c", "x:1")
        engine.cli("commit", "--pause=false", "c", "x:2")
        seen = [events.stdout.readline().strip() for _ in range(6)]
        events.terminate()
    assert seen == ["pause", "unpause", "commit", "tag", "commit", "tag"]
    assert engine.state("c")["Status"] == "running"
    engine.cli("pause", "c")
    engine.cli("commit", "c", "x:3")
    assert engine.state("c")["Status"] == "paused"
    engine.cli("unpause", "c")


def test_docker_commits_exports_and_imports(engine, tmp_path):
    changed(engine)
    shown = engine.docker("commit", "-m", "by docker", "c", "d:1").stdout.strip()
    assert engine.inspect("d:1")["Id"] == shown
    engine.docker("export", "-o", tmp_path / "x.tar", "c")
    imported = engine.docker("import", "-m", "back", "-c", "CMD sh", tmp_path / "x.tar", "d:2").stdout.strip()
    assert engine.inspect("d:2")["Id"] == imported
    assert engine.docker("run", "--rm", *NONE, "d:2", "ls", "/var").stdout.strip() == "z"


@pytest.mark.parametrize("words, says", [
    (["nobody", "x"], "No such container: nobody"), (["c", "X:1"], "must be lowercase"),
    (["-c", "RUN x", "c"], "RUN is not a valid change command"), (["-c", "EXPOSE x", "c"], "Invalid containerPort: x")])
def test_a_commit_that_cannot_be_is_told(engine, words, says):
    engine.cli("create", "--name", "c", *NONE, "estiba/busybox")
    failed = engine.cli("commit", *words, check=False)
    assert failed.returncode == 1 and says in failed.stderr
    # What a removed container leaves is deleted a moment after.
    wait_until(lambda: unfinished(engine) == set(), "nothing half-made is left")


def test_what_a_layer_cannot_hold_is_named(engine):
    engine.cli("run", "--name", "c", *NONE, "estiba/busybox", "touch", "/tmp/.wh.x")
    before = stored(engine)
    failed = engine.cli("commit", "c", check=False)
    assert failed.returncode == 1 and "'tmp/.wh.x' cannot be in an image" in failed.stderr
    assert stored(engine) == before


# ---- export and import

def test_an_export_is_the_tree_without_its_mounts(engine, tmp_path):
    changed(engine)
    engine.cli("run", "-d", "--name", "up", *NONE, "-v", "vol:/data", "estiba/busybox", "sh", "-c",
               "echo x > /data/in; touch /out; sleep 1000")
    wait_until(lambda: "/out" in engine.out("diff", "up"), "it has written")
    engine.cli("export", "-o", tmp_path / "x.tar", "up")
    found = names_in(tmp_path / "x.tar")
    assert {"data", "out", "proc", "bin/busybox"} <= set(found)
    assert not [name for name in found if name.startswith(("data/", "proc/", "sys/", "dev/"))]
    engine.cli("export", "-o", tmp_path / "y.tar", "c")
    found = names_in(tmp_path / "y.tar")
    assert "etc/passwd" not in found and "var/log" not in found and found["d/set"].mode == 0o4755
    assert found["new"].islnk() or found["hard"].islnk()
    status = engine.cli("export", "-o", tmp_path / "z.tar", "nobody", check=False)
    assert status.returncode == 1 and not (tmp_path / "z.tar").exists()


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress, "zstd"])
def test_archives_are_imported_in_every_compression(engine, tmp_path, pack):
    engine.cli("create", "--name", "c", *NONE, "estiba/busybox")
    engine.cli("export", "-o", tmp_path / "x.tar", "c")
    content = (tmp_path / "x.tar").read_bytes()
    packed = subprocess.run(["zstd", "-q"], input=content, capture_output=True, check=True).stdout if pack == "zstd" \
        else pack(content)
    (tmp_path / "packed").write_bytes(packed)
    shown = engine.out("import", "-c", "ENV A=1", tmp_path / "packed", "imported:1")
    image = engine.inspect("imported:1")
    assert image["Id"] == shown and image["Config"]["Env"] == ["A=1"] and image["Comment"] == "Imported from -"
    assert engine.out("run", "--rm", *NONE, "imported:1", "sh", "-c", "echo $A") == "1"


def test_an_import_from_a_url_and_from_stdin(engine, tmp_path):
    engine.cli("create", "--name", "c", *NONE, "estiba/busybox")
    engine.cli("export", "-o", tmp_path / "x.tar", "c")
    server = subprocess.Popen([*engine.host.prefix(), "python3", "-u", "-m", "http.server", "-b", "127.0.0.1", "-d",
                               str(tmp_path), "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    port = int(server.stdout.readline().split(" port ")[1].split()[0])
    try:
        text = engine.out("import", f"http://127.0.0.1:{port}/x.tar", "url:1")
        assert f"Downloading from http://127.0.0.1:{port}/x.tar" in text
        failed = engine.cli("import", f"http://127.0.0.1:{port}/nothing", check=False)
        assert failed.returncode == 1 and "404" in failed.stderr
    finally:
        server.terminate()
        server.wait()
    with open(tmp_path / "x.tar", "rb") as archive:
        engine.cli("import", "--platform", "linux/arm64", "-", "arm:1", stdin=archive)
    assert engine.inspect("arm:1")["Architecture"] == "arm64"
    assert engine.inspect("url:1")["RootFS"] == engine.inspect("arm:1")["RootFS"]


@pytest.mark.parametrize("content, says", [(b"no archive\n" * 2000, "not a tar archive|Unrecognized archive"),
                                           (b"cut", "cut short|truncated|gzip"), (b"outside", "leads out")])
def test_what_is_no_root_file_system_is_refused(engine, tmp_path, content, says):
    engine.cli("pull", "estiba/busybox")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("../x" if content == b"outside" else "x")
        info.size = 100_000
        tar.addfile(info, io.BytesIO(os.urandom(100_000)))
    if content == b"outside":
        content = out.getvalue()
    if content == b"cut":
        content = gzip.compress(out.getvalue())[:-5000]
    (tmp_path / "x").write_bytes(content)
    before = stored(engine)
    failed = engine.cli("import", tmp_path / "x", "x:1", check=False)
    assert failed.returncode == 1
    assert any(piece in failed.stderr for piece in says.split("|")), failed.stderr
    wait_until(lambda: stored(engine) == before, "nothing half-made stays")


# ---- what a kill leaves

@pytest.mark.parametrize("victim", ["engine", "transfer"])
def test_a_commit_that_is_killed_leaves_nothing_and_the_container_goes_on(engine, victim):
    engine.cli("run", "-d", "--name", "c", *NONE, "estiba/busybox", "sh", "-c",
               "dd if=/dev/urandom of=/big bs=1M count=150 2>/dev/null; touch /done; sleep 1000")
    wait_until(lambda: "/done" in engine.out("diff", "c"), "it has written")
    before = stored(engine)
    commit = engine.popen("commit", "c", "x:1")
    wait_until(lambda: engine.state("c")["Status"] == "paused" and unfinished(engine), "it is under way")
    if victim == "engine":
        engine.kill()
        engine.start()
    else:
        for pid in engine.processes():
            if "estiba-transfer" in open(f"/proc/{pid}/cmdline", encoding="utf-8").read():
                os.kill(pid, 9)
    assert commit.wait(60) != 0
    wait_until(lambda: engine.state("c")["Status"] == "running", "the container goes on")
    wait_until(lambda: stored(engine) == before, "nothing half-made stays")
    assert engine.out("images", "-q", "x") == ""
    engine.cli("commit", "c", "x:1")
    assert engine.out("run", "--rm", *NONE, "x:1", "stat", "-c", "%s", "/big") == str(150 << 20)
    engine.kill()
    engine.start()
    assert engine.out("run", "--rm", *NONE, "x:1", "ls", "/done") == "/done"


# ---- without root

def test_an_ordinary_user_commits_exports_and_imports(rootless):
    script = ("touch /new; rm /etc/passwd; rm -r /var; mkdir /var; touch /var/z; : > /d; chown 33:44 /d; chmod 4755 /d")
    rootless.cli("run", "--name", "c", *NONE, "estiba/busybox", "sh", "-c", script)
    assert rootless.out("diff", "c").splitlines() == [
        "A /d", "C /etc", "D /etc/passwd", "A /new", "C /var", "D /var/log", "D /var/spool", "D /var/tmp", "D /var/www",
        "A /var/z"]
    rootless.cli("commit", "c", "mine:1")
    look = "ls /var; stat -c '%a %u %g' /d; ls /etc/passwd || true"
    assert rootless.out("run", "--rm", *NONE, "mine:1", "sh", "-c", look).splitlines() == ["z", "4755 33 44"]
    archive = str(rootless.folder / "x.tar")
    rootless.cli("export", "-o", archive, "c")
    rootless.cli("import", archive, "mine:2")
    assert rootless.out("run", "--rm", *NONE, "mine:2", "sh", "-c", look).splitlines() == ["z", "4755 33 44"]
