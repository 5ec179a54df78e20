"""OCI layouts made by hand: images, indexes, artifacts, and what no tool would write."""

import gzip
import hashlib
import json
import os
import pathlib

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
EMPTY = "application/vnd.oci.empty.v1+json"
MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Layout:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        (self.folder / "blobs/sha256").mkdir(parents=True)
        (self.folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def path(self, of):
        return self.folder / "blobs/sha256" / of.removeprefix("sha256:")

    def blob(self, content, media_type, **fields):
        """Its descriptor."""
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.path(digest(content)).write_bytes(content)
        return {"mediaType": media_type, "digest": digest(content), "size": len(content), **fields}

    def image(self, layers, architecture=MACHINE, packed=True, **fields):
        """A manifest of these layers' tars. `fields` go into it."""
        config = self.blob({"architecture": architecture, "os": "linux", "config": {},
                            "rootfs": {"type": "layers", "diff_ids": [digest(one) for one in layers]}}, CONFIG)
        blobs = [self.blob(gzip.compress(one, mtime=0), LAYER + "+gzip") if packed else self.blob(one, LAYER)
                 for one in layers]
        return self.manifest(config, blobs, platform={"os": "linux", "architecture": architecture}, **fields)

    def manifest(self, config, layers, platform=None, **fields):
        described = self.blob({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers, **fields},
                              MANIFEST)
        return {**described, "platform": platform} if platform else described

    def artifact(self, artifact_type, files, **fields):
        """As ORAS makes them."""
        return self.manifest(self.blob(b"{}", EMPTY), [self.blob(one, "application/x-thing") for one in files],
                             artifactType=artifact_type, **fields)

    def index(self, manifests, **fields):
        return self.blob({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests, **fields}, INDEX)

    def attestation(self, of):
        """As BuildKit writes them beside an image."""
        config = self.blob({"architecture": "unknown", "os": "unknown", "rootfs": {"type": "layers", "diff_ids": []}},
                           CONFIG)
        made = self.manifest(config, [self.blob({"_type": "in-toto"}, "application/vnd.in-toto+json")])
        return {**made, "platform": {"os": "unknown", "architecture": "unknown"},
                "annotations": {"vnd.docker.reference.type": "attestation-manifest",
                                "vnd.docker.reference.digest": of["digest"]}}

    def finish(self, named):
        """`named`: names and what they stand for."""
        manifests = [{**one, "annotations": {**one.get("annotations", {}),
                                             "org.opencontainers.image.ref.name": name}} for name, one in named.items()]
        (self.folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": manifests}))
        return self.folder
