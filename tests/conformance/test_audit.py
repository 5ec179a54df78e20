"""audit: the settings of a bundle that weaken its isolation, with an exit code for pipelines."""

import json
import os

import pytest

pytestmark = pytest.mark.skipif("ESTIBA_RUNTIME" in os.environ, reason="only estiba-oci audits")


def audit(bundle, *flags):
    bundle.save()
    return bundle.command("audit", "--bundle", bundle.path, "--lang", "en", *flags, check=False)


def rules(bundle):
    return {finding["rule"]: finding for finding in json.loads(audit(bundle, "--json").stdout)["findings"]}


def harden(bundle):
    bundle.map_ids()
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
        {"names": ["read", "write", "exit_group", "execve"], "action": "SCMP_ACT_ALLOW"}]}
    bundle.linux["maskedPaths"] = ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/scsi",
                                   "/sys/firmware"]


def test_a_finding_names_severity_field_reason_and_remedy(bundle):
    finding = rules(bundle)["no-seccomp"]
    assert finding["severity"] == "high" and finding["field"] == "linux.seccomp"
    assert "system call" in finding["reason"] and "profile" in finding["remedy"]
    assert bundle.containers() == []


def test_the_exit_code_is_for_pipelines(bundle):
    assert audit(bundle).returncode == 2  # no seccomp: high, the default threshold
    assert audit(bundle, "--fail-on", "critical").returncode == 0
    assert audit(bundle, "--fail-on", "never").returncode == 0
    harden(bundle)
    assert audit(bundle).returncode == 0, audit(bundle).stdout
    assert audit(bundle, "--fail-on", "low").returncode == 2
    bundle.process["cwd"] = "relative"
    assert audit(bundle).returncode == 1  # it could not be audited
    assert "not low, medium" in audit(bundle, "--fail-on", "urgent").stderr


def test_what_a_privileged_container_is_told(bundle):
    bundle.without_namespace("pid")
    bundle.without_namespace("network")
    bundle.config["mounts"] = [entry for entry in bundle.config["mounts"] if entry["destination"] != "/sys"]
    for name in ("bounding", "effective", "permitted"):
        bundle.process["capabilities"][name] += ["CAP_SYS_ADMIN", "CAP_NET_ADMIN"]
    bundle.bind("/", "/host")
    bundle.linux["devices"] = [{"path": "/dev/sda", "type": "b", "major": 8, "minor": 0}]
    bundle.config["hooks"] = {"poststop": [{"path": "/bin/true"}]}
    found = rules(bundle)
    assert {"host-pid", "host-network", "host-network-admin", "cap-sys-admin", "block-device", "engine-socket",
            "host-hook"} <= found.keys()
    assert found["cap-sys-admin"]["severity"] == "critical"
    assert found["host-hook"]["field"] == "hooks.poststop[0]"


def test_spanish(bundle):
    assert "auditoría de 'bundle'" in audit(bundle, "--lang", "es").stdout
