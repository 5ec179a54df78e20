"""What the command line prints: columns, templates, filters, help and the texts of errors."""

import json
import os
import re
import shlex
import subprocess

import pytest

from harness.engine import BIN


@pytest.fixture
def web(engine):
    engine.cli("run", "-d", "--name", "web", "-l", "team=red", "-l", "note=a,b", "-e", "A=1", "-p", "18080:80",
               "estiba/busybox", "sleep", "1000")
    return "web"


def test_ps_has_dockers_columns(engine, web):
    head, row = engine.out("ps").splitlines()
    assert re.split(r"\s{2,}", head) == ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"]
    cells = re.split(r"\s{2,}", row)
    assert re.fullmatch("[0-9a-f]{12}", cells[0])
    assert cells[1:3] == ["estiba/busybox", '"sleep 1000"']
    assert cells[3].endswith("ago") and cells[4].startswith("Up ")
    assert "0.0.0.0:18080->80/tcp" in cells[5] and cells[6] == "web"
    # Cells stand below their heads.
    assert row.index("estiba/busybox") == head.index("IMAGE") and row.index("web") == head.index("NAMES")


def test_ps_formats(engine, web):
    assert engine.out("ps", "--format", "{{.Names}} {{.State}} {{.Label \"team\"}}") == "web running red"
    assert engine.out("ps", "--format", r"table {{.Names}}\t{{.Image}}").splitlines()[0] == "NAMES     IMAGE"
    row = json.loads(engine.out("ps", "--format", "json"))
    assert row["Names"] == "web" and row["Networks"] == "bridge" and row["LocalVolumes"] == "0"
    assert json.loads(engine.out("ps", "--format", "{{json .}}")) == row
    refused = engine.cli("ps", "--format", "{{.Nope}}", check=False)
    assert refused.returncode == 1 and "can't evaluate field Nope" in refused.stderr


def test_ps_filters_and_quiet(engine, web):
    identity = engine.inspect("web")["Id"]
    engine.cli("create", "--name", "idle", "estiba/busybox")
    assert engine.out("ps", "-q") == identity[:12]
    assert engine.out("ps", "-q", "--no-trunc") == identity
    assert engine.out("ps", "-aq", "--filter", "status=created", "--format", "{{.Names}}") == "idle"
    assert engine.out("ps", "-a", "--filter", "label=team=red", "--format", "{{.Names}}") == "web"
    assert engine.out("ps", "-a", "--filter", "name=^idle$", "--format", "{{.Names}}") == "idle"
    assert engine.out("ps", "-l", "--format", "{{.Names}}") == "idle"
    assert engine.cli("ps", "--filter", "colour=red", check=False).returncode == 1
    assert engine.cli("ps", "--filter", "nonsense", check=False).returncode == 125  # as any option that is misspelt


def test_inspect_templates_that_scripts_use(engine, web):
    def look(template):
        return engine.out("inspect", "--format", template, "web")
    assert look("{{.State.Running}} {{.State.ExitCode}}") == "true 0"
    assert int(look("{{.State.Pid}}")) > 1
    assert look("{{.Name}}") == "/web"
    assert look("{{.ID}}") == look("{{.Id}}") == engine.out("ps", "-q", "--no-trunc")
    assert look('{{index .Config.Labels "team"}}') == "red"
    assert look("{{range .Config.Env}}{{println .}}{{end}}").splitlines()[0] == "A=1"
    assert look('{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}') == "18080"
    assert re.fullmatch(r"\d+\.\d+\.\d+\.\d+", look("{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"))
    assert look("{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}") == "none"
    assert json.loads(look("{{json .Config.Cmd}}")) == ["sleep", "1000"]
    missing = engine.cli("inspect", "-f", "{{.Nope}}", "web", check=False)
    assert missing.returncode == 1 and "template" in missing.stderr


def test_inspect_finds_any_kind_and_says_what_is_missing(engine, web):
    assert engine.inspect("estiba/busybox")["RepoTags"] == ["estiba/busybox:latest"]
    both = engine.cli("inspect", "web", "nothing-here", check=False)
    assert both.returncode == 1 and len(json.loads(both.stdout)) == 1
    assert "no such object: nothing-here" in both.stderr
    assert engine.cli("inspect", "--type", "image", "web", check=False).returncode == 1


