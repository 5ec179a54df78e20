"""Bad input: each a clear error with the right code, nothing half-made, the engine still serving."""

import os
import socket
import subprocess
import sys

import pytest

from harness.tar import image_archive


@pytest.fixture
def still_serving(engine):
    yield engine
    assert engine.out("run", "--rm", "--network", "none", "estiba/busybox", "echo", "served") == "served"


def refused(engine, *arguments, code=125):
    result = engine.cli(*arguments, check=False)
    assert result.returncode == code, result.stdout + result.stderr
    assert result.stderr.strip(), "an error without a word"
    return result.stderr


def test_unknown_image(still_serving):
    assert "nosuch" in refused(still_serving, "run", "--rm", "127.0.0.1:1/nosuch:1", "true")


def test_unreachable_registry_is_named(still_serving):
    text = refused(still_serving, "pull", "127.0.0.1:1/thing:latest", code=1)
    assert "127.0.0.1:1" in text and "onnect" in text


def test_missing_command(still_serving):
    text = refused(still_serving, "run", "--rm", "estiba/busybox", "/no/such/program", code=127)
    assert "no such file or directory" in text.lower()
    text = refused(still_serving, "run", "--rm", "estiba/busybox", "nosuchprogram", code=127)
    assert "executable file not found" in text


def test_a_file_that_is_no_program(still_serving):
    text = refused(still_serving, "run", "--rm", "estiba/busybox", "/etc/passwd", code=126)
    assert "permission denied" in text.lower()


@pytest.mark.parametrize("user", ["nobody-here", "0:nogroup-here", "4294967296", "-1", "99999999999999999999"])
def test_bad_user(still_serving, user):
    text = refused(still_serving, "run", "--rm", f"--user={user}", "estiba/busybox", "true")
    assert user.split(":")[-1] in text


def test_name_in_use(still_serving):
    still_serving.cli("create", "--name", "taken", "estiba/busybox")
    text = refused(still_serving, "run", "--name", "taken", "estiba/busybox", "true")
    assert 'The container name "/taken" is already in use' in text


def test_port_in_use(still_serving):
    still_serving.cli("run", "-d", "--name", "first", "-p", "8080:80", "estiba/busybox", "sleep", "1000")
    text = refused(still_serving, "run", "--name", "second", "-p", "8080:80", "estiba/busybox", "true")
    assert "port is already allocated" in text
    assert still_serving.state("first")["Running"]


def test_port_in_use_by_somebody_else(still_serving):
    script = ("import socket, sys; s = socket.socket(); s.bind(('0.0.0.0', 8081)); s.listen(); print(flush=True);"
              "sys.stdin.read()")
    other = subprocess.Popen(still_serving.host.prefix() + [sys.executable, "-c", script], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)
    try:
        other.stdout.readline()
        text = refused(still_serving, "run", "--rm", "-p", "8081:80", "estiba/busybox", "true")
        assert "8081" in text
    finally:
        other.communicate()


def raw(engine, request, timeout=20):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(timeout)
        client.connect(str(engine.socket))
        try:
            client.sendall(request)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before it was all sent: the answer is there to read
        answer = b""
        try:
            while chunk := client.recv(65536):
                answer += chunk
                if b"\r\n\r\n" in answer and b"HTTP/1.1 4" in answer:
                    break
        except (ConnectionResetError, TimeoutError):
            pass
        return answer


def test_malformed_json(still_serving):
    body = b'{"Image": "estiba/busybox", '
    answer = raw(still_serving, b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                 b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    assert answer.startswith(b"HTTP/1.1 400")


def test_no_http_at_all(still_serving):
    assert raw(still_serving, b"\x16\x03\x01\x02\x00garbage\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_a_hundred_megabytes_of_body(still_serving):
    before = resident(still_serving.process.pid)
    size = 100 << 20
    answer = raw(still_serving, b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                 b"Content-Length: %d\r\n\r\n" % size + b" " * (4 << 20))
    assert answer.startswith(b"HTTP/1.1 413"), answer[:200]
    assert resident(still_serving.process.pid) < before + (24 << 10)


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


HOSTILE = {
    "dotdot": [("../../escaped", b"x", None)],
    "absolute": [("/tmp/estiba-escaped", b"x", None)],
    "through-symlink": [("link", None, "/tmp"), ("link/estiba-escaped", b"x", None)],
    "through-dotdot-symlink": [("link", None, "../../../../../../tmp"), ("link/estiba-escaped", b"x", None)],
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_layers_write_nothing_outside(still_serving, tmp_path, kind):
    archive = tmp_path / "hostile.tar"
    image_archive(archive, "hostile:1", [HOSTILE[kind]])
    still_serving.cli("load", "-i", str(archive), check=False)
    assert not os.path.exists("/tmp/estiba-escaped")
    assert not (still_serving.data_root / "snapshots" / "escaped").exists()
    assert not (still_serving.data_root / "escaped").exists()


@pytest.mark.parametrize("link", ["dev", "proc", "etc", "sys", "dev/shm", "etc/hosts", "etc/resolv.conf"])
def test_symlinks_in_the_image_do_not_reach_the_host(still_serving, tmp_path, link):
    """An image whose /dev, /proc or /etc is a link to the host's (CVE-2026-41579 and its kin)."""
    victim = tmp_path / "victim"
    victim.mkdir()
    entries = [(os.path.dirname(link), "dir", None)] if "/" in link else []
    entries += [(link, None, str(victim)), ("bin", "dir", None), ("bin/busybox", busybox(), None)]
    archive = tmp_path / "image.tar"
    image_archive(archive, "links:1", [entries])
    still_serving.cli("load", "-i", str(archive))
    still_serving.cli("run", "--rm", "links:1", "/bin/busybox", "true", check=False)
    assert list(victim.iterdir()) == []


def busybox():
    with open("/bin/busybox", "rb") as file:
        return file.read()


@pytest.mark.parametrize("damage", ["truncated", "not-an-archive", "wrong-digest"])
def test_damaged_archives(still_serving, tmp_path, damage):
    archive = tmp_path / "image.tar"
    image_archive(archive, "damaged:1", [[("file", b"content" * 1000, None)]], wrong_digest=damage == "wrong-digest")
    content = archive.read_bytes()
    if damage == "truncated":
        archive.write_bytes(content[:len(content) // 2])
    elif damage == "not-an-archive":
        archive.write_bytes(b"\x00\x01" * 5000)
    refused(still_serving, "load", "-i", str(archive), code=1)
    assert "damaged" not in still_serving.out("images")
