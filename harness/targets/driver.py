"""Plays the steps of a scenario against a running target and writes down what happened.

The same driver serves every target: a `Driven` says how to send, probe and restart, and carries the rig.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import assert_never

import orjson

from harness.errors import TargetFailed
from harness.history import IDEMPOTENCY_KEY, Exchange, Probe, Snapshot
from harness.reading import RESTART
from harness.rig import Outgoing
from harness.scenario import CANARY, Disconnect, Parallel, Request, Restart, Step, Turn, Wait
from harness.targets.armed import Armed
from harness.targets.clients import Clients, Words
from harness.targets.driven import Driven, Job, Recorder
from harness.targets.events import EVENT_STREAM, Answered
from harness.targets.exchanging import REQUEST_ID, Exchanges, Said, turn_headers
from harness.targets.links import NotedNetwork
from harness.targets.mistakes import mistaken
from harness.targets.naming import SessionNames
from harness.targets.serving import Gathering

GOLDEN = "__golden"
WARMUP = "__warmup"
POLL_S = 0.05
QUIET_S_MAX = 2.0


class Driver:
    """Plays one job; the provider's calls of its warm-up wait for each other in `gathering`, where it has one.

    `warm` is called when the warm-up is over.
    """

    def __init__(
        self,
        job: Job,
        driven: Driven,
        recorder: Recorder,
        *,
        nonce: str,
        gathering: Gathering | None = None,
        warm: Callable[[], None] = lambda: None,
    ) -> None:
        self._job = job
        self._driven = driven
        self._recorder = recorder
        self._gathering = gathering or Gathering()
        self._warm = warm
        self._exchanges = Exchanges(job, driven, recorder, nonce=nonce)
        self._clients = Clients(self._exchanges, job.profile.turn, seed=job.seed)
        self._headers = turn_headers(job.profile.turn)
        self._sessions = SessionNames(job, recorder)
        self._held: set[str] = set()
        self._words = Words("canary", job.seed)
        self.doubts: dict[str, None] = {}

    @property
    def nonce_matched(self) -> bool:
        """Whether every answer so far was the target's own."""
        return self._exchanges.nonce_matched

    async def play(self) -> None:
        """See that it is healthy, warm up, play the steps under the faults, wait for health, then for quiet, and read what is left."""
        await self._greet()
        await self._warm_up()
        await self._quiet("baseline")
        self._warm()
        with self._driven.playing():
            await self._steps()
        self._recorder.records.append(await self._probe("played"))
        await self._recover()
        await self._quiet("quiet")
        await self._snapshots()

    async def _greet(self) -> None:
        """Wait until the target says of itself that it is healthy; one that is not yet, says 503.

        Raises:
            TargetFailed: it does not, within `start_s_max`.
        """
        profile = self._job.profile
        if profile.health is None:
            return
        until_s = self._recorder.now() + profile.start_s_max
        exchange = await self._request(Request(path=profile.health), step=-1, role="warmup")
        while exchange.status == HTTPStatus.SERVICE_UNAVAILABLE and self._recorder.now() < until_s:
            await self._driven.rig.clock.sleep(POLL_S)
            exchange = await self._request(Request(path=profile.health), step=-1, role="warmup")
        if exchange.status != HTTPStatus.OK:
            raise TargetFailed(
                f"{profile.at('health')}: {profile.name} is not healthy: {exchange}; mend it, or health ="
            )

    async def _warm_up(self) -> None:
        """Hold two turns in as many conversations at once as the steps will: pools are then as large as they get."""
        held: list[asyncio.Task[Exchange]] = []
        for _ in range(2):
            with self._gathering.of(self._job.width):
                async with asyncio.TaskGroup() as group:
                    for number in range(self._job.width):
                        turn = Turn(session=f"{WARMUP}{number}")
                        held.append(group.create_task(self._turn(turn, step=-1, role="warmup")))
        wrong = [mistaken(one.result(), self._job.profile) for one in held]
        if wrong[0] is not None and all(wrong):
            self.doubts[wrong[0]] = None

    async def _steps(self) -> None:
        """Play the steps in order, arming and healing the faults at the edges of their windows."""
        last = len(self._job.steps) - 1
        noted = NotedNetwork(self._driven.rig.network, self._recorder)
        rig = replace(self._driven.rig, client=self._clients, network=noted)
        async with Armed(self._job.faults, rig, last) as armed:
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
                await self._request(step, step=index, role="request")
            case Disconnect():
                turn = Turn(session=step.session, message=step.message)
                await self._turn(turn, step=index, role="turn", leave_after_s=step.after_s)
            case Wait():
                await self._driven.rig.clock.sleep(step.for_s)
            case Restart():
                # What the process knows of itself ends with it.
                self._recorder.records.append(await self._probe(RESTART))
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
        """Hold one turn, with its retries."""
        canary = self._words.new() if CANARY in turn.message else None
        session_id = self._sessions.of(turn.session)
        message = turn.message.replace(CANARY, canary or "")
        said = Said(session=turn.session, session_id=session_id, message=message, canary=canary)
        for _ in range(turn.retries + 1):
            outgoing = self._outgoing(turn, said, session_id)
            if role == "turn":
                self._held.add(turn.session)
                exchange = await self._clients.turn(
                    outgoing, said, step=step, session_id=session_id, leave_after_s=leave_after_s
                )
            else:
                sent = await self._exchanges.sent(outgoing)
                exchange = self._exchanges.noted(sent, step=step, role=role, said=said)
        self._sessions.answered(turn.session, exchange)
        return exchange

    def _outgoing(self, turn: Turn, said: Said, session_id: str | None) -> Outgoing:
        """The request of a turn, under an id of its own."""
        template = self._job.profile.turn
        stream = template.stream == "always" or (template.stream == "asked" and turn.stream)
        headers = {REQUEST_ID: self._exchanges.next_id(), "content-type": "application/json"}
        headers |= {"accept": EVENT_STREAM} if stream else {}
        headers |= {IDEMPOTENCY_KEY: turn.idempotency_key} if turn.idempotency_key else {}
        return Outgoing(
            method=template.method,
            path=template.path,
            headers=headers | self._headers,
            body=orjson.dumps(template.render(said.message or "", session_id, stream=stream)),
        )

    async def _request(self, request: Request, *, step: int, role: str) -> Exchange:
        """Send one request that holds no turn."""
        headers = {REQUEST_ID: self._exchanges.next_id(), **request.headers}
        body = request.raw if request.raw is not None else b""
        if request.body is not None:
            body = orjson.dumps(request.body)
            headers.setdefault("content-type", "application/json")
        outgoing = Outgoing(method=request.method, path=request.path, headers=headers, body=body)
        return self._exchanges.noted(await self._exchanges.sent(outgoing), step=step, role=role)

    async def _recover(self) -> None:
        """Hold golden turns until enough are answered as promised; only after a fault is there time to recover.

        After a fault the sessions of the steps are asked too: what was left behind in one is no other's to see.
        """
        contract = self._job.profile.contract
        until_s = self._recorder.now() + (contract.recovery_s_max if self._job.faults else 0.0)
        left = [GOLDEN] * self._job.golden_turns
        left += [label for label in sorted(self._held) if self._job.faults and label in self._sessions]
        while left:
            exchange = await self._turn(Turn(session=left[0]), step=len(self._job.steps), role="golden")
            method = exchange.body.get("method") if isinstance(exchange.body, dict) else None
            if exchange.status == HTTPStatus.OK and method == (contract.primary_method or method):
                del left[0]
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
                self._recorder.records.append(await self._counted(await self._collected(probe, base)))
                return
            before = probe
            await self._driven.rig.clock.sleep(POLL_S)

    async def _collected(self, probe: Probe, base: Probe | None) -> Probe:
        """The probe, without the descriptors that only garbage holds open, where there are more than at the baseline."""
        if base is None or probe.descriptors <= base.descriptors:
            return probe
        await self._driven.objects()
        await self._driven.rig.clock.sleep(POLL_S)
        after = await self._probe(probe.phase)
        if after.descriptors >= probe.descriptors:
            return probe
        names = {**probe.names, "descriptors": after.names.get("descriptors", [])}
        return replace(probe, descriptors=after.descriptors, names=names)

    async def _counted(self, probe: Probe) -> Probe:
        """The probe with the number of objects, where the job counts them; that the loop stood still for it, nobody is told."""
        if not self._job.counts_objects:
            return probe
        objects = await self._driven.objects()
        await self._driven.rig.clock.sleep(POLL_S)
        await self._driven.probe()
        return replace(probe, objects=objects)

    async def _probe(self, phase: str) -> Probe:
        """Read the target's own process now."""
        said = await self._driven.probe()
        named = {kind: list(names) for kind, names in said.get("names", {}).items()}
        counts = {
            name: int(value) for name, value in said.items() if name not in ("loop_lag_ms_max", "names")
        }
        lag_ms = float(said["loop_lag_ms_max"])
        return Probe(at_s=self._recorder.now(), phase=phase, loop_lag_ms_max=lag_ms, names=named, **counts)

    async def _snapshots(self) -> None:
        """Read the sessions and the metrics as they are now."""
        template = self._job.profile.turn
        if template.state:
            for label, session in sorted(self._sessions.items()):
                path = template.state.replace("{session}", session)
                await self._snapshot(f"session:{label}", path, self._headers)
        await self._metrics()

    async def _metrics(self) -> None:
        """Read the metrics, where the target has them."""
        if self._job.profile.metrics:
            await self._snapshot("metrics", self._job.profile.metrics, {})

    async def _snapshot(self, name: str, path: str, headers: Mapping[str, str]) -> None:
        """Read one path."""
        headers = {REQUEST_ID: self._exchanges.next_id(), **headers}
        incoming = await self._driven.send(Outgoing(method="GET", path=path, headers=headers))
        self._recorder.records.append(
            Snapshot(
                at_s=self._recorder.now(),
                name=name,
                status=incoming.status,
                data=Answered.of(incoming).body,
                request_id=headers[REQUEST_ID],
            )
        )


def _counts(probe: Probe) -> tuple[int, int, int, int]:
    """What must be back where it was."""
    return (probe.tasks, probe.threads, probe.descriptors, probe.provider_in_flight)
