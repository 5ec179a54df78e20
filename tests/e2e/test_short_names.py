"""Short names: aliases, registries to search, who is asked and what is kept of the answer. Docker's API is not touched
by any of it."""

import json
import os
import stat
import subprocess
import tarfile
import tempfile

import pytest

from harness.engine import BIN
from harness.need import need_program
from harness.registry import Registry
from harness.terminal import Terminal

BUSYBOX = BIN.parent / "share/estiba/images/busybox.tar"
NONE = ("--rm", "--network", "none")
QUESTION = "Please select an image (1 to 2): "


class Rules:
    """An engine's registries.conf and folder of drop-ins."""

    def __init__(self, folder):
        (folder / "registries.conf.d").mkdir(parents=True)
        self.folder = folder
        self.conf = folder / "registries.conf"
        self.drop_in = folder / "registries.conf.d/50-test.conf"

    def search(self, *registries, mode=None):
        mode = f'short-name-mode = "{mode}"\n' if mode else ""
        self.conf.write_text(f"unqualified-search-registries = {json.dumps([one.name for one in registries])}\n{mode}")


@pytest.fixture
def engine(module_engine_factory, tmp_path):
    rules = Rules(tmp_path / "containers")
    one = module_engine_factory(extra_config=f'[registries]\nfolders = ["{rules.folder}"]\n')
    one.rules = rules
    one.start()
    return one


@pytest.fixture
def two(engine, tmp_path):
    """Two registries: the first has "app:1" alone, the other "app:1" and "tool:1"."""
    made = []
    for port in (5000, 5001):
        folder = tmp_path / str(port)
        folder.mkdir()
        made.append(Registry(folder, engine.host, port=port))
        made[-1].push(BUSYBOX, "app:1")
    made[1].push(BUSYBOX, "tool:1")
    yield made
    for one in made:
        one.stop()


class AliasFile:
    """root's file of aliases, in a folder that takes the place of /var/cache for the commands run here."""

    def __init__(self, engine, folder):
        self.engine = engine
        folder.mkdir()
        self.folder = folder
        self.path = folder / "containers/short-name-aliases.conf"

    def command(self, *words):
        return [*self.engine.host.prefix(), "unshare", "--mount", "sh", "-c",
                f'mount --bind {self.folder} /var/cache && exec "$@"', "sh", *words]

    def terminal(self, *arguments):
        return Terminal(self.command(str(BIN / "estiba"), *arguments), self.engine.environment(), columns=200)

    def ask(self, *arguments, answers):
        """Runs the command on a terminal; its exit code and what it said last."""
        terminal = self.terminal(*arguments)
        try:
            for answer in answers:
                terminal.expect(QUESTION)
                terminal.type(answer)
            return terminal.wait(), terminal.seen.decode()
        finally:
            terminal.close()


@pytest.fixture
def aliases(engine, tmp_path):
    return AliasFile(engine, tmp_path / "cache")


def names(engine):
    found = engine.out("images", "--format", "{{.Repository}}:{{.Tag}}").splitlines()
    return sorted(name for name in found if name != "estiba/busybox:latest")


def refused(engine, *arguments, code=1):
    result = engine.cli(*arguments, check=False)
    assert result.returncode == code, result.stderr
    return result.stderr


def test_an_alias_goes_first_whatever_the_tag(engine, two):
    engine.rules.search(two[0])
    engine.rules.drop_in.write_text(f'[aliases]\n"short" = "{two[1].name}/tool"\n')
    assert engine.out("pull", "-q", "short:1") == f"{two[1].name}/tool:1"
    assert names(engine) == [f"{two[1].name}/tool:1"]
    engine.cli("rmi", f"{two[1].name}/tool:1")
    assert engine.out("run", *NONE, "short:1", "echo", "ran") == "ran"
    assert names(engine) == [f"{two[1].name}/tool:1"]


