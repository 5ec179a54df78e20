"""Builds and runs every test suite, prints the table suite -> seconds, and one closing line.

Called by ./check. A suite is a function in SUITES that answers a Counts. Output of a suite goes to
build/check/SUITE.log and is shown only when something in it failed.
"""

import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import queue
import random
import re
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "check"
RELEASE = ROOT / "build" / "release"
ASAN = ROOT / "build" / "asan"

# Layers whose unit tests also run under ASan and UBSan: they parse bytes that strangers send.
UNTRUSTED = ["codec", "codec_stream", "oci", "http", "apitypes", "security", "net", "store", "plan", "registry", "monitorapi",
             "image", "cni",
             "image_work", "erofs", "tls_work"]


LOG_LOCK = threading.Lock()

# Files that take long for the tests they have: begun first, so that no processor is without work at the end.
LONG_FILES = ["test_same_trees.py"]

# Of libFuzzer for each target in a --long run.
FUZZ_MINUTES = 2


@dataclasses.dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    problems: list = dataclasses.field(default_factory=list)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.problems += other.problems


def run(log, command, timeout, env=None):
    """Runs `command` with its output appended to `log`; its exit code, 124 on timeout."""
    with open(log, "ab") as out:
        out.write(("\n$ " + " ".join(map(str, command)) + "\n").encode())
        out.flush()
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env,
                                   start_new_session=True)
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 15)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()
            return 124


def from_junit(path, name, code):
    """Counts of a JUnit file; a runner that failed without one is one failure."""
    counts = Counts()
    try:
        tree = ElementTree.parse(path)
    except (OSError, ElementTree.ParseError):
        return Counts(failed=1, problems=[f"{name}: no results (exit code {code})"])
    for case in tree.iter("testcase"):
        label = f"{name}: {case.get('classname')}.{case.get('name')}"
        if case.find("failure") is not None or case.find("error") is not None:
            counts.failed += 1
            counts.problems.append(label)
        elif case.find("skipped") is not None or case.get("result") == "skipped" or case.get("status") == "notrun":
            counts.skipped += 1
        else:
            counts.passed += 1
    if code != 0 and counts.failed == 0:
        counts.failed += 1
        counts.problems.append(f"{name}: exit code {code} although no test failed")
    return counts


def build(options, preset, log, *targets, **variables):
    env = dict(os.environ, ESTIBA_LAUNCHER="ccache")
    configure = ["cmake", "--preset", preset] + [f"-D{key}={value}" for key, value in variables.items()]
    if run(log, configure, 300, env) != 0:
        return False
    command = ["cmake", "--build", ROOT / "build" / preset]
    if targets:
        command += ["--target", *targets]
    return run(log, command, 3000, env) == 0


def suite_build(options, log):
    if build(options, "release", log):
        return Counts(passed=1)
    return Counts(failed=1, problems=["build: the release build failed"])


def run_script(log, name, command, timeout):
    code = run(log, command, timeout)
    return Counts(passed=1) if code == 0 else Counts(failed=1, problems=[f"{name}: exit code {code}"])


def suite_lint(options, log):
    counts = Counts()
    for name, command in {
        "lint": ["/usr/bin/python3", "tools/lint.py"],
        "symbols": ["/usr/bin/python3", "tools/check_symbols.py", RELEASE],
        "hardening": ["/usr/bin/python3", "tools/check_hardening.py", RELEASE],
        "ranks": ["/usr/bin/python3", "tools/check_ranks.py"],
    }.items():
        counts.add(run_script(log, name, command, 600))
    return counts


def run_gtests(log, folder, names, label, env=None):
    counts = Counts()
    for name in names:
        binary = folder / "bin" / f"{name}_tests"
        if not binary.exists():
            counts.add(Counts(failed=1, problems=[f"{label}: {binary.name} was not built"]))
            continue
        results = LOGS / f"{label}-{name}.xml"
        results.unlink(missing_ok=True)
        code = run(log, [binary, f"--gtest_output=xml:{results}", "--gtest_brief=1"], 900, env)
        counts.add(from_junit(results, f"{label} {name}", code))
    return counts


