"""A machine whose plug is pulled while images are loaded and pulled: after the next boot the store is sound, and what a
client was told is there is there. A reset is kill -9 of qemu: what the guest had not written is gone."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import machine  # noqa: E402  (the path above comes first)
from harness.need import need_program  # noqa: E402
from harness.tar import image_archive  # noqa: E402
from harness.wait import wait_until  # noqa: E402

ROUND = pathlib.Path(__file__).parent / "resets/round.sh"


def add_images(guest):
    shutil.copy(shutil.which("docker-registry"), guest / "bin/docker-registry")
    machine.copy_libraries(guest / "bin/docker-registry", guest)
    (guest / "guest/images").mkdir()
    common = [("common", os.urandom(1_500_000), None)]
    for number in (1, 2):
        layers = [common, [(f"own{number}-{part}", os.urandom(300_000), None) for part in range(6)]]
        image_archive(guest / f"guest/images/{number}.tar", f"image-{number}:1", layers)


class Boot:
    """One life of the machine; its console grows in a file."""

    def __init__(self, folder, image, archive, disk, options=""):
        self.console = folder / "console"
        self.console.write_bytes(b"")
        drive = ["-drive", f"file={disk},format=raw,if=virtio"]
        with open(self.console, "wb") as out:
            self.process = subprocess.Popen(machine.command(image, archive, options, drive), stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=subprocess.STDOUT)

    def text(self):
        return self.console.read_text(errors="replace").replace("\r", "")

    def wait_for(self, mark):
        wait_until(lambda: mark in self.text() or self.process.poll() is not None, mark, 300)
        assert mark in self.text(), self.text()[-3000:]

    def kill(self):
        self.process.kill()
        self.process.wait()


def test_hard_resets(tmp_path, rng, full):
    for program in ("qemu-system-x86_64", "cpio", "docker-registry", "mkfs.ext4"):
        need_program(program)
    image, archive = machine.build_guest(tmp_path, [ROUND], 1200, add_images)
    disk = tmp_path / "disk"
    with open(disk, "wb") as file:
        file.truncate(512 << 20)
    subprocess.run(["mkfs.ext4", "-q", disk], check=True)
    for _ in range(20 if full else 2):
        boot = Boot(tmp_path, image, archive, disk)
        try:
            boot.wait_for("RESETS-READY")
            deadline = time.monotonic() + rng.uniform(0, 12)
            wait_until(lambda: time.monotonic() >= deadline or boot.process.poll() is not None, "the moment", 20)
            assert not re.search(r"VM-END round", boot.text()), boot.text()[-3000:]
        finally:
            boot.kill()
    boot = Boot(tmp_path, image, archive, disk, "resets=last")
    try:
        boot.wait_for("RESETS-SOUND")
    finally:
        boot.kill()
