"""gpg with keys of one test."""

import os
import shutil
import subprocess
import tempfile

from harness.need import need_program


class Gpg:
    def __init__(self, folder):
        need_program("gpg")
        need_program("gpg-agent")
        self.folder = folder  # for what is exported
        self.home = tempfile.mkdtemp(prefix="estiba-gpg-")  # short: its agent's socket is in it

    def environment(self):
        return dict(os.environ, GNUPGHOME=self.home)

    def run(self, *arguments, **options):
        command = ["gpg", "--batch", "--quiet", "--no-tty", "--yes", "--pinentry-mode", "loopback", "--passphrase", "",
                   *map(str, arguments)]
        result = subprocess.run(command, env=self.environment(), capture_output=True, timeout=60, check=False,
                                **options)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def key(self, name, kind="ed25519", expires="never", made=None):
        """Its fingerprint. `made`: a time of the past."""
        at = ["--faked-system-time", made] if made else []
        self.run(*at, "--quick-generate-key", f"{name}@example.com", kind, "sign", expires)
        lines = self.run("--list-keys", "--with-colons", f"{name}@example.com").decode().splitlines()
        return next(line for line in lines if line.startswith("fpr:")).split(":")[9]

    def export(self, key, armor=False):
        """A keyring with that key alone: its file."""
        file = self.folder / f"{key}.{'asc' if armor else 'gpg'}"
        self.run(*(["--armor"] if armor else []), "--output", file, "--export", key)
        return file

    def sign(self, key, payload, *options, how="--sign"):
        return self.run("--local-user", key, *options, how, input=payload)

    def destroy(self):
        subprocess.run(["gpgconf", "--kill", "all"], env=self.environment(), capture_output=True, check=False)
        shutil.rmtree(self.home, ignore_errors=True)
