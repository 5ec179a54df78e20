"""estiba-transfer driven as the engine drives it: a job on 0, events on 1, directories on 3 and 4, the archive on 5."""

import contextlib
import fcntl
import json
import os
import pathlib
import subprocess

from harness.engine import BIN

CONTENT, SNAPSHOTS, ARCHIVE = 3, 4, 5


class Failed(Exception):
    def __init__(self, event):
        super().__init__(event["message"])
        self.message = event["message"]
        self.code = event["code"]


class Stores:
    def __init__(self, folder):
        self.content = pathlib.Path(folder) / "content"
        self.snapshots = pathlib.Path(folder) / "snapshots"
        self.content.mkdir()
        self.snapshots.mkdir()

    def blobs(self):
        return self.names(self.content / "sha256")

    def layers(self):
        return self.names(self.snapshots / "layers")

    def unfinished(self):
        return self.names(self.content / "ingest") | self.names(self.snapshots / "tmp")

    def layer(self, chain_id):
        return self.snapshots / "layers" / chain_id.removeprefix("sha256:")

    def blob(self, digest):
        return self.content / "sha256" / digest.removeprefix("sha256:")

    @staticmethod
    def names(folder):
        return set(os.listdir(folder)) if folder.exists() else set()


class Transfer:
    """One run of the program. Its events are in `events` when it has ended."""

    def __init__(self, stores, job, archive=None, wrap=(), env=None):
        self.fds = [os.open(stores.content, os.O_RDONLY), os.open(stores.snapshots, os.O_RDONLY)]
        self.fds.append(os.open("/dev/null", os.O_RDONLY) if archive is None else os.dup(archive))
        self.process = subprocess.Popen(
            [*wrap, str(BIN / "estiba-transfer")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=env or {}, preexec_fn=self.place, close_fds=False)
        for fd in self.fds:
            os.close(fd)
        self.process.stdin.write(json.dumps({"lease": "test", **job}).encode())
        self.process.stdin.close()

    def place(self):
        # Away from the numbers they shall have first: one may stand where another goes.
        for number, fd in enumerate([fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in self.fds], start=CONTENT):
            os.dup2(fd, number)

    def finish(self):
        self.events = [json.loads(line) for line in self.process.stdout]
        self.log = self.process.stderr.read().decode()
        code = self.process.wait(60)
        assert self.events, f"no event, exit code {code}: {self.log}"
        last = self.events[-1]
        if last["kind"] == "failed":
            assert code == 1
            raise Failed(last)
        assert last["kind"] == "done" and code == 0, f"{last} {code} {self.log}"
        return self

    def images(self):
        return [event["image"] for event in self.events if event["kind"] == "image"]

    def said(self):
        return [event.get("status", event.get("stream")) for event in self.events if event["kind"] == "progress"]


def load(stores, path, wrap=(), **job):
    """An archive, or a directory."""
    with opened(path, os.O_RDONLY) as archive:
        return Transfer(stores, {"kind": "load", **job}, archive, wrap=wrap).finish()


def pull(stores, reference, wrap=(), **job):
    return Transfer(stores, {"kind": "pull", "reference": reference, **job}, wrap=wrap).finish()


def save(stores, path, images, **job):
    """Into a file, made anew, or a directory that is there."""
    flags = os.O_RDONLY if os.path.isdir(path) else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with opened(path, flags) as archive:
        return Transfer(stores, {"kind": "save", "images": images, **job}, archive).finish()


def push(stores, repository, image, tag="1", wrap=(), **job):
    """`image` as a pull or a load has told of it."""
    indexes = [image["indexDigest"]] if "indexDigest" in image else []
    item = {"tag": tag, "imageId": image["id"], "manifestDigest": image["manifestDigest"], "indexDigests": indexes}
    return Transfer(stores, {"kind": "push", "reference": repository, "pushes": [item], **job}, wrap=wrap).finish()


def item_of(image, names=None):
    """What save() takes of what a pull or a load has told of."""
    indexes = [image["indexDigest"]] if "indexDigest" in image else []
    return {"manifestDigest": image["manifestDigest"], "names": image["names"] if names is None else names,
            "indexDigests": indexes}


@contextlib.contextmanager
def opened(path, flags):
    fd = os.open(path, flags, 0o644)
    try:
        yield fd
    finally:
        os.close(fd)


def copy(stores, source, destination, to=None, **job):
    """`to` is more of the destination: all, referrers, auth."""
    target = {"reference": destination, **(to or {})}
    return Transfer(stores, {"kind": "copy", "reference": source, "copy": target, **job}).finish()
