"""Serves one ASGI app on a listener that it was handed, pinned to one core: `serve.py MODULE:APP DESCRIPTOR CORE`."""

import importlib
import os
import socket
import sys

import uvicorn


def main() -> None:
    """Serve until SIGTERM, as in production: uvloop, httptools, no access log."""
    module, _, name = sys.argv[1].partition(":")
    os.sched_setaffinity(0, {int(sys.argv[3])})
    app = getattr(importlib.import_module(module), name)
    config = uvicorn.Config(app, loop="uvloop", http="httptools", access_log=False, log_level="warning")
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(sys.argv[2]))])


if __name__ == "__main__":
    main()
