"""Preconditions: a test whose precondition is missing skips here and fails in CI."""

import os
import shutil

import pytest


def need(condition, what):
    if condition:
        return
    if os.environ.get("CI"):
        pytest.fail(f"required: {what}", pytrace=False)
    pytest.skip(f"needs {what}")


def need_program(name):
    need(shutil.which(name), f"the program {name}")
