"""Debian's docker-registry on loopback, inside one test host's network, and skopeo as the client that pushes."""

import pathlib
import socket
import subprocess

from harness.need import need_program
from harness.wait import wait_until

CONFIG = """version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {root}}}, delete: {{enabled: true}}}}
http: {{addr: "{address}:{port}"{tls}}}
validation: {{manifests: {{urls: {{allow: ["^http://127[.]"]}}}}}}
"""


class Registry:
    """Listens on address:port of `host` (harness.host.Host), or of the real host when it is None. With `login`, a
    pair of name and password, it lets nobody else in. With `tls`, files of a certificate and a key, it speaks TLS; with
    `clients`, an authority's file, to those alone who have a certificate of it."""

    def __init__(self, folder, host=None, port=5000, login=None, address="127.0.0.1", tls=None, clients=None):
        need_program("docker-registry")
        self.host = host
        self.login = login
        self.tls = tls
        self.port = port if host else free_port()
        self.name = f"{address}:{self.port}"
        self.folder = pathlib.Path(folder)
        config = self.folder / "registry.yml"
        spoken = f", tls: {{certificate: {tls[0]}, key: {tls[1]}" if tls else ""
        spoken += f", clientcas: [{clients}]}}" if clients else "}" if tls else ""
        config.write_text(CONFIG.format(root=self.folder / "registry", address=address, port=self.port, tls=spoken) +
                          self.auth())
        self.log = open(self.folder / "registry.log", "ab")
        self.process = subprocess.Popen(self.prefix() + ["docker-registry", "serve", str(config)],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        wait_until(self.answers, "the registry answers")

    def auth(self):
        if self.login is None:
            return ""
        need_program("htpasswd")
        users = self.folder / "htpasswd"
        line = subprocess.run(["htpasswd", "-nbB", *self.login], check=True, capture_output=True,
                              text=True).stdout
        users.write_text(line)
        return f"auth: {{htpasswd: {{realm: test, path: {users}}}}}\n"

    def prefix(self):
        return self.host.prefix() if self.host else []

    def answers(self):
        refused = 7
        if self.tls:  # who has no certificate gets no answer, but a connection
            return subprocess.run(self.prefix() + ["curl", "-sk", f"https://{self.name}/v2/", "-o", "/dev/null"],
                                  check=False).returncode != refused
        return subprocess.run(self.prefix() + ["curl", "-sf", *self.creds("-u"), "-o", "/dev/null",
                                               f"http://{self.name}/v2/"], check=False).returncode == 0

    def creds(self, option):
        return [option, ":".join(self.login)] if self.login else []

    def push(self, archive, name, source="docker-archive"):
        """Pushes an archive file with skopeo; answers the reference to pull."""
        need_program("skopeo")
        subprocess.run(self.prefix() + ["skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false",
                                        *self.creds("--dest-creds"),
                                        f"{source}:{archive}", f"docker://{self.name}/{name}"],
                       check=True, capture_output=True, timeout=600)
        return f"{self.name}/{name}"

    def stop(self):
        self.process.kill()
        self.process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
