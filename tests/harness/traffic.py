"""Real traffic between containers: lines sent over one TCP connection, and what comes back. Run by nsenter, too:

    traffic.py talk ADDRESS PORT [udp]  connects; each line of stdin is sent, and the answer printed (or "lost")
"""

import socket
import subprocess
import sys

ECHO = ["estiba/busybox", "nc", "-ll", "-p", "7", "-e", "cat"]  # of a container: answers each line with itself


class Talk:
    """One connection from the network namespace of that process (or of the test's host) to an echo server."""

    def __init__(self, prefix, address, port=7, kind="tcp"):
        self.process = subprocess.Popen([*prefix, sys.executable, __file__, "talk", address, str(port), kind],
                                        text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.opened = self.process.stdout.readline() == "open\n"

    def says(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n")

    def end(self):
        self.process.kill()
        self.process.communicate()


def inside(pid):
    return ["nsenter", f"--net=/proc/{pid}/ns/net"]


def answers(prefix, address, port=7):
    """Whether an echo server is reached there."""
    talk = Talk(prefix, address, port)
    try:
        return talk.opened and talk.says("hello") == "hello"
    finally:
        talk.end()


def connect(address, port, kind):
    connection = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    connection.settimeout(1 if kind == "udp" else 3)
    connection.connect((address, int(port)))
    return connection


def talk(address, port, kind):
    try:
        connection = connect(address, port, kind)
    except OSError as error:
        print("refused", error, flush=True)
        return
    print("open", flush=True)
    for line in sys.stdin:
        try:
            connection.sendall(line.encode())
            print(connection.recv(4096).decode().rstrip("\n") or "lost", flush=True)
        except OSError:
            print("lost", flush=True)


if __name__ == "__main__":
    talk(*sys.argv[2:])
