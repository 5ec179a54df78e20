"""Proxies of the user's config.json reach containers, as by docker's command."""

import json

import pytest

from harness.need import need_program

IMAGE = "estiba/busybox"


@pytest.fixture
def settings(engine):
    folder = engine.folder / ".docker"
    folder.mkdir(exist_ok=True)

    def write(proxies):
        text = proxies if isinstance(proxies, str) else json.dumps({"proxies": proxies})
        (folder / "config.json").write_text(text)
    yield write
    (folder / "config.json").unlink()


def variables(text):
    return {line for line in text.splitlines() if "_proxy=" in line.lower()}


WORDS = ("run", "--rm", "--network", "none", "-e", "HTTPS_PROXY=mine", "-e", "no_proxy=", IMAGE, "env")


def test_containers_have_the_proxies_that_docker_gives_them(engine, settings):
    need_program("docker")
    engine.cli("run", "--rm", "--network", "none", IMAGE, "true")
    ours = {"httpProxy": "http://p:3128", "httpsProxy": "http://p:3129", "noProxy": "a,b", "ftpProxy": "http://f",
            "allProxy": "socks5://s"}
    settings({"default": ours})
    seen = variables(engine.out(*WORDS))
    assert {"HTTP_PROXY=http://p:3128", "http_proxy=http://p:3128", "HTTPS_PROXY=mine", "https_proxy=http://p:3129",
            "NO_PROXY=a,b", "no_proxy=", "ALL_PROXY=socks5://s", "all_proxy=socks5://s"} <= seen
    by_docker = variables(engine.docker(*WORDS).stdout)
    # Releases before 23 know no allProxy.
    assert by_docker in (seen, {one for one in seen if not one.lower().startswith("all_")})
    settings({"default": ours, f"unix://{engine.socket}": {"ftpProxy": "http://of-this-engine"}})
    seen = variables(engine.out(*WORDS))
    assert seen == {"HTTPS_PROXY=mine", "no_proxy=", "FTP_PROXY=http://of-this-engine",
                    "ftp_proxy=http://of-this-engine"}
    assert variables(engine.docker(*WORDS).stdout) == seen


def test_a_file_that_cannot_be_read_is_warned_of(engine, settings):
    settings("{ half")
    said = engine.cli(*WORDS)
    assert "WARNING: Error loading config file: " in said.stderr and "HTTPS_PROXY=mine" in said.stdout
