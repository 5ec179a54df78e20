"""The peers of bench/networks.py: engines with pairs of containers and published ports, and the same made by hand."""

import os
import pathlib
import shutil
import subprocess

import peers
from peers import IMAGE, QUIET, ROOT_OF_ITS_OWN, Host, wait_until

# One mount namespace for all of a peer, for podman keeps its network namespaces as mounts.
MOUNTS = ROOT_OF_ITS_OWN + "echo ready\nexec sleep infinity\n"


def enter(pid):
    return ["nsenter", f"--net=/proc/{pid}/ns/net"]


class Networked:
    """What networks are measured by. `at_once` are options that have `rm -f` not wait for a program's end."""
    at_once = ()
    pair_names = ("pair-server", "pair-client")
    beyond = None

    def run(self, *arguments, check=True, timeout=120):
        return subprocess.run(self.command(*arguments), env=self.environment, check=check, capture_output=True,
                              text=True, timeout=timeout)

    def pid(self, name):
        return self.run("inspect", "-f", "{{.State.Pid}}", name).stdout.strip()

    def address(self, name):
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return self.run("inspect", "-f", form, name).stdout.strip()

    def pair(self):
        """Two containers: (command that enters the server's network, the client's, the server's address)."""
        for name in self.pair_names:
            self.run("run", "-d", *self.extra, "--name", name, self.image, "sleep", "1d")
        server, client = self.pair_names
        return enter(self.pid(server)), enter(self.pid(client)), self.address(server)

    def unpair(self):
        self.run("rm", "-f", *self.at_once, *self.pair_names, check=False)

    def published(self):
        """A machine beyond the host, and a container with port 80 published as 8080: (server, client, address, port,
        port inside)."""
        self.beyond = Beyond(self.host)
        self.run("run", "-d", *self.extra, "--name", "published", "-p", "8080:80", self.image, "sleep", "1d")
        return enter(self.pid("published")), self.beyond.host.prefix(), self.beyond.HERE, 8080, 80

    def unpublish(self):
        self.run("rm", "-f", *self.at_once, "published", check=False)
        if self.beyond:
            self.beyond.destroy()
            self.beyond = None


class Beyond:
    """Another machine, behind a link of the host's."""
    HERE, THERE = "192.0.2.1", "192.0.2.2"

    def __init__(self, host):
        self.near, self.host = host, Host()
        host.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", self.host.name)
        host.run("ip", "addr", "add", f"{self.HERE}/24", "dev", "up0")
        host.run("ip", "link", "set", "up0", "up")
        self.host.run("ip", "addr", "add", f"{self.THERE}/24", "dev", "eth0")
        self.host.run("ip", "link", "set", "eth0", "up")

    def destroy(self):
        self.near.run("ip", "link", "del", "up0", check=False)
        self.host.destroy()


class Estiba(Networked, peers.Estiba):
    pass


class Docker(Networked, peers.Docker):
    pass


class Podman(Networked, peers.Podman):
    at_once = ("-t", "0")


class InRoot:
    """A peer of Debian 13's, in its own root with the benchmark's folder and this machine's kernel."""
    def prepare(self, root):
        environment = dict(os.environ, ROOT=str(root), FOLDER=str(self.folder))
        self.root = root
        self.holder = subprocess.Popen(["unshare", "--mount", "sh", "-c", MOUNTS], env=environment,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        if self.holder.stdout.readline().strip() != "ready":
            raise RuntimeError(f"cannot use the root {root}")
        shutil.copy(IMAGE, self.folder / "busybox.tar")

    def inside(self, *command):
        return [*self.prefix(), "nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", "chroot", str(self.root),
                *command]

    def release(self):
        self.holder.kill()
        self.holder.wait()


class Docker13(InRoot, Networked, peers.Docker):
    def __init__(self, folder, root):
        peers.Peer.__init__(self, folder)
        self.prepare(root)
        self.socket = self.folder / "docker.sock"
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(
            self.inside("dockerd", "--data-root", f"{self.folder}/data", "--exec-root", f"{self.runs}/exec",
                        "--pidfile", f"{self.folder}/pid", "-H", f"unix://{self.socket}"),
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        wait_until(lambda: subprocess.run(self.command("version"), env=self.environment, check=False,
                                          **QUIET).returncode == 0, "dockerd answers", 60)
        self.run("load", "-i", str(self.folder / "busybox.tar"))

    def stop(self):
        super().stop()
        self.release()


class Podman13(InRoot, Networked, peers.Podman):
    at_once = ("-t", "0")

    def __init__(self, folder, root):
        peers.Peer.__init__(self, folder)
        self.prepare(root)
        self.run("load", "-i", str(self.folder / "busybox.tar"))

    def entering(self):
        return self.inside()

    def stop(self):
        super().stop()
        self.release()


def engine(name, folder, root):
    """The peer of this name; docker and podman from `root`, if there is one."""
    if root and name != "estiba":
        return {"docker": Docker13, "podman": Podman13}[name](folder, root)
    return {"estiba": Estiba, "docker": Docker, "podman": Podman}[name](folder)


class Handmade:
    """The same as engines make, by ip and nft: a bridge, link pairs, one rule."""
    def __init__(self):
        self.hosts, self.beyond = [Host()], None
        near = self.hosts[0]
        near.run("ip", "link", "add", "br0", "type", "bridge")
        near.run("ip", "addr", "add", "10.96.0.1/24", "dev", "br0")
        near.run("ip", "link", "set", "br0", "up")

    def member(self, number):
        one, near = Host(), self.hosts[0]
        self.hosts.append(one)
        near.run("ip", "link", "add", f"port{number}", "master", "br0", "type", "veth", "peer", "name", "eth0", "netns",
                 one.name)
        near.run("ip", "link", "set", f"port{number}", "up")
        one.run("ip", "addr", "add", f"10.96.0.{number}/24", "dev", "eth0")
        one.run("ip", "link", "set", "eth0", "up")
        one.run("ip", "route", "add", "default", "via", "10.96.0.1")
        return one

    def pair(self):
        server, client = self.member(2), self.member(3)
        return server.prefix(), client.prefix(), "10.96.0.2"

    def track(self):
        """Connections are tracked, as they are wherever a rule asks of their state or translates an address. (Where the
        kernel has br_netfilter, what crosses a bridge is tracked, too.)"""
        self.hosts[0].run("nft", "add table ip hand;"
                                 "add chain ip hand tracking { type filter hook forward priority 0; };"
                                 "add rule ip hand tracking ct state established,related accept")

    def published(self):
        near, server = self.hosts[0], self.member(2)
        self.beyond = Beyond(near)
        near.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        near.run("nft", "add table ip hand; add chain ip hand pre { type nat hook prerouting priority -100; };"
                        "add rule ip hand pre tcp dport 8080 dnat to 10.96.0.2:80")
        return server.prefix(), self.beyond.host.prefix(), Beyond.HERE, 8080, 80

    def destroy(self):
        if self.beyond:
            self.beyond.destroy()
        for host in self.hosts:
            host.destroy()
