"""The host of simulated runs: one process that has the app's modules, and forks a child for every run.

Each run begins from the same memory, whatever was played before it, and pays for no import. The modules are imported
in a run of their own, under the hooks of the simulation, so that a lock which a module makes is a lock of the
simulation; where an import leaves a thread behind, which no fork could take along, every run imports anew instead.
"""

import base64
import contextlib
import ctypes
import gc
import importlib
import json
import os
import pickle
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

from harness.errors import InvalidRun, ShakeoutError, UsageError, first_of, told_by
from harness.history import Deadlocked, History, ordered
from harness.recording import dump
from harness.registry import FAULTS
from harness.scenario import Wait, load
from harness.simulation import (
    Budget,
    BudgetSpent,
    Deadlock,
    Escape,
    Fifo,
    Gate,
    Hold,
    Outcome,
    Pct,
    Policy,
    Replay,
    Simulation,
    Uniform,
    installed,
)
from harness.targets.child import NOT_STARTED, say, told
from harness.targets.code import fingerprint
from harness.targets.control import HOLDS, PLAYED, REFUSED
from harness.targets.driven import POLICIES, Job, Recorder
from harness.targets.driver import Driver
from harness.targets.simulated import SimulatedTarget
from harness.within.output import OUTPUT_GATE
from harness.within.sqlite import StoreGate

MADE: Mapping[str, Callable[[], Policy]] = dict(zip(POLICIES, (Fifo, Uniform, Pct), strict=True))
VIRTUAL_S, STEPS, STEPS_A_SECOND = 86_400.0, 2_000_000, 1_000
"""What a run may take beside the time in which its scenario waits; an incident takes seconds, and thousands of steps."""

NONCE = "simulated"
"""What answers carry inside the process: there is nobody else who could give one."""


def host(descriptor: int, *, app: str, nonce: str, cold: bool) -> int:
    """Play what the harness asks for on the line `descriptor`, until it has gone."""
    os.set_inheritable(descriptor, False)
    # What plays for this process must be gone, and reaped, before it is.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(NOT_STARTED))
    line = socket.socket(fileno=descriptor)
    refusal = ""
    store = StoreGate()
    with installed():
        store.install()  # before the app is imported, which may take `connect` for itself
        OUTPUT_GATE.install(has_file=False)  # or `sys.stdout`
        if not cold:
            warmed = Simulation().run(lambda: _imported(app))
            if isinstance(warmed.error, Escape):
                refusal = str(warmed.error)
            elif warmed.error is not None:
                say(warmed.error)
                return NOT_STARTED
            elif warmed.leaked or warmed.stopped:
                os.set_inheritable(descriptor, True)
                os.execv(sys.executable, [*sys.orig_argv, "--cold"])  # noqa: S606  # this very process, anew
        FAULTS.values()  # imported once: each fork would import them all anew to read its job
        fingerprint(app)  # what is there to be read is read now, and not again in each fork
        gc.freeze()  # what is there now stays: no fork has to look through it, nor to copy its pages for that
        hello = {"nonce": nonce, "pid": os.getpid(), "refusal": refusal}
        # An OSError: nobody listens any more.
        with contextlib.suppress(OSError), line, line.makefile("rb") as asked:
            for question in map(json.loads, asked):
                answer = hello if question["ask"] == "hello" else {"code": _forked(line, question, store)}
                line.sendall(json.dumps({**answer, "number": question["number"]}).encode() + b"\n")
    return 0


async def _imported(app: str) -> None:
    """Import the module of the app; a module that would exit does not start."""
    try:
        importlib.import_module(app.partition(":")[0])
    except SystemExit as error:
        raise UsageError(told(error)) from error


def _forked(line: socket.socket, question: Mapping[str, str], store: StoreGate) -> int:
    """Play a job in a child of this process, and wait for its end, or for the end of the harness; its exit code."""
    host = os.getpid()
    alive, dying = os.pipe()
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _dies_with(host)
        os.close(alive)
        os.close(line.fileno())
        _exit(question, store)
    os.close(dying)
    try:
        while alive not in select.select((line.fileno(), alive), (), ())[0]:
            if not line.recv(1, socket.MSG_PEEK):
                os.kill(child, signal.SIGKILL)
    except SystemExit:
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        _, status = os.waitpid(child, 0)
        os.close(alive)
    return os.waitstatus_to_exitcode(status)


