"""What others make of our archives and pushes, and theirs for us: skopeo, docker, podman, containerd, umoci."""

import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "engines"))

from drivers import Containerd, Docker, Podman  # noqa: E402  (the path above comes first)

from harness.host import Host  # noqa: E402

NAME = "estiba/round:1"


def run(*command, **options):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=120, check=False, **options)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}"
    return done.stdout


def skopeo(*words, host=None):
    return run(*(host.prefix() if host else []), "skopeo", "--insecure-policy", *words)


class Skopeo:
    """`reads` and `writes` are forms of archives; read() and fetch() answer the config's digest and the diff ids that
    the peer has found, and the manifest's digest where it shows it."""
    reads = ("both", "docker-archive", "oci-archive", "oci-dir", "docker-dir")
    writes = ("docker-archive", "oci-archive", "oci-dir")

    def __init__(self):
        self.host = Host()

    def start(self):
        pass

    def destroy(self):
        self.host.destroy()

    def place(self, form, path):
        return {"both": f"docker-archive:{path}:{NAME}", "docker-archive": f"docker-archive:{path}:{NAME}",
                "oci-archive": f"oci-archive:{path}:1", "oci-dir": f"oci:{path}:1", "docker-dir": f"dir:{path}"}[form]

    def look(self, place, *options):
        config = skopeo("inspect", *options, "--raw", "--config", place, host=self.host)
        raw = json.loads(skopeo("inspect", *options, "--raw", place, host=self.host))
        shown = json.loads(skopeo("inspect", *options, place, host=self.host))
        return raw["config"]["digest"], json.loads(config)["rootfs"]["diff_ids"], shown["Digest"]

    def read(self, form, path, scratch):
        # All of it: copying checks every digest.
        skopeo("copy", self.place(form, path), f"dir:{scratch}/copied", host=self.host)
        identity, diff_ids, digest = self.look(self.place(form, path))
        return identity, diff_ids, digest if form.startswith("oci") else None

    def fetch(self, reference):
        return self.look(f"docker://{reference}", "--tls-verify=false")

    def write(self, form, path, source):
        name = NAME if form == "docker-archive" else f"docker.io/{NAME}"
        target = {"docker-archive": f"docker-archive:{path}:{name}", "oci-archive": f"oci-archive:{path}:{name}",
                  "oci-dir": f"oci:{path}:{name}"}[form]
        skopeo("copy", source, target, host=self.host)

    def push(self, source, reference):
        skopeo("copy", "--dest-tls-verify=false", source, f"docker://{reference}", host=self.host)


class ByEngine:
    """A peer that has a store of its own, which `driver` starts."""

    def __init__(self):
        self.driver = self.kind()
        self.host = self.driver.host

    def start(self):
        self.driver.start()

    def destroy(self):
        self.driver.destroy()

    def bring(self, source):
        """The image of an OCI layout into the peer's store, by a form that all of them read."""
        archive = self.driver.folder / "brought.tar"
        archive.unlink(missing_ok=True)
        skopeo("copy", source, f"docker-archive:{archive}:{NAME}")
        self.load(archive)

    def read(self, form, path, scratch):
        self.forget()
        self.load(self.readable(form, path))
        return self.found(NAME)

    def readable(self, form, path):
        return path

    def write(self, form, path, source):
        self.forget()
        self.bring(source)
        self.save(form, path)

    def push(self, source, reference):
        self.forget()
        self.bring(source)
        self.send(reference)


class ByDocker(ByEngine):
    kind = Docker
    reads = ("both", "docker-archive")  # docker 20.10 knows no OCI layouts
    writes = ("docker-archive",)

    def load(self, path):
        self.driver("load", "-i", path)

    def forget(self):
        for image in self.driver("images", "-aq").split():
            self.driver("rmi", "-f", image)

    def found(self, name):
        image = json.loads(self.driver("inspect", name))[0]
        digests = [one.rpartition("@")[2] for one in image["RepoDigests"]]
        return image["Id"], image["RootFS"]["Layers"], digests[0] if digests else None

    def save(self, form, path):
        self.driver("save", "-o", path, NAME)

    def send(self, reference):
        self.driver("tag", NAME, reference)
        self.driver("push", reference)

    def fetch(self, reference):
        self.forget()
        self.driver("pull", reference)
        return self.found(reference)


