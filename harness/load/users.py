"""What sends: one dispatcher of due requests in each generator, or users who wait for their answers.

Importing this module imports locust, which patches the process: it is only for the processes that locust runs in.
"""

import time
from collections.abc import Mapping
from typing import Any, ClassVar

import gevent
import orjson
from gevent.pool import Group
from locust import FastHttpUser, task
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import Runner

from harness.load.arrivals import arrivals
from harness.load.conversations import Conversation, Conversations
from harness.load.counting import Counting
from harness.load.plan import CLOSED, REPORT_S, Plan
from harness.load.sender import Response, Second, Send, Sender

ANSWER_S_MAX = 10.0
OK_CLASS = 2
UNDER_WAY_MAX = 2_000
"""So many requests of one generator may be under way; what is due beyond that is dropped, and makes the run invalid."""

TICK_S = 0.05
PART = "shakeout_part"
"""The message with what a generator counted in a second."""


class Generator:
    """One process that sends: its plan, its counts, and its reports to the master, which are numbered."""

    def __init__(self, plan: Plan, runner: Runner, worker: int) -> None:
        self.plan = plan
        self.worker = worker
        self.counting = Counting(plan.limits_us, plan.first_token_limits_us)
        self.sender = Sender(plan, self.counting)
        chosen = plan.prefix if plan.turn.holds_sessions and not plan.turn.session else ""
        self.conversations = Conversations(plan.seed, worker, plan.workers, chosen=chosen)
        self.began_s = self.sender.began_s
        self.stopped = False
        self.users = 0
        self.over = False
        self.under_way = Group()
        self._runner = runner
        self._left = plan.turns_of(worker)
        self._sent = self._number = 0
        self._cpu_s, self._reported_s = time.process_time(), time.monotonic()
        self._late_s = 0.0

    def tick(self) -> None:
        """Sleep for a moment, and note how late it woke: who was stopped, or kept from working, is late."""
        began_s = time.monotonic()
        gevent.sleep(TICK_S)
        self._late_s = max(self._late_s, time.monotonic() - began_s - TICK_S)

    def ticket(self) -> int | None:
        """The number of the next turn of a user, over all generators; None where there is no more."""
        over = self.plan.for_s is not None and time.monotonic() - self.began_s >= self.plan.for_s
        if self.stopped or over or (self._left is not None and self._sent >= self._left):
            return None
        self._sent += 1
        return (self._sent - 1) * self.plan.workers + self.worker

    def report(self, *, ended: bool = False) -> None:
        """Send what was counted since the last report."""
        now_s, cpu_s = time.monotonic(), time.process_time()
        took_s = now_s - self._reported_s
        share = (cpu_s - self._cpu_s) / max(took_s, 1e-9)
        second, self.sender.second = self.sender.second, Second()
        part = second.part(
            worker=self.worker,
            number=self._number,
            cpu=round(share, 4),
            took_s=round(took_s, 3),
            late_s=round(self._late_s, 3),
            ended=ended,
        )
        self._late_s = 0.0
        self._number += 1
        self._cpu_s, self._reported_s = cpu_s, now_s
        data = {
            "nonce": self.plan.nonce,
            "part": part.packed(),
            "cells": self.counting.drain().packed(),
            "answers": second.answers,
        }
        self._runner.send_message(PART, {"json": orjson.dumps(data)})

    def dispatch(self, send: Send) -> None:
        """Send each request when it is due, whatever became of those before it, and wait for the last answers."""
        plan = self.plan
        due = arrivals(
            plan.phases,
            plan.seed,
            kind=plan.arrivals,
            worker=self.worker,
            workers=plan.workers,
            most=plan.requests,
        )
        for arrival in due:
            due_s = self.began_s + arrival.due_s
            while not self.stopped and (left_s := due_s - time.monotonic()) > 0:
                gevent.sleep(min(left_s, REPORT_S))
            if self.stopped:
                break
            self.sender.second.due += 1
            if len(self.under_way) >= UNDER_WAY_MAX:
                self.sender.second.dropped += 1
                continue
            self.under_way.spawn(self._hold, send, due_s, arrival.phase, arrival.number)
        self.under_way.join(timeout=ANSWER_S_MAX + 1)

    def _hold(self, send: Send, due_s: float, phase: str, number: int) -> None:
        conversation = self.conversations.take()
        if self.sender.hold(send, conversation, due_s=due_s, phase=phase, number=number):
            self.conversations.give_back(conversation)


