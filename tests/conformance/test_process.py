"""config.json, `process`: each row sets a field and looks at what the container's program got."""

import array
import fcntl
import json
import os
import termios

import pytest


def status(bundle, *keys):
    """Lines of /proc/self/status of the program, by name."""
    lines = dict(line.split(":", 1) for line in bundle.sh("exec cat /proc/self/status").splitlines())
    return [lines[key].split() for key in keys]


# What `process` asks for, a script that shows it, and what the script prints.
ROWS = {
    "args are given as they are": ({"args": ["printf", "%s|", "a b", "", "c"]}, None, "a b||c|"),
    "the first argument is looked up in the container's PATH":
        ({"env": ["PATH=/nowhere:/bin"]}, "echo found", "found"),
    "the environment is what was asked for and HOME": ({"env": ["PATH=/bin", "A=b c", "D="]}, "env | grep -v ^PWD | "
                                                       "grep -v ^SHLVL | sort", "A=b c\nD=\nHOME=/root\nPATH=/bin"),
    "HOME of the configuration wins": ({"env": ["PATH=/bin", "HOME=/var"]}, "echo $HOME", "/var"),
    "HOME is the user's": ({"user": {"uid": 1000, "gid": 1001}}, "echo $HOME", "/home/ada"),
    "cwd": ({"cwd": "/tmp"}, "pwd", "/tmp"),
    "a missing cwd is made": ({"cwd": "/tmp/a/b"}, "pwd; stat -c %a .", "/tmp/a/b\n755"),
    "user.uid and user.gid": ({"user": {"uid": 1000, "gid": 1001}}, "id -u; id -g; id -G", "1000\n1001\n1001"),
    "user.additionalGids": ({"user": {"uid": 0, "gid": 0, "additionalGids": [10, 29, 4000000000]}}, "id -G",
                            "0 10 29 4000000000"),
    "user.umask": ({"user": {"uid": 0, "gid": 0, "umask": 0o027}}, "umask; touch /tmp/f; stat -c %a /tmp/f",
                   "0027\n640"),
    "user.umask is 022 when unset": ({}, "umask", "0022"),
    "oomScoreAdj": ({"oomScoreAdj": 500}, "cat /proc/self/oom_score_adj", "500"),
    "oomScoreAdj 0 is a value": ({"oomScoreAdj": 0}, "cat /proc/self/oom_score_adj", "0"),
    "rlimits": ({"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 88},
                             {"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]},
                "ulimit -Sn; ulimit -Hn; ulimit -c", "77\n88\n0"),
    "noNewPrivileges": ({"noNewPrivileges": True}, "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t1"),
    "noNewPrivileges off": ({"noNewPrivileges": False}, "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t0"),
    "ioPriority": ({"ioPriority": {"class": "IOPRIO_CLASS_IDLE", "priority": 0}}, "ionice -p $$", "idle"),
    "ioPriority best effort": ({"ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 6}}, "ionice -p $$",
                               "best-effort: prio 6"),
    "scheduler SCHED_BATCH and nice": ({"scheduler": {"policy": "SCHED_BATCH", "nice": 7}},
                                       "cut -d' ' -f19,41 /proc/self/stat", "7 3"),
    "scheduler SCHED_IDLE": ({"scheduler": {"policy": "SCHED_IDLE"}}, "cut -d' ' -f41 /proc/self/stat", "5"),
    "scheduler flag RESET_ON_FORK": ({"scheduler": {"policy": "SCHED_OTHER", "nice": -5,
                                                    "flags": ["SCHED_FLAG_RESET_ON_FORK"]}},
                                     "cut -d' ' -f19 /proc/$$/stat; cat /proc/self/stat | cut -d' ' -f19", "-5\n0"),
}


@pytest.mark.parametrize("row", ROWS)
def test_the_program_gets(bundle, row):
    fields, script, expected = ROWS[row]
    bundle.process.update(fields)
    if script is None:
        assert bundle.run().stdout == expected
    else:
        assert bundle.sh(script) == expected


REFUSED = {
    "a relative cwd": ({"cwd": "tmp"}, "process.cwd"),
    "no args": ({"args": []}, "process.args"),
    "args of another type": ({"args": "true"}, "process.args"),
    "a uid that does not fit": ({"user": {"uid": 4294967296, "gid": 0}}, "process.user.uid"),
    "a negative uid": ({"user": {"uid": -1, "gid": 0}}, "process.user.uid"),
    "a gid of another type": ({"user": {"uid": 0, "gid": "0"}}, "process.user.gid"),
    "an additional group that does not fit": ({"user": {"uid": 0, "gid": 0, "additionalGids": [1 << 32]}},
                                              "process.user.additionalGids"),
    "an unknown rlimit": ({"rlimits": [{"type": "RLIMIT_FOO", "soft": 1, "hard": 1}]}, "process.rlimits[0].type"),
    "a rlimit twice": ({"rlimits": [{"type": "RLIMIT_CORE", "soft": 1, "hard": 1}] * 2}, "process.rlimits[1].type"),
    "a soft limit above the hard one": ({"rlimits": [{"type": "RLIMIT_CORE", "soft": 2, "hard": 1}]},
                                        "process.rlimits[0]"),
    "an oomScoreAdj out of range": ({"oomScoreAdj": 1001}, "process.oomScoreAdj"),
    "an unknown scheduling policy": ({"scheduler": {"policy": "SCHED_FOO"}}, "process.scheduler.policy"),
    "an unknown scheduler flag": ({"scheduler": {"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_FOO"]}},
                                  "process.scheduler.flags"),
    "a nice value out of range": ({"scheduler": {"policy": "SCHED_OTHER", "nice": 20}}, "process.scheduler.nice"),
    "an unknown I/O class": ({"ioPriority": {"class": "IOPRIO_CLASS_FOO", "priority": 1}},
                             "process.ioPriority.class"),
    "an I/O priority out of range": ({"ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 8}},
                                     "process.ioPriority.priority"),
    "a terminal that is no boolean": ({"terminal": "yes"}, "process.terminal"),
    "an umask above 0777": ({"user": {"uid": 0, "gid": 0, "umask": 0o1000}}, "process.user.umask"),
    "an affinity that is no list": ({"execCPUAffinity": {"initial": "x"}}, "process.execCPUAffinity.initial"),
}


@pytest.mark.parametrize("row", REFUSED)
def test_refused_and_the_field_named(bundle, row):
    fields, field = REFUSED[row]
    bundle.process.update(fields)
    assert field in bundle.refused()


def test_a_missing_process_is_refused(bundle):
    del bundle.config["process"]
    assert "process" in bundle.refused()


def bits(*numbers):
    return f"{sum(1 << number for number in numbers):016x}"


CHOWN, KILL, NET_RAW = 0, 5, 13


def test_the_five_capability_sets(bundle):
    bundle.process["capabilities"] = {
        "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"], "permitted": ["CAP_CHOWN", "CAP_KILL"],
        "effective": ["CAP_CHOWN", "CAP_KILL"], "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"]}
    bundle.process["user"] = {"uid": 1000, "gid": 1001}
    # exec by an ordinary user keeps what is ambient.
    sets = status(bundle, "CapBnd", "CapPrm", "CapEff", "CapInh", "CapAmb")
    assert sets == [[bits(CHOWN, KILL, NET_RAW)], *[[bits(KILL)]] * 4]


def test_what_cannot_be_ambient_is_ignored_with_a_warning(bundle):
    bundle.process["capabilities"] |= {"inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL", "CAP_CHOWN"]}
    done = bundle.run("grep", "CapAmb", "/proc/self/status")
    assert done.stdout.split() == ["CapAmb:", bits(KILL)]
    assert "CAP_CHOWN" in done.stderr and "process.capabilities.ambient" in done.stderr


