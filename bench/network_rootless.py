"""The networks of an ordinary user's containers: Estiba's, and those of podman of Debian 13, from a root of it."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile

from network_peers import Beyond, enter
from peers import IMAGE

from harness import rootless
from harness.engine import running

# In a chroot the kernel lets nobody make a user namespace: the root becomes the whole mount namespace's.
ROOT_OF_A_USER = """
mount --rbind "$ROOT" "$ROOT" && cd "$ROOT" && mount -t proc proc proc && mount --rbind /sys sys &&
mount --rbind /dev dev &&
for each in passwd group subuid subgid; do touch etc/$each && mount --bind /etc/$each etc/$each; done &&
mount -t tmpfs tmpfs tmp && mkdir -p ".$FOLDER" && mount --rbind "$FOLDER" ".$FOLDER" &&
pivot_root . mnt && umount -l /mnt && echo ready && exec sleep infinity
"""
# pasta and BBR, which a host may have for its default, get stuck (docs/rootless.md).
CONGESTION = "net.ipv4.tcp_congestion_control=reno"
ALWAYS = ("run", "-d", "--sysctl", CONGESTION)
SLEEP = ("sleep", "1d")


class OfRoot:
    """A user's host, as root sees it."""
    def __init__(self, host):
        self.name = host.name

    def run(self, *command, check=True):
        return subprocess.run(["nsenter", f"--net=/run/netns/{self.name}", *command], check=check, capture_output=True)


class Side:
    """One engine of the user's, on a host of its own with a machine beyond."""
    name = "estiba"
    image = "estiba/busybox"
    extra = ()

    def __init__(self, host, run):
        near = OfRoot(host)
        self.run, self.beyond = run, Beyond(near)
        near.run("ip", "route", "add", "default", "via", Beyond.THERE)
        near.run("sysctl", "-qw", CONGESTION)

    def pid(self, name):
        return self.run("inspect", "-f", "{{.State.Pid}}", name).strip()

    def container(self, name, *options):
        self.run(*ALWAYS, *self.extra, *options, "--name", name, self.image, *SLEEP)
        return enter(self.pid(name))

    def ends(self):
        """{part: {name: (server, client, address, port, port inside)}}"""
        self.run("network", "create", "bench")
        there, far = Beyond.THERE, self.beyond.host.prefix()
        member = self.container("server", "--network", "bench")
        client = self.container("client", "--network", "bench")
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        address = self.run("inspect", "-f", form, "server").strip()
        published = self.container("published", "--network", "bench", "-p", "8080:80")
        return {"out": {self.name: (far, client, there, 6001, 6001), **self.more_ways_out(far)},
                "published": {self.name: (published, far, Beyond.HERE, 8080, 80)},
                "pair": {self.name: (member, client, address, 6001, 6001)}}

    def more_ways_out(self, far):
        return {}


class PodmanSide(Side):
    name = "podman, on a network"
    image = "docker.io/estiba/busybox"
    extra = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")

    def more_ways_out(self, far):
        return {"podman, pasta's default": (far, self.container("plain"), Beyond.THERE, 6001, 6001)}


@contextlib.contextmanager
def estiba_side(user):
    with running(rootless.RootlessEngine(user)) as engine:
        side = Side(engine.host, lambda *arguments: engine.out(*arguments))
        try:
            yield side
        finally:
            engine.remove_everything()
            engine.cli("network", "rm", "bench", check=False)
            side.beyond.destroy()


@contextlib.contextmanager
def podman_side(user, root):
    host = rootless.UserHost(user)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="estiba-podman."))
    os.chown(folder, user.uid, user.gid)
    shutil.copy(IMAGE, folder / "busybox.tar")
    holder = subprocess.Popen(["unshare", "--mount", "sh", "-c", ROOT_OF_A_USER], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, text=True,
                              env=dict(os.environ, ROOT=str(root.resolve()), FOLDER=str(folder)))
    prefix = ["nsenter", f"--net=/run/netns/{host.name}", f"--mount=/proc/{holder.pid}/ns/mnt", *user.become(), "env",
              "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", f"HOME={folder}", f"XDG_RUNTIME_DIR={folder}", "podman",
              "--cgroup-manager", "cgroupfs", "--runtime", "runc"]

    def run(*arguments):
        return subprocess.run([*prefix, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=True, cwd="/", timeout=120).stdout
    side = None
    try:
        if holder.stdout.readline().strip() != "ready":
            raise RuntimeError(f"cannot use the root {root}")
        run("load", "-i", f"{folder}/busybox.tar")
        side = PodmanSide(host, run)
        yield side
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            run("rm", "-fa", "-t", "0")
        if side:
            side.beyond.destroy()
        for pid in user.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        holder.kill()
        holder.wait()
        host.destroy()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def rootless_peers(names, root_13):
    """{part: {name: (server, client, address, port, port inside)}} of those of the peers that there are."""
    tun = rootless.OpenTun()
    user = rootless.User()
    try:
        with contextlib.ExitStack() as stack:
            # The first to come is the last to go: podman's end takes all of the user's processes along.
            sides = []
            if "podman" in names and root_13:
                sides.append(stack.enter_context(podman_side(user, root_13)))
            if "estiba" in names:
                sides.insert(0, stack.enter_context(estiba_side(user)))
            parts = {}
            for side in sides:
                for part, ends in side.ends().items():
                    parts.setdefault(part, {}).update(ends)
            yield parts
    finally:
        user.remove()
        tun.close()
