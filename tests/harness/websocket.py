"""A WebSocket (RFC 6455) to an engine's socket, by the standard library alone."""

import base64
import hashlib
import os
import socket

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Refused(Exception):
    """The handshake was answered with something else than 101: (status, body)."""


class WebSocket:
    def __init__(self, engine, path, timeout=60):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(str(engine.socket))
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET {path} HTTP/1.1\r\nHost: engine\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n").encode())
        self.buffer = b""
        head = self._until(b"\r\n\r\n").decode()
        status, *lines = head.split("\r\n")
        self.fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
        if not status.startswith("HTTP/1.1 101 "):
            body = self._exactly(int(self.fields.get("content-length", 0))).decode()
            self.socket.close()
            raise Refused(int(status.split()[1]), body)
        digest = hashlib.sha1((key + GUID).encode(), usedforsecurity=False).digest()
        assert self.fields["sec-websocket-accept"] == base64.b64encode(digest).decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, payload, opcode=BINARY, last=True):
        """One frame, masked."""
        mask = os.urandom(4)
        size = len(payload)
        head = bytes([opcode | (0x80 if last else 0)])
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 65536:
            head += bytes([0x80 | 126]) + size.to_bytes(2, "big")
        else:
            head += bytes([0x80 | 127]) + size.to_bytes(8, "big")
        self.send_raw(head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload)))

    def send_raw(self, content):
        self.socket.sendall(content)

    def close(self, code=1000):
        self.send(code.to_bytes(2, "big"), CLOSE)

    def receive(self):
        """(opcode, payload) of the next frame; (None, b"") at the connection's end."""
        head = self._exactly(2)
        if not head:
            return None, b""
        assert head[0] & 0x80 and not head[1] & 0x80, "whole messages, not masked"
        size = head[1] & 0x7f
        if size > 125:
            size = int.from_bytes(self._exactly(2 if size == 126 else 8), "big")
        return head[0] & 0x0f, self._exactly(size)

    def until_close(self):
        """All data until a Close frame, and its code."""
        data = b""
        while True:
            opcode, payload = self.receive()
            if opcode in (TEXT, BINARY):
                data += payload
            elif opcode == CLOSE:
                return data, int.from_bytes(payload[:2], "big")
            else:
                assert opcode is not None, f"no Close frame after {data[-100:]}"

    def read(self, wanted):
        """Data until `wanted` is in it."""
        data = b""
        while wanted not in data:
            opcode, payload = self.receive()
            assert opcode in (TEXT, BINARY), (opcode, payload, data[-100:])
            data += payload
        return data

    def _fill(self):
        more = self.socket.recv(65536)
        self.buffer += more
        return bool(more)

    def _until(self, mark):
        while mark not in self.buffer:
            assert self._fill(), self.buffer
        found, _, self.buffer = self.buffer.partition(mark)
        return found

    def _exactly(self, size):
        while len(self.buffer) < size and self._fill():
            pass
        found, self.buffer = self.buffer[:size], self.buffer[size:]
        return found
