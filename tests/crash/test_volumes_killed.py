"""kill -9 of the engine while volumes are renamed and copied: record and folder agree, and nothing is half."""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from test_engine_killed import killed_at_each, volumes  # noqa: E402  (the path above comes first)


def folders(engine):
    return sorted(os.listdir(engine.data_root / "volumes"))


def content(engine, volume):
    folder = engine.data_root / "volumes" / volume / "_data"
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.mark.parametrize("call", ["pwrite64", "renameat2"])
def test_a_rename_is_done_or_was_never_begun(engine, call):
    engine.cli("create", "--name", "user", "--network", "none", "-v", "a:/d", "estiba/busybox", "cat", "/d/f")
    (engine.data_root / "volumes/a/_data/f").write_text("kept")

    def other():
        now, = volumes(engine)
        return now, "b" if now == "a" else "a"

    def check():
        now, = volumes(engine)
        assert folders(engine) == [now] and content(engine, now) == {"f": "kept"}
        assert engine.inspect("user")["Mounts"][0]["Name"] == now
        assert engine.inspect("user")["HostConfig"]["Binds"] == [f"{now}:/d"]
        assert engine.out("start", "-a", "user") == "kept"
    killed_at_each(engine, call, other,
                   lambda names: engine.api("POST", f"/estiba/v1/volumes/{names[0]}/rename?name={names[1]}"), check)
    engine.cli("rm", "user")
    engine.cli("volume", "prune", "-af")


@pytest.mark.parametrize("call", ["pwrite64", "mkdirat", "copy_file_range", "fchown"])
def test_a_snapshot_is_whole_or_gone(engine, call):
    engine.cli("volume", "create", "v")
    for number in range(4):
        (engine.data_root / f"volumes/v/_data/file{number}").write_text(str(number) * 100)
    whole = content(engine, "v")

    def check():
        names = volumes(engine)
        assert folders(engine) == names and names in (["v"], ["copy", "v"])
        assert all(content(engine, name) == whole for name in names)
        if "copy" in names:
            engine.cli("volume", "rm", "copy")
    killed_at_each(engine, call, lambda: None,
                   lambda _: engine.api("POST", "/estiba/v1/volumes/v/snapshot?name=copy"), check)
    engine.cli("volume", "rm", "v")
