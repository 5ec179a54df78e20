"""Limits bite, and are reported."""

import time

from harness.wait import wait_until


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


def test_a_tenth_of_a_cpu_throttles_a_spinner(engine):
    name = engine.out("run", "-d", "--cpus", "0.1", "estiba/busybox", "sh", "-c", "while :; do :; done")

    def throttled():
        stats = engine.api("GET", f"/containers/{name}/stats?stream=false")[1]
        return stats["cpu_stats"]["throttling_data"]["throttled_periods"] > 3
    started = time.monotonic()
    wait_until(throttled, "the kernel holds it back")
    used = engine.api("GET", f"/containers/{name}/stats?stream=false")[1]["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9
    elapsed = time.monotonic() - started
    assert used < 0.2 * (elapsed + 1)  # what ran before we looked counts too


def test_ulimits_are_set(engine):
    text = engine.out("run", "--rm", "--ulimit", "nofile=123:456", "estiba/busybox", "sh", "-c",
                      "ulimit -Sn; ulimit -Hn")
    assert text.split() == ["123", "456"]


def test_a_hard_limit_above_ours_names_the_setting(engine):
    result = engine.cli("run", "--rm", "--ulimit", "nproc=99999999:99999999", "estiba/busybox", "true", check=False)
    if result.returncode != 0:  # needs CAP_SYS_RESOURCE
        assert result.returncode == 125 or result.returncode == 126
        assert "nproc" in result.stderr.lower()
