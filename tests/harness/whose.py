"""Whose engine tests have: root's, or with ESTIBA_ROOTLESS=1 that of an ordinary user, and with it what tests write."""

import ctypes
import os
import pathlib
import shutil
import sys
import tempfile

from harness.engine import Engine
from harness.need import need
from harness.rootless import OpenTun, RootlessEngine, User

ROOTLESS = bool(os.environ.get("ESTIBA_ROOTLESS"))
LINUX_CAPABILITY_VERSION_3 = 0x20080522


class Ours:
    """The test user of a whole run, who owns the files that tests make (setfsuid(2)): the tests themselves stay root,
    to look at and reach everything."""

    one = None

    def __init__(self):
        sys.dont_write_bytecode = True  # in the source tree
        self.tun = OpenTun()
        self.user = User()
        self.files_of(self.user.uid, self.user.gid)

    def files_of(self, uid, gid):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.setfsgid(gid)
        libc.setfsuid(uid)
        # Whose file system id is not 0 any more has lost the capabilities that go with files; they are root's still.
        header = (ctypes.c_uint32 * 2)(LINUX_CAPABILITY_VERSION_3, 0)
        sets = (ctypes.c_uint32 * 6)()
        need(libc.capget(header, sets) == 0, "capget(2)")
        sets[0], sets[3] = sets[1], sets[4]
        need(libc.capset(header, sets) == 0, "capset(2)")

    def close(self):
        self.files_of(0, 0)
        self.user.remove()
        self.tun.close()


def begin():
    """Of a run, before its first test."""
    if ROOTLESS:
        need(os.geteuid() == 0, "root")
        Ours.one = Ours()


def end():
    if Ours.one:
        Ours.one.close()
        Ours.one = None


def base_folder():
    """Of the run's temporary files, where the user can reach them."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="estiba-tests-"))
    folder.chmod(0o755)
    return folder


def remove_base(base):
    shutil.rmtree(pathlib.Path(base).parent, ignore_errors=True)


def engine_in(folder, extra_config=""):
    """An engine of root's or of the user's, that keeps everything in `folder`."""
    if ROOTLESS:
        return RootlessEngine(Ours.one.user, extra_config, folder, delegated=True)
    return Engine(folder, extra_config)
