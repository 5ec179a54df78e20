"""run, create, start, exec and logs as scripts use them: options that reach the process, streams, exit codes."""

import re
import signal
import subprocess

import pytest


def run(engine, *arguments, **options):
    return engine.out("run", "--rm", *arguments, **options)


def test_options_reach_the_process(engine, tmp_path):
    variables = tmp_path / "variables"
    variables.write_text("# note\nFROM_FILE=1\nHOME\n")
    seen = run(engine, "-eFIRST=a=b", "--env-file", variables, "-w/tmp", "-u", "1000:1001", "--hostname", "box",
               "--entrypoint", "sh", "estiba/busybox", "-c", "pwd; id -u; id -g; hostname; env")
    lines = seen.splitlines()
    assert lines[:4] == ["/tmp", "1000", "1001", "box"]
    assert {"FIRST=a=b", "FROM_FILE=1"} <= set(lines)
    assert f"HOME={engine.environment()['HOME']}" in lines  # taken from our own


def test_options_after_the_image_are_the_commands(engine):
    assert run(engine, "estiba/busybox", "echo", "-d", "--name", "x") == "-d --name x"


def test_volumes_and_tmpfs(engine, tmp_path):
    (tmp_path / "file").write_text("from the host")
    assert run(engine, "-v", f"{tmp_path}:/in:ro", "estiba/busybox", "cat", "/in/file") == "from the host"
    assert run(engine, "--mount", f"type=bind,src={tmp_path},dst=/in,readonly", "estiba/busybox", "cat",
               "/in/file") == "from the host"
    refused = engine.cli("run", "--rm", "-v", f"{tmp_path}:/in:ro", "estiba/busybox", "touch", "/in/x", check=False)
    assert refused.returncode == 1 and "Read-only" in refused.stderr
    run(engine, "-v", "keep:/data", "estiba/busybox", "sh", "-c", "echo kept > /data/x")
    assert run(engine, "-v", "keep:/data", "estiba/busybox", "cat", "/data/x") == "kept"
    assert "tmpfs" in run(engine, "--tmpfs", "/scratch:size=1m", "estiba/busybox", "grep", "/scratch", "/proc/mounts")
    engine.cli("volume", "rm", "keep")


@pytest.mark.parametrize("command,code", [
    (["true"], 0), (["sh", "-c", "exit 42"], 42), (["no-such-program"], 127), (["/etc"], 126),
    (["sh", "-c", "kill -9 $$"], 137), (["sh", "-c", "kill -TERM $$; sleep 5"], 143),
])
def test_exit_codes(engine, command, code):
    # A shell that is PID 1 would not die of its own signal: --init takes that place.
    assert engine.cli("run", "--rm", "--init", "estiba/busybox", *command, check=False).returncode == code


def test_engine_errors_are_125_and_leave_nothing(engine):
    result = engine.cli("run", "--name", "-bad-", "estiba/busybox", check=False)
    assert result.returncode == 125
    assert result.stderr.startswith("estiba: Error response from daemon: ")
    assert engine.out("ps", "-aq") == ""


def test_an_image_that_is_nowhere(engine):
    result = engine.cli("run", "--rm", "localhost:1/none:1", "true", check=False)
    assert result.returncode == 125
    assert "Unable to find image 'localhost:1/none:1' locally" in result.stderr and "localhost:1" in result.stderr
    never = engine.cli("run", "--rm", "--pull=never", "localhost:1/none:1", check=False)
    assert never.returncode == 125 and "Unable to find image" not in never.stderr


def test_cidfile(engine, tmp_path):
    path = tmp_path / "cid"
    identity = engine.out("run", "-d", "--name", "box", "--cidfile", path, "estiba/busybox", "true")
    assert path.read_text() == identity
    again = engine.cli("run", "-d", "--cidfile", path, "estiba/busybox", check=False)
    assert again.returncode == 125 and "container ID file found" in again.stderr
    other = tmp_path / "other"
    engine.cli("run", "--cidfile", other, "--pull=never", "localhost:1/none", check=False)
    assert not other.exists()  # nothing was made


def test_input_goes_in_and_its_end_too(engine):
    assert engine.out("run", "--rm", "-i", "estiba/busybox", "sort", input="b\na\n") == "a\nb"
    assert engine.out("run", "--rm", "-i", "estiba/busybox", "wc", "-c", input="x" * 1_000_000) == "1000000"


def test_output_is_whole(engine):
    assert len(run(engine, "estiba/busybox", "sh", "-c", "yes | head -c 3000000")) + 1 == 3_000_000


def test_attaching_one_stream_only(engine):
    result = engine.cli("run", "--rm", "-a", "stderr", "estiba/busybox", "sh", "-c", "echo out; echo err >&2")
    assert (result.stdout, result.stderr) == ("", "err\n")


