"""A virtual machine with Debian's cloud kernel, for what the host lacks: cgroup v2 controllers, AppArmor, other
kernels. It boots in seconds under qemu's TCG and runs programs 20 to 35 times slower, so only tests of such things
run here. The guest is an initramfs of busybox, the programs of the build and the scripts of tests/vm/guest."""

import os
import pathlib
import re
import shutil
import subprocess

from harness import criu

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / "build" / "vm"
BIN = pathlib.Path(os.environ.get("ESTIBA_BIN", ROOT / "build/release/bin"))
PROGRAMS = ["estiba", "estibad", "estiba-monitor", "estiba-transfer", "estiba-init", "estiba-netd", "estiba-uplink",
            "estiba-oci"]
TOOLS = ["nft", "tc", "ip", "socat", "apparmor_parser", "setpriv", "tar", "mkfs.ext4",
         "bridge"]
MODULES = ["overlay", "veth", "bridge", "nf_tables", "nft_chain_nat", "nft_masq", "nft_nat", "nft_ct", "nft_fib_inet",
           "tun", "unix_diag", "tcp_diag", "udp_diag", "raw_diag", "inet_diag", "af_packet_diag", "netlink_diag",
           "nf_conntrack_netlink", "nft_numgen", "sch_netem", "sch_tbf", "loop", "virtio_pci", "virtio_blk", "ext4",
           "quota_v2", "macvlan", "ipvlan", "8021q", "dummy", "vrf", "sctp"]

INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /new
/bin/busybox mount -t tmpfs -o size=90% new /new
# The initramfs itself cannot be pivoted away from; a tmpfs can.
/bin/busybox cp -a /bin /etc /lib /lib64 /guest /opt /share /usr /new/
/bin/busybox mkdir -p /new/proc /new/sys /new/dev /new/tmp /new/run /new/var/lib /new/root
exec /bin/busybox switch_root /new /guest/boot
"""

BOOT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/usr/sbin:/usr/bin HOME=/root
if [ $$ = 1 ]; then
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm; mount -t devpts devpts /dev/pts; mount -t tmpfs shm /dev/shm; mount -t tmpfs run /run
# Of another host with systemd, systemd mounts what its command line says.
grep -q unified_cgroup_hierarchy=0 /proc/cmdline || mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t securityfs securityfs /sys/kernel/security 2>/dev/null
for module in {modules}; do modprobe $module || echo "VM: no module $module"; done
ip link set lo up
fi
run_tests() {{
  for test in $1/*.sh; do
    [ -e $test ] || continue
    name=$(basename $test .sh)
    echo "VM-BEGIN $name"
    # The trace names the command that a script ended at.
    timeout {seconds} sh -eux $test 2>/tmp/trace; code=$?
    [ $code = 0 ] || tail -n 30 /tmp/trace
    echo "VM-END $name $code"
  done
}}
if [ $$ = 1 ]; then
  run_tests /guest/tests
  # The rest is for the guest to whom systemd is the first process: this script goes on as its only service.
  [ -e /guest/tests/systemd ] && exec /lib/systemd/systemd --unit=tests.service
else
  run_tests /guest/tests/systemd
fi
poweroff -f
"""

SERVICE = """[Unit]
DefaultDependencies=no
[Service]
ExecStart=/guest/boot
StandardOutput=tty
StandardError=inherit
TTYPath=/dev/console
"""


def kernel():
    """(kernel image, modules folder) of Debian's cloud kernel, downloaded once."""
    CACHE.mkdir(parents=True, exist_ok=True)
    found = list(CACHE.glob("kernel/boot/vmlinuz-*"))
    if not found:
        depends = subprocess.run(["apt-cache", "depends", "linux-image-cloud-amd64"], check=True, capture_output=True,
                                 text=True).stdout
        package = re.search(r"Depends: (linux-image-\S+)", depends).group(1)
        subprocess.run(["apt-get", "download", "-q", package], cwd=CACHE, check=True, capture_output=True)
        subprocess.run(["dpkg", "-x", str(next(CACHE.glob("linux-image-*.deb"))), CACHE / "kernel"], check=True)
        found = list(CACHE.glob("kernel/boot/vmlinuz-*"))
    version = found[0].name.removeprefix("vmlinuz-")
    return found[0], CACHE / "kernel/lib/modules" / version


def copy_libraries(program, guest):
    text = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    for path in re.findall(r"(/\S+) \(0x", text):
        target = guest / path.lstrip("/")
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)


