"""System calls that fail on purpose: strace's --inject on the engine and everything it starts."""

from harness.need import need_program


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
