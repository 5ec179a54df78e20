"""DNS by the byte: a client for any network namespace and a name server for a test's host. Run by nsenter, too:

    dns.py ask NAME TYPE [tcp] [edns=SIZE]    one question to 127.0.0.11: its answer as JSON
    dns.py raw                                hexadecimal packets, a line each, are sent as they are
    dns.py go-on NAME                         asks until stdin ends: {"asked", "retried", "wrong"}
    dns.py rate NAME SECONDS                  many questions at once: how many were answered
    dns.py serve ADDRESS LOG                  answers on port 53, writes what it was asked
"""

import json
import pathlib
import random
import select
import socket
import struct
import subprocess
import sys
import threading
import time

RESOLVER = ("127.0.0.11", 53)
TYPES = {"A": 1, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "ANY": 255}
ELSEWHERE = "192.0.2.77"  # what the name server here says of every name


def wire_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def question(name, kind, number=None, edns=0):
    number = random.randrange(65536) if number is None else number
    packet = struct.pack(">6H", number, 0x0100, 1, 0, 0, 1 if edns else 0) + wire_name(name)
    packet += struct.pack(">2H", TYPES[kind], 1)
    return packet + (b"\0" + struct.pack(">HHIH", 41, edns, 0, 0) if edns else b"")


def read_name(packet, at):
    labels, end = [], None
    while packet[at] != 0:
        if packet[at] & 0xC0:
            end = end or at + 2
            at = (packet[at] & 0x3F) << 8 | packet[at + 1]
            continue
        labels.append(packet[at + 1:at + 1 + packet[at]].decode(errors="replace"))
        at += 1 + packet[at]
    return ".".join(labels), end or at + 1


def read_data(packet, kind, at, size):
    if kind in (1, 28):
        return socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6, packet[at:at + size])
    if kind == 12:
        return read_name(packet, at)[0]
    if kind == 33:
        return "{} {} {} ".format(*struct.unpack_from(">3H", packet, at)) + read_name(packet, at + 6)[0]
    return packet[at:at + size].hex()


def read(packet):
    number, flags, questions, answers, _, _ = struct.unpack_from(">6H", packet)
    at = 12
    for _ in range(questions):
        at = read_name(packet, at)[1] + 4
    found, ttls = [], []
    for _ in range(answers):
        at = read_name(packet, at)[1]
        kind, _, ttl, size = struct.unpack_from(">HHIH", packet, at)
        found.append(read_data(packet, kind, at + 10, size))
        ttls.append(ttl)
        at += 10 + size
    return {"id": number, "rcode": flags & 15, "cut": bool(flags & 0x200), "answers": found, "ttls": ttls}


def receive_all(stream, size):
    data = b""
    while len(data) < size:
        more = stream.recv(size - len(data))
        if not more:
            raise ConnectionError("it ended")
        data += more
    return data


def ask(name, kind, by_tcp=False, edns=0):
    packet = question(name, kind, edns=edns)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if by_tcp else socket.SOCK_DGRAM) as one:
        one.settimeout(30)
        one.connect(RESOLVER)
        one.sendall(struct.pack(">H", len(packet)) + packet if by_tcp else packet)
        answer = receive_all(one, struct.unpack(">H", receive_all(one, 2))[0]) if by_tcp else one.recv(65536)
    found = read(answer)
    assert found["id"] == struct.unpack_from(">H", packet)[0]
    return found


def send_raw():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.connect(RESOLVER)
        for line in sys.stdin:
            one.send(bytes.fromhex(line.strip()))


