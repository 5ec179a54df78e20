"""One engine of each kind for a module, a Debian image loaded into it."""

import os

import pytest

from drivers import Buildah, Containerd, Docker, Podman
from harness import debian
from harness.need import need, need_program


def started(kind):
    need(os.geteuid() == 0, "root")
    for program in kind.programs:
        need_program(program)
    archive = debian.archive()
    engine = kind()
    try:
        engine.start()
        engine.load(archive)
        yield engine
        engine.assert_no_leaks()
    finally:
        engine.destroy()


@pytest.fixture(scope="module")
def docker():
    yield from started(Docker)


@pytest.fixture(scope="module")
def podman():
    yield from started(Podman)


@pytest.fixture(scope="module")
def containerd():
    yield from started(Containerd)


@pytest.fixture(scope="module")
def buildah():
    yield from started(Buildah)
