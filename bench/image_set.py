"""The three images that bench/images.py moves, made from Debian packages once and kept: about 600 MB in one layer, the
same in eight layers, and 20,000 small files. Layers are gzip -6, docker's default."""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess

PACKAGES = ["build-essential", "python3", "git", "vim"]
SMALL_FILES = 20_000
SMALL_SIZE = 32 << 10
EIGHT = 8
GZIP_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


class ImageSet:
    """OCI layouts below `folder`, by name: "one", "eight", "files"."""

    def __init__(self, folder, mirror):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.mirror = mirror

    def layout(self, name):
        path = self.folder / name
        if not (path / "index.json").exists():
            self.make(name, path)
        return path

    def root(self):
        path = self.folder / "root"
        if not path.exists():
            making = self.folder / "root.making"
            shutil.rmtree(making, ignore_errors=True)
            subprocess.run(["debootstrap", "--variant=minbase", "--include=" + ",".join(PACKAGES), "bookworm", making,
                            self.mirror], check=True, stdout=subprocess.DEVNULL,
                           env=dict(os.environ, DEBIAN_FRONTEND="noninteractive"))
            for left in ("var/cache/apt", "var/lib/apt/lists", "var/log"):
                shutil.rmtree(making / left, ignore_errors=True)
            for node in (making / "dev").iterdir():
                shutil.rmtree(node) if node.is_dir() and not node.is_symlink() else node.unlink()
            making.rename(path)
        return path

    def make(self, name, path):
        shutil.rmtree(path, ignore_errors=True)
        (path / "blobs/sha256").mkdir(parents=True)
        root = self.root()
        if name == "files":
            root = self.small_files(root)
        names = sorted(os.path.relpath(os.path.join(folder, entry), root)
                       for folder, folders, files in os.walk(root) for entry in folders + files)
        parts = split(root, names) if name == "eight" else [names]
        write_layout(path, name, [pack(root, part, path) for part in parts])

    def small_files(self, root):
        """A tree of 20,000 small files of the Debian root, in their folders."""
        target = self.folder / "small"
        if target.exists():
            return target
        making = self.folder / "small.making"
        shutil.rmtree(making, ignore_errors=True)
        found = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink()
                       and 0 < path.stat().st_size <= SMALL_SIZE)
        for number in range(SMALL_FILES):
            source = found[number % len(found)]
            place = making / f"part{number // len(found)}" / source.relative_to(root)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, place)
        making.rename(target)
        return target


def split(root, names):
    """Eight runs of names of about the same size; every folder is described in each run that has something in it."""
    total = sum(os.lstat(root / name).st_size for name in names)
    parts, size = [[]], 0
    for name in names:
        parts[-1].append(name)
        size += os.lstat(root / name).st_size
        if size >= total * len(parts) / EIGHT and len(parts) < EIGHT:
            parts.append([])
    return [with_folders(part) for part in parts]


def with_folders(names):
    out = {}
    for name in names:
        for parent in reversed(pathlib.PurePath(name).parents[:-1]):
            out[str(parent)] = None
        out[name] = None
    return list(out)


def pack(root, names, layout):
    """(diff id, digest, size) of a layer with these names."""
    plain, packed = layout / "layer.tar", layout / "layer.tar.gz"
    subprocess.run(["tar", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--no-recursion", "-cf", plain,
                    "-C", root, "--null", "--verbatim-files-from", "-T", "-"],
                   input=b"\0".join(os.fsencode(name) for name in names), check=True)
    with open(packed, "wb") as out:
        subprocess.run(["gzip", "-6", "-n", "-c", plain], stdout=out, check=True)
    diff_id, digest, size = digest_of(plain), digest_of(packed), packed.stat().st_size
    plain.unlink()
    packed.rename(layout / "blobs/sha256" / digest)
    return diff_id, digest, size


def digest_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def add_document(layout, document, media_type):
    content = json.dumps(document).encode()
    digest = hashlib.sha256(content).hexdigest()
    (layout / "blobs/sha256" / digest).write_bytes(content)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}


def write_layout(layout, name, layers):
    config = add_document(layout, {
        "architecture": "amd64", "os": "linux", "config": {"Cmd": ["true"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff_id}" for diff_id, _, _ in layers]},
    }, "application/vnd.oci.image.config.v1+json")
    manifest = add_document(layout, {
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config,
        "layers": [{"mediaType": GZIP_LAYER, "digest": f"sha256:{digest}", "size": size}
                   for _, digest, size in layers],
    }, "application/vnd.oci.image.manifest.v1+json")
    manifest["annotations"] = {"org.opencontainers.image.ref.name": name}
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))


def layers_of(layout):
    """The layers' descriptors."""
    index = json.loads((layout / "index.json").read_text())
    manifest = layout / "blobs/sha256" / index["manifests"][0]["digest"].removeprefix("sha256:")
    return json.loads(manifest.read_text())["layers"]
