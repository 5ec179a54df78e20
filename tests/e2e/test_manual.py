"""The manual pages, as groff reads them: without a warning, each with the sections a reader looks for."""

import pathlib
import subprocess

import pytest

from harness.need import need_program

PAGES = sorted((pathlib.Path(__file__).parents[2] / "packaging/man").glob("*.1"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_render_without_warnings(page):
    need_program("groff")
    command = ["groff", "-ww", "-man", "-Tascii", "-P-cbou", "-rLL=150n", page]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stderr == ""
    for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "SEE ALSO"):
        assert f"\n{section}\n" in result.stdout
    assert f"{page.stem} - " in result.stdout
