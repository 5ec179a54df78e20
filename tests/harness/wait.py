"""Waiting for an event with a deadline: tests never sleep for a guessed time."""

import time


def wait_until(condition, what, seconds=20.0):
    """Polls until condition() is true and answers its value; fails naming `what` after the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds:g} s still not: {what}")
        time.sleep(0.01)
