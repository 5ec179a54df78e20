"""Docker's API as a client of the standard library alone speaks it: a connection that is kept, and hijacked ones."""

import http.client
import json
import socket
import struct


class Refused(Exception):
    """Answered, with an error: `status` and the engine's message."""

    def __init__(self, status, asked, message):
        super().__init__(f"{asked}: {status} {message}")
        self.status = status


class Connection(http.client.HTTPConnection):
    """To an engine's socket; it is opened when it is needed, and again when it was dropped."""

    def __init__(self, path, timeout=120):
        super().__init__("engine", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)

    def text(self, method, path, body=None):
        """The whole answer's body. Refused: the engine's no; other exceptions: nobody knows whether it was done."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            self.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = self.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        if answer.status >= 400:
            raise Refused(answer.status, f"{method} {path}", text.decode(errors="replace").strip())
        return text

    def ask(self, method, path, body=None):
        text = self.text(method, path, body)
        return json.loads(text) if text else None


def hijack(path, target, body=None, timeout=60):
    """The socket of a connection that was upgraded, and what came behind its head."""
    text = json.dumps(body) if body is not None else ""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(timeout)
    try:
        connection.connect(str(path))
        connection.sendall((f"POST {target} HTTP/1.1\r\nHost: engine\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
                            f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n{text}").encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            chunk = connection.recv(65536)
            if not chunk:
                raise ConnectionResetError(f"{target}: the connection ended amid the answer's head")
            answer += chunk
        head, _, rest = answer.partition(b"\r\n\r\n")
        status = int(head.split(b" ")[1])
        if status != 101:
            raise Refused(status, f"POST {target}", rest.decode(errors="replace"))
    except BaseException:
        connection.close()
        raise
    return connection, rest


class Session:
    """An attached container or exec without a terminal: bytes go in, frames come out."""

    def __init__(self, path, target, body=None, timeout=60):
        self.socket, self.buffer = hijack(path, target, body, timeout)

    def send(self, data):
        self.socket.sendall(data)

    def shut(self):
        self.socket.shutdown(socket.SHUT_WR)

    def _exactly(self, count):
        while len(self.buffer) < count:
            chunk = self.socket.recv(65536)
            if not chunk:
                return None
            self.buffer += chunk
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def frame(self):
        """(stream, bytes) of the next frame; None at the end."""
        head = self._exactly(8)
        if head is None:
            return None
        stream, length = struct.unpack(">BxxxI", head)
        return stream, self._exactly(length)

    def rest(self):
        """What else comes until the end, both streams as one."""
        found = b""
        while (frame := self.frame()) is not None:
            found += frame[1]
        return found

    def says(self, line):
        """Sends a line to `cat`; what comes back."""
        self.send(line + b"\n")
        found = b""
        while not found.endswith(b"\n"):
            frame = self.frame()
            if frame is None:
                return found
            found += frame[1]
        return found[:-1]

    def close(self):
        self.socket.close()
