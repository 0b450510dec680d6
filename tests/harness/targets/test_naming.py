"""A session is called as it was first answered, and anew where the process that knew it has ended."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.history import Outage, Record
from harness.targets import profile as profiles
from harness.targets.driven import Job, Recorder
from harness.targets.naming import SessionNames

HERE = Path(__file__).parent


def names(*outages: Record, outlive: bool = False, **promised: object) -> SessionNames:
    """Those of a run with the small app, in which these outages were."""
    profile = profiles.load(str(HERE / "profile.toml"))
    profile = replace(profile, contract=replace(profile.contract, sessions_outlive=outlive, **promised))
    recorder = Recorder()
    recorder.records.extend(outages)
    return SessionNames(Job(name="small", arm="", steps=(), faults=(), profile=profile, seed=1), recorder)


def outage(how: str) -> Outage:
    return Outage(at_s=1.0, ended_s=2.0, fault="process.kill", how=how)


@pytest.mark.parametrize(
    ("named", "second", "known"),
    [
        (names(), {}, "s-a"),
        (names(outage("paused")), {}, "s-a"),
        (names(outage("killed"), outlive=True), {}, "s-a"),
        (names(outage("killed")), {}, "s-new"),
        (names(outage("terminated")), {"status": 404, "session_id": None}, None),
        (names(outage("terminated")), {"status": 422, "session_id": None}, None),
        (names(outage("killed"), unknown_session_status=404), {"status": 422, "session_id": None}, "s-a"),
        (names(outage("killed"), unknown_session_status=401), {"status": 401, "session_id": None}, None),
        (names(outage("terminated")), {"status": 503, "session_id": None}, "s-a"),
        (names(), {"status": 404, "session_id": None}, "s-a"),
    ],
)
def test_a_session_keeps_its_name_unless_it_went_with_its_process(made, named, second, known):
    """Its first answer names it; after the process has ended its last answer does, and none where it is not there."""
    assert named.of("a") is None
    named.answered("a", made.turn(1))
    named.answered("a", replace(made.turn(2), **{"session_id": "s-new", **second}))
    assert named.of("a") == known


def test_what_the_next_process_refuses_when_it_knows_the_session_is_not_taken_for_its_end(made):
    """The first turn behind an end may show that the session went; behind a good one 422 is for what the turn says."""
    named = names(outage("killed"))
    named.answered("a", made.turn(1))
    named.answered("a", made.turn(3, session_id="s-new"))
    named.answered("a", made.turn(4, status=422, session_id=None))
    assert named.of("a") == "s-new"


def test_each_end_may_take_a_session_with_it(made):
    """A session that was begun anew behind the first end goes with the second."""
    again = replace(outage("killed"), at_s=3.6, ended_s=3.8)
    named = names(outage("killed"), again)
    named.answered("a", made.turn(3, session_id="s-new"))
    named.answered("a", made.turn(4, status=404, session_id=None))
    assert named.of("a") is None
