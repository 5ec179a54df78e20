"""Trees of files, entry by entry: what is compared of what different programs have unpacked."""

import contextlib
import hashlib
import os
import stat
import subprocess


def describe(path, status):
    """What an entry is, without its name and its inode."""
    kind = stat.S_IFMT(status.st_mode)
    attributes = {name: os.getxattr(path, name, follow_symlinks=False) for name in
                  os.listxattr(path, follow_symlinks=False) if not name.startswith(b"trusted.overlay.".decode())}
    entry = {"type": stat.filemode(status.st_mode)[0], "mode": oct(stat.S_IMODE(status.st_mode)), "uid": status.st_uid,
             "gid": status.st_gid, "mtime": status.st_mtime_ns, "xattrs": attributes}
    if kind == stat.S_IFLNK:
        entry["link"] = os.readlink(path)
    elif kind in (stat.S_IFCHR, stat.S_IFBLK):
        entry["device"] = (os.major(status.st_rdev), os.minor(status.st_rdev))
    elif kind == stat.S_IFREG:
        entry["size"] = status.st_size
        with open(path, "rb") as file:
            entry["content"] = hashlib.file_digest(file, "sha256").hexdigest()
    return entry


def look(root):
    """{path: entry}; entries with the same inode have each other's paths in "same"."""
    root = os.fsencode(root)
    entries, inodes = {}, {}
    pending = [b""]
    while pending:
        folder = pending.pop()
        with os.scandir(os.path.join(root, folder)) as found:
            names = [os.path.join(folder, one.name) for one in found]
        for name in names:
            path = os.path.join(root, name)
            status = os.lstat(path)
            entries[name] = describe(path, status)
            if stat.S_ISDIR(status.st_mode):
                pending.append(name)
            elif status.st_nlink > 1:
                inodes.setdefault((status.st_dev, status.st_ino), []).append(name)
    for same in inodes.values():
        for name in same:
            if len(same) > 1:
                entries[name]["same"] = sorted(same)
    return entries


def differences(ours, theirs):
    """{(path, field): (ours, theirs)}; a path that one of them lacks is the field "there"."""
    found = {}
    for name in ours.keys() | theirs.keys():
        if name not in ours or name not in theirs:
            found[name, "there"] = (name in ours, name in theirs)
            continue
        for field in ours[name].keys() | theirs[name].keys():
            pair = ours[name].get(field), theirs[name].get(field)
            if pair[0] != pair[1]:
                found[name, field] = pair
    return found


@contextlib.contextmanager
def merged(layers, folder):
    """The tree that overlayfs makes of layers, topmost first."""
    if len(layers) == 1:
        yield layers[0]
        return
    os.makedirs(folder)
    subprocess.run(["mount", "-t", "overlay", "-o", "ro,lowerdir=" + ":".join(map(str, layers)), "overlay", folder],
                   check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)
