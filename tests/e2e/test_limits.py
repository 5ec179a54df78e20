"""Limits bite, and are reported."""

import time


def test_a_memory_hog_is_killed_and_reported_as_oom(engine):
    result = engine.cli("run", "--name", "hog", "-m", "24m", "--memory-swap", "24m", "estiba/busybox", "sh", "-c",
                        "dd if=/dev/zero of=/dev/shm/x bs=1M count=60; tail /dev/zero", check=False)
    assert result.returncode == 137
    state = engine.state("hog")
    assert state["OOMKilled"] is True
    assert state["ExitCode"] == 137


def test_the_limit_is_seen_in_inspect_and_in_the_cgroup(engine):
    limits = ["-m", "64m", "--pids-limit", "20", "--cpus", "0.5"]
    name = engine.out("run", "-d", *limits, "estiba/busybox", "sleep", "1000")
    config = engine.inspect(name)["HostConfig"]
    assert (config["Memory"], config["PidsLimit"], config["NanoCpus"]) == (64 << 20, 20, 500000000)


def test_a_fork_bomb_stops_at_the_pids_limit(engine):
    text = engine.out("run", "--rm", "--pids-limit", "16", "estiba/busybox", "sh", "-c",
                      "for i in $(seq 40); do sleep 100 & done 2>/dev/null; true; ls -d /proc/[0-9]* | wc -l",
                      check=False)
    assert text == "" or int(text.split()[-1]) <= 16


def spin(engine, *options):
    """CPU seconds a spinner gets in two seconds of wall time."""
    name = engine.out("run", "-d", *options, "estiba/busybox", "sh", "-c", "while :; do :; done")
    started = time.monotonic()
    engine.cli("exec", name, "sleep", "2")
    text = engine.out("exec", name, "cat", "/proc/1/stat").split()
    elapsed = time.monotonic() - started
    engine.cli("rm", "-f", name)
    return (int(text[13]) + int(text[14])) / 100 / elapsed


def test_half_a_cpu_halves_a_spinner(engine):
    half = spin(engine, "--cpus", "0.5")
    assert 0.3 < half < 0.62


def test_ulimits_are_set(engine):
    text = engine.out("run", "--rm", "--ulimit", "nofile=123:456", "estiba/busybox", "sh", "-c",
                      "ulimit -Sn; ulimit -Hn")
    assert text.split() == ["123", "456"]


def test_a_hard_limit_above_ours_names_the_setting(engine):
    result = engine.cli("run", "--rm", "--ulimit", "nproc=99999999:99999999", "estiba/busybox", "true", check=False)
    if result.returncode != 0:  # needs CAP_SYS_RESOURCE
        assert result.returncode == 125 or result.returncode == 126
        assert "nproc" in result.stderr.lower()