class ByPodman(ByEngine):
    kind = Podman
    reads = ("both", "docker-archive", "oci-archive", "oci-dir", "docker-dir")
    writes = ("docker-archive", "oci-archive", "oci-dir", "docker-dir")

    def load(self, path):
        self.driver("load", "-i", path)

    def read(self, form, path, scratch):
        if form != "docker-dir" and form != "oci-dir":
            return super().read(form, path, scratch)
        # `podman load` finds no layout by its path alone; `pull` does.
        self.forget()
        identity = self.driver("pull", "-q", f"{'oci' if form == 'oci-dir' else 'dir'}:{path}").split()[-1]
        return self.found(identity)

    def forget(self):
        self.driver("rmi", "-fa")

    def found(self, name):
        image = json.loads(self.driver("image", "inspect", name))[0]
        return "sha256:" + image["Id"], image["RootFS"]["Layers"], None

    def save(self, form, path):
        self.driver("save", "--format", form, "-o", path, NAME)

    def send(self, reference):
        self.driver("push", "--tls-verify=false", NAME, f"docker://{reference}")

    def fetch(self, reference):
        self.forget()
        self.driver("pull", "--tls-verify=false", reference)
        identity, diff_ids, _ = self.found(reference)
        return identity, diff_ids, json.loads(self.driver("image", "inspect", reference))[0]["Digest"]


class ByContainerd(ByEngine):
    kind = Containerd
    reads = ("both", "docker-archive", "oci-archive")
    writes = ("oci-archive",)

    def load(self, path):
        self.driver("image", "import", path)

    def forget(self):
        for name in self.driver("image", "ls", "-q").split():
            self.driver("image", "rm", "--sync", name)

    def found(self, name):
        name = name if name.startswith("127.") else f"docker.io/{name}"
        line = next(line for line in self.driver("image", "ls").splitlines() if line.startswith(name + " "))
        digest = next(word for word in line.split() if word.startswith("sha256:"))
        manifest = json.loads(self.driver("content", "get", digest))
        config = json.loads(self.driver("content", "get", manifest["config"]["digest"]))
        return manifest["config"]["digest"], config["rootfs"]["diff_ids"], digest

    def save(self, form, path):
        self.driver("image", "export", path, f"docker.io/{NAME}")

    def send(self, reference):
        self.driver("image", "push", "--plain-http", reference, f"docker.io/{NAME}")

    def fetch(self, reference):
        self.forget()
        self.driver("image", "pull", "--plain-http", reference)
        return self.found(reference)


class Umoci:
    """Layouts that are directories alone; registries are skopeo's."""
    reads = ("oci-dir",)
    writes = ("oci-dir",)

    def __init__(self):
        self.host = Host()

    start = Skopeo.start
    destroy = Skopeo.destroy

    def read(self, form, path, scratch):
        run("umoci", "unpack", "--image", f"{path}:1", f"{scratch}/bundle")
        run("umoci", "stat", "--json", "--image", f"{path}:1")
        layout = pathlib.Path(path)
        top = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
        manifest = json.loads(blob(layout, top))
        return manifest["config"]["digest"], json.loads(blob(layout, manifest["config"]["digest"]))["rootfs"][
            "diff_ids"], top

    def write(self, form, path, source):
        skopeo("copy", source, f"oci:{path}:docker.io/{NAME}")
        run("umoci", "tag", "--image", f"{path}:docker.io/{NAME}", "other")
        run("umoci", "rm", "--image", f"{path}:other")
        run("umoci", "gc", "--layout", path)


def blob(layout, digest):
    return (pathlib.Path(layout) / "blobs/sha256" / digest.removeprefix("sha256:")).read_bytes()


ALL = {"skopeo": Skopeo, "docker": ByDocker, "podman": ByPodman, "containerd": ByContainerd, "umoci": Umoci}
NEEDS = {"skopeo": ("skopeo",), "docker": Docker.programs, "podman": Podman.programs, "containerd": Containerd.programs,
         "umoci": ("umoci",)}
