"""Other firewalls, the real programs, in the network of a test's host: each with private copies of what it writes, in a
process namespace of its own, so that nothing of it outlives the test."""

import os
import pathlib
import shutil
import signal
import subprocess
import time

from harness.need import need
from harness.wait import wait_until

CONNECTION_DRIVERS = "/usr/lib/x86_64-linux-gnu/libvirt/connection-driver"


class Firewall:
    programs = ()
    copies = ()  # folders it writes to: it gets copies
    empty = ("/var/log", "/var/cache")  # folders that are empty for it

    def __init__(self, host):
        for program in self.programs:
            need(shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin"), f"Debian's {program}")
        self.host = host
        lines = ["set -e", "mount --make-rprivate /", "mount -t tmpfs tmpfs /run", "mkdir -p /run/lock /run/dbus"]
        for index, folder in enumerate(self.copies):
            if os.path.isdir(folder):
                lines += [f"mkdir /run/copy{index}", f"cp -a {folder}/. /run/copy{index}",
                          f"mount --bind /run/copy{index} {folder}"]
        lines += [f"mount -t tmpfs tmpfs {folder}" for folder in self.empty]
        lines += [*self.preparations(), "echo ready", "exec sleep infinity"]
        self.holder = subprocess.Popen([*host.prefix(), "unshare", "--mount", "--pid", "--fork", "--mount-proc",
                                        "--kill-child", "sh", "-c", "\n".join(lines)],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline() == "ready\n"
        children = pathlib.Path(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children").read_text().split()
        self.inside = ["nsenter", "--target", children[0], "--mount", "--net", "--pid"]

    def preparations(self):
        """Lines of shell, run before anything else."""
        return []

    def run(self, *command, check=True):
        result = subprocess.run([*self.inside, *command], check=False, capture_output=True, text=True, timeout=120,
                                stdin=subprocess.DEVNULL)
        if check and result.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: exit {result.returncode}\n{result.stdout}{result.stderr}")
        return result.stdout

    def daemon(self, *command):
        with open("/dev/null", "wb") as null:
            return subprocess.Popen([*self.inside, *command], stdin=null, stdout=null, stderr=null)

    def sh(self, line):
        """As somebody types it on this host."""
        return self.run("sh", "-c", line)

    def start(self):
        """Loads its rules."""

    def restart(self):
        """Loads its rules anew, as its administrators do."""

    def destroy(self):
        self.holder.send_signal(signal.SIGKILL)  # and everything in its process namespace
        self.holder.wait()


class Ufw(Firewall):
    programs = ("ufw", "iptables")
    copies = ("/etc/ufw", "/etc/default", "/lib/ufw", "/var/lib/ufw")

    def start(self):
        self.run("ufw", "--force", "enable")

    def restart(self):
        self.run("ufw", "reload")


class Firewalld(Firewall):
    programs = ("firewalld", "firewall-cmd", "dbus-daemon", "nft")
    copies = ("/etc/firewalld",)
    backend = "nftables"

    def start(self):
        self.run("sed", "-i", f"s/^FirewallBackend=.*/FirewallBackend={self.backend}/", "/etc/firewalld/firewalld.conf")
        self.run("dbus-daemon", "--system", "--fork", "--nopidfile")
        self.process = self.daemon("firewalld", "--nofork", "--nopid")
        wait_until(self.answers, "firewalld answers", 60)

    def answers(self):
        return self.process.poll() is None and "running" in self.run("firewall-cmd", "--state", check=False)

    def restart(self):
        self.run("firewall-cmd", "--reload")


class FirewalldIptables(Firewalld):
    backend = "iptables"


class Docker(Firewall):
    programs = ("dockerd", "docker", "containerd")
    empty = ("/var/log", "/var/cache", "/var/lib/docker", "/etc/docker")

    def preparations(self):
        return []

    def __init__(self, host):
        for folder in ("/var/lib/docker", "/etc/docker"):
            os.makedirs(folder, exist_ok=True)
        super().__init__(host)

    def start(self):
        self.process = self.daemon("dockerd", "--data-root", "/var/lib/docker", "--exec-root", "/run/docker",
                                   "--pidfile", "/run/docker.pid", "-H", "unix:///run/docker.sock")
        wait_until(lambda: "Server Version" in self.run("docker", "-H", "unix:///run/docker.sock", "info", check=False),
                   "dockerd answers", 60)

    def restart(self):
        pid = self.run("cat", "/run/docker.pid").strip()
        self.run("kill", pid)
        self.process.wait(30)
        self.start()


class Libvirt(Firewall):
    programs = ("libvirtd", "virsh", "dnsmasq", "iptables")
    copies = ("/etc/libvirt",)
    empty = ("/var/log", "/var/cache", "/var/lib")
    network = """<network><name>default</name><forward mode='nat'/><bridge name='virbr0' stp='on' delay='0'/>
<ip address='192.168.122.1' netmask='255.255.255.0'><dhcp><range start='192.168.122.2' end='192.168.122.9'/></dhcp></ip>
</network>"""

    def preparations(self):
        # Its driver for QEMU wants users of its own.
        return [f"cp {CONNECTION_DRIVERS}/libvirt_driver_network.so /run", f"mount -t tmpfs tmpfs {CONNECTION_DRIVERS}",
                f"cp /run/libvirt_driver_network.so {CONNECTION_DRIVERS}",
                f"cat > /run/net.xml << 'END'\n{self.network}\nEND"]

    def virsh(self, *words, check=True):
        return self.run("virsh", "-c", "network:///system", *words, check=check)

    def start(self):
        self.daemon("libvirtd")
        wait_until(lambda: "Name" in self.virsh("net-list", check=False), "libvirtd answers", 60)
        self.virsh("net-create", "/run/net.xml")

    def restart(self):
        self.virsh("net-destroy", "default")
        self.virsh("net-create", "/run/net.xml")


ALL = [Ufw, Firewalld, FirewalldIptables, Docker, Libvirt]