class _ShakeoutUser(FastHttpUser):
    """What both kinds have in common: a client that reports what it got, and follows nothing."""

    abstract = True
    network_timeout = ANSWER_S_MAX
    connection_timeout = ANSWER_S_MAX
    max_redirects = 0
    max_retries = 0
    generator: ClassVar[Generator]

    def on_start(self) -> None:
        """Count itself; no redirect is an answer of the service's own."""
        agent: Any = self.client.client
        agent.redirect_response_codes = frozenset()
        self.generator.users += 1

    def on_stop(self) -> None:
        """The last one ends the generator."""
        self.generator.users -= 1
        self.generator.over = not self.generator.users

    def send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Response:
        """Send one request and read its answer; locust's own statistics hear of it, too."""
        began_s = time.monotonic()
        response = self._answer(method, path, body, headers)
        self.environment.events.request.fire(
            request_type=method,
            name=path,
            response_time=(time.monotonic() - began_s) * 1000,
            response_length=len(response.content),
            exception=None if response.status // 100 == OK_CLASS else response.status or response.error,
            context={},
        )
        return response

    def _answer(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Response:
        """The answer, or why there is none; locust's own client takes a body that was cut off for an answer."""
        try:
            with gevent.Timeout(ANSWER_S_MAX):  # locust's own are for each read: a drip would never end
                return self._whole(method, path, body, headers)
        except gevent.Timeout:
            return Response(status=0, error=f"no whole answer within {ANSWER_S_MAX:g} s")

    def _whole(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Response:
        """The answer, however long it takes."""
        streams = self.generator.plan.streams
        agent: Any = self.client.client
        try:
            got = agent.urlopen(f"{self.client.base_url}{path}", method=method, payload=body, headers=headers)
        except FAILURE_EXCEPTIONS as error:
            got = getattr(error, "response", None)  # one of another status than 200 is raised
            if got is None:
                cause = getattr(error, "original", None) or error  # of the last try, of which there is one
                return Response(status=0, error=type(cause).__name__)
        known = {name.lower(): value for name, value in got.headers.items()}
        try:
            content, first_s = _streamed(got) if streams else (bytes(got.content), None)
        except FAILURE_EXCEPTIONS as error:
            return Response(status=0, headers=known, error=f"cut: {type(error).__name__}")
        finally:
            got.release()
        return Response(status=got.status_code, headers=known, content=content, first_s=first_s)


class ArrivalUser(_ShakeoutUser):
    """The one user of a generator that sends what is due: it waits for the clock, and for nobody."""

    concurrency = UNDER_WAY_MAX

    @task
    def run_all(self) -> None:
        """Send all that is due."""
        self.generator.dispatch(self.send)
        raise StopUser


class ConversationUser(_ShakeoutUser):
    """A user who holds one conversation after the other, and waits for each answer: a service that stalls stalls it, too."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._conversation = Conversation()

    @task
    def turn(self) -> None:
        """Hold one turn, if the plan has one left."""
        generator = self.generator
        number = generator.ticket()
        if number is None:
            raise StopUser
        if not self._conversation.left:
            self._conversation = generator.conversations.take()
        generator.sender.second.due += 1
        goes_on = generator.sender.hold(
            self.send, self._conversation, due_s=time.monotonic(), phase=CLOSED, number=number
        )
        if not goes_on:
            self._conversation = Conversation()


def _streamed(got: Any) -> tuple[bytes, float | None]:
    """What a stream says, and when its first byte came: a longer read would wait for all that was asked for."""
    first = got.read(1)
    first_s = time.monotonic() if first else None
    return bytes(first) + bytes(got.read()), first_s
