"""Packets that no program sends by accident, made byte by byte. Run by nsenter in some network namespace:

    packets.py syn LINK MAC SOURCE DESTINATION PORT         a TCP SYN to that hardware address: "syn-ack", "rst", "none"
    packets.py udp LINK MAC SOURCE DESTINATION PORT TEXT    a datagram
    packets.py arp LINK ADDRESS                             says to everybody that ADDRESS is here
    packets.py ra LINK                                      a router advertisement with the prefix fd00:bad::/64
"""

import random
import socket
import struct
import subprocess
import sys
import time

IP, ARP, IPV6 = 0x0800, 0x0806, 0x86DD
EVERYBODY = b"\xff" * 6


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def own_mac(link):
    """Not from /sys, which may be another namespace's."""
    with on(link) as raw:
        return raw.getsockname()[4]


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(protocol, source, destination, payload):
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), random.randrange(65536), 0, 64, protocol, 0,
                       socket.inet_aton(source), socket.inet_aton(destination))
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def transport(protocol, source, destination, segment, at):
    pseudo = socket.inet_aton(source) + socket.inet_aton(destination) + struct.pack(">BBH", 0, protocol, len(segment))
    return segment[:at] + struct.pack(">H", checksum(pseudo + segment)) + segment[at + 2:]


def on(link):
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    raw.bind((link, 0))
    return raw


def frame(link, to, kind, payload):
    return to + own_mac(link) + struct.pack(">H", kind) + payload


def syn(link, to, source, destination, port):
    own_port = random.randrange(20000, 30000)
    segment = struct.pack(">HHIIBBHHH", own_port, port, random.randrange(1 << 32), 0, 5 << 4, 2, 64240, 0, 0)
    packet = ipv4(6, source, destination, transport(6, source, destination, segment, 16))
    with on(link) as raw:
        raw.send(frame(link, mac(to), IP, packet))
        raw.settimeout(0.1)
        until = time.monotonic() + 1
        while time.monotonic() < until:
            try:
                got = raw.recv(2048)
            except TimeoutError:
                continue
            if got[12:14] != b"\x08\x00" or got[23] != 6:
                continue
            from_port, to_port = struct.unpack_from(">HH", got, 34)
            if to_port == own_port and from_port:
                return "rst" if got[47] & 4 else "syn-ack"
    return "none"


def udp(link, to, source, destination, port, text):
    segment = struct.pack(">HHHH", 4000, port, 8 + len(text), 0) + text.encode()
    with on(link) as raw:
        raw.send(frame(link, mac(to), IP, ipv4(17, source, destination,
                                              transport(17, source, destination, segment, 6))))


def arp(link, address):
    body = struct.pack(">HHBBH6s4s6s4s", 1, IP, 6, 4, 2, own_mac(link), socket.inet_aton(address), EVERYBODY,
                       socket.inet_aton(address))
    with on(link) as raw:
        raw.send(frame(link, EVERYBODY, ARP, body))


def advertisement(link):
    source = socket.inet_pton(socket.AF_INET6, "fe80::bad")
    everybody = socket.inet_pton(socket.AF_INET6, "ff02::1")
    prefix = struct.pack(">BBBBIII16s", 3, 4, 64, 0xC0, 3600, 3600, 0, socket.inet_pton(socket.AF_INET6, "fd00:bad::"))
    body = struct.pack(">BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + prefix + struct.pack(">BB6s", 1, 1, own_mac(link))
    pseudo = source + everybody + struct.pack(">IHBB", len(body), 0, 0, 58)
    body = body[:2] + struct.pack(">H", checksum(pseudo + body)) + body[4:]
    head = struct.pack(">IHBB", 6 << 28, len(body), 58, 255) + source + everybody
    with on(link) as raw:
        raw.send(frame(link, bytes.fromhex("333300000001"), IPV6, head + body))


class Sender:
    """Sends from where `prefix` leads: a host's (host.prefix()), or a container's network."""

    def __init__(self, prefix):
        self.prefix = prefix

    def __call__(self, *words):
        return subprocess.run([*self.prefix, sys.executable, __file__, *map(str, words)], check=True,
                              capture_output=True, text=True, timeout=60).stdout.strip()


def of_container(engine, name):
    return Sender(["nsenter", f"--net=/proc/{engine.state(name)['Pid']}/ns/net"])


def main(command, *words):
    if command == "syn":
        print(syn(*words[:4], int(words[4])))
    elif command == "udp":
        udp(*words[:4], int(words[4]), words[5])
    elif command == "arp":
        arp(*words)
    else:
        advertisement(*words)


if __name__ == "__main__":
    main(*sys.argv[1:])
