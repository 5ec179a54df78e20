"""What a monitor does while its container runs: logs rotated by default, and the out-of-memory killer's work told."""

import json
import socket
import subprocess

from harness.wait import wait_until


def test_logs_are_kept_to_three_files_of_ten_mebibytes(engine):
    lines, width = 400_000, 99
    engine.cli("run", "-d", "--name", "talker", "estiba/busybox", "sh", "-c",
               f"yes {'x' * width} | head -n {lines}; echo the end")
    engine.cli("wait", "talker")
    folder = engine.data_root / "containers" / engine.inspect("talker")["Id"]
    sizes = {path.name: path.stat().st_size for path in folder.glob("log*")}
    assert set(sizes) == {"log", "log.1", "log.2"}
    assert all(size <= 10 << 20 for size in sizes.values())
    assert all(sizes[name] > 9 << 20 for name in ("log.1", "log.2"))
    assert engine.out("logs", "--tail", "1", "talker") == "the end"


def test_the_kill_of_a_child_for_its_memory_is_told_at_once(engine):
    events = engine.popen("events", "--format", "{{json .}}", "--filter", "event=oom")
    try:
        engine.cli("run", "-d", "--name", "hog", "-m", "24m", "--memory-swap", "24m", "estiba/busybox", "sh", "-c",
                   "tail /dev/zero; exec sleep 1000")
        event = json.loads(events.stdout.readline())
        assert event["Action"] == "oom" and event["Actor"]["Attributes"]["name"] == "hog"
        state = engine.state("hog")
        assert state["Running"] and state["OOMKilled"]
        # Until it is started anew.
        engine.cli("kill", "hog")
        state = wait_until(lambda: (s := engine.state("hog"))["Status"] == "exited" and s, "the exit is known")
        assert state["OOMKilled"]
    finally:
        events.kill()
        events.communicate()


def test_a_restart_on_request_forgets_the_kill(engine):
    engine.cli("run", "-d", "--name", "hog", "-m", "24m", "--memory-swap", "24m", "estiba/busybox", "sh", "-c",
               "[ -e /once ] || { touch /once; tail /dev/zero; }; exec sleep 1000")
    wait_until(lambda: engine.state("hog")["OOMKilled"], "a child was killed")
    engine.cli("restart", "-t", "0", "hog")
    state = engine.state("hog")
    assert state["Running"] and not state["OOMKilled"]


def test_killing_with_the_stop_signal_ends_the_restart_policy_and_another_signal_does_not(engine):
    script = "trap 'exit 3' HUP TERM; echo ready; while :; do sleep 0.05; done"
    engine.cli("run", "-d", "--name", "stays", "--restart", "always", "estiba/busybox", "sh", "-c", script)

    def starts(number):
        wait_until(lambda: engine.out("logs", "stays").split().count("ready") == number, f"start {number}")
    starts(1)
    engine.cli("kill", "-s", "HUP", "stays")
    starts(2)
    engine.cli("kill", "-s", "TERM", "stays")
    assert engine.out("wait", "stays") == "3"
    assert engine.state("stays")["Status"] == "exited"


def test_a_removal_waits_for_no_client_that_never_reads(engine):
    engine.cli("run", "-d", "--name", "talker", "--network", "none", "estiba/busybox", "yes", "x" * 99)
    folder = engine.data_root / "containers" / engine.inspect("talker")["Id"]
    deaf = []
    try:
        for method, path in [("GET", "logs?follow=1&stdout=1"), ("POST", "attach?stream=1&stdout=1")]:
            deaf.append(socket.socket(socket.AF_UNIX))
            deaf[-1].connect(str(engine.socket))
            deaf[-1].sendall(f"{method} /containers/talker/{path} HTTP/1.1\r\nHost: engine\r\n\r\n".encode())
        wait_until((folder / "log.1").exists, "more was written than anybody holds for a client")
        engine.cli("rm", "-f", "talker", timeout=30)
        assert engine.out("ps", "-aq") == ""
    finally:
        for client in deaf:
            client.close()


def test_what_a_removal_cannot_delete_yet_is_deleted_later(engine):
    engine.cli("create", "--name", "kept", "--network", "none", "estiba/busybox", "true")
    place = engine.data_root / "snapshots/containers" / engine.inspect("kept")["Id"] / "fs/busy"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], check=True)
    engine.cli("rm", "kept")
    left, = (engine.data_root / "snapshots/tmp").glob("deleted-*")
    subprocess.run(["umount", left / "fs/busy"], check=True)
    wait_until(lambda: not left.exists(), "it is deleted")
