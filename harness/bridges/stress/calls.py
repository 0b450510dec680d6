"""The kinds of calls that stress is mixed of: each makes one call and judges its own answer."""

import asyncio
import concurrent.futures
import os
import signal
import time
from collections.abc import Callable
from typing import Any, NoReturn

from harness.bridges.adapter import Option, Token
from harness.bridges.stress.site import Case, Site, Wrong, kind

SHORT_S = 0.0005
"""A timeout that ends while the coroutine waits."""
AMPLE_S = 60.0
"""A timeout that no call of this mix needs."""
_FORKED_CALL_S = 5
"""A forked process that has not answered by then is ended by its own alarm."""


class Own(BaseException):
    """A BaseException that no library knows."""


async def _answer(case: Case, suspensions: int = 0) -> Case:
    case.ran += 1
    for _ in range(suspensions):
        await asyncio.sleep(0)
    return case


async def _raise(case: Case, error: BaseException, suspensions: int) -> NoReturn:
    case.ran += 1
    for _ in range(suspensions):
        await asyncio.sleep(0)
    raise error


async def _wait(site: Site, case: Case, seconds: float, began: Callable[[], None] | None = None) -> Case:
    """Wait, and tell by `unfinished` whether the `finally` of this coroutine has run."""
    case.ran += 1
    site.unfinished.add(case)
    try:
        if began is not None:
            began()
        await asyncio.sleep(seconds)
        return case
    finally:
        site.unfinished.discard(case)


def _expect(case: Case, answer: Any) -> None:
    if answer is not case:
        raise Wrong(f"answered {answer!r}, not its own value")
    if case.ran != 1:
        raise Wrong(f"its coroutine ran {case.ran} times")


def _error_of(
    site: Site, case: Case, function: Callable[..., Any], *args: Any, **options: Any
) -> BaseException:
    """What the call raised; a value is wrong."""
    try:
        answer = site.adapter.run(function, *args, **options)
    except BaseException as error:  # noqa: BLE001  # whatever it is, it is the answer and is judged
        return error
    raise Wrong(f"answered {answer!r} where it had to raise, its coroutine ran {case.ran} times")


def _expect_cancelled(error: BaseException) -> None:
    """Bridges name their own error; that it is one of cancellation can only be read from its name."""
    if isinstance(error, asyncio.CancelledError | concurrent.futures.CancelledError):
        return
    if "cancel" not in type(error).__name__.lower():
        raise Wrong(f"was cancelled and raised {error!r}") from error


@kind(5000)
def plain(site: Site) -> None:
    """A coroutine that does not suspend."""
    case = Case()
    _expect(case, site.adapter.run(_answer, case))


@kind(2000)
def suspending(site: Site) -> None:
    """A coroutine that suspends twice."""
    case = Case()
    _expect(case, site.adapter.run(_answer, case, 2))


@kind(600)
def raising(site: Site) -> None:
    """An exception, after a suspension: the same object."""
    _raised(site, ValueError("of this call"), 1)


@kind(300)
def raising_base(site: Site) -> None:
    """A BaseException that no library knows, in the first step: the same object."""
    _raised(site, Own("of this call"), 0)


def _raised(site: Site, error: BaseException, suspensions: int) -> None:
    case = Case()
    got = _error_of(site, case, _raise, case, error, suspensions)
    if got is not error or case.ran != 1:
        raise Wrong(f"raised {got!r}, not its own error; its coroutine ran {case.ran} times") from got


@kind(300, nests=True)
def nested(site: Site) -> None:
    """A coroutine that enters a worker thread, which calls again."""
    case = Case()

    async def outer() -> Any:
        return await site.enter_worker(lambda: site.adapter.run(_answer, case, 1))

    _expect(case, site.adapter.run(outer))


@kind(200)
def left_behind(site: Site) -> None:
    """A task that outlives the call: its `finally` runs without it."""
    case, later = Case(), Case()

    async def body() -> Case:
        task = asyncio.ensure_future(_leave(site, later))
        site.tasks.add(task)
        task.add_done_callback(site.tasks.discard)
        return await _answer(case)

    _expect(case, site.adapter.run(body))


