"""Completion as a person meets it: an interactive bash without bash-completion, and keys."""

import pathlib

import pytest

from harness.engine import BIN
from harness.terminal import Terminal

SCRIPT = pathlib.Path(__file__).parents[2] / "packaging/completion/estiba.bash"


@pytest.fixture
def shell(engine):
    engine.cli("run", "-d", "--name", "webserver", "estiba/busybox", "sleep", "1000")
    environment = {**engine.environment(), "PATH": f"{BIN}:/usr/bin:/bin", "TERM": "dumb"}
    one = Terminal(["bash", "--norc", "--noprofile", "-i"], environment, columns=200)
    one.type("PS1='> '; bind 'set enable-bracketed-paste off'; bind 'set bell-style none'\n")
    one.type(f". '{SCRIPT}'; echo rea''dy\n")
    one.expect("ready\r\n> ")
    yield one
    one.close()


@pytest.mark.parametrize("typed,completed", [
    ("estiba rena\t", "estiba rename "),
    ("estiba cont\tun\t", "estiba container unpause "),
    ("estiba stop webs\t", "estiba stop webserver "),
    ("estiba lab gr\t", "estiba lab graph "),
    ("estiba lab up /etc/host\t", "estiba lab up /etc/host"),
    ("estiba run --rm --memory-swapp\t", "--memory-swappiness "),
    ("estiba run -it --network non\t", "--network none "),
    ("estiba run --network=non\t", "--network=none "),  # bash takes '=' for a word of its own
    ("estiba run --restart unl\t", "--restart unless-stopped "),
    ("estiba rmi estiba/busybox:l\t", "estiba/busybox:latest "),  # and ':'
    ("estiba run --label a=b:c --rm estiba/busy\t", "--rm estiba/busybox:latest "),
    ("estiba load -i /etc/host\t", "estiba load -i /etc/host"),
])
def test_tab_completes(shell, typed, completed):
    shell.type(typed)
    shell.expect(completed, 5)


def test_several_candidates_are_listed(shell):
    shell.type("estiba vol\t\t\t")
    shell.expect("estiba volume ")
    for name in ("create", "inspect", "ls", "prune", "rm"):
        shell.expect(name)
