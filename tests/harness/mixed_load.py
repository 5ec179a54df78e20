"""Clients that create, start, exec into, stop, remove, read logs and pull at the same time, and remember what they
were told; an engine's view, held against that and against the kernel's."""

import http.client
import json
import os
import pathlib
import random
import re
import threading

from harness import leaks
from harness.api import Connection, Refused, Session
from harness.wait import wait_until

BOX = "estiba/busybox"
SLEEPER = ["sh", "-c", "i=0; while [ $i -lt 20 ]; do echo line $i; i=$((i+1)); done; exec sleep 100000"]
LOST = (OSError, http.client.HTTPException)


class Gate:
    """Lets clients act while it is open; who closes it waits until none is in the middle of something."""

    def __init__(self):
        self.changed = threading.Condition()
        self.state = "closed"
        self.acting = 0

    def enter(self):
        """False: it is over."""
        with self.changed:
            self.changed.wait_for(lambda: self.state != "closed")
            if self.state == "over":
                return False
            self.acting += 1
            return True

    def leave(self, until_closed):
        with self.changed:
            self.acting -= 1
            self.changed.notify_all()
            if until_closed:
                self.changed.wait_for(lambda: self.state != "open")

    def turn(self, state):
        with self.changed:
            self.state = state
            self.changed.notify_all()
            if state == "closed":
                assert self.changed.wait_for(lambda: self.acting == 0, 120), "a client hangs"


class Client:
    """One of them. `failures` gets what no engine may do: refuse what is right, or answer what is wrong."""

    def __init__(self, load, seed):
        self.load = load
        self.rng = random.Random(seed)
        self.connection = Connection(load.engine.socket)

    def run(self):
        while self.load.gate.enter():
            lost = False
            try:
                self.act()
            except LOST:
                lost = True
            except Exception as error:  # told by who started this thread
                self.load.failures.append(f"{type(error).__name__}: {error}")
            finally:
                self.load.gate.leave(until_closed=lost)

    def done(self, what):
        with self.load.counting:
            self.load.done[what] = self.load.done.get(what, 0) + 1


class Container:
    """What its client knows. phase: gone, created, started, stopped; None when an answer never came. code: what its
    program ends with, None when it stays; codes: what its end may be told as."""

    def __init__(self, name):
        self.name = name
        self.forget()

    def forget(self):
        self.phase, self.id, self.code, self.pid, self.codes, self.execs = "gone", None, None, None, set(), {}


