"""From records to a report: what speaks against a run makes it invalid, whatever its gates say."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from harness.gates import TurnSent
from harness.gates.result import HEADINGS
from harness.history import Contract, LogRecord
from harness.load.evidence import doubts, log_records, report
from harness.load.recorder import Health, Recorded
from harness.verdict import Verdict

CONTRACT = Contract(turn_path="/turn", deadline_s=1.8, statuses=(200,))


def turns(count: int, *, status: int | None = 200) -> tuple[TurnSent, ...]:
    return tuple(
        TurnSent(
            request_id=f"r{number}", endpoint="POST /turn", status=status, started_s=1, ended_s=1.01, turn=1
        )
        for number in range(count)
    )


@pytest.mark.parametrize(("recorded", "reason"), [
    (Recorded(turns=(), health=Health()), "recorded no turn"),
    (Recorded(turns=turns(2), health=None), "did not come to its end"),
    (Recorded(turns=turns(2), health=Health(sent=3)), "3 turns were begun and 2 recorded"),
    (Recorded(turns=turns(2), health=Health(sent=2, strangers=1)), "did not carry the nonce"),
    (Recorded(turns=turns(2), health=Health(sent=2, ticks=100, late=2)), "fell behind"),
    (Recorded(turns=turns(2, status=None), health=Health(sent=2)), "not one turn was answered"),
])  # fmt: skip
def test_a_generator_that_cannot_be_trusted_makes_the_run_invalid(recorded: Recorded, reason: str) -> None:
    """Each flaw of the generator is told and invalidates the run."""
    assert any(reason in doubt for doubt in doubts(recorded))
    judged = report(recorded, None, contract=CONTRACT, seed=0, users=1, replay="again")
    assert judged.verdict is Verdict.INVALID


def test_a_sound_generator_leaves_no_doubt() -> None:
    """Whole records with the odd late tick are trusted."""
    assert not list(doubts(Recorded(turns=turns(2), health=Health(sent=2, ticks=100, late=1))))


def test_the_document_has_the_figures_of_every_gate() -> None:
    """The JSON names schema, verdict, seed, requests, gates and replay, and is JSON even where a figure is endless."""
    mixed = (*turns(3), *turns(1, status=None))
    judged = report(
        Recorded(turns=mixed, health=Health(sent=4)), None, contract=CONTRACT, seed=5, users=2, replay="again"
    )
    document = json.loads(json.dumps(judged.to_json(), allow_nan=False))
    assert {name: document[name] for name in ("schema", "kind", "verdict", "seed", "requests", "replay")} == {
        "schema": 1, "kind": "load", "verdict": "failed", "seed": 5, "requests": 4, "replay": "again",
    }  # fmt: skip
    rate, *_, slowest, _ = document["gates"]
    assert rate["name"] == "error_rate < 0.1%"
    assert (rate["observed"], rate["limit"]) == (0.25, 0.001)
    assert (slowest["verdict"], slowest["observed"]) == ("failed", None)
    assert document["missing"] == 0
    assert judged.gates[2].observed == math.inf


def test_the_rows_are_text_under_their_headings() -> None:
    """Each row has a cell a heading, with the figures in their units."""
    judged = report(
        Recorded(turns=turns(3_000), health=Health(sent=3_000)),
        None,
        contract=CONTRACT,
        seed=0,
        users=2,
        replay="",
    )
    rows = list(judged.rows())
    assert {len(row) for row in rows} == {len(HEADINGS)}
    assert rows[0][:5] == ("error_rate < 0.1%", "passed", "0%", "0.09981%", "0.1%")
    assert rows[1][:5] == ("latency p99 < 2 s", "passed", "0.01 s", "0.01 s", "2 s")
    assert rows[3][:5] == ("status(5xx) == 0", "passed", "0", "0", "0")
    assert judged.verdict is Verdict.PASSED
    assert judged.missing == 0


def test_a_log_is_read_from_where_the_run_began(tmp_path: Path) -> None:
    """Lines from before the run are not judged, and each line knows its source."""
    path = tmp_path / "app.log"
    before = b'{"event":"old"}\n'
    path.write_bytes(before + b'{"event":"new"}\nplain\n')
    found = list(log_records({"app": path}, skipped_bytes=len(before)))
    assert [(record.event, record.source) for record in found] == [("new", "app"), (None, "app")]


def test_a_load_whose_log_is_the_servers_alone_does_not_pass() -> None:
    """Where a completion event is promised and none is logged, no gate on the log passes, and neither does the run."""
    access = LogRecord(source="access", line=1, text="", event="200 OK", fields={"status_code": 200})
    judged = report(
        Recorded(turns=turns(3_000), health=Health(sent=3_000)),
        [access] * 3_000,
        contract=replace(CONTRACT, completion_event="done"),
        seed=0,
        users=1,
        replay="",
    )
    assert judged.verdict is Verdict.INVALID
    passed = {gate.name for gate in judged.gates if gate.verdict is Verdict.PASSED}
    assert passed == {"error_rate < 0.1%", "latency p99 < 2 s", "latency max < 2 s", "status(5xx) == 0"}


def test_only_an_undecided_run_misses_requests() -> None:
    """What is missing is the most that any gate misses; a run that is invalid anyway misses none."""
    few = Recorded(turns=turns(100), health=Health(sent=100))
    judged = report(few, None, contract=CONTRACT, seed=0, users=1, replay="")
    assert (judged.verdict, judged.missing) == (Verdict.UNDECIDED, 2_895)
    assert replace(judged, reasons=("untrusted",)).missing == 0