def copy_modules(modules, guest):
    """The modules named and what they need, with a modules.dep for the guest's modprobe."""
    subprocess.run(["depmod", "-b", modules.parents[2], modules.name], check=True)
    dependencies = {}
    for line in (modules / "modules.dep").read_text().splitlines():
        path, _, needs = line.partition(":")
        dependencies[pathlib.Path(path).name.split(".")[0].replace("-", "_")] = [path, *needs.split()]
    target = guest / "lib/modules" / modules.name
    for name in MODULES:
        for path in dependencies.get(name, []):
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(modules / path, target / path)
    subprocess.run(["depmod", "-b", guest, modules.name], check=True)


def add_systemd(guest):
    """systemd as the host has it: the manager and systemctl, with no unit but ours. It is spoken to at its private
    socket, so there is no message bus."""
    for program in ["/lib/systemd/systemd", "/lib/systemd/systemd-cgroups-agent", "/bin/systemctl"]:
        (guest / program.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(program, guest / program.lstrip("/"))
        copy_libraries(program, guest)
    write(guest / "etc/systemd/system/tests.service", SERVICE)
    for unit in (BIN.parent / "packaging/systemd/system").iterdir():
        write(guest / "guest/units" / unit.name, re.sub("=.*/bin/estiba", "=/bin/estiba", unit.read_text()))
    write(guest / "etc/machine-id", "0123456789abcdef0123456789abcdef\n")


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def build_guest(folder, tests, seconds, add=None):
    """(kernel image, initramfs). `add` is called with the guest's root, to put more into it."""
    guest = pathlib.Path(folder) / "guest"
    for name in ["bin", "etc", "lib", "lib64", "opt", "usr", "share/estiba/images"]:
        (guest / name).mkdir(parents=True, exist_ok=True)
    shutil.copy("/bin/busybox", guest / "bin/busybox")
    for program in PROGRAMS:
        shutil.copy(BIN / program, guest / "bin" / program)
        copy_libraries(BIN / program, guest)
    for tool in TOOLS:
        path = shutil.which(tool, path="/usr/sbin:/usr/bin")
        shutil.copy(path, guest / "bin" / tool)
        copy_libraries(path, guest)
    criu.copy_to("trixie", guest / "opt/criu")
    write(guest / "bin/criu", criu.script(guest / "opt/criu", pathlib.Path("/opt/criu")))
    for image in (BIN.parent / "share/estiba/images").glob("*.tar"):
        shutil.copy(image, guest / "share/estiba/images")
    (guest / "etc/apparmor.d/abi").mkdir(parents=True)
    shutil.copy("/etc/apparmor.d/abi/3.0", guest / "etc/apparmor.d/abi/3.0")
    (guest / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (guest / "etc/group").write_text("root:x:0:\n")
    (guest / "etc/resolv.conf").write_text("nameserver 192.0.2.1\n")
    image, modules = kernel()
    copy_modules(modules, guest)
    write(guest / "init", INIT)
    write(guest / "guest/boot", BOOT.format(modules=" ".join(MODULES), seconds=seconds))
    write(guest / "guest/functions", (pathlib.Path(__file__).parent / "guest/functions").read_text())
    for test in tests:
        kind = "systemd" if test.parent.name in ("systemd", "legacy") else ""
        write(guest / "guest/tests" / kind / test.name, test.read_text())
    if (guest / "guest/tests/systemd").exists():
        add_systemd(guest)
    if add:
        add(guest)
    archive = pathlib.Path(folder) / "initramfs"
    with open(archive, "wb") as out:
        names = subprocess.run(["find", "."], cwd=guest, check=True, capture_output=True).stdout
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=guest, input=names, stdout=out, check=True)
    return image, archive


def command(image, archive, options="", devices=()):
    return ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "1536", "-smp", "2", "-nographic",
            "-no-reboot", "-nic", "none", *devices, "-kernel", str(image), "-initrd", str(archive),
            "-append", f"console=ttyS0 quiet panic=-1 random.trust_cpu=on no_timer_check {options}"]


def run(folder, tests, seconds=600, timeout=1500, options=""):
    """Boots once, runs every script of `tests`; {script name: (exit code, output)}. Missing names never ended."""
    image, archive = build_guest(folder, tests, seconds)
    try:
        console = subprocess.run(command(image, archive, options), capture_output=True, timeout=timeout,
                                 stdin=subprocess.DEVNULL, check=False).stdout
    except subprocess.TimeoutExpired as late:
        console = late.stdout or b""
    text = console.decode(errors="replace").replace("\r", "")
    (pathlib.Path(folder) / "console.log").write_text(text)
    return {name: (int(code), output) for name, output, code in
            re.findall(r"VM-BEGIN (\S+)\n(.*?)VM-END \1 (\d+)", text, re.DOTALL)}
