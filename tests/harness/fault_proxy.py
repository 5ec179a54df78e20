"""A scripted fault proxy in front of a registry: what networks and registries do to clients, on demand.

    proxy = FaultProxy(registry.port)
    proxy.add(path=r"/blobs/", cut=1000, times=1)

The first rule that matches a request and has uses left applies. Faults: status (with retry_after), delay seconds before
the answer, cut the body at a byte, reset the connection at a byte, truncate the answer to so many bytes and say so
in Content-Length, corrupt the byte at an offset, replace the body, ignore Range, answer when so many requests have
come, fall silent at a byte, send a body without an end, drop headers, require a bearer token.
Of uploads: take only so many bytes of the body and hang up, pass on only so many and answer as if it were the end, set
headers of the answer, answer with another status than the registry's.
"""

import contextlib
import ctypes
import http.client
import http.server
import json
import re
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

CHUNK = 16384
FLOOD = 1 << 30
CLONE_NEWNET = 0x40000000


@dataclass
class Rule:
    path: str
    method: str = "GET"
    times: int | None = None
    status: int | None = None
    retry_after: str | None = None
    delay: float = 0
    cut: int | None = None
    reset: int | None = None
    truncate: int | None = None
    corrupt: int | None = None
    body: bytes | None = None
    ignore_range: bool = False
    barrier: int | None = None
    endless: bool = False
    stall: int | None = None
    sent: int = 0
    drop_headers: tuple = ()
    set_headers: dict = field(default_factory=dict)
    take: int | None = None       # of an upload's body, then hang up
    pass_on: int | None = None    # of an upload's body, and the rest is lost on the way
    as_status: int | None = None  # instead of the registry's own
    used: int = 0

    def __post_init__(self):
        self.gate = threading.Barrier(self.barrier) if self.barrier else None

    def matches(self, method, path):
        return self.method == method and re.search(self.path, path) and (self.times is None or self.used < self.times)


