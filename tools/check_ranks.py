"""Shows that CMake refuses a layer that uses one of higher or equal rank, by configuring a project that does."""

import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(ranks LANGUAGES CXX)
add_library(estiba_flags INTERFACE)
include({root}/cmake/Layer.cmake)
file(WRITE ${{CMAKE_BINARY_DIR}}/a.cc "int a;")
estiba_layer(low RANK 1 NO_PCH SOURCES ${{CMAKE_BINARY_DIR}}/a.cc)
estiba_layer(high RANK {rank} NO_PCH SOURCES ${{CMAKE_BINARY_DIR}}/a.cc DEPS {dependency})
"""


def configure(rank, dependency):
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "CMakeLists.txt"
        source.write_text(PROJECT.format(root=ROOT, rank=rank, dependency=dependency))
        result = subprocess.run(["cmake", "-G", "Ninja", "-S", folder, "-B", f"{folder}/build"], capture_output=True,
                                text=True)
        return result.returncode, result.stderr


def main():
    problems = []
    if configure(2, "low")[0] != 0:
        problems.append("a layer that uses a lower one was refused")
    for rank, dependency, said in [(1, "low", "may not use low"), (0, "low", "may not use low"),
                                   (2, "absent", "not declared before it")]:
        code, text = configure(rank, dependency)
        if code == 0 or said not in " ".join(text.split()):
            problems.append(f"rank {rank} using {dependency} was not refused with '{said}'")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
