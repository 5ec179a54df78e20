"""Symbol checks on the built libraries and programs: check_symbols.py BUILD_FOLDER.

child may need only what is safe between clone and exec; the engine links no archive or HTTP client library and
never clones; what answers names has no resolver of the C library; small programs give memory back with its size;
nobody starts a shell.
"""

import pathlib
import re
import subprocess
import sys

CHILD_ALLOWED = {
    # libc functions that are plain system calls or touch no shared state
    "__errno_location", "_exit", "syscall", "read", "write", "open", "openat", "close", "fcntl", "fstat", "fstatat",
    "mkdir", "mkdirat", "mknodat", "symlinkat", "unlinkat", "readlinkat", "linkat", "fchmod", "fchmodat", "fchown",
    "fchownat", "mount", "umount2", "chdir", "fchdir", "chroot", "getcwd", "sethostname", "setdomainname", "setrlimit",
    "prlimit", "prctl", "setns", "unshare", "execve", "execveat", "fexecve", "dup", "dup2", "dup3", "ioctl", "umask",
    "setsid", "getpid", "getppid", "kill", "sigaction", "sigprocmask", "sched_setaffinity", "sched_setscheduler",
    "setpriority", "personality", "waitid", "poll", "recv", "send", "sendmsg", "recvmsg", "socket", "clock_gettime",
    "faccessat", "nanosleep", "getuid", "geteuid", "statfs", "fstatfs", "pipe2", "ftruncate", "lseek", "rt_sigaction",
    "statx", "fallocate", "setxattr", "fsetxattr", "fchmodat", "access", "faccessat2", "sigemptyset", "sigfillset",
    # memory and text without allocation or locale
    "memcpy", "memset", "memcmp", "memmove", "strlen", "strcmp", "strncmp", "strchr", "strrchr", "memchr",
    "_GLOBAL_OFFSET_TABLE_",
}
# fork and unshare are in it for one moment: a user's engine enters its user namespace before it has threads
# (os/userns); containers are cloned by monitors alone.
FORBIDDEN_IN_ENGINE = re.compile(r"^(curl_|archive_(?!.*estiba)|vfork$|clone$|clone3$)")
# Names are looked up by our own code, which asks whom it is told to; the C library's reads files of the host's.
FORBIDDEN_FOR_NAMES = re.compile(r"^(getaddrinfo|getnameinfo|gethostby|getservby|if_nametoindex|res_|__res_|dn_)")
# operator delete without a size (arrays of plain types): libstdc++'s would free() what bin/small/memory.cc gave.
FORBIDDEN_IN_SMALL = re.compile(r"^(_ZdlPv|_ZdaPv)$")
SMALL_PROGRAMS = ("estiba-oci", "estiba-monitor")
FORBIDDEN_EVERYWHERE = re.compile(r"^(system|popen|gets|strcpy|strcat|sprintf|mktemp|tmpnam)$")


def undefined(path):
    text = subprocess.run(["nm", "--undefined-only", "--format=posix", path], check=True, capture_output=True,
                          text=True).stdout
    return {line.split()[0].split("@")[0] for line in text.splitlines() if line and not line.endswith(":")}


def defined(path):
    text = subprocess.run(["nm", "--defined-only", "--format=posix", path], check=True, capture_output=True,
                          text=True).stdout
    return {line.split()[0] for line in text.splitlines() if line and not line.endswith(":")}


def check_child(build):
    extra = set()
    for library in build.glob("src/child/libestiba_child*.a"):
        extra |= {name for name in undefined(library) - CHILD_ALLOWED - defined(library)
                  if not name.startswith("_ZN6estiba5child")}
    return [f"child uses '{name}', which is not safe between clone and exec" for name in sorted(extra)]


def check_engine(build):
    return [f"estibad needs '{name}', which the engine may not link"
            for name in sorted(undefined(build / "bin/estibad")) if FORBIDDEN_IN_ENGINE.search(name)]


def check_small(build):
    return [f"{program} has '{name}', which gives memory back without its size"
            for program in SMALL_PROGRAMS for name in sorted(defined(build / "bin" / program))
            if FORBIDDEN_IN_SMALL.search(name)]


def check_names(build):
    return [f"{library.name} uses '{name}', a resolver of the C library"
            for layer in ("dns", "netd", "os") for library in sorted(build.glob(f"src/{layer}/libestiba_{layer}*.a"))
            for name in sorted(undefined(library)) if FORBIDDEN_FOR_NAMES.search(name)]


def check_ours(build):
    found = []
    for library in sorted(build.glob("src/**/libestiba_*.a")):
        found += [f"{library.name} uses '{name}'" for name in sorted(undefined(library))
                  if FORBIDDEN_EVERYWHERE.search(name)]
    return found


def main():
    build = pathlib.Path(sys.argv[1])
    problems = check_child(build) + check_engine(build) + check_small(build) + check_names(build) + check_ours(build)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
