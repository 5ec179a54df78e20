"""Exchanges two names of a folder, for as long as it lives: exchanger.py FOLDER ONE OTHER"""

import ctypes
import os
import sys

RENAME_EXCHANGE = 2


def main():
    folder = os.open(sys.argv[1], os.O_PATH | os.O_DIRECTORY)
    one, other = (name.encode() for name in sys.argv[2:4])
    exchange = ctypes.CDLL(None, use_errno=True).renameat2
    parent = os.getppid()
    while os.getppid() == parent:
        for _ in range(10000):
            if exchange(folder, one, folder, other, RENAME_EXCHANGE) != 0:
                sys.exit("renameat2: " + os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    main()
