"""Compiled seccomp filters are kept below /var/cache/estiba/filters: used again for the same profile only, and never
when somebody else could have written them."""

import os

import pytest

MKDIR = "mkdir /tmp/x 2>&1 | tail -c 24; rmdir /tmp/x 2>/dev/null; true"
EPERM, EBUSY = "ion not permitted", "ource busy"
ERRNO_1, ERRNO_16 = (bytes([6, 0, 0, 0, errno, 0, 5, 0]) for errno in (1, 16))  # ret SECCOMP_RET_ERRNO | errno


def profile(errno=1):
    return {"defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno}]}


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return (crc ^ 0xFFFFFFFF).to_bytes(4, "little")


@pytest.fixture
def user():
    """/var/cache is root's."""
    return None


class Cache:
    """The bundle's own /var/cache."""

    def __init__(self, bundle):
        self.bundle = bundle
        self.top = bundle.folder / "cache"
        self.top.mkdir()
        self.folder = self.top / "estiba/filters"
        bundle.prefix = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
                         f'mount --bind {self.top} /var/cache && exec "$@"', "sh"]
        bundle.linux["seccomp"] = profile()

    def files(self):
        return sorted(self.folder.iterdir())

    def file(self):
        [path] = self.files()
        return path

    def answer(self):
        return self.bundle.sh(MKDIR)


@pytest.fixture
def cache(bundle):
    return Cache(bundle)


def forge(path):
    """What only root could write: the same file, whose filter answers another errno."""
    data = path.read_bytes()[:-4].replace(ERRNO_1, ERRNO_16)
    path.write_bytes(data + crc32c(data))


def test_the_second_start_uses_what_the_first_has_kept(cache):
    assert cache.answer().endswith(EPERM)
    assert cache.folder.stat().st_mode & 0o777 == 0o700
    forge(cache.file())
    before = cache.file().stat()
    assert cache.answer().endswith(EBUSY), "compiled again"
    assert cache.file().stat().st_ino == before.st_ino


def test_exec_uses_it_too(cache):
    with cache.bundle.running():
        forge(cache.file())
        assert EBUSY in cache.bundle.exec("sh", "-c", MKDIR).stdout


def test_another_profile_is_another_file(cache):
    cache.answer()
    cache.bundle.linux["seccomp"] = profile(errno=16)
    assert cache.answer().endswith(EBUSY)
    assert len(cache.files()) == 2


def damaged(data):
    return data[:-100] + b"x" + data[-99:]


@pytest.mark.parametrize("change", [damaged, lambda data: b"", lambda data: data[:-9], lambda data: data + b"x"],
                         ids=["damaged", "empty", "cut", "longer"])
def test_a_damaged_file_is_replaced(cache, change):
    cache.answer()
    good = cache.file().read_bytes()
    cache.file().write_bytes(change(good))
    assert cache.answer().endswith(EPERM)
    assert cache.file().read_bytes() == good


def test_a_file_of_another_profile_under_this_name_is_not_used(cache):
    cache.answer()
    name = cache.file()
    cache.bundle.linux["seccomp"] = profile(errno=16)
    cache.answer()
    [other] = set(cache.files()) - {name}
    name.write_bytes(other.read_bytes())
    cache.bundle.linux["seccomp"] = profile()
    assert cache.answer().endswith(EPERM)


def others_may_write_the_folder(cache):
    cache.folder.chmod(0o777)


def the_folder_is_somebody_elses(cache):
    os.chown(cache.folder, 1000, 1000)


def the_folder_is_a_link(cache):
    cache.folder.rename(cache.top / "moved")
    cache.folder.symlink_to(cache.top / "moved")


def others_may_write_the_file(cache):
    cache.file().chmod(0o666)


def the_file_is_somebody_elses(cache):
    os.chown(cache.file(), 1000, 1000)


def the_file_is_a_link(cache):
    path = cache.file()
    path.rename(cache.top / "moved")
    path.symlink_to(cache.top / "moved")


@pytest.mark.parametrize("spoil", [others_may_write_the_folder, the_folder_is_somebody_elses, the_folder_is_a_link,
                                   others_may_write_the_file, the_file_is_somebody_elses, the_file_is_a_link])
def test_what_others_may_have_written_is_not_used(cache, spoil):
    cache.answer()
    forge(cache.file())
    spoil(cache)
    assert cache.answer().endswith(EPERM)


def test_a_start_needs_no_cache(cache):
    cache.bundle.prefix[-2] = 'mount -t tmpfs -o ro none /var/cache && exec "$@"'
    assert cache.answer().endswith(EPERM)


def test_old_files_go_when_there_are_many(cache):
    cache.answer()
    for number in range(130):
        (cache.folder / f"filter-{number}-0").touch()
    cache.bundle.linux["seccomp"] = profile(errno=16)
    cache.answer()
    assert len(cache.files()) == 1
