"""System calls that fail on purpose: strace's --inject on the engine and everything it starts."""

from harness.need import need_program


def inject(call, error, when=None):
    """The wrapper under which `call` answers `error` ("ENOSYS", or a number: no error but this result), always or at
    its `when`-th time in each process."""
    need_program("strace")
    answer = f"retval={error}" if isinstance(error, int) else f"error={error}"
    rule = f"--inject={call}:{answer}" + (f":when={when}" if when else "")
    # -D: the tracer is a grandchild, so that the process started is the engine itself.
    return ["strace", "-D", "-f", "-qqq", "--seccomp-bpf", "-o", "/dev/null", f"--trace={call}", rule]
