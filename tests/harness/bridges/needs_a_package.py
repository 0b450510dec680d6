"""Adapters that cannot be had: a package is missing, an import fails, the process ends."""

import importlib
import os
import sys

from harness.bridges.adapter import Adapter


class Peer(Adapter):
    name = "peer"

    def __init__(self) -> None:
        importlib.import_module("package_of_nobody")


def raises() -> None:
    raise TypeError("today not")


def ends() -> None:
    sys.stderr.write("the last word\n")
    sys.stderr.flush()
    os._exit(5)