def go_on(name):
    """As a resolver does: a question again when no answer comes within five seconds."""
    count = {"asked": 0, "retried": 0, "wrong": 0}
    print("begun", flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        packet = question(name, "A")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.connect(RESOLVER)
            one.send(packet)
            count["asked"] += 1
            while not select.select([one], [], [], 5)[0]:
                count["retried"] += 1
                one.send(packet)
            count["wrong"] += len(read(one.recv(4096))["answers"]) != 1
    print(json.dumps(count))


def rate(name, seconds):
    """A window of questions under way, which no socket's queue overflows."""
    window, answered = 64, 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.connect(RESOLVER)
        one.settimeout(5)
        packet = question(name, "A")
        for _ in range(window):
            one.send(packet)
        begin = time.monotonic()
        while time.monotonic() - begin < seconds:
            answer = one.recv(4096)
            one.send(packet)
            answered += 1
    assert len(read(answer)["answers"]) == 1
    print(int(answered / seconds))


def answer_to(packet, by_tcp):
    """Names that begin with "big" have a hundred addresses, with "silent" no answer, with "missing" no address."""
    name, end = read_name(packet, 12)
    number = struct.unpack_from(">H", packet)[0]
    first = name.split(".", maxsplit=1)[0]
    if first == "silent":
        return None
    count = 100 if first == "big" else 0 if first == "missing" else 1
    cut = count > 1 and not by_tcp
    flags = 0x8180 | (0x200 if cut else 0) | (3 if first == "missing" else 0)
    records = [b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(ELSEWHERE)] * (0 if cut else count)
    return struct.pack(">6H", number, flags, 1, len(records), 0, 0) + packet[12:end + 4] + b"".join(records)


def serve(address, log):
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((address, 53))
    tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    tcp.bind((address, 53))
    tcp.listen()
    written = open(log, "a", buffering=1, encoding="utf-8")

    def stream(client):
        with client:
            try:
                while True:
                    packet = receive_all(client, struct.unpack(">H", receive_all(client, 2))[0])
                    written.write(f"tcp {read_name(packet, 12)[0]}\n")
                    answer = answer_to(packet, True)
                    client.sendall(struct.pack(">H", len(answer)) + answer)
            except OSError:
                pass

    def streams():
        while True:
            threading.Thread(target=stream, args=(tcp.accept()[0],), daemon=True).start()

    threading.Thread(target=streams, daemon=True).start()
    written.write("serving\n")
    while True:
        packet, client = udp.recvfrom(65536)
        written.write(f"udp {read_name(packet, 12)[0]}\n")
        answer = answer_to(packet, False)
        if answer:
            udp.sendto(answer, client)


class Client:
    """In the network of a container, whoever runs there."""

    def __init__(self, pid):
        self.prefix = ["nsenter", f"--net=/proc/{pid}/ns/net", sys.executable, __file__]

    def ask(self, name, kind="A", *options):
        result = subprocess.run([*self.prefix, "ask", name, kind, *options], check=True, capture_output=True, text=True,
                                timeout=60)
        return json.loads(result.stdout)

    def raw(self, packets):
        subprocess.run([*self.prefix, "raw"], check=True, text=True, timeout=60,
                       input="".join(packet.hex() + "\n" for packet in packets))

    def popen(self, *arguments):
        return subprocess.Popen([*self.prefix, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


class Server:
    """A name server on a host's address; `asked` are the names that it was asked for, "udp NAME" each."""

    def __init__(self, host, folder, address="127.0.0.1"):
        self.log = pathlib.Path(folder) / f"asked-{address}"
        self.log.write_text("")
        self.process = subprocess.Popen([*host.prefix(), sys.executable, __file__, "serve", address, str(self.log)])

    def asked(self):
        return self.log.read_text().splitlines()[1:]

    def serving(self):
        return self.log.read_text() != ""

    def stop(self):
        self.process.kill()
        self.process.wait()


def main(command, *arguments):
    if command == "ask":
        sizes = [int(word[5:]) for word in arguments[2:] if word.startswith("edns=")]
        print(json.dumps(ask(arguments[0], arguments[1], "tcp" in arguments[2:], *sizes)))
    elif command == "raw":
        send_raw()
    elif command == "go-on":
        go_on(arguments[0])
    elif command == "rate":
        rate(arguments[0], float(arguments[1]))
    else:
        serve(*arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
