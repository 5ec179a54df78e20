"""System calls that fail on purpose, or kill: strace's --inject on the engine and everything it starts."""

import contextlib
import pathlib
import subprocess

from harness.engine import is_alive
from harness.need import need_program
from harness.wait import wait_until


def inject(call, error=None, when=None, delay=None):
    """The wrapper under which `call` answers `error` ("ENOSYS", or a number: no error but this result) or takes `delay`
    seconds longer, always or at its `when`-th time in each process."""
    need_program("strace")
    rule = f"--inject={call}"
    if error is not None:
        rule += f":retval={error}" if isinstance(error, int) else f":error={error}"
    rule += (f":when={when}" if when else "") + (f":delay_enter={delay}s" if delay else "")
    # -D: the tracer is a grandchild, so that the process started is the engine itself.
    return ["strace", "-D", "-f", "-qqq", "--seccomp-bpf", "-o", "/dev/null", f"--trace={call}", rule]


@contextlib.contextmanager
def killed_at(pid, call, when, alone=False):
    """Inside, the running process `pid` is killed as it enters `call` for the `when`-th time in any one thread, and so
    is what it starts meanwhile, unless `alone` (then it must have one thread). Whether it was is known afterwards."""
    need_program("strace")
    command = ["strace", *([] if alone else ["-f"]), "-qqq", "-o", "/dev/null", "-p", str(pid), f"--trace={call}",
               f"--inject={call}:signal=KILL:when={when}"]
    tracer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def attached():
        if tracer.poll() is not None or not is_alive(pid):
            return True  # it made that call while strace attached to it, and is dead
        try:
            statuses = [(task / "status").read_text() for task in pathlib.Path(f"/proc/{pid}/task").iterdir()]
        except OSError:  # a thread that has just ended
            return False
        return all("TracerPid:\t0\n" not in status for status in statuses)
    try:
        wait_until(attached, f"strace has attached to process {pid}")
        yield
    finally:
        # Asked to end, it may wait for ever for a process that it has killed; the kernel lets the rest go.
        tracer.kill()
        tracer.wait(20)
