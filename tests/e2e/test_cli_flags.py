"""No option is parsed and ignored: every one that --help shows changes what the engine is asked, or what is printed.
The engine is a stand-in that keeps what it is asked and answers always the same."""

import http.server
import json
import pathlib
import re
import shlex
import socketserver
import subprocess
import threading

import pytest

from harness.engine import BIN

ID = "sha256:" + "1" * 64
LABELLED = {"Labels": {"a": "b"}}
CONTAINER = {"Id": "2" * 64, "Names": ["/web"], "Image": "one", "ImageID": ID,
             "Command": "sh -c 'a command that is long'", "Created": 1, "State": "running",
             "Status": "Up", "Ports": [], "Mounts": [], "SizeRw": 7, **LABELLED}
STATE = {"Running": True, "Paused": False, "Restarting": False}
INSPECT = {"Id": "2" * 64, "Name": "/web", "State": STATE, "Config": {"Tty": False, "OpenStdin": True},
           "HostConfig": {"AutoRemove": False}}
IMAGE = {"Id": ID, "RepoTags": ["one:1"], "RepoDigests": ["one@" + ID], "Created": 1, "Size": 1000, "Containers": -1}
EVENT = {"Type": "container", "Action": "start", "timeNano": 1, "Actor": {"ID": "x", "Attributes": {}}}
NETWORK = {"Id": "3" * 64, "Name": "back", "Driver": "bridge", "Scope": "local", "Created": "2026-01-02T03:04:05Z"}
STATS = {"cpu_stats": {"cpu_usage": {"total_usage": 5}}, "memory_stats": {"usage": 5, "limit": 9}}

# The first pattern that fits "METHOD path" answers.
ANSWERS = [
    ("POST /containers/create", {"Id": "2" * 64, "Warnings": []}),
    ("POST .*/healthcheck", {"Status": "unhealthy", "ExitCode": 1}),
    ("POST .*/(prune)", {"SpaceReclaimed": 5}),
    ("POST .*/wait", {"StatusCode": 3}),
    ("POST .*/exec$", {"Id": "4" * 64}),
    ("GET /exec/", {"ExitCode": 0}),
    ("GET /containers/json", [CONTAINER]),
    ("GET /containers/.*/stats", STATS),
    ("GET .*/plan", "plan"),
    ("GET /containers/", INSPECT),
    ("GET /images/json", [IMAGE]),
    ("GET /images/search", [{"name": "one", "description": "a description that is quite a lot longer than the column",
                             "star_count": 1, "is_official": True, "is_automated": False}]),
    ("GET /estiba/registry/tags", ["1"]),
    ("GET /estiba/registry/referrers", [{"digest": ID, "artifactType": "a/b", "size": 5, "mediaType": "c/d"}]),
    ("GET /estiba/v1/images/manifest", {"Ref": "one:1", "Descriptor": {"digest": ID}, "Raw": "e30="}),
    ("GET /images/.*/history", [{"Id": ID, "Created": 1, "CreatedBy": "RUN something that is quite a lot longer than "
                                 "the column is wide", "Size": 1000, "Comment": ""}]),
    ("GET /images/.*/json", IMAGE),
    ("GET /networks$", [NETWORK]),
    ("GET /networks/", NETWORK),
    ("GET /volumes$", {"Volumes": [{"Name": "data", "Driver": "local", "Mountpoint": "/m"}]}),
    ("GET /volumes/", {"Name": "data"}),
    ("GET /events", EVENT),
    ("GET /system/df", {}),
    ("POST /estiba/v1/store/check", {"status": "checked"}),
    ("POST /estiba/v1/system/up", [{"Id": ID, "Name": "web", "Error": ""}]),
    ("POST /images/load", {"stream": "loaded"}),
    ("POST /images/create", {"status": "pulled"}),
    ("POST /images/.*/push", {"status": "pushed"}),
    ("POST /estiba/v1/images/copy", {"status": "copied"}),
    ("DELETE /images/", [{"Deleted": ID}]),
    ("DELETE /networks/gone", None),  # 404
    ("GET ", {"Version": "1"}),
    ("", {}),
]

DOCS = pathlib.Path(__file__).parents[2] / "docs/commands"