def _dies_with(parent: int) -> None:
    """Have the system end this process when its parent ends, however that ends (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(NOT_STARTED)


def _exit(question: Mapping[str, str], store: StoreGate) -> None:
    """The life of a forked child: play, write what came of it, and end without what the host has to do at its end."""
    code = NOT_STARTED
    try:
        directory = Path(question["directory"])
        for name, descriptor in (("app.log", 1), ("stderr.log", 2)):
            with (directory / name).open("ab") as log:
                os.dup2(log.fileno(), descriptor)
        # Only the parent of the host can have written to the line, so what comes is as trusted as the harness.
        if question["origin"]:
            load(Path(question["origin"]))  # faults and invariants of its own
        job: Job = pickle.loads(base64.b64decode(question["job"]))  # noqa: S301  # see above
        play(job, directory, store)
        code = 0
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(
                OSError, ValueError, AttributeError
            ):  # the app may have closed or replaced it
                stream.flush()
    except BaseException:  # noqa: BLE001  # whatever it is, it ends this process and is told
        traceback.print_exc()
    finally:
        os._exit(code)


def play(job: Job, directory: Path, store: StoreGate) -> None:
    """Play one job in a simulated run of this process, and write what was observed, or why there is nothing."""
    gate = Gate(_policy(job))
    simulation = Simulation(seed=job.seed, policy=gate, budget=_budget(job))
    recorder = Recorder(monotonic=lambda: simulation.now_s)
    stand: list[Driver | SimulatedTarget] = []

    async def main() -> None:
        target = SimulatedTarget(job, recorder, gate, nonce=NONCE, store=store)
        driver = Driver(job, target, recorder, nonce=NONCE)
        stand.extend((target, driver))
        async with target.running():
            await driver.play()

    outcome = simulation.run(main)
    if (reason := _reason(outcome, begun=bool(recorder.records))) is not None:
        (directory / REFUSED).write_text(json.dumps({"kind": told_by(reason), "text": str(reason)}))
        return
    holds = [(one.lane, one.step, one.times) for one in outcome.holds]
    target, driver = stand
    assert isinstance(driver, Driver)
    assert isinstance(target, SimulatedTarget)
    target.witnessed()
    _note_end(outcome, driver, recorder)
    header = job.header(
        "simulated",
        nonce_matched=driver.nonce_matched,
        doubts=tuple(driver.doubts),
        elapsed_s=outcome.virtual_s,
        schedule_hash=outcome.schedule_hash,
        observation_hash=outcome.observation_hash,
        code=fingerprint(job.profile.app, job.profile.environment),
        schedule_fits=job.holds is None or set(job.holds) == set(holds),
    )
    (directory / HOLDS).write_text(json.dumps(holds))
    (directory / PLAYED).write_bytes(dump(History(header=header, records=ordered(recorder.records))))


def _note_end(outcome: Outcome[None], driver: Driver, recorder: Recorder) -> None:
    """Put on record how the run ended: within its budget or not, and which threads will never go on."""
    if isinstance(outcome.stopped, BudgetSpent):
        driver.doubts[str(outcome.stopped)] = None
    found = outcome.stopped if isinstance(outcome.stopped, Deadlock) else outcome.cycle
    if found is not None:
        recorder.records.append(Deadlocked(at_s=found.at_s, report=str(found)))


def _policy(job: Job) -> Policy:
    """Who decides the schedule: the one that is to be played again, else the policy of that name."""
    if job.holds is not None:
        return Replay(Hold(*hold) for hold in job.holds)
    return MADE[job.policy]()


def _budget(job: Job) -> Budget:
    """Room for the scenario's own waiting, in which the clocks of app and harness go on ticking, and for the rest."""
    waited_s = sum(step.for_s for step in job.steps if isinstance(step, Wait))
    return Budget(virtual_s=VIRTUAL_S + waited_s, steps=STEPS + int(STEPS_A_SECOND * waited_s))


def _reason(outcome: Outcome[None], *, begun: bool) -> ShakeoutError | None:
    """Why there is no history to be judged; None where there is one, which a deadlock may have cut short."""
    error = outcome.error
    if isinstance(outcome.stopped, Deadlock):
        first = str(outcome.stopped).splitlines()[0]
        return None if begun else UsageError(f"the app did not start: {first}")
    if outcome.stopped is not None:
        return None if begun else InvalidRun(str(outcome.stopped))
    if isinstance(error, BaseExceptionGroup):
        error = first_of(error) or error
    if error is None or isinstance(error, ShakeoutError):
        return error
    return InvalidRun(f"the run broke off with {type(error).__name__}: {error}")
