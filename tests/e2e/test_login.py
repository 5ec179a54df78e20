"""login and logout, and that pulls use what they kept, against a registry that asks for a name and a password."""

import base64
import json
import os
import stat

import pytest

from harness.engine import BIN
from harness.fault_proxy import FaultProxy
from harness.need import need_program
from harness.registry import Registry
from harness.terminal import Terminal

BUSYBOX = BIN.parent / "share/estiba/images/busybox.tar"
USER, PASSWORD = "someone", "s3cret:with colon"


@pytest.fixture
def registry(engine, tmp_path):
    folder = tmp_path / "registry"
    folder.mkdir()
    one = Registry(folder, engine.host, login=(USER, PASSWORD))
    one.image = one.push(BUSYBOX, "app:1")
    yield one
    one.stop()


def config_file(engine):
    return engine.folder / ".docker/config.json"


def config(engine):
    return json.loads(config_file(engine).read_text())


def login(engine, registry, password=PASSWORD, **options):
    return engine.cli("login", "-u", USER, "--password-stdin", registry.name, input=password + "\n", **options)


def test_a_pull_needs_the_login(engine, registry):
    denied = engine.cli("pull", registry.image, check=False)
    assert denied.returncode == 1 and "pull access denied" in denied.stderr
    done = login(engine, registry)
    assert done.stdout == "Login Succeeded\n"
    assert f"stored unencrypted in '{config_file(engine)}'" in done.stderr
    assert stat.S_IMODE(os.stat(config_file(engine)).st_mode) == 0o600
    kept = config(engine)["auths"]
    assert list(kept) == [registry.name]
    assert base64.b64decode(kept[registry.name]["auth"]).decode() == f"{USER}:{PASSWORD}"
    engine.cli("pull", registry.image)
    engine.cli("rmi", registry.image)
    assert engine.out("run", "--rm", "--network", "none", registry.image, "echo", "ran") == "ran"
    engine.cli("rmi", registry.image)
    assert engine.out("logout", registry.name) == f"Removing login credentials for {registry.name}"
    assert config(engine)["auths"] == {}
    assert engine.cli("pull", registry.image, check=False).returncode == 1


def test_a_wrong_password_is_not_kept(engine, registry):
    refused = login(engine, registry, "wrong", check=False)
    assert refused.returncode == 1
    assert refused.stderr == (f"Error response from daemon: login attempt to http://{registry.name}/v2/ failed with "
                              "status: 401 Unauthorized\n")
    assert not config_file(engine).exists()


def test_a_later_login_uses_what_is_kept(engine, registry):
    login(engine, registry)
    again = engine.cli("login", registry.name)
    assert again.stdout == f"Authenticating with existing credentials... [Username: {USER}]\nLogin Succeeded\n"


@pytest.mark.parametrize("arguments, says", [
    (["--password-stdin"], "the --password-stdin option requires --username to be set"),
    (["-u", "u", "-p", "x", "--password-stdin"], "cannot specify both --password and --password-stdin"),
    (["-u", "u", "--password-stdin"], "password is empty"),
    ([], "Error: Cannot perform an interactive login from a non TTY device"),
    (["-u", "u"], "Error: Cannot perform an interactive login from a non TTY device"),
])
def test_incomplete_logins_are_refused(engine, arguments, says):
    refused = engine.cli("login", *arguments, "127.0.0.1:1", check=False)
    assert refused.returncode == 1 and says in refused.stderr


def test_an_address_that_is_none_is_refused(engine):
    refused = engine.cli("login", "-u", "u", "-p", "x", "a b", check=False)
    assert refused.returncode == 1 and "'a b' is not the address of a registry" in refused.stderr


def test_the_terminal_does_not_show_the_password(engine, registry):
    terminal = Terminal(engine.command("login", registry.name), engine.environment())
    terminal.expect("Username: ")
    terminal.type(USER + "\n")
    terminal.expect("Password: ")
    terminal.type(PASSWORD + "\n")
    code = terminal.wait()
    shown = terminal.seen.decode()
    terminal.close()
    assert code == 0, shown
    assert "Login Succeeded" in shown and PASSWORD not in shown


@pytest.fixture
def helper(engine, monkeypatch):
    """A folder with a credential helper "fake", which keeps one login in its file "kept"."""
    folder = engine.folder / "helpers"
    folder.mkdir()
    helper = folder / "docker-credential-fake"
    helper.write_text(f"""#!/bin/sh
cd {folder}
case $1 in
  store) cat >kept;;
  get) if [ -e kept ]; then cat kept; else echo 'credentials not found in native keychain'; exit 1; fi;;
  erase) rm -f kept;;
esac
""")
    helper.chmod(0o755)
    environment = engine.environment()
    environment["PATH"] = f"{folder}:{environment['PATH']}"
    monkeypatch.setattr(engine, "environment", lambda: environment)
    return folder


