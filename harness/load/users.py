"""The users: each holds one conversation after the other, a turn at a time, and waits for each answer.

This is a closed model: a service that stalls also stalls its users. Importing this module imports locust, which
patches the process: it is only for the process that locust runs in.
"""

import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import orjson
from locust import FastHttpUser, task
from locust.contrib.fasthttp import FastResponse
from locust.env import Environment
from locust.exception import StopUser

from harness.gates import TurnSent
from harness.load.journey import Speaker
from harness.load.plan import Plan
from harness.load.recorder import Health, RecordWriter
from harness.targets.witness import NONCE_HEADER

ANSWER_S_MAX = 10.0


class Run:
    """What all users of the process share: the plan, the tickets, the records. `finished` is called after the last.

    There is one greenlet at a time and none gives way in here, so nothing is locked.
    """

    def __init__(self, plan: Plan, recorder: RecordWriter, finished: Callable[[], None]) -> None:
        self.plan = plan
        self.health = Health()
        self.recorder = recorder
        self._finished = finished
        self._users = 0
        self._done = 0

    def newcomer(self) -> tuple[int, Speaker]:
        """The number and the voice of the next user."""
        self._users += 1
        return self._users, Speaker(self.plan.seed, self._users)

    def ticket(self) -> int | None:
        """The number of the next turn, or None where the plan has no more."""
        if self.plan.requests is not None and self.health.sent >= self.plan.requests:
            return None
        self.health.sent += 1
        return self.health.sent

    def done(self) -> None:
        """A turn that had a ticket is over."""
        self._done += 1
        if self._done == self.plan.requests:
            self._finished()


class ConversationUser(FastHttpUser):
    """A user of the service under load."""

    network_timeout = ANSWER_S_MAX
    connection_timeout = ANSWER_S_MAX

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        assert environment.parsed_options is not None, "the generator attaches its run at init"
        self._run: Run = environment.parsed_options.shakeout_run
        self._number, self._speaker = self._run.newcomer()
        self._left: list[str] = []
        self._session: str | None = None
        self._turn = 0

    @task
    def turn(self) -> None:
        """Hold one turn, if the plan has one left."""
        ticket = self._run.ticket()
        if ticket is None:
            raise StopUser
        try:
            self._hold(f"load-{self._run.plan.seed}-{self._number}-{ticket}")
        finally:
            self._run.done()

    def _hold(self, request_id: str) -> None:
        """Send the next message and record what came back; after anything but an answer, begin anew."""
        template = self._run.plan.turn
        if not self._left:
            self._left, self._session, self._turn = self._speaker.conversation(), None, 0
        self._turn += 1
        message = self._left.pop(0)
        started_s = time.monotonic()
        response = self.client.request(
            template.method,
            template.path,
            json=template.render(message, self._session),
            headers={"X-Request-ID": request_id},
            allow_redirects=False,
        )
        ended_s = time.monotonic()
        body = _parsed(response)
        self._record(response, body, request_id=request_id, started_s=started_s, ended_s=ended_s)
        self._session = self._session or _pointed(body, template.session)
        if response.status_code != HTTPStatus.OK or not self._session:
            # Whether that turn counts is now the service's secret, so no later turn could be held to a number.
            self._left = []

    def _record(
        self, response: FastResponse, body: Any, *, request_id: str, started_s: float, ended_s: float
    ) -> None:
        """Put the turn on record."""
        headers: Mapping[str, Any] = response.headers or {}
        nonce = self._run.plan.nonce
        if response.status_code and nonce is not None and headers.get(NONCE_HEADER) != nonce:
            self._run.health.strangers += 1
        error = getattr(response, "error", None)
        said = body if isinstance(body, dict) else {}
        self._run.recorder.add(
            TurnSent(
                request_id=request_id,
                endpoint=f"{self._run.plan.turn.method} {self._run.plan.turn.path}",
                status=response.status_code or None,
                started_s=started_s,
                ended_s=ended_s,
                turn=self._turn,
                turn_seen=_whole(said.get("turn")),
                method=str(said["method"]) if "method" in said else None,
                degraded=bool(said["degraded"]) if "degraded" in said else None,
                retry_after="retry-after" in headers,
                error=type(error).__name__ if error is not None else None,
            )
        )


def _parsed(response: FastResponse) -> Any:
    """The JSON of an answer, or None."""
    try:
        return orjson.loads(response.content or b"")
    except orjson.JSONDecodeError:
        return None


def _pointed(body: Any, pointer: str) -> str | None:
    """What a JSON pointer (RFC 6901) of object keys points at, as text, or None."""
    for key in pointer.strip("/").split("/"):
        body = body.get(key) if isinstance(body, dict) else None
    return None if body is None else str(body)


def _whole(value: Any) -> int | None:
    """The value if it is a whole number."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None
