"""Traffic between two network namespaces, told by the commands that enter them: how many bits a second one TCP
connection carries, and how long a byte takes there and back. The programs are this file itself, run inside."""

import json
import os
import socket
import subprocess
import sys
import time

PIECE = 1 << 20


def listen(port):
    server = socket.create_server(("0.0.0.0", port), reuse_port=True)
    print("ready", flush=True)
    connection, _ = server.accept()
    return connection


def sink(port):
    """Counts what comes in without copying it (MSG_TRUNC)."""
    connection = listen(port)
    taken, started = 0, time.perf_counter()
    buffer = bytearray(PIECE)
    while True:
        got = connection.recv_into(buffer, PIECE, socket.MSG_TRUNC)
        if got == 0:
            break
        taken += got
    seconds = time.perf_counter() - started
    print(json.dumps(taken * 8 / seconds / 1e9), flush=True)


def echo(port):
    connection = listen(port)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while data := connection.recv(16):
        connection.sendall(data)


def source(address, port, seconds):
    """The file's pages are sent as they are (sendfile)."""
    with socket.create_connection((address, port), timeout=10) as connection, open("/proc/self/exe", "rb") as file:
        length = min(os.fstat(file.fileno()).st_size, 4 * PIECE)
        connection.settimeout(None)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            offset = 0
            while offset < length:
                offset += os.sendfile(connection.fileno(), file.fileno(), offset, length - offset)


def ping(address, port, seconds):
    """Microseconds there and back, the mean over that time."""
    with socket.create_connection((address, port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(100):  # warm
            connection.sendall(b"x")
            connection.recv(1)
        count, started = 0, time.perf_counter()
        while time.perf_counter() - started < seconds:
            connection.sendall(b"x")
            connection.recv(1)
            count += 1
        print(json.dumps((time.perf_counter() - started) / count * 1e6), flush=True)


class Stalled(RuntimeError):
    """Nothing went on any more."""


PATIENCE = 15  # seconds beyond those that were asked for


def start(prefix, *words):
    return subprocess.Popen([*prefix, sys.executable, __file__, *map(str, words)], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, text=True)


def measure(kind, server, client, address, seconds, port, server_port=None):
    """`kind` is "throughput" (Gbit/s) or "latency" (µs). `server` and `client` are prefixes of commands; the client
    asks `address`:`port`, the server listens on `server_port` or the same."""
    listener = start(server, "sink" if kind == "throughput" else "echo", server_port or port)
    asker = None
    try:
        if listener.stdout.readline().strip() != "ready":
            raise RuntimeError("the server does not listen")
        asker = start(client, "source" if kind == "throughput" else "ping", address, port, seconds)
        said = asker.communicate(timeout=seconds + PATIENCE)[0]
        if asker.returncode != 0:
            raise RuntimeError(f"no traffic to {address}:{port}")
        return float(listener.communicate(timeout=PATIENCE)[0] if kind == "throughput" else said)
    except subprocess.TimeoutExpired as error:
        raise Stalled(f"traffic to {address}:{port} stopped") from error
    finally:
        for one in filter(None, (listener, asker)):
            one.kill()
            one.wait()


if __name__ == "__main__":
    if sys.argv[1] in ("sink", "echo"):
        globals()[sys.argv[1]](int(sys.argv[2]))
    else:
        globals()[sys.argv[1]](sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
