"""Debian's buildah with estiba-oci running the commands of a build."""

import pytest

QUIET = ["--network", "none"]


@pytest.fixture(scope="module")
def build(buildah):
    """`build(*command)` runs in one working container made from the Debian image."""
    name = buildah("from", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", buildah.image)

    def run(*words, flags=(), **options):
        return buildah("run", "--runtime", buildah.runtime, "--isolation", "oci", *QUIET, *flags, name, "--", *words,
                       **options)
    yield run
    buildah("rm", name)


def test_run(build):
    assert build("cat", "/etc/debian_version").startswith("12")
    build("sh", "-c", "exit 7", code=7)
    assert build("no-such-program", code=None).returncode != 0


def test_changes_stay_between_commands(build):
    build("sh", "-c", "echo kept > /root/file")
    assert build("cat", "/root/file") == "kept"


def test_options(build, tmp_path):
    (tmp_path / "file").write_text("from the host")
    flags = ["--user", "7:8", "--env", "A=b", "--workingdir", "/var", "--volume", f"{tmp_path}:/in:ro"]
    tmp_path.chmod(0o755)
    assert build("sh", "-c", "id -u; id -g; echo $A; pwd; cat /in/file", flags=flags) == "7\n8\nb\n/var\nfrom the host"


def test_a_terminal(build):
    assert "/dev/pts/" in build("tty", flags=["--terminal"])