class FaultProxy:
    def __init__(self, upstream_port, token=None, host=None):
        self.upstream_port = upstream_port
        self.token = token
        self.host = host
        self.rules = []
        self.requests = []
        self.lock = threading.Lock()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        assert self.ready.wait(10), "the proxy did not start"
        self.port = self.server.server_address[1]
        self.name = f"127.0.0.1:{self.port}"

    def run(self):
        self.enter_host()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.proxy = self
        self.ready.set()
        self.server.serve_forever()

    def enter_host(self):
        """This thread's sockets are of the test host's network (harness.host.Host) from here on."""
        if self.host is None:
            return
        with open(f"/run/netns/{self.host.name}", "rb") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")

    def add(self, **rule):
        self.rules.append(Rule(**rule))

    def seen(self, path, method="GET"):
        with self.lock:
            return [request for request in self.requests if request[0] == method and re.search(path, request[1])]

    def take(self, method, path, headers):
        with self.lock:
            self.requests.append((method, path, dict(headers)))
            for rule in self.rules:
                if rule.matches(method, path):
                    rule.used += 1
                    return rule
        return Rule(path="")

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.serve("HEAD")

    def do_GET(self):
        self.serve("GET")

    def do_PUT(self):
        self.serve("PUT")

    def do_PATCH(self):
        self.serve("PATCH")

    def do_DELETE(self):
        self.serve("DELETE")

    def do_POST(self):
        if self.path.startswith("/v2/"):
            return self.serve("POST")
        return self.refresh()

    def refresh(self):
        """The token service's other form: a refresh token for a token."""
        form = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        proxy = self.server.proxy
        rule = proxy.take("POST", f"{self.path} {form}", self.headers)
        if rule.status is not None:
            return self.refuse(rule)
        good = f"refresh_token=refresh-{proxy.token}" in form.split("&")
        body = {"access_token": proxy.token} if good else {"errors": [{"code": "UNAUTHORIZED", "message": "bad token"}]}
        return self.answer(200 if good else 401, {"Content-Type": "application/json"}, json.dumps(body).encode())

    def serve(self, method):
        proxy = self.server.proxy
        proxy.enter_host()
        rule = proxy.take(method, self.path, self.headers)
        time.sleep(rule.delay)
        if rule.gate is not None:
            rule.gate.wait(30)
        if proxy.token is not None and not self.authorised(proxy):
            return None
        if rule.status is not None:
            return self.refuse(rule)
        if rule.endless:
            return self.flood(rule)
        if rule.reset == 0:
            return self.break_off()
        return self.relay(method, rule)

    def authorised(self, proxy):
        if self.path.startswith("/token"):
            answer = {"token": proxy.token}
            if "offline_token=true" in self.path:
                answer["refresh_token"] = f"refresh-{proxy.token}"
            body = json.dumps(answer).encode()
            self.answer(200, {"Content-Type": "application/json"}, body)
            return False
        if self.headers.get("Authorization") == f"Bearer {proxy.token}":
            return True
        self.drain()
        challenge = f'Bearer realm="http://{proxy.name}/token",service="test",scope="repository:any:pull"'
        self.answer(401, {"WWW-Authenticate": challenge}, b'{"errors":[{"code":"UNAUTHORIZED","message":"no token"}]}')
        return False

    def drain(self):
        if self.command in ("PUT", "PATCH", "POST") and self.path.startswith("/v2/"):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def refuse(self, rule):
        self.drain()
        headers = dict(rule.set_headers)
        if rule.retry_after is not None:
            headers["Retry-After"] = rule.retry_after
        self.answer(rule.status, headers, rule.body or b'{"errors":[{"code":"SCRIPTED","message":"as told"}]}')

    def answer(self, status, headers, body):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def relay(self, method, rule):
        headers = {key: value for key, value in self.headers.items() if key.lower() not in ("connection",)}
        if rule.ignore_range:
            headers.pop("Range", None)
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.proxy.upstream_port, timeout=60)
        try:
            body = self.take_body(method, rule, headers)
            if body is None and method in ("PUT", "PATCH"):
                return
            upstream.request(method, self.path, headers=headers, body=body)
            answer = upstream.getresponse()
            self.pass_on(method, rule, answer)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            upstream.close()

    def take_body(self, method, rule, headers):
        if method not in ("PUT", "PATCH", "POST"):
            return None
        length = int(headers.get("Content-Length", 0))
        if rule.take is not None and rule.take < length:
            self.rfile.read(rule.take)
            self.break_off()
            return None
        body = self.rfile.read(length)
        if rule.pass_on is not None:
            body = body[:rule.pass_on]
            headers["Content-Length"] = str(len(body))
            if "Content-Range" in headers:
                start = int(headers["Content-Range"].partition("-")[0])
                headers["Content-Range"] = f"{start}-{start + len(body) - 1}"
        return body

    def pass_on(self, method, rule, answer):
        length = int(answer.headers.get("Content-Length", 0))
        if rule.body is not None:
            length = len(rule.body)
        if rule.truncate is not None:
            length = min(length, rule.truncate)
        self.send_response(rule.as_status or answer.status)
        for key, value in answer.headers.items():
            if key.lower() not in ("content-length", "connection", *(name.lower() for name in rule.drop_headers)):
                value = rule.set_headers.get(key, value)
                self.send_header(key, value(answer.headers.get(key)) if callable(value) else value)
        for key in rule.set_headers.keys() - answer.headers.keys():
            self.send_header(key, rule.set_headers[key])
        if method == "HEAD" or answer.status != 204:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if method == "HEAD":
            return
        sent = 0
        while sent < length:
            piece = rule.body[sent:] if rule.body is not None else answer.read(min(CHUNK, length - sent))
            if not piece:
                break
            if rule.corrupt is not None and sent <= rule.corrupt < sent + len(piece):
                at = rule.corrupt - sent
                piece = piece[:at] + bytes([piece[at] ^ 0x55]) + piece[at + 1:]
            stop = min((limit for limit in (rule.cut, rule.reset, rule.stall) if limit is not None), default=length)
            self.wfile.write(piece[:max(0, stop - sent)])
            sent += len(piece)
            if sent > stop or sent == stop < length:
                self.wfile.flush()
                if rule.stall is not None:
                    return self.fall_silent()
                return self.break_off() if rule.reset is not None else self.hang_up()

    def flood(self, rule):
        """A body of no declared length and no end; `sent` counts what the client took before it hung up."""
        self.close_connection = True
        self.send_response(200)
        for key, value in rule.set_headers.items():
            self.send_header(key, value)
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            while rule.sent < FLOOD:
                self.wfile.write(b" " * CHUNK)
                rule.sent += CHUNK
        except OSError:
            self.wfile = self.rfile = open("/dev/null", "r+b", buffering=0)  # pylint: disable=consider-using-with

    def fall_silent(self):
        """Nothing more, and no end, until the client gives up."""
        self.close_connection = True
        self.connection.settimeout(60)
        with contextlib.suppress(OSError):
            self.connection.recv(1)

    def hang_up(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def break_off(self):
        """A reset: closing with linger 0 throws away what is queued."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        # The base class flushes and closes these once more.
        self.wfile = self.rfile = open("/dev/null", "r+b", buffering=0)  # pylint: disable=consider-using-with
