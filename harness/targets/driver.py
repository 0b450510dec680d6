"""Plays the steps of a scenario against a running target and writes down what happened.

The same driver serves every target: a `Driven` says how to send, probe and restart, and carries the rig.
"""

import asyncio
import random
from http import HTTPStatus
from typing import Any, assert_never

import orjson

from harness.errors import TargetFailed
from harness.history import Exchange, Probe, Snapshot
from harness.rig import Outgoing
from harness.scenario import CANARY, Disconnect, Parallel, Request, Restart, Step, Turn, Wait
from harness.targets.armed import Armed
from harness.targets.driven import Driven, Job, Recorder
from harness.targets.witness import NONCE_HEADER

GOLDEN = "__golden"
WARMUP = "__warmup"
POLL_S = 0.05
QUIET_S_MAX = 2.0
CAPITALS = "BCDFGHJKLMNPQRSTVWXZ"


class Driver:
    """Plays one job."""

    def __init__(self, job: Job, driven: Driven, recorder: Recorder, *, nonce: str) -> None:
        self._job = job
        self._driven = driven
        self._recorder = recorder
        self._nonce = nonce
        self._sessions: dict[str, str] = {}
        self._sent = 0
        self._words = random.Random(f"canary-{job.seed}")
        self.nonce_matched = True
        self.doubts: dict[str, None] = {}

    async def play(self) -> None:
        """See that it is healthy, warm up, play the steps under the faults, wait for health, then for quiet, and read what is left."""
        await self._greet()
        await self._warm_up()
        await self._quiet("baseline")
        with self._driven.playing():
            await self._steps()
        self._recorder.records.append(await self._probe("played"))
        await self._recover()
        await self._quiet("quiet")
        await self._snapshots()

    async def _greet(self) -> None:
        """See that the target says of itself that it is healthy.

        Raises:
            TargetFailed: it does not.
        """
        profile = self._job.profile
        if profile.health is None:
            return
        exchange = await self._exchange(Request(path=profile.health), step=-1, role="warmup")
        if exchange.status != HTTPStatus.OK:
            raise TargetFailed(
                f"{profile.name} is not healthy: {exchange}; mend it, or health = of the profile"
            )

    async def _warm_up(self) -> None:
        """Hold two turns in as many conversations at once as the steps will: pools are then as large as they get."""
        width = max([2, *(len(step.steps) for step in self._job.steps if isinstance(step, Parallel))])
        for _ in range(2):
            async with asyncio.TaskGroup() as group:
                for number in range(width):
                    turn = Turn(session=f"{WARMUP}{number}")
                    group.create_task(self._turn(turn, step=-1, role="warmup"))

    async def _steps(self) -> None:
        """Play the steps in order, arming and healing the faults at the edges of their windows."""
        last = len(self._job.steps) - 1
        async with Armed(self._job.faults, self._driven.rig, last) as armed:
            for index, step in enumerate(self._job.steps):
                await armed.before(index)
                await self._step(step, index)
                await armed.after(index)

    async def _step(self, step: Step, index: int) -> None:
        """Play one step."""
        match step:
            case Turn():
                await self._turn(step, step=index, role="turn")
            case Request():
                await self._exchange(step, step=index, role="request")
            case Disconnect():
                turn = Turn(session=step.session, message=step.message)
                await self._turn(turn, step=index, role="turn", leave_after_s=step.after_s)
            case Wait():
                await self._driven.rig.clock.sleep(step.for_s)
            case Restart():
                # What the process knows of itself ends with it.
                self._recorder.records.append(await self._probe("restart"))
                await self._metrics()
                await self._driven.restart(kill=step.kill)
            case Parallel():
                async with asyncio.TaskGroup() as group:
                    for inner in step.steps:
                        group.create_task(self._step(inner, index))
            case _:
                assert_never(step)

    async def _turn(
        self, turn: Turn, *, step: int, role: str, leave_after_s: float | None = None
    ) -> Exchange:
        """Hold one turn, with its retries; the first answer of a session names it."""
        template = self._job.profile.turn
        canary = self._canary() if CANARY in turn.message else None
        message = turn.message.replace(CANARY, canary or "")
        body = template.render(message, self._sessions.get(turn.session))
        headers = {"idempotency-key": turn.idempotency_key} if turn.idempotency_key else {}
        for _ in range(turn.retries + 1):
            exchange = await self._exchange(
                Request(method=template.method, path=template.path, body=body, headers=headers),
                step=step,
                role=role,
                session=turn.session,
                message=message,
                canary=canary,
                leave_after_s=leave_after_s,
            )
        if exchange.session_id is not None:
            self._sessions.setdefault(turn.session, exchange.session_id)
        elif exchange.status == HTTPStatus.OK and template.holds_sessions:
            self.doubts[
                f"no session at {template.session} of an answer; mend [turn] session of the profile"
            ] = None
        return exchange

    async def _exchange(
        self, request: Request, *, step: int, role: str, leave_after_s: float | None = None, **known: Any
    ) -> Exchange:
        """Send one request under an id of its own, hold its answer to the nonce, and record both."""
        headers = {"x-request-id": self._next_id(), **request.headers}
        body = request.raw if request.raw is not None else b""
        if request.body is not None:
            body = orjson.dumps(request.body)
            headers.setdefault("content-type", "application/json")
        began_s = self._recorder.now()
        outgoing = Outgoing(method=request.method, path=request.path, headers=headers, body=body)
        incoming = await self._driven.send(outgoing, leave_after_s=leave_after_s)
        if incoming.status is not None and incoming.headers.get(NONCE_HEADER) != self._nonce:
            self.nonce_matched = False
        answered = _parsed(incoming.body)
        session_id = _pointed(answered, self._job.profile.turn.session) if "message" in known else None
        exchange = Exchange(
            at_s=began_s,
            ended_s=self._recorder.now(),
            step=step,
            role=role,
            method=request.method,
            path=request.path,
            request_id=headers["x-request-id"],
            request=request.body,
            request_headers=dict(request.headers),
            status=incoming.status,
            headers=incoming.headers,
            body=answered,
            session_id=None if session_id is None else str(session_id),
            error=incoming.error,
            left=leave_after_s is not None and incoming.status is None,
            **known,
        )
        self._recorder.records.append(exchange)
        return exchange

    def _canary(self) -> str:
        """A word that exists once in the run and in no dictionary."""
        return "".join(self._words.choices(CAPITALS, k=12))

    async def _recover(self) -> None:
        """Hold golden turns until enough are answered as promised; only after a fault is there time to recover."""
        contract = self._job.profile.contract
        until_s = self._recorder.now() + (contract.recovery_s_max if self._job.faults else 0.0)
        answered = 0
        while answered < self._job.golden_turns:
            exchange = await self._turn(Turn(session=GOLDEN), step=len(self._job.steps), role="golden")
            method = exchange.body.get("method") if isinstance(exchange.body, dict) else None
            if exchange.status == HTTPStatus.OK and method == (contract.primary_method or method):
                answered += 1
            elif self._recorder.now() >= until_s:
                return
            else:
                await self._driven.rig.clock.sleep(POLL_S * 2)

    async def _quiet(self, phase: str) -> None:
        """Poll until tasks, threads and descriptors stand still and, after the baseline, no task or call is left."""
        base = next(
            (r for r in self._recorder.records if isinstance(r, Probe) and r.phase == "baseline"), None
        )
        until = self._recorder.now() + QUIET_S_MAX
        before: Probe | None = None
        while True:
            probe = await self._probe(phase)
            still = before is not None and _counts(before) == _counts(probe)
            back = base is None or (probe.tasks <= base.tasks and probe.provider_in_flight == 0)
            if (still and back) or self._recorder.now() >= until:
                self._recorder.records.append(probe)
                return
            before = probe
            await self._driven.rig.clock.sleep(POLL_S)

    async def _probe(self, phase: str) -> Probe:
        """Read the target's own process now."""
        said = await self._driven.probe()
        counts = {name: int(value) for name, value in said.items() if name != "loop_lag_ms_max"}
        lag_ms = float(said["loop_lag_ms_max"])
        return Probe(at_s=self._recorder.now(), phase=phase, loop_lag_ms_max=lag_ms, **counts)

    async def _snapshots(self) -> None:
        """Read the sessions and the metrics as they are now."""
        template = self._job.profile.turn
        if template.state:
            for label, session in sorted(self._sessions.items()):
                await self._snapshot(f"session:{label}", template.state.replace("{session}", session))
        await self._metrics()

    async def _metrics(self) -> None:
        """Read the metrics, where the target has them."""
        if self._job.profile.metrics:
            await self._snapshot("metrics", self._job.profile.metrics)

    async def _snapshot(self, name: str, path: str) -> None:
        """Read one path."""
        request_id = self._next_id()
        incoming = await self._driven.send(
            Outgoing(method="GET", path=path, headers={"x-request-id": request_id})
        )
        self._recorder.records.append(
            Snapshot(
                at_s=self._recorder.now(),
                name=name,
                status=incoming.status,
                data=_parsed(incoming.body),
                request_id=request_id,
            )
        )

    def _next_id(self) -> str:
        """An id that no other request of the run has."""
        self._sent += 1
        return f"run-{self._job.seed}-{self._sent:05d}"


def _counts(probe: Probe) -> tuple[int, int, int, int]:
    """What must be back where it was."""
    return (probe.tasks, probe.threads, probe.descriptors, probe.provider_in_flight)


def _parsed(body: bytes) -> Any:
    """JSON where it is JSON, else text."""
    try:
        return orjson.loads(body) if body else None
    except orjson.JSONDecodeError:
        return body.decode(errors="replace")


def _pointed(body: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) of object keys points at, or None."""
    for key in pointer.strip("/").split("/"):
        body = body.get(key) if isinstance(body, dict) else None
    return body