async def _leave(site: Site, case: Case) -> None:
    await _wait(site, case, SHORT_S)


@kind(800, Option.TIMEOUT)
def in_time(site: Site) -> None:
    """A timeout that is not needed."""
    case = Case()
    _expect(case, site.adapter.run(_answer, case, 1, timeout=AMPLE_S))


@kind(100, Option.TIMEOUT)
def out_of_time(site: Site) -> None:
    """A timeout that ends the call; the coroutine's `finally` runs."""
    case = Case()
    error = _error_of(site, case, _wait, site, case, AMPLE_S, timeout=SHORT_S)
    if not isinstance(error, TimeoutError):
        raise Wrong(f"was out of time and raised {error!r}") from error


@kind(100, Option.TIMEOUT)
def just_in_time(site: Site) -> None:
    """A timeout that races with the end of the coroutine: the value, or a TimeoutError, and nothing else."""
    _value_or_timeout(site, _wait, site)


@kind(10, Option.TIMEOUT)
def blocking(site: Site) -> None:
    """A coroutine that blocks its thread beyond the timeout: a TimeoutError, or its value where it runs in this thread."""

    async def body(case: Case, seconds: float) -> Case:
        _block(4 * seconds)
        return await _answer(case)

    _value_or_timeout(site, body)


def _block(seconds: float) -> None:
    time.sleep(seconds)  # to block its thread is what this call is for


def _value_or_timeout(site: Site, function: Callable[..., Any], *before: Any) -> None:
    case = Case()
    try:
        answer = site.adapter.run(function, *before, case, SHORT_S, timeout=SHORT_S)
    except TimeoutError:
        return
    _expect(case, answer)


@kind(100, Option.CANCEL)
def cancelled(site: Site) -> None:
    """A token that another thread cancels once the coroutine waits."""
    case, token = Case(), site.adapter.token()
    began = _handing_over(site, token)
    _expect_cancelled(_error_of(site, case, _wait, site, case, AMPLE_S, began, cancel=token))


@kind(100, Option.CANCEL)
def cancelled_before(site: Site) -> None:
    """A token that was cancelled before the call: the coroutine never runs."""
    case, token = Case(), site.adapter.token()
    token.cancel()
    _expect_cancelled(_error_of(site, case, _answer, case, cancel=token))
    if case.ran:
        raise Wrong("was cancelled before it began, and ran")


@kind(100, Option.CANCEL)
def cancelled_just_in_time(site: Site) -> None:
    """A token that races with the end of the coroutine: the value, or an error of cancellation."""
    case, token = Case(), site.adapter.token()
    try:
        answer = site.adapter.run(_wait, site, case, 0, _handing_over(site, token), cancel=token)
    except BaseException as error:  # noqa: BLE001  # whatever it is, it is the answer and is judged
        _expect_cancelled(error)
    else:
        _expect(case, answer)


def _handing_over(site: Site, token: Token) -> Callable[[], None]:
    return lambda: site.tokens.put(token)


@kind(1, forks=True)
def forking(site: Site) -> None:
    """A process that is forked while other threads call: a call in it answers."""
    process = os.fork()
    if process == 0:
        _answer_in_the_fork(site)
    _, status = os.waitpid(process, 0)
    if status:
        raise Wrong(f"in a forked process: {_FORKED.get(os.waitstatus_to_exitcode(status), status)}")
    plain(site)


_FORKED = {1: "another answer, or an error", -signal.SIGALRM: f"no answer in {_FORKED_CALL_S} s"}


def _answer_in_the_fork(site: Site) -> NoReturn:
    """Call once and end, whatever comes: nothing of the parent's may run here."""
    signal.alarm(_FORKED_CALL_S)
    try:
        plain(site)
    except BaseException:  # noqa: BLE001  # the exit code tells the parent
        os._exit(1)
    os._exit(0)


KINDS = (
    plain,
    suspending,
    raising,
    raising_base,
    nested,
    left_behind,
    in_time,
    out_of_time,
    just_in_time,
    blocking,
    cancelled,
    cancelled_before,
    cancelled_just_in_time,
    forking,
)
