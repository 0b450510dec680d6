"""Faults for the inside of a child: the child finds them by this module's name."""

from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from harness.errors import UsageError
from harness.faults.base import ALWAYS
from harness.rig import Window


@dataclass(frozen=True, kw_only=True)
class Noting:
    """Notes where it is; `bad` says where it fails itself."""

    name: ClassVar[str] = "test.noting"
    needs: ClassVar[frozenset[str]] = frozenset({"inside"})
    window: Window = ALWAYS
    bad: str = ""

    def inject(self, rig):
        """Enter."""
        return rig.inside.entered(self.name, self)

    @contextmanager
    def within(self, inside):
        """Note the entry and the exit."""
        if self.bad == "usage":
            raise UsageError("not here")
        if self.bad == "entry":
            raise RuntimeError("cannot break")
        inside.fired(f"in, loop {'runs' if inside.loop.is_running() else 'rests'}")
        yield
        inside.fired("out")


@dataclass(frozen=True, kw_only=True)
class Teapot(Noting):
    """Answers every request by itself."""

    name: ClassVar[str] = "test.teapot"

    @contextmanager
    def within(self, inside):
        """Stand around the requests."""

        async def short(scope, receive, send, app):
            inside.fired(scope["path"])
            await send({"type": "http.response.start", "status": 418, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        with inside.around_requests(short):
            yield
