"""The manual: pages as groff reads them, without a warning, each with the sections a reader looks for; and every key of
estibad.toml."""

import pathlib
import re
import subprocess

import pytest

from harness.need import need_program

ROOT = pathlib.Path(__file__).parents[2]
PAGES = sorted((ROOT / "packaging/man").glob("*.1"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_render_without_warnings(page):
    need_program("groff")
    command = ["groff", "-ww", "-man", "-Tascii", "-P-cbou", "-rLL=150n", page]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stderr == ""
    for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "SEE ALSO"):
        assert f"\n{section}\n" in result.stdout
    assert f"{page.stem} - " in result.stdout


def test_every_key_of_the_configuration_is_told():
    reads = re.findall(r'\b(?:table|top|pool|in)\.(?:Read\w*|Table|EachTable|Tables)\(\s*"([\w-]+)"',
                       (ROOT / "src/engine/config.cc").read_text())
    assert len(reads) > 35, reads
    told = (ROOT / "docs/configuration.md").read_text()
    assert [key for key in reads if not re.search(rf"[`.\[]{re.escape(key)}[`.\]]", told)] == []
