"""config.json, `linux.seccomp`: what a filter does to the program, and the listener of SCMP_ACT_NOTIFY."""

import json
import os
import subprocess
import sys

import pytest

from harness.wait import wait_until


def profile(*rules, **more):
    return {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
            "syscalls": list(rules)} | more


def rule(action, *names, **more):
    return {"names": list(names), "action": action} | more


EPERM, EBUSY = "Operation not permitted", "Device or resource busy"
MKDIR = "mkdir /tmp/x 2>&1; echo $?"
ROWS = {
    "ERRNO is EPERM by default": (profile(rule("SCMP_ACT_ERRNO", "mkdir", "mkdirat")), MKDIR,
                                  f"mkdir: can't create directory '/tmp/x': {EPERM}\n1"),
    "errnoRet": (profile(rule("SCMP_ACT_ERRNO", "mkdir", "mkdirat", errnoRet=16)), MKDIR,
                 f"mkdir: can't create directory '/tmp/x': {EBUSY}\n1"),
    "KILL": (profile(rule("SCMP_ACT_KILL", "mkdir", "mkdirat")), "mkdir /tmp/x; echo $?", "159"),
    "KILL_PROCESS": (profile(rule("SCMP_ACT_KILL_PROCESS", "mkdir", "mkdirat")), "mkdir /tmp/x; echo $?", "159"),
    "TRAP": (profile(rule("SCMP_ACT_TRAP", "mkdir", "mkdirat")), "mkdir /tmp/x; echo $?", "159"),
    "LOG lets it through": (profile(rule("SCMP_ACT_LOG", "mkdir", "mkdirat")), MKDIR, "0"),
    "TRACE without a tracer": (profile(rule("SCMP_ACT_TRACE", "mkdir", "mkdirat")), MKDIR,
                               "mkdir: can't create directory '/tmp/x': Function not implemented\n1"),
    "a condition on an argument": (profile(*[rule("SCMP_ACT_ERRNO", name, args=[
        {"index": index, "value": 0o755, "op": "SCMP_CMP_NE"}]) for name, index in (("chmod", 1), ("fchmodat", 2))]),
                                   "chmod 755 /tmp && echo changed; chmod 700 /tmp || echo not", "changed\nnot"),
    "names nobody knows are ignored": (profile(rule("SCMP_ACT_ERRNO", "no_such_call")), "echo ran", "ran"),
    "an older profile, that does not know what we look for the program with": (
        profile(rule("SCMP_ACT_ERRNO", "faccessat2")), "echo ran", "ran"),
    "every flag": (profile(rule("SCMP_ACT_ERRNO", "mkdir"), flags=[
        "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
        "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]), "grep -w Seccomp /proc/self/status", "Seccomp:\t2"),
    "no flags": (profile(rule("SCMP_ACT_ERRNO", "mkdir"), flags=[]), "grep -w Seccomp /proc/self/status",
                 "Seccomp:\t2"),
}


@pytest.mark.parametrize("new_privileges", [True, False])
@pytest.mark.parametrize("row", ROWS)
def test_a_filter(bundle, row, new_privileges):
    bundle.linux["seccomp"], script, expected = ROWS[row]
    bundle.process["noNewPrivileges"] = not new_privileges
    out = bundle.sh(f"({script}) 2>/dev/null" if "2>&1" not in script else script)
    assert [line for line in out.splitlines() if "Bad system call" not in line] == expected.splitlines()


def test_an_exec_has_the_filter_too(bundle):
    bundle.linux["seccomp"] = profile(rule("SCMP_ACT_ERRNO", "mkdir", "mkdirat"))
    with bundle.running():
        assert EPERM in bundle.exec("mkdir", "/tmp/x", check=False).stderr


REFUSED = {
    "an unknown action": (profile(rule("SCMP_ACT_FOO", "mkdir")), "linux.seccomp.syscalls[0].action"),
    "an unknown default": (profile(defaultAction="SCMP_ACT_FOO"), "linux.seccomp.defaultAction"),
    "no default": ({"syscalls": []}, "linux.seccomp.defaultAction"),
    "an unknown architecture": (profile(architectures=["SCMP_ARCH_FOO"]), "linux.seccomp.architectures"),
    "an unknown flag": (profile(flags=["SECCOMP_FILTER_FLAG_FOO"]), "linux.seccomp.flags"),
    "an unknown operator": (profile(rule("SCMP_ACT_ERRNO", "mkdir", args=[{"index": 0, "value": 0, "op": "SCMP_FOO"}])),
                            "linux.seccomp.syscalls[0].args[0].op"),
    "an index above 5": (profile(rule("SCMP_ACT_ERRNO", "mkdir", args=[
        {"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}])), "linux.seccomp.syscalls[0].args"),
    "an errno above 4095": (profile(rule("SCMP_ACT_ERRNO", "mkdir", errnoRet=4096)), "linux.seccomp"),
    "notify by default": (profile(defaultAction="SCMP_ACT_NOTIFY"), "linux.seccomp.defaultAction"),
    "notify for write": (profile(rule("SCMP_ACT_NOTIFY", "write"), listenerPath="/x"), "linux.seccomp.syscalls[0]"),
    "notify for sendmsg": (profile(rule("SCMP_ACT_NOTIFY", "sendmsg"), listenerPath="/x"),
                           "linux.seccomp.syscalls[0]"),
    "notify without a listener": (profile(rule("SCMP_ACT_NOTIFY", "mkdir")), "linux.seccomp.listenerPath"),
    "a listener that is not there": (profile(rule("SCMP_ACT_NOTIFY", "mkdir"), listenerPath="/no/such/socket"),
                                     "linux.seccomp.listenerPath"),
}


@pytest.mark.parametrize("row", REFUSED)
def test_refused_and_the_field_named(bundle, row):
    bundle.linux["seccomp"], field = REFUSED[row]
    assert field in bundle.refused("true")


AGENT = """
import fcntl, struct
# SECCOMP_IOCTL_NOTIF_RECV and _SEND; struct seccomp_notif is 80 bytes, seccomp_notif_resp 24.
while True:
    notice = bytearray(80)
    fcntl.ioctl(3, 0xC0502100, notice)
    (cookie,) = struct.unpack_from("Q", notice)
    fcntl.ioctl(3, 0xC0182101, struct.pack("QqiI", cookie, 0, -95, 0))  # EOPNOTSUPP
"""


class Agent:
    """Takes a listener and answers every notice with EOPNOTSUPP."""

    def __init__(self, receiver):
        self.receiver = receiver
        self.process = None
        self.state = None

    def serve(self):
        data, (listener,) = self.receiver.receive()
        self.state = json.loads(data)
        self.process = subprocess.Popen([sys.executable, "-c", "import os; os.dup2(%d, 3)\n" % listener + AGENT],
                                        pass_fds=[listener], stderr=subprocess.DEVNULL)
        os.close(listener)

    def destroy(self):
        if self.process:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def agent(receiver):
    one = Agent(receiver)
    yield one
    one.destroy()


def notify(receiver, **more):
    return profile(rule("SCMP_ACT_NOTIFY", "mkdir", "mkdirat"), listenerPath=str(receiver.path)) | more


@pytest.mark.parametrize("new_privileges", [True, False])
def test_the_agent_answers_for_the_kernel(bundle, receiver, agent, new_privileges):
    bundle.process["noNewPrivileges"] = not new_privileges
    bundle.linux["seccomp"] = notify(receiver, flags=["SECCOMP_FILTER_FLAG_TSYNC"])
    bundle.create("sh", "-c", "mkdir /tmp/x; echo ended")
    agent.serve()
    bundle.start()
    wait_until(lambda: "ended" in bundle.output(), "the program ended")
    assert "can't create directory '/tmp/x': Operation not supported" in bundle.output()
    bundle.command("delete", "--force", bundle.id)


def test_the_agent_is_told_whose_listener_it_is(bundle, receiver, agent):
    bundle.config["annotations"] = {"a": "b"}
    bundle.linux["seccomp"] = notify(receiver, listenerMetadata="some \"data\"")
    with bundle.running() as state:
        agent.serve()
        assert agent.state == {
            "ociVersion": "1.3.0", "fds": ["seccompFd"], "pid": state["pid"], "metadata": "some \"data\"",
            "state": {"ociVersion": "1.3.0", "id": bundle.id, "status": "creating", "pid": state["pid"],
                      "bundle": str(bundle.path), "annotations": {"a": "b"}}}


def test_an_exec_has_a_listener_of_its_own(bundle, receiver, agent):
    bundle.linux["seccomp"] = notify(receiver)
    with bundle.running() as state:
        os.close(receiver.receive()[1][0])
        exec_pid = bundle.folder / "exec.pid"
        running = subprocess.Popen(bundle.words("exec", "--pid-file", exec_pid, bundle.id, "mkdir", "/tmp/x"),
                                   stderr=subprocess.PIPE, text=True)
        agent.serve()
        assert "Operation not supported" in running.communicate(timeout=20)[1]
        assert agent.state["state"]["pid"] == state["pid"] != agent.state["pid"]
        assert agent.state["state"]["status"] == "running"
        assert "metadata" not in agent.state


def test_no_listener_stays_in_the_container(bundle, receiver):
    bundle.linux["seccomp"] = notify(receiver)
    bundle.create("sleep", "1000")
    (listener,) = receiver.receive()[1]
    targets = [os.readlink(f"/proc/{bundle.state()['pid']}/fd/{fd}")
               for fd in os.listdir(f"/proc/{bundle.state()['pid']}/fd")]
    assert "anon_inode:seccomp notify" not in targets
    os.close(listener)
    bundle.command("delete", "--force", bundle.id)
