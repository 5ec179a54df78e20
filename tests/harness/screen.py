"""What a terminal shows after a program's output: the sequences our programs use, as xterm takes them."""

import re

TOKEN = re.compile(r"\x1b\[(\d*)([A-Za-z])|\r|\n|[^\x1b\r\n]+")


def screen(text, rows=24):
    """The lines of a screen, from its top to the last one written on. What scrolls out at the top is kept."""
    lines, row, column = [""], 0, 0
    for token in TOKEN.finditer(text):
        piece, count, command = token[0], token[1], token[2]
        top = max(0, len(lines) - rows)
        if piece == "\r":
            column = 0
        elif piece == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif command is None:
            lines[row] = lines[row].ljust(column)[:column] + piece + lines[row][column + len(piece):]
            column += len(piece)
        elif command == "A":
            row = max(top, row - max(1, int(count or 1)))  # no move is no parameter: 0 counts as 1
        elif command == "B":
            row = min(top + rows - 1, row + max(1, int(count or 1)))
            lines += [""] * (row + 1 - len(lines))
        elif command == "K":
            lines[row] = "" if count == "2" else lines[row][:column]
        else:
            raise AssertionError(f"unknown sequence {piece!r}")
    while lines and not lines[-1]:
        lines.pop()
    return [line.rstrip() for line in lines]
