"""A process that exchanges a folder and a symbolic link in a shared volume while containers are created on it."""

import contextlib
import pathlib
import shutil
import subprocess
import sys

import pytest

from harness.need import need

EXCHANGER = pathlib.Path(__file__).with_name("exchanger.py")
SAMPLE, FULL = 40, 3000


@contextlib.contextmanager
def exchanging(folder, one, other):
    attacker = subprocess.Popen([sys.executable, EXCHANGER, folder, one, other], stderr=subprocess.PIPE)
    try:
        yield
        need(attacker.poll() is None, "a file system that can exchange names")
    finally:
        attacker.kill()
        attacker.wait()
        attacker.stderr.close()


@pytest.fixture
def volume(bundle, outside):
    """Shared with the attacker: `dir` is a folder, `link` leads outside if the host follows it."""
    folder = bundle.folder / "volume"
    (folder / "dir/sub").mkdir(parents=True)
    bundle.bind(folder, "/vol")
    (bundle.folder / "source").mkdir()
    (bundle.folder / "source/file").write_text("bound")
    return folder


# What is made, mounted, masked or entered below the name that changes.
SHAPES = {
    "tmpfs": lambda bundle: bundle.mount("/vol/dir/made/deep", "tmpfs", "tmpfs"),
    "tmpfs over what is there": lambda bundle: bundle.mount("/vol/dir/sub", "tmpfs", "tmpfs"),
    "filled tmpfs": lambda bundle: bundle.mount("/vol/dir", "tmpfs", "tmpfs", "tmpcopyup"),
    "bind": lambda bundle: bundle.bind(bundle.folder / "source", "/vol/dir/made/deep"),
    "bound file": lambda bundle: bundle.bind(bundle.folder / "source/file", "/vol/dir/made/secret"),
    "device": lambda bundle: bundle.linux.update(
        devices=[{"path": "/vol/dir/made/null", "type": "c", "major": 1, "minor": 3, "uid": 7, "gid": 7}]),
    "working directory": lambda bundle: bundle.process.update(cwd="/vol/dir/made/deep"),
    "mask": lambda bundle: bundle.linux["maskedPaths"].extend(["/vol/dir/secret", "/vol/dir/sub"]),
    "read-only path": lambda bundle: bundle.linux["readonlyPaths"].extend(["/vol/dir/secret", "/vol/dir/sub"]),
}


@pytest.mark.parametrize("way", [0, 1])
def test_a_folder_that_becomes_a_link(bundle, outside, volume, rng, full, way):
    """CVE-2021-30465, CVE-2024-45310 (runc), CVE-2018-15664's class: mount points, devices, folders, masks land in the
    container or the start is refused; the host has nothing new, and shows nothing."""
    (volume / "link").symlink_to(outside.ways(pathlib.Path("."))[way])
    plain = (list(bundle.config["mounts"]), list(bundle.linux["maskedPaths"]), list(bundle.linux["readonlyPaths"]))
    started = 0
    with exchanging(volume, "dir", "link"):
        for _ in range(FULL if full else SAMPLE):
            bundle.config["mounts"], bundle.linux["maskedPaths"], bundle.linux["readonlyPaths"] = map(list, plain)
            bundle.linux["devices"] = []
            bundle.process["cwd"] = "/"
            shape = rng.choice(sorted(SHAPES))
            SHAPES[shape](bundle)
            done = bundle.run("sh", "-c", "cat /vol/*/secret /vol/*/*/secret secret; echo started", check=False)
            started += "started" in done.stdout
            assert "the host's" not in done.stdout, shape
            outside.assert_untouched()
            for name in ("dir", "link"):
                shutil.rmtree(volume / name / "made", ignore_errors=True)
    assert started, "no container was started at all"


def test_proc_that_becomes_a_link(bundle, volume, full):
    """CVE-2019-19921 (runc): what procfs was mounted on is no longer /proc when it is masked. The attacker writes to
    the root filesystem itself."""
    (bundle.rootfs / "other").symlink_to("/vol")
    bundle.process["args"] = ["sh", "-c", "cat /proc/self/mountinfo"]
    started = 0
    with exchanging(bundle.rootfs, "proc", "other"):
        for _ in range(FULL if full else SAMPLE):
            done = bundle.run(check=False)
            if " - proc proc " not in done.stdout:
                continue
            started += 1
            lines = [line.split() for line in done.stdout.splitlines()]
            top = next(line[0] for line in lines if line[4] in ("/proc", "/other"))
            # By the mount they are on: the names change from line to line.
            below = {line[4].rpartition("/")[2]: line[5] for line in lines if line[1] == top}
            assert "keys" in below, "/proc/keys shows"
            assert below["sys"].startswith("ro,"), "/proc/sys can be written"
    assert started, "no container was started at all"
