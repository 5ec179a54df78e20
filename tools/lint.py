"""House rules a compiler does not check: lint.py. Prints what breaks them; exit code 1 if anything does."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MAX_FILE = 1000
MAX_LINE = 120
HEAVY = re.compile(r"#include <(iostream|regex|filesystem|boost/[^>]*|fmt/[^>]*|sqlite3\.h|curl/[^>]*)>")
RAW_SYSCALL = re.compile(r"(?<![\w:])(?:::)?syscall\(SYS_")
FORBIDDEN = [
    (re.compile(r"catch \(\.\.\.\)\s*\{\s*\}"), "swallows every exception"),
    (re.compile(r"\bTODO\b|\bFIXME\b|\bXXX\b"), "leaves work in a comment instead of an issue"),
    (re.compile(r"/work/|process_api"), "names a path of one machine"),
]
SHELL = re.compile(r"(?<![\w.>:])(?:::|std::)?(system|popen)\(")
NESTED_TRY = re.compile(r"\bTRY(?:_CTX)?\([^;]*\bTRY(?:_CTX)?\(")
SLEEP = re.compile(r"\b(?:sleep_for|usleep|::sleep)\(")


def files():
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True,
                           capture_output=True, text=True).stdout.split("\n")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def code_of(path):
    return path.suffix in {".cc", ".h", ".py", ".c"}


def check_cpp(path, text):
    relative = path.relative_to(ROOT)
    if path.suffix == ".h" and "#pragma once" not in text:
        yield "has no #pragma once"
    if path.suffix == ".h" and "/include/" in str(relative):
        for match in HEAVY.finditer(text):
            yield f"public header includes <{match.group(1)}>"
    layer = str(relative).split("/")[1] if str(relative).startswith("src/") else ""
    if layer and layer not in {"os", "child"} and "/tests/" not in str(relative) and RAW_SYSCALL.search(text):
        yield "makes a raw system call outside os and child"
    if SHELL.search(text):
        yield "starts a shell"
    for statement in text.split(";"):
        if NESTED_TRY.search(statement) and "#define" not in statement:
            yield "nests TRY in TRY: " + " ".join(statement.split())[:80]
    if "/tests/" in str(relative) and SLEEP.search(text):
        yield "sleeps in a test"


def check_text(path, text):
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > MAX_LINE and "http" not in line:
            yield f"line {number} has {len(line)} columns"
        if line.rstrip() != line:
            yield f"line {number} ends in blanks"
    if path.name in {"lint.py"}:
        return
    for pattern, why in FORBIDDEN:
        if pattern.search(text):
            yield why + ": " + pattern.search(text).group(0)


def main():
    problems = []
    for path in files():
        if not code_of(path) or "corpus" in path.parts:
            continue
        text = path.read_text(errors="replace")
        found = list(check_text(path, text))
        if text.count("\n") > MAX_FILE:
            found.append(f"has {text.count(chr(10))} lines; the house's limit is {MAX_FILE}")
        if path.suffix in {".cc", ".h"}:
            found += check_cpp(path, text)
        problems += [f"{path.relative_to(ROOT)}: {problem}" for problem in found]
    for layer in sorted((ROOT / "src").glob("**/CMakeLists.txt")):
        if not (layer.parent / "README.md").exists():
            problems.append(f"{layer.parent.relative_to(ROOT)}: has no README.md")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
