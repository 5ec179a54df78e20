"""A container that exchanges names for links while its files are copied: nothing beside it is read or written.
CVE-2018-15664 (docker cp), CVE-2019-14271, CVE-2019-11253 (kubectl cp)."""

import io
import os
import subprocess
import tarfile

import pytest

from harness.wait import wait_until

IMAGE = "estiba/busybox"
TURNS = 40
SECRET = "the host's own"

# In the container "/v/x" is by turns a folder with files and a link to where the host's folder would be.
SWAP = """
mkdir -p /v/real; echo mine > /v/real/file; ln -s {outside} /v/link; ln -s /../../../../../../..{outside} /v/up
: > /v/ready
while true; do
  mv -T /v/real /v/x; mv -T /v/x /v/real; mv -T /v/link /v/x; mv -T /v/x /v/link; mv -T /v/up /v/x; mv -T /v/x /v/up
done
"""


@pytest.fixture
def attacked(engine, tmp_path):
    """The host's folder that must stay as it is."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text(SECRET)
    (outside / "only-here").write_text(SECRET)
    os.chmod(tmp_path, 0o755)
    engine.cli("run", "-d", "--name", "box", "--network", "none", "-v", "data:/v", IMAGE, "sh", "-c",
               SWAP.format(outside=outside))
    wait_until(lambda: (engine.data_root / "volumes/data/_data/ready").exists(), "the attacker")
    return outside


def untouched(outside):
    assert sorted(os.listdir(outside)) == ["file", "only-here"]
    assert {(outside / name).read_text() for name in os.listdir(outside)} == {SECRET}


def test_what_is_taken_is_never_the_hosts(engine, attacked, tmp_path):
    got = 0
    for turn in range(TURNS):
        for path in ("/v/x/.", "/v/x", "/v/x/file", "/v"):
            into = tmp_path / f"into{turn}"
            into.mkdir(exist_ok=True)
            result = subprocess.run(engine.command("cp", f"box:{path}", "-"), env=engine.environment(),
                                    capture_output=True, timeout=120)
            assert SECRET.encode() not in result.stdout and b"only-here" not in result.stdout
            engine.cli("cp", f"box:{path}", into, check=False)
            got += result.returncode == 0
    assert got > 0
    for into in tmp_path.glob("into*"):
        for folder, _, files in os.walk(into):
            for name in files:
                if not os.path.islink(f"{folder}/{name}"):
                    assert SECRET not in open(f"{folder}/{name}").read()
    untouched(attacked)


def test_what_is_put_never_lands_on_the_host(engine, attacked, tmp_path):
    (tmp_path / "tree/x/sub").mkdir(parents=True)
    (tmp_path / "tree/x/file").write_text("evil")
    (tmp_path / "tree/x/sub/new").write_text("evil")
    done = 0
    for _ in range(TURNS):
        for source, to in (("tree/x/file", "/v/x/file"), ("tree/x/.", "/v/x"), ("tree/x", "/v"), ("tree/.", "/v")):
            done += engine.cli("cp", tmp_path / source, f"box:{to}", check=False).returncode == 0
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w") as tar:
            info = tarfile.TarInfo("v/x/through")
            info.size = 4
            tar.addfile(info, io.BytesIO(b"evil"))
        result = subprocess.run(engine.command("cp", "-", "box:/"), env=engine.environment(), input=file.getvalue(),
                                capture_output=True, timeout=120)
        done += result.returncode == 0
        untouched(attacked)
    assert done > 0


def test_an_archive_of_the_containers_making_stays_where_it_is_unpacked(engine, tmp_path):
    """The link comes with one copy, and what would go through it with the next."""
    outside = tmp_path / "outside"
    outside.mkdir()
    engine.cli("run", "-d", "--name", "box", "--network", "none", "-v", "data:/v", IMAGE, "sleep", "1000")
    data = engine.data_root / "volumes/data/_data"
    (data / "d").mkdir()
    (data / "d/way").symlink_to(outside)
    engine.cli("cp", "box:/v/d", tmp_path / "got")
    assert os.readlink(tmp_path / "got/way") == str(outside)
    (data / "d/way").unlink()
    (data / "d/way").mkdir()
    (data / "d/way/evil").write_text("evil")
    result = engine.cli("cp", "box:/v/d/.", tmp_path / "got", check=False)
    assert result.returncode == 1 and "cannot overwrite non-directory" in result.stderr
    assert os.listdir(outside) == []


def test_nothing_of_the_containers_is_loaded(engine, tmp_path):
    """CVE-2019-14271: names are looked up by nobody's libraries; a passwd that is a pipe or a device is none."""
    engine.cli("run", "-d", "--name", "box", "--network", "none", "-u", "someone", "-v", "data:/v", "--entrypoint", "",
               IMAGE, "sleep", "1000", check=False)
    engine.cli("rm", "-f", "box")
    engine.cli("run", "-d", "--name", "box", "--network", "none", IMAGE, "sh", "-c",
               "rm -f /etc/passwd; mkfifo /etc/passwd; : > /ready; sleep 1000")
    wait_until(lambda: engine.cli("exec", "box", "test", "-e", "/ready", check=False).returncode == 0, "the pipe")
    (tmp_path / "file").write_text("x")
    engine.cli("cp", "-a", tmp_path / "file", "box:/tmp", timeout=60)
    assert engine.out("exec", "box", "cat", "/tmp/file") == "x"
