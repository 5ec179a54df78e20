"""How a pull looks: bars that fill in their places on a terminal, plain lines in a pipe."""

import os
import re

import pytest

from harness.registry import Registry
from harness.screen import screen
from harness.tar import image_archive
from harness.terminal import Terminal

LAYERS = 5


@pytest.fixture
def name(engine, tmp_path):
    """An image of five layers that do not compress, in a registry."""
    folder = tmp_path / "registry"
    folder.mkdir()
    registry = Registry(folder, engine.host)
    image_archive(tmp_path / "image.tar", "app:1", [[(f"file{i}", os.urandom(2 << 20), None)] for i in range(LAYERS)])
    yield registry.push(tmp_path / "image.tar", "app:1")
    registry.stop()


def pull_on_terminal(engine, name, columns):
    terminal = Terminal(engine.command("pull", name), engine.environment(), columns=columns)
    code = terminal.wait()
    text = terminal.seen.decode()
    terminal.close()
    assert code == 0, text
    return text


def check_end(lines, name):
    """The last lines, and one for each layer before them."""
    assert lines[0].endswith("1: Pulling from app")
    assert re.fullmatch(r"Digest: sha256:[0-9a-f]{64}", lines[-3])
    assert lines[-2:] == [f"Status: Downloaded newer image for {name}", name]
    return lines[1:-3]


def test_a_terminal_has_a_bar_for_each_layer_in_its_place(engine, name):
    text = pull_on_terminal(engine, name, columns=120)
    assert re.search(r"[0-9a-f]{12}: Downloading \[=*> *\] +[0-9.]+[kM]B/2\.09\dMB", text)
    layers = check_end(screen(text), name)
    assert [line.split(": ")[1] for line in layers] == ["Pull complete"] * LAYERS
    assert len({line.split(": ")[0] for line in layers}) == LAYERS


def test_a_narrow_terminal_has_numbers_alone(engine, name):
    text = pull_on_terminal(engine, name, columns=80)
    assert re.search(r"[0-9a-f]{12}: Downloading +[0-9.]+[kM]B/2\.09\dMB", text)
    assert "=>" not in text
    assert len(check_end(screen(text), name)) == LAYERS


def test_a_pipe_has_plain_lines(engine, name):
    lines = engine.out("pull", name).splitlines()
    assert not any("\x1b" in line or "Downloading" in line or "\r" in line for line in lines)
    layers = check_end(lines, name)
    assert sum(line.endswith(": Pull complete") for line in layers) == LAYERS


def test_quiet_says_the_name_alone(engine, name):
    assert engine.out("pull", "-q", name) == name
