"""A CNI configuration of a test's own, with Debian's plugins and scripts beside them."""

import json
import os
import pathlib

from harness import leaks
from harness.engine import Engine
from harness.need import need, need_program

PLUGINS = pathlib.Path("/usr/lib/cni")  # of containernetworking-plugins
PORTMAP = {"type": "portmap", "capabilities": {"portMappings": True}}


class Cni:
    """Folders of configuration, programs and leases below `folder`."""

    def __init__(self, folder):
        need((PLUGINS / "bridge").exists(), "the package containernetworking-plugins")
        need_program("iptables")
        folder.mkdir()
        self.conf = folder / "net.d"
        self.bin = folder / "bin"
        self.leases = folder / "leases"
        self.log = folder / "plugins.log"
        self.conf.mkdir()
        self.bin.mkdir()

    def settings(self, timeout=20):
        return (f'[network.cni]\nenabled = true\nconf_dir = "{self.conf}"\n'
                f'bin_dirs = ["{self.bin}", "{PLUGINS}"]\ntimeout = {timeout}\n')

    def network(self, name, *plugins, version="1.0.0", rank=10, **more):
        """Writes a .conflist; its path."""
        path = self.conf / f"{rank}-{name}.conflist"
        path.write_text(json.dumps({"cniVersion": version, "name": name, "plugins": plugins, **more}))
        return path

    def ipam(self, subnet="10.98.0.0/24", **more):
        return {"type": "host-local", "ranges": [[{"subnet": subnet}]], "routes": [{"dst": "0.0.0.0/0"}],
                "dataDir": str(self.leases), **more}

    def bridge(self, subnet="10.98.0.0/24", link="cni-test0", **more):
        return {"type": "bridge", "bridge": link, "isGateway": True, "ipMasq": True, "hairpinMode": True,
                "ipam": self.ipam(subnet), **more}

    def script(self, name, body):
        """A plugin: `body` runs with its configuration in $CONFIG; each run is noted in the log."""
        path = self.bin / name
        path.write_text(f'#!/bin/sh\nCONFIG=$(cat)\necho "{name} $CNI_COMMAND" >> "{self.log}"\n{body}\n')
        path.chmod(0o755)

    def pass_on(self, name, rest=""):
        """A plugin that hands on what it was given; `rest` runs before that, for every command."""
        self.script(name, rest + '\n[ "$CNI_COMMAND" = ADD ] || exit 0\n'
                    'printf %s "$CONFIG" | python3 -c '
                    '"import json, sys; print(json.dumps(json.load(sys.stdin)[\'prevResult\']))"')

    def newer(self, name, real):
        """A plugin of version 1.1.0, with STATUS and GC, over a real one that knows 1.0.0."""
        self.script(name, f'''
case $CNI_COMMAND in
VERSION) echo '{{"cniVersion": "1.1.0", "supportedVersions": ["1.1.0"]}}'; exit ;;
STATUS) exit ;;
GC) printf "%s\\n" "$CONFIG" >> "{self.log}.gc"; exit ;;
esac
printf %s "$CONFIG" | sed 's/"cniVersion":"1.1.0"/"cniVersion":"1.0.0"/g; s/"type":"{name}"/"type":"{real}"/' |
  "{PLUGINS}/{real}"''')

    def said(self):
        return self.log.read_text().splitlines() if self.log.exists() else []

    def addresses(self):
        """Addresses that containers have, by network."""
        found = {}
        for network in self.leases.iterdir() if self.leases.exists() else []:
            names = [name for name in os.listdir(network) if name[0].isdigit()]
            if names:
                found[network.name] = sorted(names)
        return found


def engine_with(cni, folder, **settings):
    return Engine(folder, extra_config=cni.settings(**settings))


def left(engine, cni):
    """What containers on CNI networks have left."""
    held = [path for path in leaks.files(engine.run_root, "cni")]
    known = [path for path in leaks.files(engine.data_root, "cni") if not path.endswith("/all.lock")]
    chains = engine.host.run("sh", "-c", "iptables-save -t nat; iptables-save -t filter").stdout.splitlines()
    rules = [line for line in chains if "CNI-DN-" in line or 'id: "' in line]
    links = [link for link in leaks.links(engine.host)]
    return held + known + rules + links + [f"{name}: {ips}" for name, ips in cni.addresses().items()]