# Commands whose arguments are not one container; the help of the others asks for none or one.
ARGUMENTS = {"exec": "web true", "history": "one", "rename": "web new",
             "pull": "one", "push": "one", "copy": "one two", "cp": "web:/file -",
             "search": "one", "image tags": "one",
             "image referrers": "one", "manifest inspect": "one", "rmi": "one", "save": "one", "tag": "one two",
             "network check": "back", "network connect": "back web", "network disconnect": "back web",
             "network create": "back", "network rm": "gone", "volume create": "data", "images": "",
             "import": "/dev/null", "stats": "",
             "lab down": "no-such-lab", "lab graph": str(DOCS.parents[1] / "examples/lab/lan.yaml")}
NEEDED = {"system prune": "--force", "container prune": "--force", "image prune": "--force", "network prune": "--force",
          "volume prune": "--force", "stats": "--no-stream", "save": "-o {tmp}/out", "load": "-i /dev/null",
          "network create": "--subnet 10.1.0.0/24", "login": "--password secret"}
VALUES = {"format": "X", "filter": "label=x", "since": "10m", "until": "10m", "tail": "5", "signal": "HUP",
          "timeout": "5", "last": "5", "restart": "always", "detach-keys": "a", "input": "{tmp}/archive", "output":
          "{tmp}/other", "type": "image", "env-file": "{tmp}/pairs", "label-file": "{tmp}/pairs", "cpus": "1.5",
          "memory": "64m", "memory-reservation": "64m", "memory-swap": "64m", "pids-limit": "5", "cpu-period": "5",
          "cpu-quota": "5", "cpu-shares": "5", "blkio-weight": "50", "subnet": "10.2.0.0/24", "driver-opt": "a=b",
          "gw-priority": "5"}
# What a container can be created with here, whatever the machine has.
CREATE = {"add-host": "a:1.2.3.4", "attach": "stdin", "annotation": "a=b", "cap-add": "NET_ADMIN", "cap-drop": "CHOWN",
          "cgroup-parent": "/estiba-other", "cgroupns": "host", "cidfile": "{tmp}/cid", "cpu-period": "50000",
          "cpu-quota": "20000", "cpu-shares": "512", "cpus": "0.5", "cpuset-cpus": "0", "cpuset-mems": "0",
          "device": "/dev/null:/dev/mine", "device-cgroup-rule": "c 1:3 r", "device-read-bps": "/dev/sda:1m",
          "device-read-iops": "/dev/sda:100", "device-write-bps": "/dev/sda:1m", "device-write-iops": "/dev/sda:100",
          "dns": "9.9.9.9", "dns-option": "ndots:2", "dns-search": "example.org", "entrypoint": "/bin/echo",
          "env": "A=1", "expose": "80", "group-add": "5", "health-cmd": "true", "health-interval": "1s",
          "health-on-failure": "kill", "health-retries": "2",
          "health-start-interval": "1s", "health-start-period": "1s", "health-timeout": "1s", "hostname": "box",
          "domainname": "example.org", "ip": "172.17.0.77", "ip6": "fd00::1", "ipc": "host", "label": "a=b",
          "link": "web:db", "link-local-ip": "169.254.7.7",
          "log-driver": "none", "log-opt": "max-size=1m", "mac-address": "02:00:00:00:00:99",
          "memory-swappiness": "5", "mount": "type=tmpfs,target=/x", "name": "box", "network": "none",
          "network-alias": "other", "oom-score-adj": "100", "pid": "host", "platform": "linux/s390x", "publish": "80",
          "runtime": "other", "security-opt": "no-new-privileges", "shm-size": "1m", "stop-signal": "INT",
          "stop-timeout": "3", "storage-opt": "size=1g", "sysctl": "net.ipv4.ip_forward=1", "tmpfs": "/t",
          "ulimit": "nofile=10", "user": "1", "userns": "host", "uts": "host", "volume": "/v", "volume-driver": "other",
          "volumes-from": "web", "workdir": "/tmp"}
PULLING = ("pull", "quiet")  # what they do, tests/e2e/test_cli_run.py and test_images.py look at

# Only an attached process shows these: tests/e2e/test_terminal.py and test_cli_run.py; or a lab: test_lab.py; or
# networks: test_net_trace.py; or a container's files: test_cp.py. The options of create and run that end up in the
# request are walked in src/cli/tests/create_test.cc.
ELSEWHERE = {("exec", "detach-keys"), ("attach", "detach-keys"), ("start", "detach-keys"), ("attach", "sig-proxy"),
             ("attach", "no-stdin"), ("start", "attach"), ("start", "interactive"),
             ("lab capture", "count"), ("lab capture", "snaplen"), ("lab capture", "write"),
             ("cp", "archive"), ("cp", "follow-link"), ("cp", "quiet"),
             ("container cp", "archive"), ("container cp", "follow-link"), ("container cp", "quiet"),
             ("net trace", "format"), ("net trace", "ipv6"),
             ("system reset", "force")}  # test_reset.py