def test_port_top_and_stats(engine, web):
    assert "80/tcp -> 0.0.0.0:18080" in engine.out("port", "web")
    assert "0.0.0.0:18080" in engine.out("port", "web", "80")
    missing = engine.cli("port", "web", "81", check=False)
    assert missing.returncode == 1 and "81/tcp" in missing.stderr
    top = engine.out("top", "web").splitlines()
    assert "PID" in top[0] and "sleep 1000" in top[1]
    stats = engine.out("stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}} {{.CPUPerc}}")
    assert re.fullmatch(r"web 1 \d+\.\d\d%", stats)


def test_images_and_history(engine):
    engine.cli("run", "--rm", "estiba/busybox", "true")  # the built-in image is there from its first use on
    head, row = engine.out("images", "estiba/busybox").splitlines()
    assert re.split(r"\s{2,}", head) == ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"]
    assert row.split()[:2] == ["estiba/busybox", "latest"]
    engine.cli("tag", "estiba/busybox", "mine:1")
    assert engine.out("images", "-q", "mine") == row.split()[2]
    assert "Untagged: mine:1" in engine.out("rmi", "mine:1")
    assert engine.out("history", "estiba/busybox").splitlines()[0].startswith("IMAGE")


def test_volumes_and_networks(engine):
    assert engine.out("volume", "create", "data") == "data"
    assert engine.out("volume", "ls").splitlines() == ["DRIVER    VOLUME NAME", "local     data"]
    assert engine.out("volume", "inspect", "-f", "{{.Driver}}", "data") == "local"
    engine.cli("network", "create", "--subnet", "10.213.0.0/24", "back")
    names = engine.out("network", "ls", "--format", "{{.Name}}").split()
    assert {"back", "bridge", "host", "none"} <= set(names)
    assert engine.out("network", "inspect", "-f", "{{(index .IPAM.Config 0).Subnet}}", "back") == "10.213.0.0/24"
    assert engine.out("network", "rm", "back") == "back"
    assert engine.out("volume", "rm", "data") == "data"
    assert engine.cli("volume", "rm", "data", check=False).returncode == 1


def test_version_info_and_events(engine, web):
    assert engine.out("version", "--format", "{{.Client.Version}}") == engine.out("-v").split()[-1]
    assert engine.out("version", "--format", "{{.Server.Version}}") == engine.out("info", "-f", "{{.ServerVersion}}")
    assert engine.out("version", "--format", "{{.Server.APIVersion}}") == engine.api("GET", "/version")[1]["ApiVersion"]
    assert "Running: 1" in engine.out("info")
    events = engine.out("events", "--since", "10m", "--until", "0s", "--filter", "type=container",
                        "--format", "{{.Action}}").split()
    assert events[:2] == ["create", "start"]


@pytest.mark.parametrize("arguments,code,text", [
    (["run", "--foo", "x"], 125, "unknown flag: --foo\n\nUsage:  estiba run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\n"
                                 "Run 'estiba run --help' for more information\n"),
    (["run", "-m", "lots", "x"], 125, 'invalid argument "lots" for "-m, --memory" flag'),
    (["run"], 1, "'estiba run' requires at least 1 argument"),
    (["ps", "x"], 1, "'estiba ps' accepts no arguments"),
    (["run", "-p", "99999:80", "x"], 125, "invalid hostPort: 99999"),
    (["run", "-m", "3", "estiba/busybox"], 125, "Minimum memory limit allowed is 6MB"),
    (["run", "--json", "x"], 125, "--json goes with --dry-run"),
    (["run", "--rm", "--restart", "always", "x"], 125, "cannot specify both --restart and --rm"),
    (["ps", "--filter", "red"], 125, 'invalid argument "red" for "-f, --filter" flag: invalid filter'),
    (["update", "x"], 1, "you must provide one or more flags"),
    (["volume", "create", "--name", "a", "b"], 1, "cannot specify a volume-name through both"),
    (["logs", "--tail", "few", "x"], 1, "'few' is neither a number nor \"all\""),
    (["sail"], 1, "unknown command: estiba sail\n\nRun 'estiba --help'"),
    (["runn"], 1, "unknown command: estiba runn\n\nDid you mean this?\n  run\n\nRun 'estiba --help'"),
    (["sotp"], 1, "Did you mean this?\n  stop\n"),
    (["volume", "creat"], 1, "Did you mean this?\n  create\n"),
    (["help", "imges"], 1, "Did you mean this?\n  images\n"),
    (["volume", "sail"], 1, "unknown command: estiba volume sail"),
    (["-H", "unix:///nowhere/sock", "ps"], 1, "Cannot connect to the engine at unix:///nowhere/sock"),
    (["-H", "fish://10.0.0.1:1", "ps"], 1, "unable to parse engine host 'fish://10.0.0.1:1'"),
    (["stop", "nobody"], 1, "Error response from daemon: No such container: nobody"),
])
def test_errors(engine, arguments, code, text):
    result = engine.cli(*arguments, check=False)
    assert result.returncode == code
    assert text in result.stderr and result.stdout == ""