class ContainerClient(Client):
    def __init__(self, load, seed, names):
        super().__init__(load, seed)
        self.containers = [Container(name) for name in names]

    def act(self):
        one = self.rng.choice(self.containers)
        choices = {"gone": ["create"], "created": ["start", "start", "start", "remove"],
                   "started": ["stop", "execute", "execute", "read_logs", "read_logs", "remove"],
                   "stopped": ["remove", "remove", "read_logs", "start"]}
        if one.phase is None:  # what came of it is looked for by check()
            return
        before = one.phase
        what = self.rng.choice(choices[one.phase])
        one.phase = None if what in ("create", "start", "stop", "remove") else one.phase
        try:
            getattr(self, what)(one)
        except Refused:
            one.phase = before
            raise
        self.done(what)

    def create(self, one):
        one.code = self.rng.choice([None, None, self.rng.randrange(1, 100)])  # None: it stays up
        command = SLEEPER if one.code is None else ["sh", "-c", f"exit {one.code}"]
        one.execs, one.pid = {}, None
        host = {"NetworkMode": self.rng.choice(["none", "default"])}
        answer = self.connection.ask("POST", f"/containers/create?name={one.name}",
                                     {"Image": BOX, "Cmd": command, "HostConfig": host})
        one.id, one.phase = answer["Id"], "created"

    def start(self, one):
        ends = {one.code} - {None}
        one.pid, one.codes = None, one.codes | ends  # if it comes to nothing, the end before this one stays
        self.connection.ask("POST", f"/containers/{one.name}/start")
        one.phase, one.codes = "started", ends
        if one.code is None:
            state = self.connection.ask("GET", f"/containers/{one.name}/json")["State"]
            assert state["Running"], f"{one.name} was started: {state}"
            one.pid = state["Pid"], start_time(state["Pid"])

    def stop(self, one):
        one.codes.add(137)
        self.connection.ask("POST", f"/containers/{one.name}/stop?t=0")
        one.phase = "stopped"

    def remove(self, one):
        self.connection.ask("DELETE", f"/containers/{one.name}?force=1&v=1")
        one.forget()

    def execute(self, one):
        if one.code is not None:
            return
        code = self.rng.randrange(0, 100)
        body = {"Cmd": ["sh", "-c", f"echo in; exit {code}"], "AttachStdout": True, "AttachStderr": True}
        exec_id = self.connection.ask("POST", f"/containers/{one.name}/exec", body)["Id"]
        session = Session(self.connection.path, f"/exec/{exec_id}/start", {})
        try:
            said = session.rest()
        finally:
            session.close()
        assert said == b"in\n", f"exec in {one.name}: {said}"  # the monitor's business, whatever befalls the engine
        found = self.connection.ask("GET", f"/exec/{exec_id}/json")["ExitCode"]
        assert found == code, f"exec {exec_id} in {one.name}: {found} instead of {code}"
        one.execs[exec_id] = code

    def read_logs(self, one):
        text = self.connection.text("GET", f"/containers/{one.name}/logs?stdout=1")
        lines = re.sub(rb"\x01\x00{3}.{4}", b"", text, flags=re.DOTALL).decode().splitlines()
        numbers = [int(line.removeprefix("line ")) for line in lines]  # each run's from 0; it may have been cut short
        assert all(number in (0, before + 1) for before, number in zip([-1, *numbers], numbers)), f"logs: {numbers}"


class ImageClient(Client):
    """Pulls and removes images that share layers; {name: is there}, None for what nobody knows."""

    def __init__(self, load, seed, names):
        super().__init__(load, seed)
        self.images = dict.fromkeys(names, False)

    def act(self):
        name = self.rng.choice(list(self.images))
        there, self.images[name] = self.images[name], None
        if there:
            self.connection.ask("DELETE", f"/images/{name}")
            self.done("rmi")
        else:
            reference, tag = name.rsplit(":", 1)
            lines = self.connection.text("POST", f"/images/create?fromImage={reference}&tag={tag}").splitlines()
            wrong = [line for line in lines if b'"error"' in line]
            assert not wrong, f"pull {name}: {wrong}"
            self.done("pull")
        self.images[name] = not there


def start_time(pid):
    """In the kernel's ticks: a PID that was used again has another."""
    try:
        return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except OSError:
        return None


def inhabited(engine):
    """Ids of containers that have processes, by the kernel's cgroups."""
    found = set()
    for path in leaks.cgroups(engine.cgroup_parent):
        match = re.search(r"[0-9a-f]{64}", path)
        try:
            if match and (pathlib.Path(path) / "cgroup.procs").read_text().strip():
                found.add(match.group())
        except OSError:
            pass  # it went while we looked
    return found


