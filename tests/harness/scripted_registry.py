"""A registry in memory that takes pushes as the many registries of the world do, on demand.

    with ScriptedRegistry(monolithic=False, min_chunk=1000) as registry: ...

`relative`: upload addresses are paths. `elsewhere`: uploads go to a second address of it. `monolithic`: False refuses
whole blobs. `breaks`: at how many bytes of an upload's request the connection breaks, one after the other; what came
until then is kept. `keeps`: of every chunk only so many bytes are taken, and Range says so. `final_patch`: a chunk that
makes the blob whole stores it and is answered 201 (as ECR). `stored`: the status that a stored blob is answered with.
`says`: what Docker-Content-Digest says instead. `max_body`: larger requests are answered 413. `mounts`: repositories
that blobs can be mounted from. `pages`: of the list of tags, as JSON texts. `referrers`: a list of descriptors, or None
for a registry that knows no such question. `subjects`: it says OCI-Subject of a manifest that has one. `found`: results
of a search.
"""

import hashlib
import http.server
import json
import socket
import struct
import threading
import urllib.parse


class ScriptedRegistry:
    def __init__(self, relative=False, elsewhere=False, monolithic=True, breaks=(), keeps=None, final_patch=False,
                 stored=201, says=None, max_body=None, min_chunk=None, mounts=(), pages=(), referrers=None,
                 found=None, subjects=False):
        self.relative, self.monolithic, self.keeps, self.final_patch = relative, monolithic, keeps, final_patch
        self.stored, self.says, self.max_body, self.min_chunk, self.mounts = stored, says, max_body, min_chunk, mounts
        self.breaks = list(breaks)
        self.pages, self.referrers, self.found, self.subjects = pages, referrers, found, subjects
        self.blobs, self.manifests, self.uploads, self.requests = {}, {}, {}, []
        self.lock = threading.Lock()
        self.servers = [self.serve() for _ in range(2 if elsewhere else 1)]
        self.name, self.upload_name = (f"127.0.0.1:{self.servers[place].server_address[1]}" for place in (0, -1))

    def serve(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        server.registry = self
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def seen(self, method, part=""):
        with self.lock:
            return [request for request in self.requests if request[0] == method and part in request[1]]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except ConnectionResetError:
            self.close_connection = True

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def error(self, status, code):
        self.answer(status, f'{{"errors":[{{"code":"{code}","message":"as told"}}]}}'.encode())

    def note(self):
        registry = self.server.registry
        with registry.lock:
            registry.requests.append((self.command, self.path, dict(self.headers)))
        url = urllib.parse.urlsplit(self.path)
        return registry, url.path, dict(urllib.parse.parse_qsl(url.query))

    def body(self):
        """What came of the body before the connection broke, if it is to."""
        registry = self.server.registry
        length = int(self.headers.get("Content-Length", 0))
        with registry.lock:
            stop = registry.breaks.pop(0) if registry.breaks and length else None
        return (self.rfile.read(length), False) if stop is None else (self.rfile.read(min(stop, length)), True)

    def break_off(self):
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.wfile = self.rfile = open("/dev/null", "r+b", buffering=0)  # pylint: disable=consider-using-with

    def location(self, registry, name):
        path = f"/v2/app/blobs/uploads/{name}?_state=opaque"
        return path if registry.relative else f"http://{registry.upload_name}{path}"

    def do_HEAD(self):
        registry, path, _ = self.note()
        self.answer(200 if path.rpartition("/")[2] in registry.blobs else 404)

    def do_GET(self):
        registry, path, query = self.note()
        name = path.rpartition("/")[2]
        if path.endswith("/tags/list") and registry.pages:
            return self.page(registry, int(query.get("page", 0)))
        if "/referrers/" in path and registry.referrers is not None:
            return self.answer(200, json.dumps({"schemaVersion": 2, "manifests": registry.referrers}).encode())
        if path == "/v1/search" and registry.found is not None:
            return self.answer(200, json.dumps({"results": registry.found}).encode())
        if "/manifests/" in path and name in registry.manifests:
            kind, text = registry.manifests[name]
            return self.answer(200, text, Content_Type=kind)
        if "/blobs/uploads/" in path and name in registry.uploads:
            return self.answer(204, Location=self.location(registry, name), Range=self.range(registry, name))
        if name in registry.blobs:
            return self.answer(200, registry.blobs[name])
        return self.error(404, "NOT_FOUND")

    def page(self, registry, number):
        more = {}
        if number + 1 < len(registry.pages):
            more["Link"] = f'</v2/app/tags/list?page={number + 1}>; rel="next"'
        self.answer(200, registry.pages[number].encode(), **more)

    @staticmethod
    def range(registry, name):
        return f"0-{max(len(registry.uploads[name]) - 1, 0)}"

    def do_DELETE(self):
        registry, path, _ = self.note()
        registry.uploads.pop(path.rpartition("/")[2], None)
        self.answer(204)

    def do_POST(self):
        registry, _, query = self.note()
        self.body()
        if query.get("from") in registry.mounts:
            registry.blobs[query["mount"]] = b"mounted"
            return self.answer(201, Location="/v2/app/blobs/" + query["mount"])
        name = f"u{len(registry.requests)}"
        registry.uploads[name] = b""
        more = {"OCI_Chunk_Min_Length": str(registry.min_chunk)} if registry.min_chunk else {}
        return self.answer(202, Location=self.location(registry, name), Range="0-0", **more)

    def do_PATCH(self):
        registry, path, _ = self.note()
        name = path.rpartition("/")[2]
        if name not in registry.uploads:
            return self.error(404, "BLOB_UPLOAD_UNKNOWN")
        start = int(self.headers["Content-Range"].partition("-")[0])
        if registry.max_body and int(self.headers["Content-Length"]) > registry.max_body:
            self.body()
            return self.error(413, "SIZE_INVALID")
        data, broken = self.body()
        if start != len(registry.uploads[name]):
            return self.answer(416, Location=self.location(registry, name), Range=self.range(registry, name))
        registry.uploads[name] += data[:registry.keeps]
        if broken:
            return self.break_off()
        digest = "sha256:" + hashlib.sha256(registry.uploads[name]).hexdigest()
        if registry.final_patch and digest in registry.final_patch:
            registry.blobs[digest] = registry.uploads.pop(name)
            return self.answer(201, Location=f"/v2/app/blobs/{digest}")
        return self.answer(201 if registry.final_patch else 202, Location=self.location(registry, name),
                           Range=self.range(registry, name))

    def do_PUT(self):
        registry, path, query = self.note()
        if registry.max_body and int(self.headers["Content-Length"]) > registry.max_body:
            self.body()
            return self.error(413, "SIZE_INVALID")
        data, broken = self.body()
        name = path.rpartition("/")[2]
        if broken:
            if name in registry.uploads:
                registry.uploads[name] += data
            return self.break_off()
        if "/manifests/" in path:
            digest = "sha256:" + hashlib.sha256(data).hexdigest()
            registry.manifests[name] = registry.manifests[digest] = (self.headers["Content-Type"], data)
            more = {}
            if registry.subjects and b'"subject"' in data:
                more["OCI_Subject"] = json.loads(data)["subject"]["digest"]
            return self.answer(201, Docker_Content_Digest=registry.says or digest, **more)
        if name not in registry.uploads:
            return self.error(404, "BLOB_UPLOAD_UNKNOWN")
        if data and not registry.monolithic:
            return self.error(405, "UNSUPPORTED")
        whole = registry.uploads.pop(name) + data
        if "sha256:" + hashlib.sha256(whole).hexdigest() != query["digest"]:
            return self.error(400, "DIGEST_INVALID")
        registry.blobs[query["digest"]] = whole
        return self.answer(registry.stored, Docker_Content_Digest=registry.says or query["digest"])