def test_a_socket_that_is_not_ours_to_open_says_so(engine):
    result = subprocess.run([*engine.host.prefix(), "setpriv", "--reuid=65534", "--clear-groups", str(BIN / "estiba"),
                             "-H", f"unix://{engine.socket}", "ps"], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert f"permission denied while trying to connect to the engine at unix://{engine.socket}" in result.stderr
    assert "group" in result.stderr  # what to do about it


def test_forced_removal_does_not_claim_what_was_not_there(engine):
    result = engine.cli("network", "rm", "-f", "nowhere")
    assert result.stdout == "" and "nowhere" in result.stderr
    assert engine.cli("network", "rm", "nowhere", check=False).returncode == 1


def test_prune_asks_and_says_what_went(engine):
    engine.cli("create", "--name", "old", "estiba/busybox")
    identity = engine.inspect("old")["Id"]
    refused = engine.out("container", "prune", input="n\n")
    assert refused.startswith("WARNING! This will remove all stopped containers.") and "Total" not in refused
    said = engine.out("container", "prune", input="y\n")
    assert f"Deleted Containers:\n{identity}\n\nTotal reclaimed space: " in said
    engine.cli("network", "create", "old")
    assert engine.out("network", "prune", "-f") == "Deleted Networks:\nold"
    assert "Total reclaimed space: " in engine.out("system", "prune", "-f")


def test_save_replaces_no_device(engine, tmp_path):
    engine.cli("run", "--rm", "--network", "none", "estiba/busybox", "true")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    refused = engine.cli("save", "-o", pipe, "estiba/busybox", check=False)
    assert refused.returncode == 1 and "no regular file" in refused.stderr and pipe.is_fifo()
    archive = tmp_path / "archive.tar"
    archive.write_text("older")
    engine.cli("save", "-o", archive, "estiba/busybox")
    assert archive.stat().st_size > 1_000_000
    assert engine.cli("save", "-o", archive, "nothing-here", check=False).returncode == 1
    assert archive.stat().st_size > 1_000_000
    assert sorted(path.name for path in tmp_path.glob("archive*")) == ["archive.tar"]  # nothing unfinished


def test_help_needs_no_engine(engine):
    for command in (["run"], ["volume", "create"], ["container", "ls"]):
        result = subprocess.run(engine.command("-H", "unix:///nowhere", *command, "--help"), capture_output=True,
                                text=True, check=True, env=engine.environment())
        assert result.stdout.startswith(f"Usage:  estiba {' '.join(command)}")


def test_a_reader_that_went_away_is_no_failure_to_talk_about(engine, web):
    command = shlex.join(engine.command("inspect", "web")) + " | head -1"
    result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=engine.environment(),
                            check=False)
    assert result.stdout == "[\n" and result.stderr == ""


def test_several_names_report_each(engine):
    names = [f"c{i}" for i in range(4)]
    for name in names:
        engine.cli("run", "-d", "--name", name, "estiba/busybox", "sleep", "1000")
    result = engine.cli("rm", "-f", *names, "missing", check=False)
    assert result.returncode == 0 and result.stdout.split() == names  # forced: what is not there is only mentioned
    assert "No such container: missing" in result.stderr
    assert engine.cli("rm", "missing", check=False).returncode == 1