def test_an_alias_that_is_emptied_is_none(engine, two):
    engine.rules.search(two[0])
    engine.rules.conf.write_text(engine.rules.conf.read_text() + f'[aliases]\n"app" = "{two[1].name}/app"\n')
    engine.rules.drop_in.write_text('[aliases]\n"app" = ""\n')
    assert engine.out("pull", "-q", "app:1") == f"{two[0].name}/app:1"


@pytest.mark.parametrize("mode", [None, "permissive", "disabled"])
def test_without_a_terminal_each_registry_is_tried_in_order(engine, two, mode):
    engine.rules.search(*two, mode=mode)
    pulled = engine.cli("pull", "tool:1")
    assert [f"Trying to pull {one.name}/tool:1..." for one in two] == pulled.stderr.splitlines()
    assert pulled.stdout.endswith(f"\n{two[1].name}/tool:1\n")
    created = engine.out("create", "--network", "none", "app:1")
    assert json.loads(engine.out("inspect", created))[0]["Config"]["Image"] == f"{two[0].name}/app:1"
    engine.cli("rm", created)


def test_every_registry_that_failed_is_named(engine, two):
    engine.rules.search(*two)
    said = refused(engine, "pull", "nosuch:1")
    assert "2 errors occurred while pulling 'nosuch:1':" in said
    for one in two:
        assert f" * {one.name}/nosuch:1: " in said
    assert f"manifest for {two[1].name}/nosuch:1 not found" in said


def test_enforcing_needs_somebody_to_ask(engine, two):
    engine.rules.search(*two, mode="enforcing")
    for said in (refused(engine, "pull", "app:1"), refused(engine, "run", *NONE, "app:1", code=125)):
        assert "short-name resolution enforced but cannot prompt without a TTY" in said
        assert f"'app:1' may be any of {two[0].name}/app:1, {two[1].name}/app:1" in said
    assert names(engine) == []
    engine.rules.search(two[1], mode="enforcing")
    assert engine.out("pull", "-q", "app:1") == f"{two[1].name}/app:1"