class MixedLoad:
    def __init__(self, engine, rng, images, clients=5, names=3):
        self.engine = engine
        self.gate = Gate()
        self.failures, self.done, self.counting = [], {}, threading.Lock()
        self.container_clients = [ContainerClient(self, rng.random(), [f"c{client}-{n}" for n in range(names)])
                                  for client in range(clients)]
        self.image_client = ImageClient(self, rng.random(), images)
        self.threads = [threading.Thread(target=client.run, daemon=True)
                        for client in [*self.container_clients, self.image_client]]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.gate.turn("over")
        for thread in self.threads:
            thread.join(120)

    def go(self):
        self.gate.turn("open")

    def rest(self):
        """No client is in the middle of anything, or has a connection to an engine that is gone."""
        self.gate.turn("closed")
        for client in [*self.container_clients, self.image_client]:
            client.connection.close()

    def listed(self):
        api = Connection(self.engine.socket)
        found = {one["Names"][0][1:]: one for one in api.ask("GET", "/containers/json?all=1")}
        api.close()
        return found

    # -- while the clients rest: the engine against what they were told, and against the kernel -------------------

    def check(self):
        assert not self.failures, self.failures
        wait_until(self.kernel_agrees, "the engine and the kernel say the same")  # a start that was not told may go on
        self.check_containers()
        self.check_images()
        wait_until(self.kernel_agrees, "the engine and the kernel say the same")
        assert not self.failures, self.failures

    def check_containers(self):
        wait_until(lambda: all(one["State"] != "removing" for one in self.listed().values()), "removals have ended")
        listed = self.listed()
        for client in self.container_clients:
            for one in client.containers:
                self.check_one(client.connection, one, listed.get(one.name))

    def check_one(self, api, one, listed):
        if one.phase is None:
            return self.adopt(api, one, listed)
        if one.phase == "gone":
            assert listed is None, f"{one.name} was removed, and is there: {listed['State']}"
            return None
        assert listed is not None, f"{one.name} was {one.phase}, and is lost"
        assert listed["Id"] == one.id, f"{one.name} is another one"
        state = api.ask("GET", f"/containers/{one.name}/json")["State"]
        if one.phase == "created":
            assert state["Status"] == "created", f"{one.name} was created: {state}"
        elif one.phase == "started" and one.code is None:
            assert state["Running"], f"{one.name} was started: {state}"
            here = state["Pid"], start_time(state["Pid"])
            assert None not in here and here == (one.pid or here), f"{one.name} was {one.pid}, is {here}"
            one.pid = here
        elif one.phase == "started":
            wait_until(lambda: api.ask("GET", f"/containers/{one.name}/json")["State"]["Status"] == "exited",
                       f"{one.name} has ended")
        if one.phase == "stopped" or one.code is not None and one.phase == "started":
            state = api.ask("GET", f"/containers/{one.name}/json")["State"]
            assert state["Status"] == "exited" and state["ExitCode"] in one.codes, f"{one.name} {one.codes}: {state}"
        for exec_id, code in one.execs.items():
            found = self.exec_code(api, exec_id)
            assert found in (code, None), f"exec {exec_id} in {one.name}: {found} instead of {code}"
        return None

    @staticmethod
    def exec_code(api, exec_id):
        """None: engines forget execs that have ended."""
        try:
            return api.ask("GET", f"/exec/{exec_id}/json")["ExitCode"]
        except Refused:
            return None

    @staticmethod
    def adopt(api, one, listed):
        """What came of a request whose answer was lost: any step of it, but a whole one."""
        if listed is None:
            return one.forget()
        state = api.ask("GET", f"/containers/{one.name}/json")["State"]
        one.id = listed["Id"]
        one.phase = {"created": "created", "running": "started", "exited": "stopped"}[state["Status"]]
        if one.code is not None and one.phase != "created":
            one.phase = "started"
        if one.phase == "started" and one.code is None:
            one.pid = state["Pid"], start_time(state["Pid"])
        return None

    def kernel_agrees(self):
        up = {one["Id"] for one in self.listed().values() if one["State"] in ("running", "paused")}
        watched = {pid: identity for identity in up for pid in self.engine.monitors(identity)}
        return inhabited(self.engine) == up == set(watched.values()) and len(watched) == len(up) \
            and len(self.engine.monitors()) == len(up)

    def check_images(self):
        api = Connection(self.engine.socket)
        have = {tag for image in api.ask("GET", "/images/json") for tag in image["RepoTags"] or ()}
        for name, there in self.image_client.images.items():
            assert there is None or there == (name in have), f"{name}: {there}, the engine says {name in have}"
            self.image_client.images[name] = name in have
            if name in have:
                assert json.loads(api.text("GET", f"/images/{name}/json"))["RootFS"]["Layers"]
        api.close()
