"""What estiba-netd takes: its private memory with one container and with --containers, whose monitors this plays.

It is given what monitors give it (docs/networks.md): a file, a connection and two sockets of each. On one network, or
with --networks on several. Prints kB, and bytes of each container.
"""

import argparse
import fcntl
import os
import pathlib
import resource
import socket
import tempfile
import time

PROGRAM = pathlib.Path(__file__).parents[1] / "build/release/bin/estiba-netd"
LISTENER, FOLDER = 3, 4  # where it finds them


def identity(number):
    return f"{number:064x}"


def file_of(number, networks):
    lines = ["estiba-endpoint 1", f"id {identity(number)}", f"name container-{number}"]
    for network in range(networks):
        address = f"10.{97 + network}.{number // 250}.{number % 250 + 2}/16"
        lines += [f"network {'e' * 63}{network:x} network-{network} {address}",
                  f"alias {identity(number)[-12:]}"]
    return "\n".join([*lines, "server 192.0.2.1", "end", ""])


class Netd:
    def __init__(self, folder):
        self.folder, self.held = folder, []
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(f"{folder}/sock")
            listener.listen(128)
            listener.setblocking(False)
            self.process = self.start(listener)

    def start(self, listener):
        """posix_spawn, because it says which number a descriptor has in the program."""
        directory = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        # Copies, whose numbers are none of those that they are to have.
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100) for fd in (listener.fileno(), directory)]
        moves = [(os.POSIX_SPAWN_DUP2, fd, number) for fd, number in zip(high, (LISTENER, FOLDER))]
        pid = os.posix_spawn(PROGRAM, ["estiba-netd"], os.environ, file_actions=moves)
        for fd in (*high, directory):
            os.close(fd)
        return pid

    def add(self, number, networks):
        path = pathlib.Path(self.folder)
        (path / "new").write_text(file_of(number, networks))
        (path / "new").rename(path / identity(number))
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.connect(f"{self.folder}/sock")
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        streams = socket.create_server(("127.0.0.1", 0))
        datagrams.bind(("127.0.0.1", 0))
        rules = f"rules {time.monotonic_ns()}\n"
        socket.send_fds(connection, [f"estiba-hand-over 1\nid {identity(number)}\n{rules}".encode()],
                        [datagrams.fileno(), streams.fileno()])
        if (answer := connection.recv(4096)) != b"ok\n":
            raise RuntimeError(f"estiba-netd does not take it: {answer}")
        self.held += [connection, datagrams, streams]

    def private(self):
        """kB"""
        lines = pathlib.Path(f"/proc/{self.process}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean", "Private_Dirty")))

    def end(self):
        for one in self.held:
            one.close()
        os.waitpid(self.process, 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--containers", type=int, default=1000)
    parser.add_argument("--networks", type=int, default=1, help="that each of them is in")
    options = parser.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    with tempfile.TemporaryDirectory(prefix="estiba-netd.") as folder:
        netd = Netd(folder)
        netd.add(1, options.networks)
        one = netd.private()
        for number in range(2, options.containers + 1):
            netd.add(number, options.networks)
        all_of_them = netd.private()
        netd.end()
    each = (all_of_them - one) * 1024 / max(1, options.containers - 1)
    print(f"private memory of estiba-netd: {one} kB with 1 container, {all_of_them} kB with {options.containers}, "
          f"{each:.0f} bytes each")


if __name__ == "__main__":
    main()
