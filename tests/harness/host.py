"""A network namespace that stands for "the host" of one test: bridges, nft tables and ports made there are nobody
else's. Everything else (mounts, cgroups, processes) is the real host's and is checked for leaks."""

import os
import subprocess
import uuid


class Host:
    def __init__(self):
        self.name = "est-" + uuid.uuid4().hex[:10]
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self.inode = os.stat(f"/run/netns/{self.name}").st_ino
        self.run("ip", "link", "set", "lo", "up")

    def prefix(self):
        # nsenter, not "ip netns exec": that one mounts a new /sys without the cgroups below it.
        return ["nsenter", f"--net=/run/netns/{self.name}"]

    def run(self, *command, check=True, **options):
        """Runs a program in this host's network; output captured as text."""
        options.setdefault("capture_output", True)
        options.setdefault("text", True)
        options.setdefault("timeout", 60)
        return subprocess.run(self.prefix() + list(command), check=check, **options)

    def processes(self):
        """Pids of processes in this network namespace (containers on their own network are not)."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.stat(f"/proc/{pid}/ns/net").st_ino == self.inode:
                    found.append(int(pid))
            except OSError:
                pass  # it ended while we looked
        return found

    def destroy(self):
        subprocess.run(["ip", "netns", "delete", self.name], check=False)