def test_root_keeps_the_bounding_set_and_inherits_nothing(bundle):
    bundle.process["capabilities"] = {key: ["CAP_CHOWN", "CAP_KILL"] for key in ("bounding", "effective", "permitted")}
    both = [bits(CHOWN, KILL)]
    assert status(bundle, "CapBnd", "CapPrm", "CapEff", "CapInh", "CapAmb") == [both, both, both, [bits()], [bits()]]


def test_no_capabilities_when_none_are_given(bundle):
    del bundle.process["capabilities"]
    assert status(bundle, "CapBnd", "CapPrm", "CapEff", "CapInh", "CapAmb") == [[bits()]] * 5


def test_an_unknown_capability_is_ignored_with_a_warning(bundle):
    bundle.process["capabilities"]["bounding"].append("CAP_FOO")
    assert "CAP_FOO" in bundle.run("true").stderr


def test_an_unset_oom_score_is_the_callers(bundle):
    with open("/proc/self/oom_score_adj", encoding="ascii") as own:
        assert bundle.sh("cat /proc/self/oom_score_adj") == own.read().strip()


def test_the_umask_of_an_exec_is_its_own(bundle):
    with bundle.running():
        process = bundle.process | {"args": ["sh", "-c", "umask"], "user": {"uid": 0, "gid": 0, "umask": 0o77}}
        assert exec_process(bundle, process) == "0077\n"