def test_start_attached_returns_the_code(engine):
    engine.cli("create", "--name", "box", "-i", "estiba/busybox", "sh", "-c", "read x; echo got $x; exit 5")
    result = engine.cli("start", "-ai", "box", input="word\n", check=False)
    assert (result.returncode, result.stdout) == (5, "got word\n")


def test_wait_and_attach_return_the_code(engine):
    engine.cli("run", "-d", "--name", "box", "estiba/busybox", "sh", "-c",
               "trap 'exit 9' TERM; while :; do sleep 0.1; done")
    waiting = engine.popen("wait", "box")
    attached = engine.popen("attach", "box")
    engine.cli("stop", "box")
    assert waiting.communicate(timeout=20)[0] == "9\n"
    attached.communicate(timeout=20)
    assert attached.returncode == 9
    stopped = engine.cli("attach", "box", check=False)
    assert stopped.returncode == 1 and "stopped container" in stopped.stderr


def test_exec(engine):
    engine.cli("run", "-d", "--name", "box", "estiba/busybox", "sleep", "1000")
    assert engine.out("exec", "-e", "A=1", "-w", "/tmp", "-u", "5", "box", "sh", "-c",
                      "echo $A $PWD; id -u") == "1 /tmp\n5"
    assert engine.out("exec", "-i", "box", "cat", input="in") == "in"
    assert engine.cli("exec", "box", "sh", "-c", "exit 4", check=False).returncode == 4
    missing = engine.cli("exec", "box", "no-such-program", check=False)
    assert missing.returncode == 127 and "executable file not found" in missing.stdout + missing.stderr
    engine.cli("exec", "-d", "box", "touch", "/tmp/made")
    assert engine.cli("exec", "nobody", "true", check=False).returncode == 1
    engine.cli("stop", "-t", "0", "box")
    stopped = engine.cli("exec", "box", "true", check=False)
    assert stopped.returncode == 1 and "is not running" in stopped.stderr


def test_logs(engine):
    engine.cli("run", "--name", "box", "estiba/busybox", "sh", "-c", "echo one; echo two; echo bad >&2; echo three")
    both = engine.cli("logs", "box")
    assert (both.stdout, both.stderr) == ("one\ntwo\nthree\n", "bad\n")
    last = engine.cli("logs", "--tail", "1", "box")  # the two streams are read side by side: either may be the last
    assert last.stdout + last.stderr in ("three\n", "bad\n")
    assert engine.out("logs", "--since", "1h", "--until", "30m", "box") == ""
    stamped = engine.cli("logs", "-t", "box").stdout.splitlines()[0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z one", stamped)
    assert engine.cli("logs", "--since", "yesterday", "box", check=False).returncode == 1


def test_logs_follow_to_the_end(engine):
    engine.cli("run", "-d", "--name", "box", "estiba/busybox", "sh", "-c", "echo one; sleep 1; echo two")
    assert engine.out("logs", "-f", "box") == "one\ntwo"


def test_signals_are_passed_on_or_not(engine):
    trap = "trap 'echo caught; exit 3' TERM; echo ready; while :; do sleep 0.1; done"
    passed = engine.popen("run", "--rm", "estiba/busybox", "sh", "-c", trap)
    assert passed.stdout.readline() == "ready\n"
    passed.send_signal(signal.SIGTERM)
    assert passed.communicate(timeout=20)[0] == "caught\n" and passed.returncode == 3
    kept = engine.popen("run", "--name", "box", "--sig-proxy=false", "estiba/busybox", "sh", "-c", trap)
    assert kept.stdout.readline() == "ready\n"
    kept.send_signal(signal.SIGTERM)
    kept.communicate(timeout=20)
    assert kept.returncode == -signal.SIGTERM  # it was ours, and the container goes on
    assert engine.state("box")["Running"]


def test_dry_run_and_explain_print_the_plan(engine):
    plan = engine.out("run", "--dry-run", "--hostname", "box", "estiba/busybox", "true")
    assert "box" in plan and "mount" in plan
    assert "  root        done by the process itself, inside the container's root\n" in plan  # what the columns mean
    assert engine.out("ps", "-aq") == ""
    engine.cli("run", "--name", "box", "estiba/busybox", "true")
    assert "mount" in engine.out("explain", "box")
    assert engine.out("explain", "--json", "box").startswith("{")


def test_a_container_that_cannot_start_is_not_left_by_rm(engine):
    result = subprocess.run(engine.command("run", "--rm", "estiba/busybox", "no-such-program"), capture_output=True,
                            text=True, env=engine.environment(), check=False)
    assert result.returncode == 127
    assert engine.out("ps", "-aq") == ""
