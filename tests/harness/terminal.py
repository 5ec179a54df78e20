"""A program on a terminal of its own, driven like a person would."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time


class Terminal:
    def __init__(self, command, environment=None, rows=24, columns=80):
        self.master, slave = pty.openpty()
        self.resize(rows, columns)
        self.settings = termios.tcgetattr(slave)  # before the program could change them
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment,
                                        start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.seen = b""

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def is_raw(self):
        return not termios.tcgetattr(self.master)[3] & (termios.ECHO | termios.ICANON | termios.ISIG)

    def is_restored(self):
        return termios.tcgetattr(self.master) == self.settings

    def type(self, text):
        os.write(self.master, text if isinstance(text, bytes) else text.encode())

    def read_some(self, seconds):
        ready, _, _ = select.select([self.master], [], [], seconds)
        if not ready:
            return False
        try:
            chunk = os.read(self.master, 65536)
        except OSError:  # EIO: the other side closed
            return False
        self.seen += chunk
        return bool(chunk)

    def expect(self, text, seconds=20):
        """Reads until `text` shows; what was seen up to and with it is taken out and answered."""
        wanted = text if isinstance(text, bytes) else text.encode()
        deadline = time.monotonic() + seconds
        while wanted not in self.seen:
            left = deadline - time.monotonic()
            if left <= 0 or not self.read_some(left):
                raise AssertionError(f"'{text}' did not show; seen: {self.seen!r}")
        end = self.seen.index(wanted) + len(wanted)
        taken, self.seen = self.seen[:end], self.seen[end:]
        return taken.decode(errors="replace")

    def wait(self, seconds=30):
        """Exit code; what the program still prints is read meanwhile, so that it can end."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                self.process.kill()
                raise AssertionError(f"still running after {seconds} s; seen: {self.seen!r}")
            self.read_some(0.05)
        while self.read_some(0.05):
            pass
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
