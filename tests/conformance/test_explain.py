"""explain: the plan of a bundle as text, JSON and a shell script that makes the same container by hand."""

import json
import os
import pathlib
import re
import subprocess

import pytest

from bundle import RUNTIME
from harness.need import need, need_program

pytestmark = pytest.mark.skipif("ESTIBA_RUNTIME" in os.environ, reason="only estiba-oci explains")

# What a container is, as far as it can see itself.
LOOK = r"""
hostname; pwd; id; umask; ulimit -n
grep -E '^(Cap|NoNewPrivs|Groups)' /proc/self/status
cut -d' ' -f3- /proc/net/route | head -1; ip addr show lo | grep -c 'LOOPBACK,UP'
awk '{ print $5, $6 }' /proc/self/mountinfo | sort
wc -c < /proc/keys; ls /proc/scsi /sys/firmware | wc -l; cat /secret
ls -l /dev | awk '{ print $1, $5, $6, $NF }'
env | grep -vE '^(PWD|OLDPWD|SHLVL)=' | sort; readlink /proc/self/ns/pid | cut -d: -f1
set -- /proc/[0-9]*; echo $#
"""


def explain(bundle, *flags, check=True, **options):
    bundle.save()
    return bundle.command("explain", "--bundle", bundle.path, *flags, check=check, **options)


def rich(bundle):
    """A bundle that uses most of what a shell can express."""
    (bundle.folder / "data").mkdir()
    (bundle.folder / "data/file").write_text("content")
    (bundle.rootfs / "secret").write_text("secret")
    bundle.bind(bundle.folder / "data", "/data", "rbind", "ro", "nosuid")
    bundle.bind(bundle.folder / "data/file", "/etc/one", "bind")
    bundle.mount("/tmp", "tmpfs", "tmpfs", "nosuid", "size=1m")
    bundle.linux["maskedPaths"].append("/secret")
    bundle.config["root"]["readonly"] = True
    bundle.process.update({"cwd": "/etc", "user": {"uid": 1000, "gid": 1001, "umask": 0o27, "additionalGids": [10]},
                       "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}]})
    bundle.linux["resources"] |= {"pids": {"limit": 50}}
    bundle.process["args"] = ["sh", "-c", LOOK]


def by_hand(bundle):
    # Not below the folder of all tests' cgroups, which whoever is last removes: a script makes it but once.
    if not bundle.user:
        bundle.linux["cgroupsPath"] = "/" + bundle.id
    script = bundle.folder / "by-hand.sh"
    script.write_text(explain(bundle, "--script").stdout)
    done = subprocess.run(["sh", script], capture_output=True, text=True, timeout=60, check=False,
                          stdin=subprocess.DEVNULL)
    assert not list(pathlib.Path("/sys/fs/cgroup").glob(f"*/{bundle.id}")), done.stderr
    return done


def test_every_step_has_its_setting(bundle):
    text = explain(bundle, "--lang", "en", "web").stdout
    assert "container 'web', step by step:" in text
    assert re.search(r"child +mount 'proc' on '/proc' \(nosuid,nodev,noexec\) +mounts\[0\]", text)
    assert bundle.containers() == []


def test_json(bundle):
    plan = json.loads(explain(bundle, "--json").stdout)
    assert plan["id"] == "bundle" and plan["args"] == ["true"]  # called as its folder is
    assert {"op": "mask", "operands": ["/proc/kcore"]}.items() <= plan["steps"][
        next(i for i, step in enumerate(plan["steps"]) if step["op"] == "mask")].items()


@pytest.mark.parametrize("flags, environment, word", [
    (["--lang", "es"], {}, "paso a paso"),
    (["--lang", "en"], {"LANG": "es_ES.UTF-8"}, "step by step"),
    ([], {"LANG": "es_ES.UTF-8"}, "paso a paso"),
    ([], {"LC_ALL": "C", "LANG": "es_ES.UTF-8"}, "step by step"),
    ([], {"LC_MESSAGES": "es", "LANG": "en_US"}, "paso a paso"),
    ([], {"LANG": "fr_FR"}, "step by step"),
])
def test_the_language(bundle, flags, environment, word):
    assert word in explain(bundle, *flags, env={"PATH": os.environ["PATH"]} | environment).stdout


def test_a_language_that_is_not_spoken_is_refused(bundle):
    assert "en or es" in explain(bundle, "--lang", "fr", check=False).stderr


def test_a_bundle_that_cannot_start_is_not_explained(bundle):
    bundle.linux["resources"]["rubbish"] = 1
    bundle.process["cwd"] = "relative"
    assert "process.cwd" in explain(bundle, check=False).stderr


def test_the_script_makes_the_same_container(bundle):
    need_program("capsh")
    rich(bundle)
    done = by_hand(bundle)
    assert done.returncode == 0, done.stderr
    ours = bundle.run().stdout
    assert done.stdout.splitlines() == ours.splitlines()
    assert "uid=1000" in ours and "/data ro,nosuid" in ours, "the comparison compares nothing"


def test_the_script_makes_the_same_container_in_a_user_namespace(bundle):
    need_program("capsh")
    need(os.path.exists("/proc/self/ns/user"), "user namespaces")
    bundle.map_ids()
    bundle.linux["maskedPaths"].append("/etc/group")
    look = "hostname; id; cat /proc/self/uid_map; wc -c < /etc/group; grep Cap /proc/self/status"
    bundle.process["args"] = ["sh", "-c", look]
    done = by_hand(bundle)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == bundle.run().stdout.splitlines()


def test_the_script_ends_as_the_program_does(bundle):
    need_program("capsh")
    bundle.process["args"] = ["sh", "-c", "exit 7"]
    assert by_hand(bundle).returncode == 7


def test_hostile_operands_stay_words(bundle):
    need_program("capsh")
    mark = bundle.folder / "mark"
    evil = f"a'; touch {mark}; '\n touch {mark}\n$(touch {mark})"
    bundle.process["args"] = ["echo", evil]
    bundle.process["env"].append("X=" + evil)
    bundle.config["annotations"] = {evil: evil}
    bundle.bind("/tmp", "/" + evil)
    assert by_hand(bundle).stdout == evil + "\n"
    assert not mark.exists()


def test_the_program_is_named_as_it_is_called():
    need_program(RUNTIME)
    assert "explain" in subprocess.run([RUNTIME, "--help"], capture_output=True, text=True, check=True).stdout


def test_trace_plan_shows_what_each_step_took(bundle):
    done = bundle.run("echo", "output", flags=["--trace-plan", "--lang", "en"])
    assert done.stdout == "output\n"
    lines = [line for line in done.stderr.splitlines() if re.match(r" *\d+  (host|host\+child|child|root) ", line)]
    timed = [line for line in lines if re.search(r"\[\d+(\.\d+)? (µs|ms)\]", line)]
    # Every step but the program's own execution, which does not come back.
    assert [line.split()[2] for line in lines if line not in timed][:1] == ["execute"]
    assert f"in {len(timed)} steps" in done.stderr


def test_trace_plan_of_a_container_that_is_only_created(bundle):
    bundle.save()
    done = bundle.command("create", "--bundle", bundle.path, "--trace-plan", "--lang", "es", bundle.id,
                          stdout=subprocess.DEVNULL, stderr=open(bundle.folder / "trace", "wb"), capture_output=False)
    assert done.returncode == 0
    assert "medido: " in (bundle.folder / "trace").read_text()
    bundle.command("delete", "--force", bundle.id)