def test_a_helper_keeps_the_password(engine, registry, helper):
    config_file(engine).parent.mkdir()
    config_file(engine).write_text('{"credsStore": "fake"}')
    done = login(engine, registry)
    assert done.stdout == "Login Succeeded\n" and "unencrypted" not in done.stderr
    assert config(engine) == {"credsStore": "fake", "auths": {registry.name: {}}}
    assert json.loads((helper / "kept").read_text()) == {"ServerURL": registry.name, "Username": USER,
                                                         "Secret": PASSWORD}
    engine.cli("pull", registry.image)
    engine.cli("logout", registry.name)
    assert not (helper / "kept").exists()


@pytest.mark.parametrize("place", ["own", "named"])
def test_registries_conf_names_helpers(engine, registry, helper, place):
    """podman's way: credential-helpers, in which containers-auth.json stands for the files."""
    conf = engine.folder / ".config/containers/registries.conf" if place == "own" else engine.folder / "named.conf"
    conf.parent.mkdir(parents=True, exist_ok=True)
    if place == "named":
        engine.environment()["CONTAINERS_REGISTRIES_CONF"] = str(conf)
    conf.write_text('credential-helpers = ["fake", "containers-auth.json"]\n')
    done = login(engine, registry)
    assert "unencrypted" not in done.stderr and not config_file(engine).exists()
    assert json.loads((helper / "kept").read_text())["ServerURL"] == registry.name
    engine.cli("pull", registry.image)
    engine.cli("rmi", registry.image)
    conf.write_text('credential-helpers = ["containers-auth.json"]\n')
    assert engine.cli("pull", registry.image, check=False).returncode == 1
    login(engine, registry)
    engine.cli("pull", registry.image)
    engine.cli("rmi", registry.image)
    conf.write_text('credential-helpers = ["nosuch"]\n')
    without = engine.cli("pull", registry.image, check=False)
    assert without.returncode == 1 and "pull access denied" in without.stderr
    assert "WARNING: no credentials are sent: " in without.stderr and "docker-credential-nosuch" in without.stderr
    conf.write_text('credential-helpers = ["containers-auth.json", "fake"]\n')
    engine.cli("logout", registry.name)
    assert not (helper / "kept").exists() and config(engine)["auths"] == {}


def test_an_identity_token_is_kept_instead_of_the_password(engine, tmp_path):
    folder = tmp_path / "open"
    folder.mkdir()
    registry = Registry(folder, engine.host, port=5001)
    registry.push(BUSYBOX, "app:1")
    with FaultProxy(registry.port, token="t0k3n", host=engine.host) as proxy:
        assert login(engine, proxy).stdout == "Login Succeeded\n"
        asked = proxy.seen("/token")
        assert len(asked) == 1 and "scope=" not in asked[0][1]
        assert asked[0][2]["Authorization"].startswith("Basic ")
        kept = config(engine)["auths"][proxy.name]
        assert kept["identitytoken"] == "refresh-t0k3n"
        assert base64.b64decode(kept["auth"]).decode() == f"{USER}:"
        engine.cli("pull", f"{proxy.name}/app:1")
        assert proxy.seen("grant_type=refresh_token", "POST")
        assert proxy.seen("/manifests/")[-1][2]["Authorization"] == "Bearer t0k3n"
    registry.stop()


def test_podmans_file_is_read(engine, registry):
    need_program("podman")
    file = engine.folder / ".config/containers/auth.json"
    file.parent.mkdir(parents=True)
    entry = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    wrong = base64.b64encode(b"other:wrong").decode()
    file.write_text(json.dumps({"auths": {registry.name: {"auth": wrong}, f"{registry.name}/app": {"auth": entry}}}))
    engine.cli("pull", registry.image)


def test_a_file_that_cannot_be_read_is_warned_of(engine, registry):
    config_file(engine).parent.mkdir()
    config_file(engine).write_text("{ half")
    denied = engine.cli("pull", registry.image, check=False)
    assert denied.returncode == 1
    assert f"WARNING: no credentials are sent: read '{config_file(engine)}'" in denied.stderr
    refused = login(engine, registry, check=False)
    assert refused.returncode == 1 and config_file(engine).read_text() == "{ half"


def test_dockers_own_client_logs_in_and_pulls(engine, registry):
    need_program("docker")
    done = engine.docker("login", "-u", USER, "--password-stdin", registry.name, input=PASSWORD)
    assert "Login Succeeded" in done.stdout
    engine.docker("pull", registry.image)
    engine.cli("rmi", registry.image)
    engine.cli("pull", registry.image)  # with what docker's client has kept
    refused = engine.docker("login", "-u", USER, "-p", "wrong", registry.name, check=False)
    assert refused.returncode == 1 and "401 Unauthorized" in refused.stderr
