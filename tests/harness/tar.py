"""Small docker-save archives made entry by entry, hostile ones included."""

import gzip
import hashlib
import io
import json
import tarfile

from harness.engine import BIN


def layer(entries):
    """The bytes of a layer. An entry is (name, content, link): bytes make a file, "dir" a folder, link a symlink, and
    "hard" with a link a hard link."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content, link in entries:
            info = tarfile.TarInfo(name)
            if link is not None:
                info.type, info.linkname = tarfile.LNKTYPE if content == "hard" else tarfile.SYMTYPE, link
                tar.addfile(info)
            elif content == "dir":
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(info)
            else:
                info.size, info.mode = len(content), 0o755
                tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def busybox_layer():
    """The tar of the built-in image's own layer: a shell and its links."""
    with tarfile.open(BIN.parent / "share/estiba/images/busybox.tar") as archive:
        manifest = json.load(archive.extractfile("manifest.json"))
        blob = archive.extractfile(manifest[0]["Layers"][0]).read()
    return gzip.decompress(blob) if blob[:2] == b"\x1f\x8b" else blob


def image_archive(path, tag, layers, wrong_digest=False, config=None):
    blobs = [layer(entries) for entries in layers]
    digests = [hashlib.sha256(b"other" if wrong_digest else blob).hexdigest() for blob in blobs]
    text = json.dumps({"architecture": "amd64", "os": "linux", "config": config or {},
                       "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]}}).encode()
    name = hashlib.sha256(text).hexdigest() + ".json"
    manifest = [{"Config": name, "RepoTags": [tag], "Layers": [f"{index}/layer.tar" for index in range(len(blobs))]}]
    with tarfile.open(path, "w") as tar:
        for entry, content in [*((f"{index}/layer.tar", blob) for index, blob in enumerate(blobs)), (name, text),
                               ("manifest.json", json.dumps(manifest).encode())]:
            info = tarfile.TarInfo(entry)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
