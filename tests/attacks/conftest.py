"""`bundle`, as the conformance suite has it, and `outside`: a folder of the host that no container may touch."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "conformance"))

from bundle import Receiver, whole_life  # noqa: E402  (the path above comes first)


@pytest.fixture
def bundle():
    yield from whole_life()


@pytest.fixture
def receiver(bundle):
    one = Receiver(bundle.folder / "socket")
    yield one
    one.close()


class Outside:
    """`path` holds a few files that attacks aim at; assert_untouched() compares names, content, owner and mode."""

    FILES = ("secret", "ptmx", "null", "console")

    def __init__(self, path):
        self.path = path
        path.mkdir()
        for name in self.FILES:
            (path / name).write_text(f"the host's {name}\n")
            (path / name).chmod(0o600)
        self.before = self.look()

    def look(self):
        found = {}
        for path in sorted(self.path.rglob("*")):
            about = path.lstat()
            content = path.read_text() if path.is_file() and not path.is_symlink() else None
            found[str(path)] = (about.st_mode, about.st_uid, about.st_gid, about.st_ino, about.st_rdev, content)
        return found

    def assert_untouched(self):
        assert self.look() == self.before

    def ways(self, inside):
        """Symbolic links' contents that lead here from the directory `inside` of a root filesystem, if followed on the
        host."""
        up = "../" * (len(inside.parts) + 2)
        return [str(self.path), up + str(self.path)[1:]]


@pytest.fixture
def outside(bundle):
    one = Outside(bundle.folder / "outside")
    yield one
    one.assert_untouched()
