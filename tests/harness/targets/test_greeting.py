"""A target that is not healthy yet is waited for, as long as its profile says."""

from collections.abc import Callable

import pytest
from client_bench import NONCE, Bench, answer

from harness.errors import TargetFailed
from harness.history import Contract
from harness.rig import Incoming, Outgoing
from harness.scenario import Turn
from harness.targets.driven import Job, Ticker
from harness.targets.driver import Driver
from harness.targets.profile import Profile
from harness.targets.template import TurnTemplate


class Waking(Bench):
    """Says these statuses at its health, the last of them for ever."""

    def __init__(self, *statuses: int) -> None:
        super().__init__()
        self.statuses = list(statuses)
        self.asked = 0

    async def send(self, outgoing: Outgoing, *, leave_after_s: float | None = None) -> Incoming:
        if outgoing.path != "/health":
            return await super().send(outgoing, leave_after_s=leave_after_s)
        self.asked += 1
        return answer({}, status=self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0])


async def greeted(bench: Waking, warm: Callable[[], None] = lambda: None) -> None:
    """Hold a turn with it."""
    profile = Profile(
        name="bench",
        turn=TurnTemplate(path="/turn", body={"message": "{message}"}, session=""),
        contract=Contract(turn_path="/turn", deadline_s=1.0, statuses=(200,)),
        origin="bench",
        app="bench:app",
        health="/health",
        start_s_max=2.0,
    )
    job = Job(name="bench", arm="control", steps=(Turn(),), faults=(), profile=profile, seed=1)
    await Driver(job, bench, bench.recorder, nonce=NONCE, warm=warm).play()


async def test_a_target_that_is_not_healthy_yet_is_waited_for() -> None:
    """While it says 503 it is asked again, and it is held the turn when it says 200."""
    bench = Waking(503, 503, 503, 200)
    await greeted(bench)
    assert bench.asked == 4
    assert bench.exchanges("turn")


async def test_it_is_told_once_when_it_is_warm_and_what_was_late_before_is_forgotten() -> None:
    """All of the warm-up is behind it then, and none of the steps; the ticker counts from there on."""
    bench = Waking(200)
    ticker = Ticker(bench.clock)
    ticker.late_ms_max = 90.0
    held: list[tuple[bool, bool]] = []

    def warm() -> None:
        held.append((bool(bench.exchanges("warmup")), bool(bench.exchanges("turn"))))
        ticker.begin()

    await greeted(bench, warm)
    assert (held, ticker.late_ms_max) == ([(True, False)], 0.0)


@pytest.mark.parametrize(("status", "waited"), [(503, True), (404, False), (500, False)])
async def test_a_target_that_does_not_get_healthy_is_refused(status: int, waited: bool) -> None:
    """After `start_s_max` seconds of 503, and with any other status at once, it is said that it is not healthy."""
    bench = Waking(status)
    with pytest.raises(TargetFailed, match=f"is not healthy: GET /health -> {status}"):
        await greeted(bench)
    assert (bench.clock.now >= 2.0) == waited
    assert (bench.asked > 1) == waited
    assert not bench.exchanges("turn")
