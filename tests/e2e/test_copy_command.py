"""estiba copy: from registry to registry by the command line; nothing comes into the engine's store."""

import json
import subprocess

import pytest

from harness.engine import BIN
from harness.fault_proxy import FaultProxy
from harness.need import need_program
from harness.wait import wait_until

BUSYBOX = BIN.parent / "share/estiba/images/busybox.tar"


@pytest.fixture
def source(engine, registry):
    yield registry.push(BUSYBOX, "app:1")
    assert engine.out("images", "-q", registry.name + "/*") == ""


def digest_at(registry, reference):
    need_program("skopeo")
    told = subprocess.run(registry.prefix() + ["skopeo", "inspect", "--tls-verify=false", *registry.creds("--creds"),
                                               f"docker://{reference}"], check=True, capture_output=True, text=True)
    return json.loads(told.stdout)["Digest"]


def test_from_one_registry_to_another_with_a_login(engine, source, registry, guarded):
    target = f"{guarded.name}/team/app:2"
    denied = engine.cli("copy", source, target, check=False)
    assert denied.returncode == 1
    assert f"write to '{guarded.name}/team/app': push access denied for team/app" in denied.stderr
    user, password = guarded.login
    engine.cli("login", "-u", user, "--password-stdin", guarded.name, input=password)
    done = engine.cli("image", "copy", source, target)
    digest = digest_at(registry, source)
    assert done.stdout.splitlines()[0] == f"The copy refers to repository [{guarded.name}/team/app]"
    assert done.stdout.splitlines()[-1].startswith(f"2: digest: {digest} size: ")
    assert digest_at(guarded, target) == digest
    back = engine.cli("copy", "-q", f"docker://{target}", f"docker://{registry.name}/back:3")
    assert back.stdout == f"{registry.name}/back@{digest}\n"
    assert digest_at(registry, f"{registry.name}/back:3") == digest


@pytest.mark.parametrize("arguments, says", [
    (["UPPER", "h.io/a"], "repository name (UPPER) must be lowercase"),
    (["h.io/a", "UPPER"], "invalid destination 'UPPER'"),
    (["--all", "--platform", "linux/arm64", "h.io/a", "h.io/b"], "--platform can't be used with --all/-a"),
    (["127.0.0.1:1/a", "127.0.0.1:1/b"], "read from '127.0.0.1:1/a': connect to registry '127.0.0.1:1'"),
    (["h.io/a"], "requires 2 arguments"),
])
def test_what_cannot_be_copied_is_refused(engine, arguments, says):
    refused = engine.cli("copy", *arguments, check=False)
    assert refused.returncode == 1 and says in refused.stderr


def test_a_copy_that_is_broken_off_ends(engine, source, registry):
    with FaultProxy(registry.port, host=engine.host) as proxy:
        proxy.add(path="/blobs/", method="HEAD", delay=600)
        copy = engine.popen("copy", source, f"{proxy.name}/slow:1")
        assert copy.stdout.readline()
        copy.kill()
        copy.communicate()
        wait_until(lambda: engine.cli("image", "prune", "-f", check=False).returncode == 0,
                   "no transfer stands in a prune's way")