def exec_process(bundle, process, *flags):
    file = bundle.folder / "process.json"
    file.write_text(json.dumps(process))
    return bundle.command("exec", "--process", file, *flags, bundle.id).stdout


def test_exec_with_an_affinity_of_its_own(bundle):
    with bundle.running():
        process = bundle.process | {"args": ["grep", "Cpus_allowed_list", "/proc/self/status"],
                                    "execCPUAffinity": {"initial": "0", "final": "0"}}
        assert exec_process(bundle, process).split() == ["Cpus_allowed_list:", "0"]


def test_only_stdin_stdout_and_stderr_are_open(bundle):
    assert bundle.run("ls", "/proc/self/fd").stdout.split() == ["0", "1", "2", "3"]  # 3: the folder ls reads


@pytest.mark.parametrize("size", [{"height": 13, "width": 77}, None])
def test_the_size_of_the_terminal(bundle, receiver, size):
    bundle.process["terminal"] = True
    if size:
        bundle.process["consoleSize"] = size
    bundle.create("sleep", "1000", flags=["--console-socket", receiver.path])
    (master,) = receiver.receive()[1]
    answer = array.array("H", [0] * 4)
    fcntl.ioctl(master, termios.TIOCGWINSZ, answer)
    os.close(master)
    assert list(answer[:2]) == ([13, 77] if size else [0, 0])
    bundle.command("delete", "--force", bundle.id)


def test_console_size_without_a_terminal_is_ignored(bundle):
    bundle.process["consoleSize"] = {"height": 13, "width": 77}
    assert bundle.sh("tty || echo none") == "not a tty\nnone"


@pytest.mark.parametrize("env,seen", [
    (["A=1", "A=2", "A="], ["A=", "HOME=/root"]), (["HOME=/x", "HOME="], ["HOME=/root"]),
    (["HOME=", "HOME=/x"], ["HOME=/x"]), (["HOME=/y", "B=1", "HOME=/x"], ["B=1", "HOME=/x"])])
def test_the_last_value_of_a_variable_counts_and_is_there_once(bundle, env, seen):
    bundle.process["env"] = ["PATH=/bin", *env]
    assert bundle.run("env").stdout.splitlines() == ["PATH=/bin", *seen]


def test_exec_with_a_capability_that_the_container_lets_others_inherit(bundle):
    for name in ("bounding", "inheritable"):
        bundle.process["capabilities"][name] = ["CAP_CHOWN", "CAP_SYSLOG"]
    for name in ("effective", "permitted"):
        bundle.process["capabilities"][name] = ["CAP_CHOWN"]
    with bundle.running():
        seen = bundle.exec("grep", "CapAmb", "/proc/self/status", flags=["--cap", "CAP_SYSLOG"]).stdout
        assert int(seen.split()[1], 16) == 1 << 34