def test_binaries():
    """Names of the estiba_tests() of every layer."""
    return sorted(name for path in (ROOT / "src").glob("**/CMakeLists.txt")
                  for name in re.findall(r"^\s*estiba_tests\((\w+)", path.read_text(), re.MULTILINE))


def suite_unit(options, log):
    return run_gtests(log, RELEASE, test_binaries(), "unit")


def suite_asan(options, log):
    names = [name for name in UNTRUSTED if name in test_binaries()]
    if not build(options, "asan", log, *[f"{name}_tests" for name in names]):
        return Counts(failed=1, problems=["asan: the build failed"])
    env = dict(os.environ, ASAN_OPTIONS="detect_leaks=1", UBSAN_OPTIONS="print_stacktrace=1")
    return run_gtests(log, ASAN, names, "asan", env)


def fuzz_names():
    return sorted(path.name.removesuffix("_fuzz.cc") for path in (ROOT / "fuzz").glob("*_fuzz.cc"))


def run_fuzzer(options, preset, name):
    """(exit code, what it printed last) of one target."""
    corpus = ROOT / "fuzz" / "corpus" / name
    command = [ROOT / "build" / preset / "bin" / f"{name}_fuzz", corpus]
    if options.long:
        scratch = LOGS / f"fuzz-{name}"
        scratch.mkdir(parents=True, exist_ok=True)
        command = [command[0], scratch, corpus, f"-max_total_time={FUZZ_MINUTES * 60}",
                   f"-seed={options.seed % 2**31}", f"-artifact_prefix={scratch}-"]
    own_log = LOGS / f"fuzz-{name}.log"
    own_log.unlink(missing_ok=True)
    code = run(own_log, command, FUZZ_MINUTES * 60 + 600)
    return code, own_log.read_bytes()[-4000:]


def suite_fuzz(options, log):
    """Every corpus through its target under ASan and UBSan; --long fuzzes each for FUZZ_MINUTES, one a processor."""
    counts = Counts()
    preset = "fuzz" if options.long else "asan"
    names = fuzz_names()
    if not build(options, preset, log, *[f"{name}_fuzz" for name in names]):
        return Counts(failed=1, problems=["fuzz: the build failed"])
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda name: run_fuzzer(options, preset, name), names))
    with open(log, "ab") as out:
        for name, (code, said) in zip(names, results):
            counts.add(Counts(passed=1) if code == 0 else Counts(failed=1, problems=[f"fuzz: {name} (exit {code})"]))
            if code != 0:
                out.write(said)
    return counts


def pytest(options, log, target, timeout, before=(), **variables):
    """Counts of the tests of a folder or a file below tests/; `before` is a command that runs pytest and becomes it."""
    results = LOGS / f"{target.replace('/', '-')}.xml"
    results.unlink(missing_ok=True)
    env = dict(os.environ, ESTIBA_BIN=str(RELEASE / "bin"), ESTIBA_SEED=str(options.seed),
               ESTIBA_LONG="1" if options.long else "", **variables)
    command = [*before, "/usr/bin/python3", "-m", "pytest", "-q", "-x" if options.stop else "-q", "-p",
               "no:cacheprovider", f"--junitxml={results}", f"tests/{target}"]
    code = run(log, command, timeout, env)
    return from_junit(results, target, code)


def pytest_timeout(options):
    return 36000 if options.long else 2400


def pytest_suite(folder):
    def suite(options, log):
        return pytest(options, log, folder, pytest_timeout(options))
    return suite


def tests_in(path):
    return path.read_text().count("def test_")


