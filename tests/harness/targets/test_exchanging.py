"""What is on record of a turn: the session that its answer names, or else the one that was asked."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from harness.rig import Incoming, Outgoing
from harness.targets import profile as profiles
from harness.targets.driven import Driven, Job, Recorder
from harness.targets.exchanging import Exchanges, Said, Sent

PROFILE = profiles.load(str(Path(__file__).parent / "profile.toml"))
CHOSEN = replace(PROFILE, turn=replace(PROFILE.turn, session=""))
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("profile", "answer", "session_id"),
    [
        (PROFILE, Incoming(status=200, headers=JSON, body=b'{"session_id": "s-2"}'), "s-2"),
        (PROFILE, Incoming(status=200, headers=JSON, body=b"{}"), "s-1"),
        (PROFILE, Incoming(status=200, headers=JSON, body=b"{}", error="ReadError"), None),
        (PROFILE, Incoming(status=422, headers=JSON, body=b"{}"), None),
        (CHOSEN, Incoming(status=200, headers=JSON, body=b"{}"), None),
    ],
)
def test_a_good_answer_that_names_no_session_is_of_the_one_that_was_asked(
    profile: Any, answer: Incoming, session_id: str | None
) -> None:
    """A service may name a session in its first answer alone; a bad answer is nobody's, nor one where the client names it."""
    job = Job(name="small", arm="", steps=(), faults=(), profile=profile, seed=1)
    exchanges = Exchanges(job, cast("Driven", None), Recorder(), nonce="")
    asked = Outgoing(method="POST", path="/turn", headers={"x-request-id": "r-1"}, body=b"{}")
    said = Said(session="a", session_id="s-1", message="hello")
    exchange = exchanges.noted(Sent(asked, answer, 1.0, 2.0), step=0, role="turn", said=said)
    assert exchange.session_id == session_id
