"""A certificate authority for one test, and what it vouches for."""

import os
import pathlib
import subprocess

from harness.need import need_program


class Authority:
    def __init__(self, folder):
        need_program("openssl")
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.cert = self.folder / "ca.crt"
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test authority",
                     "-keyout", self.folder / "ca.key", "-out", self.cert)

    def openssl(self, *arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

    def issue(self, name, *alternatives):
        """Files of a certificate and its key; `alternatives` as "IP:10.0.0.1" or "DNS:host"."""
        key, request, cert = (self.folder / f"{name}.{ending}" for ending in ("key", "csr", "cert"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={','.join(alternatives)}\n" if alternatives else "")
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        self.openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.folder / "ca.key", "-days", "2",
                     "-CAcreateserial", "-extfile", extensions, "-out", cert)
        os.chown(key, os.stat(self.folder).st_uid, -1)
        return cert, key
