"""What a container sees of itself and of the host, and what it may not do."""

import os
import pathlib

# Docker's default set as the kernel prints it: CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP
# NET_BIND_SERVICE NET_RAW SYS_CHROOT MKNOD AUDIT_WRITE SETFCAP.
DEFAULT_CAPABILITIES = 0x00000000a80425fb


def status(engine, *options):
    text = engine.out("run", "--rm", *options, "estiba/busybox", "cat", "/proc/self/status")
    return {line.split(":")[0]: line.split(":", 1)[1].strip() for line in text.splitlines()}


def test_pid_1_and_its_own_hostname(engine):
    seen = engine.out("run", "--rm", "--hostname", "web", "estiba/busybox", "sh", "-c", "echo $$ $(hostname)")
    assert seen == "1 web"


def test_the_default_hostname_is_the_short_id(engine):
    identity = engine.out("run", "-d", "estiba/busybox", "sleep", "1000")
    assert engine.out("exec", identity, "hostname") == identity[:12]


def test_no_process_of_the_host_is_visible(engine):
    seen = engine.out("run", "--rm", "estiba/busybox", "sh", "-c", "ls -d /proc/[0-9]* | wc -l")
    assert int(seen) <= 4  # sh, ls and wc


def test_its_namespaces_are_its_own(engine):
    kinds = ["mnt", "pid", "net", "uts", "ipc", "cgroup"]
    seen = engine.out("run", "--rm", "estiba/busybox", "sh", "-c",
                      "for n in " + " ".join(kinds) + "; do readlink /proc/1/ns/$n; done").split()
    assert len(seen) == len(kinds)
    for kind, name in zip(kinds, seen):
        assert name != os.readlink(f"/proc/self/ns/{kind}"), kind


def test_the_root_shows_nothing_of_the_host(engine):
    mounts = engine.out("run", "--rm", "estiba/busybox", "cat", "/proc/self/mountinfo")
    assert str(engine.folder) not in "".join(line for line in mounts.splitlines()
                                             if " overlay " not in line and "/containers/" not in line)
    assert " / / " in mounts


def test_docker_default_capabilities(engine):
    seen = status(engine)
    assert int(seen["CapBnd"], 16) == DEFAULT_CAPABILITIES
    assert int(seen["CapEff"], 16) == DEFAULT_CAPABILITIES
    assert int(seen["CapInh"], 16) == 0
    assert int(seen["CapAmb"], 16) == 0


def test_capabilities_are_added_and_dropped(engine):
    assert int(status(engine, "--cap-drop", "ALL")["CapEff"], 16) == 0
    assert int(status(engine, "--cap-drop", "ALL", "--cap-add", "NET_ADMIN")["CapEff"], 16) == 1 << 12


def test_a_user_other_than_root_has_no_effective_capability(engine):
    seen = status(engine, "-u", "1000:1000")
    assert int(seen["CapEff"], 16) == 0
    assert seen["Uid"].split() == ["1000"] * 4


def test_the_seccomp_filter_is_on_and_can_be_taken_off(engine):
    assert status(engine)["Seccomp"] == "2"
    assert status(engine, "--security-opt", "seccomp=unconfined")["Seccomp"] == "0"


def test_no_new_privileges_on_request_only(engine):
    assert status(engine)["NoNewPrivs"] == "0"
    assert status(engine, "--security-opt", "no-new-privileges")["NoNewPrivs"] == "1"


def test_privileged_has_every_capability_of_the_host(engine):
    lines = pathlib.Path(f"/proc/{engine.process.pid}/status").read_text().splitlines()
    bounding = int(dict(line.split(":\t") for line in lines if line.startswith("CapBnd"))["CapBnd"], 16)
    seen = status(engine, "--privileged")
    assert int(seen["CapEff"], 16) == bounding
    assert seen["Seccomp"] == "0"


def test_dangerous_calls_are_refused(engine):
    script = """
    mount -t tmpfs x /mnt && echo mounted
    echo b > /proc/sysrq-trigger && echo sysrq
    umount /proc && echo unmounted
    mknod /tmp/sda b 8 0 && cat /tmp/sda >/dev/null && echo disk
    hostname other && echo renamed
    reboot -f && echo rebooted
    insmod /bin/busybox && echo module
    echo 1 > /proc/sys/kernel/panic && echo sysctl
    cat /proc/kcore | head -c 1 | grep -q . && echo kcore
    true
    """
    assert engine.out("run", "--rm", "estiba/busybox", "sh", "-c", script) == ""


def test_masked_and_readonly_paths(engine):
    """A masked file is empty, a masked folder too, whatever the host has there; /proc/sys cannot be written."""
    text = engine.out("run", "--rm", "estiba/busybox", "sh", "-c",
                      "for p in kcore keys timer_list interrupts; do [ ! -e /proc/$p ] || wc -c < /proc/$p; done;"
                      "for d in /proc/scsi /proc/acpi /sys/firmware; do [ ! -d $d ] || ls $d | wc -l; done;"
                      "echo 1 > /proc/sys/kernel/domainname && echo written; true")
    assert text.split() and set(text.split()) == {"0"}


def test_default_devices_and_no_others(engine):
    names = set(engine.out("run", "--rm", "estiba/busybox", "ls", "/dev").split())
    assert {"null", "zero", "full", "random", "urandom", "tty", "pts", "shm", "mqueue", "ptmx", "fd", "stdin",
            "stdout", "stderr"} <= names
    assert not names & {"vda", "sda", "kmsg", "mem", "kvm", "loop0"}


def test_nothing_of_ours_is_inherited(engine):
    """Signals, descriptors, limits, nice and oom score are a fresh process's."""
    text = engine.out("run", "--rm", "estiba/busybox", "sh", "-c",
                      "ls /proc/self/fd | wc -l; grep -E 'Sig(Blk|Ign)' /proc/self/status;"
                      "cat /proc/self/oom_score_adj;"
                      "cut -d' ' -f19 /proc/self/stat; umask; cat /proc/self/cgroup")
    lines = text.splitlines()
    assert lines[0] == "4"  # 0, 1, 2 and the folder ls reads
    assert lines[1].split()[1] == "0" * 16 and lines[2].split()[1] == "0" * 16
    assert lines[3:6] == ["0", "0", "0022"]
    assert all(line.endswith(":/") for line in lines[6:])


def test_read_only_root(engine):
    result = engine.cli("run", "--rm", "--read-only", "--tmpfs", "/scratch", "estiba/busybox", "sh", "-c",
                        "touch /scratch/ok && touch /x", check=False)
    assert result.returncode != 0
    assert "Read-only file system" in result.stderr


def test_host_network_is_the_hosts(engine):
    seen = engine.out("run", "--rm", "--network", "host", "estiba/busybox", "readlink", "/proc/self/ns/net")
    assert seen == f"net:[{engine.host.inode}]"


def test_no_network_has_only_loopback(engine):
    assert engine.out("run", "--rm", "--network", "none", "estiba/busybox", "ls", "/sys/class/net") == "lo"
