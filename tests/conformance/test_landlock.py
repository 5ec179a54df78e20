"""Landlock by annotation: an extension, so these rows are about estiba-oci alone."""

import json
import os
import pathlib

import pytest

from harness.need import need

ANNOTATION = "dev.estiba.landlock"
READ = ["execute", "read_file", "read_dir"]
WRITE = ["write_file", "make_reg", "make_dir", "remove_file", "remove_dir", "truncate"]

pytestmark = pytest.mark.skipif("ESTIBA_RUNTIME" in os.environ, reason="an extension of estiba-oci")


@pytest.fixture(autouse=True)
def kernel():
    modules = pathlib.Path("/sys/kernel/security/lsm")
    need(not modules.exists() or "landlock" in modules.read_text(), "a kernel with Landlock")


def restrict(bundle, *rules, handled=(*READ, *WRITE), **more):
    policy = {"ruleset": {"handledAccessFS": list(handled)},
              "rules": {"pathBeneath": [{"allowedAccess": list(access), "paths": list(paths)}
                                        for access, paths in rules]}} | more
    bundle.config["annotations"] = {ANNOTATION: json.dumps(policy)}


def test_what_no_rule_allows_is_forbidden_to_root_too(bundle):
    restrict(bundle, (READ, ["/"]), (READ + WRITE, ["/tmp"]), (["write_file"], ["/dev"]))
    script = "echo a > /tmp/a && cat /tmp/a; echo b > /etc/b; rm /etc/passwd; ls /etc; echo > /dev/null && echo ok"
    out = bundle.run("sh", "-c", script)
    assert out.stdout == "a\ngroup\npasswd\nok\n"
    assert "can't create /etc/b: Permission denied" in out.stderr and "passwd': Permission denied" in out.stderr


@pytest.mark.parametrize("privileges", [True, False])
def test_with_and_without_no_new_privileges(bundle, privileges):
    bundle.process["noNewPrivileges"] = privileges
    restrict(bundle, (READ, ["/bin"]), handled=READ)
    assert "Permission denied" in bundle.run("cat", "/etc/passwd", check=False).stderr


def test_a_user_who_is_not_root(bundle):
    bundle.process["user"] = {"uid": 1000, "gid": 1001}
    restrict(bundle, (READ, ["/bin"]), handled=READ)
    assert "Permission denied" in bundle.run("cat", "/etc/passwd", check=False).stderr


def test_in_a_user_namespace(bundle):
    bundle.map_ids()
    restrict(bundle, (READ, ["/bin"]), handled=READ)
    assert "Permission denied" in bundle.run("cat", "/etc/passwd", check=False).stderr


def test_exec_is_restricted_too(bundle):
    restrict(bundle, (READ, ["/bin"]), handled=READ)
    with bundle.running("sleep", "1000"):
        done = bundle.exec("cat", "/etc/passwd", check=False)
        assert "Permission denied" in done.stderr and done.stdout == ""


def test_a_program_that_may_not_be_executed_is_an_error(bundle):
    restrict(bundle, (["read_file"], ["/"]), handled=["execute", "read_file"])
    assert "permission denied" in bundle.refused("true").lower()


def test_a_rule_about_one_file(bundle):
    restrict(bundle, (READ, ["/bin"]), (READ, ["/etc/passwd"]), handled=READ)
    assert bundle.run("head", "-n1", "/etc/passwd").stdout.startswith("root:")
    assert "Permission denied" in bundle.run("cat", "/etc/group", check=False).stderr


def test_seccomp_beside_it(bundle):
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"],
         "action": "SCMP_ACT_ERRNO"}]}
    for privileges in (True, False):
        bundle.process["noNewPrivileges"] = privileges
        restrict(bundle, (READ, ["/bin"]), handled=READ)
        assert "Permission denied" in bundle.run("cat", "/etc/passwd", check=False).stderr


@pytest.mark.parametrize("annotation, reason", [
    ("{", "dev.estiba.landlock"),
    ("[]", "expected an object"),
    ("{}", "handles nothing"),
    ('{"ruleset": {"handledAccessFS": ["fly"]}}', "unknown access 'fly'"),
    ('{"ruleset": {"handledAccessFs": ["read_file"]}}', "landlock.ruleset.handledAccessFs"),
    ('{"ruleset": {"handledAccessFS": ["read_file"]}, "rules": {"pathBeneath": '
     '[{"allowedAccess": ["execute"], "paths": ["/"]}]}}', "does not handle"),
    ('{"ruleset": {"handledAccessFS": ["read_file"]}, "rules": {"pathBeneath": '
     '[{"allowedAccess": ["read_file"], "paths": ["etc"]}]}}', "path 'etc' is not absolute"),
    ('{"ruleset": {"handledAccessFS": ["read_file"]}, "rules": {"pathBeneath": '
     '[{"allowedAccess": ["read_file"], "paths": ["/no/such"]}]}}', "allow beneath '/no/such'"),
])
def test_what_is_wrong_is_refused(bundle, annotation, reason):
    bundle.config["annotations"] = {ANNOTATION: annotation}
    assert reason in bundle.refused("true")


def test_a_checkpoint_would_lose_it(bundle):
    restrict(bundle, (READ, ["/bin"]), handled=READ)
    with bundle.running():
        done = bundle.command("checkpoint", "--image-path", bundle.folder / "images", bundle.id, check=False)
        assert done.returncode == 1 and "Landlock" in done.stderr


def test_features_tell_of_it(bundle):
    features = json.loads(bundle.command("features").stdout)
    assert int(features["annotations"][ANNOTATION + ".abi"]) >= 1
