"""The same program in a user namespace, as a rootless engine runs it: no devices, user.overlay.*, mapped owners."""

import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile

import pytest

from harness.engine import BIN
from harness.need import need
from test_load_save import archive, config_of
from transfer import Failed, Transfer

FIRST, COUNT = 100_000, 65_536


@pytest.fixture
def mapped(stores):
    """Directories of the namespace's root."""
    script = pathlib.Path(__file__).parents[1] / "harness/in_user_namespace.py"
    wrap = [sys.executable, str(script), str(FIRST), str(COUNT)]
    probe = subprocess.run([*wrap, "test", "-x", str(BIN / "estiba-transfer")], capture_output=True, text=True,
                           check=False)
    need(probe.returncode == 0, f"user namespaces, and a {BIN} that other users can read: {probe.stderr}")
    for folder in (stores.content, stores.snapshots):
        os.chown(folder, FIRST, FIRST)
    # The mapped root must reach them.
    folder = stores.content.parent
    while folder != folder.parent:
        os.chmod(folder, folder.stat().st_mode | 0o011)
        folder = folder.parent
    return wrap


def load(stores, wrap, path):
    with open(path, "rb") as archive:
        job = {"kind": "load", "userXattrs": True}
        return Transfer(stores, job, archive.fileno(), wrap=wrap).finish()


def layer_archive(path, entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for info, content in entries:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    manifest = [{"Config": "c.json", "RepoTags": ["x:1"], "Layers": ["l.tar"]}]
    archive(path, {"manifest.json": json.dumps(manifest).encode(), "c.json": config_of(out.getvalue()),
                   "l.tar": out.getvalue()})


def entry(name, kind=tarfile.REGTYPE, uid=0):
    info = tarfile.TarInfo(name)
    info.type, info.uid, info.mode, info.devmajor, info.devminor = kind, uid, 0o4755, 1, 3
    return info


def test_owners_are_mapped_and_devices_left_out(stores, mapped, tmp_path):
    layer_archive(tmp_path / "x.tar", [(entry("file", uid=33), b"x"), (entry("null", tarfile.CHRTYPE), b""),
                                       (entry("d/.wh.gone"), b""), (entry("o/.wh..wh..opq"), b"")])
    image = load(stores, mapped, tmp_path / "x.tar").images()[0]
    root = stores.layer(image["layers"][0]["chainId"])
    assert (root / "file").stat().st_uid == FIRST + 33
    assert (root / "file").stat().st_mode & 0o7777 == 0o4755
    assert not (root / "null").exists()
    assert os.lstat(root / "d/gone").st_rdev == 0
    assert os.getxattr(root / "o", "user.overlay.opaque") == b"y"


def test_an_owner_beyond_the_mapping_is_named(stores, mapped, tmp_path):
    layer_archive(tmp_path / "x.tar", [(entry("file", uid=COUNT), b"x")])
    with pytest.raises(Failed, match=f"unpack 'file': give it to {COUNT}:0"):
        load(stores, mapped, tmp_path / "x.tar")
    assert stores.layers() == set()


def test_the_built_in_image(stores, mapped):
    load(stores, mapped, BIN.parent / "share/estiba/images/busybox.tar")