SWITCHED_OFF = {("history", "human"), ("commit", "pause")}  # true by default


class StandIn(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        while self.headers.get("Transfer-Encoding") == "chunked":
            size = int(self.rfile.readline(), 16)
            body += self.rfile.read(size).decode()
            self.rfile.readline()
            if size == 0:
                break
        self.server.asked.append(f"{self.command} {self.path} {body}")
        path = self.path.split("?")[0]
        answer = next(answer for pattern, answer in ANSWERS if re.match(pattern, f"{self.command} {path}"))
        data = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        self.send_response(404 if answer is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = answer

    def address_string(self):
        return "unix"

    def log_message(self, *arguments):
        pass


@pytest.fixture
def ask(tmp_path):
    """Runs a command line; answers everything that was asked, printed, written and returned."""
    (tmp_path / "pairs").write_text("k=v\n")
    (tmp_path / "archive").write_text("archive")
    server = StandIn(str(tmp_path / "sock"), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    def run(words):
        server.asked = []
        for name in ("out", "other"):
            (tmp_path / name).unlink(missing_ok=True)
        result = subprocess.run([BIN / "estiba", "-H", f"unix://{tmp_path}/sock", *words], capture_output=True,
                                text=True, stdin=subprocess.DEVNULL, timeout=20, check=False,
                                env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)})
        written = sorted(path.name for path in tmp_path.iterdir())
        return server.asked, result.stdout, result.stderr, result.returncode, written

    yield run
    server.shutdown()
    server.server_close()


def page(name):
    """What docs/commands says of a command: the tables of --help, src/cli/tests/docs_test.cc sees to it."""
    return (DOCS / f"{name.replace(' ', '-')}.md").read_text()


COMMANDS = re.findall(r"^- \[estiba (.+?)\]", (DOCS / "README.md").read_text(), re.M)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("create", "run")])
def test_every_option_makes_a_difference(ask, tmp_path, name):
    text = page(name)
    usage = re.search(r"^estiba .*", text, re.M)[0]
    takes_name = re.search("CONTAINER|VOLUME|NETWORK|IMAGE|NAME", usage)
    words = [*name.split(), *shlex.split(NEEDED.get(name, "").format(tmp=tmp_path))]
    arguments = ARGUMENTS.get(name, "web" if takes_name else "").split()
    plain = ask([*words, *arguments])
    for flag, operand in re.findall(r"^\| `.*?--([\w-]+)( \w+)?` \|", text, re.M):
        if (name, flag) in ELSEWHERE or f"--{flag}" in words:
            continue
        option = f"--{flag}" + ("=false" if (name, flag) in SWITCHED_OFF else "")
        if operand:
            option += "=" + VALUES.get(flag, "value").format(tmp=tmp_path)
        assert ask([*words, option, *arguments]) != plain, f"estiba {name} {option} does nothing"


def test_every_option_of_create_is_kept_or_refused(engine, tmp_path):
    (tmp_path / "pairs").write_text("K=V\n")
    engine.cli("create", "--name", "web", "estiba/busybox")

    def created(*options):
        """How the engine describes the container, or its refusal; ids and times left out."""
        result = engine.cli("create", *options, "estiba/busybox", "true", check=False)
        if result.returncode != 0:
            assert result.stderr.strip(), f"estiba create {options}: refused without a word"
            return result.stderr
        container = engine.inspect(result.stdout.strip())
        engine.cli("rm", "-v", container["Id"])
        text = json.dumps(container).replace(container["Id"], "").replace(container["Id"][:12], "")
        return text.replace(container["Created"], "").replace("" if "--name=box" in options else container["Name"], "")

    def planned(*options):
        plan = engine.cli("run", "--dry-run", "--json", *options, "estiba/busybox", "true", check=False)
        return re.sub("[0-9a-f]{12,64}", "", plan.stdout) or plan.stderr

    plain, plan = created(), planned()
    assert created() == plain and planned() == plan
    for flag, operand in re.findall(r"^\| `.*?--([\w-]+)( \w+)?` \|", page("create"), re.M):
        value = CREATE.get(flag, VALUES.get(flag, "value")).format(tmp=tmp_path)
        option = f"--{flag}" + (f"={value}" if operand else "")
        # An address is seen only in the plan of a container that has not been started.
        used = flag in PULLING or created(option) != plain or planned(option) != plan
        assert used, f"estiba create {option} does nothing"