def pytest_beside(folder):
    """A suite whose files run side by side, one a processor at a time: each in a mount namespace of its own, so that
    the leak check sees what its own tests mounted, and each lane with a test user of its own."""
    def suite(options, log):
        paths = sorted((ROOT / "tests" / folder).glob("test_*.py"), reverse=True,
                       key=lambda path: (path.name in LONG_FILES, path.read_text().count("def test_")))
        files = queue.SimpleQueue()
        for path in paths:
            files.put(path)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            lanes = [pool.submit(lane, options, log, folder, files, number) for number in range(os.cpu_count())]
        counts = Counts()
        for one in lanes:
            counts.add(one.result())
        append_failures(log, [own_log(folder, path) for path in paths])
        return counts
    return suite


def own_log(folder, path):
    return LOGS / f"{folder}-{path.stem}.log"


def lane(options, log, folder, files, number):
    """Runs files until there are none left."""
    counts = Counts()
    while True:
        try:
            path = files.get_nowait()
        except queue.Empty:
            return counts
        own_log(folder, path).unlink(missing_ok=True)
        started = time.monotonic()
        found = pytest(options, own_log(folder, path), f"{folder}/{path.name}", pytest_timeout(options),
                       ["unshare", "--mount"], ESTIBA_TEST_USER=f"estiba-test{number}")
        counts.add(found)
        with LOG_LOCK, open(log, "a") as out:
            print(f"{path.name} {time.monotonic() - started:.0f} s, {found.passed} passed, {found.failed} failed",
                  file=out)
        if not found.failed:
            own_log(folder, path).unlink()


def append_failures(log, logs):
    """The logs that are there, at the end of `log`, where the end of it is what is shown."""
    with open(log, "ab") as out:
        for one in logs:
            if one.exists():
                out.write(one.read_bytes())


SUITES = {
    "build": suite_build,
    "lint": suite_lint,
    "unit": suite_unit,
    "asan": suite_asan,
    "fuzz": suite_fuzz,
    "conformance": pytest_beside("conformance"),
    "attacks": pytest_beside("attacks"),
    "engines": pytest_suite("engines"),
    "image": pytest_beside("image"),
    "e2e": pytest_beside("e2e"),
    "crash": pytest_beside("crash"),
    "programs": pytest_suite("programs"),
    "vm": pytest_suite("vm"),
}


def parse_options():
    parser = argparse.ArgumentParser(prog="./check", description=__doc__.splitlines()[0])
    parser.add_argument("--long", action="store_true", help="the full form of every sampled test")
    parser.add_argument("--seed", type=int, help="replay a run's random choices")
    parser.add_argument("--only", help="suites to run, by comma (build always runs)")
    parser.add_argument("--stop", action="store_true", help="stop a suite at its first failure")
    parser.add_argument("--list", action="store_true", help="name the suites and stop")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1, 2**31)
    if options.only:
        unknown = set(options.only.split(",")) - set(SUITES)
        if unknown:
            parser.error(f"no suite called {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}")
    return options


def show_failure(name, log):
    lines = log.read_text(errors="replace").splitlines()
    print(f"--- the end of {log.relative_to(ROOT)}", *lines[-60:], "---", sep="\n", flush=True)


def main():
    options = parse_options()
    if options.list:
        print("\n".join(SUITES))
        return 0
    LOGS.mkdir(parents=True, exist_ok=True)
    chosen = ["build"] + [name for name in options.only.split(",") if name != "build"] if options.only else SUITES
    total, table = Counts(), []
    print(f"seed {options.seed}", flush=True)
    for name in chosen:
        log = LOGS / f"{name}.log"
        log.unlink(missing_ok=True)
        log.touch()
        started = time.monotonic()
        counts = SUITES[name](options, log)
        seconds = time.monotonic() - started
        table.append((name, seconds, counts))
        total.add(counts)
        print(f"{name:10} {seconds:6.0f} s  {counts.passed} passed, {counts.failed} failed, "
              f"{counts.skipped} skipped", flush=True)
        if counts.failed:
            show_failure(name, log)
        if name == "build" and counts.failed:
            break
    print(f"{'all':10} {sum(row[1] for row in table):6.0f} s")
    for problem in total.problems:
        print(f"failed: {problem}")
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
