"""Hardening flags on the built programs: check_hardening.py BUILD_FOLDER.

Position independent, full RELRO, no executable stack; the static ones need no dynamic loader.
"""

import pathlib
import subprocess
import sys

PROGRAMS = ["estiba", "estibad", "estiba-monitor", "estiba-netd", "estiba-uplink", "estiba-cni", "estiba-tls",
            "estiba-transfer", "estiba-init", "estiba-oci"]
STATIC = {"estiba-monitor", "estiba-netd", "estiba-uplink", "estiba-cni", "estiba-init", "estiba-oci"}


# No C library and no relocations: 16 kB in every container that asks for it; nothing there to protect by RELRO.
FREESTANDING = {"estiba-init"}


def readelf(option, path):
    return subprocess.run(["readelf", "-W", option, path], check=True, capture_output=True, text=True).stdout


def check(path):
    header, segments, dynamic = readelf("-h", path), readelf("-l", path), readelf("-d", path)
    if "DYN (" not in header and path.name not in FREESTANDING:
        yield "is not position independent"
    if "GNU_RELRO" not in segments and path.name not in FREESTANDING:
        yield "has no RELRO segment"
    if "GNU_STACK" in segments and "RWE" in segments.split("GNU_STACK", 1)[1].splitlines()[0]:
        yield "has an executable stack"
    if "BIND_NOW" not in dynamic and "NOW" not in dynamic and path.name not in STATIC:
        yield "binds lazily (no -z now)"
    if path.name in STATIC and ("NEEDED" in dynamic or "INTERP" in segments):
        yield "is not static"


def main():
    folder = pathlib.Path(sys.argv[1]) / "bin"
    problems = [f"{name} {problem}" for name in PROGRAMS for problem in check(folder / name)]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