@pytest.mark.parametrize("mode", ["enforcing", "permissive"])
def test_a_choice_is_kept_for_the_next_time(engine, two, aliases, mode):
    engine.rules.search(*two, mode=mode)
    terminal = aliases.terminal("pull", "app:1")
    seen = terminal.expect(QUESTION)
    assert f"1) {two[0].name}/app:1\r\n  2) {two[1].name}/app:1\r\n" in seen
    terminal.type("3\r")
    terminal.expect(QUESTION)
    terminal.type("2\r")
    assert terminal.wait() == 0
    terminal.close()
    assert names(engine) == [f"{two[1].name}/app:1"]
    assert aliases.path.read_text() == f'[aliases]\n  "app" = "{two[1].name}/app"\n'
    assert stat.S_IMODE(os.stat(aliases.path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(aliases.path.parent).st_mode) == 0o700
    engine.cli("rmi", f"{two[1].name}/app:1")
    # Nobody is asked again.
    assert aliases.ask("run", *NONE, "app:1", "true", answers=[])[0] == 0
    assert names(engine) == [f"{two[1].name}/app:1"]


@pytest.fixture
def podman(aliases):
    """The command that pulls, with the same files as `aliases`; its folders' names have to be short."""
    need_program("podman")
    with tempfile.TemporaryDirectory(prefix="estiba-") as folder:
        yield aliases.command("podman", "--root", f"{folder}/root", "--runroot", f"{folder}/run", "--tmpdir",
                              f"{folder}/tmp", "--storage-driver", "vfs", "pull")


def test_podman_reads_and_writes_the_same_choices(engine, two, aliases, podman):
    engine.rules.search(*two, mode="enforcing")
    insecure = "".join(f'[[registry]]\nlocation = "{one.name}"\ninsecure = true\n' for one in two)
    engine.rules.conf.write_text(engine.rules.conf.read_text() + insecure)
    environment = engine.environment() | {"CONTAINERS_REGISTRIES_CONF": str(engine.rules.conf)}
    assert aliases.ask("pull", "app:1", answers=["2\r"])[0] == 0
    pulled = subprocess.run([*podman, "app:1"], env=environment, capture_output=True, text=True, timeout=120,
                            check=False)
    assert pulled.returncode == 0 and f"Trying to pull {two[1].name}/app:1" in pulled.stderr, pulled.stderr
    terminal = Terminal([*podman, "tool:1"], environment, columns=200)
    terminal.expect("Please select an image")
    terminal.type("\x1b[B\r")  # the one below the first
    assert terminal.wait(120) == 0, terminal.seen
    terminal.close()
    assert engine.out("images", "-q", f"{two[1].name}/tool") == ""
    assert aliases.ask("pull", "tool:1", answers=[])[0] == 0
    assert names(engine) == [f"{two[1].name}/app:1", f"{two[1].name}/tool:1"]
    assert stat.S_IMODE(os.stat(aliases.path).st_mode) == 0o600


def test_the_users_alias_goes_before_the_machines(engine, two, aliases):
    engine.rules.drop_in.write_text(f'[aliases]\n"app" = "{two[0].name}/app"\n')
    aliases.path.parent.mkdir()
    aliases.path.write_text(f'[aliases]\napp = "{two[1].name}/app"\n')
    assert aliases.ask("pull", "app:1", answers=[])[0] == 0
    assert names(engine) == [f"{two[1].name}/app:1"]
    aliases.path.write_text('[aliases]\napp = "other"\n')
    code, said = aliases.ask("pull", "app:1", answers=[])
    assert code == 1 and "/var/cache/containers/short-name-aliases.conf:2: aliases: 'other' is not HOST/NAME" in said


def test_no_choice_is_no_pull(engine, two, aliases):
    engine.rules.search(*two)
    for answers in (["\r"], ["\x04"], ["0\r", "x\r", "-1\r"]):
        code, said = aliases.ask("pull", "app:1", answers=answers)
        assert code == 1 and "no image was selected for 'app:1'" in said
    # What could not be pulled is not kept.
    code, said = aliases.ask("pull", "nosuch:1", answers=["1\r"])
    assert code == 1 and f"manifest for {two[0].name}/nosuch:1 not found" in said
    assert names(engine) == [] and not aliases.path.exists()


def test_disabled_asks_nobody(engine, two, aliases):
    engine.rules.search(*two, mode="disabled")
    assert aliases.ask("pull", "app:1", answers=[])[0] == 0
    assert names(engine) == [f"{two[0].name}/app:1"] and not aliases.path.exists()


def test_what_is_here_is_used(engine, two):
    engine.cli("pull", f"{two[1].name}/app:1")
    engine.rules.search(*two, mode="enforcing")
    for one in two:
        one.stop()
    assert engine.out("run", *NONE, "app:1", "echo", "ran") == "ran"
    assert engine.out("run", *NONE, "--pull=never", "app:1", "echo", "ran") == "ran"
    plan = engine.out("run", *NONE, "--dry-run", "app:1", "echo", "ran")
    assert "echo" in plan
    # As docker names what was tagged without a registry; before what the registries have.
    engine.cli("tag", f"{two[1].name}/app:1", "app:1")
    created = engine.out("create", "--network", "none", "app:1")
    assert json.loads(engine.out("inspect", created))[0]["Config"]["Image"] == "app:1"
    # By its id, too.
    image = json.loads(engine.out("inspect", "app:1"))[0]["Id"]
    for name in (image, image.partition(":")[2], image.partition(":")[2][:12]):
        assert engine.out("run", *NONE, name, "echo", "ran") == "ran"
    engine.cli("rm", created)


def test_what_is_here_is_looked_at_and_removed_by_its_short_name(engine, two, tmp_path):
    full = f"{two[1].name}/tool:1"
    engine.rules.drop_in.write_text(f'[aliases]\n"short" = "{two[1].name}/tool"\n')
    engine.cli("pull", "short:1")
    for words in (("inspect",), ("image", "inspect"), ("inspect", "--type", "image")):
        assert json.loads(engine.out(*words, "short:1"))[0]["RepoTags"] == [full]
    assert engine.out("history", "-q", "short:1") == engine.out("history", "-q", full)
    engine.cli("save", "-o", tmp_path / "saved", "short:1")
    with tarfile.open(tmp_path / "saved") as archive:
        assert json.load(archive.extractfile("manifest.json"))[0]["RepoTags"] == [full]
    engine.cli("tag", "short:1", "named:2")
    assert names(engine) == sorted([full, "named:2"])
    assert engine.out("rmi", "short:1").splitlines()[0] == f"Untagged: {full}"
    assert names(engine) == ["named:2"]
    assert "No such image: short:1" in refused(engine, "rmi", "short:1")
    # What keeps the engine from saying what a name means does not keep Docker's meaning from being removed.
    engine.rules.conf.write_text("no toml")
    engine.cli("rmi", "named:2")
    assert names(engine) == []


def test_without_rules_and_for_docker_a_short_name_is_docker_hubs(engine, two):
    two[0].push(BUSYBOX, "hub/library/app:1")
    hub = f'[[registry]]\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "{two[0].name}/hub"\n'
    engine.rules.conf.write_text(hub)
    assert engine.out("pull", "-q", "app:1") == "app:1" and names(engine) == ["app:1"]
    engine.cli("rmi", "app:1")
    engine.rules.search(two[1])
    engine.rules.drop_in.write_text(hub)
    engine.docker("pull", "app:1")
    assert names(engine) == ["app:1"]
    engine.rules.conf.write_text('unqualified-search-registries = ["docker.io"]\n')
    engine.cli("rmi", "app:1")
    assert engine.out("pull", "-q", "app:1") == "app:1" and names(engine) == ["app:1"]


def test_a_broken_file_is_named_by_line(engine):
    engine.rules.conf.write_text('unqualified-search-registries = ["q.io"]\nshort-name-mode = "maybe"\n')
    assert f"{engine.rules.conf}:2: short-name-mode: 'maybe' is none of" in refused(engine, "pull", "app:1")


@pytest.mark.parametrize("by", ["environment", "setting"])
def test_another_file_takes_the_place_of_registries_conf(module_engine_factory, tmp_path, monkeypatch, by):
    rules = Rules(tmp_path / "containers")
    rules.conf.write_text('unqualified-search-registries = ["127.0.0.1:1"]\n')
    other = tmp_path / "other.conf"
    other.write_text('unqualified-search-registries = ["127.0.0.1:2"]\n')
    setting = f'file = "{other}"\n' if by == "setting" else ""
    if by == "environment":
        monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(other))
    engine = module_engine_factory(extra_config=f'[registries]\nfolders = ["{rules.folder}"]\n{setting}')
    engine.start()
    assert "connect to registry '127.0.0.1:2'" in refused(engine, "pull", "app:1")
    rules.drop_in.write_text('unqualified-search-registries = ["127.0.0.1:3"]\n')
    assert "connect to registry '127.0.0.1:3'" in refused(engine, "pull", "app:1")
    other.unlink()
    assert f"open '{other}': No such file" in refused(engine, "pull", "app:1")


def test_a_users_choice_is_in_his_cache(rootless, tmp_path):
    folder = rootless.folder / ".config/containers"
    folder.mkdir(parents=True)
    registry = Registry(tmp_path, rootless.host)
    try:
        registry.push(BUSYBOX, "app:1")
        (folder / "registries.conf").write_text(f'unqualified-search-registries = ["127.0.0.1:1", "{registry.name}"]\n')
        for path in (folder.parent, folder):
            os.chown(path, rootless.user.uid, rootless.user.gid)
        terminal = Terminal(rootless.command("run", *NONE, "app:1", "echo", "ran"), rootless.environment(), columns=200)
        terminal.expect(QUESTION)
        terminal.type("2\r")
        terminal.expect("ran\r\n")
        assert terminal.wait() == 0
        terminal.close()
    finally:
        registry.stop()
    kept = rootless.folder / ".cache/containers/short-name-aliases.conf"
    assert kept.read_text() == f'[aliases]\n  "app" = "{registry.name}/app"\n'
    assert os.stat(kept).st_uid == rootless.user.uid
